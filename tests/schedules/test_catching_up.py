"""What is due and what was missed; docs/design/schedules.md, "Missed slots"."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.schedules.catching_up import CatchUp, Due, Missed, Skipped, Trigger, counted_after, due_now
from shared.schedules.cron import Cron
from shared.schedules.every import Every
from shared.schedules.schedule import Schedule
from shared.schedules.windows import Window
from tests.support.draws import drawn

ZONE = ZoneInfo("UTC")
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOURLY, DAILY = Schedule(Every(HOUR, NOON - 60 * DAY), ZONE), Schedule(Cron("0 0 12 * * *"), ZONE)


def _due(schedule: Schedule, counted: datetime, now: datetime, catch_up: CatchUp = CatchUp.RUN) -> Due | None:
    return due_now(schedule, counted, now, catch_up)


def test_nothing_is_due_before_the_first_slot() -> None:
    assert _due(DAILY, NOON - HOUR, NOON - MINUTE) is None


@pytest.mark.parametrize("late", [timedelta(), HOUR])
def test_a_slot_is_on_time_for_an_hour(late: timedelta) -> None:
    assert _due(DAILY, NOON - HOUR, NOON + late) == Due(NOON, Trigger.SCHEDULE, None, None)


def test_a_slot_that_began_is_not_due_again() -> None:
    assert _due(DAILY, NOON, NOON + MINUTE) is None


def test_a_missed_slot_is_caught_up_once() -> None:
    due = _due(DAILY, NOON - HOUR, NOON + HOUR + MINUTE)
    assert due == Due(NOON, Trigger.CATCH_UP, None, Missed(1, NOON, NOON))
    assert _due(DAILY, counted_after(NOON - DAY, None, NOON), NOON + 2 * HOUR) is None


def test_ten_days_without_power_are_one_catch_up_of_the_newest_slot() -> None:
    now = NOON + 10 * DAY + 2 * HOUR
    assert _due(DAILY, NOON, now) == Due(NOON + 10 * DAY, Trigger.CATCH_UP, None, Missed(10, NOON + DAY, NOON + 10 * DAY))


def test_ten_days_without_power_of_an_hourly_policy_are_one_run() -> None:
    due = _due(HOURLY, NOON, NOON + 10 * DAY + 20 * MINUTE)
    assert due == Due(NOON + 10 * DAY, Trigger.SCHEDULE, None, Missed(239, NOON + HOUR, NOON + 10 * DAY - HOUR))


def test_missed_slots_are_only_recorded_with_skip() -> None:
    due = _due(DAILY, NOON - DAY, NOON + 2 * HOUR, CatchUp.SKIP)
    assert due == Due(NOON, None, Skipped.BY_SCHEDULE, Missed(1, NOON, NOON))


@pytest.mark.parametrize(("left", "trigger"), [(HOUR, Trigger.CATCH_UP), (HOUR - MINUTE, None)])
def test_a_catch_up_needs_an_hour_until_the_next_slot(left: timedelta, trigger: Trigger | None) -> None:
    due = _due(DAILY, NOON - DAY, NOON + DAY - left)
    assert due is not None
    assert (due.trigger, due.skipped) == (trigger, None if trigger else Skipped.NEXT_SLOT_NEAR)


def test_a_catch_up_waits_for_the_window() -> None:
    schedule = Schedule(Cron("0 0 */6 * * *"), ZONE, Window(time(11), time(19)))
    before, midnight = NOON + 6 * HOUR, NOON + 12 * HOUR
    assert _due(schedule, NOON, midnight) is None
    assert _due(schedule, NOON, NOON + 23 * HOUR + MINUTE) == Due(before, None, Skipped.NEXT_SLOT_NEAR, Missed(1, before, before))
    assert _due(Schedule(Cron("0 0 12 * * *"), ZONE, Window(time(11), time(19))), NOON - DAY, NOON + 5 * HOUR) == Due(
        NOON, Trigger.CATCH_UP, None, Missed(1, NOON, NOON)
    )


def test_slots_of_a_pause_do_not_count_and_its_end_does() -> None:
    counted = counted_after(NOON - 10 * DAY, NOON, NOON - 5 * DAY)
    assert _due(DAILY, counted, NOON + MINUTE) == Due(NOON, Trigger.SCHEDULE, None, None)


def test_a_change_of_the_document_ends_what_the_former_schedule_missed() -> None:
    assert _due(DAILY, counted_after(NOON + MINUTE, None, NOON - 5 * DAY), NOON + 2 * HOUR) is None


@settings(max_examples=drawn(150), deadline=None)
@given(
    period=st.integers(1, 48),
    absences=st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 9000)), max_size=4),
    catch_up=st.sampled_from(CatchUp),
)
def test_each_slot_is_in_one_result_whatever_looks_were_left_out(period: int, absences: list[tuple[int, int]], catch_up: CatchUp) -> None:
    """A timer that looks every 10 minutes, but for some absences: each slot begins, or is part of one gap, once."""
    schedule = Schedule(Every(period * HOUR, NOON), ZONE)
    counted, now, end = NOON - MINUTE, NOON, NOON + timedelta(minutes=20000)
    counts: list[int] = []
    gaps = sorted(absences)
    while now < end:
        due = due_now(schedule, counted, now, catch_up)
        if due is not None:
            passed = len(list(schedule.slots(counted, due.slot)))
            missed = due.missed.count if due.missed is not None else 0
            counts.append(passed)
            assert passed == missed + (due.trigger is Trigger.SCHEDULE)
            assert (due.trigger is None) != (due.skipped is None)
            counted = due.slot
        now += 10 * MINUTE
        while gaps and NOON + gaps[0][0] * MINUTE <= now:
            now += gaps.pop(0)[1] * MINUTE
    assert sum(counts) + len(list(schedule.slots(counted, now))) == len(list(schedule.slots(NOON - MINUTE, now)))
