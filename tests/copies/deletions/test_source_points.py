"""Restore points of VMs: what retention deletes of them, by runs and anew by each deletion, and what is never deleted."""

from datetime import timedelta
from pathlib import Path

import pytest

from shared.clock import to_text
from shared.operations.crash_points import DELETION_POINTS, PRUNING_POINTS
from tests.copies.deletions.kit import (
    TARGET,
    VM,
    Start,
    copies_of_policy,
    copy_of,
    deleted,
    deletes,
    fill,
    run_now,
    shown,
    source_deletes,
    sources,
)
from tests.copies.policies.kit import Json, Story, World, policy, run_story

pytestmark = pytest.mark.process
ONE = {"keepLast": 1, "source": {"keepLast": 1}}
UKSOUTH = {"region": "uksouth", "resourceGroup": "contoso-recovery"}


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Runs a story before an estate with a further machine of contoso's."""

    def run(story: Story) -> None:
        run_story(story, tmp_path, machines=1)

    return run


async def fill_one(world: World, count: int = 4) -> list[Json]:
    """Write a policy that keeps one copy and one restore point, make so many by runs that prune nothing, and return the copies."""
    return await fill(world, count, retention=ONE)


async def until_deletions(world: World) -> list[Json]:
    """Accept a run whose deletions cannot read Azure, and return its deletions of restore points."""
    world.fault("error", method="GET", path="restorePointCollections/farshore-", status=503, times=1000)
    await world.call("POST", "/copy-policies/daily/run")
    for _ in range(3):
        await world.advance(minutes=1)
    found = (await world.get("/operations?kind=restorePointDeletion&top=1000"))["value"]
    return [one for one in found if "/runs/" in one["resourceLocation"]]


def test_a_run_deletes_the_restore_points_that_nothing_needs(start: Start) -> None:
    async def story(world: World) -> None:
        before = await fill_one(world)
        run = await run_now(world)
        assert (run["status"], run["error"]) == ("Succeeded", None)
        # of the copies all but the newest; of the restore points neither the base nor the pair of the newest copy
        assert run["counts"]["deletions"] == {"accepted": 5, "done": 5, "refused": 0, "held": 0}
        assert source_deletes(world) == set(sources(before)[1:3])
        listed = (await world.get("/operations?kind=restorePointDeletion&top=1000"))["value"]
        of_points = [one for one in listed if "/runs/" in one["resourceLocation"]]
        assert len(of_points) == 2
        assert all(one["resourceLocation"].endswith(f"/copy-policies/daily/runs/{run['id']}") for one in of_points)
        later = await run_now(world)
        assert (later["counts"]["deletions"]["done"], source_deletes(world)) == (2, set(sources(before)[1:4]))

    start(story)


@pytest.mark.parametrize("change", ["gone", "disabled", "paused", "keepsMore", "outranked"])
def test_a_deletion_of_a_restore_point_decides_by_the_policy_of_its_moment(start: Start, change: str) -> None:
    async def story(world: World) -> None:
        await fill_one(world)
        deletions = await until_deletions(world)
        assert len(deletions) == 2
        base = {"schedule": {"every": "P31D"}, "retention": ONE}
        changes: dict[str, Json] = {
            "disabled": {"enabled": False},
            "paused": {"pausedUntil": to_text(world.now + timedelta(days=60))},
            "keepsMore": {"retention": {"keepLast": 1, "source": {"keepLast": 10}}},
        }
        if change == "gone":
            await world.call("DELETE", "/copy-policies/daily", If_Match="*")
        elif change == "outranked":
            await world.put("other", policy(priority=1, schedule={"every": "P31D"}, targets=[UKSOUTH]))
        else:
            await world.put("daily", policy(**(base | changes[change])))
        world.app.platform.clear_faults()
        for one in deletions:
            ended = await world.until_ended(f"/operations/{one['id']}")
            assert (ended["status"], ended["error"]["code"]) == ("Canceled", "NoLongerDue")
        assert source_deletes(world) == set()

    start(story)


