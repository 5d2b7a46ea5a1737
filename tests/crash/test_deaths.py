"""A process is killed at each crash point, and everything ends as if it had lived.

Each capability meets a part of the points; tests/in_memory has every point of each, three times. `--each-point` kills real processes for
all of these, too: `python3 -m local test tests/crash/test_deaths.py --each-point`.
"""

import pytest

from shared.operations.crash_points import RESTORE_POINTS
from tests.crash.conftest import Deaths
from tests.crash.dying import (
    OF_CHANGES,
    OF_OPERATIONS,
    REJECTING,
    Dying,
    changes_survive,
    copies_survive,
    failovers_survive,
    rejection_survives,
    restores_survive,
)
from tests.crash.fleet import Fleet

OF_COPIES = ("accept.locked", "tick.pushed", "step.claimed", "step.sent", "check.read", "check.queued", "announce.sent")
OF_FAILOVERS = ("accept.written", "tick.queued", "step.intended", "check.written", "finish.written", "announce.removed")
OF_SET_UP = ("accept.queued", "step.ended", "announce.released")
OF_RESTORES = ("restore.intended", "restore.deleted")
SURVIVAL = {
    "copies": (copies_survive, OF_COPIES, OF_OPERATIONS),
    "failovers": (failovers_survive, OF_FAILOVERS, OF_OPERATIONS),
    "changes": (changes_survive, OF_SET_UP, OF_CHANGES),
    "restores": (restores_survive, OF_RESTORES, RESTORE_POINTS),
    "rejected messages": (rejection_survives, REJECTING, REJECTING),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let the processes of one test end at several points, or at one up to three times."""
    if "points" not in metafunc.fixturenames:
        return
    each = metafunc.config.getoption("--each-point")
    cases = [
        (what, points, 3 if each else 1)
        for what, (_, some, every) in SURVIVAL.items()
        for points in ([(point,) for point in every] if each else [some])
    ]
    metafunc.parametrize(("what", "points", "most"), cases, ids=[f"{what}-{'-'.join(points)}" for what, points, _ in cases])


async def test_deaths_change_nothing_of_the_end(fleet: Fleet, deaths: Deaths, what: str, points: tuple[str, ...], most: int) -> None:
    survive, _, _ = SURVIVAL[what]
    await survive(fleet, Dying(deaths, points, most))


def test_each_point_has_its_death() -> None:
    assert sorted((*OF_COPIES, *OF_FAILOVERS, *OF_SET_UP)) == sorted(OF_OPERATIONS)
