"""Restore point collections, restore points and their disks, as the estate holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.simulation.arm.tables import Json
from local.simulation.ids import derived, is_type, key, name
from local.simulation.times import moment, text_or_none, to_text

COLLECTION = "Microsoft.Compute/restorePointCollections"
POINT = "Microsoft.Compute/restorePointCollections/restorePoints"
DISK_POINT = "Microsoft.Compute/restorePointCollections/restorePoints/diskRestorePoints"
MACHINE = "Microsoft.Compute/virtualMachines"


@dataclass(frozen=True, slots=True)
class Collection:
    """A restore point collection of a virtual machine, or (a *target*) of another collection.

    `source` is kept as it was sent. `newest_source` is the time of the newest source point whose copy has started: an older one
    cannot follow any more. `base_lost`: the first, full restore point was deleted, so the next copy is full again.
    """

    id: str
    location: str
    source: str
    tags: Mapping[str, str] = field(default_factory=dict)
    newest_source: datetime | None = None
    base_lost: bool = False
    deleted_at: datetime | None = None

    @property
    def is_target(self) -> bool:
        """Whether it takes copies rather than restore points of a machine."""
        return is_type(self.source, COLLECTION)

    @property
    def unique_id(self) -> str:
        """The `restorePointCollectionId` that Azure gives a collection."""
        return derived("collection", self.id)

    def gone(self, now: datetime) -> bool:
        """Whether its deletion has ended."""
        return self.deleted_at is not None and self.deleted_at <= now

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "Collection":
        """Read a collection of the estate, without its restore points; `source` is an id, or an object with one."""
        source = body["source"]
        return Collection(
            id=str(body["id"]),
            location=str(body["location"]).lower(),
            source=str(source if isinstance(source, str) else source["id"]),
            tags=dict(body.get("tags") or {}),
            newest_source=moment(body, "newestSource"),
            base_lost=bool(body.get("baseLost", False)),
            deleted_at=moment(body, "deletedAt"),
        )

    def as_json(self) -> Json:
        """Write a collection as the estate has it, without its restore points."""
        body: Json = {"id": self.id, "location": self.location, "source": self.source}
        if self.tags:
            body["tags"] = dict(self.tags)
        if self.newest_source is not None:
            body["newestSource"] = to_text(self.newest_source)
        if self.base_lost:
            body["baseLost"] = True
        if self.deleted_at is not None:
            body["deletedAt"] = to_text(self.deleted_at)
        return body


@dataclass(frozen=True, slots=True)
class PointDisk:
    """A disk restore point; `lun` None is the OS disk.

    `ends_at` is when its replication ends (None: it is not a copy): well, or with `fails`. `total_minutes` is what its percent is
    reckoned by; a stalled one stays at `stall_percent`. `sas_until` is the end of the access that was granted last.
    """

    name: str
    source_disk: str
    lun: int | None = None
    size_gb: int = 64
    sku: str = "Premium_LRS"
    network_access: str = "AllowAll"
    source_point: str | None = None
    copy_minutes: float | None = None
    coarse: bool | None = None
    total_minutes: float = 0.0
    ends_at: datetime | None = None
    fails: bool = False
    stall_percent: int | None = None
    sas_until: datetime | None = None

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "PointDisk":
        """Read a disk of a restore point of the estate; `id` or `name`, and `sourceDisk`, must be there."""
        minutes = body.get("copyMinutes")
        return PointDisk(
            name=str(body.get("name") or name(str(body["id"]))),
            source_disk=str(body["sourceDisk"]),
            lun=body.get("lun"),
            size_gb=int(body.get("sizeGB", 64)),
            sku=str(body.get("sku", "Premium_LRS")),
            network_access=str(body.get("networkAccessPolicy", "AllowAll")),
            source_point=body.get("sourceDiskRestorePoint"),
            copy_minutes=None if minutes is None else float(minutes),
            coarse=body.get("coarse"),
            total_minutes=float(body.get("totalMinutes", 0.0)),
            ends_at=moment(body, "endsAt"),
            fails=bool(body.get("fails", False)),
            stall_percent=body.get("stallPercent"),
            sas_until=moment(body, "sasUntil"),
        )

    def as_json(self, point_id: str) -> Json:
        """Write it as the estate has it."""
        body: Json = {
            "id": f"{point_id}/diskRestorePoints/{self.name}",
            "name": self.name,
            "sourceDisk": self.source_disk,
            "lun": self.lun,
            "sizeGB": self.size_gb,
            "sku": self.sku,
        }
        optional = {
            "networkAccessPolicy": None if self.network_access == "AllowAll" else self.network_access,
            "sourceDiskRestorePoint": self.source_point,
            "copyMinutes": self.copy_minutes,
            "coarse": self.coarse,
            "totalMinutes": self.total_minutes or None,
            "endsAt": text_or_none(self.ends_at),
            "fails": self.fails or None,
            "stallPercent": self.stall_percent,
            "sasUntil": text_or_none(self.sas_until),
        }
        return body | {member: value for member, value in optional.items() if value is not None}


@dataclass(frozen=True, slots=True)
class RestorePoint:
    """A restore point: of a machine, or (with `source_point`) a copy of another one.

    `time_created` of a copy is its source's (Microsoft documents both).
    `started_at` is when Azure took the PUT; `ready_at` when the provisioning ends, with `error` (code, message) if it fails; `coarse`
    copies show only 0 and 100.
    """

    id: str
    time_created: datetime
    started_at: datetime
    ready_at: datetime
    disks: tuple[PointDisk, ...]
    machine: Mapping[str, Any]
    consistency_mode: str = "ApplicationConsistent"
    source_point: str | None = None
    excluded: tuple[str, ...] = ()
    coarse: bool = False
    deleted_at: datetime | None = None
    error: Mapping[str, Any] | None = None

    def gone(self, now: datetime) -> bool:
        """Whether its deletion has ended."""
        return self.deleted_at is not None and self.deleted_at <= now

    def ended_at(self) -> datetime:
        """When its replication ends, well or not: with its last disk, or with the first that fails. Of a machine's point: its start."""
        if self.error is not None:
            return self.ready_at
        failures = [disk.ends_at for disk in self.disks if disk.fails and disk.ends_at is not None]
        ends = [disk.ends_at for disk in self.disks if disk.ends_at is not None]
        return min(failures) if failures else max(ends, default=self.ready_at)

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "RestorePoint":
        """Read a restore point that is complete (see `estate.py` for one that is not)."""
        created = moment(body, "timeCreated") or datetime.now(UTC)
        started = moment(body, "startedAt") or created
        return RestorePoint(
            id=str(body["id"]),
            time_created=created,
            started_at=started,
            ready_at=moment(body, "readyAt") or started,
            disks=tuple(PointDisk.from_json(item) for item in body["disks"]),
            machine=dict(body.get("machine") or {}),
            consistency_mode=str(body.get("consistencyMode", "ApplicationConsistent")),
            source_point=body.get("sourceRestorePoint"),
            excluded=tuple(str(item) for item in body.get("excludeDisks") or []),
            coarse=bool(body.get("coarse", False)),
            deleted_at=moment(body, "deletedAt"),
            error=body.get("error"),
        )

    def as_json(self) -> Json:
        """Write it as the estate has it; `finishedAt` is when its replication ends, also where that lies ahead."""
        body: Json = {
            "id": self.id,
            "timeCreated": to_text(self.time_created),
            "startedAt": to_text(self.started_at),
            "readyAt": to_text(self.ready_at),
            "finishedAt": to_text(self.ended_at()),
            "consistencyMode": self.consistency_mode,
            "machine": dict(self.machine),
            "disks": [disk.as_json(self.id) for disk in self.disks],
        }
        optional = {
            "sourceRestorePoint": self.source_point,
            "excludeDisks": list(self.excluded) or None,
            "coarse": self.coarse or None,
            "deletedAt": text_or_none(self.deleted_at),
            "error": None if self.error is None else dict(self.error),
        }
        return body | {member: value for member, value in optional.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Allowance:
    """The last moments at which Azure took what it allows three times an hour."""

    times: tuple[datetime, ...]

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "Allowance":
        """Read it from the store."""
        return Allowance(tuple(datetime.fromisoformat(str(item)) for item in body["times"]))

    def as_json(self) -> Json:
        """Write it for the store."""
        return {"times": [to_text(item) for item in self.times]}


@dataclass(frozen=True, slots=True)
class Operation:
    """A long-running operation: when it ends, what its end answers (`resource`: in its state then)."""

    id: str
    subscription_id: str
    location: str
    started_at: datetime
    ends_at: datetime
    resource: str | None = None
    output: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "Operation":
        """Read it from the store."""
        started = moment(body, "startedAt") or datetime.now(UTC)
        return Operation(
            id=str(body["id"]),
            subscription_id=str(body["subscriptionId"]),
            location=str(body["location"]),
            started_at=started,
            ends_at=moment(body, "endsAt") or started,
            resource=body.get("resource"),
            output=body.get("output"),
            error=body.get("error"),
        )

    def as_json(self) -> Json:
        """Write it for the store."""
        return {
            "id": self.id,
            "subscriptionId": self.subscription_id,
            "location": self.location,
            "startedAt": to_text(self.started_at),
            "endsAt": to_text(self.ends_at),
            "resource": self.resource,
            "output": None if self.output is None else dict(self.output),
            "error": None if self.error is None else dict(self.error),
        }


def collection_key(point_id: str) -> str:
    """Return the key of the collection that holds a restore point."""
    return key(point_id).rsplit("/", 2)[0]
