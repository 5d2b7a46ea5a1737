"""Cron around each change of the clock in each IANA zone, 2024 to 2030, by walked minutes: `python3 -m tests.schedules.every_zone`."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from shared.schedules.cron import Cron
from shared.schedules.schedule import Schedule
from shared.schedules.zones import clock_changes
from tests.schedules.model import Fields, walk

ZONES = sorted(available_timezones() - {"Factory", "localtime", "posixrules"})
ODD = ("Africa/Casablanca", "Africa/Cairo", "America/Nuuk", "Antarctica/Troll", "Asia/Gaza", "Australia/Lord_Howe", "Europe/Berlin")
"""Zones with changes of half an hour, of two hours, at midnight, or more than two in a year."""
FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def check(zones: Iterable[str]) -> int:
    """Compare the slots around each change of the clock with the model, and return how many changes differ; raises `AssertionError`."""
    fixed, hourly = Fields((15, 30), (0, 1, 2, 3, 4)), Fields((0, 30), None)
    looked_at = set()
    for name in zones:
        zone = ZoneInfo(name)
        for change in clock_changes(zone, FIRST, LAST):
            alike = (change.at, change.before, change.after)
            if alike in looked_at:
                continue
            looked_at.add(alike)
            begin, end = change.at - 2 * HOUR, change.at + 3 * HOUR
            for fields in (fixed, hourly) if len(looked_at) % 3 == 0 else (fixed,):
                assert list(Schedule(Cron(fields.text), zone).slots(begin, end)) == list(walk(fields, zone, begin, end)), (name, change)
    return len(looked_at)


if __name__ == "__main__":
    print(f"{check(ZONES)} changes of {len(ZONES)} zones")
