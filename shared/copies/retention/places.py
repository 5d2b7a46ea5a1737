"""The ledger's rows of a place: the usable copies of a VM in a region, and what became of those that were deleted."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared.arm.ids import ResourceId
from shared.clock import from_text, to_text
from shared.copies.ledger import partition_of_machine
from shared.copies.protection.newest import Newest
from shared.copies.retention.facts import CopyFacts, CopyState
from shared.storage.tables import Conflict, Found, Table


@dataclass(frozen=True, slots=True)
class PlaceKey:
    """A place: a VM's ARM id (None: not known, then the source restore point counts), and a region."""

    virtual_machine_id: str | None
    source_point: str
    region: str

    @property
    def partition(self) -> str:
        """The partition of its rows."""
        return partition_of_machine(self.virtual_machine_id, self.source_point)


@dataclass(frozen=True, slots=True)
class LedgerCopy:
    """A usable copy as the ledger has it; `policy_id` and `vm_id` are empty where no run of a policy made it."""

    operation: str
    point: ResourceId
    taken_at: datetime
    vm_id: str
    policy_id: str
    refused_at: datetime | None
    tenant: str = ""
    region: str = ""
    source_point: str = ""

    @property
    def facts(self) -> CopyFacts:
        """What the rules read of a copy of the tenant's."""
        return CopyFacts(
            id=self.point.key,
            taken_at=self.taken_at,
            vm_id=self.vm_id,
            state=CopyState.USABLE,
            by_policy=bool(self.policy_id),
            refused_at=self.refused_at,
        )

    def facts_for(self, tenant: str) -> CopyFacts:
        """What the rules of retention of a tenant read: another tenant's copy counts as one that no policy made."""
        return replace(self.facts, by_policy=bool(self.policy_id) and self.tenant == tenant)


@dataclass(frozen=True, slots=True)
class CopiesOfMachine:
    """The copies of a VM in the ledger, in all regions: the usable ones, newest first.

    Of all that it has had, deleted ones too: `operations`, `points` by their ids in lower case, and `collections` that they lie in.
    """

    usable: tuple[LedgerCopy, ...]
    operations: frozenset[str]
    points: frozenset[str] = frozenset()
    collections: tuple[ResourceId, ...] = ()


@dataclass(frozen=True, slots=True)
class Places:
    """Reads places, and records deletions."""

    table: Table

    async def usable(self, place: PlaceKey) -> list[LedgerCopy]:
        """Return the usable copies of a place, newest first; a deleted one is none."""
        return [_read(row) async for row in self._rows(place) if not row.entity.get("deletedAt")]

    async def of_machine(self, vm: ResourceId) -> CopiesOfMachine:
        """Return the copies of a VM, by one range read."""
        rows = self.table.range("PartitionKey eq @machine", parameters={"machine": partition_of_machine(str(vm), "")})
        found = [row async for row in rows]
        usable = tuple(_read(row) for row in found if not row.entity.get("deletedAt"))
        points = [ResourceId.parse(str(row.entity["targetPoint"])) for row in found]
        collections = {point.parent.key: point.parent for point in points if point.parent is not None}
        operations, keys = frozenset(_operation(row) for row in found), frozenset(point.key for point in points)
        return CopiesOfMachine(usable, operations, keys, tuple(collections.values()))

    async def mark_deleted(self, place: PlaceKey, operation: str, tenant: str, at: datetime, by: Mapping[str, str]) -> None:
        """Record that a copy is deleted; `by` are further columns. A copy that was never usable has no row. Harmless to repeat."""
        await self._merge(place, operation, {"deletedAt": to_text(at), **by})
        if place.virtual_machine_id is None:
            return
        left = await self.usable(place)
        newest = (to_text(left[0].taken_at), left[0].operation) if left else None
        await Newest(self.table).lower_from(tenant, place.virtual_machine_id, place.region, operation, newest)

    async def mark_refused(self, place: PlaceKey, operation: str, at: datetime, code: str) -> None:
        """Record that Azure refused to delete a copy, with its code; harmless to repeat."""
        await self._merge(place, operation, {"refusedAt": to_text(at), "refusedCode": code})

    async def _rows(self, place: PlaceKey) -> AsyncIterator[Found]:
        filters = "PartitionKey eq @machine and region eq @region"
        async for row in self.table.range(filters, parameters={"machine": place.partition, "region": place.region}):
            yield row

    async def _merge(self, place: PlaceKey, operation: str, columns: Mapping[str, str]) -> None:
        while True:
            found = [row async for row in self._rows(place) if _operation(row) == operation]
            if not found:
                return
            keys = {"PartitionKey": place.partition, "RowKey": str(found[0].entity["RowKey"])}
            try:
                await self.table.merge({**keys, **columns}, found[0].etag)
            except Conflict:
                continue
            return


def _read(row: Found) -> LedgerCopy:
    refused = str(row.entity.get("refusedAt") or "")
    return LedgerCopy(
        operation=_operation(row),
        point=ResourceId.parse(str(row.entity["targetPoint"])),
        taken_at=from_text(str(row.entity["takenAt"])),
        vm_id=str(row.entity.get("vmId") or ""),
        policy_id=str(row.entity.get("policyId") or ""),
        refused_at=from_text(refused) if refused else None,
        tenant=str(row.entity.get("tenant") or ""),
        region=str(row.entity["region"]),
        source_point=str(row.entity.get("sourcePoint") or ""),
    )


def _operation(row: Found) -> str:
    return str(row.entity["RowKey"]).rpartition("|")[2]
