"""How a run spreads what it accepts over time, by Azure's budget of writes and deletes (docs/design/copy-policies.md, "A run"). Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence

from shared.copies.policies.document import PolicyDocument
from shared.copies.policies.runs.items import Decision, RunItem
from shared.operations.running.budgets import WRITES, deletes_of, writes_of


def burst(share: float) -> int:
    """Return how many writes of one subscription are accepted at once: the app's share of a full bucket, one at least."""
    return max(1, int(WRITES.capacity * share))


def at_once(items: Sequence[RunItem], most: int) -> list[RunItem]:
    """Return the first items, one at least, whose copies make no more than `most` writes in a subscription."""
    taken: list[RunItem] = []
    total: Counter[str] = Counter()
    for item in items:
        total.update(writes_of_item(item))
        if taken and max(total.values(), default=0) > most:
            break
        taken.append(item)
    return taken


def writes_of_items(items: Sequence[RunItem]) -> Mapping[str, int]:
    """Return how many writes the copies of VMs may make, by the key of the budget."""
    total: Counter[str] = Counter()
    for item in items:
        total.update(writes_of_item(item))
    return total


def writes_of_item(item: RunItem) -> Mapping[str, int]:
    """Return how many writes the copies of a VM may make: its collection and restore point, and two for each target."""
    copied = sum(target.decision is Decision.COPIED for target in item.targets)
    return {writes_of(item.vm.subscription_id): 2 + 2 * copied} if copied else {}


def deletes_of_items(items: Sequence[RunItem], document: PolicyDocument) -> Mapping[str, int]:
    """Return how many deletes the deletions of VMs make, by the key of the budget."""
    places = {target.region: target.subscription_id for target in document.targets}
    total: Counter[str] = Counter()
    for item in items:
        for target in item.targets:
            if target.deletions:
                total[deletes_of(places.get(target.region) or item.vm.subscription_id)] += len(target.deletions)
    return total
