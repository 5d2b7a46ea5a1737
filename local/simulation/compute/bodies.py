"""What Microsoft.Compute answers: bodies as in the REST specification (2024-07-01; disks 2024-03-02)."""

from collections.abc import Iterable
from datetime import datetime

from local.simulation.arm.tables import Json
from local.simulation.compute.models import COLLECTION, DISK_POINT, POINT, Collection, PointDisk, RestorePoint
from local.simulation.compute.replication import State, disk_state, state_of
from local.simulation.compute.state import ComputeState
from local.simulation.ids import derived, key, name
from local.simulation.times import to_text

_PLATFORM_KEY = "EncryptionAtRestWithPlatformKey"


def collection(row: Collection, state: ComputeState, now: datetime, points: Iterable[RestorePoint] | None = None) -> Json:
    """Return a `RestorePointCollection`; with `points` it carries them, without their instance views."""
    source = state.collections.get(key(row.source)) or state.machines.get(key(row.source))
    properties: Json = {
        "source": {"id": row.source} | ({"location": source.location} if source else {}),
        "provisioningState": "Succeeded" if row.deleted_at is None else "Deleting",
        "restorePointCollectionId": row.unique_id,
    }
    if points is not None:
        properties["restorePoints"] = [point(each, now) for each in points]
    return {
        "id": row.id,
        "name": name(row.id),
        "type": COLLECTION,
        "location": row.location,
        "tags": dict(row.tags),
        "properties": properties,
    }


def provisioning_state(row: RestorePoint, now: datetime) -> str:
    """Return `Creating`, `Succeeded`, `Failed` or `Deleting`. A copy that has started is `Succeeded`, whatever becomes of it."""
    if row.deleted_at is not None:
        return "Deleting"
    if now < row.ready_at:
        return "Creating"
    return "Succeeded" if row.error is None else "Failed"


def point(row: RestorePoint, now: datetime, *, instance_view: bool = False, state: str | None = None) -> Json:
    """Return a `RestorePoint`; `state` overrides its provisioning state in the answer to its creation."""
    properties: Json = {
        "provisioningState": state or provisioning_state(row, now),
        "consistencyMode": row.consistency_mode,
        "timeCreated": to_text(row.time_created),
        "sourceMetadata": _metadata(row),
    }
    if row.source_point is not None:
        properties["sourceRestorePoint"] = {"id": row.source_point}
    if row.excluded:
        properties["excludeDisks"] = [{"id": each} for each in row.excluded]
    if instance_view:
        properties["instanceView"] = _instance_view(row, now)
    return {"id": row.id, "name": name(row.id), "type": POINT, "properties": properties}


def _metadata(row: RestorePoint) -> Json:
    machine = row.machine
    storage: Json = {"dataDisks": [_source_disk(row, disk) for disk in row.disks if disk.lun is not None], "diskControllerType": "SCSI"}
    for disk in row.disks:
        if disk.lun is None:
            storage["osDisk"] = {"osType": machine.get("osType", "Windows")} | _source_disk(row, disk)
    body: Json = {
        "hardwareProfile": {"vmSize": machine.get("size", "Standard_D2s_v3")},
        "storageProfile": storage,
        "osProfile": {"computerName": machine.get("computerName", ""), "adminUsername": "azureuser"},
        "vmId": machine.get("vmId") or derived("vm", str(machine.get("id", ""))),
        "location": machine.get("location", ""),
        "hyperVGeneration": machine.get("generation", "V2"),
    }
    if machine.get("licenseType"):
        body["licenseType"] = machine["licenseType"]
    if machine.get("securityType"):
        body["securityProfile"] = {"securityType": machine["securityType"]}
    return body


def _source_disk(row: RestorePoint, disk: PointDisk) -> Json:
    restore_point: Json = {"id": disk_point_id(row, disk), "encryption": {"type": _PLATFORM_KEY}}
    if disk.source_point is not None:
        restore_point["sourceDiskRestorePoint"] = {"id": disk.source_point}
    body: Json = {
        "name": name(disk.source_disk),
        "caching": (row.machine.get("caching") or {}).get(str(disk.lun), "ReadWrite" if disk.lun is None else "None"),
        "diskSizeGB": disk.size_gb,
        "managedDisk": {"id": disk.source_disk, "storageAccountType": disk.sku},
        "diskRestorePoint": restore_point,
        "writeAcceleratorEnabled": False,
    }
    return body if disk.lun is None else {"lun": disk.lun, **body}


_LEVELS = {State.FAILED: "Error"}
_DISPLAY = {State.IN_PROGRESS: "In progress", State.SUCCEEDED: "Succeeded", State.FAILED: "Failed"}


def _status(prefix: str, state: State) -> Json:
    return {"code": f"{prefix}/{state}", "level": _LEVELS.get(state, "Info"), "displayStatus": _DISPLAY[state]}


def _instance_view(row: RestorePoint, now: datetime) -> Json:
    disks: list[Json] = []
    for disk in row.disks:
        state, percent = disk_state(row, disk, now)
        disks.append(
            {
                "id": disk_point_id(row, disk),
                "replicationStatus": {"status": _status("ReplicationState", state), "completionPercent": percent},
            }
        )
    return {"statuses": [_status("ReplicationState", state_of(row, now))], "diskRestorePoints": disks}


def disk_point_id(row: RestorePoint, disk: PointDisk) -> str:
    """Return the ARM id of a disk restore point."""
    return f"{row.id}/diskRestorePoints/{disk.name}"


def disk_point(row: RestorePoint, disk: PointDisk, now: datetime) -> Json:
    """Return a `DiskRestorePoint`."""
    properties: Json = {
        "timeCreated": to_text(row.time_created),
        "sourceResourceId": disk.source_point or disk.source_disk,
        "familyId": derived("family", disk.source_disk),
        "sourceUniqueId": derived("disk", disk.source_disk),
        "encryption": {"type": _PLATFORM_KEY},
        "networkAccessPolicy": disk.network_access,
        "publicNetworkAccess": "Enabled",
    }
    if disk.lun is None:
        properties |= {"osType": row.machine.get("osType", "Windows"), "hyperVGeneration": row.machine.get("generation", "V2")}
        if row.machine.get("securityType"):
            properties["securityProfile"] = {"securityType": row.machine["securityType"]}
    if row.source_point is not None:
        state, percent = disk_state(row, disk, now)
        properties |= {
            "completionPercent": percent,
            "replicationState": _DISPLAY[state].replace(" ", ""),
            "sourceResourceLocation": row.machine.get("location", ""),
        }
    return {"id": disk_point_id(row, disk), "name": disk.name, "type": DISK_POINT, "properties": properties}
