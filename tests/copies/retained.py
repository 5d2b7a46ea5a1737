"""An independent model of which copies of a place are left after some runs, written from docs/design/copy-policies.md ("Retention").

It imports nothing of the project: it has moments and counts only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

_PERIODS = {"daily": "%Y-%m-%d", "weekly": "%G-W%V", "monthly": "%Y-%m", "yearly": "%Y"}


@dataclass(frozen=True)
class KeptCopy:
    """A copy that became usable: when its source was taken, from when on it was usable, and by when whoever deletes has noticed that."""

    id: str
    taken_at: datetime
    usable_at: datetime
    noticed_by: datetime | None = None


def left_after(copies: Iterable[KeptCopy], runs: Sequence[datetime], keep: Mapping[str, int], zone: ZoneInfo, most: int) -> list[set[str]]:
    """Return which ids may be those of the copies that are there after all runs: each deletes what is in no bucket, unless that is more
    than `most`. There are several where a copy became usable at the very moment of a run, or was noticed around it: either may be first.
    """
    everything = sorted(copies, key=lambda copy: copy.taken_at, reverse=True)
    possible = {frozenset[str]()}
    for run in sorted(runs):
        before = {copy.id for copy in everything if (copy.noticed_by or copy.usable_at) < run}
        together = before | {copy.id for copy in everything if copy.usable_at <= run}
        possible = {
            deleted | _superfluous([copy for copy in everything if copy.id in shown - deleted], keep, zone, most)
            for deleted in possible
            for shown in (before, together)
        }
    return [{copy.id for copy in everything} - deleted for deleted in possible]


def _superfluous(there: Sequence[KeptCopy], keep: Mapping[str, int], zone: ZoneInfo, most: int) -> frozenset[str]:
    found = {copy.id for copy in there} - _kept(there, keep, zone)
    return frozenset(found if len(found) <= most else ())


def _kept(newest_first: Sequence[KeptCopy], keep: Mapping[str, int], zone: ZoneInfo) -> set[str]:
    kept = {copy.id for copy in newest_first[: max(1, keep["keepLast"])]}
    for name, form in _PERIODS.items():
        newest_of: dict[str, str] = {}
        for copy in newest_first:
            newest_of.setdefault(copy.taken_at.astimezone(zone).strftime(form), copy.id)
        kept |= set(list(newest_of.values())[: keep.get(name, 0)])
    return kept


def breaches(copies: Iterable[KeptCopy], covered: datetime, objective: float, until: datetime) -> list[tuple[datetime, datetime | None]]:
    """Return when the age of the newest usable copy was over the objective (seconds): from, and until, None where it still is."""
    found: list[tuple[datetime, datetime | None]] = []
    newest = covered
    for copy in sorted(copies, key=lambda copy: copy.usable_at):
        if (copy.usable_at - newest).total_seconds() > objective:
            found.append((_later(newest, objective), copy.usable_at))
        newest = max(newest, copy.taken_at)
    if (until - newest).total_seconds() > objective:
        found.append((_later(newest, objective), None))
    return found


def _later(moment: datetime, seconds: float) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() + seconds, moment.tzinfo)
