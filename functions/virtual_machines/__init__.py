"""Capability `virtual_machines`: what tenants have in Azure or on Azure Pack, read and changed."""

from collections.abc import Iterable
from dataclasses import replace

from functions.serve import endpoints as declared_in
from functions.virtual_machines import accesses, changes, checkpoints, disks, estate, machines, ports
from functions.virtual_machines.variants import ON_AZURE_PACK, OTHERWISE
from shared.access.records.azure_pack_subscriptions import TABLE as SUBSCRIPTIONS
from shared.access.records.tenant import Backend
from shared.capability import Capability, Core, Parts
from shared.installations import TABLE as INSTALLATIONS
from shared.quotas.table import TABLE as QUOTAS
from shared.tenant_queues import REQUESTS
from shared.virtual_machines.kinds import DISK_ACCESSES, VIRTUAL_MACHINE
from shared.web.calls import Endpoint


def _assemble(core: Core) -> Parts:
    from shared.virtual_machines.assemble import assemble

    return assemble(core)


def _of_both_backends(endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """Return endpoints that serve tenants of both backends; one without a variant is refused for tenants on Azure Pack."""
    return tuple(_with_variant(endpoint) for endpoint in endpoints)


def _with_variant(endpoint: Endpoint) -> Endpoint:
    variant = ON_AZURE_PACK.get(endpoint.name, OTHERWISE)
    route = replace(endpoint.route, other_request=variant.request, other_response=variant.response)
    return replace(endpoint, route=route, variants={str(Backend.AZURE_PACK): variant})


CAPABILITY = Capability(
    name="virtual_machines",
    assemble=_assemble,
    kinds=(VIRTUAL_MACHINE,),
    tables=(INSTALLATIONS, SUBSCRIPTIONS, DISK_ACCESSES, QUOTAS),
    intake=REQUESTS,
    endpoints=_of_both_backends(declared_in(machines, disks, ports, estate, changes, checkpoints, accesses)),
)
