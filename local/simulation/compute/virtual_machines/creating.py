"""A machine made by PUT: from an image, or from a specialized OS disk."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from local.simulation.arm.access import linked_authorization_failed
from local.simulation.arm.call import Answer, Call
from local.simulation.arm.errors import ArmError, invalid_parameter, not_allowed, not_found
from local.simulation.arm.tables import Change, Json
from local.simulation.common import conditions, inputs
from local.simulation.common.activity import CREATING, Activity
from local.simulation.common.locks import check_write_locks
from local.simulation.compute import operations
from local.simulation.compute.disks.disk import Disk
from local.simulation.compute.images import gallery, managed, platform
from local.simulation.compute.machines import AttachedDisk, VirtualMachine
from local.simulation.compute.models import MACHINE
from local.simulation.compute.sizes import usages
from local.simulation.compute.sizes.catalogue import Size, usable
from local.simulation.compute.state import ComputeState
from local.simulation.compute.virtual_machines import changing, names, storage
from local.simulation.compute.virtual_machines.bodies import BESIDE, machine
from local.simulation.compute.virtual_machines.interfaces import attached_interfaces, reservations
from local.simulation.ids import derived, key, name, resource_group, subscription
from local.simulation.resources.models import ResourcesState

#: From this api-version on trusted launch is the default, where the subscription has it so.
_TRUSTED_BY_DEFAULT = "2025-11-01"
_STALLED = timedelta(days=365)
_WRITE = f"{MACHINE}/write"
#: Members of `properties` that are read here, or that only Azure writes; what else is sent is kept as it is.
_READ = (
    *("hardwareProfile", "storageProfile", "osProfile", "networkProfile", "availabilitySet", "provisioningState", "vmId", "instanceView"),
    *("timeCreated", "virtualMachineScaleSet"),
)


def put_machine(call: Call) -> Answer:
    """`VirtualMachines_CreateOrUpdate`."""
    check_write_locks(call, call.path)
    there = call.world.of(ComputeState).machine(call.path, call.now)
    conditions.check(call, there.etag if there is not None else None)
    return _create(call) if there is None else changing.put(call, there)


@dataclass(frozen=True, slots=True)
class _System:
    """The OS disk of a new machine, and what it brings: `image_data` are the sizes of the image's data disks by LUN."""

    attached: AttachedDisk
    made: tuple[Disk, ...]
    os_type: str
    generation: str
    security_type: str | None
    image: Json | None = None
    image_data: Mapping[int, int] | None = None
    trusted_launch: bool = False


def _create(call: Call) -> Answer:
    state, properties = call.world.of(ComputeState), inputs.inner(call.body, "properties")
    names.check_machine_name(name(call.path))
    where, zones = inputs.location(call, MACHINE), inputs.zones(call.body)
    size_name = inputs.inner(properties, "hardwareProfile").get("vmSize")
    if not isinstance(size_name, str):
        raise invalid_parameter("Required parameter 'hardwareProfile.vmSize' is missing (null).", "vmSize")
    size = usable(state, size_name, where, zones)
    ultra = bool(inputs.inner(properties, "additionalCapabilities").get("ultraSSDEnabled"))
    place = storage.Place(call.path, where, zones, size, ultra)
    set_id, fault_domain, update_domain = _availability_set(call, properties, where, zones)
    interfaces = attached_interfaces(call, properties, where)
    system = _system(call, properties, place)
    items = inputs.items(inputs.inner(properties, "storageProfile"), "dataDisks")
    data, made = storage.data_disks(call, place, items, image_disks=system.image_data)
    _check_generation(system, size)
    security = _security_type(call, properties, system, size)
    profile = _profile(properties, system, name(call.path))
    usages.check(state, subscription(call.path), size, where, call.now)
    further = {member: value for member, value in properties.items() if member not in _READ}
    further |= {member: call.body[member] for member in BESIDE if call.body.get(member) is not None}
    row = VirtualMachine(
        id=call.path,
        location=where,
        disks=(system.attached, *data),
        size=size.name,
        os_type=system.os_type,
        security_type=security,
        tags=inputs.tags(call.body),
        zones=zones,
        generation=system.generation,
        given_vm_id=derived("vm", call.path, call.now.isoformat()),
        os_profile=profile,
        availability_set=set_id,
        fault_domain=fault_domain,
        update_domain=update_domain,
        interfaces=interfaces,
        image=system.image,
        further=further,
        created_at=call.now,
    )
    new_disks = [replace(disk, security_type=security) if disk.os_type else disk for disk in (*system.made, *made)]
    return _begun(call, row, new_disks)


