"""What an estate may leave out, filled in: disks that only a machine names, and most of a restore point."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from local.simulation.arm.tables import Json
from local.simulation.compute.disks.disk import Disk
from local.simulation.compute.machines import VirtualMachine, disk_id
from local.simulation.compute.models import PointDisk, RestorePoint
from local.simulation.compute.replication import scheduled
from local.simulation.ids import derived, key, name
from local.simulation.times import moment

#: Members of a machine's disk that belong to its attachment, not to the disk.
_OF_ATTACHMENT = ("name", "lun", "caching", "deleteOption", "createOption")


def completed_disks(estate: Mapping[str, Any]) -> list[Json]:
    """Return every disk of an estate: those of its list, and those that only a virtual machine names."""
    found: dict[str, Json] = {key(str(item["id"])): dict(item) for item in estate.get("disks", [])}
    for machine in estate.get("virtualMachines", []):
        for index, item in enumerate(machine["disks"]):
            full_id = disk_id(item, str(machine["id"]))
            body = found.setdefault(key(full_id), {"location": machine["location"]})
            if isinstance(item, Mapping):
                body.update({member: value for member, value in item.items() if member not in _OF_ATTACHMENT})
            body["id"] = full_id
            if index == 0:
                body.setdefault("osType", machine.get("osType", "Windows"))
    for body in found.values():
        if "location" not in body:
            raise KeyError("location")
    return list(found.values())


def captured(point_id: str, disks: Sequence[tuple[int | None, Disk]]) -> tuple[PointDisk, ...]:
    """Return the disk restore points of a machine's disks, each with its LUN (None: the OS disk)."""
    return tuple(
        PointDisk(
            name=f"{name(disk.id)}_{derived('diskRestorePoint', point_id, disk.id)}",
            source_disk=disk.id,
            lun=lun,
            size_gb=disk.size_gb,
            sku=disk.sku,
            network_access=disk.network_access,
            copy_minutes=disk.copy_minutes,
            coarse=disk.coarse,
        )
        for lun, disk in disks
    )


def copied(point_id: str, source: RestorePoint) -> tuple[PointDisk, ...]:
    """Return the disk restore points of a copy, before their replication is laid down."""
    return tuple(
        replace(
            disk,
            name=f"{name(disk.source_disk)}_{derived('diskRestorePoint', point_id, disk.source_disk)}",
            source_point=f"{source.id}/diskRestorePoints/{disk.name}",
            sas_until=None,
        )
        for disk in source.disks
    )


def _completed_disks_of_point(given: Sequence[Any], made: tuple[PointDisk, ...], point_id: str) -> list[Json]:
    """Return the disks of a restore point: what is given for each, in order, over the values of its machine or its source."""
    if not given and not made:
        provider, _, _ = point_id.partition("/restorePointCollections/")
        made = (PointDisk(name="os", source_disk=f"{provider}/disks/{name(point_id)}-os"),)
    bodies = [disk.as_json(point_id) for disk in made]
    for index, item in enumerate(given):
        own = dict(item) if isinstance(item, Mapping) else {"id": str(item)}
        if index >= len(bodies):
            bodies.append({"sourceDisk": own.get("id", f"disk{index}"), "lun": index - 1 if index else None})
        elif "sourceDisk" not in own:
            own.pop("id", None)
        bodies[index] |= own
    return bodies[: len(given)] if given else bodies


def completed_point(
    body: Mapping[str, Any],
    machine: VirtualMachine | None,
    disks: Sequence[tuple[int | None, Disk]],
    source: RestorePoint | None,
    *,
    now: datetime,
    seed: int,
) -> RestorePoint:
    """Return a restore point of an estate with everything that it leaves out."""
    full: Json = dict(body)
    full.setdefault("timeCreated", source.as_json()["timeCreated"] if source else now.isoformat())
    if not full.get("machine"):
        full["machine"] = machine.snapshot() if machine else dict(source.machine) if source else {}
    if source is not None:
        full.setdefault("consistencyMode", source.consistency_mode)
    if full.get("sourceRestorePoint") is None:
        full.setdefault("readyAt", full.get("finishedAt"))  # nothing is replicated: a machine's own point is finished when it is made
    point_id = str(full["id"])
    given = _completed_disks_of_point(full.get("disks") or [], copied(point_id, source) if source else captured(point_id, disks), point_id)
    point = RestorePoint.from_json(full | {"disks": given})
    if point.source_point is None or all(disk.ends_at is not None for disk in point.disks):
        return point
    chance = random.Random(f"{seed}:{point_id}")  # noqa: S311  # chance that can be repeated, not a secret
    planned = scheduled(point.disks, point.started_at, chance, full=True, fate=None)
    finished = moment(full, "finishedAt")
    if finished is not None:
        minutes = (finished - point.started_at).total_seconds() / 60
        planned = tuple(replace(disk, ends_at=finished, total_minutes=minutes, fails=False) for disk in planned)
    return replace(point, disks=planned)
