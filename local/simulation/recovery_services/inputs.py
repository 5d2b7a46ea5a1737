"""Reading and checking of requests to Site Recovery: each refusal names the member and the reason."""

from collections.abc import Mapping
from typing import Any

from local.simulation.arm.call import Call
from local.simulation.arm.errors import ArmError
from local.simulation.arm.tables import Json, JsonValue
from local.simulation.ids import is_type, key, name
from local.simulation.network.models import NetworkState
from local.simulation.network.responses import NETWORK as VIRTUAL_NETWORK
from local.simulation.recovery_services.items.item import Item
from local.simulation.recovery_services.names import CONTAINER, NETWORK, Operation, Phase, Provider, fabric_of
from local.simulation.recovery_services.state import RecoveryServicesState

_DIRECTIONS = ("PrimaryToRecovery", "RecoveryToPrimary")
_NETWORK_TYPES = ("VmNetworkAsInput", "NoNetworkAttachAsInput", "LogicalNetworkAsInput", "CreateNetworkTask")


def wrong(member: str, reason: str) -> ArmError:
    """Return Site Recovery's 400 for a member of `properties`."""
    return ArmError(400, "InvalidParameter", f"The value of '{member}' is not valid. {reason}", target=f"properties.{member}")


def properties(body: Json) -> Json:
    """Return the `properties` of a request; empty where there are none."""
    found = body.get("properties")
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ArmError(
            400, "InvalidRequestContent", "The request content was invalid: 'properties' must be an object.", target="properties"
        )
    return found


def details(wanted: Mapping[str, Any], member: str) -> Json:
    """Return the provider-specific part of a request's properties; empty where there is none."""
    found = wanted.get(member)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise wrong(member, "It must be an object.")
    return found


def one_of(wanted: Mapping[str, Any], member: str, allowed: tuple[str, ...], default: str | None) -> str:
    """Return a member that takes one of some values, in their spelling; without a default it is required."""
    value = wanted.get(member)
    if value is None and default is not None:
        return default
    for each in allowed:
        if str(value).lower() == each.lower():
            return each
    raise wrong(member, f"'{value}' is not one of {', '.join(allowed)}.")


def direction(wanted: Mapping[str, Any]) -> str:
    """Return the direction of a failover."""
    return one_of(wanted, "failoverDirection", _DIRECTIONS, "PrimaryToRecovery")


def source_site_operations(wanted: Mapping[str, Any]) -> str:
    """Return whether the source side is shut down first."""
    return one_of(wanted, "sourceSiteOperations", ("Required", "NotRequired"), "Required")


def check_instance_type(given: Mapping[str, Any], provider: Provider, expected: str, *, optional: bool = False) -> None:
    """Refuse details that are for another kind of replication."""
    found = given.get("instanceType")
    if found is None and (optional or not given):
        if optional:
            return
        raise wrong("providerSpecificDetails", f"They are required, with the instanceType '{expected}'.")
    if str(found).lower() != expected.lower():
        raise wrong(
            "providerSpecificDetails.instanceType", f"'{found}' does not fit an item of the provider {provider}: '{expected}' does."
        )


def check_base_type(given: Mapping[str, Any], provider: str, base: str, own: tuple[str, ...]) -> None:
    """Refuse an `instanceType` that the specification does not know: the base type's name, or the provider's where it has its own."""
    found = given.get("instanceType")
    allowed = (base, *(each for each in own if each == provider))
    if found is not None and str(found).lower() not in (each.lower() for each in allowed):
        raise ArmError(
            400,
            "InvalidRequestContent",
            f"The request content was invalid: the instanceType '{found}' is not one of {', '.join(allowed)}.",
            target="properties.providerSpecificInput.instanceType",
        )


def failback_operation(item: Item) -> Operation:
    """Return what an item allows for its failback: of VMware a planned failover of what replicates back, else `Failback`."""
    return Operation.PLANNED_FAILOVER if item.provider is Provider.RCM else Operation.FAILBACK


def check_reprotection(item: Item, given: Mapping[str, Any]) -> None:
    """Refuse a reverse replication whose details are of another kind, or lack what the specification requires."""
    if item.provider is not Provider.RCM:
        check_instance_type(given, item.provider, item.provider, optional=True)
        return
    back = item.phase is Phase.FAILBACK_COMMITTED
    check_instance_type(given, item.provider, "InMageRcmFailback" if back else "InMageRcm")
    required = ("processServerId", "policyId") if back else ("reprotectAgentId", "datastoreName", "logStorageAccountId")
    for member in required:
        if not given.get(member):
            raise wrong(f"providerSpecificDetails.{member}", "It is required.")


