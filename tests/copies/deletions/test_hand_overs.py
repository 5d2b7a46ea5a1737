"""Places that change hands: which copies stay, which go, and what is shown as left over."""

from pathlib import Path
from typing import Any

import pytest

from tests.copies.deletions.kit import TARGET, VM, Start, copies_of_policy, deletes, fill, run_now, shown, sources
from tests.copies.policies.kit import CONTOSO, Json, Story, World, machine_id, policy, run_story

pytestmark = pytest.mark.process
KEEP_ALL = {"keepLast": 10, "source": {"keepLast": 10}}
KEEP_ONE = {"keepLast": 1, "source": {"keepLast": 1}}
LATER = {"schedule": {"every": "P31D"}}


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Runs a story before an estate with a further machine of contoso's."""

    def run(story: Story) -> None:
        run_story(story, tmp_path, machines=1)

    return run


async def run_of(world: World, name: str, **options: Any) -> Json:
    """Run a policy by hand to its end."""
    answer = await world.call("POST", f"/copy-policies/{name}/run", **options)
    assert answer.status == 202, answer
    for _ in range(60):
        run: Json = (await world.call("GET", f"/copy-policies/{name}/runs/{answer.body['id']}", **options)).body
        if run["status"] in {"Succeeded", "Failed", "Canceled"}:
            return run
        await world.advance(minutes=30)
    raise AssertionError(run)


async def shown_vm(world: World, **options: Any) -> Json:
    """Return the protection of the VM once the inventory has been read again."""
    await world.advance(minutes=61)
    await world.advance(minutes=5)
    (found,) = (await world.get(f"/protection?virtualMachineId={VM}", **options))["value"]
    return dict(found)


def change_machine(world: World, change: Json | None) -> None:
    """Change the VM as Azure has it, or delete it (None)."""
    estate = world.app.platform.estate()
    rest = [one for one in estate["virtualMachines"] if one["id"] != VM]
    kept = [] if change is None else [next(one for one in estate["virtualMachines"] if one["id"] == VM) | change]
    estate["virtualMachines"] = [*rest, *kept]
    world.app.platform.replace_estate(estate)


async def usable(world: World, found: list[Json]) -> list[bool]:
    return [(await shown(world, copy))["usable"] for copy in found]


def test_priority_hands_a_place_over_with_the_copies_of_all_policies(start: Start) -> None:
    async def story(world: World) -> None:
        before = await fill(world, 4, retention=KEEP_ALL)
        document = policy(**LATER, retention=KEEP_ONE, limits={"deletionsPerPlace": 1})
        await world.put("other", policy(**{**document, "priority": 200}))
        skipped = await run_of(world, "other")
        assert (skipped["counts"]["skipped"], skipped["counts"]["deletions"]["accepted"], deletes(world)) == (1, 0, [])
        await world.put("other", policy(**{**document, "priority": 1}))
        held = await run_of(world, "other")
        assert (held["error"]["code"], held["counts"]["deletions"]["held"], deletes(world)) == ("TooManyDeletions", 5, [])
        await world.put("other", policy(**{**document, "priority": 1, "limits": {"deletionsPerPlace": 100}}))
        assert (await run_of(world, "other"))["status"] == "Succeeded"
        assert await usable(world, before) == [False] * 4  # the other's own are newer
        kept = (await world.get("/restore-point-copies?policy=other&usable=true"))["value"]
        assert len(kept) == 2  # the one that its last run has made, and the newest at its pruning

    start(story)


def test_a_policy_that_is_deleted_leaves_its_copies_and_one_made_anew_prunes_them(start: Start) -> None:
    async def story(world: World) -> None:
        before = await fill(world, 4, retention=KEEP_ONE)
        await world.call("DELETE", "/copy-policies/daily", If_Match="*")
        found = await shown_vm(world)
        assert (found["state"], found["reasons"], found["targets"][0]["usableCopies"]) == ("unprotected", ["NoPolicy"], 4)
        await world.advance(days=2)
        assert (deletes(world), await usable(world, before)) == ([], [True] * 4)
        await world.put("daily", policy(**LATER, retention=KEEP_ONE))
        run = await run_now(world)
        assert run["counts"]["deletions"]["done"] == 5
        assert await usable(world, before) == [False, False, False, True]

    start(story)


def test_a_target_that_is_taken_out_leaves_its_copies(start: Start) -> None:
    async def story(world: World) -> None:
        before = await fill(world, 3, retention=KEEP_ONE)
        await world.put("daily", policy(**LATER, retention=KEEP_ONE, targets=[{**TARGET, "region": "uksouth"}]))
        run = await run_now(world)
        assert run["status"] == "Succeeded"
        assert await usable(world, before) == [True] * 3
        # the sources of the newest copies of both regions are kept, whoever is in charge of a region
        assert sources(before)[2] not in deletes(world)
        found = await shown_vm(world)
        regions = {target["region"]: (target["policy"], target["usableCopies"]) for target in found["targets"]}
        assert regions == {"northeurope": (None, 3), "uksouth": ("daily", 1)}

    start(story)


