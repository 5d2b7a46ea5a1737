"""Cron against a model that walks minutes, in IANA zones and the years 2024 to 2030: no slot is lost or doubled."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.schedules.cron import Cron
from shared.schedules.schedule import Schedule
from shared.schedules.zones import clock_changes
from tests.schedules.every_zone import FIRST, HOUR, LAST, ODD, ZONES, check
from tests.schedules.model import Fields, walk
from tests.support.draws import drawn


def _numbers(least: int, most: int, at_most: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.integers(least, most), min_size=1, max_size=at_most, unique=True).map(lambda found: tuple(sorted(found)))


fields_of = st.builds(
    Fields,
    minutes=_numbers(0, 59, 4),
    hours=st.none() | _numbers(0, 23, 6) | st.just((0, 1, 2, 3)),
    days=st.none() | _numbers(1, 31, 20),
    weekdays=st.none() | _numbers(0, 6, 5),
)


@cache
def _offset_changes(zone: ZoneInfo) -> list[datetime]:
    """Return the hours of 2024 to 2030 in which the offset changes, found by looking at each hour."""
    found, at = [], FIRST
    offset = at.astimezone(zone).utcoffset()
    while at < LAST:
        at += HOUR
        now = at.astimezone(zone).utcoffset()
        if now != offset:
            found.append(at)
            offset = now
    return found


@settings(max_examples=drawn(80), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_slots_equal_those_of_walked_minutes_in_a_sampled_zone(data: st.DataObject) -> None:
    zone, fields = ZoneInfo(data.draw(st.sampled_from(ZONES))), data.draw(fields_of)
    around = _offset_changes(zone) or [FIRST]
    begin = data.draw(st.sampled_from(around) | st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None)).map(_minutes))
    begin += timedelta(minutes=data.draw(st.integers(-1500, 200)))
    end = begin + timedelta(minutes=data.draw(st.integers(0, 3000)))

    assert list(Schedule(Cron(fields.text), zone).slots(begin, end)) == list(walk(fields, zone, begin, end))


def _minutes(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0, tzinfo=UTC)


@settings(max_examples=drawn(100), deadline=None)
@given(st.sampled_from(ZONES), fields_of, st.data())
def test_slots_of_two_parts_are_those_of_the_whole(name: str, fields: Fields, data: st.DataObject) -> None:
    schedule = Schedule(Cron(fields.text), ZoneInfo(name))
    begin = FIRST + timedelta(minutes=data.draw(st.integers(0, 7 * 365 * 1440)))
    cut = begin + timedelta(minutes=data.draw(st.integers(0, 20000)), seconds=data.draw(st.integers(0, 59)))
    end = cut + timedelta(minutes=data.draw(st.integers(0, 20000)))

    assert [*schedule.slots(begin, cut), *schedule.slots(cut, end)] == list(schedule.slots(begin, end))


def test_every_change_of_some_zones_has_the_slots_of_walked_minutes() -> None:
    """Check a twentieth of the zones, and those with the oddest changes; `python3 -m tests.schedules.every_zone` checks all."""
    assert check(sorted({*ZONES[::20], *ODD})) > 40


@settings(max_examples=drawn(25), deadline=None)
@given(st.sampled_from(ZONES))
def test_clock_changes_are_those_that_a_look_at_each_hour_finds(name: str) -> None:
    zone = ZoneInfo(name)
    found = [change.at for change in clock_changes(zone, FIRST, LAST)]
    hours = [at + (HOUR - (at - FIRST) % HOUR) % HOUR for at in found]

    assert hours == _offset_changes(zone)
