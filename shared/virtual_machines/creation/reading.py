"""Reads what a request for a machine is checked against: the registry, the hosting plan, and Azure."""

import asyncio
from dataclasses import dataclass
from typing import Final

from shared.access.plans import HostingPlans
from shared.access.principal import not_found
from shared.access.records.plan import HostingPlan, PlanImage
from shared.access.records.tenant import Tenant
from shared.arm.ids import ResourceId, same
from shared.arm.reading import region_of, resource_id
from shared.errors import ErrorCode, Refused
from shared.values.reading import Json, an_object, objects, same_text, text
from shared.virtual_machines.creation.context import BalancerFacts, CreationContext, DiskFacts, SetFacts, network_of
from shared.virtual_machines.reading.balancers import balancer_of, is_behind_another
from shared.virtual_machines.requests.machine import BlobSource, CreateMachine, DataDisk, DiskSource, MarketplaceImage
from shared.virtual_machines.resource_manager.catalogue import Catalogue, ImageFacts
from shared.virtual_machines.resource_manager.resources import ResourceManagerResources
from shared.virtual_machines.rules.sizes import azure_size
from shared.web.documents import wrong

_DISK_TYPE: Final = "Microsoft.Compute/disks"
_IMAGE_TYPE: Final = "Microsoft.Compute/images"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a machine is to be: a service of the tenant."""

    subscription_id: str
    service: str
    region: str

    def id_of(self, provider: str, kind: str, name: str) -> ResourceId:
        """Return the id of a resource in the service."""
        return ResourceId.parse(f"/subscriptions/{self.subscription_id}/resourceGroups/{self.service}/providers/{provider}/{kind}/{name}")

    def machine(self, name: str) -> ResourceId:
        """Return the id of a machine in the service."""
        return self.id_of("Microsoft.Compute", "virtualMachines", name)


@dataclass(frozen=True, slots=True)
class CreationReader:
    """Reads for creations. Failures of Azure are `CallFailure`; what the request names wrongly is `Refused`."""

    resources: ResourceManagerResources
    catalogue: Catalogue
    plans: HostingPlans

    async def place(self, tenant: Tenant, request: CreateMachine) -> Place:
        """Return the service of a request; refuses with 400 a missing subscription, with `NotFound` another's, and a missing service."""
        subscription = subscription_of_body(tenant, request.subscription_id)
        body = await self.resources.group(subscription, request.service)
        if body is None or text(body, "managedBy") is not None:
            raise not_found(f"service '{request.service}'", target="service", in_azure=True)
        return Place(subscription, text(body, "name") or request.service, region_of(body))

    async def plan(self, tenant: Tenant) -> HostingPlan | None:
        """Return the hosting plan that a tenant is on, or None."""
        record = await self.plans.get(tenant.plan) if tenant.plan is not None else None
        return record.plan if record is not None and not record.deleted else None

    async def context(self, tenant: Tenant, request: CreateMachine, place: Place) -> CreationContext:
        """Return everything that a request is checked against; refuses with `NotFound` what belongs to another tenant."""
        require_own(tenant, request)
        plan = await self.plan(tenant)
        region = request.region or place.region
        machine = place.machine(request.name)
        subnet = request.subnet_id or _registered_subnet(tenant, place.subscription_id, region)
        system = request.os_disk.existing
        named = [(number, disk.existing) for number, disk in enumerate(request.data_disks) if disk.existing is not None]
        locations, here, found, network = await asyncio.gather(
            self.catalogue.locations(place.subscription_id),
            self.catalogue.region(place.subscription_id, region),
            self.resources.get(machine),
            self._network(tenant, subnet, region),
        )
        image, os_disk, disks, sets = await asyncio.gather(
            self.image(tenant, plan, place, region, request),
            self._disk(tenant, place, system, "osDisk.existing"),
            asyncio.gather(*(self._disk(tenant, place, name, f"dataDisks[{number}].existing") for number, name in named)),
            self._sets(place, request),
        )
        deployment = next((one for one in sets if request.deployment and _is_named(one, request.deployment.name)), None)
        owner = deployment.id if deployment is not None else str(_owner(place, request))
        balancer = await self.balancer(place, owner) if request.ports else None
        set_id = deployment.id if request.ports and deployment is not None and balancer is None else None
        listed = await self.resources.within(place.id_of("Microsoft.Network", "loadBalancers", "any")) if set_id is not None else []
        subnet_body, subnet_region = network
        return CreationContext(
            subscription_id=place.subscription_id,
            service=place.service,
            service_region=place.region,
            region=region,
            region_known=region in locations,
            plan=plan,
            here=here,
            size=azure_size(plan.sizes if plan is not None else (), request.size),
            name_taken=found is not None,
            image=image,
            os_disk=os_disk,
            existing={number: disk for (number, _), disk in zip(named, disks, strict=True)},
            subnet_id=subnet,
            subnet_region=subnet_region,
            subnet=subnet_body,
            deployment=deployment,
            deployment_network=await self._network_of(deployment),
            slot_holder=_holder(sets, request),
            balancer=balancer,
            behind_another=await is_behind_another(self.resources, set_id, listed) if set_id is not None else False,
        )

    async def balancer(self, place: Place, owner: str) -> BalancerFacts | None:
        """Return the balancer that Farshore made for an availability set or a machine, or None."""
        found = await balancer_of(self.resources, place.id_of("Microsoft.Network", "loadBalancers", "any"), owner)
        return BalancerFacts.from_arm(found) if found is not None else None

    async def image(self, tenant: Tenant, plan: HostingPlan | None, place: Place, region: str, request: CreateMachine) -> ImageFacts | None:
        """Return the image that a request names, None where there is none, or the request has an existing disk."""
        wanted = request.image
        if wanted is None:
            return None
        if isinstance(wanted, MarketplaceImage):
            if plan is not None and plan.images:
                raise wrong("image", "The hosting plan offers images by name. Send one of their names.")
            return await self.catalogue.platform_image(place.subscription_id, region, wanted.model_dump())
        offered = offered_image(plan, wanted)
        if offered is not None and "publisher" in offered.reference:
            return await self.catalogue.platform_image(place.subscription_id, region, dict(offered.reference))
        if offered is not None:
            return await self.catalogue.gallery_image(ResourceId.parse(offered.reference["id"]))
        if "/" in wanted:
            return await self.catalogue.managed_image(_own_image(tenant, wanted))
        found = await self.catalogue.images_named(place.subscription_id, wanted)
        if len(found) > 1:
            raise Refused(ErrorCode.AMBIGUOUS_NAME, f"Several images have the name '{wanted}'. Send the ARM id of one.", target="image")
        return await self.catalogue.managed_image(found[0]) if found else None

    async def _disk(self, tenant: Tenant, place: Place, named: str | None, target: str) -> DiskFacts | None:
        if named is None:
            return None
        disk = _own(tenant, named, target) if "/" in named else place.id_of("Microsoft.Compute", "disks", named)
        body = await self.resources.get(disk)
        return DiskFacts.from_arm(body) if body is not None else None

    async def _network(self, tenant: Tenant, subnet: str | None, region: str) -> tuple[Json, str | None]:
        """Return a subnet's document and its region; an empty one and None where it does not exist.

        The region is the registry's. Of another subnet Azure alone knows it: its network may not be read, and Azure refuses a wrong one.
        """
        body = await self.resources.get(ResourceId.parse(subnet)) if subnet is not None else None
        if subnet is None or body is None:
            return {}, None
        registered = next((one.region for one in tenant.networks if same_text(one.subnet_id, subnet)), region)
        return an_object(body, "properties"), registered

    async def _network_of(self, deployment: SetFacts | None) -> str | None:
        """Return the virtual network of a deployment's first machine; None without a machine, or where Azure does not show it."""
        if deployment is None or not deployment.machines:
            return None
        machine = await self.resources.get(ResourceId.parse(deployment.machines[0]))
        adapter = next(iter(objects(_properties(machine, "networkProfile"), "networkInterfaces")), {})
        found = resource_id(adapter, "id")
        body = await self.resources.get(ResourceId.parse(found)) if found is not None else None
        address = next(iter(objects(an_object(body or {}, "properties"), "ipConfigurations")), {})
        subnet = resource_id(_properties(address, "subnet"), "id")
        return network_of(subnet) if subnet is not None else None

    async def _sets(self, place: Place, request: CreateMachine) -> tuple[SetFacts, ...]:
        if request.deployment is None:
            return ()
        listed = await self.resources.within(place.id_of("Microsoft.Compute", "availabilitySets", "any"))
        sets = tuple(SetFacts.from_arm(one) for one in listed)
        if any(_is_named(one, request.deployment.name) for one in sets):
            return sets
        omitted = await self.resources.get(place.id_of("Microsoft.Compute", "availabilitySets", request.deployment.name))
        return sets if omitted is None else (*sets, SetFacts.from_arm(omitted))


