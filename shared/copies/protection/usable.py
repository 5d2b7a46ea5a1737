"""Reads the usable copies of one VM from the ledger."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.arm.ids import ResourceId
from shared.clock import from_text
from shared.copies.protection.records.record import NewestUsable
from shared.operations.model.identity import short_hash
from shared.storage.tables import Found, Table


@dataclass(frozen=True, slots=True)
class UsableCopies:
    """The usable copies of a VM by region: how many, and the newest."""

    counts: Mapping[str, int] = field(default_factory=dict)
    newest: Mapping[str, NewestUsable] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LedgerReader:
    """Reads the table of copies."""

    table: Table

    async def usable_of(self, tenant: str, vm: ResourceId, vm_id: str) -> UsableCopies:
        """Return a tenant's usable copies of a VM, by one range read; those of another VM of its name are left out where that is known."""
        counts: Counter[str] = Counter()
        newest: dict[str, NewestUsable] = {}
        filters = "PartitionKey eq @machine"
        async for row in self.table.range(filters, parameters={"machine": f"vm-{short_hash(vm.key)}"}):
            if not _counts(row, tenant, vm_id):
                continue
            region, copy = str(row.entity["region"]), _copy(row)
            counts[region] += 1
            if region not in newest or copy.taken_at > newest[region].taken_at:
                newest[region] = copy
        return UsableCopies(counts, newest)


def _counts(row: Found, tenant: str, vm_id: str) -> bool:
    known = str(row.entity.get("vmId") or "")
    return row.entity.get("tenant") == tenant and not row.entity.get("deletedAt") and (not known or not vm_id or known == vm_id)


def _copy(row: Found) -> NewestUsable:
    return NewestUsable(
        copy_id=str(row.entity["RowKey"]).rpartition("|")[2],
        restore_point_id=str(row.entity["targetPoint"]),
        taken_at=from_text(str(row.entity["takenAt"])),
        completed_at=from_text(str(row.entity["completedAt"])),
    )
