"""A draw of the matrix of changes on Azure Pack that are killed, meet faults, or are delivered twice (`kills.py` has all of it)."""

import pytest

from tests.virtual_machines.azure_pack.kills import doubled, faulted, killed


@pytest.mark.parametrize("rotation", [0, 5, 10])
async def test_killed_at_a_point_each_change_is_made_once(rotation: int) -> None:
    await killed(rotation)


@pytest.mark.parametrize("rotation", [0, 2])
async def test_with_answers_that_are_lost_or_late_each_change_is_made_once(rotation: int) -> None:
    await faulted(rotation)


async def test_with_each_message_delivered_twice_each_change_is_made_once() -> None:
    await doubled()
