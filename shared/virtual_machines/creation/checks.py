"""What of a request for a machine Azure, the hosting plan or the registry does not allow. Pure."""

from collections.abc import Iterator, Sequence

from shared.access.records.plan import PlanSize
from shared.arm.ids import ResourceId
from shared.errors import ErrorCode, Problem, Refused
from shared.values.reading import same_text
from shared.virtual_machines.creation.context import CreationContext, DiskFacts, network_of
from shared.virtual_machines.requests.machine import CreateMachine, DataDisk
from shared.virtual_machines.resource_manager.catalogue import ImageFacts
from shared.virtual_machines.rules.disks import assign_luns, caching_problem, is_premium, is_zone_redundant
from shared.virtual_machines.rules.names import OsType, admin_name_problem, computer_name_problem
from shared.virtual_machines.rules.passwords import password_problem
from shared.virtual_machines.rules.ports import OpenPort, port_in_the_way
from shared.virtual_machines.rules.sizes import SizeFacts, SizeUse, similar_names, size_problems
from shared.web.documents import invalid

MOST_IN_A_SET = 200
DEFAULT_OS_SKU = "StandardSSD_LRS"
_TRUSTED = "TrustedLaunch"


def check_creation(request: CreateMachine, context: CreationContext, password: str | None = None) -> None:
    """Refuse a request that cannot succeed: 400 with a detail for each field, then 404, then 409.

    `password` is the plain password where the request has one.
    """
    wrong = [Problem(ErrorCode.INVALID_REQUEST, message, target) for target, message in _wrong(request, context, password)]
    if not context.region_known:
        wrong.insert(0, Problem(ErrorCode.UNKNOWN_REGION, f"'{context.region}' is not a region of this subscription.", "region"))
    if wrong:
        raise (
            invalid(wrong)
            if wrong[0].code == ErrorCode.INVALID_REQUEST
            else Refused(ErrorCode.UNKNOWN_REGION, wrong[0].message, target="region")
        )
    for problem in (*_missing(request, context), *_in_the_way(request, context)):
        raise Refused(ErrorCode(problem.code), problem.message, target=problem.target)


def _wrong(request: CreateMachine, context: CreationContext, password: str | None) -> Iterator[tuple[str, str]]:
    plan = context.plan
    if plan is not None and plan.regions and context.region not in plan.regions:
        yield "region", f"The hosting plan offers {', '.join(plan.regions)}."
    yield from _wrong_size(request, context)
    yield from _wrong_system(request, context, password)
    yield from _wrong_disks(request, context)
    yield from _wrong_network(request, context)


def _wrong_network(request: CreateMachine, context: CreationContext) -> Iterator[tuple[str, str]]:
    if context.subnet_id is not None and ResourceId.parse(context.subnet_id).subscription_id != context.subscription_id:
        yield "subnetId", f"The subnet lies in another subscription; the machine is to be in {context.subscription_id}."
    elif context.subnet_id is not None and context.subnet_region != context.region:
        where = f"lies in {context.subnet_region}" if context.subnet_region is not None else "does not exist"
        yield "subnetId", f"The subnet {where}; the machine is to be in {context.region}."
    if request.deployment is not None and context.deployment is None:
        wanted = request.deployment.fault_domain_count
        if wanted is not None and wanted > context.here.fault_domains:
            yield "deployment.faultDomainCount", f"This region has {context.here.fault_domains} fault domains at most."


def size_of(context: CreationContext) -> SizeFacts | None:
    """Return the size that the request names, None where Azure does not list it."""
    wanted = (context.size or "").lower()
    return next((size for size in context.here.sizes if size.name.lower() == wanted), None)


def _wrong_size(request: CreateMachine, context: CreationContext) -> Iterator[tuple[str, str]]:
    size = size_of(context)
    if size is None or size.restriction is not None:
        plan = context.plan
        yield "size", unknown_size(request.size, plan.sizes if plan is not None else (), context.here.sizes, size)
        return
    for problem in size_problems(size, _use(request, context)):
        if not problem.too_many_disks:
            yield problem.target, problem.message
    if not size.premium:
        for number, disk in enumerate(request.data_disks):
            if disk.sku is not None and is_premium(disk.sku):
                yield f"dataDisks[{number}].sku", f"The size {size.name} does not take disks of the type {disk.sku}."


