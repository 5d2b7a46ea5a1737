"""What a schedule must be: due at all, not too often, and dense enough for an objective; by the slots of the next 366 days."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, pairwise

from shared.schedules.cron import Cron
from shared.schedules.errors import ScheduleError
from shared.schedules.schedule import HORIZON, Schedule
from shared.schedules.zones import clock_changes
from shared.values.durations import duration_text

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Distance:
    """The time from one slot to the next."""

    begin: datetime
    end: datetime

    @property
    def span(self) -> timedelta:
        """The length."""
        return self.end - self.begin


def check_is_due(schedule: Schedule, now: datetime) -> None:
    """Raise `ScheduleError` for a schedule without a slot: in its window (window), or at all (cron, anchor)."""
    if schedule.next_slot(now) is not None:
        return
    if Schedule(schedule.recurrence, schedule.zone).next_slot(now) is not None:
        raise ScheduleError("window", "No slot of the next 366 days is inside the window. Choose a window that holds some.")
    if isinstance(schedule.recurrence, Cron):
        raise ScheduleError("cron", f"'{schedule.recurrence.text}' has no slot in the next 366 days.")
    raise ScheduleError("anchor", "The anchor is more than 366 days ahead. Choose an earlier one.")


def check_distance(schedule: Schedule, now: datetime, least: timedelta) -> None:
    """Raise `ScheduleError` (cron, every) for two slots nearer than `least`; two with a clock change between them may be nearer."""
    for distance in distances(schedule, now):
        if distance.span < least and not _has_clock_change(schedule, distance):
            field = "cron" if isinstance(schedule.recurrence, Cron) else "every"
            slots = f"{distance.begin:%Y-%m-%dT%H:%M:%SZ} and {distance.end:%Y-%m-%dT%H:%M:%SZ}"
            message = f"The slots {slots} are {duration_text(distance.span)} apart."
            raise ScheduleError(field, f"{message} Slots must be at least {duration_text(least)} apart.")


def longest_distance(schedule: Schedule, now: datetime) -> Distance | None:
    """Return the longest distance between two slots, the first of them within the next 366 days; of equal ones the first.

    None where no slot is within 366 days. A slot after which none comes within two years counts as that far from the next.
    """
    return max(distances(schedule, now), key=lambda distance: distance.span, default=None)


def distances(schedule: Schedule, now: datetime) -> Iterator[Distance]:
    """Yield the distances between consecutive slots, the first of each within the next 366 days."""
    sight = now + 2 * HORIZON
    for begin, end in pairwise(chain(schedule.slots(now, sight), [sight])):
        if begin > now + HORIZON:
            return
        yield Distance(begin, end)


def _has_clock_change(schedule: Schedule, distance: Distance) -> bool:
    return any(clock_changes(schedule.zone, distance.begin - _SECOND, distance.end))
