"""The rows of the table `tenants` that hold documents (docs/design/tenants.md, "Storage")."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from shared.access.records.claims import ClaimKey, claims_of
from shared.access.records.tenant import Tenant
from shared.clock import Ids, from_text
from shared.storage.documents import DocumentStore, Stored
from shared.storage.tables import Table

TABLE = "tenants"
PARTITION = "tenant"
CLAIMS = "claim"
DELETED = "deleted"
_PAGE = 200


class RegistryError(Exception):
    """The registry contradicts itself, with a message for its operator; never shown to a caller: it names other tenants."""


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """A tenant as it is stored, and what its document lists; times are wall time, None in rows that were written by hand."""

    tenant: Tenant
    keys: Mapping[ClaimKey, str]
    created_at: str | None
    updated_at: str | None
    updated_by: str | None
    deleted: bool
    stored: Stored[Tenant]

    def updated_before(self, moment: datetime) -> bool:
        """Return whether the last write is older than a moment; one of an unknown time is."""
        return self.updated_at is None or from_text(self.updated_at) <= moment


class TenantRows:
    """Reads and writes the rows of tenants. Errors of storage are raised as the SDK raises them, `RegistryError` for an unreadable row."""

    def __init__(self, table: Table, ids: Ids) -> None:
        self._documents = DocumentStore(table, Tenant, ids, prefix="")

    async def get(self, name: str) -> TenantRecord | None:
        """Return the tenant of exactly that name, a deleted one too, or None."""
        try:
            found = await self._documents.get(PARTITION, name)
        except ValidationError as error:
            raise _unreadable(name, error) from error
        return record_of(found) if found is not None and found.document.name == name else None

    async def insert(self, tenant: Tenant, columns: Mapping[str, str | int]) -> TenantRecord:
        """Write a new tenant; raises `Conflict` where the name is there."""
        return record_of(await self._documents.insert(PARTITION, tenant.name, tenant, columns))

    async def replace(self, record: TenantRecord, tenant: Tenant, columns: Mapping[str, str | int]) -> TenantRecord:
        """Write a tenant over the one that was read; raises `Conflict` where that has changed."""
        return record_of(await self._documents.replace(record.stored, tenant, columns))

    async def remove(self, record: TenantRecord) -> None:
        """Delete the row of a tenant that was read; raises `Conflict` where it has changed."""
        await self._documents.delete(record.stored)

    async def page(self, top: int, after: str | None) -> tuple[tuple[TenantRecord, ...], str | None]:
        """Return up to `top` tenants after a name, deleted ones too, and the name after which the next page begins or None."""
        try:
            found = await self._documents.page(PARTITION, top, after)
        except ValidationError as error:
            raise _unreadable(f"after {after or 'the first'}", error) from error
        return tuple(record_of(one) for one in found.documents), found.last

    async def each(self) -> AsyncIterator[TenantRecord]:
        """Return every tenant, deleted ones too, page by page."""
        after: str | None = None
        while True:
            records, after = await self.page(_PAGE, after)
            for record in records:
                yield record
            if after is None:
                return


def record_of(stored: Stored[Tenant]) -> TenantRecord:
    """Return a stored document as a record."""
    columns, deleted = stored.columns, stored.columns.get("state") == DELETED
    created, updated, by = (_text(columns.get(name)) for name in ("createdAt", "updatedAt", "updatedBy"))
    return TenantRecord(stored.document, claims_of(stored.document, deleted=deleted), created, updated, by, deleted, stored)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _unreadable(row: str, error: ValidationError) -> RegistryError:
    where = error.errors(include_input=False, include_url=False, include_context=False)[0]["loc"]
    return RegistryError(f"the tenant registry's row '{row}' cannot be read: {'.'.join(map(str, where)) or 'document'}")
