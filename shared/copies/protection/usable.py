"""Reads the usable copies of one VM from the ledger."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.arm.ids import ResourceId
from shared.clock import from_text
from shared.copies.protection.records.record import DriftRecord, NewestUsable
from shared.copies.reconciling.records import ReconcileStore
from shared.copies.reconciling.rules import Drift, DriftKind
from shared.operations.model.identity import short_hash
from shared.storage.tables import Found, Table


@dataclass(frozen=True, slots=True)
class UsableCopies:
    """The usable copies of a VM by region: how many, and the newest, those of others among them; and how the ledger and Azure differ."""

    counts: Mapping[str, int] = field(default_factory=dict)
    newest: Mapping[str, NewestUsable] = field(default_factory=dict)
    drift: tuple[DriftRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerReader:
    """Reads the table of copies."""

    table: Table
    reconciling: ReconcileStore

    async def usable_of(self, tenant: str, vm: ResourceId, vm_id: str) -> UsableCopies:
        """Return a tenant's usable copies of a VM; those of another VM of its name are left out where that is known."""
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
        known = (await self.reconciling.of_machine(vm)).sure
        for drift in known:
            if drift.kind is DriftKind.FOREIGN_COPY and drift.usable and drift.taken_at is not None:
                counts[drift.region] += 1
                if drift.region not in newest or drift.taken_at > newest[drift.region].taken_at:
                    newest[drift.region] = _of_others(drift, drift.taken_at)
        shown = tuple(DriftRecord(kind=drift.kind, id=drift.id, seen_at=drift.seen_at) for drift in known)
        return UsableCopies(counts, newest, shown)


def _counts(row: Found, tenant: str, vm_id: str) -> bool:
    known = str(row.entity.get("vmId") or "")
    return row.entity.get("tenant") == tenant and not row.entity.get("deletedAt") and (not known or not vm_id or known == vm_id)


def _of_others(drift: Drift, taken_at: datetime) -> NewestUsable:
    """Return a copy that no operation has made: it has no `copy_id`, and when it was completed is not known."""
    return NewestUsable(copy_id="", restore_point_id=drift.id, taken_at=taken_at, completed_at=drift.seen_at)


def _copy(row: Found) -> NewestUsable:
    return NewestUsable(
        copy_id=str(row.entity["RowKey"]).rpartition("|")[2],
        restore_point_id=str(row.entity["targetPoint"]),
        taken_at=from_text(str(row.entity["takenAt"])),
        completed_at=from_text(str(row.entity["completedAt"])),
    )
