"""The disks of a machine: read from a `storageProfile`, made where they are new, attached where they exist."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.simulation.arm.call import Call
from local.simulation.arm.errors import ArmError, invalid_parameter, not_allowed, not_found
from local.simulation.common import inputs
from local.simulation.common.activity import CREATING, Activity
from local.simulation.compute.disks.bodies import FILLED_SLOWLY
from local.simulation.compute.disks.disk import DISK, Disk
from local.simulation.compute.disks.making import LARGEST_GB, LARGEST_SIMPLE_GB, LASTS, SKUS, check_closed, check_idle
from local.simulation.compute.machines import AttachedDisk, VirtualMachine
from local.simulation.compute.sizes.catalogue import Size
from local.simulation.compute.state import ComputeState
from local.simulation.ids import derived, group_id, key, name, resource_group, subscription

_CACHING = ("None", "ReadOnly", "ReadWrite")
_DELETE_OPTIONS = ("Delete", "Detach")


@dataclass(frozen=True, slots=True)
class Place:
    """The machine that disks are for: where it is, its size, whether Ultra disks are allowed."""

    machine_id: str
    location: str
    zones: tuple[str, ...]
    size: Size
    ultra: bool = False


def choice(given: object, known: tuple[str, ...], default: str, where: str) -> str:
    """Return one of some values in its spelling; raises `ArmError` 400 for another one."""
    if given is None:
        return default
    for each in known:
        if str(given).lower() == each.lower():
            return each
    raise invalid_parameter(f"The value '{given}' of parameter '{where}' is invalid.", where)


def attach(call: Call, disk_id: str, place: Place, item: Mapping[str, Any], lun: int | None) -> AttachedDisk:
    """Return an existing disk as attached; raises `ArmError` where Azure refuses it."""
    state, where = call.world.of(ComputeState), "osDisk" if lun is None else "dataDisk"
    found = state.disk(disk_id, call.now)
    if found is None or found.deleted_at is not None:
        raise not_found(DISK, name(disk_id), resource_group(disk_id))
    if found.location != place.location or subscription(found.id) != subscription(place.machine_id):
        raise ArmError(
            400,
            "BadRequest",
            f"Disk {found.id} is in the location '{found.location}' and cannot be attached to VM '{name(place.machine_id)}' in "
            f"'{place.location}'.",
            target=f"{where}.managedDisk.id",
        )
    check_idle(found, call)
    if found.detached_at is not None and call.now < found.detached_at:
        raise ArmError(
            409,
            "AttachDiskWhileBeingDetached",
            f"Cannot attach data disk '{name(found.id)}' to VM '{name(place.machine_id)}' because the disk is currently being detached or "
            "the last detach operation failed. Please wait until the disk is completely detached and then try again.",
            target=where,
        )
    others = [each for each in state.attached_to(found.id, call.now) if key(each.id) != key(place.machine_id)]
    if len(others) >= found.max_shares:
        raise ArmError(
            409,
            "ConflictingUserInput",
            f"Disk '{name(found.id)}' cannot be attached as the disk is already owned by VM '{others[0].id}'.",
            target=where,
        )
    check_closed(found, call)
    _check_sort(found.sku, found.zones, name(found.id), place)
    return AttachedDisk(
        id=found.id,
        lun=lun,
        caching=_caching(item, lun, found.size_gb, where),
        delete_option=choice(item.get("deleteOption"), _DELETE_OPTIONS, "Detach", f"{where}.deleteOption"),
    )


def _check_sort(sku: str, zones: tuple[str, ...], disk: str, place: Place) -> None:
    if sku.startswith(("Premium", "Ultra")) and not place.size.premium:
        raise invalid_parameter(
            f"Requested operation cannot be performed because the VM size {place.size.name} does not support the storage account type "
            f"{sku} of disk '{disk}'. Consider updating the VM to a size that supports Premium storage.",
            "managedDisk.storageAccountType",
        )
    if sku.lower() == "ultrassd_lrs" and not place.ultra:
        raise invalid_parameter(
            "StorageAccountType UltraSSD_LRS can be used only when additionalCapabilities.ultraSSDEnabled is set.",
            "additionalCapabilities.ultraSSDEnabled",
        )
    if sku.lower() in FILLED_SLOWLY and not zones:
        raise ArmError(400, "BadRequest", f"A disk of type {sku} needs an availability zone.", target="zones")
    if zones and zones != place.zones:
        raise ArmError(
            400,
            "BadRequest",
            f"Disk {disk} cannot be attached to the VM because it is not in the same zone as the VM: disk {list(zones)}, VM "
            f"{list(place.zones)}.",
            target="zones",
        )


def _caching(item: Mapping[str, Any], lun: int | None, size_gb: int, where: str) -> str:
    caching = choice(item.get("caching"), _CACHING, "ReadWrite" if lun is None else "None", f"{where}.caching")
    if lun is not None and caching != "None" and size_gb > LARGEST_SIMPLE_GB:
        raise invalid_parameter(f"Caching is not supported for disks larger than {LARGEST_SIMPLE_GB} GB.", f"{where}.caching")
    return caching


def make(
    call: Call,
    place: Place,
    item: Mapping[str, Any],
    lun: int | None,
    *,
    option: str,
    least_gb: int | None,
    of_image: Mapping[str, Any] | None = None,
) -> tuple[AttachedDisk, Disk]:
    """Return a disk that the machine's write makes, attached; `least_gb` is the size of its part of the image (None: it is empty)."""
    where = "osDisk" if lun is None else "dataDisk"
    sort = "OsDisk_1" if lun is None else f"DataDisk_{lun}"
    disk_name = (
        item.get("name") or f"{name(place.machine_id)}_{sort}_{derived('disk', place.machine_id, str(call.now), sort).replace('-', '')}"
    )
    disk_id = f"{group_id(place.machine_id)}/providers/Microsoft.Compute/disks/{disk_name}"
    if call.world.of(ComputeState).disk(disk_id, call.now) is not None:
        raise ArmError(
            409,
            "ConflictingUserInput",
            f"Disk {disk_name} already exists in resource group {resource_group(disk_id).upper()}. Only CreateOption.Attach is supported.",
            target=where,
        )
    managed = inputs.inner(item, "managedDisk")
    sku = choice(
        managed.get("storageAccountType"), SKUS, "Premium_LRS" if place.size.premium else "Standard_LRS", f"{where}.storageAccountType"
    )
    size = _new_size(item.get("diskSizeGB"), least_gb, where)
    zones = () if sku.endswith("_ZRS") else place.zones
    _check_sort(sku, zones, str(disk_name), place)
    of = of_image or {}
    disk = Disk(
        id=disk_id,
        location=place.location,
        sku=sku,
        size_gb=size,
        os_type=of.get("osType") if lun is None else None,
        zones=zones,
        generation=of.get("generation") if lun is None else None,
        security_type=of.get("securityType") if lun is None else None,
        creation={"createOption": "FromImage", "imageReference": {"id": of["id"]}} if of else {"createOption": "Empty"},
        purchase_plan=of.get("plan") if lun is None else None,
        created_at=call.now,
        activity=Activity(CREATING, call.now, call.now + LASTS),
        disk_encryption_set=inputs.inner(managed, "diskEncryptionSet").get("id"),
    )
    attached = AttachedDisk(
        id=disk_id,
        lun=lun,
        caching=_caching(item, lun, size, where),
        delete_option=choice(item.get("deleteOption"), _DELETE_OPTIONS, "Detach", f"{where}.deleteOption"),
        create_option=option,
    )
    return attached, disk


