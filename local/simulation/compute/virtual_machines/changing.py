"""A machine changed: by a PUT of an existing one, by PATCH, by attaching and detaching data disks."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from local.simulation.arm.call import Answer, Call
from local.simulation.arm.errors import ArmError, invalid_parameter, not_allowed, not_found
from local.simulation.arm.tables import Change, Json
from local.simulation.common import conditions, inputs
from local.simulation.common.activity import RESTART, UPDATING, Activity
from local.simulation.common.locks import check_write_locks
from local.simulation.compute import operations
from local.simulation.compute.disks.disk import Disk
from local.simulation.compute.disks.making import grown
from local.simulation.compute.machines import AttachedDisk, VirtualMachine
from local.simulation.compute.models import MACHINE
from local.simulation.compute.sizes import usages
from local.simulation.compute.sizes.catalogue import find, usable
from local.simulation.compute.state import ComputeState
from local.simulation.compute.virtual_machines import storage
from local.simulation.compute.virtual_machines.bodies import machine, storage_profile
from local.simulation.compute.virtual_machines.interfaces import attached_interfaces
from local.simulation.ids import key, name, parent, subscription

#: How long a disk is being detached.
DETACHING = timedelta(seconds=30)
_LASTS = timedelta(seconds=10)


def existing(call: Call, machine_id: str) -> VirtualMachine:
    """Return a machine; raises `ArmError` 404."""
    found = call.world.of(ComputeState).machine(machine_id, call.now)
    if found is None:
        raise not_found(MACHINE, name(machine_id), call.names[1])
    return found


def check_idle(row: VirtualMachine, call: Call, action: str) -> None:
    """Refuse a change of a machine that is being deleted, or that another operation changes."""
    if row.deleted_at is not None:
        raise not_allowed(
            f"Operation '{action}' is not allowed on VM '{name(row.id)}' since the VM is marked for deletion. You can only retry the "
            "Delete operation (or wait for an ongoing one to complete)."
        )
    if row.busy(call.now):
        raise ArmError(
            409,
            "Conflict",
            "The request failed due to conflict with a concurrent request. To resolve it, please refer to https://aka.ms/activitylog to "
            f"get more details on the conflicting requests: another operation on '{name(row.id)}' is in progress.",
        )


def patch_machine(call: Call) -> Answer:
    """`VirtualMachines_Update`."""
    check_write_locks(call, call.path)
    there = existing(call, call.path)
    conditions.check(call, there.etag)
    return _change(call, there, whole=False)


def put(call: Call, there: VirtualMachine) -> Answer:
    """`VirtualMachines_CreateOrUpdate` of a machine that exists."""
    inputs.check_same_location(call, name(there.id), there.location)
    return _change(call, there, whole=True)


def _change(call: Call, there: VirtualMachine, *, whole: bool) -> Answer:
    check_idle(there, call, "write")
    properties = inputs.inner(call.body, "properties")
    _check_fixed(there, properties, call)
    row = replace(there, tags=inputs.tags(call.body) if whole or "tags" in call.body else there.tags)
    row, made = _with_properties(call, row, properties)
    changes = [Change(call.world.of(ComputeState).disks, key(disk.id), disk) for disk in made]
    changes += detached(call, there, row) + _resized_system(call, row, properties)
    restarts = there.power(call.now) == "running" and (row.size != there.size or row.disks[0].caching != there.disks[0].caching)
    return _begun(call, row, changes, made, UPDATING if not restarts else RESTART)


def _with_properties(call: Call, row: VirtualMachine, properties: Mapping[str, Any]) -> tuple[VirtualMachine, tuple[Disk, ...]]:
    size_name = inputs.inner(properties, "hardwareProfile").get("vmSize")
    if size_name is not None and str(size_name).lower() != row.size.lower():
        row = _resized(call, row, str(size_name))
    profile = inputs.inner(properties, "storageProfile")
    made: tuple[Disk, ...] = ()
    system = inputs.inner(profile, "osDisk")
    if system:
        first = row.disks[0]
        caching = storage.choice(system.get("caching"), ("None", "ReadOnly", "ReadWrite"), first.caching, "osDisk.caching")
        option = storage.choice(system.get("deleteOption"), ("Delete", "Detach"), first.delete_option, "osDisk.deleteOption")
        row = replace(row, disks=(replace(first, caching=caching, delete_option=option), *row.disks[1:]))
    if "dataDisks" in profile:
        data, made = storage.data_disks(call, place_of(call, row), inputs.items(profile, "dataDisks"), row)
        row = replace(row, disks=(row.disks[0], *data))
    if "networkProfile" in properties:
        row = _rewired(call, row, properties)
    return row, made


def place_of(call: Call, row: VirtualMachine) -> storage.Place:
    """Return the place that a machine gives its disks."""
    size = usable(call.world.of(ComputeState), row.size, row.location, ())
    return storage.Place(
        row.id, row.location, row.zones, size, bool((row.further.get("additionalCapabilities") or {}).get("ultraSSDEnabled"))
    )


def _resized(call: Call, row: VirtualMachine, size_name: str) -> VirtualMachine:
    state = call.world.of(ComputeState)
    size, before = usable(state, size_name, row.location, row.zones), find(state, row.size, row.location)
    usages.check(state, subscription(row.id), size, row.location, call.now, freed=before)
    if before is not None and bool(before.temporary_gb) != bool(size.temporary_gb):
        raise not_allowed(
            f"Unable to resize the VM {name(row.id)} because changing from resource disk to non-resource disk VM size and vice-versa is "
            "not allowed.",
            "vmSize",
        )
    if before is not None and before.family != size.family and row.power(call.now) != "deallocated":
        raise not_allowed(
            f"Unable to resize the VM '{name(row.id)}' because the requested size {size.name} is not available in the current hardware "
            "cluster. To resize this VM to the requested size, deallocate it first.",
            "vmSize",
        )
    if row.generation not in size.generations:
        raise ArmError(
            400,
            "BadRequest",
            f"The selected VM size '{size.name}' cannot boot Hypervisor Generation '{row.generation.removeprefix('V')}'.",
            target="vmSize",
        )
    if len(row.disks) - 1 > size.data_disks:
        raise not_allowed(
            f"The maximum number of data disks allowed to be attached to a VM of this size is {size.data_disks}.", "dataDisks"
        )
    if not size.premium and any(disk.sku.startswith(("Premium", "Ultra")) for _, disk in state.attached(row)):
        raise invalid_parameter(f"The VM size {size.name} does not support premium storage.", "vmSize")
    return replace(row, size=size.name)


def _rewired(call: Call, row: VirtualMachine, properties: Mapping[str, Any]) -> VirtualMachine:
    interfaces = attached_interfaces(call, properties, row.location)
    before, after = ({key(each.id) for each in some} for some in (row.interfaces, interfaces))
    if before != after and row.power(call.now) != "deallocated":
        raise not_allowed(f"Network interfaces of the virtual machine '{name(row.id)}' can be changed only while it is deallocated.")
    return replace(row, interfaces=interfaces)


def _check_fixed(row: VirtualMachine, properties: Mapping[str, Any], call: Call) -> None:
    """Refuse what can never be changed, where it is given and differs."""
    given = inputs.inner(properties, "osProfile")
    known = row.os_profile or {}
    if given and row.os_profile is None and row.created_at is not None:
        raise ArmError(400, "InvalidParameter", "Parameter 'osProfile' is not allowed.", target="osProfile")
    reference = inputs.inner(properties, "storageProfile", "imageReference")
    disk = inputs.reference(inputs.inner(properties, "storageProfile", "osDisk").get("managedDisk"), "osDisk.managedDisk.id")
    availability_set = inputs.reference(properties.get("availabilitySet"), "availabilitySet.id")
    security = inputs.inner(properties, "securityProfile").get("securityType", row.security_type or "Standard")
    members = (
        *(
            ("osProfile." + each, each in given and known and str(given[each]) != str(known.get(each)))
            for each in ("computerName", "adminUsername")
        ),
        ("imageReference", any(str(value).lower() != str((row.image or {}).get(each, "")).lower() for each, value in reference.items())),
        ("osDisk.managedDisk.id", disk is not None and key(disk) != key(row.disks[0].id)),
        ("availabilitySet", "availabilitySet" in properties and key(availability_set or "") != key(row.availability_set or "")),
        ("zones", "zones" in call.body and inputs.zones(call.body) != row.zones),
        ("securityProfile.securityType", security != (row.security_type or "Standard")),
    )
    for member, changed in members:
        if changed:
            raise ArmError(409, "PropertyChangeNotAllowed", f"Changing property '{member}' is not allowed.", target=member)


def detached(call: Call, before: VirtualMachine, after: VirtualMachine) -> list[Change]:
    """Return the changes of the disks that a machine no longer has: each is being detached for a time."""
    state, kept = call.world.of(ComputeState), {key(each.id) for each in after.disks}
    left = [state.disks.get(key(each.id)) for each in before.disks if key(each.id) not in kept]
    return [Change(state.disks, key(disk.id), replace(disk, detached_at=call.now + DETACHING)) for disk in left if disk is not None]


def _resized_system(call: Call, row: VirtualMachine, properties: Mapping[str, Any]) -> list[Change]:
    """Return the growth of disks that the storage profile asks for."""
    state, profile, changes = call.world.of(ComputeState), inputs.inner(properties, "storageProfile"), []
    by_lun = {item.get("lun"): item for item in inputs.items(profile, "dataDisks")} | {None: inputs.inner(profile, "osDisk")}
    for lun, disk in state.attached(row):
        wanted = by_lun.get(lun, {}).get("diskSizeGB")
        if wanted is not None and wanted != disk.size_gb and key(disk.id) in {key(each.id) for each in row.disks}:
            changes.append(Change(state.disks, key(disk.id), replace(disk, size_gb=grown(call, disk, wanted))))
    return changes


def _begun(call: Call, row: VirtualMachine, changes: Iterable[Change], made: Iterable[Disk], kind: str) -> Answer:
    state, power = call.world.of(ComputeState), row.power(call.now) or row.power_state
    lasts = timedelta(seconds=random.Random(f"{row.id}:{call.now}").uniform(30, 45)) if kind == RESTART else _LASTS  # noqa: S311  # no secret
    row = replace(
        row, power_before=power, power_state=power, activity=Activity(kind, call.now, call.now + lasts), revision=row.revision + 1
    )
    operation, headers = operations.accepted(call, row.location, lasts)
    headers.pop("Location")
    body = machine(row, state, call.now, made=made)
    return Answer(200, body, headers, (*changes, Change(state.machines, key(row.id), row), operation))


def attach_detach(call: Call) -> Answer:
    """`VirtualMachines_AttachDetachDataDisks`: its result is the storage profile."""
    check_write_locks(call, parent(f"{call.path}/-"), operation="attachDetachDataDisks")
    there, state = existing(call, parent(f"{call.path}/-")), call.world.of(ComputeState)
    check_idle(there, call, "attachDetachDataDisks")
    disks = list(there.disks)
    for item in inputs.items(call.body, "dataDisksToDetach"):
        wanted = key(str(item.get("diskId", "")))
        found = next((each for each in disks if each.lun is not None and key(each.id) == wanted), None)
        if found is None:
            raise invalid_parameter(
                f"The disk '{item.get('diskId')}' is not attached to VM '{name(there.id)}'.", "dataDisksToDetach.diskId"
            )
        disks.remove(found)
    for item in inputs.items(call.body, "dataDisksToAttach"):
        disks.append(_attached(call, there, disks, item))
    row = replace(there, disks=(disks[0], *sorted(disks[1:], key=lambda each: each.lun or 0)))
    place = place_of(call, row)
    if len(row.disks) - 1 > place.size.data_disks:
        raise not_allowed(
            f"The maximum number of data disks allowed to be attached to a VM of this size is {place.size.data_disks}.", "dataDisks"
        )
    power = there.power(call.now) or there.power_state
    activity = Activity(UPDATING, call.now, call.now + _LASTS)
    changed = replace(row, power_before=power, power_state=power, activity=activity, revision=row.revision + 1)
    output: Json = storage_profile(changed, state)
    operation, headers = operations.accepted(call, row.location, _LASTS, output=output)
    return Answer(202, None, headers, (*detached(call, there, row), Change(state.machines, key(row.id), changed), operation))


def _attached(call: Call, there: VirtualMachine, disks: list[AttachedDisk], item: Mapping[str, Any]) -> AttachedDisk:
    disk_id = item.get("diskId")
    if not isinstance(disk_id, str) or not disk_id:
        raise invalid_parameter("Required parameter 'dataDisksToAttach.diskId' is missing (null).", "dataDisksToAttach.diskId")
    taken = {each.lun for each in disks}
    free = next((each for each in range(64) if each not in taken), 63)
    lun = inputs.whole(item.get("lun", free), "dataDisk.lun", 0, 63)
    if any(key(each.id) == key(disk_id) for each in disks):
        raise ArmError(
            409, "ConflictingUserInput", f"Disk '{name(disk_id)}' is attached to VM '{name(there.id)}' already.", target="dataDisk"
        )
    if lun in taken:
        raise invalid_parameter(f"A data disk is attached at LUN {lun} already.", "dataDisk.lun")
    return storage.attach(call, "/" + disk_id.strip("/"), place_of(call, there), item, lun)
