"""A worker that stops beyond its lease and goes on changes nothing, though another has taken its work over meanwhile.

`--each-point` stops one at further points: `python3 -m local test tests/crash/test_pauses.py --each-point`.
"""

import asyncio
import os
import signal
import time

import pytest

from tests.crash.conftest import LEASE_SECONDS, Deaths
from tests.crash.dying import small_world
from tests.crash.fleet import Fleet

IN_CI = ("step.intended", "step.sent", "check.read")
POINTS = (*IN_CI, "step.claimed", "step.ended", "finish.written", "announce.released")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Stop a worker at the points that are asked for."""
    metafunc.parametrize("point", POINTS if metafunc.config.getoption("--each-point") else IN_CI)


async def test_a_worker_pauses_beyond_its_lease_and_goes_on(fleet: Fleet, deaths: Deaths, point: str) -> None:
    small = await small_world(fleet, f"paused-{point.replace('.', '-')}")
    for wanted in (*small.points, *small.machines):
        await fleet.start(wanted)
    deaths.pause(point)
    stopped: int | None = None
    for _ in range(100):
        advancing = asyncio.create_task(fleet.simulation.advance("PT2M"))
        while not advancing.done() and stopped is None:
            await asyncio.sleep(0.02)  # a process is paused in real time
            stopped = _standing_still(fleet) if deaths.reached(point) else None
        if stopped is not None:
            await _others_go_on(fleet)
            os.kill(stopped, signal.SIGCONT)
            await advancing
            break
        await advancing
    assert stopped is not None, f"{point} was never reached"
    await fleet.until_ended()
    await fleet.compare()
    fleet.looked_before_each_repetition()


async def _others_go_on(fleet: Fleet) -> None:
    """Wait until the lease of the paused worker is over, and have the other worker look at everything meanwhile and after it."""
    until = time.monotonic() + LEASE_SECONDS * 7 / 6 + 1
    while time.monotonic() < until:
        await fleet.nudge()
        await asyncio.sleep(0.3)  # a lease is wall time


def _standing_still(fleet: Fleet) -> int | None:
    for pid in fleet.running.workers():
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            if stat.read().rsplit(")", 1)[1].split()[0] == "T":
                return pid
    return None