def test_what_a_copy_needs_is_kept_and_what_is_being_deleted_is_not_copied(start: Start) -> None:
    async def story(world: World) -> None:
        before = await fill_one(world)
        needed, due = sources(before)[1:3]
        body = {"source": {"restorePointId": needed}, "target": UKSOUTH}
        world.fault("stallCopy", method="PUT", path="uksouth.*/restorePoints/", times=1)
        running = await world.call("POST", "/restore-point-copies", body)
        assert running.status == 202, running
        while (await shown(world, running.body))["step"] != "copying":
            await world.advance(minutes=1)
        deletions = await until_deletions(world)
        assert len(deletions) == 1
        refused = await world.call("POST", "/restore-point-copies", {**body, "source": {"restorePointId": due}})
        world.app.platform.clear_faults()
        again = await world.call("POST", "/restore-point-copies", {**body, "source": {"restorePointId": due}})
        assert (again.code, again.body["error"]["target"]) == ("ScopeBusy", deletions[0]["id"]), (again, refused)
        assert (await world.until_ended(f"/operations/{deletions[0]['id']}"))["status"] == "Succeeded"
        assert source_deletes(world) == {due}

    start(story)


def test_a_copy_that_was_requested_after_the_decision_keeps_its_source(start: Start) -> None:
    async def story(world: World) -> None:
        before = await fill_one(world)
        wanted = sources(before)[1]
        deletions = {one["id"] for one in await until_deletions(world)}
        # accepted before this deletion held its restore point, as far as the ledger shows
        table = world.app.storage.table("copies")
        rows = [
            row.entity
            async for row in table.range("PartitionKey ge @a", parameters={"a": "points-"})
            if str(row.entity.get("restorePoint")).lower() == wanted
        ]
        made = next(row for row in rows if "takenAt" in row)
        accepted = await world.call("POST", "/restore-point-copies", {"source": {"virtualMachineId": VM}, "target": UKSOUTH})
        note = {"sourcePoint": wanted, "region": "uksouth", "operation": accepted.body["id"], "notedAt": made["takenAt"]}
        await table.upsert({"PartitionKey": made["PartitionKey"], "RowKey": "c|test|uksouth", "v": 1, **note})
        world.app.platform.clear_faults()
        ended = [await world.until_ended(f"/operations/{one}") for one in sorted(deletions)]
        assert sorted(one["status"] for one in ended) == ["Canceled", "Succeeded"]
        assert wanted not in source_deletes(world)

    start(story)


def test_restore_points_of_callers_and_of_persons_are_kept_and_an_older_base_frees_ours(start: Start) -> None:
    async def story(world: World) -> None:
        by_a_caller = await copy_of(world)
        before = await fill_one(world)
        run = await run_now(world)
        assert run["status"] == "Succeeded"
        assert by_a_caller["source"]["restorePointId"].lower() not in source_deletes(world)
        assert source_deletes(world) == set(sources(before)[:3])  # the caller's is the base

    start(story)


def test_more_restore_points_than_the_policy_allows_to_delete_are_held(start: Start) -> None:
    async def story(world: World) -> None:
        await fill(world, 5, retention={"keepLast": 10, "source": {"keepLast": 1}}, limits={"deletionsPerPlace": 2})
        run = await run_now(world)
        assert (run["status"], run["error"]["code"], run["counts"]["deletions"]["held"]) == ("Failed", "TooManyDeletions", 3)
        assert run["error"]["details"][0]["target"] == f"{VM} in its own region"
        assert deletes(world) == []

    start(story)


@pytest.mark.parametrize("point", [*DELETION_POINTS, *PRUNING_POINTS, "step.intended", "step.sent"])
def test_a_run_that_prunes_restore_points_goes_on_where_a_worker_ends(start: Start, point: str) -> None:
    async def story(world: World) -> None:
        before = await fill(world, 4, retention={"keepLast": 10, "source": {"keepLast": 1}})
        accepted = await world.call("POST", "/copy-policies/daily/run")
        world.app.points.arm(point)
        run = await world.until_ended(f"/copy-policies/daily/runs/{accepted.body['id']}")
        assert (run["status"], run["counts"]["deletions"]) == ("Succeeded", {"accepted": 2, "done": 2, "refused": 0, "held": 0})
        assert source_deletes(world) == set(sources(before)[1:3])
        assert world.app.points.reached(point)

    start(story)


