"""When the checks that refuse a start count: one look may show a value of another region, or one that Farshore does not know. Pure.

A refusal counts once the same check has refused at several looks over ten minutes. Where each look finds something else, as while reads
answer 404 at random, the looks begin again, for an hour at most.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from shared.values.absence import Absence, not_shown

AT_MOST = timedelta(hours=1)
"""After this time refusals count, whatever their causes."""
LOOKS = 6
"""As many as fit into ten minutes: other waits between them are no looks."""
_KEPT = 20


@dataclass(frozen=True, slots=True)
class Unready:
    """Looks at which checks refused: `looks` counts those that have `causes` in common, `since` is when the first of all was."""

    looks: Absence
    causes: tuple[str, ...]
    since: datetime

    def counts(self, now: datetime) -> bool:
        """Return whether the refusal ends the start."""
        return (self.looks.looks >= LOOKS and self.looks.lasts_long_enough(now)) or now >= self.since + AT_MOST


def refused(before: Unready | None, causes: Iterable[str], now: datetime) -> Unready:
    """Return the looks after one more at `now`, at which these checks refused."""
    found = tuple(sorted({blake2b(cause.lower().encode(), digest_size=4).hexdigest() for cause in causes})[:_KEPT])
    if before is None:
        return Unready(not_shown(None, now), found, now)
    common = tuple(cause for cause in before.causes if cause in found)
    if not common and before.causes:
        return Unready(not_shown(None, now), found, before.since)
    return Unready(not_shown(before.looks, now), common, before.since)