def offered_image(plan: HostingPlan | None, wanted: str) -> PlanImage | None:
    """Return the image of a hosting plan that a request names by its name, or by the ARM id that lists show; None for another."""
    offered = plan.images if plan is not None else ()
    return next((one for one in offered if same_text(one.name, wanted) or same(one.reference.get("id"), wanted)), None)


def subscription_of_body(tenant: Tenant, wanted: str | None) -> str:
    """Return the subscription of a request: the one that it names, else the tenant's only one."""
    if wanted is not None:
        if wanted not in tenant.subscriptions:
            raise not_found(f"subscription '{wanted}'", target="subscriptionId")
        return wanted
    if len(tenant.subscriptions) != 1:
        raise wrong("subscriptionId", f"The tenant has {len(tenant.subscriptions)} subscriptions. Name one of them.")
    return tenant.subscriptions[0]


def require_own(tenant: Tenant, request: CreateMachine) -> None:
    """Refuse with `NotFound` what a body names and the tenant does not own: disks, their sources, blobs, the subnet."""
    if request.os_disk.existing is not None:
        _require_own_existing(tenant, request.os_disk.existing, "osDisk.existing")
    for number, disk in enumerate(request.data_disks):
        require_own_disk(tenant, disk, f"dataDisks[{number}].")
    if request.subnet_id is not None:
        _own(tenant, request.subnet_id, "subnetId")