def _use(request: CreateMachine, context: CreationContext) -> SizeUse:
    image, disk = context.image, context.os_disk
    skus = [request.os_disk.sku or (disk.sku if disk is not None else DEFAULT_OS_SKU)]
    generation = image.generation if image is not None else disk.generation if disk is not None else None
    count = len(request.data_disks) + (len(image.luns) if image is not None else 0)
    return SizeUse(count, tuple(skus), request.zone, generation, trusted_launch=request.security_type == _TRUSTED)


def os_type_of(request: CreateMachine, context: CreationContext) -> OsType | None:
    """Return the operating system of the machine, None where it is not known."""
    found = context.image.os_type if context.image is not None else context.os_disk.os_type if context.os_disk is not None else None
    found = found or (str(request.os_disk.os_type) if request.os_disk.os_type is not None else None)
    return OsType(found) if found in set(OsType) else None


def _wrong_system(request: CreateMachine, context: CreationContext, password: str | None) -> Iterator[tuple[str, str]]:
    image, disk = context.image, context.os_disk
    os_type = os_type_of(request, context)
    if image is not None:
        yield from (("image", message) for message in _image_problems(image, context))
        if request.os_disk.size_gb is not None and image.size_gb is not None and request.os_disk.size_gb < image.size_gb:
            yield "osDisk.sizeGB", f"The image needs {image.size_gb} GB."
        if request.security_type == _TRUSTED and not (image.trusted_launch and image.generation == "V2"):
            yield "securityType", "This image does not support trusted launch."
        if os_type is not None:
            yield from _wrong_administrator(request, os_type, password)
    if disk is not None:
        yield from _wrong_existing(disk, context, request, "osDisk.existing")
        if (disk.security_type == _TRUSTED) != (request.security_type == _TRUSTED):
            yield "securityType", f"The disk's security type is {disk.security_type}."
        if os_type is None:
            yield "osDisk.osType", "The disk does not show its operating system. Send osType."


def _image_problems(image: ImageFacts, context: CreationContext) -> Iterator[str]:
    """Yield why an image cannot be used where the machine is to be."""
    if image.region is not None and image.region != context.region:
        yield f"The image lies in {image.region}; the machine is to be in {context.region}."
    elif image.subscription_id is not None and image.subscription_id != context.subscription_id:
        yield f"The image lies in the subscription {image.subscription_id}; the machine is to be in {context.subscription_id}."
    if image.regions and context.region not in image.regions:
        yield f"The image is replicated to {', '.join(image.regions)}; the machine is to be in {context.region}."
    if image.specialized:
        yield "The image is specialized: it takes no administrator. Choose a generalized one."


def _wrong_administrator(request: CreateMachine, os_type: OsType, password: str | None) -> Iterator[tuple[str, str]]:
    if (problem := computer_name_problem(request.computer_name or request.name, os_type)) is not None:
        yield "computerName", problem
    if request.admin_username is not None and (problem := admin_name_problem(request.admin_username, os_type)) is not None:
        yield "adminUsername", problem
    if os_type is OsType.WINDOWS and request.ssh_public_keys:
        yield "sshPublicKeys", "Windows takes no SSH keys. Send adminPassword."
    if os_type is OsType.WINDOWS and request.admin_password is None:
        yield "adminPassword", "This field is required for Windows."
    if password is not None and (problem := password_problem(password, os_type)) is not None:
        yield "adminPassword", problem


