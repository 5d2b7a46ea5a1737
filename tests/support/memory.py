"""Storage in memory: tables, queues and write-once blobs with the answers of `shared.storage`, for histories in one process.

What it does is compared with Azurite in `tests/storage/test_memory.py`. Each call lets other tasks run, so that races happen as they do
over a network.
"""

import asyncio
import itertools
import operator
import re
import threading
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Final

from azure.core.exceptions import HttpResponseError

from shared.storage.tables import Change, Conflict, Found

Entity = dict[str, Any]
Key = tuple[str, str]
_TOKEN = re.compile(r"\s*(\(|\)|@\w+|'(?:[^']|'')*'|-?\d+|\w+)")
_BOUND = re.compile(r"RowKey (ge|gt|le|lt|eq) (@\w+|'(?:[^']|'')*')")
_PARTITION = re.compile(r"PartitionKey eq @(\w+)")
_NESTED = re.compile(r"\([^()]*\)")
_NO_KEY = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")
_LARGEST_VALUE: Final = 64 * 1024
_LARGEST_ROW: Final = 1024 * 1024
_MOST_COLUMNS: Final = 255
_UNORDERED = -(10**9)
"""A number of ordered rows that no table has: their order is made anew."""
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
Predicate = Callable[[Mapping[str, Any]], bool]
_Test = Callable[[Mapping[str, Any], Mapping[str, Any]], bool]


def parse_filter(text: str, parameters: Mapping[str, Any]) -> Predicate:
    """Return the predicate of an OData filter: comparisons with `and`, `or` and parentheses; a property that is absent fits nothing."""
    fits = _parsed(text)
    return lambda row: fits(row, parameters)


@cache
def _parsed(text: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], bool]:
    """Return the predicate of an OData filter for a row and the filter's parameters."""
    tokens = deque(_TOKEN.findall(text))

    def either() -> _Test:
        found = [both()]
        while tokens and tokens[0] == "or":
            tokens.popleft()
            found.append(both())
        return found[0] if len(found) == 1 else lambda row, given: any(one(row, given) for one in found)

    def both() -> _Test:
        found = [term()]
        while tokens and tokens[0] == "and":
            tokens.popleft()
            found.append(term())
        return found[0] if len(found) == 1 else lambda row, given: all(one(row, given) for one in found)

    def term() -> _Test:
        first = tokens.popleft()
        if first == "(":
            inner = either()
            assert tokens.popleft() == ")", text
            return inner
        compare, token = _COMPARE[tokens.popleft()], tokens.popleft()
        if token.startswith("@"):
            name = token[1:]
            return lambda row, given: first in row and compare(row[first], given[name])
        value = _value(token, {})
        return lambda row, _: first in row and compare(row[first], value)

    predicate = either()
    assert not tokens, text
    return predicate


