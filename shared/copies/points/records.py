"""The rows of a VM's restore points, in the table `copies`: one partition per VM, `points-` and the hash of its ARM id.

`p|{hash of the restore point}` is a restore point that Farshore has made, `c|{hash of the restore point}|{region}` the last operation that
was to copy one to a region; those of reconciliation are in the partition too. Restore points of earlier versions have no row, so that
retention never deletes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from shared.arm.ids import ResourceId
from shared.clock import Clock, from_text, to_text
from shared.copies.reconciling.records import Reconciled, partition_of, reconciled
from shared.operations.model.identity import short_hash
from shared.operations.timings import FREE_LOCK_AFTER
from shared.storage.pieces import from_pieces, pieces
from shared.storage.tables import Conflict, Found, Table

_POINT: Final = "p|"
_COPY: Final = "c|"
_TEXTS: Final = ("tenant", "virtualMachineId", "vmId", "operation", "policy", "policyId", "run")


@dataclass(frozen=True, slots=True)
class MadePoint:
    """A restore point of a VM that Farshore has made; ids of disks are in lower case, sizes in GB.

    `policy_id` and `run` are empty where a caller's copy made it, whose operation `operation` is. `gone_at` is when it was deleted or first
    missed, None while it is there.
    """

    tenant: str
    virtual_machine_id: str
    vm_id: str
    point: ResourceId
    taken_at: datetime
    disks: frozenset[str]
    operation: str
    policy: str = ""
    policy_id: str = ""
    run: str = ""
    refused_at: datetime | None = None
    consistency: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)
    gone_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CopyNote:
    """The last operation that was to copy a restore point to a region; `is_new` where it may not have been accepted yet."""

    point: ResourceId
    region: str
    operation: str
    is_new: bool = False
    refused_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PointsOfMachine:
    """The rows of a VM: restore points that are not deleted, those that are (`gone`), and copies that were requested."""

    points: tuple[MadePoint, ...] = ()
    gone: tuple[MadePoint, ...] = ()
    copies: tuple[CopyNote, ...] = ()
    reconciled: Reconciled = field(default_factory=Reconciled)


class PointLedger:
    """Reads and writes the rows; each write is harmless to repeat."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    async def of_machine(self, vm: ResourceId) -> PointsOfMachine:
        """Return what is known of a VM, by one range read."""
        found = self._table.range("PartitionKey eq @machine", parameters={"machine": _partition(vm)})
        rows = [row async for row in found]
        copies = tuple(self._note(row) for row in rows if _is(row, _COPY))
        made = [_point(row) for row in rows if _is(row, _POINT)]
        points = tuple(one for one in made if one.gone_at is None)
        gone = tuple(one for one in made if one.gone_at is not None)
        return PointsOfMachine(points, gone, copies, reconciled(rows))

    async def record(self, made: MadePoint) -> None:
        """Record a restore point that is finished; of several copies of one run each writes the same."""
        await self._table.upsert(
            {
                "PartitionKey": _partition(ResourceId.parse(made.virtual_machine_id)),
                "RowKey": f"{_POINT}{short_hash(made.point.key)}",
                "v": 1,
                "tenant": made.tenant,
                "virtualMachineId": made.virtual_machine_id,
                "vmId": made.vm_id,
                "restorePoint": str(made.point),
                "takenAt": to_text(made.taken_at),
                "operation": made.operation,
                "policy": made.policy,
                "policyId": made.policy_id,
                "run": made.run,
                "consistency": made.consistency,
                **pieces("disks", {"ids": sorted(made.disks), "sizes": dict(made.sizes)}),
            }
        )

    async def note_copy(self, vm: ResourceId, point: ResourceId, region: str, operation: str) -> None:
        """Record that an operation is to copy a restore point to a region."""
        await self._table.upsert(
            {
                "PartitionKey": _partition(vm),
                "RowKey": _copy_key(point, region),
                "v": 1,
                "sourcePoint": str(point),
                "region": region,
                "operation": operation,
                "notedAt": to_text(self._clock.wall()),
                "refusedAt": "",
            }
        )

    async def forget_copy(self, vm: ResourceId, point: ResourceId, region: str, operation: str) -> None:
        """Remove the row of a copy that was not accepted, or of which nothing is left; that of another operation stays."""
        found = await self._table.get(_partition(vm), _copy_key(point, region))
        if found is not None and found.entity["operation"] == operation:
            await self._table.delete(_partition(vm), _copy_key(point, region), found.etag)

    async def mark_deleted(self, vm: ResourceId, point: ResourceId, at: datetime, by: Mapping[str, str]) -> None:
        """Record that a restore point is deleted; `by` are further columns. One without a row stays without."""
        await self._merge(vm, f"{_POINT}{short_hash(point.key)}", {"deletedAt": to_text(at), **by})

    async def mark_refused(self, vm: ResourceId, point: ResourceId, at: datetime, code: str) -> None:
        """Record that Azure refused to delete a restore point, with its code."""
        await self._merge(vm, f"{_POINT}{short_hash(point.key)}", {"refusedAt": to_text(at), "refusedCode": code})

    async def mark_copy_refused(self, vm: ResourceId, point: ResourceId, region: str, at: datetime) -> None:
        """Record that Azure refused to delete what a failed copy of a restore point has left in a region."""
        await self._merge(vm, _copy_key(point, region), {"refusedAt": to_text(at)})

    async def _merge(self, vm: ResourceId, key: str, columns: Mapping[str, str]) -> None:
        while True:
            found = await self._table.get(_partition(vm), key)
            if found is None:
                return
            try:
                await self._table.merge({"PartitionKey": _partition(vm), "RowKey": key, **columns}, found.etag)
            except Conflict:
                continue
            return

    def _note(self, row: Found) -> CopyNote:
        age = self._clock.wall() - from_text(str(row.entity["notedAt"]))
        return CopyNote(
            point=ResourceId.parse(str(row.entity["sourcePoint"])),
            region=str(row.entity["region"]),
            operation=str(row.entity["operation"]),
            is_new=age < FREE_LOCK_AFTER,
            refused_at=_moment(row, "refusedAt"),
        )


def _is(row: Found, prefix: str) -> bool:
    return str(row.entity["RowKey"]).startswith(prefix)


def _point(row: Found) -> MadePoint:
    stored = from_pieces("disks", row.entity) or {}
    disks, sizes = stored.get("ids"), stored.get("sizes")
    text = {name: str(row.entity.get(name) or "") for name in _TEXTS}
    return MadePoint(
        tenant=text["tenant"],
        virtual_machine_id=text["virtualMachineId"],
        vm_id=text["vmId"],
        point=ResourceId.parse(str(row.entity["restorePoint"])),
        taken_at=from_text(str(row.entity["takenAt"])),
        disks=frozenset(str(one) for one in disks) if isinstance(disks, list) else frozenset(),
        operation=text["operation"],
        policy=text["policy"],
        policy_id=text["policyId"],
        run=text["run"],
        refused_at=_moment(row, "refusedAt"),
        consistency=str(row.entity.get("consistency") or ""),
        sizes={str(disk): int(gb) for disk, gb in sizes.items()} if isinstance(sizes, dict) else {},
        gone_at=_moment(row, "deletedAt"),
    )


def _moment(row: Found, column: str) -> datetime | None:
    text = str(row.entity.get(column) or "")
    return from_text(text) if text else None


def _partition(vm: ResourceId) -> str:
    return partition_of(vm)


def _copy_key(point: ResourceId, region: str) -> str:
    return f"{_COPY}{short_hash(point.key)}|{region}"
