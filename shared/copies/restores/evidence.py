"""The evidence of drills: for each VM and region the newest drill and the newest good one, in the table of the ledger.

PartitionKey `drill-` and the tenant's hash, RowKey the VM's hash and the region. A drill that was checked earlier never takes the place of
a later one. While a drill of a policy runs, its VMs have a row of the same key in the partition `drilling-` and the tenant's hash.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.arm.ids import ResourceId
from shared.clock import from_text, to_text
from shared.copies.restores.state import Verified
from shared.copies.restores.steps.claim import RestoreClaim
from shared.operations.model.identity import short_hash
from shared.storage.tables import Found, Table, write_over


@dataclass(frozen=True, slots=True)
class LastDrill:
    """The newest drill of a VM's copies in a region; `good_at` is when the newest drill was checked that passed."""

    restore: str
    at: datetime
    verified: Verified
    recovery_seconds: int
    good_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunningDrill:
    """A drill that has begun and has not ended, and when it began."""

    restore: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """Reads and writes the rows."""

    table: Table

    async def record(self, restore: RestoreClaim) -> None:
        """Record a drill whose checks have ended, for each of its VMs; harmless to repeat."""
        checked, created = restore.detail.checked_at, restore.operation.created_at
        if checked is None:
            return
        good = restore.state.problem is None
        for machine in restore.detail.machines:
            vm = machine.source.virtual_machine_id
            if vm is not None:
                verified = restore.detail.verified if good else Verified.NONE
                drill = LastDrill(restore.id, checked, verified, int((checked - created).total_seconds()), checked if good else None)
                await self._raise_to(restore.tenant, vm, restore.region, drill)

    async def begin(self, tenant: str, restore: str, places: Iterable[tuple[str, str]], since: datetime) -> None:
        """Record that a drill of VMs, each with its region, begins; harmless to repeat."""
        for vm, region in places:
            row = {"PartitionKey": _running(tenant), "RowKey": place_key(vm, region), "v": 1, "restore": restore, "since": to_text(since)}
            await self.table.upsert(row)

    async def end(self, tenant: str, restore: str) -> None:
        """Record that a drill has ended; harmless to repeat; does nothing for other restores."""
        async for row in self._rows(_running(tenant)):
            if row.entity.get("restore") == restore:
                await self.table.delete(_running(tenant), str(row.entity["RowKey"]), row.etag)

    async def running(self, tenant: str) -> Mapping[str, RunningDrill]:
        """Return the drills of a tenant's policies that have begun and have not ended, by `place_key`."""
        return {
            str(row.entity["RowKey"]): RunningDrill(str(row.entity["restore"]), from_text(str(row.entity["since"])))
            async for row in self._rows(_running(tenant))
        }

    async def of(self, tenant: str, virtual_machine_id: str, region: str) -> LastDrill | None:
        """Return the newest drill of a VM's copies in a region."""
        found = await self.table.get(_partition(tenant), _row(virtual_machine_id, region))
        return _read(found) if found is not None else None

    async def of_tenant(self, tenant: str) -> Mapping[str, LastDrill]:
        """Return the newest drills of a tenant, by `place_key`."""
        return {str(row.entity["RowKey"]): _read(row) async for row in self._rows(_partition(tenant))}

    def _rows(self, partition: str) -> AsyncIterator[Found]:
        return self.table.range("PartitionKey eq @partition", parameters={"partition": partition})

    async def _raise_to(self, tenant: str, virtual_machine_id: str, region: str, drill: LastDrill) -> None:
        partition, row = _partition(tenant), _row(virtual_machine_id, region)
        while True:
            found = await self.table.get(partition, row)
            before = _read(found) if found is not None else None
            if before is not None and before.at >= drill.at:
                return
            good = drill.good_at or (before.good_at if before is not None else None)
            entity = {
                "PartitionKey": partition,
                "RowKey": row,
                "v": 1,
                "virtualMachineId": virtual_machine_id,
                "region": region,
                "restore": drill.restore,
                "at": to_text(drill.at),
                "verified": drill.verified.value,
                "recoverySeconds": drill.recovery_seconds,
                "goodAt": to_text(good) if good is not None else "",
            }
            if await write_over(self.table, found, entity):
                return


def place_key(virtual_machine_id: str, region: str) -> str:
    """Return the key of a VM's copies in a region."""
    return f"{short_hash(ResourceId.parse(virtual_machine_id).key)}|{region}"


def _row(virtual_machine_id: str, region: str) -> str:
    return place_key(virtual_machine_id, region)


def _partition(tenant: str) -> str:
    return f"drill-{short_hash(tenant)}"


def _running(tenant: str) -> str:
    return f"drilling-{short_hash(tenant)}"


def _read(found: Found) -> LastDrill:
    good = str(found.entity.get("goodAt") or "")
    return LastDrill(
        restore=str(found.entity["restore"]),
        at=from_text(str(found.entity["at"])),
        verified=Verified(str(found.entity["verified"])),
        recovery_seconds=int(found.entity["recoverySeconds"]),
        good_at=from_text(good) if good else None,
    )
