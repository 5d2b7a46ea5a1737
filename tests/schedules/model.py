"""A model of cron with clock changes that walks minutes; it uses `zoneinfo` and nothing of the project.

Written from docs/design/schedules.md, "Clock changes": the fields are sets of numbers, seconds are 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
_WARM_UP = 3 * 60
"""Minutes that are walked before the first: a clock change repeats at most two hours."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of an expression: a text as it is written, or None for `*`."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...] | None
    days: tuple[int, ...] | None = None
    months: tuple[int, ...] | None = None
    weekdays: tuple[int, ...] | None = None

    @property
    def text(self) -> str:
        """The expression."""
        return " ".join(["0", *("*" if one is None else ",".join(map(str, one)) for one in self._all)])

    @property
    def _all(self) -> tuple[tuple[int, ...] | None, ...]:
        return self.minutes, self.hours, self.days, self.months, self.weekdays

    def match(self, wall: datetime) -> bool:
        """Return whether a wall time matches all fields."""
        values = wall.minute, wall.hour, wall.day, wall.month, wall.isoweekday() % 7
        return all(one is None or value in one for value, one in zip(values, self._all, strict=True))


def walk(fields: Fields, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the slots with `start` < slot <= `end`, by looking at each minute's wall time."""
    seen: set[datetime] = set()
    at = start - _WARM_UP * MINUTE
    before = _wall(at - MINUTE, zone)
    while at <= end:
        wall = _wall(at, zone)
        due = fields.match(wall)
        if fields.hours is not None:
            due = (due and wall not in seen) or any(fields.match(one) for one in _between(before, wall))
            seen.add(wall)
        if due and at > start:
            yield at
        before, at = wall, at + MINUTE


def _wall(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def _between(before: datetime, wall: datetime) -> Iterator[datetime]:
    """Yield the wall times that a clock left out between two minutes."""
    one = before + MINUTE
    while one < wall:
        yield one
        one += MINUTE