@cache
def _bounds(filters: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the bounds of the row key that a filter names, and the names of its parameters that a partition may be."""
    top = _NESTED.sub("", filters)
    return ([] if " or " in top else _BOUND.findall(top)), _PARTITION.findall(filters)


def _value(token: str, parameters: Mapping[str, Any]) -> Any:  # whatever a property can hold
    if token.startswith("@"):
        return parameters[token[1:]]
    if token.startswith("'"):
        return token[1:-1].replace("''", "'")
    return {"true": True, "false": False}.get(token) if token in {"true", "false"} else int(token)


class MemoryTable:
    """One table."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: dict[Key, tuple[Entity, str]] = {}
        self._numbers = itertools.count(1)
        self._order: dict[str, list[str]] = {}
        self._ordered = 0
        self._lock = threading.RLock()  # apps of several event loops may share it

    async def get(self, partition: str, row: str) -> Found | None:
        """Read one row."""
        await asyncio.sleep(0)
        found = self.rows.get((partition, row))
        return Found(dict(found[0]), found[1]) if found else None

    async def insert(self, entity: Mapping[str, Any]) -> str:
        """Insert a row that must not be there; raises `Conflict`."""
        return (await self.transact([Change("insert", entity)]))[0]

    async def merge(self, entity: Mapping[str, Any], etag: str) -> str:
        """Merge into the row of that ETag; raises `Conflict`."""
        return (await self.transact([Change("merge", entity, etag)]))[0]

    async def upsert(self, entity: Mapping[str, Any]) -> None:
        """Write a row, whether or not it is there."""
        await self.transact([Change("upsert", entity)])

    async def delete(self, partition: str, row: str, etag: str | None = None) -> bool:
        """Delete a row, only as it was under the ETag where one is given; return False for one that is there otherwise."""
        try:
            await self.transact([Change("delete", {"PartitionKey": partition, "RowKey": row}, etag)])
        except Conflict:
            return (partition, row) not in self.rows
        return True

    async def transact(self, changes: Sequence[Change]) -> list[str]:
        """Make changes in one partition, all or none; raises `Conflict` with the first that failed."""
        await asyncio.sleep(0)
        keys = [(str(change.entity["PartitionKey"]), str(change.entity["RowKey"])) for change in changes]
        assert len({partition for partition, _ in keys}) <= 1, "a transaction has one partition"
        assert len(set(keys)) == len(keys) <= 100, "a transaction changes each row once, and at most a hundred"
        for change in changes:
            _check_entity(change.entity)
        with self._lock:
            for index, (change, key) in enumerate(zip(changes, keys, strict=True)):
                found = self.rows.get(key)
                if change.kind == "insert":
                    lost = found is not None
                elif change.kind == "upsert":
                    lost = False
                else:
                    lost = found is None or change.etag not in {None, found[1]}
                if lost:
                    raise Conflict(index)
            etags = [self._write(change, key) for change, key in zip(changes, keys, strict=True)]
        await asyncio.sleep(0)
        return etags

    def _write(self, change: Change, key: Key) -> str:
        if change.kind == "delete":
            del self.rows[key]
            self._note(key, there=False)
            return ""
        if key not in self.rows:
            self._note(key, there=True)
        before = self.rows[key][0] if key in self.rows else {}
        etag = f"W/{next(self._numbers)}"
        self.rows[key] = ({**before, **{name: value for name, value in change.entity.items() if value is not None}}, etag)
        return etag

    async def range(
        self, filters: str, *, select: Sequence[str] | None = None, limit: int | None = None, parameters: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Found]:
        """Read the rows that fit a filter, in the order of their keys."""
        await asyncio.sleep(0)
        fits = parse_filter(filters, parameters or {})
        with self._lock:
            keys = self._between(filters, parameters or {})
            found = list(itertools.islice((self.rows[key] for key in keys if fits(self.rows[key][0])), limit))
        for entity, etag in found:
            yield Found({name: value for name, value in entity.items() if select is None or name in select}, etag)

    def _note(self, key: Key, *, there: bool) -> None:
        """Keep the order of the keys of a partition."""
        rows = self._order.setdefault(key[0], [])
        place = bisect_left(rows, key[1])
        if there:
            rows.insert(place, key[1])
        elif rows[place : place + 1] == [key[1]]:
            del rows[place]
        else:
            self._ordered = _UNORDERED
        self._ordered += 1 if there else -1

    def _between(self, filters: str, parameters: Mapping[str, Any]) -> list[Key]:
        """Return the keys, in order, among which are all rows that fit: of the partition and between the bounds that the filter names."""
        if self._ordered != len(self.rows):  # a test has written rows by itself
            self._order, self._ordered = {}, 0
            for key in self.rows:
                self._note(key, there=True)
        named, partitions = _bounds(filters)
        partition = next((parameters[name] for name in partitions if name in parameters), None)
        if partition is None:
            return sorted(self.rows)
        rows = self._order.get(partition, [])
        if not rows:
            return []
        bounds = [(how, _value(token, parameters)) for how, token in named]
        first = max((value for how, value in bounds if how in {"ge", "gt", "eq"}), default="")
        last = min((value for how, value in bounds if how in {"le", "lt", "eq"}), default=None)
        start = bisect_left(rows, first)
        end = bisect_right(rows, last) if last is not None else len(rows)
        return [(partition, row) for row in rows[start:end]]


def _check_entity(entity: Mapping[str, Any]) -> None:
    """Raise `HttpResponseError` for what the service refuses: keys, sizes and numbers."""
    wrong = next((name for name in ("PartitionKey", "RowKey") if _NO_KEY.search(str(entity[name]))), None)
    sizes = [_size(value) for value in entity.values()]
    if wrong or max(sizes) > _LARGEST_VALUE or sum(sizes) > _LARGEST_ROW or len(entity) > _MOST_COLUMNS:
        error = HttpResponseError(f"storage refuses the row {entity['PartitionKey']!r}, {entity['RowKey']!r}: {wrong or max(sizes)}")
        error.status_code = 400
        raise error


def _size(value: object) -> int:
    """Return the bytes of a value as the service stores it; raises `TypeError` for one that the SDK does not send."""
    if isinstance(value, str):
        return 2 * len(value)
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, int) and not -(2**31) <= value < 2**31:
        raise TypeError(f"{value} is too large for the SDK's Int32")
    if value is not None and not isinstance(value, int | float | datetime):
        raise TypeError(f"no column of a table can be {value!r}")
    return 8


@dataclass
class MemoryQueues:
    """The queues: messages wait until a test takes them."""

    messages: dict[str, deque[str]] = field(default_factory=dict)

    async def send(self, queue: str, text: str) -> None:
        """Put a message on a queue."""
        await asyncio.sleep(0)
        self.messages.setdefault(queue, deque()).append(text)

    async def oldest(self, _queue: str) -> datetime | None:
        """Return None, as where every message is in a worker's hands: the tick then sends another, which does no harm."""
        await asyncio.sleep(0)
        return None

    def take(self, queue: str) -> list[str]:
        """Take every message off a queue."""
        return list(self.messages.pop(queue, ()))


class MemoryStorage:
    """A storage account: tables by name, and queues."""

    def __init__(self) -> None:
        self.queues = MemoryQueues()
        self.tables: dict[str, MemoryTable] = {}

    def table(self, name: str) -> MemoryTable:
        """Return the table of that name."""
        return self.tables.setdefault(name, MemoryTable(name))

    async def create(self, tables: Sequence[str], queues: Sequence[str]) -> None:
        """Do nothing: tables and queues are made when they are first used."""

    async def close(self) -> None:
        """Do nothing: there is no connection."""


class MemoryBlobs:
    """The blobs of one storage account, and of its containers: each is written once."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def write_once(self, _container: str) -> "MemoryBlobs":
        """Return the blobs of a container; the names of all containers differ."""
        return self

    def contents(self) -> dict[str, bytes]:
        """Return all of them by name."""
        return dict(self._blobs)

    async def create_container(self) -> None:
        """Do nothing: it is there."""

    async def write(self, name: str, content: bytes) -> bool:
        """Write a blob unless one of that name is there; return whether it was written."""
        if name in self._blobs:
            return False
        self._blobs[name] = content
        return True

    async def read(self, name: str) -> bytes | None:
        """Read a blob, or None."""
        return self._blobs.get(name)

    async def names(self, prefix: str) -> list[str]:
        """List the names that begin with a prefix, in order."""
        return sorted(name for name in self._blobs if name.startswith(prefix))

    async def close(self) -> None:
        """Do nothing: there is no connection."""
