"""Services, deployments, sizes, networks, images and disks over HTTP."""

from functools import partial
from typing import TYPE_CHECKING, Any

from functions.serve import serve
from shared.access.roles import Role
from shared.virtual_machines.listed import Deployment, Disk, Image, ImageKind, Network, Service, Size
from shared.virtual_machines.reading.places import PLACE
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.requests import QueryParameter
from shared.web.routes import Owner, Route

if TYPE_CHECKING:
    from shared.virtual_machines.reading.estate import EstateReader

_TENANT = "/tenants/{tenant}"
_SUBSCRIPTION = QueryParameter("subscriptionId", "Only what is in this subscription.", max_length=36)
_REGION = QueryParameter("region", "Only what is in this region.", max_length=64)
_SLOT = QueryParameter("slot", "The deployment of this slot only.", values=("Production", "Staging"))
_KIND = QueryParameter("kind", "Images of this kind only.", values=tuple(ImageKind))
_STATES = ("ActiveSAS", "ActiveSASFrozen", "ActiveUpload", "Attached", "Frozen", "ReadyToUpload", "Reserved", "Unattached")
_STATE = QueryParameter("state", "Disks in this state of Azure only (diskState).", values=_STATES)
_read = partial(Route, "GET", needed=Role.TENANTS_READ, owner=Owner.TENANT, refusals=(409,))

_DEPLOYMENTS = _read(
    f"{_TENANT}/services/{{service}}/deployments", "The deployments of a service, by name",
    response=Deployment, is_list=True, query=(_SUBSCRIPTION, _SLOT),
)  # fmt: skip


@serve(_read(f"{_TENANT}/services", "A tenant's services, by name", response=Service, is_list=True, query=(_SUBSCRIPTION,)))
async def list_services(call: Call[None]) -> HttpAnswer:
    """List a tenant's services; a page has those of one subscription."""
    found, last = await _reader(call).services(call.tenant, call.query, call.page)
    return call.listed(found, last)


@serve(_read(f"{_TENANT}/services/{{service}}", "One service", response=Service, query=(_SUBSCRIPTION,)))
async def get_service(call: Call[None]) -> HttpAnswer:
    """Return one service."""
    return call.ok(await _reader(call).service(call.tenant, call.path["service"], call.query))


@serve(_DEPLOYMENTS)
async def list_deployments(call: Call[None]) -> HttpAnswer:
    """List the deployments of a service, with their machines and ports."""
    found, last = await _reader(call).deployments(call.tenant, call.path["service"], call.query, call.page)
    return call.listed(found, last)


@serve(_read(f"{_TENANT}/services/{{service}}/deployments/{{deployment}}", "One deployment", response=Deployment, query=(_SUBSCRIPTION,)))
async def get_deployment(call: Call[None]) -> HttpAnswer:
    """Return one deployment, with its machines and ports."""
    found = await _reader(call).deployment(call.tenant, call.path["service"], call.path["deployment"], call.query)
    return call.ok(found)


@serve(_read(f"{_TENANT}/sizes", "The sizes that a tenant can choose", response=Size, is_list=True, query=(_REGION, _SUBSCRIPTION)))
async def list_sizes(call: Call[None]) -> HttpAnswer:
    """List the sizes that a tenant can choose in a region, with Azure's figures."""
    return call.listed(*await _reader(call).sizes(call.tenant, call.query, call.page))


@serve(_read(f"{_TENANT}/networks", "A tenant's networks for new machines", response=Network, is_list=True, query=(_REGION, _SUBSCRIPTION)))
async def list_networks(call: Call[None]) -> HttpAnswer:
    """List the registry's networks of a tenant, with their free addresses."""
    return call.listed(*await _reader(call).networks(call.tenant, call.query, call.page))


@serve(_read(f"{_TENANT}/images", "Images for new machines", response=Image, is_list=True, query=(_KIND, _REGION, _SUBSCRIPTION)))
async def list_images(call: Call[None]) -> HttpAnswer:
    """List the images that a tenant can use: the hosting plan's and its own."""
    found, last = await _reader(call).images(call.tenant, call.query, call.page)
    return call.listed(found, last)


@serve(_read(f"{_TENANT}/images/{{image}}", "One image", response=Image, query=PLACE))
async def get_image(call: Call[None]) -> HttpAnswer:
    """Return one image."""
    return call.ok(await _reader(call).image(call.tenant, call.path["image"], call.query))


@serve(_read(f"{_TENANT}/disks", "A tenant's disks, by name", response=Disk, is_list=True, query=(_STATE, _REGION, _SUBSCRIPTION)))
async def list_disks(call: Call[None]) -> HttpAnswer:
    """List a tenant's disks; a page has those of one subscription."""
    found, last = await _reader(call).disks(call.tenant, call.query, call.page)
    return call.listed(found, last)


@serve(_read(f"{_TENANT}/disks/{{disk}}", "One disk", response=Disk, query=PLACE))
async def get_disk(call: Call[None]) -> HttpAnswer:
    """Return one disk."""
    return call.ok(await _reader(call).disk(call.tenant, call.path["disk"], call.query))


def _reader(call: Call[Any]) -> "EstateReader":
    from shared.virtual_machines.reading.estate import EstateReader

    return call.of(EstateReader)
