"""Network interfaces: addresses of subnets, security groups, pools of balancers."""

import ipaddress
from collections.abc import Iterator
from typing import Any

from local.simulation.arm.call import Call
from local.simulation.arm.errors import ArmError
from local.simulation.arm.tables import Json
from local.simulation.common import inputs
from local.simulation.common.document import Document
from local.simulation.compute.state import ComputeState
from local.simulation.compute.virtual_machines.interfaces import check_not_reserved
from local.simulation.ids import derived, key, name, parent
from local.simulation.network.documents import Kind, check_idle, check_join, missing_reference, named, part_body
from local.simulation.network.models import KINDS, NetworkState

#: Azure keeps the first four addresses of a subnet, and the last.
_KEPT_FIRST = 4
_POOLS = "loadBalancerBackendAddressPools"


def read(call: Call, row: Document, given: Json) -> Json:
    """Return the properties of an interface, with an address for each IP configuration."""
    configurations = named(inputs.items(given, "ipConfigurations"), "ipConfigurations")
    if not configurations:
        raise ArmError(400, "InvalidRequestFormat", "A network interface needs at least one IP configuration.", target="ipConfigurations")
    known = {each["name"].lower(): each["properties"] for each in row.properties.get("ipConfigurations", [])}
    taken: list[str] = []
    for index, each in enumerate(configurations):
        properties = each["properties"]
        properties.setdefault("primary", index == 0)
        properties.setdefault("privateIPAddressVersion", "IPv4")
        properties.setdefault("privateIPAllocationMethod", "Dynamic")
        _place(call, row, properties, known.get(each["name"].lower(), {}), taken)
        _check_public(call, row, properties)
        for pool in properties.get(_POOLS) or []:
            _check_pool(call, row, str(pool.get("id")), str(properties["subnet"]["id"]))
    group = inputs.reference(given.get("networkSecurityGroup"), "networkSecurityGroup.id")
    if group is not None:
        check_join(call, f"{KINDS['networkSecurityGroups']}/join/action", group)
        found = call.world.of(NetworkState).there("networkSecurityGroups", group, call.now)
        if found is None or found.location != row.location:
            raise missing_reference(call, group)
    body: Json = {"ipConfigurations": configurations, "dnsSettings": inputs.inner(given, "dnsSettings") or {"dnsServers": []}}
    for member in ("enableAcceleratedNetworking", "enableIPForwarding"):
        body[member] = bool(given.get(member, False))
    return body | ({"networkSecurityGroup": {"id": group}} if group else {})


def _place(call: Call, row: Document, properties: Json, known: Json, taken: list[str]) -> None:
    """Give an IP configuration its address: the one that it asks for, the one that it has, or the next that is free."""
    subnet_id = inputs.reference(properties.get("subnet"), "ipConfigurations.subnet.id")
    if subnet_id is None:
        raise ArmError(400, "InvalidRequestFormat", "An IP configuration needs a subnet.", target="ipConfigurations.subnet")
    check_join(call, "Microsoft.Network/virtualNetworks/subnets/join/action", subnet_id)
    found = call.world.of(NetworkState).subnet(subnet_id)
    if found is None or found[0].location != row.location:
        raise missing_reference(call, subnet_id)
    prefix = ipaddress.ip_network(found[1])
    used = {*addresses_in(call, subnet_id, but=row.id), *taken}
    wanted = properties.get("privateIPAddress") if properties["privateIPAllocationMethod"] == "Static" else None
    if wanted is None and key(str(known.get("subnet", {}).get("id", ""))) == key(subnet_id):
        wanted = known.get("privateIPAddress")
    elif wanted is not None:
        _check_address(str(wanted), prefix, used, found[1], subnet_id)
    address = str(wanted) if wanted is not None else _free(prefix, used)
    if address is None:
        raise ArmError(
            400,
            "SubnetIsFull",
            f"Subnet {name(subnet_id)} with address prefix {found[1]} does not have enough capacity for 1 IP addresses.",
            target="subnet",
        )
    taken.append(address)
    properties["privateIPAddress"] = address
    properties["subnet"] = {"id": subnet_id}


