"""What Microsoft.Compute answers of virtual machines: bodies as in the REST specification (2024-07-01; the ETag as in 2024-11-01)."""

from collections.abc import Iterable
from datetime import datetime

from local.simulation.arm.tables import Json
from local.simulation.compute.disks.disk import Disk
from local.simulation.compute.machines import AttachedDisk, VirtualMachine
from local.simulation.compute.models import MACHINE
from local.simulation.compute.state import ComputeState
from local.simulation.ids import key, name
from local.simulation.times import to_text

#: Members of a machine beside its properties that are kept as they were sent.
BESIDE = ("plan", "identity", "managedBy", "extendedLocation")
_DISPLAYED = {"Creating": "Creating", "Updating": "Updating", "Deleting": "Deleting"}


def machine(row: VirtualMachine, state: ComputeState, now: datetime, *, instance_view: bool = False, made: Iterable[Disk] = ()) -> Json:
    """Return a `VirtualMachine`; `made` are disks that the state does not have yet."""
    further = {member: value for member, value in row.further.items() if member not in BESIDE}
    properties: Json = {
        **further,
        "vmId": row.vm_id,
        "hardwareProfile": {"vmSize": row.size},
        "storageProfile": storage_profile(row, state, made),
        "networkProfile": {
            "networkInterfaces": [
                {"id": each.id, "properties": {"primary": each.primary, "deleteOption": each.delete_option}} for each in row.interfaces
            ]
        },
        "provisioningState": row.provisioning_state(now),
    }
    profile = os_profile(row)
    if profile is not None:
        properties["osProfile"] = profile
    if row.security_type:
        properties["securityProfile"] = dict(further.get("securityProfile") or {}) | {"securityType": row.security_type}
    if row.availability_set:
        properties["availabilitySet"] = {"id": row.availability_set}
    if row.created_at is not None:
        properties["timeCreated"] = to_text(row.created_at)
    if row.scale_set:
        properties["virtualMachineScaleSet"] = {
            "id": f"{row.id.rsplit('/', 2)[0]}/virtualMachineScaleSets/{name(row.id)}-{row.scale_set.lower()}"
        }
    if instance_view:
        properties["instanceView"] = machine_view(row, now)
    body: Json = {
        "id": row.id,
        "name": name(row.id),
        "type": MACHINE,
        "location": row.location,
        "tags": dict(row.tags),
        "etag": row.etag,
        "properties": properties,
    }
    if row.zones:
        body["zones"] = list(row.zones)
    return body | {member: row.further[member] for member in BESIDE if member in row.further}


def state_only(row: VirtualMachine, now: datetime) -> Json:
    """Return a machine as a list with `statusOnly` has it."""
    properties = {"vmId": row.vm_id, "provisioningState": row.provisioning_state(now), "instanceView": machine_view(row, now)}
    return {"id": row.id, "name": name(row.id), "type": MACHINE, "location": row.location, "properties": properties}


def os_profile(row: VirtualMachine) -> Json | None:
    """Return the `osProfile`, without a password; None of a machine that was made from a specialized disk."""
    if row.os_profile is None and row.created_at is not None:
        return None
    return {"computerName": name(row.id), "adminUsername": "azureuser"} | dict(row.os_profile or {})


def storage_profile(row: VirtualMachine, state: ComputeState, made: Iterable[Disk] = ()) -> Json:
    """Return the `storageProfile`; LUNs that are being detached are no longer in it."""
    new = {key(disk.id): disk for disk in made}
    found = [(each, new.get(key(each.id)) or state.disks.get(key(each.id))) for each in row.disks]
    storage: Json = {"diskControllerType": "SCSI"}
    storage["dataDisks"] = [_data_disk(each, disk) for each, disk in found if each.lun is not None and disk is not None]
    storage["osDisk"] = next(
        (_os_disk(row, each, disk) for each, disk in found if each.lun is None and disk is not None), {"createOption": "FromImage"}
    )
    if row.image is not None:
        storage["imageReference"] = dict(row.image)
    return storage


def machine_view(row: VirtualMachine, now: datetime) -> Json:
    """Return a `VirtualMachineInstanceView`."""
    power, state, failure = row.power(now), row.provisioning_state(now), row.activity.failure(now) if row.activity else None
    provisioning: Json = {
        "code": f"ProvisioningState/{state.lower()}" + (f"/{failure['code']}" if failure else ""),
        "level": "Error" if failure else "Info",
        "displayStatus": "Provisioning failed" if failure else _DISPLAYED.get(state, "Provisioning succeeded"),
    }
    if failure:
        provisioning["message"] = failure["message"]
    if row.activity is not None:
        provisioning["time"] = to_text(row.activity.changed_at(now))
    statuses = [provisioning]
    if row.generalized:
        statuses.append({"code": "OSState/generalized", "level": "Info", "displayStatus": "VM generalized"})
    if row.hibernated:
        statuses.append({"code": "HibernationState/Hibernated", "level": "Info", "displayStatus": "VM hibernated"})
    if power is not None:
        statuses.append({"code": f"PowerState/{power}", "level": "Info", "displayStatus": f"VM {power}"})
    body: Json = {"statuses": statuses, "hyperVGeneration": row.generation}
    if power in ("running", "starting"):
        body |= {"computerName": (row.os_profile or {}).get("computerName", name(row.id)), "vmAgent": _agent(row, now)}
    if row.availability_set:
        body |= {"platformUpdateDomain": row.update_domain, "platformFaultDomain": row.fault_domain}
    return body


def _agent(row: VirtualMachine, now: datetime) -> Json:
    ready = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Ready", "message": "GuestAgent is running."}
    waits = {"code": "ProvisioningState/Unavailable", "level": "Warning", "displayStatus": "Not Ready"}
    works = row.agent and not row.busy(now) and (row.activity is None or row.activity.failure(now) is None)
    return {"vmAgentVersion": "2.7.41491.1095" if works else "Unknown", "statuses": [ready if works else waits]}


def _os_disk(row: VirtualMachine, attached: AttachedDisk, disk: Disk) -> Json:
    body: Json = {
        "osType": row.os_type,
        "name": name(disk.id),
        "createOption": attached.create_option,
        "caching": attached.caching,
        "diskSizeGB": disk.size_gb,
        "deleteOption": attached.delete_option,
    }
    if disk.ephemeral:
        body |= {"diffDiskSettings": {"option": "Local", "placement": "CacheDisk"}, "caching": "ReadOnly"}
    return body | _managed(disk)


def _data_disk(attached: AttachedDisk, disk: Disk) -> Json:
    return {
        "lun": attached.lun,
        "name": name(disk.id),
        "createOption": attached.create_option,
        "caching": attached.caching,
        "diskSizeGB": disk.size_gb,
        "deleteOption": attached.delete_option,
        "toBeDetached": False,
    } | _managed(disk)


def _managed(disk: Disk) -> Json:
    return {
        "managedDisk": {"id": disk.id, "storageAccountType": disk.sku},
        "writeAcceleratorEnabled": disk.write_accelerator,
    }
