"""The slots of schedules: recurrences, windows, clock changes; docs/design/schedules.md."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.schedules.cron import Cron
from shared.schedules.every import Every
from shared.schedules.schedule import Schedule
from shared.schedules.windows import Window

BERLIN, NEW_YORK, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("UTC")


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _slots(schedule: Schedule, after: str, until: str) -> list[str]:
    return [f"{slot:%dT%H:%M}" for slot in schedule.slots(_at(after), _at(until))]


def _cron(text: str, zone: ZoneInfo = BERLIN, window: Window | None = None) -> Schedule:
    return Schedule(Cron(text), zone, window)


def test_a_time_that_spring_leaves_out_is_due_at_the_gaps_end() -> None:
    assert _slots(_cron("0 30 2 * * *"), "2026-03-28T12:00", "2026-03-30T12:00") == ["29T01:00", "30T00:30"]


def test_several_times_in_the_gap_and_the_regular_one_at_its_end_are_one_slot() -> None:
    assert _slots(_cron("0 */15 2,3 * * *"), "2026-03-29T00:00", "2026-03-29T01:30") == ["29T01:00", "29T01:15", "29T01:30"]


def test_a_time_that_comes_twice_in_autumn_is_due_the_first_time_only() -> None:
    assert _slots(_cron("0 30 2 * * *"), "2026-10-24T12:00", "2026-10-26T12:00") == ["25T00:30", "26T01:30"]
    assert _slots(_cron("0 30 2 * * *"), "2026-10-25T00:30", "2026-10-25T12:00") == []


@pytest.mark.parametrize("hours", ["*", "*/1"])
def test_each_wall_time_that_comes_is_due_where_the_hour_is_a_wildcard(hours: str) -> None:
    assert _slots(_cron(f"0 30 {hours} * * *"), "2026-03-29T00:00", "2026-03-29T02:00") == ["29T00:30", "29T01:30"]
    assert _slots(_cron(f"0 30 {hours} * * *"), "2026-10-25T00:00", "2026-10-25T02:00") == ["25T00:30", "25T01:30"]


def test_a_range_of_all_hours_names_hours() -> None:
    assert _slots(_cron("0 30 0-23 * * *"), "2026-10-25T00:00", "2026-10-25T02:00") == ["25T00:30"]


def test_day_of_month_and_day_of_week_must_both_match() -> None:
    found = list(_cron("0 0 0 13 * FRI", UTC_ZONE).slots(_at("2026-01-01"), _at("2026-12-31")))
    assert [(slot.month, slot.day) for slot in found] == [(2, 13), (3, 13), (11, 13)]


def test_every_is_a_fixed_distance_through_clock_changes() -> None:
    schedule = Schedule(Every(timedelta(hours=6), datetime(2026, 1, 1, 1, tzinfo=BERLIN)), BERLIN)
    assert _slots(schedule, "2026-03-28T20:00", "2026-03-29T13:00") == ["29T00:00", "29T06:00", "29T12:00"]


def test_every_begins_with_its_anchor() -> None:
    every = Every(timedelta(days=1), _at("2026-05-01T08:00"))
    assert _slots(Schedule(every, UTC_ZONE), "2026-04-01", "2026-05-02T08:00") == ["01T08:00", "02T08:00"]
    assert every.latest(_at("2026-05-01T07:59")) is None
    assert every.latest(_at("2026-05-03T07:59")) == _at("2026-05-02T08:00")


def test_the_beginning_of_a_window_counts_and_its_end_does_not() -> None:
    window = Window(time(2), time(4))
    assert _slots(_cron("0 0 * * * *", UTC_ZONE, window), "2026-01-01", "2026-01-02") == ["01T02:00", "01T03:00"]


def test_a_window_past_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    window = Window(time(22), time(2), frozenset({4}))  # Friday, 2 January 2026
    assert _slots(_cron("0 0 */2 * * *", UTC_ZONE, window), "2026-01-01", "2026-01-09T12:00") == ["02T22:00", "03T00:00"]


def test_a_window_bounds_the_slots_of_every_by_local_time() -> None:
    schedule = Schedule(Every(timedelta(hours=1), _at("2000-01-01")), NEW_YORK, Window(time(0), time(1)))
    assert _slots(schedule, "2026-03-07T12:00", "2026-03-09T12:00") == ["08T05:00", "09T04:00"]


def test_a_slot_at_a_gaps_end_is_in_the_window_that_holds_the_gaps_end() -> None:
    assert _slots(_cron("0 30 2 * * *", BERLIN, Window(time(3), time(5))), "2026-03-28T12:00", "2026-03-30T12:00") == ["29T01:00"]
    assert _slots(_cron("0 30 2 * * *", BERLIN, Window(time(2), time(3))), "2026-03-28T12:00", "2026-03-30T12:00") == ["30T00:30"]


def test_windows_are_jumped_to_and_not_walked_to() -> None:
    schedule = _cron("* * * * * MON", UTC_ZONE, Window(time(12), time(13), frozenset({6})))
    assert schedule.next_slot(_at("2026-01-01")) is None
