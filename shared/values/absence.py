"""How long a thing that Azure has named must be missing before it counts as gone.

Regions of Azure Resource Manager replicate behind one another, so a thing that exists is answered 404 now and then. One look that does
not show it proves nothing: it counts as gone after `LOOKS` looks that are spread over at least `LASTS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

LASTS = timedelta(minutes=10)
LOOKS = 3
BETWEEN_LOOKS = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Absence:
    """The looks that have not shown a thing: when the first of them was, Azure's time, and how many there were."""

    since: datetime
    looks: int

    def lasts_long_enough(self, now: datetime) -> bool:
        """Return whether the thing counts as gone."""
        return self.looks >= LOOKS and now >= self.since + LASTS

    def as_json(self) -> dict[str, object]:
        """Return the stored form."""
        return {"since": self.since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "looks": self.looks}

    @classmethod
    def from_json(cls, stored: object) -> Self | None:
        """Read the stored form; None for anything else."""
        if not isinstance(stored, Mapping):
            return None
        since, looks = stored.get("since"), stored.get("looks")
        if not isinstance(since, str) or not isinstance(looks, int):
            return None
        return cls(datetime.fromisoformat(since), looks)


def not_shown(before: Absence | None, now: datetime) -> Absence:
    """Return the absence after one more look that did not show the thing."""
    return Absence(now, 1) if before is None else Absence(before.since, before.looks + 1)