def _new_size(given: object, least_gb: int | None, where: str) -> int:
    if given is None and least_gb is not None:
        return least_gb
    size = inputs.whole(given, f"{where}.diskSizeGB", 1, LARGEST_GB if where == "dataDisk" else LARGEST_SIMPLE_GB)
    if least_gb is not None and size < least_gb:
        raise not_allowed(
            f"The specified disk size {size} GB is smaller than the size of the corresponding disk in the VM image: {least_gb} GB. This is "
            "not allowed. Please choose equal or greater size or do not specify an explicit size.",
            f"{where}.diskSizeGB",
        )
    return size


def data_disks(
    call: Call, place: Place, items: list[dict[str, Any]], there: VirtualMachine | None = None, image_disks: Mapping[int, int] | None = None
) -> tuple[tuple[AttachedDisk, ...], tuple[Disk, ...]]:
    """Return the data disks that a list means, and those of them that are new.

    `there` is the machine as it is: its disks stay as they are where the list has them. `image_disks` are the sizes of an image's by LUN.
    """
    luns = [inputs.whole(item.get("lun"), "dataDisk.lun", 0, 63) for item in items]
    for lun in luns:
        if luns.count(lun) > 1:
            raise invalid_parameter(f"Two or more data disks have the LUN {lun}.", "dataDisk.lun")
    if len(items) > place.size.data_disks:
        raise not_allowed(
            f"The maximum number of data disks allowed to be attached to a VM of this size is {place.size.data_disks}.", "dataDisks"
        )
    known = {key(each.id): each for each in there.disks if each.lun is not None} if there is not None else {}
    by_name = {name(each.id).lower(): each for each in known.values()}
    attached, made = [], []
    for item, lun in sorted(zip(items, luns, strict=True), key=lambda each: each[1]):
        disk_id = inputs.reference(item.get("managedDisk"), "dataDisk.managedDisk.id")
        same = known.get(key(disk_id)) if disk_id is not None else by_name.get(str(item.get("name", "")).lower())
        option = choice(item.get("createOption"), ("Attach", "Empty", "FromImage"), "", "dataDisk.createOption")
        if same is not None:
            attached.append(_kept(call, same, item, lun))
        elif option == "Attach":
            if disk_id is None:
                raise invalid_parameter("Required parameter 'dataDisk.managedDisk.id' is missing (null).", "dataDisk.managedDisk.id")
            attached.append(attach(call, disk_id, place, item, lun))
        elif option == "FromImage" and lun not in (image_disks or {}):
            raise invalid_parameter(f"Cannot create a disk from the image: it has none at LUN {lun}.", "dataDisk.lun")
        elif option:
            one, disk = make(
                call, place, item, lun, option=option, least_gb=(image_disks or {}).get(lun) if option == "FromImage" else None
            )
            attached.append(one)
            made.append(disk)
        else:
            raise invalid_parameter("Required parameter 'dataDisk.createOption' is missing (null).", "dataDisk.createOption")
    return tuple(attached), tuple(made)


def _kept(call: Call, same: AttachedDisk, item: Mapping[str, Any], lun: int) -> AttachedDisk:
    if same.lun != lun:
        raise ArmError(409, "PropertyChangeNotAllowed", "Changing property 'dataDisk.lun' is not allowed.", target="dataDisk.lun")
    found = call.world.of(ComputeState).disks.get(key(same.id))
    # an update takes the list of disks as a whole: what an entry leaves out has its default
    caching = _caching(item, lun, found.size_gb if found else 1, "dataDisk")
    option = choice(item.get("deleteOption"), _DELETE_OPTIONS, "Detach", "dataDisk.deleteOption")
    return AttachedDisk(same.id, lun, caching, option, same.create_option)
