"""Policies from their document to the last copy of a run, in the whole app: slots, runs, what they refuse and how they end."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from shared.clock import from_text
from tests.copies.policies.kit import TWO_TARGETS, Story, World, by_hand, ended, first_slot, machine_id, policy, run_story

pytestmark = pytest.mark.process
Start = Callable[[Story], None]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Runs a story before an estate with three further machines of contoso's."""
    return lambda story: run_story(story, tmp_path, machines=3)


# slots


def test_a_slot_copies_each_vm_once_and_the_run_ends(start: Start) -> None:
    async def story(world: World) -> None:
        run = await first_slot(world)
        assert (run["trigger"], run["missed"], run["requestedBy"]["kind"]) == ("schedule", None, "system")
        found = await ended(world, run)
        assert (found["status"], found["error"], found["percentComplete"]) == ("Succeeded", None, 100)
        assert found["counts"]["copies"] == {
            "accepted": 3, "waiting": 0, "copying": 0, "usable": 3, "failed": 0, "canceled": 0, "superseded": 0
        }  # fmt: skip
        machines = await world.machines(found)
        copies = (await world.get("/restore-point-copies?policy=DAILY"))["value"]
        assert {copy["id"] for copy in copies} == {target["copyId"] for one in machines.values() for target in one["targets"]}
        assert {(one["policy"], one["run"], one["slot"], one["usable"]) for one in copies} == {("daily", run["id"], run["slot"], True)}
        assert len(world.effects("/restorePoints/")) == 6  # one restore point and one copy for each VM
        rows = [row for row, _ in world.app.storage.tables["copies"].rows.values() if "completedAt" in row]
        assert {(row["policy"], row["run"], from_text(row["slot"])) for row in rows} == {("daily", run["id"], from_text(run["slot"]))}
        kept = {(row["consistency"], row["sizeGb"], bool(row["vmId"])) for row in rows}
        assert (len(rows), kept) == (3, {("ApplicationConsistent", 64, True)})
        assert all(row["takenAt"] <= row["createdAt"] <= row["completedAt"] for row in rows)
        assert (await world.get("/copy-policies/daily"))["lastRun"] == {"id": run["id"], "slot": run["slot"], "status": "Succeeded"}

    start(story)


def test_a_slot_that_fires_again_has_one_run(start: Start) -> None:
    async def story(world: World) -> None:
        run = await first_slot(world)
        for _ in range(3):
            await world.advance(minutes=1)
        assert [one["id"] for one in await world.runs("daily")] == [run["id"]]
        await world.advance(hours=6)
        assert len(await world.runs("daily")) == 2

    start(story)


def test_a_slot_that_fires_twice_on_three_instances_at_once_has_one_run(start: Start) -> None:
    async def story(world: World) -> None:
        slot = from_text((await world.put("daily", policy()))["nextSlot"])
        world.app.platform.clock.move(slot - world.now)
        workers = world.app.workers
        instances = [workers.runtime, workers.assemble(), workers.assemble()]
        await asyncio.gather(*(timer() for instance in [*instances, *instances] for timer in instance.timers))
        (run,) = await world.runs("daily")
        assert (from_text(run["slot"]), run["trigger"]) == (slot, "schedule")
        await world.advance(minutes=1)
        assert len(await world.runs("daily")) == 1

    start(story)


@pytest.mark.parametrize(("catch_up", "trigger", "status"), [("run", "catchUp", "Running"), ("skip", "catchUp", "Canceled")])
def test_ten_days_without_power_make_one_run_or_one_record(start: Start, catch_up: str, trigger: str, status: str) -> None:
    async def story(world: World) -> None:
        written = await world.put("daily", policy(schedule={"every": "PT6H", "catchUp": catch_up}))
        await world.advance_to(from_text(written["nextSlot"]) + timedelta(days=10, hours=2))
        (run,) = await world.runs("daily")
        found = await world.get(f"/copy-policies/daily/runs/{run['id']}")
        assert (found["trigger"], found["status"], found["missed"]["count"]) == (trigger, status, 41)
        assert found["missed"]["first"] == written["nextSlot"]
        assert (found["error"] or {}).get("code") == (None if catch_up == "run" else "SlotSkipped")
        await world.advance(minutes=5)
        assert len(await world.runs("daily")) == 1

    start(story)


