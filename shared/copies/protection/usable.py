"""Reads the usable copies and the restore points of one VM from the ledger."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.arm.ids import ResourceId
from shared.clock import from_text
from shared.copies.points.records import MadePoint, PointLedger, PointsOfMachine
from shared.copies.protection.records.record import DriftRecord, MadeBy, NewestPoint, NewestUsable
from shared.copies.reconciling.rules import Drift, DriftKind
from shared.operations.model.identity import short_hash
from shared.storage.tables import Found, Table


@dataclass(frozen=True, slots=True)
class UsableCopies:
    """The usable copies of a VM by region: how many, and the newest, those of others among them; and how the ledger and Azure differ.

    `restore_points` is how many restore points the VM has, None where nothing is known of them, and `newest_point` the newest.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    newest: Mapping[str, NewestUsable] = field(default_factory=dict)
    drift: tuple[DriftRecord, ...] = ()
    restore_points: int | None = None
    newest_point: NewestPoint | None = None


@dataclass(frozen=True, slots=True)
class LedgerReader:
    """Reads the table of copies."""

    table: Table
    points: PointLedger

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
        of_machine = await self.points.of_machine(vm)
        known = of_machine.reconciled.sure
        for drift in known:
            if drift.kind is DriftKind.FOREIGN_COPY and drift.usable and drift.taken_at is not None:
                counts[drift.region] += 1
                if drift.region not in newest or drift.taken_at > newest[drift.region].taken_at:
                    newest[drift.region] = _of_others(drift, drift.taken_at)
        shown = tuple(DriftRecord(kind=drift.kind, id=drift.id, seen_at=drift.seen_at) for drift in known)
        return UsableCopies(counts, newest, shown, *_restore_points(of_machine, tenant, vm_id))


def _counts(row: Found, tenant: str, vm_id: str) -> bool:
    known = str(row.entity.get("vmId") or "")
    return row.entity.get("tenant") == tenant and not row.entity.get("deletedAt") and (not known or not vm_id or known == vm_id)


def _restore_points(found: PointsOfMachine, tenant: str, vm_id: str) -> tuple[int | None, NewestPoint | None]:
    """Return how many restore points a VM has, and the newest: those of the ledger, and what others had made at the last comparison."""
    others = found.reconciled.others
    if not found.points and not found.gone and found.reconciled.at is None:
        return None, None
    known = [_newest_point(made, tenant) for made in found.points if not made.vm_id or not vm_id or made.vm_id == vm_id]
    if others.taken_at is not None:
        known.append(NewestPoint(id=others.newest, taken_at=others.taken_at, consistency_mode=others.consistency, made_by=MadeBy.OTHER))
    return len(found.points) + others.count, max(known, key=lambda one: one.taken_at, default=None)


def _newest_point(made: MadePoint, tenant: str) -> NewestPoint:
    made_by = MadeBy.OTHER if made.tenant != tenant else MadeBy.POLICY if made.policy_id else MadeBy.CALLER
    return NewestPoint(id=str(made.point), taken_at=made.taken_at, consistency_mode=made.consistency, made_by=made_by)


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
