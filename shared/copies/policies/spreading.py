"""How a run spreads what it accepts over time, by Azure's budgets of calls (docs/design/copy-policies.md, "A run"). Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence

from shared.copies.policies.document import PolicyDocument
from shared.copies.policies.runs.items import Decision, RunItem
from shared.operations.running.budgets import bucket_of, deletes_of, reads_of, writes_of

_READS_OF_VM, _READS_OF_FURTHER_TARGET = 10, 10
"""About how many reads the steps of a VM's copies make at once: until its restore point is being made. Later looks at it are spent as they
are dispatched (docs/design/core.md, "Budgets")."""
_AT_ONCE = 1 / 2
"""The part of the app's share of a full bucket that is accepted at once: the calls of what was paid for before may be made then, too."""


def at_once(items: Sequence[RunItem], share: float) -> list[RunItem]:
    """Return the first items, one at least, whose copies make no more calls in a subscription than a burst."""
    taken: list[RunItem] = []
    total: Counter[str] = Counter()
    for item in items:
        total.update(calls_of_item(item))
        if taken and any(count > burst(key, share) for key, count in total.items()):
            break
        taken.append(item)
    return taken


def burst(key: str, share: float) -> int:
    """Return how many calls of a budget are accepted at once: half of the app's share of a full bucket, one at least."""
    bucket, own = bucket_of(key, share)
    return max(1, int(bucket.capacity * own * _AT_ONCE))


def calls_of_items(items: Sequence[RunItem]) -> Mapping[str, int]:
    """Return how many reads and writes the copies of VMs may make until they have started, by the key of the budget."""
    total: Counter[str] = Counter()
    for item in items:
        total.update(calls_of_item(item))
    return total


def calls_of_item(item: RunItem) -> Mapping[str, int]:
    """Return the calls of a VM: writes of its collection and restore point, and two for each target; and the reads before and between."""
    copied = sum(target.decision is Decision.COPIED for target in item.targets)
    subscription = item.vm.subscription_id
    reads, writes = _READS_OF_VM + _READS_OF_FURTHER_TARGET * (copied - 1), 2 + 2 * copied
    return {reads_of(subscription): reads, writes_of(subscription): writes} if copied else {}


def deletes_of_items(items: Sequence[RunItem], document: PolicyDocument) -> Mapping[str, int]:
    """Return how many deletes the deletions of VMs make, by the key of the budget."""
    places = {target.region: target.subscription_id for target in document.targets}
    total: Counter[str] = Counter()
    for item in items:
        for target in item.targets:
            if target.deletions:
                total[deletes_of(places.get(target.region) or item.vm.subscription_id)] += len(target.deletions)
    return total