def test_a_slot_missed_less_than_an_hour_before_the_next_is_recorded(start: Start) -> None:
    async def story(world: World) -> None:
        written = await world.put("daily", policy())
        await world.advance_to(from_text(written["nextSlot"]) + timedelta(hours=5, minutes=30))
        (run,) = await world.runs("daily")
        assert (run["status"], run["error"]["code"], run["missed"]["count"]) == ("Canceled", "SlotSkipped", 1)

    start(story)


def test_a_change_of_the_document_catches_nothing_up_and_a_disabled_or_paused_policy_has_no_slots(start: Start) -> None:
    async def story(world: World) -> None:
        await world.put("daily", policy(enabled=False))
        await world.advance(hours=20)
        paused = policy(pausedUntil=(world.now + timedelta(hours=20)).isoformat())
        written = await world.put("daily", paused)
        assert from_text(written["nextSlot"]) >= world.now + timedelta(hours=20)
        await world.advance(hours=19)
        assert await world.runs("daily") == []
        await world.advance_to(from_text(written["nextSlot"]))
        (run,) = await world.runs("daily")
        assert (run["trigger"], run["slot"]) == ("schedule", written["nextSlot"])

    start(story)


# runs


def test_a_run_by_hand_copies_what_is_named_and_a_second_one_under_its_key_is_the_same(start: Start) -> None:
    async def story(world: World) -> None:
        await world.put("daily", policy(enabled=False))
        body, key = {"virtualMachineIds": [machine_id("fleet001")], "reason": "before a change"}, "4f3c5d2e-8a53-4a7e-9d0c-3f9f1c1f5a11"
        first = await world.call("POST", "/copy-policies/daily/run", body, Repeatability_Request_ID=key)
        again = await world.call("POST", "/copy-policies/daily/run", body, Repeatability_Request_ID=key)
        assert (first.status, again.status, again.body["id"]) == (202, 202, first.body["id"])
        other = await world.call("POST", "/copy-policies/daily/run", {}, Repeatability_Request_ID=key)
        assert (other.status, other.code) == (409, "RepeatabilityKeyReused")
        run = await ended(world, first.body)
        assert (run["status"], run["trigger"], run["slot"], run["reason"]) == ("Succeeded", "manual", None, "before a change")
        assert list(await world.machines(run)) == ["fleet001"]

    start(story)


def test_a_run_of_what_is_not_covered_and_one_beside_another_are_refused(start: Start) -> None:
    async def story(world: World) -> None:
        await world.put("daily", policy(enabled=False))
        refused = await world.call("POST", "/copy-policies/daily/run", {"virtualMachineIds": [machine_id("contoso-web01")]})
        assert (refused.status, refused.code, refused.targets) == (409, "NotCovered", {machine_id("contoso-web01")})
        await by_hand(world)
        busy = await world.call("POST", "/copy-policies/daily/run")
        assert (busy.status, busy.code) == (409, "ScopeBusy")
        wrong = await world.call("POST", "/copy-policies/daily/run", {"prune": 1, "limits": {"virtualMachines": 0}})
        assert (wrong.status, wrong.targets) == (400, {"prune", "limits.virtualMachines"})

    start(story)


def test_copies_of_one_vm_to_several_regions_share_a_restore_point(start: Start) -> None:
    async def story(world: World) -> None:
        targets = [*TWO_TARGETS, {"region": "westeurope", "resourceGroup": "contoso-recovery"}]
        run = await ended(world, await first_slot(world, targets=targets))
        assert (run["status"], run["counts"]["copies"]["usable"]) == ("Succeeded", 6)
        decisions = {(target["region"], target["code"]) for one in (await world.machines(run)).values() for target in one["targets"]}
        assert decisions == {("northeurope", None), ("uksouth", None), ("westeurope", "SameRegion")}
        copies = (await world.get(f"/restore-point-copies?run={run['id']}&top=1000"))["value"]
        assert len({one["source"]["restorePointId"] for one in copies}) == 3
        assert len(world.effects("/restorePoints/")) == 9

    start(story)


