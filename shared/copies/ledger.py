"""The table `copies`: which restore point is copied where by which operation, and the ledger of finished copies by VM.

A unique row per (source restore point, target region) prevents a second request for a copy: Azure allows one
(docs/azure/restore-points.md). The ledger outlives the source: once a VM is deleted, Azure does not show what a copy is of.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.arm.ids import ResourceId
from shared.clock import Clock, Ids, from_text, to_text
from shared.copies.copying.models import CopyOrigin
from shared.copies.copying.rules.looks import MOST_EARLIER
from shared.copies.copying.rules.naming import copy_key
from shared.copies.copying.state import CopyDetail
from shared.copies.points.records import PointLedger
from shared.copies.protection.newest import Newest
from shared.copies.reconciling.records import ReconcileStore
from shared.copies.reconciling.rules import spread_over_a_day
from shared.errors import ErrorCode, Refused
from shared.operations.model import rows
from shared.operations.model.identity import inverted, is_operation_id, short_hash
from shared.operations.model.store import Store
from shared.operations.timings import FREE_LOCK_AFTER
from shared.storage.tables import Change, Conflict, Found, Table


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A finished copy: ids as ARM writes them, times as ISO 8601 text; `origin` is the run of a policy that made it.

    `taken_at` is the moment of the source, `created_at` what Azure shows as the copy's own; `size_gb` is the sum of its disks' sizes.
    """

    operation: str
    tenant: str
    virtual_machine_id: str
    source_point_id: str
    target_point_id: str
    region: str
    taken_at: str
    completed_at: str
    started_at: str = ""
    origin: CopyOrigin | None = None
    created_at: str = ""
    consistency: str = ""
    size_gb: int = 0


@dataclass(frozen=True, slots=True)
class UsableCopy:
    """A copy of a VM that is or was usable; `duration` is None where it is not known when Azure began to copy it, as of earlier versions.

    `source_point` is the restore point that it is of, `is_there` false once it is deleted or gone.
    """

    region: str
    taken_at: datetime
    duration: timedelta | None
    source_point: str = ""
    is_there: bool = True


