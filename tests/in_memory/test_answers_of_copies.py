"""Answers of Azure that are lost, late or wrong, on each write and on reads: begun once, looked for before it is sent again."""

import pytest

from tests.crash.fleet import Fleet
from tests.crash.world import Json, world

pytestmark = pytest.mark.process

FAULTS: dict[str, Json] = {
    "lost": {"fault": "lostResponse"},
    "late": {"fault": "lateEffect", "delay": "PT3M"},
    "very late": {"fault": "lateEffect", "delay": "PT20M"},
    "error after its effect": {"fault": "errorAfterEffect", "status": 500},
    "error": {"fault": "error", "status": 503},
    "no answer": {"fault": "timeout"},
    "throttled": {"fault": "throttle", "retryAfter": 90},
}


async def _ask(fleet: Fleet, name: str) -> None:
    small = world(name, (await fleet.simulation.clock()).now, chains=1, points=2, machines=1, minutes=1)
    await fleet.hold(small)
    for wanted in (*small.points, *small.machines):
        await fleet.start(wanted)


@pytest.mark.parametrize("what", FAULTS)
async def test_the_answer_to_each_write_goes_wrong_twice(fleet: Fleet, what: str) -> None:
    name = what.replace(" ", "-")
    small = world(name, (await fleet.simulation.clock()).now, chains=1, points=2, machines=1, minutes=1)
    await fleet.hold(small)
    for group in (f"{name}-production", f"{name}-recovery"):
        for kind in ("/restorePointCollections/[^/]+$", "/restorePoints/[^/]+$"):
            await fleet.simulation.add_fault(method="PUT", path=f"{group}/.*{kind}", times=2, **FAULTS[what])
    for wanted in (*small.points, *small.machines):
        await fleet.start(wanted)
    await fleet.until_ended(step="PT2M")
    assert all(fault["remaining"] < 2 for fault in await fleet.simulation.faults()), "a write met no fault"
    await fleet.compare()
    fleet.looked_before_each_repetition()


@pytest.mark.parametrize("what", ["lost", "error", "throttled"])
async def test_the_answers_to_reads_go_wrong_for_a_while(fleet: Fleet, what: str) -> None:
    name = f"reads-{what}"
    await _ask(fleet, name)
    await fleet.simulation.add_fault(method="GET", path="restorePoint", times=25, **FAULTS[what])
    await fleet.until_ended(step="PT2M")
    await fleet.compare()
    fleet.looked_before_each_repetition()
