"""What is refused of a schedule, with its field."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.schedules.checks import check_distance, check_is_due, longest_distance
from shared.schedules.cron import Cron
from shared.schedules.errors import ScheduleError
from shared.schedules.every import Every
from shared.schedules.schedule import Schedule
from shared.schedules.windows import Window
from shared.schedules.zones import find_zone

NOW = datetime(2026, 1, 1, 9, 30, tzinfo=UTC)
BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
THREE_HOURS = timedelta(hours=3)


@pytest.mark.parametrize(
    "text",
    [
        "0 2 * * *",
        "0 0 2 * * * *",
        "",
        "60 0 2 * * *",
        "0 60 2 * * *",
        "0 0 24 * * *",
        "0 0 2 32 * *",
        "0 0 2 0 * *",
        "0 0 2 * 13 *",
        "0 0 2 * * 7",
        "0 0 2 L * *",
        "0 0 2 15W * *",
        "0 0 2 * * MON#1",
        "0 0 2 * * 5L",
        "0 0 2-1 * * *",
        "0 */0 2 * * *",
        "0 0 2 * * * " * 100,
        "0 0 2 30 2 *",
        "0 0 ٢ * * *",
    ],
)
def test_a_cron_expression_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        Cron(text)
    assert refused.value.field == "cron"


def test_a_day_that_never_comes_is_refused_beside_a_day_of_the_week() -> None:
    with pytest.raises(ScheduleError) as refused:
        check_is_due(Schedule(Cron("0 0 2 30 2 MON"), UTC_ZONE), NOW)
    assert refused.value.field == "cron"


@pytest.mark.parametrize(
    ("name", "iana"),
    [
        ("Romance Standard Time", "Europe/Paris"),
        ("romance standard time", "Europe/Paris"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("Eastern Standard Time", "America/New_York"),
        ("europe/PARIS", "Europe/Paris"),
    ],
)
def test_a_name_that_windows_uses_is_answered_with_the_iana_name(name: str, iana: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        find_zone(name)
    assert refused.value.field == "timeZone"
    assert iana in str(refused.value)


@pytest.mark.parametrize(
    "name", ["", "Europe", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "Europe/Paris\x00", "a" * 5000, "localtime"]
)
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        find_zone(name)
    assert refused.value.field == "timeZone"


def test_a_window_without_a_slot_is_refused() -> None:
    with pytest.raises(ScheduleError) as refused:
        check_is_due(Schedule(Cron("0 0 2 * * *"), UTC_ZONE, Window(time(3), time(4))), NOW)
    assert refused.value.field == "window"


@pytest.mark.parametrize(("start", "days"), [(time(4), frozenset(range(7))), (time(3), frozenset())])
def test_an_empty_window_is_refused(start: time, days: frozenset[int]) -> None:
    with pytest.raises(ScheduleError) as refused:
        Window(start, time(4), days)
    assert refused.value.field == "window"


def test_an_anchor_beyond_the_horizon_is_refused() -> None:
    with pytest.raises(ScheduleError) as refused:
        check_is_due(Schedule(Every(timedelta(days=1), NOW + timedelta(days=400)), UTC_ZONE), NOW)
    assert refused.value.field == "anchor"


@pytest.mark.parametrize(
    ("recurrence", "field"),
    [(Cron("0 0 2,4 * * *"), "cron"), (Cron("0 0 */2 * * *"), "cron"), (Every(timedelta(hours=2), NOW), "every")],
)
def test_slots_nearer_than_allowed_are_refused(recurrence: Cron | Every, field: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        check_distance(Schedule(recurrence, BERLIN), NOW, THREE_HOURS)
    assert refused.value.field == field


def test_slots_that_a_clock_change_brings_nearer_are_allowed() -> None:
    check_distance(Schedule(Cron("0 0 */3 * * *"), BERLIN), NOW, THREE_HOURS)


def test_a_window_may_leave_out_the_slots_that_would_be_too_near() -> None:
    check_distance(Schedule(Cron("0 0 2,4 * * *"), BERLIN, Window(time(1), time(3))), NOW, THREE_HOURS)


def test_the_longest_distance_is_that_of_the_autumn_night() -> None:
    longest = longest_distance(Schedule(Cron("0 0 12 * * *"), BERLIN), NOW)
    assert longest is not None
    assert (longest.span, longest.end.date().isoformat()) == (timedelta(hours=25), "2026-10-25")


def test_the_longest_distance_of_a_yearly_slot_reaches_beyond_the_horizon() -> None:
    longest = longest_distance(Schedule(Cron("0 0 12 1 6 *"), UTC_ZONE), NOW)
    assert longest is not None
    assert longest.span == timedelta(days=365)


def test_a_slot_without_a_next_one_in_sight_is_far_from_it() -> None:
    longest = longest_distance(Schedule(Cron("0 0 12 29 2 *"), UTC_ZONE), datetime(2027, 6, 1, tzinfo=UTC))
    assert longest is not None
    assert longest.span > timedelta(days=366)


def test_only_slots_are_walked_through() -> None:
    """A schedule of each second is refused by its first two slots, and one whose window holds none by its windows."""
    with pytest.raises(ScheduleError):
        check_distance(Schedule(Cron("* * * * * *"), BERLIN), NOW, THREE_HOURS)
    assert next(Schedule(Cron("* * * * * *"), BERLIN, Window(time(3), time(4))).slots(NOW, NOW + timedelta(days=2))) == datetime(
        2026, 1, 2, 2, tzinfo=UTC
    )
