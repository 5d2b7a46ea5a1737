"""Time zones by their IANA names, and the moments at which their clocks change."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from shared.schedules.errors import ScheduleError

_STEP = timedelta(hours=6)
"""No zone changes its clock twice within this time."""
_SECOND = timedelta(seconds=1)
_NOT_PLACES = frozenset({"Factory", "localtime", "posixrules"})


def find_zone(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name.

    Raises `ScheduleError` (timeZone) for any other name; the message has the IANA name where it is a name that Windows uses, or one in
    another case.
    """
    try:
        if name in _NOT_PLACES:
            raise ZoneInfoNotFoundError(name)
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder, such as Europe
        pass
    known = _suggested(name)
    hint = f"Use the IANA name {known}." if known is not None else "Use an IANA name, for example Europe/Paris."
    raise ScheduleError("timeZone", f"'{name[:64]}' is not an IANA time zone. {hint}")


def _suggested(name: str) -> str | None:
    """Return the IANA name for one that Windows uses (Unicode CLDR, windowsZones), or for one in another case."""
    from tzlocal.windows_tz import win_tz

    wanted = name.strip().casefold()
    windows = next((iana for windows, iana in win_tz.items() if windows.casefold() == wanted), None)
    return windows or next((iana for iana in available_timezones() - _NOT_PLACES if iana.casefold() == wanted), None)


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A moment at which a zone's offset from UTC changes: forward (`after` is larger) in spring, back in autumn."""

    at: datetime
    before: timedelta
    after: timedelta


def clock_changes(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[ClockChange]:
    """Yield the clock changes of a zone with `start` < `at` <= `end`, oldest first; moments are aware, in UTC."""
    for year in range(start.year, end.year + 1):
        yield from (change for change in _changes_of_year(zone, year) if start < change.at <= end)


def offset_at(zone: ZoneInfo, moment: datetime) -> timedelta:
    """Return the offset from UTC of a zone at a moment (aware)."""
    return moment.astimezone(zone).utcoffset() or timedelta()


@lru_cache(maxsize=512)
def _changes_of_year(zone: ZoneInfo, year: int) -> tuple[ClockChange, ...]:
    found: list[ClockChange] = []
    at, end = datetime(year, 1, 1, tzinfo=UTC) - _SECOND, datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)
    while at < end:
        later = min(at + _STEP, end)
        before, after = offset_at(zone, at), offset_at(zone, later)
        if before != after:
            found.append(ClockChange(_first_with(zone, after, at, later), before, after))
        at = later
    return tuple(found)


def _first_with(zone: ZoneInfo, offset: timedelta, before: datetime, after: datetime) -> datetime:
    """Return the first second in (`before`, `after`] that has an offset, by halving."""
    while after - before > _SECOND:
        middle = before + ((after - before) // 2 // _SECOND) * _SECOND
        if offset_at(zone, middle) == offset:
            after = middle
        else:
            before = middle
    return after
