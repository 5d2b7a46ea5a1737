"""Farshore's share of Azure's call budget, over all instances."""

import asyncio
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.operations.running.budgets import (
    CAPACITY,
    REFILL_PER_SECOND,
    WRITES,
    Budget,
    Budgets,
    Observed,
    allowance,
    observe,
    owed,
    spend,
)
from tests.operations.conftest import Another
from tests.operations.kit import Core, make_core
from tests.support.clocks import START

KEY = "sub-1/read"
_shares = st.floats(0.05, 1)
_gaps = st.lists(st.tuples(st.floats(0, 300), st.integers(0, 3000)), max_size=40)


@given(_shares, _gaps)
def test_never_more_is_released_than_our_share_of_what_the_bucket_held_and_was_filled_with(
    share: float, wishes: list[tuple[float, int]]
) -> None:
    budget, now, released = Budget(CAPACITY * share, START), START, 0
    for gap, wanted in wishes:
        now += timedelta(seconds=gap)
        count = min(allowance(budget, now, share), wanted)
        budget = spend(budget, count, now, share)
        released += count
        assert released <= share * (CAPACITY + REFILL_PER_SECOND * (now - START).total_seconds()) + 1e-6


@given(_shares, st.integers(0, 12000), st.lists(st.tuples(st.floats(0, 10), st.integers(0, 500)), max_size=20))
def test_after_a_header_never_more_is_released_than_our_share_of_what_it_left(
    share: float, remaining: int, wishes: list[tuple[float, int]]
) -> None:
    budget = observe(Budget(CAPACITY * share, START), Observed(KEY, remaining, None, START))
    now, released = START, 0
    for gap, wanted in wishes:
        now += timedelta(seconds=gap)
        if now - START >= timedelta(minutes=1):
            break
        count = min(allowance(budget, now, share), wanted)
        budget = spend(budget, count, now, share)
        released += count
        assert released <= share * (remaining + REFILL_PER_SECOND * (now - START).total_seconds()) + 1e-6


@given(_shares, st.lists(st.tuples(st.floats(0, 300), st.integers(1, 100)), max_size=40))
def test_what_waits_for_what_it_charged_never_writes_more_than_our_share(share: float, batches: list[tuple[float, int]]) -> None:
    budget, now, written = Budget(WRITES.capacity * share, START), START, 0
    made: list[tuple[datetime, int]] = []
    for gap, count in batches:
        now += timedelta(seconds=gap)
        budget = spend(budget, count, now, share, WRITES)
        made.append((now + owed(budget, now, share, WRITES), count))
    assert [at for at, _ in made] == sorted(at for at, _ in made), "who came first pays first"
    for at, count in made:
        written += count
        most = share * (WRITES.capacity + WRITES.refill * (at - START).total_seconds())
        assert written <= most + 1e-3


@given(_shares, st.floats(0, 3600))
def test_nothing_that_was_charged_may_go_before_retry_after_is_over(share: float, retry_after: float) -> None:
    budget = observe(Budget(WRITES.capacity * share, START), Observed("sub-1/write", None, retry_after, START))
    assert owed(spend(budget, 1, START, share, WRITES), START, share, WRITES) >= timedelta(seconds=retry_after)


@pytest.mark.parametrize(("key", "capacity"), [("sub-1/read", 250), ("sub-1/write", 200), ("sub-1/delete", 200)])
async def test_each_type_of_operation_has_the_bucket_that_resource_manager_gives_it(core: Core, key: str, capacity: int) -> None:
    assert await core.budgets.release(key, 1000) == capacity // 2


async def test_many_budgets_are_spent_at_once_as_one_by_one(core: Core, another: Another) -> None:
    wanted = {f"sub-{number}/read": 10 * number for number in range(1, 21)} | {"sub-1/write": 300}
    first = await core.budgets.release_each(wanted)
    assert first == {key: min(count, 125 if key.endswith("read") else 100) for key, count in wanted.items()}
    rest = await another().budgets.release_each(dict.fromkeys(wanted, 1000))
    assert rest == {key: (125 if key.endswith("read") else 100) - count for key, count in first.items()}


async def test_instances_that_spend_many_budgets_at_once_never_spend_one_twice(core: Core, another: Another) -> None:
    wanted = {f"sub-{number}/read": 60 for number in range(12)}
    granted = await asyncio.gather(*(one.budgets.release_each(wanted) for one in (core, another(), another(), another())))
    for key in wanted:
        assert sum(each[key] for each in granted) <= 125


async def test_two_that_accept_at_once_wait_for_each_others_writes(core: Core, another: Another) -> None:
    delays = [await one.budgets.charge({"sub-1/write": 100}) for one in (core, another(), core)]
    assert delays == [timedelta(), timedelta(seconds=20), timedelta(seconds=40)]


