"""Storage accounts that apps in a test's process work on: in memory by default, Azurites with `--storage azurite`.

Each call of such an app to Azurite took two processes a millisecond or more, and was half of what its tests took. What memory answers is
compared with Azurite in `tests/storage/test_memory.py` and `tests/storage/test_memory_queues.py`; whole stacks always use Azurite.

An account has a connection string, as Azurite has. What connects by it, in the app and its host, is replaced while `MemoryAccounts.serve`
runs; tests reach what is stored through the functions here, whichever account it is.
"""

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol, Self
from unittest.mock import patch

from azure.data.tables import TableClient, TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient, QueueServiceClient
from azure.storage.queue.aio import QueueServiceClient as AsyncQueueServiceClient

from local.host import worker
from shared.access.records import seeding
from shared.storage import blobs, tables
from shared.storage.tables import Change
from tests.support.memory import MemoryBlobs, MemoryTable, parse_filter
from tests.support.memory_queues import MemoryQueueAccount, MemoryQueueService, QueueOfTest

_PREFIX: Final = "Memory="


class Account(Protocol):
    """An empty storage account."""

    @property
    def connection_string(self) -> str:
        """What an app connects by."""
        ...


class Accounts(Protocol):
    """Where tests get accounts."""

    def lend(self) -> AbstractContextManager[Account]:
        """Lend an empty account to one user."""
        ...


@dataclass(frozen=True, slots=True)
class _Storage:
    """Tables and queues as `shared.storage.tables.Storage` offers them."""

    queues: MemoryQueueAccount = field(default_factory=MemoryQueueAccount)
    tables: dict[str, MemoryTable] = field(default_factory=dict)

    def table(self, name: str) -> MemoryTable:
        """Return the table of that name."""
        return self.tables.setdefault(name, MemoryTable(name))

    async def create(self, tables: Sequence[str], queues: Sequence[str]) -> None:
        """Create tables and queues that are not there."""
        for name in tables:
            self.table(name)
        for name in queues:
            self.queues.of(name).create()

    async def close(self) -> None:
        """Do nothing: there is no connection."""


@dataclass(frozen=True, slots=True)
class MemoryAccount:
    """An account in memory."""

    connection_string: str
    storage: _Storage = field(default_factory=_Storage)
    blobs: MemoryBlobs = field(default_factory=MemoryBlobs)

    @property
    def queues(self) -> MemoryQueueAccount:
        """Its queues."""
        return self.storage.queues


class MemoryAccounts:
    """Makes accounts in memory; each is forgotten when it is returned."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    @contextmanager
    def serve(self) -> Iterator["MemoryAccounts"]:
        """Let the app and its host connect to accounts in memory by their connection strings."""
        with ExitStack() as ends:
            connect_tables = partial(_connect, tables.connect)
            ends.enter_context(patch.object(tables, "connect", connect_tables))
            ends.enter_context(patch.object(seeding, "connect", connect_tables))
            ends.enter_context(patch.object(blobs, "connect", partial(_connect_blobs, blobs.connect)))
            ends.enter_context(patch.object(worker, "QueueServiceClient", _QueueServices))
            yield self

    @contextmanager
    def lend(self) -> Iterator[MemoryAccount]:
        """Lend an empty account to one user."""
        one = MemoryAccount(f"{_PREFIX}{next(self._numbers)}")
        _accounts[one.connection_string] = one
        try:
            yield one
        finally:
            del _accounts[one.connection_string]


_accounts: dict[str, MemoryAccount] = {}


def _connect(otherwise: Any, connection_string: str) -> Any:
    one = _accounts.get(connection_string)
    return one.storage if one else otherwise(connection_string)


def _connect_blobs(otherwise: Any, connection_string: str) -> Any:
    one = _accounts.get(connection_string)
    return one.blobs if one else otherwise(connection_string)


class _QueueServices:
    """The host's queue services by connection string."""

    @staticmethod
    def from_connection_string(connection_string: str, **options: Any) -> Any:
        """Return the queues of an account in memory, or a client of an emulator."""
        one = _accounts.get(connection_string)
        return MemoryQueueService(one.queues) if one else AsyncQueueServiceClient.from_connection_string(connection_string, **options)


def connect(connection_string: str) -> Any:
    """Return the storage of an account, as the app has it."""
    return tables.connect(connection_string)


def queue_of(connection_string: str, name: str) -> Any:
    """Return a client of a queue."""
    one = _accounts.get(connection_string)
    return QueueOfTest(one.queues.of(name)) if one else QueueClient.from_connection_string(connection_string, name)


def table_of(connection_string: str, name: str) -> Any:
    """Return a client of a table."""
    one = _accounts.get(connection_string)
    return _TableOfTest(one.storage.table(name)) if one else TableClient.from_connection_string(connection_string, name)


class _TableOfTest:
    """What tests use of the SDK's client of a table: they change what the app wrote."""

    def __init__(self, table: MemoryTable) -> None:
        self._table = table

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def query_entities(self, filters: str) -> list[dict[str, Any]]:
        """Return the rows that fit a filter."""
        fits = parse_filter(filters, {})
        return [row for row in self.list_entities() if fits(row)]

    def list_entities(self) -> list[dict[str, Any]]:
        """Return all rows."""
        return [dict(entity) for entity, _ in list(self._table.rows.values())]

    def create_entity(self, row: Mapping[str, Any]) -> None:
        """Insert a row."""
        asyncio.run(self._table.transact([Change("insert", row)]))

    def update_entity(self, row: Mapping[str, Any]) -> None:
        """Merge into a row, whatever is there."""
        asyncio.run(self._table.transact([Change("merge", row)]))

    def delete_entity(self, partition: str, row: str) -> None:
        """Delete a row."""
        asyncio.run(self._table.transact([Change("delete", {"PartitionKey": partition, "RowKey": row})]))


def table_names(connection_string: str) -> list[str]:
    """Return the names of an account's tables."""
    one = _accounts.get(connection_string)
    if one is not None:
        return sorted(one.storage.tables)
    with TableServiceClient.from_connection_string(connection_string) as service:
        return sorted(table.name for table in service.list_tables())


def messages_of(connection_string: str) -> Iterator[tuple[str, str]]:
    """Yield the messages that each queue of an account shows, at most 32 of a queue, with its name."""
    one = _accounts.get(connection_string)
    if one is not None:
        yield from ((name, str(message.content)) for name in one.queues.names() for message in one.queues.of(name).peek(32))
        return
    with QueueServiceClient.from_connection_string(connection_string) as queues:
        for queue in queues.list_queues():
            for message in queues.get_queue_client(str(queue.name)).peek_messages(max_messages=32):
                yield str(queue.name), str(message.content)


def contents_of(connection_string: str) -> Mapping[str, bytes]:
    """Return the blobs of an account by their places."""
    one = _accounts.get(connection_string)
    if one is not None:
        return one.blobs.contents()
    found = {}
    with BlobServiceClient.from_connection_string(connection_string) as service:
        for container in service.list_containers():
            for blob in service.get_container_client(str(container.name)).list_blobs():
                content = service.get_blob_client(str(container.name), str(blob.name)).download_blob().readall()
                found[f"{container.name}/{blob.name}"] = bytes(content)
    return found
