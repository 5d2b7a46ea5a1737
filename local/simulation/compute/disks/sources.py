"""What a new disk is made from: nothing, a disk, a snapshot, a blob, a disk restore point. Raises `ArmError` for what Azure refuses."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.simulation.arm.access import linked_authorization_failed
from local.simulation.arm.call import Call
from local.simulation.arm.errors import ArmError, invalid_parameter, not_allowed, not_found
from local.simulation.compute.disks.bodies import FILLED_SLOWLY
from local.simulation.compute.disks.disk import DISK, Disk
from local.simulation.compute.models import DISK_POINT, PointDisk, RestorePoint, collection_key
from local.simulation.compute.replication import State, disk_state
from local.simulation.compute.state import ComputeState
from local.simulation.ids import is_type, key, name, parent, resource_group, subscription
from local.simulation.storage.models import StorageState

SNAPSHOT = "Microsoft.Compute/snapshots"
_WRITE = "Microsoft.Compute/disks/write"
_SOURCE = "disk.creationData.sourceResourceId"
#: How many disks of these sorts are filled from one disk restore point at a time.
_FILLED_AT_A_TIME = 5
_FILLING = timedelta(minutes=20)


@dataclass(frozen=True, slots=True)
class Source:
    """What a disk takes over from its source; `filled_at` is when its data has arrived, where Azure shows it."""

    least_gb: int = 1
    os_type: str | None = None
    generation: str | None = None
    security_type: str | None = None
    filled_at: datetime | None = None


def read(call: Call, creation: Mapping[str, Any], location: str, sku: str) -> Source:
    """Return what a disk with this `creationData` takes over."""
    option = str(creation.get("createOption", ""))
    match option.lower():
        case "empty":
            return Source()
        case "copy":
            return _copy(call, _given(creation, "sourceResourceId"), location)
        case "restore":
            return _restore(call, _given(creation, "sourceResourceId"), location, sku)
        case "import":
            return _import(call, creation)
    raise invalid_parameter(
        f"The value '{option}' of parameter 'disk.creationData.createOption' is invalid.", "disk.creationData.createOption"
    )


def _given(creation: Mapping[str, Any], member: str) -> str:
    value = creation.get(member)
    if not isinstance(value, str) or not value:
        raise invalid_parameter(f"Required parameter 'disk.creationData.{member}' is missing (null).", f"disk.creationData.{member}")
    return value


def _copy(call: Call, source_id: str, location: str) -> Source:
    state = call.world.of(ComputeState)
    if is_type(source_id, SNAPSHOT):
        return _of_snapshot(call, source_id, location)
    if not is_type(source_id, DISK):
        raise invalid_parameter(f"'{source_id}' is not the id of a disk or a snapshot.", _SOURCE)
    _check_linked(call, f"{DISK}/beginGetAccess/action", source_id)
    source = state.disk(source_id, call.now)
    if source is None:
        raise not_found(DISK, name(source_id), resource_group(source_id))
    _check_place(call, source_id, source.location, location)
    return Source(source.size_gb, source.os_type, source.generation, source.security_type)


def _of_snapshot(call: Call, source_id: str, location: str) -> Source:
    _check_linked(call, f"{SNAPSHOT}/beginGetAccess/action", source_id)
    found = call.world.of(ComputeState).snapshots.get(key(source_id))
    if found is None:
        raise not_found(SNAPSHOT, name(source_id), resource_group(source_id))
    _check_place(call, source_id, found.location, location)
    properties = found.properties
    return Source(int(properties.get("diskSizeGB", 1)), properties.get("osType"), properties.get("hyperVGeneration"))


def _check_place(call: Call, source_id: str, there: str, location: str) -> None:
    if there != location:
        raise invalid_parameter(
            f"The source '{name(source_id)}' is in the region '{there}' and the disk in '{location}': both must be in the same region.",
            _SOURCE,
        )
    if subscription(source_id) != subscription(call.path):
        raise invalid_parameter(f"The source '{source_id}' is in another subscription.", _SOURCE)


def _check_linked(call: Call, action: str, scope: str) -> None:
    if not call.may(action, scope):
        raise linked_authorization_failed(call.principal.id, _WRITE, call.path, action, scope)


def _restore(call: Call, source_id: str, location: str, sku: str) -> Source:
    """Read a disk restore point. One whose replication has not ended is read, too: Azure restores half a copy."""
    if not is_type(source_id, DISK_POINT):
        raise invalid_parameter(f"'{source_id}' is not the id of a disk restore point.", _SOURCE)
    _check_linked(call, f"{DISK_POINT}/beginGetAccess/action", source_id)
    state = call.world.of(ComputeState)
    point = state.point(parent(source_id), call.now)
    disk = None if point is None else next((each for each in point.disks if each.name.lower() == name(source_id).lower()), None)
    if point is None or disk is None:
        raise not_found(DISK_POINT, name(source_id), resource_group(source_id))
    home = state.collection(collection_key(point.id), call.now)
    if home is not None and home.location != location:
        raise invalid_parameter(
            f"The disk restore point '{disk.name}' is in the region '{home.location}': a disk can be restored in that region only, "
            f"not in '{location}'.",
            _SOURCE,
        )
    if point.deleted_at is not None or call.now < point.ready_at:
        raise not_allowed(f"The restore point '{name(point.id)}' is not in the provisioning state Succeeded.", _SOURCE)
    machine = point.machine
    return Source(
        least_gb=disk.size_gb,
        os_type=machine.get("osType", "Windows") if disk.lun is None else None,
        generation=machine.get("generation", "V2") if disk.lun is None else None,
        security_type=machine.get("securityType") if disk.lun is None else None,
        filled_at=_filled_at(call, point, disk, source_id, sku),
    )


def _filled_at(call: Call, point: RestorePoint, disk: PointDisk, source_id: str, sku: str) -> datetime | None:
    if sku.lower() not in FILLED_SLOWLY:
        return None
    if disk_state(point, disk, call.now)[0] is not State.SUCCEEDED:
        raise not_allowed(f"The background copy of the disk restore point '{disk.name}' has not completed.", _SOURCE)
    filling = [each for each in call.world.of(ComputeState).disks.values() if _fills_from(each, source_id, call.now)]
    if len(filling) >= _FILLED_AT_A_TIME:
        raise not_allowed(
            f"At most {_FILLED_AT_A_TIME} disks of type {sku} can be created from '{disk.name}' at a time until their data has arrived.",
            _SOURCE,
        )
    return call.now + _FILLING


def _fills_from(disk: Disk, source_id: str, now: datetime) -> bool:
    given = str((disk.creation or {}).get("sourceResourceId", ""))
    return disk.filled_at is not None and now < disk.filled_at and key(given) == key(source_id) and not disk.gone(now)


def _import(call: Call, creation: Mapping[str, Any]) -> Source:
    uri, account_id = _given(creation, "sourceUri"), _given(creation, "storageAccountId")
    size = blob_size(call, uri, account_id, "disk.creationData.sourceUri")
    return Source(size, None, creation.get("hyperVGeneration"))


def blob_size(call: Call, uri: str, account_id: str | None, where: str) -> int:
    """Return the size of a page blob in GB; raises `ArmError` for a blob that no account of the subscription has."""
    account_name = uri.split("//", 1)[-1].split(".", 1)[0].lower()
    for account in call.world.of(StorageState).accounts.values():
        if name(account.id).lower() == account_name and (account_id is None or key(account.id) == key(account_id)):
            for blob in account.blobs:
                if str(blob["uri"]) == uri.partition("?")[0]:
                    return int(blob["sizeGB"])
            raise ArmError(404, "BlobNotFound", f"The specified blob '{uri.partition('?')[0]}' does not exist.", target=where)
    raise ArmError(
        400,
        "InvalidStorageAccount",
        f"The storage account of '{uri.partition('?')[0]}' is not '{account_id or account_name}'.",
        target=where,
    )