def _begun(call: Call, row: VirtualMachine, disks: list[Disk]) -> Answer:
    state, chance = call.world.of(ComputeState), random.Random(f"{call.world.seed}:{row.id}:{call.now}")  # noqa: S311  # can be repeated
    lasts = timedelta(seconds=chance.uniform(60, 120))
    activity = _fated(call, Activity(CREATING, call.now, call.now + lasts, runs_at=call.now + lasts * 0.6))
    agent = call.fault is None or call.fault.kind != "failBoot"
    row = replace(row, activity=activity, agent=agent)
    operation, headers = operations.accepted(call, row.location, activity.ends_at - call.now, error=activity.error)
    changes = [Change(state.disks, key(disk.id), disk) for disk in disks]
    if activity.error is not None and activity.runs_at is None:
        changes += reservations(call, row, activity.ends_at)
    changes += [Change(state.machines, key(row.id), row), operation]
    shown = machine(row, state, call.now, made=disks)
    headers.pop("Location")
    return Answer(201, shown, headers, tuple(changes), uses_faults=True)


def _fated(call: Call, activity: Activity) -> Activity:
    """Return the creation as the faults `failMachine` and `stallMachine` leave it."""
    fault = call.fault
    if fault is None or fault.kind not in ("failMachine", "stallMachine"):
        return activity
    if fault.kind == "stallMachine":
        return replace(activity, ends_at=call.now + _STALLED)
    code = fault.text("code", "AllocationFailed")
    error = {"code": code, "message": fault.text("message", _MESSAGES.get(code, f"The virtual machine could not be created: {code}."))}
    ends_at = (
        call.now + fault.length("after", "PT20M") if code.startswith("OSProvisioning") or "after" in fault.definition else activity.ends_at
    )
    recovers = ends_at + fault.length("recoversAfter", "PT0S") if "recoversAfter" in fault.definition else None
    runs_at = activity.runs_at if code.startswith("OSProvisioning") else None
    return replace(activity, ends_at=ends_at, error=error, recovers_at=recovers, runs_at=runs_at)


_MESSAGES = {
    "AllocationFailed": "Allocation failed. We do not have sufficient capacity for the requested VM size in this region. Read more about "
    "improving likelihood of allocation success at https://aka.ms/allocation-guidance",
    "OSProvisioningTimedOut": "OS Provisioning for VM did not finish in the allotted time. The VM may still finish provisioning "
    "successfully. Please check provisioning state later.",
}


# the parts of a machine


def _availability_set(call: Call, properties: Mapping[str, Any], location: str, zones: tuple[str, ...]) -> tuple[str | None, int, int]:
    set_id = inputs.reference(properties.get("availabilitySet"), "availabilitySet.id")
    if set_id is None:
        return None, 0, 0
    if zones:
        raise ArmError(
            400, "BadRequest", "Virtual machine cannot be created in an availability zone and in an availability set.", target="zones"
        )
    state = call.world.of(ComputeState)
    found = state.availability_sets.get(key(set_id))
    if found is None or found.gone(call.now):
        raise not_found("Microsoft.Compute/availabilitySets", name(set_id), resource_group(set_id))
    if found.location != location or resource_group(set_id).lower() != resource_group(call.path).lower():
        raise invalid_parameter(
            f"The availability set '{name(set_id)}' must be in the location and in the resource group of the virtual machine.",
            "availabilitySet.id",
        )
    if (found.sku or {}).get("name") != "Aligned":
        raise not_allowed(f"The availability set '{name(set_id)}' is not of SKU Aligned, which managed disks need.", "availabilitySet.id")
    members = state.attached_to(set_id, call.now)
    if len(members) >= _MEMBERS:
        raise not_allowed(f"An availability set can have at most {_MEMBERS} virtual machines.", "availabilitySet.id")
    count = len(members)
    faults, updates = (int(found.properties[f"platform{kind}DomainCount"]) for kind in ("Fault", "Update"))
    return found.id, count % faults, count % updates


_MEMBERS = 200


