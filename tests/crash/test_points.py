"""The process is killed at each named point between two lines that touch the outside, and everything ends as if it had lived."""

import json
from collections import Counter

import pytest

from shared.operations.crash_points import POINTS
from tests.crash.conftest import Deaths
from tests.crash.fleet import REQUESTS, Fleet
from tests.crash.world import World, world

REJECTING = ("reject.written", "reject.sent")
TELLING = "step.delivered"
DEATHS = 3
"""So often a process dies at the point, each time with another operation or another effect under way."""


async def _small_world(fleet: Fleet, point: str) -> World:
    small = world(point.replace(".", "-"), (await fleet.simulation.clock()).now, chains=1, points=2, machines=1, minutes=1)
    await fleet.hold(small)
    return small


async def _die_and_end(fleet: Fleet, deaths: Deaths, point: str) -> int:
    """Advance until all has ended, with a death at the point each time that it is reached, up to `DEATHS`; return how many there were."""
    died = 0
    for _ in range(300):
        await fleet.simulation.advance("PT5M")
        if deaths.reached(point):
            died += 1
            deaths.disarm()
            if died < DEATHS:
                deaths.arm(point)
        if not await fleet.at_work() and not fleet.waiting(REQUESTS):
            return died + deaths.reached(point)
    raise AssertionError(f"{died} deaths, and still active: {[(row['RowKey'], row['step']) for row in await fleet.active()]}")


@pytest.mark.parametrize("point", [point for point in POINTS if point not in (*REJECTING, TELLING)])
async def test_death_at_a_point_changes_nothing_of_the_end(fleet: Fleet, deaths: Deaths, point: str) -> None:
    small = await _small_world(fleet, point)
    deaths.arm(point)
    for wanted in small.points:
        await fleet.start(wanted)
    for wanted in small.machines:
        key = f"message-{point}"
        fleet.send({**wanted.body, "id": key, "tenant": wanted.tenant})
    died = await _die_and_end(fleet, deaths, point)
    assert died >= 1, f"{point} was never reached"
    for wanted in small.machines:
        await fleet.adopt(wanted, f"message-{point}")
    await fleet.compare()


async def test_death_while_it_tells_that_a_person_must_look(fleet: Fleet, deaths: Deaths) -> None:
    small = await _small_world(fleet, TELLING)
    asked = await fleet.start(small.points[0])
    await fleet.simulation.add_fault("error", method="GET", path="restorePointCollections", rate=1)
    deaths.arm(TELLING)
    for _ in range(100):
        await fleet.simulation.advance("PT5M")
        if deaths.reached(TELLING):
            break
    assert deaths.reached(TELLING)
    await fleet.simulation.clear_faults()
    await fleet.until_ended()
    await fleet.compare()
    told = Counter(event["id"] for event in fleet.events)
    assert told[f"{asked.operation}/attention/1"] >= 1
    assert set(told) == {f"{asked.operation}/attention/1", f"{asked.operation}/terminal"}


@pytest.mark.parametrize("point", REJECTING)
async def test_death_while_a_message_is_rejected(fleet: Fleet, deaths: Deaths, point: str) -> None:
    await _small_world(fleet, point)
    before = {row["RowKey"] for row in await fleet.rows("rejected")}
    deaths.arm(point)
    fleet.send(text := json.dumps({"source": {"restorePointId": "no id at all"}, "target": {"region": "northeurope"}}))
    assert await _die_and_end(fleet, deaths, point) >= 1
    rejected = [row for row in await fleet.rows("rejected") if row["RowKey"] not in before]
    assert len(rejected) == 1
    assert rejected[0]["body0"].decode() == text
    assert rejected[0]["told"] is True
    assert {event["id"] for event in fleet.take_events()} == {f"rejected/{rejected[0]['RowKey']}"}
