"""The one adapter to Storage tables and queues: conditional writes, transactions, ranges, messages.

Everything of the SDK's is imported when it is first needed, so that a cold start which answers `/health` does not pay for it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.data.tables.aio import TableClient, TableServiceClient
    from azure.storage.queue.aio import QueueClient, QueueServiceClient

Entity = dict[str, Any]
MAX_BATCH = 100

# Storage's own retries: a hiccup of seconds is bridged, an outage is left to the row and the tick.
_RETRIES: dict[str, Any] = {
    "retry_total": 3,
    "retry_connect": 3,
    "retry_read": 2,
    "retry_status": 3,
    "retry_backoff_factor": 0.2,
    "retry_backoff_max": 2,
}
# The queue SDK has options of its own, and would wait 15 seconds and more between two tries: much of a lease.
_QUEUE_RETRIES: dict[str, Any] = {"retry_total": 3, "initial_backoff": 0, "increment_base": 1, "random_jitter_range": 1}
_TIMEOUTS: dict[str, Any] = {"connection_timeout": 5, "read_timeout": 10}
# an emulator is on this machine: aiohttp would look for a proxy in the environment with each request, in two threads
_NO_PROXY: dict[str, Any] = {"use_env_settings": False}


@dataclass(frozen=True, slots=True)
class Found:
    """A row as it was read, with the ETag to write it under."""

    entity: Mapping[str, Any]
    etag: str


@dataclass(frozen=True, slots=True)
class Change:
    """One write of a transaction: insert if absent, merge (under an ETag, or whatever is there), or delete."""

    kind: Literal["insert", "merge", "upsert", "delete"]
    entity: Mapping[str, Any]
    etag: str | None = None


class Conflict(Exception):  # noqa: N818  # a lost race, not a defect
    """A conditional write found something else there; `index` is the change of the transaction that did, where it is known."""

    def __init__(self, index: int | None = None) -> None:
        super().__init__("the row was changed, created or removed by another writer")
        self.index = index


class Table:
    """One table. Errors of storage other than a lost race are raised as the SDK raises them."""

    def __init__(self, client: "TableClient") -> None:
        self._client = client

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self._client.table_name)

    async def get(self, partition: str, row: str) -> Found | None:
        """Read one row."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            entity = await self._client.get_entity(partition, row)
        except ResourceNotFoundError:
            return None
        return Found(entity, str(entity.metadata["etag"]))

    async def insert(self, entity: Mapping[str, Any]) -> str:
        """Insert a row that must not be there and return its ETag; raises `Conflict`."""
        from azure.core.exceptions import ResourceExistsError

        try:
            answer = await self._client.create_entity(dict(entity))
        except ResourceExistsError as error:
            raise Conflict from error
        return str(answer["etag"])

    async def merge(self, entity: Mapping[str, Any], etag: str) -> str:
        """Merge into the row of that ETag and return the new one; raises `Conflict` when the row changed or is gone."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
        from azure.data.tables import UpdateMode

        try:
            answer = await self._client.update_entity(
                dict(entity), mode=UpdateMode.MERGE, etag=etag, match_condition=MatchConditions.IfNotModified
            )
        except (ResourceModifiedError, ResourceNotFoundError) as error:
            raise Conflict from error
        return str(answer["etag"])

    async def upsert(self, entity: Mapping[str, Any]) -> None:
        """Write a row, whether or not it is there; columns that are not named stay."""
        await self._client.upsert_entity(dict(entity))

    async def delete(self, partition: str, row: str, etag: str | None = None) -> bool:
        """Delete a row, only as it was under the ETag where one is given; return whether it was there so."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

        condition: dict[str, Any] = {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {}
        try:
            await self._client.delete_entity(partition, row, **condition)
        except (ResourceModifiedError, ResourceNotFoundError):
            return False
        return True

    async def transact(self, changes: Sequence[Change]) -> list[str]:
        """Make up to 100 changes in one partition, all or none, and return the ETags; raises `Conflict` with the first that failed."""
        from azure.data.tables import TableErrorCode, TableTransactionError

        try:
            answers = await self._client.submit_transaction([_operation(change) for change in changes])
        except TableTransactionError as error:
            if getattr(error, "error_code", None) == TableErrorCode.TABLE_NOT_FOUND or error.status_code not in {404, 409, 412}:
                raise
            raise Conflict(error.index) from error
        return [str(answer.get("etag", "")) for answer in answers]

    async def range(
        self,
        filters: str,
        *,
        select: Sequence[str] | None = None,
        limit: int | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Found]:
        """Read the rows that fit an OData filter, in the order of their keys, page by page."""
        options: dict[str, Any] = {"parameters": dict(parameters)} if parameters else {}
        if select:
            options["select"] = list(select)
        if limit:
            options["results_per_page"] = min(limit, 1000)
        left = limit
        async for entity in self._client.query_entities(filters, **options):
            yield Found(entity, str(entity.metadata["etag"]))
            if left is not None:
                left -= 1
                if left <= 0:
                    return


async def write_over(table: Table, found: Found | None, entity: Mapping[str, Any]) -> bool:
    """Insert a row that was not found, or merge into the version that was; returns whether the row was still as it was found."""
    try:
        if found is None:
            await table.insert(entity)
        else:
            await table.merge(entity, found.etag)
    except Conflict:
        return False
    return True


def _operation(change: Change) -> Any:  # noqa: ANN401  # the SDK's own union of tuples
    from azure.core import MatchConditions
    from azure.data.tables import UpdateMode

    entity = dict(change.entity)
    condition = {"etag": change.etag, "match_condition": MatchConditions.IfNotModified} if change.etag else {}
    match change.kind:
        case "insert":
            return ("create", entity)
        case "merge":
            return ("update", entity, {"mode": UpdateMode.MERGE, **condition})
        case "upsert":
            return ("upsert", entity, {"mode": UpdateMode.MERGE})
        case "delete":
            return ("delete", entity, condition)


class Queues:
    """The queues: plain text messages that never expire."""

    def __init__(self, service: "QueueServiceClient") -> None:
        self._service = service
        self._clients: dict[str, QueueClient] = {}

    def client(self, queue: str) -> "QueueClient":
        """The SDK's client of a queue, made once."""
        if queue not in self._clients:
            self._clients[queue] = self._service.get_queue_client(queue, message_encode_policy=None, message_decode_policy=None)
        return self._clients[queue]

    async def send(self, queue: str, text: str) -> None:
        """Put a message on a queue; one of more than 64 KiB is refused by storage."""
        await self.client(queue).send_message(text, time_to_live=-1)

    async def oldest(self, queue: str) -> datetime | None:
        """Return when the message at the front of a queue was put there, wall time; None where no message is visible."""
        messages = await self.client(queue).peek_messages(max_messages=1)
        inserted = messages[0].inserted_on if messages else None
        return inserted if isinstance(inserted, datetime) else None


class Storage:
    """The storage account that carries the work: its tables by name and its queues. Made once per process."""

    def __init__(self, tables: "TableServiceClient", queues: "QueueServiceClient") -> None:
        self._tables = tables
        self._queue_service = queues
        self.queues = Queues(queues)
        self._made: dict[str, Table] = {}

    def table(self, name: str) -> Table:
        """The table of that name."""
        if name not in self._made:
            self._made[name] = Table(self._tables.get_table_client(name))
        return self._made[name]

    async def create(self, tables: Sequence[str], queues: Sequence[str]) -> None:
        """Create tables and queues that are not there: the emulator starts empty, in Azure the deployment makes them."""
        await asyncio.gather(*(self._create_table(name) for name in tables), *(self._create_queue(name) for name in queues))

    async def _create_table(self, name: str) -> None:
        await self._tables.create_table_if_not_exists(name)

    async def _create_queue(self, name: str) -> None:
        from azure.core.exceptions import ResourceExistsError

        try:
            await self._queue_service.create_queue(name)
        except ResourceExistsError:
            return

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.gather(self._tables.close(), self._queue_service.close())


def connect(connection_string: str) -> Storage:
    """Reach an emulator by its connection string."""
    from azure.data.tables.aio import TableServiceClient
    from azure.storage.queue.aio import QueueServiceClient

    return Storage(
        TableServiceClient.from_connection_string(connection_string, **_RETRIES, **_TIMEOUTS, **_NO_PROXY),
        QueueServiceClient.from_connection_string(connection_string, **_QUEUE_RETRIES, **_TIMEOUTS, **_NO_PROXY),
    )


def connect_with_identity(table_service_uri: str, queue_service_uri: str, credential: "AsyncTokenCredential") -> Storage:
    """Reach a storage account with the app's identity."""
    from azure.data.tables.aio import TableServiceClient
    from azure.storage.queue.aio import QueueServiceClient

    return Storage(
        TableServiceClient(table_service_uri, credential=credential, **_RETRIES, **_TIMEOUTS),
        QueueServiceClient(queue_service_uri, credential=credential, **_QUEUE_RETRIES, **_TIMEOUTS),
    )


def connect_table(table_service_uri: str, name: str, credential: "AsyncTokenCredential") -> Table:
    """Reach one table of another storage account with the app's identity."""
    from azure.data.tables.aio import TableServiceClient

    service = TableServiceClient(table_service_uri, credential=credential, **_RETRIES, **_TIMEOUTS)
    return Table(service.get_table_client(name))
