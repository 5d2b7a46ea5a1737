"""What a machine has that Farshore does not make, and that would be lost if the machine was made anew. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from shared.values.reading import Json, an_object, objects, text

_CARRIED: Final = frozenset(
    {
        "hardwareprofile", "storageprofile", "osprofile", "networkprofile", "availabilityset", "priority",
        "provisioningstate", "vmid", "timecreated", "instanceview", "securityprofile",
    }
)  # fmt: skip
_OF_DISK: Final = ("diskEncryptionSet", "securityProfile")
_OF_CONFIGURATION: Final = (
    "publicIPAddress", "loadBalancerInboundNatRules", "applicationGatewayBackendAddressPools", "applicationSecurityGroups",
    "gatewayLoadBalancer", "virtualNetworkTaps",
)  # fmt: skip


def is_whole(machine: Json | None, adapter: Json | None) -> bool:
    """Return whether documents show what a machine made anew is made of: a machine that is deleted is not planned from half of one."""
    shown, configurations = an_object(machine or {}, "properties"), objects(an_object(adapter or {}, "properties"), "ipConfigurations")
    disk = an_object(an_object(shown, "storageProfile"), "osDisk")
    return bool(disk and configurations and an_object(an_object(configurations[0], "properties"), "subnet"))


def lost(machine: Json, adapter: Json) -> str | None:
    """Return the first thing that a machine made anew would not have, as Azure's documents call it; None where nothing is lost."""
    found = (*_of_machine(machine), *_of_storage(machine), *_of_adapter(machine, adapter), *_of_security(machine))
    return found[0] if found else None


def _of_machine(machine: Json) -> Iterator[str]:
    for name in ("identity", "plan", "extendedLocation", "resources"):
        if _is_set(machine.get(name)):
            yield "an extension" if name == "resources" else name
    properties = an_object(machine, "properties")
    yield from (name for name, value in properties.items() if name.lower() not in _CARRIED and _is_set(value))
    if (priority := text(properties, "priority")) is not None and priority.lower() != "regular":
        yield f"priority {priority}"
    if _is_set(an_object(properties, "hardwareProfile").get("vmSizeProperties")):
        yield "vmSizeProperties"
    if _is_set(an_object(properties, "osProfile").get("secrets")):
        yield "osProfile.secrets"


def _of_storage(machine: Json) -> Iterator[str]:
    storage = an_object(an_object(machine, "properties"), "storageProfile")
    system = an_object(storage, "osDisk")
    if _is_set(system.get("encryptionSettings")):
        yield "osDisk.encryptionSettings"
    for name, disk in (("osDisk", system), *(("dataDisks", disk) for disk in objects(storage, "dataDisks"))):
        if _is_set(disk.get("writeAcceleratorEnabled")):
            yield f"{name}.writeAcceleratorEnabled"
        yield from (f"{name}.{one}" for one in _OF_DISK if _is_set(an_object(disk, "managedDisk").get(one)))


def _of_adapter(machine: Json, adapter: Json) -> Iterator[str]:
    network = an_object(an_object(machine, "properties"), "networkProfile")
    if len(objects(network, "networkInterfaces")) > 1:
        yield "a second adapter"
    if _is_set(network.get("networkInterfaceConfigurations")):
        yield "networkInterfaceConfigurations"
    properties = an_object(adapter, "properties")
    configurations = objects(properties, "ipConfigurations")
    if len(configurations) > 1:
        yield "a second IP configuration"
    for one in configurations:
        yield from (name for name in _OF_CONFIGURATION if _is_set(an_object(one, "properties").get(name)))
    yield from (name for name in ("enableAcceleratedNetworking", "enableIPForwarding") if properties.get(name) is True)
    if _is_set(an_object(properties, "dnsSettings").get("dnsServers")):
        yield "dnsSettings"


def _of_security(machine: Json) -> Iterator[str]:
    profile = an_object(an_object(machine, "properties"), "securityProfile")
    standard = {name: value for name, value in profile.items() if not (name == "securityType" and str(value).lower() == "standard")}
    if _is_set(standard):
        yield "securityProfile"


def _is_set(value: object) -> bool:
    """Whether a member holds something: an object counts where one of its members does."""
    if isinstance(value, Mapping):
        return any(_is_set(one) for one in value.values())
    return value not in (None, False, "", []) and value != 0