def _system(call: Call, properties: Mapping[str, Any], place: storage.Place) -> _System:
    given, reference = inputs.inner(properties, "storageProfile", "osDisk"), inputs.inner(properties, "storageProfile", "imageReference")
    option = storage.choice(given.get("createOption"), ("FromImage", "Attach", "Empty", "Copy"), "", "osDisk.createOption")
    if option == "Attach":
        if reference:
            raise invalid_parameter("Parameter 'imageReference' is not allowed.", "imageReference")
        return _attached_system(call, properties, given, place)
    if option != "FromImage":
        raise invalid_parameter("Required parameter 'osDisk.createOption' must be 'FromImage' or 'Attach'.", "osDisk.createOption")
    if reference.get("id"):
        made = _of_gallery if "/galleries/" in str(reference["id"]).lower() else _of_managed
        return made(call, given, str(reference["id"]), place)
    if not reference:
        raise invalid_parameter("Required parameter 'imageReference' is missing (null).", "imageReference")
    image, exact = platform.resolve(reference)
    if image.plan is not None and not _names_plan(call.body.get("plan"), image.plan):
        raise ArmError(
            400,
            "VMMarketplaceInvalidInput",
            "Creating a virtual machine from Marketplace image or a custom image sourced from a Marketplace image requires Plan "
            "information in the request.",
            target="plan",
        )
    facts = {"osType": image.os_type, "generation": image.generation, "id": _version_id(call, place, exact), "plan": image.plan}
    attached, disk = storage.make(call, place, given, None, option="FromImage", least_gb=image.size_gb, of_image=facts)
    return _System(attached, (disk,), image.os_type, image.generation, None, exact, trusted_launch=image.trusted_launch)


def _version_id(call: Call, place: storage.Place, exact: Mapping[str, Any]) -> str:
    path = f"/Subscriptions/{call.names[0]}/Providers/Microsoft.Compute/Locations/{place.location}/Publishers/{exact['publisher']}"
    return f"{path}/ArtifactTypes/VMImage/Offers/{exact['offer']}/Skus/{exact['sku']}/Versions/{exact['exactVersion']}"


def _names_plan(given: object, plan: Mapping[str, str]) -> bool:
    return isinstance(given, dict) and all(str(given.get(member, "")).lower() == value.lower() for member, value in plan.items())


def _attached_system(call: Call, properties: Mapping[str, Any], given: Mapping[str, Any], place: storage.Place) -> _System:
    disk_id = inputs.reference(given.get("managedDisk"), "osDisk.managedDisk.id")
    if disk_id is None:
        raise invalid_parameter("Required parameter 'osDisk.managedDisk.id' is missing (null).", "osDisk.managedDisk.id")
    names.check_no_os_profile(properties)
    attached = storage.attach(call, disk_id, place, given, None)
    disk = call.world.of(ComputeState).disk(disk_id, call.now)
    os_type = (disk.os_type if disk else None) or given.get("osType")
    if os_type not in ("Windows", "Linux"):
        raise invalid_parameter("Required parameter 'osDisk.osType' is missing (null).", "osDisk.osType")
    generation = (disk.generation if disk else None) or ("V2" if disk and disk.os_type else "V1")
    return _System(attached, (), str(os_type), generation, disk.security_type if disk else None, trusted_launch=generation == "V2")


def _of_gallery(call: Call, given: Mapping[str, Any], version_id: str, place: storage.Place) -> _System:
    if not call.may(f"{gallery.VERSION}/read", version_id):
        raise linked_authorization_failed(call.principal.id, _WRITE, call.path, f"{gallery.VERSION}/read", version_id)
    version, definition = gallery.version(call, version_id), gallery.definition(call, version_id)
    targets = inputs.inner(version.properties, "publishingProfile").get("targetRegions", [])
    if place.location not in {"".join(str(one["name"]).split()).lower() for one in targets}:
        raise ArmError(
            404,
            "GalleryImageNotFound",
            f"The gallery image {version.id} is not available in {place.location} region. Please contact image owner to replicate to this "
            "region, or change your requested region.",
            target="imageReference",
        )
    generation, os_type = str(definition.properties.get("hyperVGeneration", "V1")), str(definition.properties["osType"])
    facts = {"osType": os_type, "generation": generation, "id": version.id, "plan": None}
    least = int(inputs.inner(version.properties, "storageProfile", "osDiskImage").get("sizeInGB", 1))
    attached, disk = storage.make(call, place, given, None, option="FromImage", least_gb=least, of_image=facts)
    disks = inputs.inner(version.properties, "storageProfile").get("dataDiskImages", [])
    data = {int(each["lun"]): int(each.get("sizeInGB", 1)) for each in disks}
    features = {str(one["name"]): str(one["value"]) for one in definition.properties.get("features", [])}
    trusted = "TrustedLaunch" in features.get("SecurityType", "")
    return _System(attached, (disk,), os_type, generation, None, {"id": version.id}, data, trusted_launch=trusted)


