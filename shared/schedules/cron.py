"""NCRONTAB expressions: local wall times by six fields, seconds first.

`cronsim` reads the fields and finds the wall times that match. The rules for clock changes are here, because cronsim applies its own only
to five fields. Both follow Debian's cron; docs/design/schedules.md has the rules.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from shared.schedules.errors import ScheduleError
from shared.schedules.windows import Window
from shared.schedules.zones import clock_changes, offset_at

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: Final[tuple[tuple[str, int, int, dict[str, int]], ...]] = (
    ("second", 0, 59, {}),
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of the week", 0, 6, {name: number for number, name in enumerate(_DAYS)}),
)
_PART: Final = re.compile(r"(?:\*|(?P<first>\w{1,3})(?:-(?P<last>\w{1,3}))?)(?:/(?P<step>\d{1,2}))?", re.ASCII)
_LONGEST_TEXT: Final = 200
_SECOND: Final = timedelta(seconds=1)
_LONGEST_CHANGE: Final = timedelta(days=2)
"""No clock change moves a clock by more; the repeated times of a change begin at most this long before they end."""


@dataclass(frozen=True, slots=True)
class Cron:
    """The wall times that a text names: six fields of numbers, names, `*`, ranges, lists and steps; all fields must match.

    Raises `ScheduleError` (cron) with the name of the field that is wrong.
    """

    text: str
    _names_hours: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fields = self.text.split() if len(self.text) <= _LONGEST_TEXT else []
        if len(fields) != len(_FIELDS):
            count = f"{len(fields)} fields" if fields else "no fields, or too many"
            raise _wrong(f"'{self.text[:64]}' has {count}. Give six, seconds first, for example 0 0 2 * * *.")
        for text, (name, least, most, names) in zip(fields, _FIELDS, strict=True):
            if not all(_is_allowed(part, least, most, names) for part in text.split(",")):
                raise _wrong(f"The field '{name}' is '{text[:40]}'. Give *, or numbers from {least} to {most}, ranges, lists and steps.")
        object.__setattr__(self, "_names_hours", not fields[2].startswith("*"))
        self._simulation(datetime(2000, 1, 1))  # noqa: DTZ001  # wall times are naive

    def moments(self, zone: ZoneInfo, after: datetime, until: datetime, window: Window | None = None) -> Iterator[datetime]:
        """Yield the moments with `after` < moment <= `until`, oldest first, in UTC; those outside of `window` are left out."""
        start, end = after.astimezone(UTC) - _LONGEST_CHANGE, until.astimezone(UTC)
        changes = list(clock_changes(zone, start, end))
        offset, begin = offset_at(zone, start), start
        done_until = datetime.min  # wall times before it have had their moment  # noqa: DTZ901  # wall times are naive
        for change in [*changes, None]:
            finish = change.at - _SECOND if change is not None else end
            first = max(begin, after.astimezone(UTC))
            for wall in self._walls((first + offset).replace(tzinfo=None), (finish + offset).replace(tzinfo=None), window):
                moment = (wall - offset).replace(tzinfo=UTC)
                if moment > after and wall >= done_until:
                    yield moment
            if change is None:
                return
            done_until = datetime.min  # noqa: DTZ901  # wall times are naive
            clock, turned = ((change.at + one).replace(tzinfo=None) for one in (change.before, change.after))
            if self._names_hours and turned < clock:
                done_until = clock
            elif self._names_hours and change.at > after and self._is_due_at_gap_end(clock, turned, window):
                yield change.at
                done_until = turned + _SECOND
            offset, begin = change.after, change.at

    def _is_due_at_gap_end(self, first: datetime, last: datetime, window: Window | None) -> bool:
        """Return whether a wall time in the gap [`first`, `last`) matches and the window holds the gap's end."""
        return (window is None or window.holds(last)) and next(self._walls(first, last - _SECOND, None), None) is not None

    def _walls(self, first: datetime, last: datetime, window: Window | None) -> Iterator[datetime]:
        """Yield the matching wall times from `first` to `last` that a window holds; times outside of it are not walked through."""
        simulation = self._simulation(first.replace(microsecond=0) - _SECOND)
        for wall in simulation:
            if wall > last:
                return
            if window is None or window.holds(wall):
                if wall >= first:
                    yield wall
            else:
                simulation.dt = window.next_opening(wall) - _SECOND

    def _simulation(self, before: datetime) -> CronSim:
        """Return the matching wall times later than `before`; day of month and day of week must both match."""
        try:
            simulation = CronSim(self.text, before)
        except CronSimError as error:
            raise _wrong(f"'{self.text}' never comes: no such day is in the months it names.") from error
        simulation.day_and = True
        return simulation


def _wrong(message: str) -> ScheduleError:
    return ScheduleError("cron", message)


def _is_allowed(part: str, least: int, most: int, names: dict[str, int]) -> bool:
    match = _PART.fullmatch(part)
    if match is None or (match["step"] is not None and int(match["step"]) == 0):
        return False
    if match["first"] is None:
        return True
    first, last = (_number(text, names) for text in (match["first"], match["last"] or match["first"]))
    return first is not None and last is not None and least <= first <= last <= most


def _number(text: str, names: dict[str, int]) -> int | None:
    return int(text) if text.isdigit() else names.get(text.upper())
