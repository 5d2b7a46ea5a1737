"""A schedule: a recurrence in a time zone, and the window in which its slots may begin."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shared.schedules.cron import Cron
from shared.schedules.every import Every
from shared.schedules.windows import Window

HORIZON = timedelta(days=366)
"""How far ahead a next slot is searched."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The slots of a recurrence; each is an instant, whole seconds, in UTC.

    `cron` has wall times of the zone, `every` instants; a moment whose local time is outside of `window` is no slot.
    """

    recurrence: Cron | Every
    zone: ZoneInfo
    window: Window | None = None

    def slots(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Yield the slots with `after` < slot <= `until` (aware), oldest first."""
        if isinstance(self.recurrence, Cron):
            return self.recurrence.moments(self.zone, after, until, self.window)
        return (moment for moment in self.recurrence.moments(after, until) if self.is_open(moment))

    def next_slot(self, after: datetime) -> datetime | None:
        """Return the first slot later than `after`, None where there is none within 366 days."""
        return next(self.slots(after, after + HORIZON), None)

    def is_open(self, moment: datetime) -> bool:
        """Return whether a slot may begin at a moment."""
        return self.window is None or self.window.holds(moment.astimezone(self.zone).replace(tzinfo=None))
