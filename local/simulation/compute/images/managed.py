"""Managed images: made from a generalized machine, a disk, a snapshot or a blob; read and deleted."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from local.simulation.arm.call import Answer, Call, page
from local.simulation.arm.errors import ArmError, invalid_parameter, not_allowed, not_found
from local.simulation.arm.tables import Change, Json
from local.simulation.common import inputs
from local.simulation.common.activity import CREATING, UPDATING, Activity
from local.simulation.common.document import Document
from local.simulation.common.listing import within
from local.simulation.common.locks import check_locks, check_write_locks
from local.simulation.compute import operations
from local.simulation.compute.disks.disk import DISK, Disk
from local.simulation.compute.disks.sources import blob_size
from local.simulation.compute.models import MACHINE
from local.simulation.compute.state import ComputeState
from local.simulation.ids import key, name, resource_group

IMAGE = "Microsoft.Compute/images"
_DELETION = timedelta(seconds=5)
_STALLED = timedelta(days=365)
_PROTECTED = ("trustedlaunch", "confidentialvm")


def get_image(call: Call) -> Answer:
    """`Images_Get`."""
    return Answer(200, body(existing(call, call.path), call))


def list_images(call: Call) -> Answer:
    """`Images_List` and `Images_ListByResourceGroup`."""
    rows = [row for row in within(call, call.world.of(ComputeState).images.values()) if not row.gone(call.now)]
    return page(call, rows, lambda row: body(row, call))


def existing(call: Call, image_id: str) -> Document:
    """Return an image; raises `ArmError` 404."""
    found = call.world.of(ComputeState).images.get(key(image_id))
    if found is None or found.gone(call.now):
        raise not_found(IMAGE, name(image_id), resource_group(image_id))
    return found


def body(row: Document, call: Call) -> Json:
    """Return an `Image`."""
    state = "Deleting" if row.deleted_at is not None else row.provisioning_state(call.now)
    return {
        "id": row.id,
        "name": name(row.id),
        "type": IMAGE,
        "location": row.location,
        "tags": dict(row.tags),
        "properties": {**row.properties, "provisioningState": state},
    }


def put_image(call: Call) -> Answer:
    """`Images_CreateOrUpdate`."""
    check_write_locks(call, call.path)
    there = call.world.of(ComputeState).images.get(key(call.path))
    if there is not None and not there.gone(call.now):
        return _update(call, there)
    where, properties = inputs.location(call, IMAGE), inputs.inner(call.body, "properties")
    machine_id = inputs.reference(properties.get("sourceVirtualMachine"), "image.sourceVirtualMachine.id")
    storage = _of_machine(call, machine_id, where) if machine_id else _of_disks(call, properties, where)
    generation = storage.pop("generation", None)
    shown: Json = {"storageProfile": storage, "hyperVGeneration": properties.get("hyperVGeneration") or generation or "V1"}
    if machine_id:
        shown["sourceVirtualMachine"] = {"id": machine_id}
    lasts = timedelta(seconds=60 + int(storage["osDisk"].get("diskSizeGB", 1)))
    row = Document(id=call.path, location=where, properties=shown, tags=inputs.tags(call.body))
    return _begun(call, row, CREATING, lasts, 201)


def _update(call: Call, there: Document) -> Answer:
    inputs.check_same_location(call, name(there.id), there.location)
    if there.busy(call.now) or there.deleted_at is not None:
        raise ArmError(409, "Conflict", f"Another operation on the image '{name(there.id)}' is in progress.")
    given = inputs.inner(call.body, "properties")
    source = inputs.reference(given.get("sourceVirtualMachine"), "image.sourceVirtualMachine.id")
    disk = inputs.inner(given, "storageProfile", "osDisk")
    known = there.properties["storageProfile"]["osDisk"]
    members = ("managedDisk", "snapshot", "blobUri")
    if (source and key(source) != key(str((there.properties.get("sourceVirtualMachine") or {}).get("id")))) or any(
        str(disk[each]).lower() != str(known.get(each)).lower() for each in members if each in disk
    ):
        raise ArmError(
            409, "PropertyChangeNotAllowed", "Changing property 'image.storageProfile' is not allowed.", target="image.storageProfile"
        )
    return _begun(call, replace(there, tags=inputs.tags(call.body)), UPDATING, timedelta(seconds=5), 200)


def _begun(call: Call, row: Document, kind: str, lasts: timedelta, status: int) -> Answer:
    fault, error = call.fault, None
    if fault is not None and fault.kind == "failMachine":
        code = fault.text("code", "InternalExecutionError")
        error = {"code": code, "message": fault.text("message", f"The image could not be created: {code}.")}
    elif fault is not None and fault.kind == "stallMachine":
        lasts = _STALLED
    row = replace(row, activity=Activity(kind, call.now, call.now + lasts, error=error), revision=row.revision + 1)
    operation, headers = operations.accepted(call, row.location, lasts, error=error)
    changes = (Change(call.world.of(ComputeState).images, key(row.id), row), operation)
    return Answer(status, body(row, call), headers, changes, uses_faults=True)


def _of_machine(call: Call, machine_id: str, location: str) -> Json:
    state = call.world.of(ComputeState)
    machine = state.machine(machine_id, call.now)
    if machine is None:
        raise not_found(MACHINE, name(machine_id), resource_group(machine_id))
    _check_source(machine.location, location, machine.security_type, name(machine.id))
    if not machine.generalized:
        raise not_allowed(
            f"Cannot create an image from the virtual machine '{name(machine.id)}': it is not generalized.", "sourceVirtualMachine"
        )
    disks = state.attached(machine)
    if any(disk.ephemeral for _, disk in disks):
        raise not_allowed(
            f"The virtual machine '{name(machine.id)}' has an ephemeral OS disk: no image can be created.", "sourceVirtualMachine"
        )
    data = [{"lun": lun, **_part(disk)} for lun, disk in disks if lun is not None]
    system = next(disk for lun, disk in disks if lun is None)
    operating: Json = {"osType": machine.os_type, "osState": "Generalized", **_part(system)}
    return {"osDisk": operating, "dataDisks": data, "zoneResilient": False, "generation": machine.generation}


def _part(disk: Disk) -> Json:
    return {"managedDisk": {"id": disk.id}, "diskSizeGB": disk.size_gb, "storageAccountType": "Standard_LRS", "caching": "ReadWrite"}


def _of_disks(call: Call, properties: Mapping[str, Any], location: str) -> Json:
    given = inputs.inner(properties, "storageProfile", "osDisk")
    if given.get("osType") not in ("Windows", "Linux"):
        raise invalid_parameter(
            "Required parameter 'image.storageProfile.osDisk.osType' is missing (null).", "image.storageProfile.osDisk.osType"
        )
    if given.get("osState") != "Generalized":
        raise invalid_parameter(
            "Only images of a generalized operating system are supported: 'osState' must be 'Generalized'.",
            "image.storageProfile.osDisk.osState",
        )
    system: Json = {member: given[member] for member in ("osType", "osState", "caching", "storageAccountType") if member in given}
    of, generation = _source_of(call, given, location)
    return {"osDisk": system | of, "dataDisks": [], "zoneResilient": False, "generation": generation}


def _source_of(call: Call, given: Mapping[str, Any], location: str) -> tuple[Json, str | None]:
    state, where = call.world.of(ComputeState), "image.storageProfile.osDisk"
    disk_id, snapshot_id = (inputs.reference(given.get(member), f"{where}.{member}.id") for member in ("managedDisk", "snapshot"))
    if sum(each is not None for each in (disk_id, snapshot_id, given.get("blobUri"))) != 1:
        raise invalid_parameter("Exactly one of 'managedDisk', 'snapshot' and 'blobUri' is required.", where)
    if disk_id is not None:
        disk = state.disk(disk_id, call.now)
        if disk is None:
            raise not_found(DISK, name(disk_id), resource_group(disk_id))
        _check_source(disk.location, location, disk.security_type, name(disk.id))
        for owner in state.attached_to(disk.id, call.now):
            if owner.power(call.now) == "running":
                raise not_allowed(f"Disk '{name(disk.id)}' is attached to the running VM '{owner.id}'.", f"{where}.managedDisk.id")
        return {"managedDisk": {"id": disk.id}, "diskSizeGB": disk.size_gb}, disk.generation
    if snapshot_id is not None:
        snapshot = state.snapshots.get(key(snapshot_id))
        if snapshot is None:
            raise not_found("Microsoft.Compute/snapshots", name(snapshot_id), resource_group(snapshot_id))
        _check_source(snapshot.location, location, None, name(snapshot.id))
        size = snapshot.properties.get("diskSizeGB", 1)
        return {"snapshot": {"id": snapshot.id}, "diskSizeGB": size}, snapshot.properties.get("hyperVGeneration")
    uri = str(given["blobUri"])
    return {"blobUri": uri, "diskSizeGB": blob_size(call, uri, None, f"{where}.blobUri")}, None


def _check_source(there: str, location: str, security_type: str | None, source: str) -> None:
    if there != location:
        raise invalid_parameter(f"The image must be in the region of its source '{source}': '{there}', not '{location}'.", "location")
    if (security_type or "").lower() in _PROTECTED:
        raise not_allowed(f"Managed images of {security_type} are not supported: '{source}'. Use a gallery image.", "image.storageProfile")


def delete_image(call: Call) -> Answer:
    """`Images_Delete`."""
    found = call.world.of(ComputeState).images.get(key(call.path))
    if found is None or found.gone(call.now):
        return Answer(204)
    check_locks(call, found.id)
    operation, headers = operations.accepted(call, found.location, _DELETION)
    row = replace(found, deleted_at=found.deleted_at or call.now + _DELETION)
    return Answer(202, None, headers, (Change(call.world.of(ComputeState).images, key(row.id), row), operation))
