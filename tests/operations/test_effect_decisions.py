"""The rules for an effect of unknown outcome, and for one that Azure refuses as busy."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import to_text
from shared.errors import Problem
from shared.operations.model.models import Busy, Intent
from shared.operations.running.effects import (
    BUSY_DELAY,
    BUSY_LIMIT,
    BUSY_REFUSALS,
    LOOKS,
    LookAgain,
    NotStarted,
    Send,
    decide_absent,
    decide_busy,
    next_look,
)

SENT = datetime(2026, 3, 3, 10, tzinfo=UTC)
NO = Problem("Refused", "no")
passed = st.timedeltas(timedelta(), timedelta(days=30))
lost = st.integers(0, 50)


def intent(lost: int = 0, refusal: Problem | None = None) -> Intent:
    return Intent("start", "request-1", at=to_text(SENT), last=to_text(SENT), lost=lost, refusal=refusal)


@given(passed, lost)
def test_what_must_not_be_repeated_is_never_sent_again(time: timedelta, lost: int) -> None:
    assert not isinstance(decide_absent(intent(lost), repeatable=False, now=SENT + time), Send)


@given(passed, lost)
def test_a_repeatable_effect_is_sent_again_at_once(time: timedelta, lost: int) -> None:
    assert decide_absent(intent(lost), repeatable=True, now=SENT + time) == Send()


@given(passed, lost)
def test_a_person_is_asked_only_after_the_last_look(time: timedelta, lost: int) -> None:
    decision = decide_absent(intent(lost), repeatable=False, now=SENT + time)
    assert isinstance(decision, LookAgain)
    assert decision.unknown is (time >= LOOKS[-1])


@given(passed, lost, st.booleans())
def test_a_refusal_counts_only_once_no_earlier_send_can_land(time: timedelta, lost: int, repeatable: bool) -> None:
    decision = decide_absent(intent(lost, NO), repeatable=repeatable, now=SENT + time)
    if time >= LOOKS[-1]:
        assert decision == NotStarted(NO)
    else:
        assert isinstance(decision, LookAgain)
        assert not decision.unknown


@given(passed, lost)
def test_the_next_look_lies_ahead_and_within_ten_minutes(time: timedelta, lost: int) -> None:
    now = SENT + time
    assert now < next_look(intent(lost), now) <= now + LOOKS[-1]


@pytest.mark.parametrize(("minutes", "expected"), [(0, 0.5), (0.5, 2), (1.9, 2), (2, 5), (5, 10), (10, 20), (11, 21)], ids=str)
def test_looks_come_at_half_a_minute_two_five_and_ten_minutes(minutes: float, expected: float) -> None:
    assert next_look(intent(), SENT + timedelta(minutes=minutes)) == SENT + timedelta(minutes=expected)


@given(passed, st.none() | st.floats(0, 7200), st.integers(1, 2 * BUSY_REFUSALS))
def test_a_busy_refusal_is_waited_for_until_the_limit_and_no_longer(time: timedelta, retry_after: float | None, refusals: int) -> None:
    """Few refusals over a long time, with other faults between them, do not reach the limit either."""
    delay = decide_busy(Busy("start", to_text(SENT), refusals), SENT + time, retry_after)
    if time >= BUSY_LIMIT and refusals + 1 >= BUSY_REFUSALS:
        assert delay is None
    else:
        assert delay is not None
        assert delay >= max(retry_after or 0, BUSY_DELAY.total_seconds())


def test_the_first_busy_refusal_is_always_waited_for() -> None:
    assert decide_busy(None, SENT, None) == BUSY_DELAY.total_seconds()
