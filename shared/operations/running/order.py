"""Which checks and steps go first where a budget does not suffice for all that are due (docs/design/core.md, "Budgets"). Pure.

Of checks first those whose end is expected by now, or overdue; then the others. Within each part, those that were not checked for the
longest time.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from shared.clock import from_text
from shared.operations.model.due import Due, Waiting
from shared.operations.running.budgets import calls_of

_Rank = tuple[bool, float, str]


def most_urgent(entries: Sequence[Due], counts: Mapping[str, int], now: float) -> Mapping[int, frozenset[str]]:
    """Return the operations of the most urgent checks, by the number of their entry: of each budget as many as `counts` has.

    `now` is in seconds since 1970.
    """
    waiting: dict[str, list[tuple[_Rank, int, str]]] = defaultdict(list)
    for number, entry in enumerate(entries):
        for one in entry.waiting:
            waiting[one.budget].append((_rank(entry, one, now), number, one.id))
    chosen: dict[int, set[str]] = defaultdict(set)
    for budget, ranked in waiting.items():
        for _, number, operation in sorted(ranked)[: counts.get(budget, 0)]:
            chosen[number].add(operation)
    return {number: frozenset(operations) for number, operations in chosen.items()}


def affordable(steps: Sequence[Due], count: int) -> list[Due]:
    """Return the steps of one budget that it lets go, the longest due first; `count` is how many calls may be made now.

    The first one goes wherever a call may be made, however many it makes: a small share delays it, and no more.
    """
    released: list[Due] = []
    for entry in sorted(steps, key=lambda entry: entry.at):
        needed = calls_of(entry.writes)[1]
        if count <= 0 or (released and needed > count):
            break
        released.append(entry)
        count -= needed
    return released


def _rank(entry: Due, one: Waiting, now: float) -> _Rank:
    """Return what a check is ordered by, the smallest first; one of which no look is known counts as seen when it came due."""
    return not 0 < one.ends <= now, one.seen or from_text(entry.at).timestamp(), entry.at
