"""An independent model of which copies of a place, and which restore points of a VM, are left after some runs.

Written from docs/design/copy-policies.md ("Retention").

It imports nothing of the project: it has moments and counts only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_JUST_MADE = timedelta(hours=1)
_PERIODS = {"daily": "%Y-%m-%d", "weekly": "%G-W%V", "monthly": "%Y-%m", "yearly": "%Y"}


@dataclass(frozen=True)
class KeptCopy:
    """A copy that became usable: when its source was taken, from when on it was usable, and by when whoever deletes has noticed that."""

    id: str
    taken_at: datetime
    usable_at: datetime
    noticed_by: datetime | None = None


@dataclass(frozen=True)
class SourcePoint:
    """A restore point of a VM: when it was taken, and its copies, each with its region and the moments of `KeptCopy`.

    A copy that ended without being usable has no region, and `usable_at` is when it ended.
    """

    id: str
    taken_at: datetime
    copies: tuple[tuple[str, KeptCopy], ...]

    def is_needed(self, shown: frozenset[str]) -> bool:
        """Return whether a copy of it has not ended, as far as is known."""
        return any(copy.id not in shown for _, copy in self.copies)


def points_left_after(points: Iterable[SourcePoint], runs: Sequence[datetime], keep_last: int, most: int) -> list[set[str]]:
    """Return which ids may be those of a VM's restore points that are there after all runs, as `left_after` does of copies.

    All are of the same disks, so that the oldest one is the base of each.
    """
    everything = sorted(points, key=lambda point: point.taken_at, reverse=True)
    copies = [copy for point in everything for _, copy in point.copies]
    possible = {frozenset[str]()}
    for run in sorted(runs):
        made = [point for point in everything if point.taken_at < run]
        before = frozenset(copy.id for copy in copies if (copy.noticed_by or copy.usable_at) < run)
        together = before | {copy.id for copy in copies if copy.usable_at <= run}
        possible = {
            deleted | _points_superfluous([point for point in made if point.id not in deleted], shown, keep_last, most, run)
            for deleted in possible
            for shown in (before, together)
        }
    return [{point.id for point in everything} - deleted for deleted in possible]


def _points_superfluous(there: Sequence[SourcePoint], shown: frozenset[str], keep_last: int, most: int, run: datetime) -> frozenset[str]:
    kept = {point.id for point in (*there[:keep_last], *there[-1:])}
    pairs: dict[str, str] = {}
    for point in there:
        for region in {region for region, copy in point.copies if region and copy.id in shown}:
            pairs.setdefault(region, point.id)
    kept |= set(pairs.values())
    found = {one.id for one in there if one.id not in kept and not one.is_needed(shown) and run - one.taken_at >= _JUST_MADE}
    return frozenset(found if len(found) <= most else ())


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