def _wrong_disks(request: CreateMachine, context: CreationContext) -> Iterator[tuple[str, str]]:
    offered = context.plan.disk_skus if context.plan is not None else ()
    wanted = [("osDisk.sku", request.os_disk.sku)] if request.os_disk.existing is None else []
    wanted += [(f"dataDisks[{number}].sku", disk.sku) for number, disk in enumerate(request.data_disks) if disk.existing is None]
    for target, sku in wanted:
        if (problem := not_in_plan(sku, offered)) is not None:
            yield target, problem
    taken = context.image.luns if context.image is not None else ()
    for number, disk in enumerate(request.data_disks):
        if disk.lun is not None and disk.lun in taken:
            yield f"dataDisks[{number}].lun", "A data disk of the image has this number."
        found = context.existing.get(number)
        if found is not None:
            yield from _wrong_existing(found, context, request, f"dataDisks[{number}].existing")
            yield from ((f"dataDisks[{number}].{field}", message) for field, message in existing_problems(disk, found))
    if assign_luns([disk.lun for disk in request.data_disks], taken) is None:
        yield "dataDisks", "There are not enough numbers for the disks: 64 are possible, those of the image included."


def _wrong_existing(disk: DiskFacts, context: CreationContext, request: CreateMachine, target: str) -> Iterator[tuple[str, str]]:
    for problem in place_problems(disk, context.region, request.zone, size_of(context), context.subscription_id):
        yield target, problem


def place_problems(disk: DiskFacts, region: str, zone: str | None, size: SizeFacts | None, subscription: str) -> Iterator[str]:
    """Yield why a machine in a region, a zone and a subscription, of a size, cannot have a disk that exists."""
    if ResourceId.parse(disk.id).subscription_id != subscription:
        yield f"The disk lies in another subscription; the machine is in {subscription}."
    if disk.region != region:
        yield f"The disk lies in {disk.region}; the machine is to be in {region}."
    if disk.zone is not None and disk.zone != zone:
        yield f"The disk lies in zone {disk.zone}."
    if disk.zone is None and zone is not None and not is_zone_redundant(disk.sku):
        yield f"The disk lies in no zone; the machine is to be in zone {zone}."
    if disk.max_shares > 1:
        yield "The disk can be shared by several machines, which is not offered."
    if size is not None and not size.premium and is_premium(disk.sku):
        yield f"The size {size.name} does not take disks of the type {disk.sku}."


def existing_problems(wanted: DataDisk, found: DiskFacts) -> Iterator[tuple[str, str]]:
    """Yield what of a data disk does not fit the existing one that it names."""
    if wanted.size_gb is not None and wanted.size_gb < found.size_gb:
        yield "sizeGB", f"The disk has {found.size_gb} GB already."
    if (problem := caching_problem(wanted.caching, max(wanted.size_gb or 0, found.size_gb))) is not None and wanted.size_gb is None:
        yield "caching", problem


def not_in_plan(sku: str | None, offered: Sequence[str]) -> str | None:
    """Return why a hosting plan does not offer the type of a new disk, or None; a plan without types offers all."""
    wanted = sku or DEFAULT_OS_SKU
    if not offered or wanted.lower() in {one.lower() for one in offered}:
        return None
    return f"The hosting plan offers disks of the types {', '.join(offered)}, not {wanted}. Name one of them."


def unknown_size(wanted: str, plan: Sequence[PlanSize], here: Sequence[SizeFacts], size: SizeFacts | None = None) -> str:
    """Return why a size that is not offered, or is restricted here, cannot be used, with up to ten similar names that can."""
    usable = {one.name.lower() for one in here if one.restriction is None}
    known = [one.name for one in plan if one.size.lower() in usable] if plan else [one.name for one in here if one.restriction is None]
    similar = similar_names(wanted, known) or tuple(known[:10])
    what = f"cannot be used in this region: {size.restriction}" if size is not None else "is not offered here"
    return f"The size '{wanted[:64]}' {what}. Similar are {', '.join(similar)}."


def _missing(request: CreateMachine, context: CreationContext) -> Iterator[Problem]:
    if request.image is not None and context.image is None:
        yield Problem(ErrorCode.NOT_FOUND, "The image was not found.", "image")
    if request.os_disk.existing is not None and context.os_disk is None:
        yield Problem(ErrorCode.NOT_FOUND, f"The disk '{request.os_disk.existing}' was not found.", "osDisk.existing")
    for number, disk in enumerate(request.data_disks):
        if disk.existing is not None and context.existing.get(number) is None:
            yield Problem(ErrorCode.NOT_FOUND, f"The disk '{disk.existing}' was not found.", f"dataDisks[{number}].existing")