def _check_address(wanted: str, prefix: Any, used: set[str], text: str, subnet_id: str) -> None:  # noqa: ANN401  # IPv4 or IPv6 network
    try:
        inside = ipaddress.ip_address(wanted) in prefix
    except ValueError:
        inside = False
    if not inside:
        raise ArmError(
            400,
            "PrivateIPAddressNotInSubnet",
            f"Private static IP address {wanted} does not belong to the range of subnet prefix {text}.",
            target="privateIPAddress",
        )
    if wanted in used:
        raise ArmError(
            400, "PrivateIPAddressInUse", f"IP address {wanted} of subnet {subnet_id} is in use already.", target="privateIPAddress"
        )


def _free(prefix: Any, used: set[str]) -> str | None:  # noqa: ANN401  # IPv4 or IPv6 network
    last = int(prefix.broadcast_address)
    for number in range(int(prefix.network_address) + _KEPT_FIRST, last):
        address = str(ipaddress.ip_address(number))
        if address not in used:
            return address
    return None


def configurations_in(call: Call, subnet_id: str) -> Iterator[tuple[Document, Json]]:
    """Return the IP configurations that a subnet has, with their interfaces."""
    wanted = key(subnet_id)
    for row in call.world.of(NetworkState).live("networkInterfaces", call.now):
        for each in row.properties.get("ipConfigurations", []):
            if key(str(each["properties"].get("subnet", {}).get("id", ""))) == wanted:
                yield row, each


def addresses_in(call: Call, subnet_id: str, *, but: str = "") -> Iterator[str]:
    """Return the addresses of a subnet that are in use."""
    for row, each in configurations_in(call, subnet_id):
        if key(row.id) != key(but) and each["properties"].get("privateIPAddress"):
            yield str(each["properties"]["privateIPAddress"])


def _check_public(call: Call, row: Document, properties: Json) -> None:
    address_id = inputs.reference(properties.get("publicIPAddress"), "ipConfigurations.publicIPAddress.id")
    if address_id is None:
        return
    check_join(call, f"{KINDS['publicIPAddresses']}/join/action", address_id)
    found = call.world.of(NetworkState).there("publicIPAddresses", address_id, call.now)
    if found is None or found.location != row.location:
        raise missing_reference(call, address_id)
    user = user_of_address(call, address_id)
    if user is not None and not key(user).startswith(f"{key(row.id)}/"):
        raise address_in_use(address_id, user)


def address_in_use(address_id: str, user: str) -> ArmError:
    """Return the refusal of a public address that something else has."""
    return ArmError(400, "PublicIPAddressInUse", f"Resource {address_id} is already allocated to resource {user}.")


def user_of_address(call: Call, address_id: str) -> str | None:
    """Return the id of the IP configuration, of an interface or a balancer, that has a public address."""
    state, wanted = call.world.of(NetworkState), key(address_id)
    for kind, member in (("networkInterfaces", "ipConfigurations"), ("loadBalancers", "frontendIPConfigurations")):
        for row in state.live(kind, call.now):
            for each in row.properties.get(member, []):
                if key(str((each["properties"].get("publicIPAddress") or {}).get("id", ""))) == wanted:
                    return f"{row.id}/{member}/{each['name']}"
    return None


def _check_pool(call: Call, row: Document, pool_id: str, subnet_id: str) -> None:
    check_join(call, f"{KINDS['loadBalancers']}/backendAddressPools/join/action", pool_id)
    state = call.world.of(NetworkState)
    balancer = state.there("loadBalancers", parent(pool_id), call.now)
    pools = balancer.properties.get("backendAddressPools", []) if balancer is not None else []
    if balancer is None or balancer.location != row.location or name(pool_id).lower() not in {each["name"].lower() for each in pools}:
        raise missing_reference(call, pool_id)
    there = {
        key(str(pool.get("id"))) for each in row.properties.get("ipConfigurations", []) for pool in each["properties"].get(_POOLS) or []
    }
    if key(pool_id) in there:
        return
    check_idle(balancer, call)
    for member in members_of(call, pool_id):
        other = str(member[1]["properties"]["subnet"]["id"])
        if key(parent(other)) != key(parent(subnet_id)):
            raise ArmError(
                400,
                "NetworkInterfacesInBackendPoolOfDifferentVirtualNetworks",
                f"Network interfaces of the pool {pool_id} are in different virtual networks.",
            )
    _check_other_balancers(call, row, balancer)