class Ledger:
    """Claims copies before they are accepted, and records them when they are usable."""

    def __init__(self, table: Table, store: Store, clock: Clock, ids: Ids) -> None:
        self._table = table
        self._newest = Newest(table)
        self.points = PointLedger(table, clock)
        self.reconciling = ReconcileStore(table)
        self._store = store
        self._clock = clock
        self._ids = ids

    async def owner(self, source_point: ResourceId, region: str) -> str | None:
        """Return the operation that copies, or copied, this restore point to this region, or None."""
        found = await self._table.get(copy_key(source_point, region), "unique")
        if found is None or await self._free(found):
            return None
        return str(found.entity["owner"])

    async def claim(
        self, source_point: ResourceId, region: str, operation: str, *, replaces: str | None = None, vm: ResourceId | None = None
    ) -> bool:
        """Assign the copy to an operation, if it is unassigned, already its own, or that of the operation it replaces.

        From then on the restore point counts as needed, where its VM is known. `vm` is None where it is not.

        Returns whether copies of it have failed there, whose restore points must be deleted first (`failed_points`). Raises `Refused`
        (RestorePointAlreadyCopied) naming the operation that has it.
        """
        failed_before = await self._claim(source_point, region, operation, replaces)
        if vm is not None:
            await self.points.note_copy(vm, source_point, region, operation)
        return failed_before

    async def _claim(self, source_point: ResourceId, region: str, operation: str, replaces: str | None) -> bool:
        key = copy_key(source_point, region)
        entity: dict[str, Any] = {
            "PartitionKey": key,
            "RowKey": "unique",
            "v": 1,
            "owner": operation,
            "nonce": self._ids.new(),
            "takenAt": to_text(self._clock.wall()),
            "sourcePoint": str(source_point),
            "region": region,
            "failed": "",
        }
        while True:
            try:
                await self._table.insert(entity)
            except Conflict:
                found = await self._table.get(key, "unique")
                if found is None:
                    continue
                owner = str(found.entity["owner"])
                if owner == operation:
                    return bool(found.entity.get("failed"))
                if owner != replaces and not await self._free(found):
                    raise already_copied(owner) from None
                entity["failed"] = "\n".join([*_failed(found), *await self._started_by(owner)])
                if not await self._take_over(entity, found):
                    continue
            return bool(entity["failed"])

    async def failed_points(self, source_point: ResourceId, region: str) -> list[ResourceId]:
        """Return the restore points that failed copies have left: Azure copies once per region, so they must be deleted first."""
        found = await self._table.get(copy_key(source_point, region), "unique")
        return [ResourceId.parse(point) for point in _failed(found)] if found is not None else []

    async def unclaim(self, source_point: ResourceId, region: str, operation: str, vm: ResourceId | None = None) -> None:
        """Remove the claim of an operation that was not accepted."""
        if vm is not None:
            await self.points.forget_copy(vm, source_point, region, operation)
        key = copy_key(source_point, region)
        found = await self._table.get(key, "unique")
        if found is not None and found.entity["owner"] == operation:
            await self._table.delete(key, "unique", found.etag)

    async def record(self, entry: LedgerEntry) -> None:
        """Record a copy that is usable; harmless to repeat."""
        await self._table.upsert(
            {
                "PartitionKey": partition_of_machine(entry.virtual_machine_id, entry.source_point_id),
                "RowKey": f"{inverted(from_text(entry.taken_at))}|{entry.operation}",
                "v": 1,
                "tenant": entry.tenant,
                "virtualMachineId": entry.virtual_machine_id,
                "sourcePoint": entry.source_point_id,
                "targetPoint": entry.target_point_id,
                "region": entry.region,
                "takenAt": entry.taken_at,
                "completedAt": entry.completed_at,
                "startedAt": entry.started_at,
                "createdAt": entry.created_at,
                "consistency": entry.consistency,
                "sizeGb": entry.size_gb,
                **_columns_of(entry.origin),
            }
        )
        if entry.virtual_machine_id:
            await self._newest.raise_to(entry.tenant, entry.virtual_machine_id, entry.region, entry.taken_at, entry.operation)
            vm = ResourceId.parse(entry.virtual_machine_id)
            await self.reconciling.begin(entry.tenant, vm, self._clock.now() + spread_over_a_day(vm.key))

    async def finished_of(self, vm: ResourceId) -> list[UsableCopy]:
        """Return the copies of a VM that are or were usable, the newest first."""
        rows = self._table.range("PartitionKey eq @machine", parameters={"machine": f"vm-{short_hash(vm.key)}"})
        return [_usable(row) async for row in rows]

    async def earlier_durations(self, vm: ResourceId, region: str) -> tuple[timedelta, ...]:
        """Return how long the last copies of a VM to a region took, the newest first, at most five.

        The oldest is left out: it was full, and those after it are not.
        """
        filters = "PartitionKey eq @machine and region eq @region"
        parameters = {"machine": f"vm-{short_hash(vm.key)}", "region": region}
        columns = ("region", "takenAt", "startedAt", "completedAt", "deletedAt")
        rows = self._table.range(filters, parameters=parameters, select=columns, limit=MOST_EARLIER + 1)
        found = [_usable(row) async for row in rows]
        alike = found[:-1] if len(found) <= MOST_EARLIER else found[:MOST_EARLIER]
        return tuple(copy.duration for copy in alike if copy.duration is not None)

    async def note_restore_point(self, tenant: str, vm: ResourceId, point: ResourceId, operation: str) -> None:
        """Record a restore point that is about to be created of a VM, so that it is known as Farshore's own; harmless to repeat."""
        await self._table.upsert(
            {
                "PartitionKey": _made_of(vm),
                "RowKey": operation,
                "v": 1,
                "tenant": tenant,
                "virtualMachineId": str(vm),
                "restorePoint": str(point),
                "notedAt": to_text(self._clock.now()),
            }
        )

    async def forget_restore_point(self, vm: ResourceId, operation: str) -> None:
        """Remove the record of a restore point that Azure refused to create; harmless to repeat."""
        await self._table.delete(_made_of(vm), operation)

    async def started_at(self, point: ResourceId) -> datetime | None:
        """Return when the operation that a copy is named by started it in Azure, or None where that is unknown."""
        earlier = await self._store.get(point.name) if is_operation_id(point.name) else None
        return CopyDetail.of(earlier.detail).started_at if earlier is not None else None

    async def _started_by(self, operation: str) -> list[str]:
        earlier = await self._store.get(operation)
        target = CopyDetail.of(earlier.detail).target if earlier is not None else None
        return [target.restore_point_id] if target is not None and target.restore_point_id else []

    async def _take_over(self, entity: dict[str, Any], found: Found) -> bool:
        try:
            await self._table.transact([Change("merge", entity, found.etag)])
        except Conflict:
            return False
        return True

    async def _free(self, found: Found) -> bool:
        """Return whether the row's owner was never accepted (after two minutes), or ended without a copy."""
        owner = str(found.entity["owner"])
        request = await self._store.request(owner)
        if request is not None:
            return rows.failed_before(request)
        return self._clock.wall() - from_text(str(found.entity["takenAt"])) >= FREE_LOCK_AFTER


def _usable(row: Found) -> UsableCopy:
    started, completed = str(row.entity.get("startedAt") or ""), str(row.entity["completedAt"])
    duration = from_text(completed) - from_text(started) if started else None
    return UsableCopy(
        region=str(row.entity["region"]),
        taken_at=from_text(str(row.entity["takenAt"])),
        duration=duration,
        source_point=str(row.entity.get("sourcePoint") or ""),
        is_there=not row.entity.get("deletedAt"),
    )


def partition_of_machine(virtual_machine_id: str | None, source_point_id: str) -> str:
    """Return the partition of a VM's copies; where the VM is not known, that of its restore point."""
    vm = ResourceId.parse(virtual_machine_id).key if virtual_machine_id else f"unknown of {source_point_id.lower()}"
    return f"vm-{short_hash(vm)}"


def _columns_of(origin: CopyOrigin | None) -> dict[str, str]:
    if origin is None:
        return {}
    slot = to_text(origin.slot) if origin.slot is not None else ""
    return {"policy": origin.policy, "policyId": origin.policy_id, "run": origin.run, "vmId": origin.vm_id, "slot": slot}


def _made_of(vm: ResourceId) -> str:
    return f"made-{short_hash(vm.key)}"


def _failed(found: Found) -> list[str]:
    return str(found.entity.get("failed") or "").split()


def already_copied(owner: str) -> Refused:
    """Return the refusal of a second copy of one restore point to one region."""
    return Refused(
        ErrorCode.RESTORE_POINT_ALREADY_COPIED,
        f"Azure copies a restore point once per region, and operation {owner} has copied it there or is copying it.",
        target=owner,
    )
