"""An independent model of retention, written from docs/design/copy-policies.md; it uses the types of the facts and no rule of the project.

It goes through the rules one after another and takes out what each decides.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from shared.copies.policies.document import Retention
from shared.copies.retention.facts import CopyFacts, PointFacts

HOUR = timedelta(hours=1)
T = TypeVar("T", CopyFacts, PointFacts)


def expected_copies(
    copies: Iterable[CopyFacts], whole: bool, vm_id: str, retention: Retention, zone: ZoneInfo, most: int, now: datetime
) -> dict[str, str]:
    """Return the names of the rules that decide of each copy, joined by `;`, by id."""
    everything = _sorted(copies)
    if not whole:
        return {copy.id: "NotSure" for copy in everything}
    result: dict[str, str] = {}
    rest = _take(result, everything, "NotOurs", lambda copy: not copy.by_policy or copy.vm_id != vm_id)
    usable = [copy for copy in rest if copy.state.value == "usable"]
    rest = _take(
        result,
        rest,
        "InFlight",
        lambda copy: copy.state.value in {"waiting", "copying"} or (copy.state.value == "failed" and copy.redoable),
    )
    rest = _take(result, rest, "InUse", lambda copy: copy.in_use)
    started = [copy for copy in everything if copy.state.value in {"copying", "usable"} and copy.vm_id == vm_id]
    rest = _take(
        result,
        rest,
        "FailedAndPassed",
        lambda copy: copy.state.value == "failed" and max((one.taken_at for one in started), default=copy.taken_at) > copy.taken_at,
    )
    newest = [copy.id for copy in rest if copy.state.value == "usable"][:1]
    rest = _take(result, rest, "Newest", lambda copy: copy.id in newest)
    names = {copy.id: _bucket_names(copy, usable, retention, zone) for copy in usable}
    for copy in rest:
        if names.get(copy.id):
            result[copy.id] = ";".join(names[copy.id])
    rest = [copy for copy in rest if copy.id not in result]
    return _end(result, rest, most, now)


def _bucket_names(copy: CopyFacts, usable: list[CopyFacts], retention: Retention, zone: ZoneInfo) -> list[str]:
    """Return the buckets of one copy: for each kind of period, count the later periods that have a copy."""
    names = ["KeepLast"] if usable.index(copy) < retention.keep_last else []
    kinds: list[tuple[int, str]] = [
        (retention.daily, "Daily %Y-%m-%d"),
        (retention.weekly, "Weekly %G-W%V"),
        (retention.monthly, "Monthly %Y-%m"),
        (retention.yearly, "Yearly %Y"),
    ]
    for count, form in kinds:
        periods = [one.taken_at.astimezone(zone).strftime(form) for one in usable]
        mine = periods[usable.index(copy)]
        later = set(periods[: usable.index(copy)])
        if mine not in later and len(later) < count:
            names.append(mine)
    return names


def expected_points(
    points: Iterable[PointFacts],
    whole: bool,
    vm_id: str,
    disks: frozenset[str],
    pairs: frozenset[str],
    keep_last: int,
    most: int,
    now: datetime,
) -> dict[str, str]:
    """Return the name of the rule that decides of each restore point, by id."""
    everything = _sorted(points)
    if not whole:
        return {point.id: "NotSure" for point in everything}
    result: dict[str, str] = {}
    made = [point for point in everything if point.state.value == "made"]
    bases = {[point for point in made if disk in point.disks][-1].id for disk in disks if any(disk in point.disks for point in made)}
    rest = _take(result, everything, "NotOurs", lambda point: not point.by_policy or point.vm_id != vm_id)
    newest = [point.id for point in rest if point.state.value == "made"][:keep_last]
    rest = _take(result, rest, "InFlight", lambda point: point.state.value == "beingMade" or point.taken_at > now - HOUR)
    rest = _take(result, rest, "Base", lambda point: point.id in bases)
    rest = _take(result, rest, "Needed", lambda point: point.needed)
    rest = _take(result, rest, "Pair", lambda point: point.id in pairs)
    rest = _take(result, rest, "KeepLast", lambda point: point.id in newest)
    return _end(result, rest, most, now)


def _sorted(things: Iterable[T]) -> list[T]:
    return sorted(things, key=lambda one: (-one.taken_at.timestamp(), one.id))


def _take(result: dict[str, str], things: list[T], name: str, fits: Callable[[T], bool]) -> list[T]:
    result.update({one.id: name for one in things if fits(one)})
    return [one for one in things if one.id not in result]


def _end(result: dict[str, str], things: list[T], most: int, now: datetime) -> dict[str, str]:
    rest = _take(result, things, "Refused", lambda one: one.refused_at is not None and one.refused_at > now - 24 * HOUR)
    _take(result, rest, "Held" if len(rest) > most else "Superfluous", lambda _: True)
    return result
