"""Which checks go first where a budget does not suffice for all that are due (docs/design/core.md, "Budgets"). Pure.

First those whose end is expected by now, or overdue; then the others. Within each part, those that were not checked for the longest time.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from shared.clock import from_text
from shared.operations.model.due import Due

_Rank = tuple[bool, float, str]


def most_urgent(entries: Sequence[Due], count: int, now: float) -> Mapping[int, frozenset[str]]:
    """Return the operations of the `count` most urgent checks, by the number of their entry; `now` is in seconds since 1970."""
    ranked = sorted(
        (_rank(entry, seen, ends, now), number, operation) for number, entry in enumerate(entries) for operation, seen, ends in entry.times
    )
    chosen: dict[int, set[str]] = defaultdict(set)
    for _, number, operation in ranked[:count]:
        chosen[number].add(operation)
    return {number: frozenset(operations) for number, operations in chosen.items()}


def _rank(entry: Due, seen: int, ends: int, now: float) -> _Rank:
    """Return what a check is ordered by, the smallest first; one of which no look is known counts as seen when it came due."""
    return not 0 < ends <= now, seen or from_text(entry.at).timestamp(), entry.at
