"""A recurrence at a fixed distance; clock changes do not touch it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.schedules.errors import ScheduleError


@dataclass(frozen=True, slots=True)
class Every:
    """The moments `anchor` + n * `period`, n from 0 on; `anchor` is aware. Raises `ScheduleError` (every) for a period of nothing."""

    period: timedelta
    anchor: datetime

    def __post_init__(self) -> None:
        if self.period <= timedelta():
            raise ScheduleError("every", "The period must be longer than nothing.")

    def moments(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Yield the moments with `after` < moment <= `until`, oldest first, in UTC."""
        anchor = self.anchor.astimezone(UTC)
        number = max((after - anchor) // self.period + 1, 0)
        while (moment := anchor + number * self.period) <= until:
            yield moment
            number += 1

    def latest(self, now: datetime) -> datetime | None:
        """Return the last moment at or before `now`, None before the anchor."""
        return self.anchor + (now - self.anchor) // self.period * self.period if now >= self.anchor else None
