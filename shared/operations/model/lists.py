"""Lists of operations, newest first: a tenant's range, or the provider's sixteen merged (docs/design/core.md, "The operations table")."""

import asyncio
import heapq
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shared.operations.model.identity import all_partitions, inverted, partition_of_tenant
from shared.operations.model.models import Listed, Operation
from shared.operations.model.store import Store, list_ranges

_SIDE_BY_SIDE = 16
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Query:
    """What a list asks for: one tenant's operations or everybody's (None), kinds, and filter columns with the values that fit."""

    tenant: str | None
    kinds: tuple[str, ...]
    status: str | None = None
    filters: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Lists:
    """Reads lists."""

    store: Store

    async def page(self, query: Query, top: int, after: str | None) -> Listed:
        """Return up to `top` operations after the list key `after`, newest first."""
        partition = partition_of_tenant(query.tenant) if query.tenant is not None else None
        ranges = list_ranges(query.tenant, partition)
        conditions = _conditions(query)
        found = await _gather([self.store.list_keys(prefix, number, after, conditions, top + 1) for prefix, number in ranges])
        keys = list(heapq.merge(*found))[: top + 1]
        operations = await _gather([self.store.get(_id(key)) for key in keys[:top]])
        last = keys[top - 1] if len(keys) > top else None
        return Listed(tuple(operation for operation in operations if operation is not None), last)

    async def standing(self, query: Query, top: int, after: str | None) -> Listed:
        """Return the operations that ask for a person: the on-call page, whose cost is what is active."""
        partitions = all_partitions() if query.tenant is None else (partition_of_tenant(query.tenant),)
        found = await _gather([self.store.standing(partition) for partition in partitions])
        ids = [operation for part in found for operation in part]
        operations = [item for item in await _gather([self.store.get(operation) for operation in ids]) if item and _fits(item, query)]
        # after the key of the last one, not after the last one: it may stand no more
        newest_first = sorted((item for item in operations if after is None or _key(item) > after), key=_key)
        page = newest_first[:top]
        return Listed(tuple(page), _key(page[-1]) if len(newest_first) > top else None)


def _conditions(query: Query) -> dict[str, Sequence[str]]:
    conditions: dict[str, Sequence[str]] = {"kind": query.kinds}
    if query.status:
        conditions["status"] = (query.status,)
    return conditions | {f"f_{name}": (value,) for name, value in (query.filters or {}).items()}


def _fits(operation: Operation, query: Query) -> bool:
    return (
        operation.attention is not None
        and operation.kind in query.kinds
        and (query.tenant is None or operation.tenant == query.tenant)
        and (query.status is None or operation.status == query.status)
    )


def _key(operation: Operation) -> str:
    return f"{inverted(operation.created_at)}|{operation.id}"


def _id(key: str) -> str:
    return key.rpartition("|")[2]


async def _gather(calls: Sequence[Awaitable[T]]) -> list[T]:
    side_by_side = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def one(call: Awaitable[T]) -> T:
        async with side_by_side:
            return await call

    return list(await asyncio.gather(*(one(call) for call in calls)))