def test_the_guests_failure_makes_a_crash_consistent_restore_point_where_the_policy_states_so(start: Start) -> None:
    async def story(world: World) -> None:
        path = "/restorePointCollections/farshore-fleet00[01]-[^/]*/restorePoints/[^/]*$"
        for code in ("VMAgentStatusCommunicationError", "InternalError"):
            world.fault("failRestorePoint", method="PUT", path=path, code=code, times=2)
            consistency = {"fallback": "CrashConsistent"}
            await world.put("daily", policy(enabled=False, consistency=consistency, targets=TWO_TARGETS))
            run = await ended(world, await by_hand(world), minutes=10)
            copies = (await world.get(f"/restore-point-copies?run={run['id']}&top=1000"))["value"]
            modes = Counter(one["source"]["consistencyMode"] for one in copies if one["usable"])
            if code == "InternalError":
                assert modes == {"ApplicationConsistent": 2}
            else:
                assert (run["status"], modes) == ("Succeeded", {"CrashConsistent": 4, "ApplicationConsistent": 2})
            world.app.platform.clear_faults()
            await world.advance(hours=2)

    start(story)


def test_a_newer_copy_of_the_policy_takes_the_place_of_one_that_waits(start: Start) -> None:
    async def story(world: World) -> None:
        await world.put("daily", policy(enabled=False, selector={"virtualMachineIds": [machine_id("fleet000")]}))
        estate = world.app.platform.estate()
        for disk in estate["disks"]:
            disk["copyMinutes"] = 60 * 24
        world.app.platform.replace_estate(estate)
        runs, waited = [], []
        for _ in range(3):
            runs.append(await by_hand(world))
            for _ in range(8):
                await world.advance(minutes=15)
            waited += (await world.get(f"/restore-point-copies?run={runs[-1]['id']}"))["value"]
        assert [copy["waitingFor"] is None for copy in waited] == [True, False, False], "the chain is busy with the first"
        first, second, third = [await ended(world, run, minutes=120) for run in runs]
        assert [run["status"] for run in (first, second, third)] == ["Succeeded"] * 3
        assert [run["counts"]["copies"]["superseded"] for run in (first, second, third)] == [0, 1, 0]
        (older,) = (await world.get(f"/restore-point-copies?run={second['id']}"))["value"]
        (newer,) = (await world.get(f"/restore-point-copies?run={third['id']}"))["value"]
        assert (older["waitingFor"], newer["waitingFor"]) == (None, None)
        assert (older["status"], older["error"]["code"], older["supersededBy"]) == ("Canceled", "Superseded", newer["id"])

    start(story)


def test_what_azure_would_refuse_is_skipped_with_the_reason(start: Start) -> None:
    async def story(world: World) -> None:
        run = await first_slot(world, selector={"virtualMachineIds": [machine_id(f"contoso-{name}") for name in ("web01", "vault01")]})
        machines = await world.machines(await ended(world, run))
        assert machines["contoso-web01"]["decision"] == "copied"
        assert (machines["contoso-vault01"]["decision"], machines["contoso-vault01"]["code"]) == ("skipped", "NotSupported")

    start(story)


def test_of_two_policies_the_one_in_charge_copies_and_the_other_skips(start: Start) -> None:
    async def story(world: World) -> None:
        await world.put("night", policy(priority=1, enabled=True))
        written = await world.put("day", policy())
        assert [(one["code"], one["target"]) for one in written["warnings"]] == [("Overlap", "night")]
        run = await ended(world, await by_hand(world, "day"))
        machines = await world.machines(run)
        assert {target["code"] for one in machines.values() for target in one["targets"]} == {"CoveredByAnotherPolicy"}
        assert run["counts"]["skipped"] == 3

    start(story)


