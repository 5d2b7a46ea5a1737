"""What a restore refuses, by request, by message and by its dry run, and that nothing is made then."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.clock import from_text
from tests.copies.deletions.kit import TARGET, VM, Start, copy_of, deleted
from tests.copies.policies.kit import Json, Story, World, run_story
from tests.copies.restores.kit import ISOLATED, RECOVERY, SUBNET, WEB, drill, ended, of_disks, request, resources
from tests.copies.restores.kit import start as ask
from tests.support.api import Reply

pytestmark = pytest.mark.process
WEST = SUBNET.replace("northeurope", "westeurope")


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Runs a story before the sample estate with a further machine of contoso's."""

    def run(story: Story) -> None:
        run_story(story, tmp_path, machines=1)

    return run


def change(world: World, **members: Any) -> None:
    """Replace members of the estate by what a function makes of each."""
    estate = world.app.platform.estate()
    for member, changed in members.items():
        estate[member] = [changed(one) for one in estate.get(member, [])]
    world.app.platform.replace_estate(estate)


def refused(answer: Reply) -> tuple[int, str, str]:
    """Return status, code and target of a refusal."""
    return answer.status, answer.code, answer.body["error"]["target"]


def test_what_fields_refuse_in_each_others_presence_is_named_by_its_path(start: Start) -> None:
    async def story(world: World) -> None:
        copy = {"id": "a" * 26}
        one = request([copy])["machines"][0]
        found = {
            "network": of_disks([copy], network={"subnetId": SUBNET}),
            "at": request([copy], at="2026-01-01T00:00:00Z"),
            "keepFor": request([copy], keepFor="PT1H"),
            "acceptConnectedNetwork": request([copy], acceptConnectedNetwork=True),
            "reason": request([copy], reason=None),
            "machines[0].group": of_disks([copy], machines=[{**one, "group": 2}]),
            "machines[0].zone": request([copy], machines=[{**one, "zone": "1", "availabilitySetId": _set()}]),
            "machines[1].name": request([copy], machines=[{**one, "name": "a"}, {**one, "name": "A"}]),
            "machines[0].disks.only": request([copy], machines=[{**one, "disks": {"only": [1]}}]),
            "machines[0].disks.sku": of_disks([copy], machines=[{**one, "disks": {"only": [1], "sku": "UltraSSD_LRS"}}]),
            "machines[0].source": request([copy], machines=[{"source": {}}]),
            "machines[0].source.region": request([copy], machines=[{"source": {"virtualMachineId": VM}}]),
            "machines[0].name": request([copy], machines=[{**one, "name": "-no-"}]),
            "keepFor.": request([copy], keepFor="P8D", drill=True),
        }
        for path, body in found.items():
            answer = await ask(world, body)
            assert refused(answer) == (400, "InvalidRequest", path.removesuffix(".")), answer
        assert world.effects() == []

    start(story)


def _set() -> str:
    return f"{RECOVERY}/providers/Microsoft.Compute/availabilitySets/a"


def test_a_half_copied_copy_is_refused_with_each_disk_also_by_the_first_step(start: Start) -> None:
    async def story(world: World) -> None:
        answer = await world.call("POST", "/restore-point-copies", {"source": {"virtualMachineId": WEB}, "target": TARGET})
        copy: Json = {}
        for _ in range(40):
            await world.advance(minutes=3)
            copy = await world.get(f"/restore-point-copies/{answer.body['id']}")
            if copy["step"] == "copying" and any(disk["state"] == "Succeeded" for disk in copy["disks"]):
                break
        late = [disk["id"] for disk in copy["disks"] if disk["state"] != "Succeeded"]
        assert late
        refusal = await ask(world, of_disks([copy]))
        assert refused(refusal) == (409, "CopyNotUsable", "machines[0].source"), refusal
        assert {one["target"].lower() for one in refusal.body["error"]["details"]} == {one.lower() for one in late}
        world.fault("timeout", method="GET", path="restorePoints", duration="PT30S")
        accepted = await ask(world, of_disks([copy]))
        assert accepted.status == 202, accepted
        restore = await ended(world, accepted.body)
        assert (restore["status"], restore["error"]["code"]) == ("Failed", "CopyNotUsable"), restore
        assert not [one for one in world.effects() if "/disks/" in str(one["path"])]

    start(story)


