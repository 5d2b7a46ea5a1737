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
    """A copy that became usable: when its source was taken, and from when on it was usable."""

    id: str
    taken_at: datetime
    usable_at: datetime


def left_after(copies: Iterable[KeptCopy], runs: Sequence[datetime], keep: Mapping[str, int], zone: ZoneInfo, most: int) -> set[str]:
    """Return the ids of the copies that are there after all runs: each deletes what is in no bucket, unless that is more than `most`."""
    everything, deleted = sorted(copies, key=lambda copy: copy.taken_at, reverse=True), set[str]()
    for run in sorted(runs):
        there = [copy for copy in everything if copy.usable_at <= run and copy.id not in deleted]
        superfluous = {copy.id for copy in there} - _kept(there, keep, zone)
        if len(superfluous) <= most:
            deleted |= superfluous
    return {copy.id for copy in everything} - deleted


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