def test_as_many_copies_run_to_a_region_as_the_setting_allows(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World) -> None:
        monkeypatch.setenv("FARSHORE_COPIES_IN_FLIGHT", "1")
        world.app.workers.runtime = world.app.workers.assemble()
        world.fault("error", method="PUT", path="northeurope.*/restorePoints/", status=409, code="QuotaExceeded", times=2)
        first = await first_slot(world)
        run = await ended(world, first)
        assert (run["status"], run["counts"]["copies"]["usable"]) == ("Succeeded", 3)
        copies = (await world.get("/restore-point-copies?policy=daily"))["value"]
        times = sorted((one["startedAt"], one["completedAt"]) for one in copies)
        assert all(ended_at <= began for (_, ended_at), (began, _) in pairwise(times)), times

    start(story)


def test_a_copy_that_fails_in_azure_is_redone_once(start: Start) -> None:
    async def story(world: World) -> None:
        world.fault("failCopy", method="PUT", path="fleet001.*northeurope.*/restorePoints/", times=1)
        world.fault("failCopy", method="PUT", path="fleet002.*northeurope.*/restorePoints/", times=2)
        run = await ended(world, await first_slot(world))
        copies = run["counts"]["copies"]
        assert (run["status"], run["error"]["code"], copies["usable"], copies["failed"]) == ("Failed", "CopiesFailed", 2, 1)
        machines = await world.machines(run)
        assert machines["fleet001"]["targets"][0]["outcome"] == "usable"
        failed = machines["fleet002"]["targets"][0]
        assert (failed["outcome"], failed["code"]) == ("failed", "CopyFailed")
        assert [detail["target"] for detail in run["error"]["details"]] == [failed["copyId"]]

    start(story)


def test_a_canceled_run_accepts_nothing_more_and_cancels_copies_that_wait(start: Start) -> None:
    async def story(world: World) -> None:
        world.fault("throttle", method="PUT", path="fleet.*restorePointCollections", retryAfter=3600)
        run = await first_slot(world)
        canceled = await world.call("POST", f"/operations/{run['id']}/cancel")
        assert canceled.status == 202, canceled
        await world.advance(minutes=1)
        found = await world.get(f"/copy-policies/daily/runs/{run['id']}")
        assert found["status"] == "Canceled"
        world.app.platform.clear_faults()
        await world.advance(hours=3)
        statuses = {one["status"] for one in (await world.get(f"/restore-point-copies?run={run['id']}"))["value"]}
        assert statuses == {"Canceled"}

    start(story)


def test_a_deleted_policy_has_no_more_slots_and_its_run_accepts_nothing_more(start: Start) -> None:
    async def story(world: World) -> None:
        await world.put("daily", policy(enabled=False))
        answer = await world.call("POST", "/copy-policies/daily/run")
        deleted = await world.call("DELETE", "/copy-policies/daily", If_Match="*")
        assert deleted.status == 204
        run = await world.until_ended(f"/copy-policies/daily/runs/{answer.body['id']}")
        assert (run["status"], run["error"]["code"]) == ("Canceled", "PolicyDeleted")
        anew = await world.put("daily", policy(enabled=False))
        assert (anew["revision"], anew["lastRun"]) == (1, None)

    start(story)


def test_a_slot_that_waits_for_another_run_until_its_next_slot_is_passed(start: Start) -> None:
    async def story(world: World) -> None:
        consistency = {"mode": "CrashConsistent"}
        written = await world.put("daily", policy(schedule={"every": "PT1H"}, consistency=consistency))
        world.fault("throttle", path="subscriptions", retryAfter=60, duration="PT2H30M")  # no inventory comes to its end
        await world.advance_to(from_text(written["nextSlot"]))
        for _ in range(150):
            await world.advance(minutes=1)
        first, second, *_ = reversed(await world.runs("daily"))
        assert (first["slot"], first["status"]) == (written["nextSlot"], "Running")
        assert (second["status"], second["error"]["code"]) == ("Canceled", "SlotPassed")
        assert (await world.until_ended(f"/copy-policies/daily/runs/{first['id']}"))["status"] == "Succeeded"
        events = {one["id"]: one["type"] for one in world.take_events()}
        assert events[f"{second['id']}/terminal"] == "farshore.copyPolicy.canceled"

    start(story)
