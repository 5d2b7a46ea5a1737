"""Lists of operations, newest first: a tenant's range, or the provider's sixteen merged (docs/design/core.md, "The operations table").

A page is read in ranges of list rows, which carry what a list shows. The provider's page reads a share of it from each partition, and more
from a partition only where the merge has used up what was read: for N rows at most 17 + N / 5 range reads.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from shared.operations.model import listing
from shared.operations.model.identity import all_partitions, partition_of_tenant
from shared.operations.model.models import Listed, Operation
from shared.operations.model.store import Store

_SIDE_BY_SIDE = 16
_SMALL_PAGE = 16
_LARGEST_READ = 1000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Query:
    """What a list asks for: one tenant's operations or every tenant's (None), kinds, and filter columns with the values that fit."""

    tenant: str | None
    kinds: tuple[str, ...]
    status: str | None = None
    filters: Mapping[str, str] | None = None


@dataclass(slots=True)
class _Range:
    """What was read of one range so far; `more` is the number of rows to read next, 0 at its end."""

    prefix: str
    partition: str
    more: int
    rows: list[listing.ListRow] = field(default_factory=list)

    def limits(self, wanted: int) -> bool:
        """Whether rows that were not read yet could belong among the first `wanted` of the merge."""
        return self.more > 0 and len(self.rows) < wanted


@dataclass(frozen=True, slots=True)
class Lists:
    """Reads lists."""

    store: Store

    async def page(self, query: Query, top: int, after: str | None) -> Listed:
        """Return up to `top` operations after the list key `after`, newest first."""
        partition = partition_of_tenant(query.tenant) if query.tenant is not None else None
        return await self._page(listing.ranges(query.tenant, partition), _conditions(query), top, after)

    async def needing_attention(self, query: Query, top: int, after: str | None) -> Listed:
        """Return the operations that need attention: the on-call page, whose cost is what needs attention."""
        partitions = all_partitions() if query.tenant is None else (partition_of_tenant(query.tenant),)
        conditions = _conditions(query) | ({"tenant": (query.tenant,)} if query.tenant is not None else {})
        page = await self._page([("q|", partition) for partition in partitions], conditions, top, after)
        return Listed(tuple(operation for operation in page.operations if operation.attention is not None), page.last)

    async def _page(self, keys: Sequence[tuple[str, str]], conditions: Mapping[str, Sequence[str]], top: int, after: str | None) -> Listed:
        """Return a page of the merge of some ranges, each a prefix in a partition."""
        ranges = [_Range(prefix, number, top + 1) for prefix, number in keys]
        if len(ranges) > 1 and top > _SMALL_PAGE:
            for one in ranges:
                one.more = top // len(ranges) * 3 // 2 + _SMALL_PAGE
        await _gather([self._read_on(one, after, conditions) for one in ranges])
        while (cut_off := _cut_off(ranges, top + 1)) is not None:
            await self._read_on(cut_off, after, conditions)
        merged = list(heapq.merge(*(one.rows for one in ranges), key=lambda row: row.key))[: top + 1]
        operations = await self._whole(merged[:top])
        return Listed(operations, merged[top - 1].key if len(merged) > top else None)

    async def _read_on(self, one: _Range, after: str | None, conditions: Mapping[str, Sequence[str]]) -> None:
        """Read the next rows of a range; each read of it is twice as long as the one before."""
        start = one.rows[-1].key if one.rows else after
        read = await self.store.list_page(one.prefix, one.partition, start, conditions, one.more)
        one.rows += read
        one.more = min(one.more * 2, _LARGEST_READ) if len(read) == one.more else 0

    async def _whole(self, rows: Sequence[listing.ListRow]) -> tuple[Operation, ...]:
        """Return the operations of list rows; those whose row does not carry them are read by their ids."""
        missing = [row.id for row in rows if row.operation is None]
        found = dict(zip(missing, await _gather([self.store.get(operation) for operation in missing]), strict=True))
        operations = [row.operation or found.get(row.id) for row in rows]
        return tuple(operation for operation in operations if operation is not None)


def _cut_off(ranges: Sequence[_Range], wanted: int) -> _Range | None:
    """Return a range of which rows that were not read yet could belong among the first `wanted`, or None."""
    merged = list(heapq.merge(*(one.rows for one in ranges), key=lambda row: row.key))[:wanted]
    last = merged[-1].key if len(merged) == wanted else None
    for one in ranges:
        if one.limits(wanted) and (last is None or one.rows[-1].key < last):
            return one
    return None


def _conditions(query: Query) -> dict[str, Sequence[str]]:
    conditions: dict[str, Sequence[str]] = {"kind": query.kinds}
    if query.status:
        conditions["status"] = (query.status,)
    return conditions | {f"f_{name}": (value,) for name, value in (query.filters or {}).items()}


async def _gather(calls: Sequence[Awaitable[T]]) -> list[T]:
    side_by_side = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def one(call: Awaitable[T]) -> T:
        async with side_by_side:
            return await call

    return list(await asyncio.gather(*(one(call) for call in calls)))