def require_own_disk(tenant: Tenant, disk: DataDisk, prefix: str = "") -> None:
    """Refuse with `NotFound` a disk or its source that is not the tenant's; `prefix` is where the disk is in the body."""
    if disk.existing is not None:
        _require_own_existing(tenant, disk.existing, f"{prefix}existing")
    if disk.source is not None:
        require_own_source(tenant, disk.source, prefix)


def require_own_source(tenant: Tenant, source: BlobSource | DiskSource, prefix: str = "") -> None:
    """Refuse with `NotFound` a source of a disk or an image that is not the tenant's."""
    if isinstance(source, DiskSource):
        _own(tenant, source.id, f"{prefix}source.id")
    if isinstance(source, BlobSource):
        account = source.storage_account_id
        if account.lower() not in {one.lower() for one in tenant.storage_accounts}:
            raise not_found(f"storage account '{account}'", target=f"{prefix}source.storageAccountId")


def _require_own_existing(tenant: Tenant, named: str, target: str) -> None:
    """Refuse with `NotFound` the id of another's disk, with 400 the id of something else; a name is one in the machine's service."""
    if "/" not in named:
        return
    found = _own(tenant, named, target)
    if not same_text(found.type, _DISK_TYPE):
        raise wrong(target, f"This is the id of a {found.type}. Send the id of a {_DISK_TYPE}, or the name of a disk.")


def _own(tenant: Tenant, given: str, target: str) -> ResourceId:
    found = ResourceId.parse(given)
    if found.subscription_id not in tenant.subscriptions:
        raise not_found(f"{found.type} '{given}'", target=target)
    return found


def _own_image(tenant: Tenant, given: str) -> ResourceId:
    """Return the id of a managed image of the tenant; refuses with `NotFound` another's, with 400 the id of something else."""
    found = _own(tenant, given, "image")
    if not same_text(found.type, _IMAGE_TYPE):
        raise wrong("image", f"This is the id of a {found.type}. Send the id of a {_IMAGE_TYPE}, or the name of an image.")
    return found


def _properties(body: Json | None, member: str) -> Json:
    return an_object(an_object(body or {}, "properties"), member)


def _registered_subnet(tenant: Tenant, subscription: str, region: str) -> str | None:
    of_region = (one.subnet_id for one in tenant.networks if one.region == region)
    return next((one for one in of_region if ResourceId.parse(one).subscription_id == subscription), None)


def _holder(sets: tuple[SetFacts, ...], request: CreateMachine) -> str | None:
    """Return the name of another deployment that has the wanted slot; one that exists keeps its own."""
    wanted = request.deployment
    if wanted is None or any(_is_named(one, wanted.name) for one in sets):
        return None
    slot = wanted.slot or "Production"
    return next((one.id.rpartition("/")[2] for one in sets if one.slot == slot), None)


def _owner(place: Place, request: CreateMachine) -> ResourceId:
    """Return what a balancer serves: the availability set of the deployment that is to be made, or the machine."""
    wanted = request.deployment
    return place.machine(request.name) if wanted is None else place.id_of("Microsoft.Compute", "availabilitySets", wanted.name)


def _is_named(found: SetFacts, name: str) -> bool:
    return same_text(found.id.rpartition("/")[2], name)
