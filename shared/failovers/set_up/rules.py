"""The bodies of set-up writes, in the shape of the specification of 2025-08-01 (docs/azure/site-recovery.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.arm.ids import ResourceId
from shared.arm.reading import id_key, own_id, resource_id
from shared.failovers.set_up.requests import AZURE, ProtectRequest
from shared.failovers.vault.facts import ProtectedItemFacts
from shared.failovers.vault.names import Provider
from shared.operations.model.identity import short_hash
from shared.values.reading import Json, an_object, objects, text

Body = dict[str, Any]

MAPPING_INPUT = "ReplicationProviderSpecificContainerMappingInput"
"""The `instanceType` of a container mapping's input where a provider has none of its own: the base type, as Microsoft's clients send it."""
DISABLE_INPUT = "DisableProtectionProviderSpecificInput"
"""The `instanceType` of the input that disables protection: the base type, as Microsoft's clients send it."""
_HASH = 8


@dataclass(frozen=True, slots=True)
class Write:
    """One call that changes the vault, by an ARM id that is its own: sent twice it makes the same thing.

    `scope` is the ARM id of what is locked while it runs; writes of one `stage` run side by side, stages one after another. `segment` is
    the POST's, for the removals that Azure asks for with one.
    """

    method: str
    path: str
    scope: str
    what: str
    body: Body | None = None
    segment: str = ""
    stage: int = 0


def mapping_id(cloud: str, policy_id: str) -> str:
    """Return the ARM id of the association of a cloud with a policy: one and the same, whenever it is asked for."""
    return f"{cloud}/replicationProtectionContainerMappings/{short_hash(id_key(cloud) or cloud, id_key(policy_id) or policy_id)}"


def associate(cloud: str, target: str, policy_id: str, provider: str, scope: str, stage: int) -> Write:
    """Return the write that associates a cloud with a policy."""
    properties = {
        "targetProtectionContainerId": target,
        "policyId": policy_id,
        "providerSpecificInput": {"instanceType": Provider.A2A.value if provider == Provider.A2A else MAPPING_INPUT},
    }
    return Write(
        "PUT", mapping_id(cloud, policy_id), scope, f"association with {cloud.rpartition('/')[2]}", {"properties": properties}, stage=stage
    )


def dissociate(mapping: Json, scope: str, stage: int) -> Write:
    """Return the write that ends the association of a cloud with a policy; Azure refuses while items of the cloud use it."""
    details = an_object(an_object(mapping, "properties"), "providerSpecificDetails")
    given = {"providerSpecificInput": {"instanceType": text(details, "instanceType")}} if text(details, "instanceType") else {}
    found = own_id(mapping)
    return Write("POST", found, scope, f"association {found.rpartition('/')[2]}", {"properties": given}, "remove", stage)


def put_network_mapping(mapping: str, recovery_network: str, recovery_fabric: str, there: Json | None) -> Write | None:
    """Return the write that maps a network of a VMM server, None where it is mapped so already."""
    to_azure = recovery_fabric == AZURE
    kind = "VmmToAzure" if to_azure else "VmmToVmm"
    name = {} if to_azure else {"recoveryFabricName": recovery_fabric.rpartition("/")[2]}
    properties = {**name, "recoveryNetworkId": recovery_network, "fabricSpecificDetails": {"instanceType": kind}}
    return _mapping(mapping, properties, there, ("recoveryNetworkId", recovery_network))


def azure_mapping_id(fabric: str, name: str) -> str:
    """Return the ARM id of the mapping of a virtual network: all of a region lie below one network of that region's fabric."""
    return f"{fabric}/replicationNetworks/azureNetwork/replicationNetworkMappings/{name}"


def map_virtual_network(mapping: str, primary: str, recovery: str, recovery_fabric: str, there: Json | None) -> Write | None:
    """Return the write that maps a virtual network to one of another region, None where it is mapped so already."""
    properties = {
        "recoveryFabricName": recovery_fabric.rpartition("/")[2],
        "recoveryNetworkId": recovery,
        "fabricSpecificDetails": {"instanceType": "AzureToAzure", "primaryNetworkId": primary},
    }
    return _mapping(mapping, properties, there, ("primaryNetworkId", primary), ("recoveryNetworkId", recovery))


