"""Lists and reads of services, deployments, sizes, networks, images and disks."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from shared.access.plans import HostingPlans
from shared.access.principal import not_found
from shared.access.records.plan import HostingPlan
from shared.access.records.tenant import Tenant
from shared.arm.ids import ResourceId
from shared.arm.reading import own_id, resource_id
from shared.errors import ErrorCode, Problem, Refused
from shared.values.reading import Json, an_object, last_segment, same_text, text
from shared.virtual_machines.access.records import DiskAccessStore
from shared.virtual_machines.creation.context import FOR_TAG, BalancerFacts, SetFacts
from shared.virtual_machines.facts import tags_of
from shared.virtual_machines.gateway import Gateways, gateway_of
from shared.virtual_machines.listed import (
    Deployment,
    Disk,
    Image,
    ImageKind,
    Network,
    Service,
    Size,
    deployment_of,
    disk_of,
    image_of,
    network_of,
    plan_image,
    service_of,
    size_of,
)
from shared.virtual_machines.reading.asking import reading_azure
from shared.virtual_machines.reading.pages import page_of_places, page_of_rows
from shared.virtual_machines.reading.places import Named, locate, subscriptions_of
from shared.virtual_machines.resource_manager.catalogue import Catalogue
from shared.virtual_machines.resource_manager.resources import ResourceManagerResources
from shared.virtual_machines.rules.sizes import offered_sizes
from shared.web.documents import wrong
from shared.web.lists import Page

_PLAN = "plan"
"""The place in a list of images that holds those of the hosting plan."""
DISK_TYPE = "Microsoft.Compute/disks"
IMAGE_TYPE = "Microsoft.Compute/images"


@dataclass(frozen=True, slots=True)
class EstateReader:
    """Reads what tenants have beside machines."""

    gateways: Gateways
    resources: ResourceManagerResources
    catalogue: Catalogue
    plans: HostingPlans
    accesses: DiskAccessStore

    async def services(self, tenant: Tenant, query: Mapping[str, str], page: Page) -> tuple[list[Service], str | None]:
        """Return a page of a tenant's services."""
        gateway_of(self.gateways, tenant)

        async def read(subscription: str) -> list[Service]:
            return [service_of(one) for one in await self.resources.groups(subscription) if text(one, "managedBy") is None]

        return await page_of_places(subscriptions_of(tenant, query.get("subscriptionId")), read, _by_name, page)

    async def service(self, tenant: Tenant, name: str, query: Mapping[str, str]) -> Service:
        """Return one service; refuses with `NotFound`, `AmbiguousName`."""
        gateway_of(self.gateways, tenant)
        async with reading_azure():
            return service_of((await self._groups(tenant, name, query))[1])

    async def deployments(self, tenant: Tenant, service: str, query: Mapping[str, str], page: Page) -> tuple[list[Deployment], str | None]:
        """Return a page of the deployments of a service, by name."""
        slot = query.get("slot")
        return await self._deployments(tenant, service, query, lambda one: slot in {None, one.slot}, page)

    async def deployment(self, tenant: Tenant, service: str, name: str, query: Mapping[str, str]) -> Deployment:
        """Return one deployment; refuses with `NotFound`."""
        found, _ = await self._deployments(tenant, service, query, lambda one: same_text(last_segment(one.id), name), Page(1, None))
        if not found:
            raise not_found(f"deployment '{name}'")
        return found[0]

    async def _deployments(
        self, tenant: Tenant, service: str, query: Mapping[str, str], takes: Callable[[SetFacts], bool], page: Page
    ) -> tuple[list[Deployment], str | None]:
        gateway = gateway_of(self.gateways, tenant)
        async with reading_azure():
            subscription, group = await self._groups(tenant, service, query)
            name = text(group, "name") or service
            sets, balancers, machines = await asyncio.gather(
                self.resources.within(_in(subscription, name, "Microsoft.Compute/availabilitySets")),
                self.resources.within(_in(subscription, name, "Microsoft.Network/loadBalancers")),
                gateway.machines(subscription),
            )
            aligned = [SetFacts.from_arm(body) for body in sets if same_text(text(an_object(body, "sku"), "name"), "Aligned")]
            shown, last = page_of_rows([one for one in aligned if takes(one)], _by_id, page)
            found = []
            for one in shown:
                members = tuple(machine for machine in machines if same_text(machine.availability_set, one.id))
                balancer = next((b for b in balancers if same_text(tags_of(b).get(FOR_TAG), one.id)), None)
                facts = BalancerFacts.from_arm(balancer) if balancer is not None else None
                found.append(deployment_of(one, members, facts, await self.public_ip(facts)))
        return found, last

    async def public_ip(self, balancer: BalancerFacts | None) -> str | None:
        """Return the public address of a balancer."""
        if balancer is None or balancer.address is None:
            return None
        body = await self.resources.get(ResourceId.parse(balancer.address))
        return text(an_object(body or {}, "properties"), "ipAddress")

    async def sizes(self, tenant: Tenant, query: Mapping[str, str], page: Page) -> tuple[list[Size], str | None]:
        """Return a page of the sizes that a tenant can choose in a region, by default its own."""
        gateway_of(self.gateways, tenant)
        region = "".join((query.get("region") or tenant.region or "").split()).lower()
        if not region.isalnum():
            raise wrong("region", "Name the region whose sizes are listed.")
        subscriptions = subscriptions_of(tenant, query.get("subscriptionId"))
        if not subscriptions:
            return [], None
        plan = await self.plan(tenant)
        async with reading_azure():
            if region not in await self.catalogue.locations(subscriptions[0]):
                raise Refused(ErrorCode.UNKNOWN_REGION, f"'{region}' is not a region of this subscription.", target="region")
            here = await self.catalogue.region(subscriptions[0], region)
        found = [size_of(one) for one in offered_sizes(plan.sizes if plan is not None else (), here.sizes)]
        return page_of_rows(found, lambda one: (one.name.lower(), one.size.lower()), page)

    async def networks(self, tenant: Tenant, query: Mapping[str, str], page: Page) -> tuple[list[Network], str | None]:
        """Return a page of the registry's networks of a tenant, by region, with their free addresses."""
        gateway_of(self.gateways, tenant)
        region = query.get("region")
        subscriptions = subscriptions_of(tenant, query.get("subscriptionId"))
        wanted = [
            one
            for one in tenant.networks
            if (region is None or one.region == "".join(region.split()).lower())
            and ResourceId.parse(one.subnet_id).subscription_id in subscriptions
        ]
        shown, last = page_of_rows(wanted, lambda one: (one.region, one.subnet_id.lower()), page)
        async with reading_azure():
            bodies = await asyncio.gather(*(self.resources.get(ResourceId.parse(one.subnet_id)) for one in shown))
        return [network_of(one.region, one.subnet_id, body) for one, body in zip(shown, bodies, strict=True)], last

    async def images(self, tenant: Tenant, query: Mapping[str, str], page: Page) -> tuple[list[Image], str | None]:
        """Return a page of the images that a tenant can use: the hosting plan's, then its own by subscription."""
        gateway_of(self.gateways, tenant)
        kind, region = query.get("kind"), query.get("region")
        own = subscriptions_of(tenant, query.get("subscriptionId")) if kind != ImageKind.PLAN else ()
        of_plan = await self._plan_images(tenant) if kind != ImageKind.OWN and "subscriptionId" not in query else []
        places = ((_PLAN,) if of_plan else ()) + own

        async def read(place: str) -> list[Image]:
            if place == _PLAN:
                return of_plan
            found = [image_of(one) for one in await self.resources.in_subscription(place, IMAGE_TYPE)]
            return [one for one in found if region is None or one.region == "".join(region.split()).lower()]

        return await page_of_places(places, read, _by_name, page)

    async def image(self, tenant: Tenant, name: str, query: Mapping[str, str]) -> Image:
        """Return one image; the hosting plan's comes first. Refuses with `NotFound`, `AmbiguousName`."""
        gateway_of(self.gateways, tenant)
        of_plan = next((one for one in await self._plan_images(tenant) if same_text(one.name, name)), None)
        if of_plan is not None:
            return of_plan
        async with reading_azure():
            return image_of(await self.named(tenant, IMAGE_TYPE, "image", name, query))

    async def disks(self, tenant: Tenant, query: Mapping[str, str], page: Page) -> tuple[list[Disk], str | None]:
        """Return a page of a tenant's disks."""
        gateway_of(self.gateways, tenant)
        state, region = query.get("state"), query.get("region")
        accesses = await self.accesses.of_tenant(tenant.name)

        async def read(subscription: str) -> list[Disk]:
            listed = await self.resources.in_subscription(subscription, DISK_TYPE)
            found = [disk_of(one, accesses.get(ResourceId.parse(own_id(one)).key)) for one in listed]
            in_region = [one for one in found if region is None or one.region == "".join(region.split()).lower()]
            return [one for one in in_region if state is None or same_text(one.state, state)]

        return await page_of_places(subscriptions_of(tenant, query.get("subscriptionId")), read, _by_name, page)

    async def disk(self, tenant: Tenant, name: str, query: Mapping[str, str]) -> Disk:
        """Return one disk; refuses with `NotFound`, `AmbiguousName`."""
        gateway_of(self.gateways, tenant)
        async with reading_azure():
            body = await self.named(tenant, DISK_TYPE, "disk", name, query)
        access = await self.accesses.get(tenant.name, ResourceId.parse(own_id(body)))
        return disk_of(body, access.document if access is not None else None)

    async def named(self, tenant: Tenant, type_: str, kind: str, name: str, query: Mapping[str, str]) -> Json:
        """Return the document of a tenant's resource by its name or ARM id; refuses with `NotFound`, `AmbiguousName`."""
        return await self.existing(type_, kind, name, await self.located(tenant, type_, kind, name, query))

    async def located(self, tenant: Tenant, type_: str, kind: str, name: str, query: Mapping[str, str]) -> ResourceId:
        """Return the id of a tenant's resource by its name or ARM id; refuses with `NotFound`, `AmbiguousName`."""

        async def find(subscription: str, wanted: str) -> tuple[ResourceId, ...]:
            return await self.resources.find(subscription, type_, wanted)

        return await locate(tenant, Named.of(kind, type_, name, query), find)

    async def existing(self, type_: str, kind: str, name: str, found: ResourceId) -> Json:
        """Return the document of a resource that a caller named; refuses with `NotFound`."""
        body = await self.resources.get(found)
        if body is None:
            raise Named(kind, type_, name).missing
        return body

    async def plan(self, tenant: Tenant) -> HostingPlan | None:
        """Return the hosting plan that a tenant is on, or None."""
        record = await self.plans.get(tenant.plan) if tenant.plan is not None else None
        return record.plan if record is not None and not record.deleted else None

    async def _plan_images(self, tenant: Tenant) -> list[Image]:
        plan = await self.plan(tenant)
        return [plan_image(one.name, one.label, dict(one.reference)) for one in plan.images] if plan is not None else []

    async def _groups(self, tenant: Tenant, name: str, query: Mapping[str, str]) -> tuple[str, Json]:
        """Return the subscription and the document of the service of a name; refuses with `NotFound`, `AmbiguousName`."""
        if name.endswith(".") or not all(character.isalnum() or character in "_().-" for character in name):
            raise not_found(f"service '{name}'")
        subscriptions = subscriptions_of(tenant, query.get("subscriptionId"))
        bodies = await asyncio.gather(*(self.resources.group(one, name) for one in subscriptions))
        found = [(one, body) for one, body in zip(subscriptions, bodies, strict=True) if body is not None and not text(body, "managedBy")]
        if not found:
            raise not_found(f"service '{name}'")
        _only([body for _, body in found], name)
        return found[0]


def _only(found: Sequence[Json], name: str) -> Json:
    if len(found) > 1:
        ids = sorted(resource_id(one, "id") or text(one, "id") or "" for one in found)
        details = [Problem(ErrorCode.AMBIGUOUS_NAME, f"One is {one}.", one) for one in ids]
        message = f"Several have the name '{name}'. Add service and subscriptionId to the query."
        raise Refused(ErrorCode.AMBIGUOUS_NAME, message, target=name, details=details)
    return found[0]


def _by_name(row: Service | Image | Disk) -> tuple[str, str]:
    key = row.subscription_id if isinstance(row, Service) else row.id or row.name
    return row.name.lower(), key.lower()


def _by_id(one: SetFacts) -> tuple[str, str]:
    return last_segment(one.id).lower(), one.id.lower()


def _in(subscription: str, group: str, type_: str) -> ResourceId:
    return ResourceId.parse(f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{type_}/any")