def test_each_check_has_its_refusal_and_the_dry_run_shows_it(start: Start) -> None:
    async def story(world: World) -> None:
        copy, before = await copy_of(world, VM), resources(world)
        peered = lambda one: one | ({"peerings": [{"name": "p", "remote": WEST.partition("/subnets")[0]}]} if "drill-" in one["id"] else {})  # noqa: E731
        change(world, virtualNetworks=peered)
        one = request([copy])["machines"][0]
        found: dict[tuple[int, str, str], Json] = {
            (400, "InvalidRequest", "network.subnetId"): request([copy], network={"subnetId": WEST}),
            (404, "NotFound", "network.subnetId"): request([copy], network={"subnetId": f"{SUBNET}s"}),
            (409, "NetworkNotIsolated", "network.subnetId"): drill([copy]),
            (409, "SizeNotAvailable", "machines[0].size"): request([copy], machines=[{**one, "size": "Standard_X1"}]),
            (400, "InvalidRequest", "resourceGroup"): request([copy], resourceGroup="not-there"),
            (400, "InvalidRequest", "machines[0].disks.only"): of_disks([copy], machines=[{**one, "disks": {"only": [9]}}]),
            (404, "NotFound", "machines[0].source"): request([{"id": "b" * 26}]),
        }
        for (status, code, target), body in found.items():
            answer = await ask(world, body)
            assert refused(answer) == (status, code, target), answer
            if status != 404 or target != "machines[0].source":
                plan = await world.call("POST", "/restores?dryRun=true", body)
                assert plan.status == 200, plan
                assert ("failure", target) in {(check["result"], check["target"]) for check in plan.body["checks"]}
        accepted = await world.call("POST", "/restores?dryRun=true", drill([copy], acceptConnectedNetwork=True))
        assert {check["result"] for check in accepted.body["checks"]} == {"pass", "warning"}
        assert len(accepted.body["machines"][0]["resources"]) == 3
        assert resources(world) == before
        assert (await world.get("/restores"))["value"] == []

    start(story)


def test_a_name_that_is_taken_and_a_copy_that_is_at_work_are_refused(start: Start) -> None:
    async def story(world: World) -> None:
        copy = await copy_of(world, VM)
        one = request([copy])["machines"][0]
        first = await ask(world, request([copy], machines=[{**one, "name": "again"}]))
        assert first.status == 202, first
        second = await ask(world, of_disks([copy]))
        assert (second.status, second.code) == (409, "ScopeBusy"), second
        deletion = await world.call("DELETE", f"/restore-point-copies/{copy['id']}?acceptLast=true&acceptFullCopy=true")
        assert (deletion.status, deletion.code) == (409, "ScopeBusy"), deletion
        assert (await ended(world, first.body))["status"] == "Succeeded"
        third = await ask(world, request([copy], machines=[{**one, "name": "again"}]))
        assert refused(third) == (409, "NameTaken", "machines[0].name"), third
        away = await deleted(world, copy, "?acceptLast=true&acceptFullCopy=true")
        assert away["status"] == "Succeeded"
        assert refused(await ask(world, of_disks([copy]))) == (409, "CopyGone", "machines[0].source")

    start(story)


def test_a_copy_without_the_os_disk_gives_disks_only(start: Start) -> None:
    async def story(world: World) -> None:
        source = {"virtualMachineId": WEB, "consistencyMode": "CrashConsistent", "excludeDisks": [_os_disk(world)]}
        answer = await world.call("POST", "/restore-point-copies", {"source": source, "target": TARGET})
        copy = await world.until_ended(f"/restore-point-copies/{answer.body['id']}")
        assert copy["usable"], copy
        assert refused(await ask(world, request([copy]))) == (409, "RestoreNotSupported", "machines[0].source")
        restore = await ended(world, (await ask(world, of_disks([copy]))).body)
        assert (restore["status"], len(restore["machines"][0]["resources"])) == ("Succeeded", 2), restore

    start(story)


def _os_disk(world: World) -> str:
    machine = next(one for one in world.app.platform.estate()["virtualMachines"] if one["id"].endswith("/contoso-web01"))
    disk = machine["disks"][0]
    found = disk if isinstance(disk, str) else disk["id"]
    return found if "/" in found else f"{WEB.partition('/virtualMachines')[0]}/disks/{found}"


def test_the_newest_usable_copy_at_a_moment_is_restored(start: Start) -> None:
    async def story(world: World) -> None:
        older, newer = await copy_of(world, VM), await copy_of(world, VM)
        source = {"virtualMachineId": VM, "region": "northeurope"}
        for at, wanted in ((None, newer), (older["source"]["takenAt"], older)):
            plan = await world.call("POST", "/restores?dryRun=true", of_disks([], machines=[{"source": source}], at=at))
            assert plan.body["machines"][0]["source"]["copyId"] == wanted["id"], plan
        early = await ask(world, of_disks([], machines=[{"source": source}], at="2020-01-01T00:00:00Z"))
        assert (early.status, early.code) == (404, "SourceNotFound"), early

    start(story)


