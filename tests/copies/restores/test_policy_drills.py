"""Drills of policies: rotating VMs, in the policy's window, with their evidence; and the pure rules of when and which."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.copies.restores.drills.choosing import Candidate, choose
from shared.copies.restores.drills.timing import due_instant, next_instant
from tests.copies.deletions.kit import Start
from tests.copies.policies.kit import Json, Story, World, policy, run_story
from tests.copies.restores.kit import ISOLATED, of_disks, resources

MADE = datetime(2026, 3, 1, 8, tzinfo=UTC)
DAY = timedelta(days=1)
TARGET = {"region": "northeurope", "resourceGroup": "contoso-recovery", "drillIn": {"resourceGroup": "contoso-recovery", "subnetId": None}}


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Runs a story before the sample estate with three further machines of contoso's."""

    def run(story: Story) -> None:
        run_story(story, tmp_path, machines=3)

    return run


def drilled(**changes: Any) -> Json:
    """Return a policy's document with a drill of disks every day."""
    return policy(targets=[TARGET], drill={"every": "P1D", "kind": "disks"}, **changes)


async def drills(world: World) -> list[Json]:
    """Return the drills of the policy, oldest first."""
    return list(reversed((await world.get("/restores?policy=daily&top=1000"))["value"]))


def machine_of(drill: Json) -> str:
    """Return the name of the only VM of a drill."""
    vm: str = drill["machines"][0]["source"]["virtualMachineId"]
    return vm.rpartition("/")[2]


@pytest.mark.process
def test_a_policy_drills_each_of_its_machines_in_turn(start: Start) -> None:
    async def story(world: World) -> None:
        await world.advance(hours=(12 - world.now.hour) % 24 or 24)  # the copies of midnight are usable when the first drill is due
        written = await world.put("daily", drilled(schedule={"every": "P1D"}))
        assert datetime.fromisoformat(written["nextDrill"]) == datetime.fromisoformat(written["createdAt"]) + DAY
        for _ in range(4 * 12):
            await world.advance(hours=2)
        for _ in range(6):
            await world.advance(minutes=10)
        found = await drills(world)
        assert [one["status"] for one in found] == ["Succeeded"] * len(found), found
        assert len(found) in {3, 4}
        assert [machine_of(one) for one in found][:3] == ["fleet000", "fleet001", "fleet002"]
        assert {one["policy"] for one in found} == {"daily"}
        assert {one["requestedBy"]["kind"] for one in found} == {"system"}
        page = {one["name"]: one for one in (await world.get("/protection?top=1000"))["value"]}
        last = page["fleet001"]["targets"][0]["lastDrill"]
        assert last["restoreId"] == found[1]["id"]
        assert (last["verified"], last["recoveryTimeSeconds"]) == ("disks", found[1]["recoveryTimeSeconds"])
        assert not [one for one in resources(world) if "/contoso-recovery/" in one and "/disks/" in one]

    start(story)


@pytest.mark.process
def test_drills_that_were_missed_are_one_each_takes_another_vm_and_one_that_cannot_begin_is_recorded(start: Start) -> None:
    async def story(world: World) -> None:
        document = drilled(schedule={"every": "P10D", "anchor": "2026-01-01T00:00:00Z"})
        document["drill"] = {"every": "P1D", "kind": "disks", "keepFor": "P7D"}
        await world.put("daily", document)
        await world.advance(days=1, minutes=1)
        await world.advance(minutes=1)
        (skipped,) = await drills(world)
        assert (skipped["status"], skipped["error"]["code"], skipped["machines"]) == ("Failed", "DrillSkipped", []), skipped
        run = await world.call("POST", "/copy-policies/daily/run")
        await world.until_ended(f"/copy-policies/daily/runs/{run.body['id']}")
        await world.advance(hours=1)
        await world.advance(days=5)  # one step: five instants pass
        await world.advance(minutes=10)
        _, standing = await drills(world)
        assert (standing["status"], machine_of(standing)) == ("Running", "fleet000"), standing
        copies = (await world.get("/restore-point-copies?policy=daily"))["value"]
        others = [one for one in copies if machine_of({"machines": [one]}) != "fleet000"]
        await world.advance_to(datetime.fromisoformat((await world.get("/copy-policies/daily"))["nextDrill"]) - timedelta(minutes=5))
        world.fault("throttle", method="PUT", path="/disks/", retryAfter=600, duration="PT4H")
        named = [{"source": {"copyId": one["id"]}, "name": f"machine{number}"} for number, one in enumerate(others)]
        assert (await world.call("POST", "/restores", of_disks([], machines=named))).status == 202
        await world.advance(minutes=15)
        assert len(await drills(world)) == 2  # it waits for the copies, which are being restored
        for _ in range(3):
            await world.advance(minutes=30)
        busy = (await drills(world))[-1]
        assert (busy["status"], busy["error"]["code"]) == ("Failed", "ScopeBusy"), busy
        for step in (4, 20):
            await world.advance(hours=step)
            await world.advance(minutes=10)
        following = (await drills(world))[-1]
        assert (following["status"], machine_of(following)) == ("Running", "fleet001"), following
        events = {(one["type"], one["id"].partition("/")[0]) for one in world.take_events()}
        assert {("farshore.restore.failed", one["id"]) for one in (skipped, busy)} <= events
        disabled = await world.put("daily", drilled(enabled=False))
        assert disabled["nextDrill"] is None
        await world.advance(days=3)
        assert len(await drills(world)) == 4

    start(story)


