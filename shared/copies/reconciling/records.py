"""The rows of reconciliation, in the table `copies`: differences and the last reading beside a VM's restore points, and what is due.

partition            row
points-{VM}          r                      when the VM was reconciled
points-{VM}          d|{hash}               a difference
reconcile            {moment}|{hash of VM}  a VM to reconcile; a hint, removed once all of it is done
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.arm.ids import ResourceId
from shared.clock import from_text, to_text
from shared.copies.reconciling.rules import Drift, DriftKind
from shared.operations.model.identity import short_hash
from shared.storage.tables import Conflict, Entity, Found, Table

RECONCILED: Final = "r"
DRIFT: Final = "d|"
_DUE: Final = "reconcile"


@dataclass(frozen=True, slots=True)
class OtherPoints:
    """The restore points of a VM, in all of its collections, that are not in the ledger: how many, and the newest."""

    count: int = 0
    newest: str = ""
    taken_at: datetime | None = None
    consistency: str = ""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """When a VM was last compared with Azure, None before, and the differences; and what others have made of restore points of the VM."""

    at: datetime | None = None
    drift: tuple[Drift, ...] = ()
    others: OtherPoints = OtherPoints()

    @property
    def by_key(self) -> Mapping[tuple[str, str], Drift]:
        """The differences by what identifies each."""
        return {one.key: one for one in self.drift}

    @property
    def sure(self) -> tuple[Drift, ...]:
        """The differences that are certain."""
        return tuple(one for one in self.drift if one.is_sure)

    @property
    def unsure(self) -> frozenset[str]:
        """The restore points, in lower case, that one look did not show."""
        return frozenset(one.id.lower() for one in self.drift if not one.is_sure)


@dataclass(frozen=True, slots=True)
class DueMachine:
    """A VM to reconcile, and the key of its row."""

    tenant: str
    vm: ResourceId
    key: str


@dataclass(frozen=True, slots=True)
class ReconcileStore:
    """Reads and writes the rows; each write is harmless to repeat."""

    table: Table

    async def of_machine(self, vm: ResourceId) -> Reconciled:
        """Return what is known of a VM."""
        rows = self.table.range("PartitionKey eq @machine", parameters={"machine": partition_of(vm)})
        return reconciled([row async for row in rows])

    async def begin(self, tenant: str, vm: ResourceId, at: datetime) -> None:
        """Have a VM reconciled from `at` on, unless it is already."""
        try:
            await self.table.insert({"PartitionKey": partition_of(vm), "RowKey": RECONCILED, "v": 1, "tenant": tenant})
        except Conflict:
            return
        await self.note(tenant, vm, at)

    async def note(self, tenant: str, vm: ResourceId, at: datetime) -> None:
        """Have a VM reconciled at a moment."""
        key = f"{to_text(at)}|{short_hash(vm.key)}"
        await self.table.upsert({"PartitionKey": _DUE, "RowKey": key, "v": 1, "tenant": tenant, "virtualMachineId": str(vm)})

    async def due(self, now: datetime, limit: int) -> list[DueMachine]:
        """Return the VMs that are due, the longest due first."""
        filters = "PartitionKey eq @partition and RowKey lt @last"
        found = self.table.range(filters, parameters={"partition": _DUE, "last": f"{to_text(now)}~"}, limit=limit)
        return [_due(row) async for row in found]

    async def remove_due(self, due: DueMachine) -> None:
        """Remove the row of a VM that was due."""
        await self.table.delete(_DUE, due.key)

    async def write(self, vm: ResourceId, before: Reconciled, drift: Iterable[Drift], others: OtherPoints, at: datetime) -> None:
        """Write the differences of a VM over those of before, then when it was reconciled and what others have made."""
        now = {_row_of(one): one for one in drift}
        for row in {_row_of(one) for one in before.drift} - now.keys():
            await self.table.delete(partition_of(vm), row)
        for row, one in now.items():
            await self.table.upsert(_entity(vm, row, one))
        taken_at = to_text(others.taken_at) if others.taken_at is not None else ""
        columns = {"others": others.count, "newestOther": others.newest, "takenAt": taken_at, "consistency": others.consistency}
        await self.table.upsert({"PartitionKey": partition_of(vm), "RowKey": RECONCILED, "v": 1, "reconciledAt": to_text(at), **columns})


def reconciled(rows: Iterable[Found]) -> Reconciled:
    """Return what the rows of a VM's partition show of its reconciliation."""
    at, drift, others = None, [], OtherPoints()
    for row in rows:
        key = str(row.entity["RowKey"])
        if key == RECONCILED:
            at, others = _moment(row, "reconciledAt"), _others(row)
        elif key.startswith(DRIFT):
            drift.append(_drift(row))
    return Reconciled(at, tuple(sorted(drift, key=lambda one: one.key)), others)


def partition_of(vm: ResourceId) -> str:
    """Return the partition of a VM's restore points and differences."""
    return f"points-{short_hash(vm.key)}"


def _row_of(drift: Drift) -> str:
    return f"{DRIFT}{short_hash(*drift.key)}"


def _entity(vm: ResourceId, row: str, drift: Drift) -> Entity:
    taken_at = to_text(drift.taken_at) if drift.taken_at is not None else ""
    columns = {"kind": drift.kind.value, "id": drift.id, "seenAt": to_text(drift.seen_at), "region": drift.region, "takenAt": taken_at}
    return {"PartitionKey": partition_of(vm), "RowKey": row, "v": 1, **columns, "isSure": drift.is_sure, "usable": drift.usable}


def _drift(row: Found) -> Drift:
    entity = row.entity
    return Drift(
        kind=DriftKind(str(entity["kind"])),
        id=str(entity["id"]),
        seen_at=from_text(str(entity["seenAt"])),
        is_sure=bool(entity.get("isSure")),
        region=str(entity.get("region") or ""),
        taken_at=_moment(row, "takenAt"),
        usable=bool(entity.get("usable")),
    )


def _others(row: Found) -> OtherPoints:
    newest, consistency = str(row.entity.get("newestOther") or ""), str(row.entity.get("consistency") or "")
    return OtherPoints(int(row.entity.get("others") or 0), newest, _moment(row, "takenAt"), consistency)


def _moment(row: Found, column: str) -> datetime | None:
    text = str(row.entity.get(column) or "")
    return from_text(text) if text else None


def _due(row: Found) -> DueMachine:
    return DueMachine(str(row.entity["tenant"]), ResourceId.parse(str(row.entity["virtualMachineId"])), str(row.entity["RowKey"]))
