"""How many calls a run and its copies make (docs/design/copy-policies.md, "Forecast"). Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.copies.copying.rules.looks import Expected, next_check
from shared.copies.policies.forecast import Bucket, seconds_at_share
from shared.copies.policies.plans.answers import SubscriptionCalls

_READS, _WRITES, _DELETES = (250.0, 25.0), (200.0, 10.0), (200.0, 10.0)
"""The capacity of Azure's buckets, and how many calls a second they fill by (docs/azure/resource-manager.md)."""
_START = datetime(2000, 1, 1, tzinfo=UTC)
_LOOK_AT_VM = 2
"""Reads of a copy before its restore point, beside the disks: the VM and its collection."""
_FIRST_LOOK_AT_POINT = 1
_LOOKS_UNTIL_MADE = 2
"""How often a restore point is looked at until it is made, with its collection each time."""
_CHAIN = 2
"""Reads before a start: both collections of the chain."""
_READS_OF_A_DELETION = 4
"""The collection, the copy that is left, and two looks at the end."""
_ABSENT_TARGET = 2
"""Reads where a target's collection is absent: the list of its resource group, and the collection once it is created."""


@dataclass(frozen=True, slots=True)
class TargetCalls:
    """What is known of a copy: the subscription of its target, whether its collection is there, how long it takes."""

    subscription: str
    has_collection: bool
    expected: timedelta


@dataclass(frozen=True, slots=True)
class MachineCalls:
    """What is known of a VM that is copied."""

    subscription: str
    disks: int
    has_collection: bool
    targets: tuple[TargetCalls, ...]


def status_reads(expected: timedelta) -> int:
    """Return how many status reads the check rule makes until a copy of this duration has ended, with even progress."""
    count, at = 0, _START
    while True:
        percent = min(99, int(100 * (at - _START) / expected))
        at = next_check(_START, at, percent if count else 0, Expected(expected))
        count += 1
        if at - _START >= expected:
            return count


def calls_of(
    machines: Iterable[MachineCalls], listed: Mapping[str, int], deletes: Mapping[str, int], share: float
) -> tuple[SubscriptionCalls, ...]:
    """Return the calls by subscription; `listed` is how many reads the inventory makes of each, `deletes` how many deletions there are."""
    reads, writes = Counter(dict(listed)), Counter[str]()
    for machine in machines:
        reads[machine.subscription] += _reads_of_source(machine)
        writes[machine.subscription] += 1 + (not machine.has_collection)
        for target in machine.targets:
            absent = 0 if target.has_collection else _ABSENT_TARGET
            reads[target.subscription] += 1 + absent + _CHAIN + status_reads(target.expected)
            writes[target.subscription] += 1 + (not target.has_collection)
    reads.update({one: _READS_OF_A_DELETION * count for one, count in deletes.items()})
    return tuple(
        SubscriptionCalls(
            subscription_id=one,
            reads=reads[one],
            writes=writes[one],
            deletes=deletes.get(one, 0),
            seconds_at_share=seconds_at_share(
                [Bucket(reads[one], *_READS), Bucket(writes[one], *_WRITES), Bucket(deletes.get(one, 0), *_DELETES)], share
            ),
        )
        for one in sorted({*reads, *writes, *deletes})
    )


def _reads_of_source(machine: MachineCalls) -> int:
    """Return the reads of the copies of a VM until its restore point is made: the first creates it, the others find it."""
    each = _LOOK_AT_VM + machine.disks + _FIRST_LOOK_AT_POINT
    first = each + 1 + 2 * _LOOKS_UNTIL_MADE + (0 if machine.has_collection else 2 + machine.disks)
    return first + (len(machine.targets) - 1) * (each + 2)