def failback_waits(item: Item, given: Mapping[str, Any]) -> bool:
    """Return whether a failback waits after the synchronisation; refuses details that are not of a failback."""
    if item.provider is not Provider.HYPER_V_TO_AZURE:
        check_instance_type(given, item.provider, "InMageRcmFailback")
        one_of(given, "recoveryPointType", ("ApplicationConsistent", "CrashConsistent"), None)
        return False
    check_instance_type(given, item.provider, "HyperVReplicaAzureFailback")
    one_of(given, "recoveryVmCreationOption", ("CreateVmIfNotFound", "NoAction"), "NoAction")
    return one_of(given, "dataSyncOption", ("ForSynchronization", "ForDownTime"), "ForSynchronization") == "ForSynchronization"


def test_network(call: Call, item: Item, wanted: Mapping[str, Any], given: Mapping[str, Any]) -> str | None:
    """Return the network of a test failover, None for none; it must be there, and where the machine will be."""
    kind = one_of(wanted, "networkType", _NETWORK_TYPES, "VmNetworkAsInput" if wanted.get("networkId") else "NoNetworkAttachAsInput")
    network = wanted.get("networkId") or given.get("networkId")
    if kind == "NoNetworkAttachAsInput" and not given.get("networkId"):
        return None
    if not network:
        raise wrong("networkId", "It is required with the networkType 'VmNetworkAsInput'.")
    return check_network(call, item, str(network), "networkId")


def check_network(call: Call, item: Item, network_id: str, member: str) -> str:
    """Return the id of a network of the recovery side; raises `ArmError` 400 where there is none, or elsewhere."""
    if item.provider is Provider.HYPER_V:
        found = call.world.of(RecoveryServicesState).thing(network_id, call.now) if is_type(network_id, NETWORK) else None
        if found is None:
            raise wrong(member, f"The network '{network_id}' was not found in a fabric of the vault.")
        return found.id
    network = call.world.of(NetworkState).networks.get(key(network_id)) if is_type(network_id, VIRTUAL_NETWORK) else None
    if network is None:
        raise wrong(member, f"The virtual network '{network_id}' was not found.")
    location = recovery_location(call, item)
    if location and network.location != location:
        raise wrong(member, f"The virtual network '{name(network_id)}' is in '{network.location}', the machine would be in '{location}'.")
    return network.id


def recovery_location(call: Call, item: Item) -> str | None:
    """Return the region of an item's recovery side: from on premises it is the vault's (docs/azure/site-recovery.md, "Limits")."""
    state = call.world.of(RecoveryServicesState)
    if item.provider is not Provider.A2A:
        vault = state.vault(item.id)
        return vault.location if vault else None
    fabric = state.thing(fabric_of(str(item.recovery_container)), call.now) if item.recovery_container else None
    found = (fabric.properties.get("customDetails") or {}).get("location") if fabric else None
    return str(found).lower().replace(" ", "") if found else None


def check_switch(call: Call, item: Item, given: Mapping[str, Any]) -> None:
    """Refuse a switch of protection to what is not there, with incomplete disks, or without a way back."""
    state = call.world.of(RecoveryServicesState)
    container = given.get("recoveryContainerId")
    found = state.thing(str(container), call.now) if container and is_type(str(container), CONTAINER) else None
    if found is None:
        raise wrong("providerSpecificDetails.recoveryContainerId", f"The protection container '{container}' was not found in the vault.")
    if key(found.id) != key(item.container):
        raise wrong(
            "providerSpecificDetails.recoveryContainerId",
            f"The item would replicate back to the container that it is in, '{item.container}'.",
        )
    if not item.recovery_container or state.thing(item.recovery_container, call.now) is None:
        raise wrong("replicationProtectedItemName", "The item has no recovery container.")
    policy = given.get("policyId")
    if policy and state.thing(str(policy), call.now) is None:
        raise wrong("providerSpecificDetails.policyId", f"The policy '{policy}' was not found in the vault.")
    for index, disk in enumerate(list_of(given, "vmManagedDisks")):
        for member in ("diskId", "primaryStagingAzureStorageAccountId", "recoveryResourceGroupId"):
            if not isinstance(disk, dict) or not disk.get(member):
                raise wrong(f"providerSpecificDetails.vmManagedDisks[{index}].{member}", "It is required.")


def list_of(given: Mapping[str, Any], member: str) -> list[JsonValue]:
    """Return a member that is a list; empty where it is missing."""
    found = given.get(member)
    if found is None:
        return []
    if not isinstance(found, list):
        raise wrong(member, "It must be a list.")
    return found
