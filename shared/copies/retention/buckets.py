"""The buckets that keep copies: the newest, and the newest of each of so many days, weeks, months and years that have one.

Periods that have a copy are counted, never ages: through an outage nothing is deleted.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from zoneinfo import ZoneInfo

from shared.copies.policies.document import Retention
from shared.copies.retention.facts import CopyFacts


def newest_first(copies: Iterable[CopyFacts]) -> list[CopyFacts]:
    """Return copies by the moment of their source, newest first; of equal moments the smaller id first."""
    return sorted(sorted(copies, key=lambda copy: copy.id), key=lambda copy: copy.taken_at, reverse=True)


def buckets(copies: Iterable[CopyFacts], retention: Retention, zone: ZoneInfo) -> dict[str, tuple[str, ...]]:
    """Return the buckets of each copy that has any, by id; days are local to `zone`, weeks are ISO weeks, which begin on Monday.

    They are named `KeepLast`, `Daily 2026-11-20`, `Weekly 2026-W47`, `Monthly 2026-11`, `Yearly 2026`.
    """
    ordered = newest_first(copies)
    found: dict[str, list[str]] = {copy.id: ["KeepLast"] for copy in ordered[: retention.keep_last]}
    for count, label in (
        (retention.daily, _day),
        (retention.weekly, _week),
        (retention.monthly, _month),
        (retention.yearly, _year),
    ):
        for copy, name in _newest_of_periods(ordered, count, label, zone):
            found.setdefault(copy.id, []).append(name)
    return {id: tuple(names) for id, names in found.items()}


def _newest_of_periods(
    ordered: Iterable[CopyFacts], count: int, label: Callable[[date], str], zone: ZoneInfo
) -> Iterator[tuple[CopyFacts, str]]:
    """Yield the newest copy of each of the first `count` periods that have one, with the period's name."""
    seen: set[str] = set()
    for copy in ordered:
        name = label(copy.taken_at.astimezone(zone).date())
        if name in seen:
            continue
        if len(seen) == count:
            return
        seen.add(name)
        yield copy, name


def _day(day: date) -> str:
    return f"Daily {day:%Y-%m-%d}"


def _week(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"Weekly {year}-W{week:02}"


def _month(day: date) -> str:
    return f"Monthly {day:%Y-%m}"


def _year(day: date) -> str:
    return f"Yearly {day:%Y}"
