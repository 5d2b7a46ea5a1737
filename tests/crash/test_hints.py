"""Messages are hints: doubled, needless or stale ones, two ticks at once, and a worker that stood still beyond its lease change nothing."""

import asyncio
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from functions.capabilities import load
from shared.clock import to_text
from shared.composition import Runtime, build
from shared.settings import Settings
from tests.crash.conftest import LEASE_SECONDS, Deaths
from tests.crash.fleet import REQUESTS, Fleet
from tests.crash.world import World, world


async def _small_world(fleet: Fleet, name: str) -> World:
    small = world(name, (await fleet.simulation.clock()).now, chains=1, points=2, machines=1, minutes=1)
    await fleet.hold(small)
    return small


async def test_every_message_comes_three_times(fleet: Fleet) -> None:
    small = await _small_world(fleet, "doubled")
    for wanted in small.points:
        await fleet.start(wanted)
    for wanted in small.machines:
        for _ in range(3):
            fleet.send({**wanted.body, "id": "doubled", "tenant": wanted.tenant})
    for _ in range(200):
        await fleet.nudge(times=3)
        await fleet.simulation.advance("PT2M")
        if not await fleet.active() and not fleet.waiting(REQUESTS):
            break
    for wanted in small.machines:
        await fleet.adopt(wanted, "doubled")
    await fleet.compare()


@asynccontextmanager
async def _another_app(fleet: Fleet) -> AsyncIterator[Runtime]:
    """The app once more, in this process, on the same storage and the same Azure."""
    values: dict[str, Any] = {"storage_connection": fleet.running.storage, "clock_url": f"{fleet.running.azure}/_simulation/clock"}
    app = await build(Settings(**values, resource_manager_url=fleet.running.azure), load(()))
    try:
        yield app
    finally:
        await app.close()


async def test_four_ticks_at_once_dispatch_each_row_once(fleet: Fleet) -> None:
    small = await _small_world(fleet, "ticks")
    dispatched = 0
    async with _another_app(fleet) as one, _another_app(fleet) as other:
        for wanted in (*small.points, *small.machines):
            await fleet.start(wanted)
        for _ in range(100):
            await fleet.simulation.advance("PT0S")
            async with _nobody_else_at_work(fleet):
                await fleet.move_without_host("PT2M")
                await asyncio.gather(one.clock.refresh(), other.clock.refresh())
                due = [row for row in await fleet.active() if row["nextAt"] <= to_text(one.clock.now())]
                ticked = await asyncio.gather(*(app.tick.run() for app in (one, other, one, other)))
            assert sum(tick.steps + tick.checks for tick in ticked) == len(due)
            dispatched += len(due)
            if not await fleet.active():
                break
    assert dispatched > len(small.points)
    await fleet.compare()


@asynccontextmanager
async def _nobody_else_at_work(fleet: Fleet) -> AsyncIterator[None]:
    """Have the workers stand still."""
    pids = fleet.running.workers()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def test_the_same_request_at_once_on_two_workers_is_one_operation(fleet: Fleet) -> None:
    small = await _small_world(fleet, "at-once")
    for wanted in (*small.points, *small.machines):
        key = str(uuid.uuid4())
        asked = await asyncio.gather(*(fleet.start(wanted, key=key) for _ in range(12)))
        assert len({one.operation for one in asked}) == 1
    await fleet.until_ended()
    await fleet.compare()


POINTS = ("step.claimed", "step.intended", "step.sent", "step.ended", "finish.written", "announce.released", "check.read")


@pytest.mark.parametrize("point", POINTS)
async def test_a_worker_stands_still_beyond_its_lease_and_goes_on(fleet: Fleet, deaths: Deaths, point: str) -> None:
    small = await _small_world(fleet, f"paused-{point.replace('.', '-')}")
    for wanted in (*small.points, *small.machines):
        await fleet.start(wanted)
    deaths.pause(point)
    stopped: int | None = None
    for _ in range(100):
        advancing = asyncio.create_task(fleet.simulation.advance("PT2M"))
        while not advancing.done() and stopped is None:
            await asyncio.sleep(0.02)  # a process stands still in real time
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
    """Wait until the lease of whoever stands still is over, and have the other worker look at everything meanwhile and after it."""
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