@given(_shares, st.floats(0, 3600), st.floats(0, 7200))
def test_nothing_is_released_before_retry_after_is_over(share: float, retry_after: float, passed: float) -> None:
    budget = observe(Budget(CAPACITY * share, START), Observed(KEY, None, retry_after, START))
    count = allowance(budget, START + timedelta(seconds=passed), share)
    assert (count == 0) if timedelta(seconds=passed) < timedelta(seconds=retry_after) else (count > 0)


@given(_shares, st.lists(st.tuples(st.integers(-100, 100), st.integers(0, 250), st.none() | st.floats(0, 60)), max_size=10))
def test_answers_in_any_order_leave_the_newest_budget(share: float, words: list[tuple[int, int, float | None]]) -> None:
    budget = Budget(CAPACITY * share, START)
    for at, remaining, retry_after in words:
        budget = observe(budget, Observed(KEY, remaining, retry_after, START + timedelta(seconds=at)))
    if words:
        newest = max(at for at, _, _ in words)
        assert budget.seen_at == START + timedelta(seconds=newest)
        assert budget.remaining in {remaining for at, remaining, _ in words if at == newest}
    blocks = [START + timedelta(seconds=at) + timedelta(seconds=wait) for at, _, wait in words if wait is not None]
    assert budget.blocked_until == (max(blocks) if blocks else None)


def test_clocks_that_differ_between_instances_create_no_budget() -> None:
    budget = spend(Budget(125, START), 125, START, 0.5)
    assert allowance(budget, START - timedelta(minutes=5), 0.5) == 0
    budget = spend(budget, 0, START - timedelta(minutes=5), 0.5)
    assert allowance(budget, START, 0.5) == 0, "the time that passed twice is counted once"


def test_an_old_header_no_longer_counts() -> None:
    budget = observe(Budget(125, START), Observed(KEY, 0, None, START))
    assert allowance(budget, START, 0.5) == 0
    assert allowance(budget, START + timedelta(minutes=1), 0.5) == 125


async def test_all_instances_draw_on_one_budget(core: Core, another: Another) -> None:
    instances = [core, another(), another()]
    released = await asyncio.gather(*(instance.budgets.release(KEY, 100) for instance in instances))
    assert sum(released) <= 125
    rest = [await instance.budgets.release(KEY, 1000) for instance in instances]
    assert sum(released) + sum(rest) == 125
    core.advance(seconds=30)
    assert await core.budgets.release(KEY, 1000) == 125


async def test_budgets_of_other_subscriptions_and_principals_are_others(core: Core) -> None:
    assert await core.budgets.release(KEY, 1000) == 125
    assert await core.budgets.release("sub-2/read", 1000) == 125
    theirs = Budgets(core.account.table("budgets" + core.suffix), core.clock, 0.5, "somebody else")
    assert await theirs.release(KEY, 1000) == 125


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
async def test_what_answers_state_is_kept_for_the_next_tick(core: Core, another: Another, first: bool) -> None:
    if not first:
        await core.budgets.release(KEY, 5)
    await another().budgets.observed(Observed(KEY, 10, None, core.clock.now()))
    assert await core.budgets.release(KEY, 100) == 5
    assert await core.budgets.release(KEY, 100) == 0, "what was released has been spent"
    await core.budgets.observed(Observed(KEY, None, 20, core.clock.now()))
    core.advance(seconds=19)
    assert await core.budgets.release(KEY, 100) == 0
    core.advance(seconds=1)
    assert await core.budgets.release(KEY, 1000) == 125


async def test_a_budget_never_spent_is_written_only_when_it_changes(core: Core) -> None:
    assert await core.budgets.release(KEY, 0) == 0
    assert await core.account.table("budgets" + core.suffix).get("budget", "x") is None


async def test_our_share_is_a_setting(core: Core, own_azurite: object) -> None:
    connection: str = own_azurite.connection_string  # type: ignore[attr-defined]
    other = make_core(connection, core.suffix, clock=core.clock, share=0.1)
    assert await other.budgets.release(KEY, 1000) == 25
    await other.close()


async def test_calls_that_were_made_already_are_owed_up_to_a_full_bucket(core: Core) -> None:
    for _ in range(3):
        await core.budgets.note("azurePack/pack:60", 40)
    assert await core.budgets.release("azurePack/pack:60", 60) == 0
    core.clock.advance(timedelta(seconds=90))  # a full bucket of 30 was owed, which takes a minute, and 15 more have come since
    assert await core.budgets.release("azurePack/pack:60", 60) == 15
