"""What the rules of retention read, and what they decide."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

REFUSAL_LASTS = timedelta(hours=24)
"""A deletion that Azure refused is not tried again within this time."""


class Rule(StrEnum):
    """The rule that decided, in the order of the tables."""

    NOT_SURE = "NotSure"
    NOT_OURS = "NotOurs"
    IN_FLIGHT = "InFlight"
    IN_USE = "InUse"
    FAILED_AND_PASSED = "FailedAndPassed"
    BASE = "Base"
    NEEDED = "Needed"
    NEWEST = "Newest"
    PAIR = "Pair"
    KEPT_BY_POLICY = "KeptByPolicy"
    REFUSED = "Refused"
    HELD = "Held"
    SUPERFLUOUS = "Superfluous"


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a restore point; `buckets` are those that keep it, where a policy's numbers do."""

    rule: Rule
    buckets: tuple[str, ...] = ()

    @property
    def deletes(self) -> bool:
        """Whether the restore point is deleted."""
        return self.rule in {Rule.FAILED_AND_PASSED, Rule.SUPERFLUOUS}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the rules, as plans and deletions show them."""
        return self.buckets or (self.rule.value,)


Decisions = Mapping[str, Decision]
"""What becomes of each restore point, by its id."""


class CopyState(StrEnum):
    """How far a copy is."""

    WAITING = "waiting"
    """Its restore point is being made, or its turn in the chain has not come."""
    COPYING = "copying"
    USABLE = "usable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CopyFacts:
    """A copy of a place: its restore point's id in lower case, the moment of the source, the VM's `vmId`.

    `by_policy`: a policy of the tenant made it, be it deleted since. `redoable`: it failed and may still be redone. `in_use`: a restore,
    drill, redo or another deletion holds it. A failed copy whose restore point is gone is not of the place.
    """

    id: str
    taken_at: datetime
    vm_id: str
    state: CopyState
    by_policy: bool = True
    redoable: bool = False
    in_use: bool = False
    refused_at: datetime | None = None

    @property
    def in_flight(self) -> bool:
        """Whether it waits, copies, or may be redone."""
        return self.state in {CopyState.WAITING, CopyState.COPYING} or (self.state is CopyState.FAILED and self.redoable)


class PointState(StrEnum):
    """The state of a restore point."""

    BEING_MADE = "beingMade"
    MADE = "made"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PointFacts:
    """A restore point of a VM: its id and those of its disks in lower case, the moment at which it was taken.

    `by_policy`: a run of a policy of the tenant made it. `needed`: a copy of it waits, copies, or failed and may be redone.
    """

    id: str
    taken_at: datetime
    vm_id: str
    disks: frozenset[str]
    state: PointState = PointState.MADE
    by_policy: bool = True
    needed: bool = False
    refused_at: datetime | None = None


def was_refused(refused_at: datetime | None, now: datetime) -> bool:
    """Return whether Azure refused the deletion in the last 24 hours."""
    return refused_at is not None and now - refused_at < REFUSAL_LASTS


def remaining(left: Mapping[str, datetime | None], now: datetime, deletions: int) -> dict[str, Decision]:
    """Decide what no rule has kept: ids, each with the time at which Azure refused its deletion.

    Those refused in the last 24 hours are kept; of the rest all are deleted, or all are held where they are more than `deletions`.
    """
    refused = {id: Decision(Rule.REFUSED) for id, at in left.items() if was_refused(at, now)}
    rest = left.keys() - refused.keys()
    rule = Rule.HELD if len(rest) > deletions else Rule.SUPERFLUOUS
    return refused | {id: Decision(rule) for id in rest}
