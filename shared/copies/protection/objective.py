"""How a tenant's machines stand against its recovery point objective."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Standing:
    """How many machines breach the objective, and the age of the oldest of the newest usable copies; None where no machine has any."""

    breached: int
    oldest: timedelta | None


def standing(newest: Collection[datetime], objective: timedelta, now: datetime) -> Standing:
    """Judge machines by when the newest usable copy of each was taken; one exactly as old as the objective still keeps it."""
    ages = [now - taken for taken in newest]
    return Standing(sum(age > objective for age in ages), max(ages, default=None))
