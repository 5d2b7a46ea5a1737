"""Runs of a policy that prune: what retention deletes, what it holds, and what decides anew before the DELETE."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from shared.clock import to_text
from shared.operations.crash_points import DELETION_POINTS, PRUNING_POINTS
from tests.copies.deletions.kit import VM, Start, copies_of_policy, copy_of, deletes, fill, run_now
from tests.copies.policies.kit import Json, Story, World, policy, run_story
from tests.copies.restores.kit import of_disks

pytestmark = pytest.mark.process


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Runs a story before an estate with a further machine of contoso's."""

    def run(story: Story) -> None:
        run_story(story, tmp_path, machines=1)

    return run


def usable(found: Sequence[Json]) -> list[bool]:
    return [copy["usable"] for copy in found]


def points(found: Sequence[Json]) -> set[str]:
    return {copy["target"]["restorePointId"].lower() for copy in found}


def test_a_run_deletes_what_its_retention_does_not_keep(start: Start) -> None:
    async def story(world: World) -> None:
        before = await fill(world, 4)
        by_a_caller = await copy_of(world)
        run = await run_now(world)
        assert (run["status"], run["error"]) == ("Succeeded", None)
        assert run["counts"]["deletions"] == {"accepted": 2, "done": 2, "refused": 0, "held": 0}
        assert set(deletes(world)) == points(before[:2])
        after = await copies_of_policy(world)
        assert usable(after) == [False, False, True, True, True]
        shown = after[0]["deletion"]
        assert (shown["rule"], shown["policy"], shown["revision"]) == ("Superfluous", "daily", 1)
        assert after[0]["deletedBy"]["kind"] == "system"
        assert (await world.get(f"/restore-point-copies/{by_a_caller['id']}"))["usable"]
        entries = [one for one in (await world.get("/copy-policies/daily/audit"))["value"] if one["event"] == "retention"]
        assert {(one["detail"]["run"], one["detail"]["revision"], one["actor"]["kind"]) for one in entries} == {(run["id"], 1, "system")}
        audited = {one["copyId"]: one for entry in entries for one in entry["detail"]["deletions"]}
        assert len(entries) == len(audited)
        assert audited.keys() == {copy["id"] for copy in before[:2]}
        assert {(one["virtualMachineId"], one["rule"], one["outcome"]) for one in audited.values()} == {(VM, "Superfluous", "done")}
        others = points([before[3], by_a_caller, after[4]])
        assert {one["newestOther"].lower() for one in audited.values()} <= others
        assert (await run_now(world))["counts"]["deletions"][
            "done"
        ] == 2  # the run before has made one more; a restore point is superfluous by now

    start(story)


def test_each_deletion_is_in_the_trail_once_it_has_ended_whatever_has_become_of_its_run(start: Start) -> None:
    async def story(world: World) -> None:
        before = await fill(world, 4)
        made = await world.get("/copy-policies/daily")
        run = (await world.call("POST", "/copy-policies/daily/run")).body
        while not (open_ := (await world.get("/operations?kind=restorePointDeletion"))["value"]):
            await world.advance(seconds=1)
        assert (await world.call("POST", f"/operations/{run['id']}/cancel")).status == 202
        removed = await world.call("DELETE", "/copy-policies/daily", If_Match="*")
        assert removed.status == 204, removed
        assert (await world.until_ended(f"/operations/{run['id']}"))["status"] == "Canceled"
        ended = [await world.until_ended(f"/operations/{one['id']}") for one in open_]
        trail = await world.get(f"/copy-policies/daily/audit?policyId={made['id']}")
        audited = [one for entry in trail["value"] if entry["event"] == "retention" for one in entry["detail"]["deletions"]]
        outcomes = {"Succeeded": "done", "Failed": "refused", "Canceled": "canceled"}
        assert sorted(one["outcome"] for one in audited) == sorted(outcomes[one["status"]] for one in ended)
        assert {one["copyId"] for one in audited} == {copy["id"] for copy in before[:2]}
        assert trail["verified"]

    start(story)


def test_more_deletions_than_the_policy_allows_are_held(start: Start) -> None:
    async def story(world: World) -> None:
        await fill(world, 4, retention={"keepLast": 1}, limits={"deletionsPerPlace": 2})
        run = await run_now(world)
        assert (run["status"], run["error"]["code"], run["counts"]["deletions"]["held"]) == ("Failed", "TooManyDeletions", 3)
        assert run["error"]["details"][0]["target"] == f"{VM} in northeurope"
        assert deletes(world) == []
        allowed = await run_now(world, {"limits": {"deletionsPerPlace": 10}})
        assert (allowed["status"], allowed["counts"]["deletions"]["done"], len(deletes(world))) == (
            "Succeeded",
            5,
            5,
        )

    start(story)


