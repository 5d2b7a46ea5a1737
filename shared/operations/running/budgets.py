"""The app's share of Azure's call budget, over all instances: kept in a row, spent by the tick, updated from the answers' headers.

Source: docs/design/core.md, "Budgets".

A budget is named by its key (principal, subscription and operation type, as the caller names them). Resource Manager's bucket of reads
holds 250 and fills by 25 a second, those of writes and deletes hold 200 and fill by 10, that of Resource Graph's queries holds 15 and fills
by 3 (docs/azure/resource-manager.md). What is spent is
the app's share of that, and its share of what the headers show as left where that is less. A key that ends in `:n` is a budget of its own:
n calls in any minute, all of them the app's (docs/design/data-centers.md, "Installations").

`release` spends what a budget has now: checks, and steps that write, are dispatched so far. `charge` spends what it will have: whoever
accepts much work at once pays first, waits until the budget is even, and only then accepts, so that two of them share what there is.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from shared.clock import Clock, from_text, to_text
from shared.operations.model.identity import short_hash
from shared.storage.tables import MAX_BATCH, Change, Conflict, Found, Table

TABLE = "budgets"
CAPACITY = 250.0
REFILL_PER_SECOND = 25.0
WRITES_CAPACITY = 200.0
WRITES_PER_SECOND = 10.0
_OWN_RATE = re.compile(r":(\d{1,6})$", re.ASCII)
_BELIEVE_HEADER = timedelta(minutes=1)
_TRIES = 5
_FEW = 2
"""Up to so many budgets are read one by one, more with one range."""
_PARTITION = "budget"
T = TypeVar("T")


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
WRITES = Bucket(WRITES_CAPACITY, WRITES_PER_SECOND)
"""Resource Manager's bucket of a subscription's writes, and that of its deletes."""
GRAPH = Bucket(15, 3)
"""Queries of Resource Graph, of a principal: 15 in five seconds."""
GRAPH_QUERIES = "resourceGraph/query"
"""The key of their budget."""


def reads_of(subscription_id: str) -> str:
    """Return the key of the budget of a subscription's reads."""
    return f"{subscription_id.lower()}/read"


def writes_of(subscription_id: str) -> str:
    """Return the key of the budget of a subscription's writes."""
    return f"{subscription_id.lower()}/write"


def deletes_of(subscription_id: str) -> str:
    """Return the key of the budget of a subscription's deletes."""
    return f"{subscription_id.lower()}/delete"


def several(key: str, count: int) -> str:
    """Return how a row names that its step makes so many calls of a budget."""
    return f"{key}*{count}"


def calls_of(text: str) -> tuple[str, int]:
    """Read the budget that a row names, and how many calls of it its step makes: one where no number is given."""
    key, _, count = text.partition("*")
    return key, int(count or 1)


def bucket_of(key: str, share: float) -> tuple[Bucket, float]:
    """Return the bucket of a key, and which share of it is the app's: all of one that names its own rate, `share` of Resource Manager's.

    Of a rate of its own half of the calls of a minute are in a full bucket and half come in the minute: together they are what it allows.
    """
    rate = _OWN_RATE.search(key)
    if rate:
        return Bucket(int(rate[1]) / 2, int(rate[1]) / 120), 1.0
    if key == GRAPH_QUERIES:
        return GRAPH, share
    return (WRITES if key.endswith(("/write", "/delete")) else RESOURCE_MANAGER), share


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


def owed(budget: Budget, now: datetime, share: float, bucket: Bucket = RESOURCE_MANAGER) -> timedelta:
    """Return after how long a budget is even that more was spent of than it had; zero for one that is."""
    seconds = max(0.0, -_filled(budget, now, share, bucket) / (share * bucket.refill))
    if budget.blocked_until is not None:
        seconds = max(seconds, (budget.blocked_until - now).total_seconds())
    return timedelta(seconds=seconds)


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


_Rule = Callable[[Budget, int, datetime, float, Bucket], tuple[Budget | None, T]]
"""Returns a budget after so many calls are wanted of it, None where it stays as it is, and what the caller gets."""


def _released(budget: Budget, wanted: int, now: datetime, share: float, bucket: Bucket) -> tuple[Budget | None, int]:
    count = min(allowance(budget, now, share, bucket), wanted)
    return (spend(budget, count, now, share, bucket), count) if count > 0 else (None, 0)


def _charged(budget: Budget, wanted: int, now: datetime, share: float, bucket: Bucket) -> tuple[Budget | None, timedelta]:
    after = spend(budget, wanted, now, share, bucket)
    return after, owed(after, now, share, bucket)


