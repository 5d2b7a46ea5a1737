"""Public addresses."""

import ipaddress

from local.simulation.arm.call import Call
from local.simulation.arm.errors import ArmError
from local.simulation.arm.tables import Json
from local.simulation.common.document import Document
from local.simulation.compute.sizes.usages import limit
from local.simulation.compute.state import ComputeState
from local.simulation.ids import subscription
from local.simulation.network.documents import Kind
from local.simulation.network.interfaces import user_of_address
from local.simulation.network.models import NetworkState

_FIRST = int(ipaddress.ip_address("203.0.113.1"))
_QUOTA = "PublicIPAddresses"


def read(call: Call, row: Document, given: Json) -> Json:
    """Return the properties of an address; a new one gets the next that is free."""
    sku = str((row.sku or {}).get("name"))
    if sku != "Standard":
        raise ArmError(
            400, "InvalidPublicIpSku", f"Public IP addresses of SKU '{sku}' can no longer be created. Use Standard.", target="sku.name"
        )
    method = given.get("publicIPAllocationMethod", "Dynamic")
    if method != "Static":
        raise ArmError(
            400,
            "InvalidPublicIPAllocationMethod",
            f"Public IP address {row.id} of SKU Standard must have the allocation method Static, not {method}.",
            target="publicIPAllocationMethod",
        )
    body: Json = {
        "publicIPAllocationMethod": "Static",
        "publicIPAddressVersion": given.get("publicIPAddressVersion", "IPv4"),
        "idleTimeoutInMinutes": int(given.get("idleTimeoutInMinutes", 4)),
        "ipAddress": row.properties.get("ipAddress") or _next(call, row),
    }
    return body | ({"dnsSettings": given["dnsSettings"]} if given.get("dnsSettings") else {})


def _next(call: Call, row: Document) -> str:
    rows = call.world.of(NetworkState).live("publicIPAddresses", call.now)
    own = [each for each in rows if subscription(each.id) == subscription(row.id) and each.location == row.location]
    most = limit(call.world.of(ComputeState), subscription(row.id), row.location, _QUOTA)
    if len(own) >= most:
        raise ArmError(
            400,
            "PublicIPCountLimitReached",
            f"Cannot create more than {most} public IP addresses for this subscription in this region.",
        )
    used = {str(each.properties.get("ipAddress")) for each in rows}
    number = _FIRST
    while str(ipaddress.ip_address(number)) in used:
        number += 1
    return str(ipaddress.ip_address(number))


def show(call: Call, row: Document) -> Json:
    """Return the properties of an address as they are read."""
    user = user_of_address(call, row.id)
    return dict(row.properties) | ({"ipConfiguration": {"id": user}} if user else {})


def check_deletion(call: Call, row: Document) -> None:
    """Refuse the deletion of an address that an interface or a balancer has."""
    user = user_of_address(call, row.id)
    if user is not None:
        raise ArmError(
            400,
            "PublicIPAddressCannotBeDeleted",
            f"Public IP address {row.id} can not be deleted since it is still allocated to resource {user}. In order to delete the public "
            "IP, disassociate/detach the Public IP address from the resource.",
        )


ADDRESSES = Kind("publicIPAddresses", read, show, check_deletion, {}, default_sku="Basic")
