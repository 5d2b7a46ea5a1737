"""How machines stand against an objective."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.copies.protection.objective import Measurement, measure

NOW = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ages = st.integers(0, 10**7).map(lambda seconds: timedelta(seconds=seconds))


def test_as_old_as_the_objective_keeps_it_and_a_second_more_breaches_it() -> None:
    assert measure([NOW - HOUR], HOUR, NOW) == Measurement(0, HOUR)
    late = HOUR + timedelta(seconds=1)
    assert measure([NOW - HOUR, NOW - late], HOUR, NOW) == Measurement(1, late)


def test_without_a_usable_copy_nothing_is_breached_and_nothing_has_an_age() -> None:
    assert measure([], HOUR, NOW) == Measurement(0, None)


@given(st.lists(ages, min_size=1, max_size=30), ages, ages)
def test_time_alone_only_makes_it_worse_and_a_newer_copy_only_better(
    found: list[timedelta], objective: timedelta, later: timedelta
) -> None:
    newest = [NOW - age for age in found]
    now, then = measure(newest, objective, NOW), measure(newest, objective, NOW + later)
    assert then.breached >= now.breached
    assert then.oldest is not None
    assert then.oldest == max(found) + later
    assert measure([NOW, *newest[1:]], objective, NOW).breached <= now.breached
    assert (now.breached > 0) == (max(found) > objective)