def _of_managed(call: Call, given: Mapping[str, Any], image_id: str, place: storage.Place) -> _System:
    if not call.may(f"{managed.IMAGE}/read", image_id):
        raise linked_authorization_failed(call.principal.id, _WRITE, call.path, f"{managed.IMAGE}/read", image_id)
    image = managed.existing(call, "/" + image_id.strip("/"))
    if image.location != place.location or subscription(image.id) != subscription(call.path):
        raise invalid_parameter(f"The image '{name(image.id)}' is not in the location and the subscription of the VM.", "imageReference.id")
    if image.provisioning_state(call.now) != "Succeeded" or image.deleted_at is not None:
        raise not_allowed(f"The image '{name(image.id)}' is not in the provisioning state Succeeded.", "imageReference.id")
    profile = image.properties["storageProfile"]
    system, generation = profile["osDisk"], str(image.properties.get("hyperVGeneration", "V1"))
    facts = {"osType": system["osType"], "generation": generation, "id": image.id, "plan": None}
    attached, disk = storage.make(call, place, given, None, option="FromImage", least_gb=int(system.get("diskSizeGB", 1)), of_image=facts)
    data = {int(each["lun"]): int(each.get("diskSizeGB", 1)) for each in profile.get("dataDisks", [])}
    return _System(attached, (disk,), str(system["osType"]), generation, None, {"id": image.id}, data)


def _check_generation(system: _System, size: Size) -> None:
    if system.generation not in size.generations:
        number = system.generation.removeprefix("V")
        raise ArmError(
            400,
            "BadRequest",
            f"The selected VM size '{size.name}' cannot boot Hypervisor Generation '{number}'. If this was a Create operation please check "
            "that the Hypervisor Generation of the Image matches the Hypervisor Generation of the selected VM Size.",
            target="vmSize",
        )


def _security_type(call: Call, properties: Mapping[str, Any], system: _System, size: Size) -> str | None:
    given = inputs.inner(properties, "securityProfile").get("securityType")
    possible = system.generation == "V2" and size.trusted_launch and system.trusted_launch
    if system.image is None:  # attached: the disk decides
        chosen = None if given in (None, "Standard") else str(given)
        if given is None and system.security_type is None and _by_default(call) and possible and call.api_version >= _TRUSTED_BY_DEFAULT:
            chosen = "TrustedLaunch"
        if (chosen or "") != (system.security_type or ""):
            raise ArmError(
                400,
                "BadRequest",
                "Security type of VM is not compatible with the security type of attached OS Disk.",
                target="securityProfile",
            )
        return chosen
    if given is None:
        return "TrustedLaunch" if possible and _by_default(call) and call.api_version >= _TRUSTED_BY_DEFAULT else None
    if given == "Standard":
        if call.api_version < _TRUSTED_BY_DEFAULT:
            raise ArmError(
                400,
                "BadRequest",
                "Use of Standard security type requires the subscription feature flag Microsoft.Compute/UseStandardSecurityType.",
                target="securityProfile.securityType",
            )
        return None
    if given != "TrustedLaunch" or not possible:
        raise ArmError(
            400,
            "BadRequest",
            f"Use of {given} setting is not supported for the provided image or the VM size '{size.name}'.",
            target="securityProfile.securityType",
        )
    return "TrustedLaunch"


def _by_default(call: Call) -> bool:
    row = call.world.of(ResourcesState).subscriptions.get(call.names[0].lower())
    return row is not None and row.trusted_launch_by_default


def _profile(properties: Mapping[str, Any], system: _System, default_name: str) -> Json | None:
    if system.image is None:
        return None
    given = inputs.inner(properties, "osProfile")
    if not given:
        raise invalid_parameter("Required parameter 'osProfile' is missing (null).", "osProfile")
    return names.read_os_profile(given, system.os_type, default_name)
