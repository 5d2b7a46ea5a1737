"""Which checks go first where a budget does not suffice for all that are due."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.clock import to_text
from shared.operations.model.due import Due
from shared.operations.running.budgets import calls_of, several
from shared.operations.running.order import affordable, most_urgent
from tests.support.clocks import START

NOW = START
BUDGET = "sub-1/read"
_moments = st.integers(-600, 600).map(lambda minutes: START + timedelta(minutes=minutes))
_past = st.integers(-600, -1).map(lambda minutes: START + timedelta(minutes=minutes))
_checks = st.lists(st.tuples(_past, st.none() | _moments), min_size=1, max_size=60)


def _entries(checks: Sequence[tuple[datetime, datetime | None]], size: int) -> list[Due]:
    """Return entries of `size` checks each, of which (last look, expected end) are given; a check is named by its place."""
    entries = []
    for first in range(0, len(checks), size):
        part = checks[first : first + size]
        ids = tuple(str(number) for number in range(first, first + len(part)))
        seen = tuple(int(at.timestamp()) for at, _ in part)
        ends = tuple(int(at.timestamp()) if at is not None else 0 for _, at in part)
        entries.append(Due("00", "entry", ids, to_text(START), "copy", "sub-1/read", "", 1, "", seen, ends))
    return entries


@given(_checks, st.integers(1, 20), st.integers(0, 70))
def test_ends_that_are_due_go_first_then_what_was_not_seen_for_longest(
    checks: list[tuple[datetime, datetime | None]], size: int, count: int
) -> None:
    entries = _entries(checks, size)
    chosen = most_urgent(entries, {BUDGET: count}, NOW.timestamp())
    ids = {operation for operations in chosen.values() for operation in operations}
    assert len(ids) == min(count, len(checks))
    assert all(operations <= set(entries[number].ids) for number, operations in chosen.items())

    def rank(number: int) -> tuple[bool, datetime]:
        seen, ends = checks[number]
        return ends is None or ends > NOW, seen

    left = [rank(number) for number in range(len(checks)) if str(number) not in ids]
    taken = [rank(number) for number in range(len(checks)) if str(number) in ids]
    assert not left or not taken or max(taken) <= min(left)


@given(_checks, st.integers(1, 10), st.integers(1, 10), st.integers(0, 60))
def test_how_the_checks_are_stored_makes_no_difference(
    checks: list[tuple[datetime, datetime | None]], one: int, other: int, count: int
) -> None:
    def ranks(size: int) -> list[tuple[bool, datetime]]:
        chosen = most_urgent(_entries(checks, size), {BUDGET: count}, NOW.timestamp())
        numbers = [int(operation) for operations in chosen.values() for operation in operations]
        return sorted((checks[number][1] is None or checks[number][1] > NOW, checks[number][0]) for number in numbers)  # type: ignore[operator]

    assert ranks(one) == ranks(other)


def test_an_entry_of_an_older_version_counts_as_seen_when_it_came_due() -> None:
    old = Due("00", "a", ("a",), to_text(START - timedelta(minutes=5)), "copy", "sub-1/read", "", 1, "")
    known = Due("00", "b", ("b",), to_text(START), "copy", "sub-1/read", "", 1, "", (int(START.timestamp()) - 600,), (0,))
    assert most_urgent([old, known], {BUDGET: 1}, NOW.timestamp()) == {1: frozenset({"b"})}
    assert most_urgent([old], {BUDGET: 1}, NOW.timestamp()) == {0: frozenset({"a"})}


@given(_checks, st.integers(0, 30), st.integers(0, 30))
def test_each_budget_has_its_own_most_urgent_checks(checks: list[tuple[datetime, datetime | None]], one: int, other: int) -> None:
    """An entry holds checks of several subscriptions: each of their budgets lets go what it has."""
    (entry,) = _entries(checks, len(checks))
    groups = tuple(BUDGET if number % 2 else "sub-2/read#vault" for number in range(len(checks)))
    mixed = replace(entry, groups=groups)
    chosen = most_urgent([mixed], {BUDGET: one, "sub-2/read": other}, NOW.timestamp()).get(0, frozenset())
    for group, count in ((BUDGET, one), ("sub-2/read#vault", other)):
        places = [number for number, name in enumerate(groups) if name == group]
        alone = most_urgent(_entries([checks[number] for number in places], 1), {BUDGET: count}, NOW.timestamp())
        assert len([operation for operation in chosen if groups[int(operation)] == group]) == min(count, len(places)) == len(alone)


@given(st.lists(st.tuples(_past, st.integers(1, 9)), max_size=30), st.integers(0, 60))
def test_steps_go_the_longest_due_first_and_make_no_more_calls_than_may_be_made(steps: list[tuple[datetime, int]], count: int) -> None:
    entries = [
        Due("00", str(number), (str(number),), to_text(at), "copy", "", "", 1, "", writes=several(BUDGET, calls))
        for number, (at, calls) in enumerate(steps)
    ]
    released = affordable(entries, count)
    assert released == sorted(entries, key=lambda entry: entry.at)[: len(released)]
    made = sum(calls_of(entry.writes)[1] for entry in released)
    assert made <= count or (len(released) == 1 and count > 0), "one goes, whatever the share"
    assert bool(released) is bool(entries and count > 0)
    if len(released) < len(entries) and count > 0:
        following = sorted(entries, key=lambda entry: entry.at)[len(released)]
        assert made + calls_of(following.writes)[1] > count


def test_a_row_of_an_older_version_names_one_call() -> None:
    assert calls_of(BUDGET) == (BUDGET, 1)
    assert calls_of(several(BUDGET, 5)) == (BUDGET, 5)