@pytest.mark.parametrize("change", ["gone", "disabled", "paused", "keepsMore", "covers"])
def test_a_deletion_decides_by_the_policy_of_its_moment(start: Start, change: str) -> None:
    async def story(world: World) -> None:
        await fill(world, 4)
        world.fault("error", method="GET", path="restorePointCollections/farshore-", status=503, times=1000)
        accepted = await world.call("POST", "/copy-policies/daily/run")
        for _ in range(3):
            await world.advance(minutes=1)
        deletions = (await world.get("/operations?kind=restorePointDeletion"))["value"]
        assert len(deletions) == 2
        if change == "gone":
            await world.call("DELETE", "/copy-policies/daily", If_Match="*")
        else:
            changes: dict[str, Json] = {
                "disabled": {"enabled": False},
                "paused": {"pausedUntil": to_text(world.now + timedelta(days=60))},
                "keepsMore": {"retention": {"keepLast": 10}},
                "covers": {"selector": {"tags": {"all": {"env": "other"}}}},
            }
            base = {"schedule": {"every": "P31D"}, "retention": {"keepLast": 2}}
            await world.put("daily", policy(**(base | changes[change])))
        world.app.platform.clear_faults()
        for one in deletions:
            ended = await world.until_ended(f"/operations/{one['id']}")
            assert (ended["status"], ended["error"]["code"]) == ("Canceled", "NoLongerDue")
        assert deletes(world) == []
        assert accepted.status == 202

    start(story)


def test_a_deletion_keeps_the_last_copy_that_nothing_else_works_with(start: Start) -> None:
    """A restore takes the newest copy between the decision of the run and that of the deletion."""

    async def story(world: World) -> None:
        older, newest = await fill(world, 2, retention={"keepLast": 1})
        world.fault("error", method="GET", path="restorePointCollections/farshore-", status=503, times=1000)
        await world.call("POST", "/copy-policies/daily/run")
        for _ in range(3):
            await world.advance(minutes=1)
        (deletion,) = (await world.get("/operations?kind=restorePointDeletion"))["value"]
        assert (await world.call("POST", "/restores", of_disks([newest]))).status == 202
        world.app.platform.clear_faults()
        world.fault("error", method="PUT", path="/disks/", status=503, duration="PT12H")  # the restore holds the copy for long
        ended = await world.until_ended(f"/operations/{deletion['id']}", minutes=1)
        assert (ended["status"], ended["error"]["code"]) == ("Canceled", "NoLongerDue"), ended
        assert (await world.get(f"/restore-point-copies/{older['id']}"))["usable"]

    start(story)


def test_no_copy_is_deleted_while_the_setting_is_off(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def deploy(world: World, retention: str) -> None:
        monkeypatch.setenv("FARSHORE_RETENTION", retention)
        world.app.workers.runtime = world.app.workers.assemble()

    async def story(world: World) -> None:
        before = await fill(world, 4)
        deploy(world, "off")
        run = await run_now(world)
        assert (run["status"], run["counts"]["deletions"]) == ("Succeeded", {"accepted": 0, "done": 0, "refused": 0, "held": 2})
        deploy(world, "on")
        accepted = await world.call("POST", "/copy-policies/daily/run")
        while not (found := (await world.get("/operations?kind=restorePointDeletion"))["value"]):
            await world.advance(seconds=1)
        deploy(world, "off")
        begun = len(deletes(world))
        for _ in range(6):
            await world.advance(minutes=10)
        open_ = [one for one in (await world.get("/operations?kind=restorePointDeletion"))["value"] if one["status"] == "Running"]
        assert len(open_) >= len(found) - begun - 1
        assert {one["attention"]["code"] for one in open_} == {"RetentionOff"}
        held = len(deletes(world))
        by_a_caller = await world.call("DELETE", f"/restore-point-copies/{before[3]['id']}")
        assert by_a_caller.status == 202, by_a_caller
        await world.until_ended(f"/operations/{by_a_caller.body['id']}")
        assert len(deletes(world)) == held + 1
        audited = [one for one in (await world.get("/copy-policies/daily/audit"))["value"] if one["event"] == "copyDeleted"]
        assert [(one["actor"]["kind"], one["detail"]["deletions"][0]["copyId"]) for one in audited] == [("app", before[3]["id"])]
        deploy(world, "on")
        assert (await world.until_ended(f"/copy-policies/daily/runs/{accepted.body['id']}"))["status"] == "Succeeded"

    start(story)


@pytest.mark.parametrize("point", [*DELETION_POINTS, *PRUNING_POINTS, "accept.written", "step.ended", "step.sent"])
def test_a_run_that_prunes_goes_on_where_a_worker_ends(start: Start, point: str) -> None:
    async def story(world: World) -> None:
        before = await fill(world, 4)
        accepted = await world.call("POST", "/copy-policies/daily/run")
        world.app.points.arm(point)
        run = await world.until_ended(f"/copy-policies/daily/runs/{accepted.body['id']}")
        assert (run["status"], run["counts"]["deletions"]) == ("Succeeded", {"accepted": 2, "done": 2, "refused": 0, "held": 0})
        assert set(deletes(world)) == points(before[:2])
        assert world.app.points.reached(point)

    start(story)
