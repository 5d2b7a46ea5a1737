"""An application of six machines: in groups, as captured, while the source's region answers nothing."""

from pathlib import Path

import pytest

from local.simulation.compute.machines import VirtualMachine
from tests.copies.deletions.kit import Start, copy_of
from tests.copies.policies.kit import Json, Story, World, machine_id, policy, run_story
from tests.copies.restores.kit import WEB, add_application, ended, machine, request, resources, restored, shown
from tests.copies.restores.kit import start as ask

pytestmark = pytest.mark.process
GROUPS = (1, 1, 2, 2, 3, 3)
_SAME = ("size", "osType", "securityType", "generation")


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Runs a story before the sample estate."""

    def run(story: Story) -> None:
        run_story(story, tmp_path)

    return run


def look_of(world: World, found: Json) -> Json:
    """Return what a restored machine must have as its source had it: size, system, security, and its disks by LUN."""
    disks = {one["id"].lower(): one for one in world.app.platform.estate()["disks"]}
    attached = {
        one.lun: (one.caching, disks[one.id.lower()]["sizeGB"], disks[one.id.lower()]["sku"])
        for one in VirtualMachine.from_json(found).disks
    }
    return {member: found.get(member) for member in _SAME} | {"disks": attached, "licenseType": found.get("further", {}).get("licenseType")}


async def application(world: World) -> tuple[list[str], list[Json]]:
    """Add and copy the machines, and return their names and copies."""
    names = add_application(world)
    return names, [await copy_of(world, machine_id(name)) for name in names]


def test_an_application_comes_up_in_order_and_as_captured_without_its_region(start: Start) -> None:
    async def story(world: World) -> None:
        names, copies = await application(world)
        world.fault("error", status=503, path="contoso-production")
        body = request(copies)
        for one, name, group in zip(body["machines"], names, GROUPS, strict=True):
            one |= {"name": f"{name}-again", "group": group}
        before = len(world.effects())
        restore = await restored(world, body)
        assert (restore["status"], restore["error"], restore["verified"]) == ("Succeeded", None, "agent"), restore
        for name in names:
            assert look_of(world, machine(world, f"{name}-again")) == look_of(world, machine(world, name)), name
        sent = world.effects()[before:]
        assert not [one for one in sent if "contoso-production" in str(one["path"])]
        made = [str(one["path"]).rpartition("/")[2] for one in sent if "/virtualMachines/" in str(one["path"])]
        assert [GROUPS[names.index(name.removesuffix("-again"))] for name in made] == list(GROUPS)
        began = {one["group"]: one for one in restore["machines"]}
        assert set(began) == {1, 2, 3}
        assert restore["recoveryPoint"]["spreadSeconds"] > 0
        for name, found in ((names[3], [restore["id"]]), ("contoso-web02", [])):
            page = await world.get(f"/restores?top=1&virtualMachineId={machine_id(name)}")
            assert [one["id"] for one in page["value"]] == found

    start(story)


def test_what_no_restore_point_holds_of_a_machine_is_kept_with_its_copy(start: Start) -> None:
    async def story(world: World) -> None:
        estate = world.app.platform.estate()
        vm = next(one for one in estate["virtualMachines"] if one["id"] == WEB)
        vm |= {"zones": ["2"], "tags": {"tier": "gold"}, "further": {"plan": {"name": "n", "publisher": "p", "product": "o"}}}
        world.app.platform.replace_estate(estate)
        selector, crash = {"virtualMachineIds": [WEB]}, {"mode": "CrashConsistent"}
        await world.put("daily", policy(selector=selector, consistency=crash, schedule={"every": "P31D"}))
        run = await world.call("POST", "/copy-policies/daily/run")
        await world.until_ended(f"/copy-policies/daily/runs/{run.body['id']}")
        (copy,) = (await world.get("/restore-point-copies?policy=daily"))["value"]
        world.fault("error", status=503, path="contoso-production")
        restore = await restored(world, request([copy]))
        was = restore["machines"][0]["was"]
        assert (was["zones"], was["tags"], was["plan"]["publisher"]) == (["2"], {"tier": "gold"}, "p"), was
        (interface,) = was["networkInterfaces"]  # as the run's inventory has shown it
        assert interface["id"].endswith("/contoso-web01-nic")
        assert interface["subnetId"].endswith("/subnets/default")
        assert interface["privateIpAddress"].startswith("10.")
        made = machine(world, restore["machines"][0]["name"])
        assert (made["zones"], made["further"]["plan"]["product"]) == (["2"], "o")

    start(story)


def test_a_machine_that_cannot_be_made_stops_the_later_groups_and_no_machine_is_deleted(start: Start) -> None:
    async def story(world: World) -> None:
        names, copies = await application(world)
        body = request(copies)
        for one, name, group in zip(body["machines"], names, GROUPS, strict=True):
            one |= {"name": f"{name}-again", "group": group}
        world.fault("error", status=409, code="SkuNotAvailable", method="PUT", path=f"virtualMachines/{names[2]}-again")
        before = resources(world)
        restore = await restored(world, body)
        assert (restore["status"], restore["error"]["code"]) == ("Failed", "PartiallyRestored"), restore
        assert [one["state"] for one in restore["machines"]] == ["ready", "ready", "failed", "ready", "waiting", "waiting"]
        assert restore["machines"][2]["error"]["code"] == "CapacityUnavailable"
        assert not [one for one in world.effects("/virtualMachines/") if one["method"] == "DELETE"]
        left = {one.lower() for one in restore["leftBehind"]}
        assert resources(world) - before == left
        assert not [one for one in left if names[2] in one]  # its disks and interface are deleted, it has no machine
        assert len([one for one in left if "/virtualmachines/" in one]) == 3

    start(story)


def test_what_a_failed_restore_has_left_is_kept_until_a_person_has_it_deleted(start: Start) -> None:
    async def story(world: World) -> None:
        names, copies = await application(world)
        world.fault("failDisk", path=f"disks/{names[0]}-again", code="InternalExecutionError")
        body = request(copies[:2], onFailure="keep")
        for one, name in zip(body["machines"], names, strict=False):
            one["name"] = f"{name}-again"
        restore = await restored(world, body)
        assert (restore["error"]["code"], [one["state"] for one in restore["machines"]]) == ("PartiallyRestored", ["failed", "ready"])
        why = restore["machines"][0]["error"]
        assert (why["code"], [one["code"] for one in why["details"]]) == ("ProvisioningFailed", ["InternalExecutionError"]), why
        left = [one for one in restore["leftBehind"] if f"{names[0]}-again" in one]
        assert len(left) == 3
        path = f"/restores/{restore['id']}/clean-up"
        assert (await world.call("POST", path, tenant="fabrikam")).status == 404
        accepted = await world.call("POST", path)
        assert accepted.status == 202, accepted
        assert (await world.call("POST", path)).body["id"] == accepted.body["id"]
        done = await ended(world, accepted.body)
        assert (done["status"], done["error"]) == ("Succeeded", None), done
        assert not {one.lower() for one in left} & resources(world)
        after = await shown(world, restore)
        assert (after["cleanedUp"], [one for one in after["leftBehind"] if f"{names[0]}-again" in one]) == (True, [])
        assert machine(world, f"{names[1]}-again")["powerState"] == "running"
        assert not [one for one in world.effects("/virtualMachines/") if one["method"] == "DELETE"]
        nothing = await world.call("POST", path)
        assert (nothing.status, nothing.code) == (409, "NotADrill"), nothing

    start(story)


def test_a_machine_that_is_not_ready_in_time_stops_no_other_and_stays(start: Start) -> None:
    async def story(world: World) -> None:
        names, copies = await application(world)
        world.fault("failBoot", path=f"virtualMachines/{names[0]}-again")
        body = request(copies[:3], bootTimeout="PT10M")
        for one, name, group in zip(body["machines"], names, (1, 2, 2), strict=False):
            one |= {"name": f"{name}-again", "group": group}
        accepted = await ask(world, body)
        for _ in range(5):
            await world.advance(minutes=1)
        waiting = await shown(world, accepted.body)
        assert [one["state"] for one in waiting["machines"]] == ["booting", "waiting", "waiting"]
        restore = await ended(world, accepted.body)
        assert (restore["error"]["code"], [one["state"] for one in restore["machines"]]) == (
            "MachinesNotReady",
            ["notReady", "ready", "ready"],
        )
        assert not [one for one in world.effects() if one["method"] == "DELETE"]
        assert machine(world, f"{names[0]}-again")["powerState"] == "running"

    start(story)
