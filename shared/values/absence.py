"""How long something that Azure has named must be missing before it counts as gone (docs/azure/resource-manager.md).

Regions of Azure Resource Manager replicate behind one another: something that exists is answered 404 now and then, also right after it was
made. It counts as gone after `LOOKS` looks that are spread over at least `LASTS`, Azure's time. A workflow keeps the `Absence` in its state
and removes it once the resource is found; where a list or a parent could show the resource, it reads that as well before it concludes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, PlainSerializer

LASTS = timedelta(minutes=10)
LOOKS = 3
BETWEEN_LOOKS = timedelta(minutes=2)
APART = timedelta(seconds=30)
"""Looks that follow one another faster count as one, as those of a doubled message."""


@dataclass(frozen=True, slots=True)
class Absence:
    """The looks that have not shown something: when the first and the last of them were, aware UTC, and how many there were."""

    since: datetime
    looks: int
    last: datetime

    def lasts_long_enough(self, now: datetime) -> bool:
        """Return whether it counts as gone."""
        return self.looks >= LOOKS and now >= self.since + LASTS

    def as_json(self) -> dict[str, object]:
        """Return the stored form."""
        return {"since": _text(self.since), "looks": self.looks, "last": _text(self.last)}

    @classmethod
    def from_json(cls, stored: object) -> Self | None:
        """Read the stored form; None for anything else."""
        if not isinstance(stored, Mapping):
            return None
        since, looks = stored.get("since"), stored.get("looks")
        if not isinstance(since, str) or not isinstance(looks, int):
            return None
        try:
            first = datetime.fromisoformat(since)
            return cls(first, looks, datetime.fromisoformat(str(stored.get("last", since))))
        except ValueError:
            return None


def not_shown(before: Absence | None, now: datetime) -> Absence:
    """Return the absence after one more look at `now` that did not show it."""
    if before is None or now < before.since:
        return Absence(now, 1, now)
    if now - before.last < APART:
        return before
    return Absence(before.since, before.looks + 1, now)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _absence_of(value: object) -> object:
    return value if isinstance(value, Absence) else Absence.from_json(value)


def _json_of(value: Absence | None) -> dict[str, Any] | None:
    return value.as_json() if value is not None else None


AbsenceJson = Annotated[Absence | None, BeforeValidator(_absence_of), PlainSerializer(_json_of, return_type=dict[str, Any] | None)]
"""An absence as a field of a stored document."""