def _in_the_way(request: CreateMachine, context: CreationContext) -> Iterator[Problem]:
    if context.name_taken:
        message = f"The service '{request.service}' has a machine '{request.name}' already. Choose another name."
        yield Problem(ErrorCode.NAME_TAKEN, message, "name")
    if context.image is not None and context.image.needs_plan:
        yield Problem(ErrorCode.IMAGE_NEEDS_PLAN, "This image needs a purchase plan, which is not offered. Choose another one.", "image")
    size = size_of(context)
    if size is not None:
        for problem in size_problems(size, _use(request, context)):
            if problem.too_many_disks:
                yield Problem(ErrorCode.TOO_MANY_DISKS, problem.message, problem.target)
    if context.subnet_id is None:
        message = f"The tenant has no network for new machines in {context.region}. Name a subnet."
        yield Problem(ErrorCode.NO_NETWORK, message, "subnetId")
    attached = [("osDisk.existing", context.os_disk)]
    attached += [(f"dataDisks[{number}].existing", disk) for number, disk in context.existing.items()]
    for target, found in attached:
        if found is not None and (found.attached_to is not None or found.state.lower() not in {"unattached", ""}):
            yield Problem(ErrorCode.DISK_IN_USE, f"The disk is in use: its state is {found.state}.", target)
    if request.ports and context.plan is not None and not context.plan.ports:
        yield Problem(ErrorCode.NOT_OFFERED, "The hosting plan offers no public ports.", "ports")
    yield from _deployment(request, context)
    yield from _ports(request, context)


def _deployment(request: CreateMachine, context: CreationContext) -> Iterator[Problem]:
    wanted, found = request.deployment, context.deployment
    if wanted is None:
        return
    if context.slot_holder is not None:
        message = f"The slot {wanted.slot or 'Production'} is taken by the deployment '{context.slot_holder}'."
        yield Problem(ErrorCode.SLOT_TAKEN, message, "deployment.slot")
    if found is None:
        return
    differs = [
        ("deployment.slot", wanted.slot, found.slot),
        ("deployment.label", wanted.label, found.label or found.id.rpartition("/")[2]),
        ("deployment.updateDomainCount", wanted.update_domain_count, found.update_domains),
        ("deployment.faultDomainCount", wanted.fault_domain_count, found.fault_domains),
        ("region", context.region, found.region),
    ]
    for target, value, standing in differs:
        if value is not None and value != standing:
            message = f"The deployment '{wanted.name}' has {standing}. Leave the field out to join it."
            yield Problem(ErrorCode.DEPLOYMENT_DIFFERS, message, target)
    network = context.deployment_network
    if network is not None and context.subnet_id is not None and not same_text(network, network_of(context.subnet_id)):
        message = f"The machines of the deployment '{wanted.name}' are in the virtual network {network}. Name one of its subnets."
        yield Problem(ErrorCode.DEPLOYMENT_DIFFERS, message, "subnetId")
    if len(found.machines) >= MOST_IN_A_SET:
        yield Problem(
            ErrorCode.DEPLOYMENT_FULL, f"The deployment '{wanted.name}' has {MOST_IN_A_SET} machines, Azure's limit.", "deployment"
        )


def _ports(request: CreateMachine, context: CreationContext) -> Iterator[Problem]:
    if context.behind_another:
        message = "The deployment is behind a public balancer that Farshore did not make; Azure allows one. Leave ports out."
        yield Problem(ErrorCode.NOT_OURS, message, "deployment")
    existing = context.balancer.ports if context.balancer is not None else ()
    for number, port in enumerate(request.ports):
        other = port_in_the_way(OpenPort(port.protocol, port.port, port.local_port, request.name, port.name), existing)
        if other is not None:
            message = f"The port {other.port} is taken by the machine '{other.machine}'."
            yield Problem(ErrorCode.PORT_TAKEN, message, f"ports[{number}].port")
