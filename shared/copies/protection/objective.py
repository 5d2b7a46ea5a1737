"""Measures a tenant's machines against its recovery point objective."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Measurement:
    """How many machines breach the objective, and the age of the oldest of the newest usable copies; None where no machine has any."""

    breached: int
    oldest: timedelta | None


def measure(newest: Collection[datetime], objective: timedelta, now: datetime) -> Measurement:
    """Measure machines by when the newest usable copy of each was taken; one exactly as old as the objective still keeps it."""
    ages = [now - taken for taken in newest]
    return Measurement(sum(age > objective for age in ages), max(ages, default=None))
