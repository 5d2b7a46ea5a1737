"""The newest usable copy of each machine, region by region: one row each, in the table `copies`, so that asking for it costs no history.

PartitionKey `newest-` and the tenant's hash, RowKey the machine's hash and the region. A copy taken earlier never takes the place of a
later one, whichever of two writers comes last.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.arm.ids import ResourceId
from shared.clock import from_text
from shared.operations.model.identity import short_hash
from shared.storage.tables import Conflict, Table, write_over


@dataclass(frozen=True, slots=True)
class Newest:
    """Reads and writes the rows."""

    table: Table

    async def raise_to(self, tenant: str, virtual_machine_id: str, region: str, taken_at: str, operation: str) -> None:
        """Make a usable copy its machine's newest in a region, unless a later one is recorded; harmless to repeat.

        `taken_at` is when its source was taken, ISO 8601 text.
        """
        machine = short_hash(ResourceId.parse(virtual_machine_id).key)
        partition, row = _partition(tenant), f"{machine}|{region}"
        entity = {
            "PartitionKey": partition,
            "RowKey": row,
            "v": 1,
            "virtualMachineId": virtual_machine_id,
            "region": region,
            "takenAt": taken_at,
            "operation": operation,
        }
        while True:
            found = await self.table.get(partition, row)
            if found is not None and from_text(str(found.entity["takenAt"])) >= from_text(taken_at):
                return
            if await write_over(self.table, found, entity):
                return

    async def lower_from(self, tenant: str, virtual_machine_id: str, region: str, deleted: str, left: tuple[str, str] | None) -> None:
        """Replace a deleted copy, by its operation, with the newest that is left: (taken at, operation), None where none is.

        A row that names another copy stays. Harmless to repeat.
        """
        partition, row = _partition(tenant), f"{short_hash(ResourceId.parse(virtual_machine_id).key)}|{region}"
        while True:
            found = await self.table.get(partition, row)
            if found is None or found.entity.get("operation") != deleted:
                return
            if left is None:
                if await self.table.delete(partition, row, found.etag):
                    return
                continue
            taken_at, operation = left
            try:
                await self.table.merge({"PartitionKey": partition, "RowKey": row, "takenAt": taken_at, "operation": operation}, found.etag)
            except Conflict:
                continue
            return

    async def of(self, tenant: str) -> Mapping[str, datetime]:
        """Return when the newest usable copy of each of a tenant's machines was taken, whatever its region, by the machine's key."""
        found: dict[str, list[datetime]] = defaultdict(list)
        rows = self.table.range("PartitionKey eq @partition", select=("RowKey", "takenAt"), parameters={"partition": _partition(tenant)})
        async for row in rows:
            found[str(row.entity["RowKey"]).partition("|")[0]].append(from_text(str(row.entity["takenAt"])))
        return {machine: max(taken) for machine, taken in found.items()}


def _partition(tenant: str) -> str:
    return f"newest-{short_hash(tenant)}"