def test_another_tenants_things_are_not_there(start: Start) -> None:
    async def story(world: World) -> None:
        copy = await copy_of(world, VM)
        assert (await ask(world, of_disks([copy]), tenant="fabrikam")).status == 404
        assert (await ask(world, of_disks([copy]), roles="Copies.Read")).code == "MissingRole"
        theirs = ISOLATED.replace("contoso", "fabrikam")
        answer = await ask(world, request([copy], network={"subnetId": theirs}))
        assert refused(answer) == (404, "NotFound", "network.subnetId")

    start(story)


def test_a_message_restores_and_cleans_up(start: Start) -> None:
    async def story(world: World) -> None:
        copy = await copy_of(world, VM)
        event = {"specversion": "1.0", "source": "tests", "tenant": "contoso", "type": "farshore.restore.create", "id": "drill-1"}
        await world.app.storage.queues.send(
            "restore-point-copy-requests", json.dumps({**event, "data": of_disks([copy], drill=True, reason=None, keepFor="P1D")})
        )
        for _ in range(6):
            await world.advance(minutes=1)
        (restore,) = (await world.get("/restores?drill=true&region=northeurope"))["value"]
        assert restore["step"] == "standing", restore
        clean_up = {**event, "type": "farshore.restore.cleanUp", "id": "drill-2", "data": {"target": restore["id"]}}
        await world.app.storage.queues.send("restore-point-copy-requests", json.dumps(clean_up))
        assert (await ended(world, restore))["status"] == "Succeeded"
        events = [one["type"] for one in world.take_events() if one["id"].startswith(restore["id"])]
        assert events == ["farshore.restore.succeeded"]

    start(story)


def test_a_restore_that_is_repeated_is_one(start: Start) -> None:
    async def story(world: World) -> None:
        copy = await copy_of(world, VM)
        key = {"Repeatability_Request_ID": "11111111-0000-4000-8000-000000000002"}
        first = await ask(world, of_disks([copy]), **key)
        assert (await ask(world, of_disks([copy]), **key)).body["id"] == first.body["id"]
        assert (await ask(world, of_disks([copy], reason="another"), **key)).code == "RepeatabilityKeyReused"
        assert (await ended(world, first.body))["status"] == "Succeeded"
        clean_up = await world.call("POST", f"/restores/{first.body['id']}/clean-up")
        assert (clean_up.status, clean_up.code) == (409, "NotADrill")
        cancel = await world.call("POST", f"/operations/{first.body['id']}/cancel")
        assert cancel.code == "AlreadyEnded"

    start(story)


def test_machines_whose_resources_would_have_equal_names_are_refused(start: Start) -> None:
    """Two copies of one VM, and names that are equal without full stops: a second machine would get the disks of the first."""

    async def story(world: World) -> None:
        first, second = await copy_of(world, VM), await copy_of(world, VM)
        one, other = ({"source": {"copyId": copy["id"]}} for copy in (first, second))
        for machines in ([one, other], [{**one, "name": "a.b"}, {**other, "name": "ab"}]):
            answer = await ask(world, request([], machines=machines))
            assert refused(answer) == (400, "InvalidRequest", "machines[1].name"), answer
        world.fault("timeout", method="GET", path="restorePoints", duration="PT30S")
        accepted = await ask(world, request([], machines=[one, other]))
        assert accepted.status == 202, accepted
        restore = await ended(world, accepted.body)
        assert (restore["status"], restore["error"]["code"]) == ("Failed", "InvalidRequest"), restore
        assert from_text(restore["completedAt"]) - from_text(restore["createdAt"]) < timedelta(minutes=5)
        named = await world.call("POST", "/restores?dryRun=true", request([], machines=[one, {**other, "name": "again"}]))
        assert {check["result"] for check in named.body["checks"]} == {"pass"}, named
        assert named.body["recoveryPoint"]["ageSeconds"] > 0

    start(story)


def test_a_copy_that_is_named_by_its_restore_point_is_kept_from_deletion(start: Start) -> None:
    async def story(world: World) -> None:
        copy = await copy_of(world, VM)
        source = {"restorePointId": copy["target"]["restorePointId"].upper()}
        accepted = await ask(world, of_disks([], machines=[{"source": source}]))
        assert accepted.body["machines"][0]["source"]["copyId"] == copy["id"], accepted
        name = accepted.body["machines"][0]["name"]
        deletion = await world.call("DELETE", f"/restore-point-copies/{copy['id']}?acceptLast=true&acceptFullCopy=true")
        assert (deletion.status, deletion.code) == (409, "ScopeBusy"), deletion
        restore = await ended(world, accepted.body)
        assert (restore["status"], restore["machines"][0]["name"]) == ("Succeeded", name)

    start(story)
