"""Disks made, changed and deleted."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from local.simulation.arm.call import Answer, Call, page
from local.simulation.arm.errors import ArmError, invalid_parameter, not_allowed, not_found
from local.simulation.arm.tables import Change
from local.simulation.common import inputs
from local.simulation.common.activity import CREATING, UPDATING, Activity
from local.simulation.common.listing import within
from local.simulation.common.locks import check_locks, check_write_locks
from local.simulation.compute import operations
from local.simulation.compute.disks import sources
from local.simulation.compute.disks.bodies import FILLED_SLOWLY, disk
from local.simulation.compute.disks.disk import DISK, Disk
from local.simulation.compute.state import ComputeState
from local.simulation.ids import key, name

LASTS = timedelta(seconds=5)
LARGEST_GB = 32_767
#: Beyond this size a disk cannot grow while it is attached, and has no cache.
LARGEST_SIMPLE_GB = 4_095
SKUS = ("Standard_LRS", "StandardSSD_LRS", "StandardSSD_ZRS", "Premium_LRS", "Premium_ZRS", "PremiumV2_LRS", "UltraSSD_LRS")
_POLICIES = ("AllowAll", "AllowPrivate", "DenyAll")


def get_disk(call: Call) -> Answer:
    """`Disks_Get`."""
    found, state = existing(call, call.path), call.world.of(ComputeState)
    return Answer(200, disk(found, state.attached_to(found.id, call.now), call.now))


def list_disks(call: Call) -> Answer:
    """`Disks_List` and `Disks_ListByResourceGroup`."""
    state = call.world.of(ComputeState)
    rows = [row for row in within(call, state.disks.of_subscription(call.names[0])) if not row.gone(call.now)]
    return page(call, rows, lambda row: disk(row, state.attached_to(row.id, call.now), call.now))


def existing(call: Call, disk_id: str) -> Disk:
    """Return a disk; raises `ArmError` 404."""
    found = call.world.of(ComputeState).disk(disk_id, call.now)
    if found is None:
        raise not_found(DISK, name(disk_id), call.names[1])
    return found


def put_disk(call: Call) -> Answer:
    """`Disks_CreateOrUpdate`."""
    check_write_locks(call, call.path)
    there = call.world.of(ComputeState).disk(call.path, call.now)
    if there is not None:
        return _change(call, there, whole=True)
    where, properties = inputs.location(call, DISK), inputs.inner(call.body, "properties")
    creation, sku, zones = inputs.inner(properties, "creationData"), _sku(call), inputs.zones(call.body)
    _check_zones(sku, zones)
    source = sources.read(call, creation, where, sku)
    size = _size(properties.get("diskSizeGB"), None if creation.get("createOption") == "Empty" else source.least_gb)
    row = Disk(
        id=call.path,
        location=where,
        sku=sku,
        size_gb=size,
        os_type=properties.get("osType") or source.os_type,
        max_shares=int(properties.get("maxShares", 1)),
        network_access=_network_access(properties, "AllowAll"),
        disk_encryption_set=inputs.inner(properties, "encryption").get("diskEncryptionSetId"),
        tags=inputs.tags(call.body),
        zones=zones,
        generation=properties.get("hyperVGeneration") or source.generation,
        security_type=inputs.inner(properties, "securityProfile").get("securityType") or source.security_type,
        auth_mode=properties.get("dataAccessAuthMode"),
        creation=creation,
        purchase_plan=properties.get("purchasePlan"),
        created_at=call.now,
        filled_at=source.filled_at,
    )
    return _begun(call, row, CREATING)


def patch_disk(call: Call) -> Answer:
    """`Disks_Update`: tags, size, SKU, network access."""
    check_write_locks(call, call.path)
    return _change(call, existing(call, call.path), whole=False)


def _change(call: Call, there: Disk, *, whole: bool) -> Answer:
    check_idle(there, call)
    properties = inputs.inner(call.body, "properties")
    if whole:
        inputs.check_same_location(call, name(there.id), there.location)
        _check_same_creation(there, inputs.inner(properties, "creationData"))
    size = there.size_gb if properties.get("diskSizeGB") is None else grown(call, there, properties["diskSizeGB"])
    row = replace(
        there,
        size_gb=size,
        sku=_sku(call) if call.body.get("sku") else there.sku,
        network_access=_network_access(properties, there.network_access),
        auth_mode=properties.get("dataAccessAuthMode", there.auth_mode),
        tags=inputs.tags(call.body) if whole or "tags" in call.body else there.tags,
    )
    if row.sku != there.sku and any(each.power(call.now) != "deallocated" for each in _owners(call, there)):
        raise not_allowed(
            f"The SKU of the disk '{name(there.id)}' can be changed only while its virtual machine is deallocated.", "sku.name"
        )
    return _begun(call, row, UPDATING)


def _begun(call: Call, row: Disk, kind: str) -> Answer:
    fault, error = call.fault, None
    if fault is not None and fault.kind == "failDisk":
        code = fault.text("code", "InternalExecutionError")
        error = {"code": code, "message": fault.text("message", f"The disk could not be created: {code}.")}
    state = call.world.of(ComputeState)
    row = replace(row, activity=Activity(kind, call.now, call.now + LASTS, error=error))
    operation, headers = operations.accepted(call, row.location, LASTS, resource=row.id, error=error)
    body = disk(row, state.attached_to(row.id, call.now), call.now)
    body["properties"]["provisioningState"] = "Updating"
    return Answer(202, body, headers, (Change(state.disks, key(row.id), row), operation), uses_faults=True)


def delete_disk(call: Call) -> Answer:
    """`Disks_Delete`: 204 where there is none; refused while it is attached or open, and by a lock."""
    found = call.world.of(ComputeState).disk(call.path, call.now)
    if found is None:
        return Answer(204)
    check_locks(call, found.id)
    owners = _owners(call, found)
    if owners or (found.detached_at is not None and call.now < found.detached_at):
        raise not_allowed(f"Disk {name(found.id)} is attached to VM {owners[0].id if owners else 'that it is being detached from'}.")
    check_closed(found, call)
    operation, headers = operations.accepted(call, found.location, LASTS)
    row = replace(found, deleted_at=found.deleted_at or call.now + LASTS)
    return Answer(202, None, headers, (Change(call.world.of(ComputeState).disks, key(row.id), row), operation))


def _owners(call: Call, row: Disk) -> list[Any]:
    return call.world.of(ComputeState).attached_to(row.id, call.now)


def check_closed(row: Disk, call: Call) -> None:
    """Refuse what cannot be done while a shared access signature of the disk is open."""
    if row.accessed(call.now):
        raise not_allowed(
            f"There is an active shared access signature outstanding for disk {name(row.id)}. Call EndGetAccess before attaching, "
            "starting or deleting.",
        )


def check_idle(row: Disk, call: Call) -> None:
    """Refuse a change of a disk that is being changed or deleted."""
    if row.deleted_at is not None:
        raise ArmError(409, "Conflict", f"The disk '{name(row.id)}' is being deleted.")
    if row.activity is not None and row.activity.running(call.now):
        raise ArmError(
            409,
            "Conflict",
            f"The request failed due to conflict with a concurrent request: another operation on the disk '{name(row.id)}' is in progress.",
        )


def grown(call: Call, there: Disk, value: object) -> int:
    """Return the new size of a disk; raises `ArmError` for a smaller one, and for a growth that its machine does not allow."""
    size = inputs.whole(value, "disk.diskSizeGB", 1, LARGEST_GB)
    if size < there.size_gb:
        raise ArmError(
            400, "BadRequest", f"New disk size {size} GB is smaller than the current {there.size_gb} GB.", target="disk.diskSizeGB"
        )
    awake = [each for each in _owners(call, there) if each.power(call.now) != "deallocated"]
    crosses = there.size_gb <= LARGEST_SIMPLE_GB < size
    if size > there.size_gb and awake and (there.os_type is not None or crosses):
        raise not_allowed(
            f"Cannot resize disk {name(there.id)} while it is attached to running VM {awake[0].id}. Resizing a disk of an Azure Virtual "
            "Machine requires the virtual machine to be deallocated. Please stop your VM and retry the operation.",
            "disk.diskSizeGB",
        )
    return size


def _size(value: object, least: int | None) -> int:
    if value is None and least is not None:
        return least
    size = inputs.whole(value, "disk.diskSizeGB", 1, LARGEST_GB)
    if least is not None and size < least:
        raise ArmError(
            400, "BadRequest", f"The disk size {size} GB is smaller than that of its source, {least} GB.", target="disk.diskSizeGB"
        )
    return size


def _sku(call: Call) -> str:
    given = inputs.inner(call.body, "sku").get("name", "Standard_LRS")
    for sku in SKUS:
        if str(given).lower() == sku.lower():
            return sku
    raise invalid_parameter(f"The value '{given}' of parameter 'sku.name' is invalid.", "sku.name")


def _check_zones(sku: str, zones: tuple[str, ...]) -> None:
    if sku.lower() in FILLED_SLOWLY and not zones:
        raise ArmError(400, "BadRequest", f"A disk of type {sku} must be created in an availability zone.", target="zones")
    if sku.endswith("_ZRS") and zones:
        raise ArmError(400, "BadRequest", f"A disk of type {sku} cannot be created in one availability zone.", target="zones")


def _network_access(properties: Mapping[str, Any], there: str) -> str:
    given = properties.get("networkAccessPolicy", there)
    if given not in _POLICIES:
        raise invalid_parameter(f"The value '{given}' of parameter 'networkAccessPolicy' is invalid.", "disk.networkAccessPolicy")
    return str(given)


def _check_same_creation(there: Disk, creation: Mapping[str, Any]) -> None:
    known = there.creation or {"createOption": "FromImage" if there.os_type else "Empty"}
    if creation and any(str(creation.get(member)).lower() != str(value).lower() for member, value in known.items()):
        raise ArmError(409, "PropertyChangeNotAllowed", "Changing property 'disk.creationData' is not allowed.", target="disk.creationData")
