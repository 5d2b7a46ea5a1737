"""Something counts as gone after several looks over ten minutes, and never after a single 404."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.values.absence import BETWEEN_LOOKS, LASTS, LOOKS, Absence, not_shown

START = datetime(2026, 3, 3, 10, tzinfo=UTC)
looks = st.lists(st.integers(0, 900), min_size=1, max_size=30)


def after(seconds: list[int]) -> tuple[Absence, list[datetime]]:
    """Look in vain again and again; each entry is the time since the look before."""
    moments = [START + timedelta(seconds=sum(seconds[: index + 1])) for index in range(len(seconds))]
    absence = None
    for moment in moments:
        absence = not_shown(absence, moment)
    assert absence is not None
    return absence, moments


@given(looks)
def test_it_is_gone_only_after_several_looks_over_ten_minutes(seconds: list[int]) -> None:
    absence, moments = after(seconds)
    if absence.lasts_long_enough(moments[-1]):
        assert len(set(moments)) >= LOOKS
        assert moments[-1] - moments[0] >= LASTS


@given(st.integers(1, 50), st.integers(0, 10**6))
def test_looks_of_one_moment_count_once_however_old_the_first_is(times: int, later: int) -> None:
    absence, _ = after([0] * times)
    assert absence.looks == 1
    again = not_shown(not_shown(absence, START + timedelta(seconds=later)), START + timedelta(seconds=later))
    assert not again.lasts_long_enough(START + timedelta(seconds=later))


def test_looks_at_the_usual_interval_conclude_after_ten_minutes() -> None:
    now, absence = START, not_shown(None, START)
    while not absence.lasts_long_enough(now):
        now += BETWEEN_LOOKS
        absence = not_shown(absence, now)
    assert now == START + LASTS


@given(looks)
def test_it_is_kept_in_a_state_and_read_again(seconds: list[int]) -> None:
    absence, _ = after(seconds)
    assert Absence.from_json(absence.as_json()) == absence


def test_an_unreadable_state_is_no_absence() -> None:
    unreadable: tuple[object, ...] = (None, [], {}, {"since": "yesterday", "looks": 3}, {"since": 3, "looks": 3}, {"looks": 3})
    for stored in unreadable:
        assert Absence.from_json(stored) is None
