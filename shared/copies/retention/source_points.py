"""The table of a VM's restore points: the first rule that fits decides (docs/design/copy-policies.md, "Restore points of the VM")."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.copies.retention.facts import Decision, Decisions, PointFacts, PointState, Rule, remaining

YOUNG = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """The restore points of a VM in the collection that was made for it, whoever made each, and what is kept of them.

    `disks` are those that the VM has now; `newest_copied` the restore points whose copies are the newest usable ones of a target; ids are
    in lower case. `whole`, `vm_id` and `deletions` are as of a `Place`.
    """

    points: tuple[PointFacts, ...]
    whole: bool
    vm_id: str
    disks: frozenset[str]
    newest_copied: frozenset[str]
    keep_last: int
    deletions: int
    now: datetime


def decide_points(place: SourcePlace) -> Decisions:
    """Return what becomes of each restore point of a VM; the order of the points does not matter."""
    if not place.whole:
        return {point.id: Decision(Rule.NOT_SURE) for point in place.points}
    own = [point for point in place.points if point.by_policy and point.vm_id == place.vm_id]
    decided = {id: Decision(Rule.NOT_OURS) for id in {point.id for point in place.points} - {point.id for point in own}}
    bases = bases_of(place.points, place.disks)
    newest = {point.id for point in _newest_first(point for point in own if point.state is PointState.MADE)[: place.keep_last]}
    left: dict[str, datetime | None] = {}
    for point in own:
        rule = _first_rule(point, place, bases)
        if rule is not None:
            decided[point.id] = Decision(rule)
        elif point.id in newest:
            decided[point.id] = Decision(Rule.KEPT_BY_POLICY, ("KeepLast",))
        else:
            left[point.id] = point.refused_at
    return decided | remaining(left, place.now, place.deletions)


def bases_of(points: Iterable[PointFacts], disks: frozenset[str]) -> frozenset[str]:
    """Return the oldest restore point of each disk, whoever made it: without it Azure copies the disk whole again.

    Only restore points that were made well hold a disk's data.
    """
    oldest: dict[str, str] = {}
    for point in reversed(_newest_first(point for point in points if point.state is PointState.MADE)):
        for disk in point.disks & disks:
            oldest.setdefault(disk, point.id)
    return frozenset(oldest.values())


def _first_rule(point: PointFacts, place: SourcePlace, bases: frozenset[str]) -> Rule | None:
    if point.state is PointState.BEING_MADE or place.now - point.taken_at < YOUNG:
        return Rule.IN_FLIGHT
    if point.id in bases:
        return Rule.BASE
    if point.needed:
        return Rule.NEEDED
    return Rule.PAIR if point.id in place.newest_copied else None


def _newest_first(points: Iterable[PointFacts]) -> list[PointFacts]:
    return sorted(sorted(points, key=lambda point: point.id), key=lambda point: point.taken_at, reverse=True)