def test_a_copy_is_deleted_with_its_source(start: Start) -> None:
    async def story(world: World) -> None:
        first, second, third = [await copy_of(world) for _ in range(3)]
        base = await world.call("DELETE", f"/restore-point-copies/{first['id']}?includeSource=true")
        assert (base.status, base.code) == (409, "ChainNeedsIt"), base
        newest = await world.call("DELETE", f"/restore-point-copies/{third['id']}?includeSource=true")
        assert (newest.status, newest.code) == (409, "ChainNeedsIt"), newest
        deletion = await deleted(world, second, "?includeSource=true")
        assert deletion["status"] == "Succeeded"
        of_source = await world.until_ended(f"/operations/{deletion['result']['sourceDeletion']}", minutes=5)
        assert of_source["status"] == "Succeeded"
        assert of_source["resourceLocation"].endswith(f"/restore-point-copies/{second['id']}")
        assert source_deletes(world) == {second["source"]["restorePointId"].lower()}
        assert ((await shown(world, first))["usable"], (await shown(world, third))["usable"]) == (True, True)

    start(story)


def test_a_copy_of_a_run_is_not_deleted_with_its_source(start: Start) -> None:
    async def story(world: World) -> None:
        before = await fill_one(world, 3)
        refused = await world.call("DELETE", f"/restore-point-copies/{before[1]['id']}?includeSource=true")
        assert (refused.status, refused.code, refused.body["error"]["target"]) == (409, "ChainNeedsIt", "includeSource")
        assert deletes(world) == []

    start(story)


@pytest.mark.parametrize("point", [None, "deletion.decided", "step.sent", "deletion.recorded"])
def test_a_copy_that_azure_makes_is_abandoned(start: Start, point: str | None) -> None:
    async def story(world: World) -> None:
        older = await copy_of(world)
        accepted = await world.call("POST", "/restore-point-copies", {"source": {"virtualMachineId": VM}, "target": TARGET})
        waits = await world.call("DELETE", f"/restore-point-copies/{accepted.body['id']}?abandon=true")
        assert (waits.status, waits.code) == (409, "NotFinished"), waits
        while (await shown(world, accepted.body))["step"] != "copying":
            await world.advance(minutes=1)
        if point is not None:
            world.app.points.arm(point)
        deletion = await deleted(world, accepted.body, "?abandon=true")
        assert (deletion["status"], deletion["error"]) == ("Succeeded", None)
        copy = await shown(world, accepted.body)
        assert (copy["status"], copy["error"]["code"], copy["deletion"]["operationId"]) == ("Failed", "Abandoned", deletion["id"])
        assert len(deletes(world)) == 1
        assert (await shown(world, older))["usable"]
        assert (await copy_of(world))["usable"]  # the chain goes on
        assert point is None or world.app.points.reached(point)

    start(story)


def test_no_failed_copy_stays_once_its_chain_has_passed_it(start: Start) -> None:
    async def story(world: World) -> None:
        await world.put("daily", policy(schedule={"every": "P31D"}, retention={"keepLast": 5}))
        world.fault("failCopy", method="PUT", path="contoso-recovery.*/restorePoints/", times=2)  # the copy, and its redo
        failed = await run_now(world)
        assert failed["error"]["code"] == "CopiesFailed"
        await world.advance(hours=2)
        kept = await run_now(world)
        assert kept["counts"]["deletions"]["accepted"] == 0  # it may still be redone
        await world.advance(hours=2)
        pruned = await run_now(world)
        assert pruned["counts"]["deletions"]["done"] == 1
        redo = next(one for one in await copies_of_policy(world) if one["status"] == "Failed" and one["deletion"] is not None)
        assert redo["deletion"]["rule"] == "FailedAndPassed"

    start(story)