def _noted(budget: Budget, made: int, now: datetime, share: float, bucket: Bucket) -> tuple[Budget | None, None]:
    after = spend(budget, made, now, share, bucket)
    return replace(after, available=max(after.available, -bucket.capacity * share)), None


class Budgets:
    """The rows of a principal's budgets. A lost race is tried again; a budget that cannot be written releases nothing this time."""

    def __init__(self, table: Table, clock: Clock, share: float, principal: str) -> None:
        self._principal = principal
        self._table = table
        self._clock = clock
        self._share = share

    async def release(self, key: str, wanted: int) -> int:
        """Spend up to `wanted` calls of a budget and return how many may be made now."""
        return await self._one(key, wanted, _released, 0)

    async def release_each(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """Spend up to the wanted calls of several budgets and return how many of each may be made now."""
        return await self._each(wanted, _released, 0)

    async def charge(self, counts: Mapping[str, int]) -> timedelta:
        """Spend calls of several budgets, also where they have less, and return after how long all of them may be made.

        A budget that cannot be written is charged nothing and delays nothing: what it then lets go too early Azure answers with 429.
        """
        return max((await self._each(counts, _charged, timedelta())).values(), default=timedelta())

    async def note(self, key: str, made: int) -> None:
        """Spend calls that were made already, without being released; a budget owes a full bucket at most: what is older counts no more."""
        await self._one(key, made, _noted, None)

    async def _one(self, key: str, wanted: int, rule: "_Rule[T]", otherwise: T) -> T:
        bucket, share = bucket_of(key, self._share)
        for _ in range(_TRIES):
            found = await self._table.get(*self._row(key))
            now = self._clock.now()
            budget = _read(found, now, bucket.capacity * share)
            after, result = rule(budget, wanted, now, share, bucket)
            if after is None or await self._write(key, after, found):
                return result
        return otherwise

    async def _each(self, wanted: Mapping[str, int], rule: "_Rule[T]", otherwise: T) -> dict[str, T]:
        """Apply a rule to several budgets: two calls to storage for any number; those that others change meanwhile follow one by one."""
        if len(wanted) <= _FEW:
            return {key: await self._one(key, count, rule, otherwise) for key, count in wanted.items()}
        there, now = await self._all(), self._clock.now()
        results: dict[str, T] = {}
        changes: list[tuple[str, Change]] = []
        for key, count in wanted.items():
            bucket, share = bucket_of(key, self._share)
            found = there.get(self._row(key)[1])
            after, results[key] = rule(_read(found, now, bucket.capacity * share), count, now, share, bucket)
            if after is not None:
                changes.append((key, self._change(key, after, found)))
        for start in range(0, len(changes), MAX_BATCH):
            for key in await self._transact(changes[start : start + MAX_BATCH]):
                results[key] = await self._one(key, wanted[key], rule, otherwise)
        return results

    async def observed(self, seen: Observed) -> None:
        """Add what an answer shows; given up after a few lost races, the next answer shows it again."""
        bucket, share = bucket_of(seen.key, self._share)
        for _ in range(_TRIES):
            found = await self._table.get(*self._row(seen.key))
            before = _read(found, self._clock.now(), bucket.capacity * share)
            after = observe(before, seen)
            if after == before or await self._write(seen.key, after, found):
                return

    def _row(self, key: str) -> tuple[str, str]:
        return _PARTITION, short_hash(self._principal, key)

    async def _all(self) -> dict[str, Found]:
        """Return the rows of the principal's budgets by their row keys."""
        parameters = {"partition": _PARTITION, "principal": self._principal}
        found = self._table.range("PartitionKey eq @partition and principal eq @principal", parameters=parameters)
        return {str(row.entity["RowKey"]): row async for row in found}

    async def _transact(self, changes: list[tuple[str, Change]]) -> list[str]:
        """Write several budgets in one transaction, and return the keys of those that were not written: others changed some of them."""
        left = list(changes)
        lost: list[str] = []
        while left:
            try:
                await self._table.transact([change for _, change in left])
            except Conflict as conflict:
                if conflict.index is None:
                    return lost + [key for key, _ in left]
                lost.append(left.pop(conflict.index)[0])
                continue
            break
        return lost

    async def _write(self, key: str, budget: Budget, found: Found | None) -> bool:
        change = self._change(key, budget, found)
        try:
            await (self._table.merge(change.entity, found.etag) if found else self._table.insert(change.entity))
        except Conflict:
            return False
        return True

    def _change(self, key: str, budget: Budget, found: Found | None) -> Change:
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
        return Change("merge", entity, found.etag) if found else Change("insert", entity)


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
