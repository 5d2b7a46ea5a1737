"""The app's share of Azure's call budget, over all instances: kept in a row, spent by the tick, updated from the answers' headers.

Source: docs/design/core.md, "Budgets".

A budget is named by its key (principal, subscription and operation type, as the caller names them). Resource Manager's bucket holds 250
reads and fills by 25 a second (docs/azure/resource-manager.md). The tick plans with the app's share of that, and with its share of what the
headers show as left where that is less. A key that ends in `:n` is a budget of its own: n calls in any minute, all of them the app's
(docs/design/data-centers.md, "Installations").
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.clock import Clock, from_text, to_text
from shared.operations.model.identity import short_hash
from shared.storage.tables import Conflict, Found, Table

TABLE = "budgets"
CAPACITY = 250.0
REFILL_PER_SECOND = 25.0
_OWN_RATE = re.compile(r":(\d{1,6})$", re.ASCII)
_BELIEVE_HEADER = timedelta(minutes=1)
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Observed:
    """What an answer shows of a budget: calls left in the bucket, or for how many seconds nothing may be sent (Azure's time)."""

    key: str
    remaining: int | None
    retry_after: float | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget as its row holds it. `available` is the app's own bucket at `at`; `remaining` is the header's last figure at `seen_at`,
    less what was released since."""

    available: float
    at: datetime
    remaining: float | None = None
    seen_at: datetime | None = None
    blocked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many calls a bucket holds, and how many come in a second."""

    capacity: float = CAPACITY
    refill: float = REFILL_PER_SECOND


RESOURCE_MANAGER = Bucket()


def bucket_of(key: str) -> Bucket | None:
    """Return the bucket of a key that names its own rate, None for one of Resource Manager's.

    Half of the calls of a minute are in a full bucket and half come in the minute: together they are what the rate allows.
    """
    rate = _OWN_RATE.search(key)
    return Bucket(int(rate[1]) / 2, int(rate[1]) / 120) if rate else None


def allowance(budget: Budget, now: datetime, share: float, bucket: Bucket = RESOURCE_MANAGER) -> int:
    """Return how many calls may be released now."""
    if budget.blocked_until is not None and now < budget.blocked_until:
        return 0
    own = _filled(budget, now, share, bucket)
    if budget.remaining is not None and budget.seen_at is not None and now - budget.seen_at < _BELIEVE_HEADER:
        shown = budget.remaining + bucket.refill * max((now - budget.seen_at).total_seconds(), 0)
        own = min(own, shown * share)
    return max(int(own), 0)


def spend(budget: Budget, count: int, now: datetime, share: float, bucket: Bucket = RESOURCE_MANAGER) -> Budget:
    """Return the budget after `count` calls were released; what the header left is spent too, until an answer shows more."""
    left = None if budget.remaining is None else budget.remaining - count / share
    return replace(budget, available=_filled(budget, now, share, bucket) - count, at=max(now, budget.at), remaining=left)


def observe(budget: Budget, seen: Observed) -> Budget:
    """Return the budget with what an answer shows; an older figure does not replace a newer one."""
    if seen.retry_after is not None:
        until = seen.at + timedelta(seconds=seen.retry_after)
        budget = replace(budget, blocked_until=max(until, budget.blocked_until or until))
    if seen.remaining is None or (budget.seen_at is not None and seen.at < budget.seen_at):
        return budget
    return replace(budget, remaining=float(seen.remaining), seen_at=seen.at)


def _filled(budget: Budget, now: datetime, share: float, bucket: Bucket) -> float:
    # what is released is called within seconds: more at once than the share of a full bucket would overdraw it
    passed = max((now - budget.at).total_seconds(), 0)
    return min(budget.available + passed * bucket.refill * share, bucket.capacity * share)


class Budgets:
    """The rows of a principal's budgets. A lost race is tried again; a budget that cannot be written releases nothing this time."""

    def __init__(self, table: Table, clock: Clock, share: float, principal: str) -> None:
        self._principal = principal
        self._table = table
        self._clock = clock
        self._share = share

    async def release(self, key: str, wanted: int) -> int:
        """Spend up to `wanted` calls of a budget and return how many may be made now."""
        own = bucket_of(key)
        bucket, share = (RESOURCE_MANAGER, self._share) if own is None else (own, 1.0)
        for _ in range(_TRIES):
            found = await self._table.get(*self._row(key))
            now = self._clock.now()
            budget = _read(found, now, bucket.capacity * share)
            count = min(allowance(budget, now, share, bucket), wanted)
            if count <= 0:
                return 0
            if await self._write(key, spend(budget, count, now, share, bucket), found):
                return count
        return 0

    async def observed(self, seen: Observed) -> None:
        """Add what an answer shows; given up after a few lost races, the next answer shows it again."""
        for _ in range(_TRIES):
            found = await self._table.get(*self._row(seen.key))
            before = _read(found, self._clock.now(), CAPACITY * self._share)
            after = observe(before, seen)
            if after == before or await self._write(seen.key, after, found):
                return

    def _row(self, key: str) -> tuple[str, str]:
        return "budget", short_hash(self._principal, key)

    async def _write(self, key: str, budget: Budget, found: Found | None) -> bool:
        partition, row = self._row(key)
        entity = {
            "PartitionKey": partition,
            "RowKey": row,
            "v": 1,
            "principal": self._principal,
            "key": key,
            "available": float(budget.available),
            "at": to_text(budget.at),
            "remaining": float(budget.remaining or 0),
            "seenAt": to_text(budget.seen_at) if budget.seen_at else "",
            "blockedUntil": to_text(budget.blocked_until) if budget.blocked_until else "",
        }
        try:
            await (self._table.merge(entity, found.etag) if found else self._table.insert(entity))
        except Conflict:
            return False
        return True


def _read(found: Found | None, now: datetime, full: float) -> Budget:
    if found is None:
        return Budget(full, now)
    entity = found.entity
    return Budget(
        available=float(entity["available"]),
        at=from_text(entity["at"]),
        remaining=float(entity["remaining"]) if entity["seenAt"] else None,
        seen_at=from_text(entity["seenAt"]) if entity["seenAt"] else None,
        blocked_until=from_text(entity["blockedUntil"]) if entity["blockedUntil"] else None,
    )