def members_of(call: Call, pool_id: str) -> list[tuple[Document, Json]]:
    """Return the IP configurations in a pool, with their interfaces."""
    wanted = key(pool_id)
    return [
        (row, each)
        for row in call.world.of(NetworkState).live("networkInterfaces", call.now)
        for each in row.properties.get("ipConfigurations", [])
        if wanted in {key(str(pool.get("id"))) for pool in each["properties"].get(_POOLS) or []}
    ]


def is_public(balancer: Document) -> bool:
    """Return whether a balancer has a public front end."""
    return any(each["properties"].get("publicIPAddress") for each in balancer.properties.get("frontendIPConfigurations", []))


def _check_other_balancers(call: Call, row: Document, balancer: Document) -> None:
    """Refuse a second balancer of the same sort, public or internal, behind one interface or one availability set."""
    compute, state = call.world.of(ComputeState), call.world.of(NetworkState)
    interfaces = {key(row.id)}
    for machine in compute.attached_to(row.id, call.now):
        if machine.availability_set is not None:
            for other in compute.attached_to(machine.availability_set, call.now):
                interfaces |= {key(each.id) for each in other.interfaces}
    for each in interfaces:
        found = state.there("networkInterfaces", each, call.now)
        for configuration in found.properties.get("ipConfigurations", []) if found is not None else []:
            for pool in configuration["properties"].get(_POOLS) or []:
                other_balancer = state.there("loadBalancers", parent(str(pool["id"])), call.now)
                if other_balancer is None or key(other_balancer.id) == key(balancer.id) or is_public(other_balancer) != is_public(balancer):
                    continue
                raise ArmError(
                    400,
                    "NetworkInterfacesInAvailabilitySetUseMultipleLoadBalancersOfSameType",
                    f"Network interfaces of one availability set use several load balancers of the same type (Internal or Public): "
                    f"{other_balancer.id}, {balancer.id}.",
                )


def show(call: Call, row: Document) -> Json:
    """Return the properties of an interface as they are read."""
    shown: Json = dict(row.properties)
    shown["ipConfigurations"] = []
    for each in row.properties.get("ipConfigurations", []):
        part = part_body(INTERFACES, row, "ipConfigurations", each, call)
        pools = [pool for pool in each["properties"].get(_POOLS) or [] if _pool_is_there(call, str(pool.get("id")))]
        part["properties"].pop(_POOLS, None)
        if pools:
            part["properties"][_POOLS] = pools
        shown["ipConfigurations"].append(part)
    machines = call.world.of(ComputeState).attached_to(row.id, call.now)
    if machines:
        attached = next(each for each in machines[0].interfaces if key(each.id) == key(row.id))
        digits = derived("mac", row.id).replace("-", "").upper()
        shown |= {"virtualMachine": {"id": machines[0].id}, "primary": attached.primary}
        shown["macAddress"] = f"00-0D-3A-{digits[0:2]}-{digits[2:4]}-{digits[4:6]}"
    return shown


def _pool_is_there(call: Call, pool_id: str) -> bool:
    balancer = call.world.of(NetworkState).there("loadBalancers", parent(pool_id), call.now)
    pools = balancer.properties.get("backendAddressPools", []) if balancer is not None else []
    return name(pool_id).lower() in {each["name"].lower() for each in pools}


def check_deletion(call: Call, row: Document) -> None:
    """Refuse the deletion of an interface that a machine has, or that is kept for one."""
    machines = call.world.of(ComputeState).attached_to(row.id, call.now)
    if machines:
        raise ArmError(
            400,
            "NicInUse",
            f"Network Interface {row.id} is used by existing resource {machines[0].id}. In order to delete the network interface, it must "
            "be dissociated from the resource.",
        )
    check_not_reserved(row, call.now)


INTERFACES = Kind("networkInterfaces", read, show, check_deletion, {"ipConfigurations": "ipConfigurations"})
