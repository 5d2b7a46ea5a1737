"""Load balancers: front ends, pools, probes, load-balancing rules, NAT rules of both versions."""

from local.simulation.arm.call import Call
from local.simulation.arm.errors import ArmError
from local.simulation.arm.tables import Json
from local.simulation.common import inputs
from local.simulation.common.document import Document
from local.simulation.ids import key, name
from local.simulation.network.documents import Kind, check_join, missing_reference, named, part_body
from local.simulation.network.interfaces import address_in_use, members_of, user_of_address
from local.simulation.network.models import KINDS, NetworkState

_FRONTS, _POOLS, _NAT = "frontendIPConfigurations", "backendAddressPools", "inboundNatRules"
_PROBES, _RULES, _OUTBOUND = "probes", "loadBalancingRules", "outboundRules"
_PARTS = {member: member for member in (_FRONTS, _POOLS, _NAT, _PROBES, _RULES, _OUTBOUND)}
_PROTOCOLS = ("Tcp", "Udp", "All")
_LAST_PORT = 65_534


def read(call: Call, row: Document, given: Json) -> Json:
    """Return the properties of a balancer: all its parts, each allowed beside the others."""
    if (row.sku or {}).get("name") != "Standard":
        raise ArmError(
            400, "InvalidLoadBalancerSku", "Load balancers of SKU Basic can no longer be created. Use Standard.", target="sku.name"
        )
    parts = {member: named(inputs.items(given, member), member) for member in _PARTS}
    for front in parts[_FRONTS]:
        _check_front(call, row, front)
    for member in (_NAT, _RULES):
        for rule in parts[member]:
            _check_rule(call, row, parts, member, rule)
    _check_overlaps(row, parts)
    return {member: items for member, items in parts.items() if items or member in row.properties}


def _check_front(call: Call, row: Document, front: Json) -> None:
    properties = front["properties"]
    address_id = inputs.reference(properties.get("publicIPAddress"), "publicIPAddress.id")
    subnet_id = inputs.reference(properties.get("subnet"), "subnet.id")
    if (address_id is None) == (subnet_id is None):
        raise ArmError(
            400,
            "LoadBalancerFrontendIPConfigurationMustHaveSubnetOrPublicIP",
            f"The front end {front['name']} must have a subnet or a public IP address.",
        )
    state = call.world.of(NetworkState)
    if subnet_id is not None:
        check_join(call, "Microsoft.Network/virtualNetworks/subnets/join/action", subnet_id)
        if state.subnet(subnet_id) is None:
            raise missing_reference(call, subnet_id)
    if address_id is not None:
        check_join(call, f"{KINDS['publicIPAddresses']}/join/action", address_id)
        found = state.there("publicIPAddresses", address_id, call.now)
        if found is None or found.deleted_at is not None or found.location != row.location:
            raise missing_reference(call, address_id)
        user = user_of_address(call, address_id)
        if user is not None and key(user) != key(f"{row.id}/{_FRONTS}/{front['name']}"):
            raise address_in_use(address_id, user)
    properties.setdefault("privateIPAllocationMethod", "Dynamic")


def _check_rule(call: Call, row: Document, parts: dict[str, list[Json]], member: str, rule: Json) -> None:
    properties = rule["properties"]
    protocol = next((each for each in _PROTOCOLS if each.lower() == str(properties.get("protocol")).lower()), None)
    if protocol is None:
        raise ArmError(
            400, "InvalidRequestFormat", f"The protocol of {rule['name']} is not one of {', '.join(_PROTOCOLS)}.", target="protocol"
        )
    properties["protocol"] = protocol
    for reference, part in (("frontendIPConfiguration", _FRONTS), ("backendAddressPool", _POOLS), ("probe", _PROBES)):
        _check_reference(call, row, parts, properties, reference, part)
    if "frontendIPConfiguration" not in properties:
        raise ArmError(400, "InvalidRequestFormat", f"The rule {rule['name']} has no front end.", target="frontendIPConfiguration")
    ranged = member == _NAT and properties.get("backendAddressPool") is not None
    for port in ("frontendPortRangeStart", "frontendPortRangeEnd", "backendPort") if ranged else ("frontendPort", "backendPort"):
        _check_port(rule["name"], port, properties.get(port), most=65_535 if port == "backendPort" else _LAST_PORT)
    first, last = _ports(properties)
    if ranged and last - first + 1 < max(1, len(members_of(call, str(properties["backendAddressPool"]["id"])))):
        raise ArmError(
            400,
            "InboundNatRuleFrontendPortRangeTooSmall",
            f"The front end port range of {rule['name']} has fewer ports than its pool has members.",
            target="frontendPortRangeEnd",
        )
    properties.setdefault("idleTimeoutInMinutes", 4)
    properties.setdefault("enableFloatingIP", False)
    properties.setdefault("enableTcpReset", False)


