"""Everything that Microsoft.Compute keeps, with the few ways in which it is looked up."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from local.simulation.arm.tables import Json, Table
from local.simulation.common.document import Document
from local.simulation.compute.disks.disk import Disk
from local.simulation.compute.loading import completed_disks, completed_point
from local.simulation.compute.machines import VirtualMachine
from local.simulation.compute.models import Allowance, Collection, Operation, RestorePoint, collection_key
from local.simulation.compute.replication import state_of
from local.simulation.ids import key
from local.simulation.times import to_text


class ComputeState:
    """Tables by ARM id, with indexes: restore points by collection and by what they are a copy of, machines by what is attached to them."""

    def __init__(self) -> None:
        self.machines: Table[VirtualMachine] = Table(
            "virtualMachines", VirtualMachine.from_json, VirtualMachine.as_json, self._index_machine
        )
        self.disks: Table[Disk] = Table("disks", Disk.from_json, Disk.as_json)
        self.collections: Table[Collection] = Table(
            "restorePointCollections", Collection.from_json, Collection.as_json, self._index_collection
        )
        self.points: Table[RestorePoint] = Table("restorePoints", RestorePoint.from_json, RestorePoint.as_json, self._index_point)
        self.allowances: Table[Allowance] = Table("allowances", Allowance.from_json, Allowance.as_json)
        self.operations: Table[Operation] = Table("operations", Operation.from_json, Operation.as_json)
        self.images: Table[Document] = Table("images", Document.from_json, Document.as_json)
        self.availability_sets: Table[Document] = Table("availabilitySets", Document.from_json, Document.as_json)
        self.snapshots: Table[Document] = Table("snapshots", Document.from_json, Document.as_json)
        self.encryption_sets: Table[Document] = Table("diskEncryptionSets", Document.from_json, Document.as_json)
        self.gallery_images: Table[Document] = Table("galleryImages", Document.from_json, Document.as_json)
        self.gallery_versions: Table[Document] = Table("galleryImageVersions", Document.from_json, Document.as_json)
        self.limits: Table[Json] = Table("usages", dict, dict)
        self.restrictions: Table[Json] = Table("skus", dict, dict)
        self._attached_to: dict[str, dict[str, VirtualMachine]] = {}
        self._by_collection: dict[str, dict[str, RestorePoint]] = {}
        self._copies: dict[str, dict[str, RestorePoint]] = {}
        self._by_source: dict[str, dict[str, Collection]] = {}

    def tables(self) -> tuple[Table[Any], ...]:
        """Return every table, for the store."""
        return (
            *(self.machines, self.disks, self.collections, self.points, self.allowances, self.operations),
            *(self.images, self.availability_sets, self.snapshots, self.encryption_sets, self.limits, self.restrictions),
            *(self.gallery_images, self.gallery_versions),
        )

    def _documents(self) -> tuple[Table[Document], ...]:
        return (*(self.images, self.availability_sets, self.snapshots, self.encryption_sets, self.gallery_images, self.gallery_versions),)

    def machine(self, machine_id: str, now: datetime) -> VirtualMachine | None:
        """Return a machine that is there, or whose deletion still runs."""
        found = self.machines.get(key(machine_id))
        return None if found is None or found.gone(now) else found

    def disk(self, disk_id: str, now: datetime) -> Disk | None:
        """Return a disk that is there, or whose deletion still runs."""
        found = self.disks.get(key(disk_id))
        return None if found is None or found.gone(now) else found

    def attached_to(self, resource_id: str, now: datetime) -> list[VirtualMachine]:
        """Return the machines that a disk, an interface or an availability set belongs to."""
        return [each for each in self._attached_to.get(key(resource_id), {}).values() if not each.gone(now)]

    def collection(self, collection_id: str, now: datetime) -> Collection | None:
        """Return a collection that is there, or whose deletion still runs."""
        found = self.collections.get(key(collection_id))
        return None if found is None or found.gone(now) else found

    def point(self, point_id: str, now: datetime) -> RestorePoint | None:
        """Return a restore point that is there, or whose deletion still runs."""
        found = self.points.get(key(point_id))
        return None if found is None or found.gone(now) else found

    def points_in(self, collection_id: str, now: datetime) -> list[RestorePoint]:
        """Return the restore points of a collection."""
        return [point for point in self._by_collection.get(key(collection_id), {}).values() if not point.gone(now)]

    def copies_of(self, point_id: str, now: datetime) -> list[RestorePoint]:
        """Return the copies of a restore point, in every region."""
        return [point for point in self._copies.get(key(point_id), {}).values() if not point.gone(now)]

    def collections_of(self, source_id: str, now: datetime) -> list[Collection]:
        """Return the collections whose source this is."""
        return [each for each in self._by_source.get(key(source_id), {}).values() if not each.gone(now)]

    def allowance(self, allowance_key: str) -> tuple[datetime, ...]:
        """Return the moments that an allowance has noted."""
        row = self.allowances.get(allowance_key)
        return row.times if row is not None else ()

    def load(self, estate: Mapping[str, Any], now: datetime, seed: int) -> None:
        """Take over machines, disks, collections and restore points of an estate, and complete what it leaves out."""
        for item in completed_disks(estate):
            disk = Disk.from_json(item)
            self.disks.put(key(disk.id), disk)
        for item in estate.get("virtualMachines", []):
            machine = VirtualMachine.from_json(item)
            self.machines.put(key(machine.id), machine)
        for table in self._documents():
            for item in estate.get(table.name, []):
                row = Document.from_json(item)
                table.put(key(row.id), row)
        for settings in (self.limits, self.restrictions):
            for index, item in enumerate(estate.get(settings.name, [])):
                settings.put(str(index), dict(item))
        bodies = list(estate.get("restorePointCollections", []))
        for item in bodies:
            collection = Collection.from_json(item)
            self.collections.put(key(collection.id), collection)
        # points of machines first: copies are completed from them
        for item in sorted(bodies, key=lambda body: Collection.from_json(body).is_target):
            self._load_points(Collection.from_json(item), item.get("restorePoints") or [], now, seed)

    def _load_points(self, collection: Collection, bodies: list[Mapping[str, Any]], now: datetime, seed: int) -> None:
        machine = self.machines.get(key(collection.source))
        points: list[RestorePoint] = []
        for body in bodies:
            source = self.points.get(key(str(body["sourceRestorePoint"]))) if body.get("sourceRestorePoint") else None
            point = completed_point(body, machine, self.attached(machine) if machine else [], source, now=now, seed=seed)
            self.points.put(key(point.id), point)
            points.append(point)
        if collection.is_target and points:
            newest = max(point.time_created for point in points)
            if collection.newest_source is None or collection.newest_source < newest:
                collection = Collection.from_json(collection.as_json() | {"newestSource": to_text(newest)})
                self.collections.put(key(collection.id), collection)
            self._note_starts(f"copies|{key(collection.id)}", points)
        elif machine is not None:
            for mode in ("app", "crash"):
                chosen = [point for point in points if (point.consistency_mode == "CrashConsistent") == (mode == "crash")]
                self._note_starts(f"{mode}|{key(machine.id)}", chosen)

    def _note_starts(self, allowance_key: str, points: list[RestorePoint]) -> None:
        times = sorted([*self.allowance(allowance_key), *(point.started_at for point in points)])[-3:]
        if times:
            self.allowances.put(allowance_key, Allowance(tuple(times)))

    def dump(self, now: datetime) -> Json:
        """Return the estate's part; `state` and `finishedAt` of a restore point are those of this moment."""
        return {
            "virtualMachines": [row.as_json() for row in self.machines.values() if not row.gone(now)],
            "disks": [row.as_json() for row in self.disks.values() if not row.gone(now)],
            "restorePointCollections": [
                row.as_json() | {"restorePoints": [_shown(point, now) for point in self.points_in(row.id, now)]}
                for row in self.collections.values()
                if not row.gone(now)
            ],
            **{table.name: rows for table in self._documents() if (rows := [row.as_json() for row in table.values() if not row.gone(now)])},
            **{table.name: list(table.values()) for table in (self.limits, self.restrictions) if len(table)},
        }

    def attached(self, machine: VirtualMachine) -> list[tuple[int | None, Disk]]:
        """Return a machine's disks with their LUNs; that of the OS disk is None."""
        found = ((each.lun, self.disks.get(key(each.id))) for each in machine.disks)
        return [(lun, disk) for lun, disk in found if disk is not None]

    def points_of_machine(self, machine_id: str, now: datetime) -> Iterator[RestorePoint]:
        """Return a machine's restore points over all collections of it."""
        for collection in self.collections_of(machine_id, now):
            yield from self.points_in(collection.id, now)

    def _index_machine(self, row_key: str, old: VirtualMachine | None, new: VirtualMachine | None) -> None:
        for each in _belongings(old):
            self._attached_to.get(each, {}).pop(row_key, None)
        if new is not None:
            for each in _belongings(new):
                self._attached_to.setdefault(each, {})[row_key] = new

    def _index_collection(self, row_key: str, old: Collection | None, new: Collection | None) -> None:
        if old is not None:
            self._by_source.get(key(old.source), {}).pop(row_key, None)
        if new is not None:
            self._by_source.setdefault(key(new.source), {})[row_key] = new

    def _index_point(self, row_key: str, old: RestorePoint | None, new: RestorePoint | None) -> None:
        if old is not None:
            self._by_collection.get(collection_key(old.id), {}).pop(row_key, None)
            if old.source_point is not None:
                self._copies.get(key(old.source_point), {}).pop(row_key, None)
        if new is not None:
            self._by_collection.setdefault(collection_key(new.id), {})[row_key] = new
            if new.source_point is not None:
                self._copies.setdefault(key(new.source_point), {})[row_key] = new


def _belongings(machine: VirtualMachine | None) -> list[str]:
    if machine is None:
        return []
    ids = [*(each.id for each in machine.disks), *(each.id for each in machine.interfaces), machine.availability_set]
    return [key(each) for each in ids if each is not None]


def _shown(point: RestorePoint, now: datetime) -> Json:
    body = point.as_json()
    if point.ended_at() > now:
        body["finishedAt"] = None
    body["state"] = str(state_of(point, now))
    return body
