"""What Microsoft.Network answers."""

from local.simulation.arm.call import Answer, Call, page
from local.simulation.arm.errors import not_found
from local.simulation.arm.tables import Json
from local.simulation.ids import derived, key, name
from local.simulation.network.models import NetworkState, VirtualNetwork

NETWORK = "Microsoft.Network/virtualNetworks"


def get_network(call: Call) -> Answer:
    """`VirtualNetworks_Get`."""
    found = call.world.of(NetworkState).networks.get(key(call.path))
    if found is None:
        raise not_found(NETWORK, call.names[2], call.names[1])
    return Answer(200, body(found))


def list_networks(call: Call) -> Answer:
    """`VirtualNetworks_List` and `VirtualNetworks_ListAll`."""
    scope = f"/subscriptions/{call.names[0].lower()}/"
    if len(call.names) > 1:
        scope += f"resourcegroups/{call.names[1].lower()}/"
    return page(call, [row for row in call.world.of(NetworkState).networks.values() if key(row.id).startswith(scope)], body)


def body(row: VirtualNetwork) -> Json:
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
            "subnets": [
                {
                    "id": f"{row.id}/subnets/{subnet}",
                    "name": subnet,
                    "type": f"{NETWORK}/subnets",
                    "properties": {"addressPrefix": prefix, "provisioningState": "Succeeded"},
                }
                for subnet, prefix in row.subnets
            ],
            "virtualNetworkPeerings": [],
            "enableDdosProtection": False,
        },
    }
