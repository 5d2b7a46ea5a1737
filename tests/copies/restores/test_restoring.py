"""Restores of disks and machines: what is made, what is recorded, what is refused."""

from pathlib import Path

import pytest

from tests.copies.deletions.kit import Start, copy_of
from tests.copies.policies.kit import Story, World, run_story
from tests.copies.restores.kit import WEB, of_disks, request, resources, restored

pytestmark = pytest.mark.process


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Runs a story before the sample estate with two further machines of contoso's."""

    def run(story: Story) -> None:
        run_story(story, tmp_path, machines=2)

    return run


def test_disks_are_made_of_a_copy(start: Start) -> None:
    async def story(world: World) -> None:
        copy, before = await copy_of(world, WEB), resources(world)
        restore = await restored(world, of_disks([copy]))
        assert (restore["status"], restore["error"], restore["verified"]) == ("Succeeded", None, "disks"), restore
        made = {one["id"].lower() for one in restore["machines"][0]["resources"]}
        assert resources(world) - before == made
        assert len(made) == 3

    start(story)


def test_a_machine_is_made_of_a_copy(start: Start) -> None:
    async def story(world: World) -> None:
        copy, before = await copy_of(world, WEB), resources(world)
        restore = await restored(world, request([copy]))
        assert (restore["status"], restore["error"], restore["verified"]) == ("Succeeded", None, "agent"), restore
        made = {one["id"].lower() for one in restore["machines"][0]["resources"]}
        assert resources(world) - before == made

    start(story)
