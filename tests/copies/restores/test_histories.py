"""Workers die at each crash point of a restore; a few histories are drawn, more by `python3 -m tests.copies.restores.histories 500`."""

from pathlib import Path

import pytest

from shared.operations.crash_points import RESTORE_POINTS
from tests.copies.policies.kit import World, run_story
from tests.copies.restores.histories import history
from tests.copies.restores.kit import drill, ended, plant_copies, resources
from tests.copies.restores.kit import start as ask

pytestmark = pytest.mark.process


@pytest.mark.parametrize("point", RESTORE_POINTS)
def test_a_drill_goes_on_and_leaves_nothing_where_workers_end_three_times(tmp_path: Path, point: str) -> None:
    async def story(world: World) -> None:
        planted, before = plant_copies(world), resources(world)
        source = {"source": {"restorePointId": planted[0]}}
        of_disks = point == "restore.deleted"  # a machine takes its disks and its interface with it: one deletion
        changes = {"kind": "disks", "network": None} if of_disks else {}
        accepted = await ask(world, drill([], machines=[source], **changes))
        reached = 0
        for _ in range(6):
            world.app.points.arm(point)
            await world.advance(minutes=3)
            reached += world.app.points.reached(point)
        assert reached >= 3
        world.app.points.disarm()
        restore = await ended(world, accepted.body)
        assert (restore["status"], restore["error"], restore["verified"]) == ("Succeeded", None, "disks" if of_disks else "agent"), restore
        assert resources(world) == before
        made = [str(one["path"]).lower() for one in world.effects() if one["method"] == "PUT"]
        assert set(made) == {one["id"].lower() for one in restore["machines"][0]["resources"]}
        assert len([one for one in made if "/virtualmachines/" in one]) == (0 if of_disks else 1)

    run_story(story, tmp_path)


@pytest.mark.parametrize("seed", range(6))
def test_a_history_leaves_nothing_behind_and_deletes_no_real_machine(tmp_path: Path, seed: int) -> None:
    history(seed, tmp_path)


def test_a_seed_repeats_its_history(tmp_path: Path) -> None:
    assert history(3, tmp_path) == history(3, tmp_path)
