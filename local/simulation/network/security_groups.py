"""Network security groups and their rules."""

import ipaddress
import re
from typing import Any

from local.simulation.arm.call import Call
from local.simulation.arm.errors import ArmError
from local.simulation.arm.tables import Json
from local.simulation.common import inputs
from local.simulation.common.document import Document
from local.simulation.ids import key
from local.simulation.network.documents import Kind, named, part_body
from local.simulation.network.models import NetworkState

_PROTOCOLS = ("*", "Tcp", "Udp", "Icmp", "Esp", "Ah")
_CHOICES = {"protocol": _PROTOCOLS, "access": ("Allow", "Deny"), "direction": ("Inbound", "Outbound")}
_PORTS = re.compile(r"\*|\d{1,5}(-\d{1,5})?")
_SERVICE_TAG = re.compile(r"[A-Za-z][A-Za-z0-9.]*")
_DEFAULTS = (
    ("AllowVnetInBound", 65000, "Inbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowAzureLoadBalancerInBound", 65001, "Inbound", "Allow", "AzureLoadBalancer", "*"),
    ("DenyAllInBound", 65500, "Inbound", "Deny", "*", "*"),
    ("AllowVnetOutBound", 65000, "Outbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowInternetOutBound", 65001, "Outbound", "Allow", "*", "Internet"),
    ("DenyAllOutBound", 65500, "Outbound", "Deny", "*", "*"),
)


def read(call: Call, row: Document, given: Json) -> Json:
    """Return the properties of a group: its rules, no two of which have one priority in one direction."""
    del call, row
    rules = named(inputs.items(given, "securityRules"), "securityRules")
    taken: dict[tuple[str, int], str] = {}
    for rule in rules:
        properties = rule["properties"]
        _check(rule["name"], properties)
        where = (properties["direction"], properties["priority"])
        if where in taken:
            raise ArmError(
                400,
                "SecurityRuleConflict",
                f"Security rule {rule['name']} conflicts with rule {taken[where]}. Rules cannot have the same Priority and Direction.",
            )
        taken[where] = rule["name"]
    return {"securityRules": rules}


def _check(rule: str, properties: Json) -> None:
    for member, known in _CHOICES.items():
        found = next((each for each in known if each.lower() == str(properties.get(member)).lower()), None)
        if found is None:
            raise _invalid(rule, member, properties.get(member))
        properties[member] = found
    priority = properties.get("priority")
    if isinstance(priority, bool) or not isinstance(priority, int) or not 100 <= priority <= 4096:
        raise ArmError(
            400,
            "SecurityRuleInvalidPriority",
            f"Security rule has invalid Priority. Value provided: {priority} Allowed range 100-4096.",
            target="priority",
        )
    for member in ("sourcePortRange", "destinationPortRange"):
        _check_each(rule, properties, member, member + "s", _is_port_range, "SecurityRuleInvalidPortRange")
    for member in ("sourceAddressPrefix", "destinationAddressPrefix"):
        _check_each(rule, properties, member, member + "es", _is_address, "SecurityRuleInvalidAddressPrefix")


def _check_each(rule: str, properties: Json, one: str, many: str, fits: Any, code: str) -> None:  # noqa: ANN401  # a predicate of a text
    given = [*([properties[one]] if properties.get(one) else []), *(properties.get(many) or [])]
    if not given or (properties.get(one) and properties.get(many)):
        raise ArmError(400, "SecurityRuleParameterMissing", f"Security rule {rule} needs exactly one of '{one}' and '{many}'.", target=one)
    for each in given:
        if not fits(str(each)):
            raise ArmError(400, code, f"Security rule {rule} has an invalid value for '{one}': '{each}'.", target=one)


def _is_port_range(text: str) -> bool:
    if not _PORTS.fullmatch(text):
        return False
    first, _, last = text.partition("-")
    return text == "*" or int(first) <= int(last or first) <= 65_535


def _is_address(text: str) -> bool:
    if text == "*" or _SERVICE_TAG.fullmatch(text):
        return True
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _invalid(rule: str, member: str, value: object) -> ArmError:
    return ArmError(400, "SecurityRuleInvalidValue", f"Security rule {rule} has an invalid value for '{member}': '{value}'.", target=member)


def show(call: Call, row: Document) -> Json:
    """Return the properties of a group as they are read."""
    interfaces = [each.id for each in users(call, row.id)]
    shown: Json = {
        "securityRules": [part_body(SECURITY_GROUPS, row, "securityRules", each, call) for each in row.properties.get("securityRules", [])],
        "defaultSecurityRules": [_default(call, row, *each) for each in _DEFAULTS],
    }
    subnets = subnets_with(call, row.id)
    shown |= {"networkInterfaces": [{"id": each} for each in interfaces]} if interfaces else {}
    return shown | ({"subnets": [{"id": each} for each in subnets]} if subnets else {})


def _default(call: Call, row: Document, name: str, priority: int, direction: str, access: str, source: str, destination: str) -> Json:
    properties = {
        "protocol": "*",
        "sourcePortRange": "*",
        "destinationPortRange": "*",
        "sourceAddressPrefix": source,
        "destinationAddressPrefix": destination,
        "access": access,
        "priority": priority,
        "direction": direction,
    }
    return part_body(SECURITY_GROUPS, row, "defaultSecurityRules", {"name": name, "properties": properties}, call)


def users(call: Call, group_id: str) -> list[Document]:
    """Return the interfaces that have a group."""
    return [
        each
        for each in call.world.of(NetworkState).live("networkInterfaces", call.now)
        if key(str((each.properties.get("networkSecurityGroup") or {}).get("id", ""))) == key(group_id)
    ]


def subnets_with(call: Call, group_id: str) -> list[str]:
    """Return the ids of the subnets that have a group."""
    return [
        f"{network.id}/subnets/{subnet}"
        for network in call.world.of(NetworkState).networks.values()
        for subnet, further in network.further.items()
        if key(str(further.get("networkSecurityGroup", ""))) == key(group_id)
    ]


def check_deletion(call: Call, row: Document) -> None:
    """Refuse the deletion of a group that an interface or a subnet has."""
    used = [each.id for each in users(call, row.id)] or subnets_with(call, row.id)
    if used:
        raise ArmError(
            400,
            "InUseNetworkSecurityGroupCannotBeDeleted",
            f"Network security group {row.id} cannot be deleted because it is in use by the following resources: {', '.join(used)}. In "
            "order to delete the Network security group, remove the association with the resource(s).",
        )


SECURITY_GROUPS = Kind("networkSecurityGroups", read, show, check_deletion, {"securityRules": "securityRules"})
