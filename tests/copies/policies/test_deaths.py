"""Workers end at the crash points of a run, answers are lost, Azure refuses for rates: one restore point per VM, one copy per place."""

from collections import Counter
from pathlib import Path

import pytest

from shared.clock import from_text
from shared.operations.crash_points import RUN_POINTS
from tests.copies.policies.kit import TWO_TARGETS, Json, World, policy, run_story

pytestmark = pytest.mark.process
MACHINES = 2
DAILY = "daily"
"""The partition of `locks` for what is done once a day, which no operation holds."""
OF_THE_CORE = ("accept.written", "tick.pushed", "step.claimed", "step.ended", "finish.written", "announce.sent")
"""Some of the core's points, which operations of every kind visit (tests/in_memory)."""


async def compare(world: World, slot: str) -> None:
    """Wait for the end of the run of a slot, and compare what it leaves with what it should."""
    (run,) = await world.runs("daily")
    assert run["slot"] == slot
    ended = await world.until_ended(f"/copy-policies/daily/runs/{run['id']}", minutes=10, most=150)
    assert (ended["status"], ended["error"], ended["counts"]["copies"]["usable"]) == ("Succeeded", None, 2 * MACHINES)
    made = Counter(str(one["path"]).lower() for one in world.effects("/restorePoints/") if one["method"] == "PUT")
    assert len(made) == 3 * MACHINES
    copies = (await world.get("/restore-point-copies?policy=daily&top=1000"))["value"]
    assert {one["run"] for one in copies} == {run["id"]}
    assert len({one["source"]["restorePointId"] for one in copies}) == MACHINES
    assert len({(one["source"]["virtualMachineId"], one["target"]["region"]) for one in copies}) == 2 * MACHINES
    events = [one["id"] for one in world.take_events() if one["type"].startswith("farshore.copyPolicy.")]
    assert set(events) == {f"{run['id']}/terminal"}
    assert [partition for partition, _ in world.app.storage.table("locks").rows if partition != DAILY] == []


@pytest.mark.parametrize("point", [*RUN_POINTS, *OF_THE_CORE])
def test_a_run_goes_on_where_a_worker_ends(tmp_path: Path, point: str) -> None:
    async def story(world: World) -> None:
        written = await world.put("daily", policy(targets=TWO_TARGETS))
        world.app.points.arm(point)
        await world.advance_to(from_text(written["nextSlot"]))
        for _ in range(4):
            await world.advance(minutes=1)
        await compare(world, written["nextSlot"])
        assert world.app.points.reached(point)

    run_story(story, tmp_path, machines=MACHINES)


@pytest.mark.parametrize("point", RUN_POINTS)
def test_a_run_goes_on_where_workers_end_three_times(tmp_path: Path, point: str) -> None:
    async def story(world: World) -> None:
        written = await world.put("daily", policy(targets=TWO_TARGETS))
        await world.advance(minutes=1)
        world.app.points.arm(point)
        await world.advance_to(from_text(written["nextSlot"]))
        for _ in range(3):
            world.app.points.arm(point)
            await world.advance(minutes=3)
        await compare(world, written["nextSlot"])

    run_story(story, tmp_path, machines=MACHINES)


STORMS: dict[str, Json] = {
    "lost answers": {"fault": "lostResponse", "rate": 0.1},
    "errors": {"fault": "error", "status": 503, "rate": 0.05},
    "refusals for rates": {"fault": "throttle", "retryAfter": 30, "rate": 0.3},
}


@pytest.mark.parametrize("storm", STORMS)
def test_a_run_comes_through_a_storm(tmp_path: Path, storm: str) -> None:
    async def story(world: World) -> None:
        written = await world.put("daily", policy(targets=TWO_TARGETS))
        world.fault(**STORMS[storm], path="Microsoft.Compute", seed="s", duration="PT3H")
        await world.advance_to(from_text(written["nextSlot"]))
        for _ in range(40):
            await world.advance(minutes=5)
        await compare(world, written["nextSlot"])

    run_story(story, tmp_path, machines=MACHINES)
