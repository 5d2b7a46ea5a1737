"""Messages and requests that come several times, one after another or at once, are one operation."""

import asyncio
import uuid

import pytest

from tests.crash.dying import small_world
from tests.crash.fleet import REQUESTS, Fleet

pytestmark = pytest.mark.process


async def test_every_message_comes_three_times(fleet: Fleet) -> None:
    small = await small_world(fleet, "doubled")
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


async def test_the_same_request_twelve_times_at_once_is_one_operation(fleet: Fleet) -> None:
    small = await small_world(fleet, "at-once")
    for wanted in (*small.points, *small.machines):
        key = str(uuid.uuid4())
        asked = await asyncio.gather(*(fleet.start(wanted, key=key) for _ in range(12)))
        assert len({one.operation for one in asked}) == 1
    await fleet.until_ended()
    await fleet.compare()
