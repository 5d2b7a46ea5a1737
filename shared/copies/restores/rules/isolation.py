"""Whether a virtual network is isolated, so that a machine restored into it meets none of those that it worked with."""

from shared.arm.reading import id_key, own_id
from shared.copies.restores.rules.captured import MachineAsItWas
from shared.values.reading import Json, an_object, last_segment, objects, same_text, text

_GATEWAY_SUBNET = "GatewaySubnet"
_GATEWAY = "/virtualnetworkgateways/"


def why_connected(network: Json, was: MachineAsItWas | None = None) -> str | None:
    """Return why a network is not isolated, a clause for a message: a peering, a gateway, an interface of the source; else None."""
    properties = an_object(network, "properties")
    for peering in objects(properties, "virtualNetworkPeerings"):
        of_peering = an_object(peering, "properties")
        if same_text(text(of_peering, "peeringState"), "Connected"):
            remote = text(an_object(of_peering, "remoteVirtualNetwork"), "id")
            return f"it is peered with {last_segment(remote) or 'another network'}"
    own = {id_key(interface.id) for interface in was.network_interfaces} if was is not None else set()
    for subnet in objects(properties, "subnets"):
        users = [key for one in objects(an_object(subnet, "properties"), "ipConfigurations") if (key := id_key(own_id(one))) is not None]
        if any(_GATEWAY in user for user in users) or (users and same_text(text(subnet, "name"), _GATEWAY_SUBNET)):
            return "it has a virtual network gateway"
        if any(user.partition("/ipconfigurations/")[0] in own for user in users):
            return "an interface of the restored machine's source is in it"
    return None
