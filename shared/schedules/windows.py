"""Windows: the times of day, and the days, at which a slot may begin."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from shared.schedules.errors import ScheduleError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK = 7


@dataclass(frozen=True, slots=True)
class Window:
    """A daily window of local time: `start` counts, `end` does not; one past midnight belongs to the day on which it begins.

    `days` are days of the week, 0 is Monday, those on which the window begins. Raises `ScheduleError` (window) where it is empty.
    """

    start: time
    end: time
    days: frozenset[int] = frozenset(range(_WEEK))

    def __post_init__(self) -> None:
        if self.start == self.end:
            raise ScheduleError("window", f"The window begins and ends at {self.start:%H:%M}. Give two different times.")
        if not self.days or not self.days <= frozenset(range(_WEEK)):
            raise ScheduleError("window", f"The window has no day of the week. Name some of {', '.join(DAYS)}.")

    def holds(self, local: datetime) -> bool:
        """Return whether a local time is inside."""
        at, day = local.time(), local.weekday()
        if self.start < self.end:
            return day in self.days and self.start <= at < self.end
        return (day in self.days and at >= self.start) or ((day - 1) % _WEEK in self.days and at < self.end)

    def next_opening(self, local: datetime) -> datetime:
        """Return the first local time later than `local` (naive) at which the window begins."""
        return next(opening for ahead in range(_WEEK + 2) if (opening := self._opening(local.date() + timedelta(days=ahead), local)))

    def _opening(self, day: date, after: datetime) -> datetime | None:
        opening = datetime.combine(day, self.start)
        return opening if day.weekday() in self.days and opening > after else None
