"""The pace: how many queue messages a process works on at once."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from shared.operations.running.pace import FIRST, LATE_SECONDS, LEAST, MOST, Pace


@given(st.lists(st.tuples(st.integers(0, MOST), st.floats(0, 0.2)), max_size=80))
def test_the_limit_stays_in_its_bounds_and_follows_the_delay(seen: list[tuple[int, float]]) -> None:
    pace = Pace()
    for working, late in seen:
        before, pace.working = pace.limit, working
        pace.observe(late)
        assert LEAST <= pace.limit <= MOST
        if late > LATE_SECONDS:
            assert pace.limit <= max(LEAST, before)
        else:
            assert pace.limit == min(MOST, before + 1)


def test_a_loop_that_stays_late_is_down_to_the_least_within_a_second() -> None:
    pace = Pace()
    pace.limit = pace.working = MOST
    for _ in range(20):
        pace.observe(LATE_SECONDS * 2)
        pace.working = min(pace.working, pace.limit)
    assert pace.limit == LEAST


async def test_no_more_messages_are_worked_on_than_the_limit_and_each_gets_its_turn() -> None:
    pace, go_on, most, done = Pace(), asyncio.Event(), 0, 0

    async def message() -> None:
        nonlocal most, done
        async with pace.work():
            most = max(most, pace.working)
            await go_on.wait()
            done += 1

    messages = [asyncio.create_task(message()) for _ in range(3 * FIRST)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert pace.working == FIRST
    go_on.set()
    await asyncio.gather(*messages)
    assert (done, pace.working) == (3 * FIRST, 0)
    assert most <= MOST


async def test_a_message_that_fails_or_is_canceled_gives_its_place_back() -> None:
    pace = Pace()
    pace.limit = 1

    async def failing() -> None:
        async with pace.work():
            raise ValueError

    async def waiting() -> None:
        async with pace.work():
            await asyncio.Event().wait()

    await asyncio.gather(failing(), return_exceptions=True)
    first, second = asyncio.create_task(waiting()), asyncio.create_task(waiting())
    for _ in range(10):
        await asyncio.sleep(0)
    assert pace.working == 1
    second.cancel()
    first.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    async with asyncio.timeout(5), pace.work():
        assert pace.working == 1
