"""What Microsoft.Compute answers: bodies as in the REST specification (2024-07-01; disks 2024-03-02)."""

from collections.abc import Iterable
from datetime import datetime

from local.simulation.arm.tables import Json
from local.simulation.compute.machines import Disk, VirtualMachine
from local.simulation.compute.models import COLLECTION, DISK_POINT, MACHINE, POINT, Collection, PointDisk, RestorePoint
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
        "vmId": derived("vm", str(machine.get("id", ""))),
        "location": machine.get("location", ""),
        "hyperVGeneration": "V2",
    }
    if machine.get("securityType"):
        body["securityProfile"] = {"securityType": machine["securityType"]}
    return body


def _source_disk(row: RestorePoint, disk: PointDisk) -> Json:
    restore_point: Json = {"id": disk_point_id(row, disk), "encryption": {"type": _PLATFORM_KEY}}
    if disk.source_point is not None:
        restore_point["sourceDiskRestorePoint"] = {"id": disk.source_point}
    body: Json = {
        "name": name(disk.source_disk),
        "caching": "ReadWrite" if disk.lun is None else "None",
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
        properties |= {"osType": row.machine.get("osType", "Windows"), "hyperVGeneration": "V2"}
    if row.source_point is not None:
        state, percent = disk_state(row, disk, now)
        properties |= {
            "completionPercent": percent,
            "replicationState": _DISPLAY[state].replace(" ", ""),
            "sourceResourceLocation": row.machine.get("location", ""),
        }
    return {"id": disk_point_id(row, disk), "name": disk.name, "type": DISK_POINT, "properties": properties}


def disk(row: Disk, owners: list[str]) -> Json:
    """Return a `Disk`; `owners` are the ids of the virtual machines that it is attached to."""
    customer_key = row.disk_encryption_set is not None
    properties: Json = {
        "creationData": {"createOption": "FromImage" if row.os_type else "Empty"},
        "diskSizeGB": row.size_gb,
        "diskSizeBytes": row.size_gb * 2**30,
        "uniqueId": derived("disk", row.id),
        "provisioningState": "Succeeded",
        "diskState": "Attached" if owners else "Unattached",
        "encryption": {"type": "EncryptionAtRestWithCustomerKey" if customer_key else _PLATFORM_KEY}
        | ({"diskEncryptionSetId": row.disk_encryption_set} if customer_key else {}),
        "networkAccessPolicy": row.network_access,
        "publicNetworkAccess": "Enabled",
    }
    if row.os_type:
        properties |= {"osType": row.os_type, "hyperVGeneration": "V2"}
    if row.max_shares > 1:
        properties |= {"maxShares": row.max_shares, "shareInfo": [{"vmUri": each} for each in owners]}
    body: Json = {
        "id": row.id,
        "name": name(row.id),
        "type": "Microsoft.Compute/disks",
        "location": row.location,
        "tags": dict(row.tags),
        "sku": {"name": row.sku, "tier": row.sku.split("_", maxsplit=1)[0]},
        "properties": properties,
    }
    return body | ({"managedBy": owners[0]} if owners else {})


def machine(row: VirtualMachine, state: ComputeState, *, instance_view: bool = False) -> Json:
    """Return a `VirtualMachine`."""
    disks = state.attached(row)
    storage: Json = {"diskControllerType": "SCSI", "dataDisks": [_data_disk(lun, each) for lun, each in disks if lun is not None]}
    storage["osDisk"] = next((_os_disk(row, each) for lun, each in disks if lun is None), {"createOption": "FromImage"})
    properties: Json = {
        "vmId": derived("vm", row.id),
        "hardwareProfile": {"vmSize": row.size},
        "storageProfile": storage,
        "osProfile": {"computerName": name(row.id), "adminUsername": "azureuser"},
        "networkProfile": {"networkInterfaces": []},
        "provisioningState": "Succeeded",
    }
    if row.security_type:
        properties["securityProfile"] = {"securityType": row.security_type}
    if row.scale_set:
        properties["virtualMachineScaleSet"] = {
            "id": f"{row.id.rsplit('/', 2)[0]}/virtualMachineScaleSets/{name(row.id)}-{row.scale_set.lower()}"
        }
    if instance_view:
        properties["instanceView"] = machine_view(row)
    return {"id": row.id, "name": name(row.id), "type": MACHINE, "location": row.location, "tags": dict(row.tags), "properties": properties}


def machine_view(row: VirtualMachine) -> Json:
    """Return a `VirtualMachineInstanceView`."""
    ready = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Ready"}
    agent = ready if row.agent else {"code": "ProvisioningState/Unavailable", "level": "Warning", "displayStatus": "Not Ready"}
    return {
        "computerName": name(row.id),
        "hyperVGeneration": "V2",
        "vmAgent": {"vmAgentVersion": "2.7.41491.1095" if row.agent else "Unknown", "statuses": [agent]},
        "statuses": [
            {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"},
            {"code": f"PowerState/{row.power_state}", "level": "Info", "displayStatus": f"VM {row.power_state}"},
        ],
    }


def _os_disk(row: VirtualMachine, disk_row: Disk) -> Json:
    body = {
        "osType": row.os_type,
        "name": name(disk_row.id),
        "createOption": "FromImage",
        "caching": "ReadWrite",
        "diskSizeGB": disk_row.size_gb,
    }
    if disk_row.ephemeral:
        body |= {"diffDiskSettings": {"option": "Local", "placement": "CacheDisk"}, "caching": "ReadOnly"}
    return body | _managed(disk_row)


def _data_disk(lun: int, disk_row: Disk) -> Json:
    return {
        "lun": lun,
        "name": name(disk_row.id),
        "createOption": "Attach",
        "caching": "None",
        "diskSizeGB": disk_row.size_gb,
        "toBeDetached": False,
    } | _managed(disk_row)


def _managed(disk_row: Disk) -> Json:
    return {
        "managedDisk": {"id": disk_row.id, "storageAccountType": disk_row.sku},
        "writeAcceleratorEnabled": disk_row.write_accelerator,
    }