def test_a_vm_that_is_made_anew_under_its_name_is_another_one(start: Start) -> None:
    async def story(world: World) -> None:
        before = await fill(world, 3, retention=KEEP_ONE)
        change_machine(world, {"vmId": "99999999-0000-4000-8000-000000000009"})
        for _ in range(2):
            assert (await run_now(world))["status"] == "Succeeded"
        assert (await usable(world, before), set(sources(before)) & set(deletes(world))) == ([True] * 3, set())
        after = await copies_of_policy(world)
        assert len({copy["source"]["vmId"] for copy in after}) == 2
        for _ in range(9):
            await world.advance(hours=3)
        found = await shown_vm(world)
        assert found["targets"][0]["usableCopies"] == 2  # those of the VM of now

    start(story)


def test_a_vm_that_is_gone_is_an_orphan_and_keeps_its_copies(start: Start) -> None:
    async def story(world: World) -> None:
        before = await fill(world, 3, retention=KEEP_ONE)
        change_machine(world, None)
        found = await shown_vm(world)
        assert (found["state"], found["targets"][0]["usableCopies"]) == ("orphan", 3)
        run = await run_now(world)
        assert (run["status"], run["error"]["code"]) == ("Failed", "TooFewVirtualMachines")
        assert (deletes(world), await usable(world, before)) == ([], [True] * 3)
        assert (await world.get("/protection"))["summary"]["orphans"] == 1

    start(story)


def test_a_vm_of_another_tenant_keeps_the_copies_of_the_old_one(start: Start) -> None:
    async def story(world: World) -> None:
        before = await fill(world, 3, retention=KEEP_ONE)
        await hand_over(world, "contoso", "fabrikam")
        run = await run_of(world, "daily")
        assert (run["counts"]["selected"], run["error"]["code"]) == (0, "TooFewVirtualMachines")
        refused = await world.call("DELETE", f"/restore-point-copies/{before[0]['id']}")
        assert (refused.status, refused.code) == (409, "OwnerChanged"), refused
        selector = {"virtualMachineIds": [machine_id("fleet000")]}
        document = policy(**LATER, retention=KEEP_ONE, selector=selector)
        written = await world.call("PUT", "/copy-policies/mine", document, tenant="fabrikam")
        assert written.status == 201, written
        for _ in range(2):
            assert (await run_of(world, "mine", tenant="fabrikam"))["status"] == "Succeeded"
        assert (await usable(world, before), set(sources(before)) & set(deletes(world))) == ([True] * 3, set())
        assert (await world.call("GET", f"/restore-point-copies/{before[0]['id']}", tenant="fabrikam")).status == 404

    start(story)


async def hand_over(world: World, old: str, new: str) -> None:
    """Map the subscription of a tenant to another."""
    admin: dict[str, Any] = {"tenant": "provider", "roles": "Admin|Tenants.Read|Tenants.Write"}
    owner, heir = [(await world.call("GET", f"/tenants/{name}", **admin)).body for name in (old, new)]
    mapped = {name: ([], [*heir["subscriptions"], CONTOSO])[name == new] for name in (old, new)}
    for name, found in ((old, owner), (new, heir)):
        body = {"displayName": found["displayName"], "subscriptions": mapped[name]}
        answer = await world.call("PUT", f"/tenants/{name}", body, If_Match="*", **admin)
        assert answer.status == 200, answer
        await world.advance(minutes=2)  # a subscription can be mapped again a minute after its release


QUIET = {
    "page": "InventoryIncomplete",
    "subscription": "InventoryIncomplete",
    "tag": "TooFewVirtualMachines",
    "cap": "TooManyVirtualMachines",
}


@pytest.mark.parametrize("cause", QUIET)
def test_nothing_looks_quiet_and_nothing_is_deleted(start: Start, cause: str) -> None:
    async def story(world: World) -> None:
        await fill(world, 4, retention=KEEP_ONE)
        assert (await world.get("/copy-policies/daily/plan"))["summary"]["deletions"] == 5
        estate = world.app.platform.estate()
        if cause == "page":
            world.fault("graphPartial", path="ResourceGraph", rate=1, seed="s", duration="PT12H")
        elif cause == "subscription":
            for principal in estate["principals"]:
                principal["roleAssignments"] = [one for one in principal["roleAssignments"] if CONTOSO not in one["scope"]]
            world.app.platform.replace_estate(estate)
        elif cause == "tag":
            change_machine(world, {"tags": {}})
        else:
            everything = {"selector": {"everything": True}, "limits": {"virtualMachines": 1}}
            await world.put("daily", policy(**LATER, retention=KEEP_ONE, **everything))
        run = await run_now(world)
        assert (run["status"], run["error"]["code"]) == ("Failed", QUIET[cause])
        events = [one["data"]["error"]["code"] for one in world.take_events() if one["id"] == f"{run['id']}/terminal"]
        assert events == [QUIET[cause]]
        assert (run["counts"]["deletions"], deletes(world)) == ({"accepted": 0, "done": 0, "refused": 0, "held": 0}, [])

    start(story)
