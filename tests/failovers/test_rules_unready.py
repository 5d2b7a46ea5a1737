"""When refusing checks end a start: the same check at several looks, or an hour of any."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.failovers.failing_over.rules.unready import AT_MOST, Unready, refused
from tests.support.clocks import START

LOOK = timedelta(minutes=2)


def _after(looks: list[list[str]], every: timedelta = LOOK) -> list[bool]:
    """Return after each look whether the refusal counts."""
    state: Unready | None = None
    found = []
    for number, causes in enumerate(looks):
        now = START + number * every
        state = refused(state, causes, now)
        found.append(state.counts(now))
    return found


@pytest.mark.parametrize("more", [[], ["health x"]])
def test_one_check_that_refuses_for_ten_minutes_counts(more: list[str]) -> None:
    looks = [["actionAllowed plan", *(more if number % 2 else [])] for number in range(6)]
    assert _after(looks) == [False] * 5 + [True]


def test_another_check_at_each_look_counts_only_after_an_hour() -> None:
    found = _after([[f"actionAllowed item{number}"] for number in range(31)])
    assert found == [False] * 30 + [True]


def test_a_check_that_passes_in_between_begins_its_looks_again() -> None:
    looks = [["a x"], ["a x"], ["b x"], *[["a x"]] * 6]
    assert _after(looks) == [False] * 8 + [True]


def test_few_looks_are_not_enough_however_long_they_take() -> None:
    assert _after([["a x"]] * 6, timedelta(minutes=8)) == [False] * 5 + [True]


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c"]), max_size=3), min_size=1, max_size=60), st.integers(30, 900))
def test_no_series_of_refusals_lasts_longer_than_an_hour(looks: list[list[str]], seconds: int) -> None:
    every = timedelta(seconds=seconds)
    for number, counts in enumerate(_after(looks, every)):
        if number * every >= AT_MOST:
            assert counts
        if number * every < timedelta(minutes=10):
            assert not counts
