"""The routes of Microsoft.Network, and its registration."""

from collections.abc import Iterator
from functools import partial

from local.simulation.arm.call import Route
from local.simulation.arm.service import Service
from local.simulation.network import documents, operations, responses
from local.simulation.network.addresses import ADDRESSES
from local.simulation.network.balancers import BALANCERS
from local.simulation.network.documents import Kind
from local.simulation.network.interfaces import INTERFACES
from local.simulation.network.models import KINDS, NetworkState
from local.simulation.network.security_groups import SECURITY_GROUPS

_VERSIONS = (
    *("2021-02-01", "2021-05-01", "2021-08-01", "2022-01-01", "2022-05-01", "2022-07-01", "2022-09-01", "2022-11-01", "2023-02-01"),
    *("2023-04-01", "2023-05-01", "2023-06-01", "2023-09-01", "2023-11-01", "2024-01-01", "2024-03-01", "2024-05-01", "2024-07-01"),
    *("2024-10-01", "2025-01-01", "2025-03-01", "2025-05-01"),
)
_SUBSCRIPTION = "/subscriptions/*/providers/microsoft.network"
_GROUP = "/subscriptions/*/resourcegroups/*/providers/microsoft.network"
_SUBNETS = f"{responses.NETWORK}/subnets"
#: The names of the specification's operations, by kind and by part; parts that are only read within their resource have none.
_OPERATIONS = {
    "networkInterfaces": "NetworkInterfaces",
    "networkSecurityGroups": "NetworkSecurityGroups",
    "publicIPAddresses": "PublicIPAddresses",
    "loadBalancers": "LoadBalancers",
}
_PARTS = {
    ("networkSecurityGroups", "securityRules"): ("SecurityRules", True),
    ("loadBalancers", "inboundNatRules"): ("InboundNatRules", True),
    ("loadBalancers", "backendAddressPools"): ("LoadBalancerBackendAddressPools", True),
    ("loadBalancers", "frontendIPConfigurations"): ("LoadBalancerFrontendIPConfigurations", False),
    ("loadBalancers", "loadBalancingRules"): ("LoadBalancerLoadBalancingRules", False),
    ("loadBalancers", "probes"): ("LoadBalancerProbes", False),
}


def _of_networks() -> Iterator[Route]:
    one = f"{_GROUP}/virtualnetworks/*"
    for template, operation, kind, handle in (
        (one, "VirtualNetworks_Get", responses.NETWORK, responses.get_network),
        (f"{_GROUP}/virtualnetworks", "VirtualNetworks_List", responses.NETWORK, responses.list_networks),
        (f"{_SUBSCRIPTION}/virtualnetworks", "VirtualNetworks_ListAll", responses.NETWORK, responses.list_networks),
        (f"{one}/subnets/*", "Subnets_Get", _SUBNETS, responses.get_subnet),
        (f"{one}/subnets", "Subnets_List", _SUBNETS, responses.list_subnets),
    ):
        yield Route("GET", template, operation, f"{kind}/read", handle, kind, _VERSIONS)


def _of_kind(kind: Kind) -> Iterator[Route]:
    one, prefix = f"{_GROUP}/{kind.name.lower()}/*", _OPERATIONS[kind.name]
    for method, template, operation, action, handle in (
        ("PUT", one, "CreateOrUpdate", "write", documents.put),
        ("PATCH", one, "UpdateTags", "write", documents.patch),
        ("GET", one, "Get", "read", documents.get),
        ("DELETE", one, "Delete", "delete", documents.delete),
        ("GET", f"{_GROUP}/{kind.name.lower()}", "List", "read", documents.list_all),
        ("GET", f"{_SUBSCRIPTION}/{kind.name.lower()}", "ListAll", "read", documents.list_all),
    ):
        yield Route(method, template, f"{prefix}_{operation}", f"{kind.type}/{action}", partial(handle, kind), kind.type, _VERSIONS)
    for (owner, part), (part_prefix, writable) in _PARTS.items():
        if owner == kind.name:
            yield from _of_part(kind, f"{one}/{part.lower()}", part, part_prefix, writable=writable)


def _of_part(kind: Kind, template: str, part: str, prefix: str, *, writable: bool) -> Iterator[Route]:
    part_type = f"{kind.type}/{part}"
    yield Route("GET", template, f"{prefix}_List", f"{part_type}/read", partial(documents.list_parts, kind), part_type, _VERSIONS)
    yield Route("GET", f"{template}/*", f"{prefix}_Get", f"{part_type}/read", partial(documents.get_part, kind), part_type, _VERSIONS)
    if writable:
        put, delete = partial(documents.put_part, kind), partial(documents.delete_part, kind)
        yield Route("PUT", f"{template}/*", f"{prefix}_CreateOrUpdate", f"{part_type}/write", put, part_type, _VERSIONS)
        yield Route("DELETE", f"{template}/*", f"{prefix}_Delete", f"{part_type}/delete", delete, part_type, _VERSIONS)


def _of_operations() -> Iterator[Route]:
    for segment, handle in (("operations", operations.get), ("operationresults", operations.get_result)):
        template = f"{_SUBSCRIPTION}/locations/*/{segment}/*"
        yield Route("GET", template, f"Network_{segment}", None, handle, "Microsoft.Network/locations/operations", _VERSIONS)


ROUTES = (
    *_of_networks(),
    *(route for kind in (INTERFACES, SECURITY_GROUPS, ADDRESSES, BALANCERS) for route in _of_kind(kind)),
    *_of_operations(),
)

SERVICE = Service("Microsoft.Network", ROUTES, NetworkState, lists=("virtualNetworks", *KINDS))
