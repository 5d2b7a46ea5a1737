"""The table `diskAccesses`: per disk who opened it, until when, and where Key Vault has the SAS; never the SAS itself.

{hash of the tenant} , d|{hash of the disk's key}
"""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Final

from shared.access.records.fields import StoredModel
from shared.arm.ids import ResourceId
from shared.clock import Ids
from shared.moments import StoredMoment
from shared.operations.model.identity import short_hash
from shared.storage.documents import DocumentStore, Stored
from shared.storage.tables import Conflict, Table

_PAGE: Final = 200


class DiskAccess(StoredModel):
    """An access that an operation opened; `reference` is the Key Vault secret with the SAS, which is deleted once it was
    revealed."""

    tenant: str
    disk: str
    operation: str
    caller: str
    expires_at: StoredMoment
    reference: str | None = None
    revealed: bool = False


class DiskAccessStore:
    """Reads and writes accesses. Errors of storage are raised as the SDK raises them."""

    def __init__(self, table: Table, ids: Ids) -> None:
        self._documents = DocumentStore(table, DiskAccess, ids)

    async def get(self, tenant: str, disk: ResourceId) -> Stored[DiskAccess] | None:
        """Return the access to a disk, or None."""
        return await self._documents.get(short_hash(tenant), short_hash(disk.key))

    async def put(self, access: DiskAccess) -> None:
        """Write an access over the one that its disk had: the disk's lock is held."""
        disk = ResourceId.parse(access.disk)
        while True:
            found = await self.get(access.tenant, disk)
            try:
                if found is None:
                    await self._documents.insert(short_hash(access.tenant), short_hash(disk.key), access)
                else:
                    await self._documents.replace(found, access)
            except Conflict:
                continue
            return

    async def mark_revealed(self, stored: Stored[DiskAccess]) -> bool:
        """Mark an access as revealed; False where another call did so, or the access has changed or ended."""
        try:
            await self._documents.replace(stored, stored.document.model_copy(update={"revealed": True}))
        except Conflict:
            return False
        return True

    async def remove(self, stored: Stored[DiskAccess]) -> bool:
        """Remove an access that was read; False where it has changed meanwhile."""
        try:
            await self._documents.delete(stored)
        except Conflict:
            return False
        return True

    async def of_tenant(self, tenant: str) -> Mapping[str, DiskAccess]:
        """Return a tenant's accesses by the keys of their disks."""
        owner, found, after = short_hash(tenant), dict[str, DiskAccess](), None
        while True:
            page = await self._documents.page(owner, _PAGE, after)
            found |= {ResourceId.parse(one.document.disk).key: one.document for one in page.documents}
            if page.last is None:
                return found
            after = page.last

    async def ended(self, now: datetime) -> AsyncIterator[DiskAccess]:
        """Yield the accesses of all tenants that have ended; the table holds only what was opened and is not revoked yet."""
        after: tuple[str, str] | None = None
        while True:
            page = await self._documents.page_of_all(_PAGE, after)
            for one in page:
                if one.document.expires_at <= now:
                    yield one.document
            if len(page) < _PAGE:
                return
            after = (page[-1].owner, page[-1].name)