def _check_reference(call: Call, row: Document, parts: dict[str, list[Json]], properties: Json, reference: str, part: str) -> None:
    wanted = inputs.reference(properties.get(reference), f"{reference}.id")
    if wanted is None:
        properties.pop(reference, None)
        return
    known = {key(f"{row.id}/{part}/{each['name']}") for each in parts[part]}
    if key(wanted) not in known:
        raise missing_reference(call, wanted)
    properties[reference] = {"id": wanted}


def _check_port(rule: str, member: str, value: object, *, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ArmError(
            400,
            "InvalidLoadBalancerPort",
            f"The value '{value}' of '{member}' of {rule} is not valid: it must be a number from 1 to {most}.",
            target=member,
        )


def _ports(properties: Json) -> tuple[int, int]:
    """Return the first and the last front end port of a rule; of version 1 both are the same."""
    if properties.get("backendAddressPool") is not None and "frontendPortRangeStart" in properties:
        return int(properties["frontendPortRangeStart"]), int(properties["frontendPortRangeEnd"])
    return int(properties["frontendPort"]), int(properties["frontendPort"])


def _check_overlaps(row: Document, parts: dict[str, list[Json]]) -> None:
    rules = [(member, rule) for member in (_NAT, _RULES) for rule in parts[member]]
    for index, (member, rule) in enumerate(rules):
        for other_member, other in rules[:index]:
            one, two = rule["properties"], other["properties"]
            if not {one["protocol"], two["protocol"]} & {"All", one["protocol"]} & {"All", two["protocol"]}:
                continue
            names = f"{row.id}/{other_member}/{other['name']} and {row.id}/{member}/{rule['name']}"
            first, last = _ports(one)
            start, end = _ports(two)
            same_front = key(one["frontendIPConfiguration"]["id"]) == key(two["frontendIPConfiguration"]["id"])
            if same_front and first <= end and start <= last:
                raise ArmError(
                    400,
                    "RulesUseSameFrontendPortProtocolAndIPConfig",
                    f"Load balancing rules {names} use the same front end IP configuration, protocol {one['protocol']} and front end port.",
                )
            pools = [key(str((each.get("backendAddressPool") or {}).get("id", ""))) for each in (one, two)]
            if pools[0] == pools[1] != "/" and one["backendPort"] == two["backendPort"] and not one["enableFloatingIP"]:
                raise ArmError(
                    400,
                    "RulesUseSameBackendPortProtocolAndPool",
                    f"Load balancing rules {names} with floating IP disabled use the same protocol {one['protocol']} and backend port "
                    f"{one['backendPort']}, and must not be used with the same backend address pool {pools[0]}.",
                )


def show(call: Call, row: Document) -> Json:
    """Return the properties of a balancer as they are read, each part with what uses it."""
    shown: Json = {member: [part_body(BALANCERS, row, member, each, call) for each in row.properties.get(member, [])] for member in _PARTS}
    for front in shown[_FRONTS]:
        for member in (_NAT, _RULES):
            _refer(
                front,
                member,
                [each for each in shown[member] if key(each["properties"]["frontendIPConfiguration"]["id"]) == key(front["id"])],
            )
    for pool in shown[_POOLS]:
        members = [{"id": f"{owner.id}/ipConfigurations/{each['name']}"} for owner, each in members_of(call, pool["id"])]
        if members:
            pool["properties"]["backendIPConfigurations"] = members
        for member in (_NAT, _RULES):
            users = [
                each
                for each in shown[member]
                if key(str((each["properties"].get("backendAddressPool") or {}).get("id"))) == key(pool["id"])
            ]
            _refer(pool, member, users)
    return shown


def _refer(part: Json, member: str, users: list[Json]) -> None:
    if users:
        part["properties"][member] = [{"id": each["id"]} for each in users]


def check_deletion(call: Call, row: Document) -> None:
    """Refuse the deletion of a balancer that an interface's NAT rule of version 1 names."""
    for interface in call.world.of(NetworkState).live("networkInterfaces", call.now):
        for each in interface.properties.get("ipConfigurations", []):
            for rule in each["properties"].get("loadBalancerInboundNatRules") or []:
                if key(str(rule.get("id"))).startswith(f"{key(row.id)}/"):
                    raise ArmError(
                        400,
                        "LoadBalancerInUseByNetworkInterface",
                        f"Load balancer {name(row.id)} cannot be deleted: {interface.id} uses its rule {rule['id']}.",
                    )


BALANCERS = Kind("loadBalancers", read, show, check_deletion, _PARTS, default_sku="Basic")
