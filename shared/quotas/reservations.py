"""The table `quotas`: what running operations are about to make, one row for each operation.

    {hash of the tenant} , d|{operation id}

A row counts while its operation runs. One that a crash left behind is seen by that, and removed by the next reader.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from shared.access.records.fields import StoredModel
from shared.clock import Ids
from shared.operations.model.identity import short_hash
from shared.operations.model.store import Store
from shared.quotas.admission import Claimed
from shared.quotas.counting import Dimension
from shared.storage.documents import DocumentStore, Stored
from shared.storage.tables import Conflict, Table

_PAGE: Final = 200
IsRunning = Callable[[str], Awaitable[bool]]
"""Whether an operation exists and has not ended."""


class ReservedResource(StoredModel):
    """A resource by its ARM id, and what it will count by dimension."""

    id: str
    amounts: dict[Dimension, float]


class Reservation(StoredModel):
    """What an operation is about to make."""

    resources: tuple[ReservedResource, ...]


@dataclass(frozen=True, slots=True)
class Reservations:
    """Reads and writes reservations. Errors of storage are raised as the SDK raises them."""

    documents: DocumentStore[Reservation]
    is_running: IsRunning

    async def of_others(self, tenant: str, operation: str | None = None) -> tuple[Claimed, ...]:
        """Return what the running operations of a tenant have claimed, but for one of them."""
        owner, found, after = short_hash(tenant), list[Claimed](), None
        while True:
            page = await self.documents.page(owner, _PAGE, after)
            for one in page.documents:
                if one.name == operation:
                    continue
                if await self.is_running(one.name):
                    found += [Claimed(each.id, each.amounts) for each in one.document.resources]
                else:
                    await self._remove(one)
            if page.last is None:
                return tuple(found)
            after = page.last

    async def put(self, tenant: str, operation: str, claims: Sequence[Claimed]) -> None:
        """Write an operation's claims over those that it had."""
        owner = short_hash(tenant)
        document = Reservation(resources=tuple(ReservedResource(id=one.id, amounts=dict(one.amounts)) for one in claims))
        while True:
            found = await self.documents.get(owner, operation)
            try:
                if found is None:
                    await self.documents.insert(owner, operation, document)
                else:
                    await self.documents.replace(found, document)
            except Conflict:
                continue
            return

    async def remove(self, tenant: str, operation: str) -> None:
        """Remove an operation's reservation; harmless to repeat."""
        found = await self.documents.get(short_hash(tenant), operation)
        if found is not None:
            await self._remove(found)

    async def _remove(self, stored: Stored[Reservation]) -> None:
        try:
            await self.documents.delete(stored)
        except Conflict:
            return  # written at this moment: it stays to the next reader


def reservations_in(table: Table, ids: Ids, store: Store) -> Reservations:
    """Return the reservations of a table; `store` shows which operations run."""

    async def is_running(operation: str) -> bool:
        row = await store.active(operation)
        return row is not None and not row.announce

    return Reservations(DocumentStore(table, Reservation, ids), is_running)