def _mapping(mapping: str, properties: Body, there: Json | None, *networks: tuple[str, str]) -> Write | None:
    if there is None:
        return Write("PUT", mapping, mapping, "network mapping", {"properties": properties})
    known = an_object(there, "properties")
    if all(id_key(found := resource_id(known, member)) is not None and id_key(found) == id_key(wanted) for member, wanted in networks):
        return None
    return Write("PATCH", mapping, mapping, "network mapping", {"properties": properties})


def item_name(machine: ResourceId) -> str:
    """Return the name under which a machine in Azure is protected: that of the machine and a hash of its id.

    Two machines of one name in two resource groups are protected in one container.
    """
    return f"{machine.name}-{short_hash(machine.key)[:_HASH]}"


def protect_hyper_v(item_id: str, request: ProtectRequest, machine: Json, policy_id: str) -> Write:
    """Return the write that protects a machine of a Hyper-V host to Azure; `machine` is its protectable item."""
    properties = an_object(machine, "properties")
    details = an_object(properties, "customDetails")
    disks = objects(details, "diskDetails")
    os_disk = next((disk for disk in disks if (text(disk, "vhdType") or "").lower() == "operatingsystem"), next(iter(disks), {}))
    name = text(properties, "friendlyName") or item_id.rpartition("/")[2]
    given: Body = {
        "instanceType": Provider.HYPER_V_REPLICA_AZURE.value,
        "hvHostVmId": text(details, "sourceItemId"),
        "vmName": name,
        "osType": text(an_object(details, "osDetails"), "osType") or request.os_type,
        "vhdId": text(os_disk, "vhdId"),
        "targetAzureVmName": request.target_vm_name or name,
        "targetVmSize": request.target_vm_size,
        "targetAzureNetworkId": request.network,
        "targetAzureV2ResourceGroupId": request.resource_group_id,
        "targetStorageAccountId": request.storage_account_id,
        "targetAvailabilityZone": request.availability_zone,
        "targetProximityPlacementGroupId": request.proximity_placement_group_id,
        "diskEncryptionSetId": request.disk_encryption_set_id,
        "diskType": request.disk_type,
        "disksToInclude": [found for disk in disks if (found := text(disk, "vhdId"))],
        "useManagedDisks": "true",
    }
    body = {"policyId": policy_id, "protectableItemId": own_id(machine), "providerSpecificDetails": _given(given)}
    return Write("PUT", item_id, item_id, f"protection of {name}", {"properties": body})


def protect_azure(item_id: str, request: ProtectRequest, disks: Sequence[str], recovery_container: str, policy_id: str) -> Write:
    """Return the write that protects a machine in Azure to another region or zone; `disks` are the ARM ids of its managed disks."""
    each = {
        "primaryStagingAzureStorageAccountId": request.storage_account_id,
        "recoveryResourceGroupId": request.resource_group_id,
        "recoveryDiskEncryptionSetId": request.disk_encryption_set_id,
        "recoveryReplicaDiskAccountType": request.disk_type,
        "recoveryTargetDiskAccountType": request.disk_type,
    }
    given: Body = {
        "instanceType": Provider.A2A.value,
        "fabricObjectId": request.virtual_machine_id,
        "recoveryContainerId": recovery_container,
        "recoveryResourceGroupId": request.resource_group_id,
        "recoveryAzureNetworkId": request.network,
        "recoveryAvailabilityZone": request.availability_zone,
        "recoveryProximityPlacementGroupId": request.proximity_placement_group_id,
        "vmManagedDisks": [{"diskId": disk, **_given(each)} for disk in disks],
    }
    name = (request.virtual_machine_id or "").rpartition("/")[2]
    body = {"policyId": policy_id, "protectableItemId": "", "providerSpecificDetails": _given(given)}
    return Write("PUT", item_id, item_id, f"protection of {name}", {"properties": body})


def stop_protecting(item: ProtectedItemFacts) -> Write:
    """Return the write that disables the protection of an item."""
    given = {"disableProtectionReason": "NotSpecified", "replicationProviderInput": {"instanceType": DISABLE_INPUT}}
    return Write("POST", item.id, item.id, f"end of the protection of {item.friendly_name or item.name}", {"properties": given}, "remove")


def _given(members: Body) -> Body:
    return {member: value for member, value in members.items() if value is not None}
