"""A life of a data center killed at each crash point, and a draw of the calls whose answers are lost or late (`kills.py` has all)."""

import pytest

from tests.data_centers.kills import CALLS, FAULTS, POINTS, faulted, killed


@pytest.mark.parametrize("point", POINTS)
async def test_killed_at_each_point_with_doubled_messages_a_life_is_lived_once(point: str) -> None:
    await killed(point)


@pytest.mark.parametrize("number", range(0, len(CALLS), 2))
async def test_with_an_answer_that_is_lost_or_late_a_life_is_lived_once(number: int) -> None:
    await faulted(number, tuple(FAULTS)[number // 2 % len(FAULTS)])
