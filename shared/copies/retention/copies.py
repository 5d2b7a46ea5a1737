"""The table of copies in a target region: the first rule that fits decides (docs/design/copy-policies.md, "Copies")."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from shared.copies.policies.document import Retention
from shared.copies.retention.buckets import buckets, newest_first
from shared.copies.retention.facts import CopyFacts, CopyState, Decision, Decisions, Rule, remaining


@dataclass(frozen=True, slots=True)
class Place:
    """The copies of a VM in a region, and what the policy in charge keeps of them.

    `whole` is false where something was not read to its end, was not reconciled for two days, or may not be pruned now. `vm_id` is the
    VM's own; `zone` the time zone of the policy's schedule; `deletions` the most that are deleted at once.
    """

    copies: tuple[CopyFacts, ...]
    whole: bool
    vm_id: str
    retention: Retention
    zone: ZoneInfo
    deletions: int
    now: datetime


def decide_copies(place: Place) -> Decisions:
    """Return what becomes of each copy of a place; the order of the copies does not matter."""
    if not place.whole:
        return {copy.id: Decision(Rule.NOT_SURE) for copy in place.copies}
    own = [copy for copy in place.copies if copy.by_policy and copy.vm_id == place.vm_id]
    decided = {id: Decision(Rule.NOT_OURS) for id in {copy.id for copy in place.copies} - {copy.id for copy in own}}
    kept_by = buckets((copy for copy in own if copy.state is CopyState.USABLE), place.retention, place.zone)
    left: dict[str, datetime | None] = {}
    has_newest = False
    for copy in newest_first(own):
        rule = _first_rule(copy, place)
        if rule is None and copy.state is CopyState.USABLE and not has_newest:
            rule, has_newest = Rule.NEWEST, True
        if rule is not None:
            decided[copy.id] = Decision(rule)
        elif copy.id in kept_by:
            decided[copy.id] = Decision(Rule.KEPT_BY_POLICY, kept_by[copy.id])
        else:
            left[copy.id] = copy.refused_at
    return decided | remaining(left, place.now, place.deletions)


def _first_rule(copy: CopyFacts, place: Place) -> Rule | None:
    if copy.in_flight:
        return Rule.IN_FLIGHT
    if copy.in_use:
        return Rule.IN_USE
    if copy.state is CopyState.FAILED and is_passed(copy, place.copies):
        return Rule.FAILED_AND_PASSED
    return None


def is_passed(copy: CopyFacts, copies: Iterable[CopyFacts]) -> bool:
    """Return whether a newer copy of the chain has started: Azure then never copies this restore point."""
    started = {CopyState.COPYING, CopyState.USABLE}
    return any(other.state in started and other.vm_id == copy.vm_id and other.taken_at > copy.taken_at for other in copies)