@pytest.mark.process
def test_a_drill_that_cannot_be_made_is_a_result_and_a_network_with_a_peering_is_a_warning(start: Start) -> None:
    async def story(world: World) -> None:
        estate = world.app.platform.estate()
        network = next(one for one in estate["virtualNetworks"] if one["id"] == ISOLATED.partition("/subnets/")[0])
        network["peerings"] = [{"name": "p", "remote": network["id"].replace("north", "west")}]
        world.app.platform.replace_estate(estate)
        place = {"resourceGroup": "contoso-recovery", "subnetId": ISOLATED}
        drill = {"every": "P1D", "kind": "virtualMachine"}
        written = await world.put("daily", policy(targets=[{**TARGET, "drillIn": place}], drill=drill))
        assert ("NetworkNotIsolated", "targets[0].drillIn.subnetId") in {(one["code"], one["target"]) for one in written["warnings"]}
        for _ in range(26):
            await world.advance(hours=1)
        (found,) = await drills(world)
        assert (found["status"], found["error"]["code"]) == ("Failed", "NetworkNotIsolated"), found
        events = [one["type"] for one in world.take_events() if one["id"].startswith(found["id"])]
        assert events == ["farshore.restore.failed"]
        west = {**place, "subnetId": ISOLATED.replace("northeurope", "westeurope")}
        answer = await world.call("PUT", "/copy-policies/other", policy(targets=[{**TARGET, "drillIn": west}], drill=drill))
        assert (answer.status, answer.body["error"]["target"]) == (400, "targets[0].drillIn.subnetId"), answer

    start(story)


@given(days=st.integers(0, 60), every=st.integers(1, 20), counted=st.integers(-5, 60))
def test_an_instant_is_due_once_and_the_next_one_follows_it(days: int, every: int, counted: int) -> None:
    now, after, period = MADE + days * DAY, MADE + counted * DAY, every * DAY
    due, following = due_instant(MADE, period, after, now), next_instant(MADE, period, after, now)
    instants = [MADE + number * period for number in range(1, 200)]
    assert due == max((one for one in instants if after < one <= now and one > now - period), default=None)
    assert following == next(one for one in instants if one > max(now, after))


def test_machines_that_were_never_drilled_come_first_then_the_longest_ago() -> None:
    moments = [MADE + number * DAY for number in range(3)]
    found = [
        Candidate("/vm/c", "a", "1", moments[2], moments[2]),
        Candidate("/vm/b", "a", "2", moments[0], moments[1]),
        Candidate("/vm/a", "b", "3", None, moments[1]),
        Candidate("/vm/a", "a", "4", None, None),
    ]
    assert [one.copy_id for one in choose(found, 2)] == ["4", "2"]
    assert [one.copy_id for one in choose(found, 9)] == ["4", "2", "1"]
    assert choose([], 3) == []
    same = [replace(one, virtual_machine_id=f"/group/{one.copy_id}/vm/we.b") if one.copy_id in "12" else one for one in found]
    assert [one.copy_id for one in choose(same, 9)] == ["4", "2"], "two machines of one name, of two resource groups, would share disks"
    again = [replace(one, running_since=moments[2]) if one.copy_id == "4" else one for one in found]
    assert [one.copy_id for one in choose(again, 2)] == ["2", "3"]
