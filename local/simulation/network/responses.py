"""What Microsoft.Network answers."""

from collections.abc import Mapping
from typing import Any

from local.simulation.arm.call import Answer, Call, page
from local.simulation.arm.errors import not_found
from local.simulation.arm.tables import Json
from local.simulation.common.listing import within
from local.simulation.ids import derived, key, name
from local.simulation.network.interfaces import configurations_in
from local.simulation.network.models import NetworkState, VirtualNetwork

NETWORK = "Microsoft.Network/virtualNetworks"


def get_network(call: Call) -> Answer:
    """`VirtualNetworks_Get`."""
    return Answer(200, body(_network(call), call))


def list_networks(call: Call) -> Answer:
    """`VirtualNetworks_List` and `VirtualNetworks_ListAll`."""
    return page(call, within(call, call.world.of(NetworkState).networks.values()), lambda row: body(row, call))


def get_subnet(call: Call) -> Answer:
    """`Subnets_Get`."""
    network, name_of_subnet = _network(call), name(call.path)
    for each in body(network, call)["properties"]["subnets"]:
        if each["name"].lower() == name_of_subnet.lower():
            return Answer(200, each)
    raise not_found(f"{NETWORK}/subnets", f"{name(network.id)}/{name_of_subnet}", call.names[1])


def list_subnets(call: Call) -> Answer:
    """`Subnets_List`."""
    return page(call, body(_network(call), call)["properties"]["subnets"], lambda each: each)


def _network(call: Call) -> VirtualNetwork:
    found = call.world.of(NetworkState).networks.get("/" + "/".join(key(call.path).split("/")[1:9]))
    if found is None:
        raise not_found(NETWORK, call.names[2], call.names[1])
    return found


def body(row: VirtualNetwork, call: Call) -> Json:
    """Return a `VirtualNetwork`."""
    return {
        "id": row.id,
        "name": name(row.id),
        "type": NETWORK,
        "location": row.location,
        "tags": dict(row.tags),
        "properties": {
            "provisioningState": "Succeeded",
            "resourceGuid": derived("network", row.id),
            "addressSpace": {"addressPrefixes": list(row.address_prefixes)},
            "subnets": [_subnet(row, subnet, prefix, call) for subnet, prefix in row.subnets],
            "virtualNetworkPeerings": [_peering(row, each) for each in row.peerings],
            "enableDdosProtection": False,
        },
    }


def _subnet(row: VirtualNetwork, subnet: str, prefix: str, call: Call) -> Json:
    subnet_id = f"{row.id}/subnets/{subnet}"
    properties: Json = {"addressPrefix": prefix, "provisioningState": "Succeeded"}
    for member, value in row.further.get(subnet, {}).items():
        properties[member] = value if isinstance(value, bool) else {"id": value}
    users = [{"id": f"{owner.id}/ipConfigurations/{each['name']}"} for owner, each in configurations_in(call, subnet_id)]
    if users:
        properties["ipConfigurations"] = users
    return {"id": subnet_id, "name": subnet, "type": f"{NETWORK}/subnets", "properties": properties}


def _peering(row: VirtualNetwork, given: Mapping[str, Any]) -> Json:
    return {
        "id": f"{row.id}/virtualNetworkPeerings/{given['name']}",
        "name": given["name"],
        "type": f"{NETWORK}/virtualNetworkPeerings",
        "properties": {
            "remoteVirtualNetwork": {"id": given["remote"]},
            "peeringState": given.get("state", "Connected"),
            "provisioningState": "Succeeded",
        },
    }
