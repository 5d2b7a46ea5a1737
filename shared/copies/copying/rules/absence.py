"""Whether a resource that Azure has named before is really gone.

The regions of Azure Resource Manager replicate behind one another, so that an existing resource now and then answers 404. A resource is
gone only after several looks over at least ten minutes of Azure's time, each by a read that could have shown it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

GONE_AFTER = timedelta(minutes=10)
LOOKS = 4
_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 4, 6))
"""The delays after the first, second and third look; every later look follows after the last."""


@dataclass(frozen=True, slots=True)
class Absence:
    """An unbroken series of looks that did not show a resource: when it began, of Azure's time, and how many looks there were."""

    since: datetime
    looks: int

    def lasted(self, now: datetime) -> timedelta:
        """Return how long the resource has been absent."""
        return now - self.since


def absent(before: Absence | None, now: datetime) -> Absence:
    """Return the series with one more look; None begins it."""
    return Absence(now, 1) if before is None else Absence(before.since, before.looks + 1)


def is_gone(absence: Absence, now: datetime) -> bool:
    """Return whether the looks suffice to conclude that the resource does not exist."""
    return absence.looks >= LOOKS and absence.lasted(now) >= GONE_AFTER


def next_look(absence: Absence, now: datetime) -> datetime:
    """Return when to look again."""
    return now + _DELAYS[min(absence.looks, len(_DELAYS)) - 1]
