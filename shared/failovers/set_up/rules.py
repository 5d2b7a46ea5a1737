"""The bodies of set-up writes, as the specification shapes them, and whether what is there is what is wanted already.

Members: spec/contract_siterecovery_2025-08-01_from_sdk.json; "Providers" in facts/site-recovery.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.arm.reading import id_key, own_id, resource_id
from shared.failovers.set_up.requests import AZURE, GroupRequest, PolicyRequest, ProtectRequest
from shared.failovers.vault.facts import ProtectedItemFacts
from shared.failovers.vault.names import GroupType, Provider
from shared.operations.model.identity import short_hash
from shared.values.reading import Json, an_object, objects, text, whole

Body = dict[str, Any]


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

    def as_json(self) -> dict[str, object]:
        """Write it down, for the operation's detail."""
        return {name: getattr(self, name) for name in self.__slots__}


def policy_settings(request: PolicyRequest) -> Body:
    """Return a policy's provider-specific input, of a creation and of an update alike."""
    if request.provider == Provider.A2A:
        return {
            "instanceType": Provider.A2A.value,
            "recoveryPointHistory": request.recovery_point_hours * 60,
            "appConsistentFrequencyInMinutes": request.application_consistent_snapshot_hours * 60,
            "crashConsistentFrequencyInMinutes": 5,
            "multiVmSyncStatus": "Enable",
        }
    settings: Body = {
        "instanceType": Provider.HYPER_V_REPLICA_AZURE.value,
        "replicationInterval": request.copy_frequency_seconds or 300,
        "recoveryPointHistoryDuration": request.recovery_point_hours,
        "applicationConsistentSnapshotFrequencyInHours": request.application_consistent_snapshot_hours,
        "onlineReplicationStartTime": request.start_at,
    }
    return settings | ({"storageAccounts": [request.storage_account_id]} if request.storage_account_id else {})


def put_policy(policy_id: str, request: PolicyRequest, there: Json | None) -> Write | None:
    """Return the write that makes a policy so, None where it is so; `there` is the policy as ARM has it, if it has one."""
    settings = policy_settings(request)
    if there is None:
        return Write("PUT", policy_id, policy_id, "replication policy", {"properties": {"providerSpecificInput": settings}})
    known = an_object(an_object(there, "properties"), "providerSpecificDetails")
    same = (
        (whole(known, "replicationInterval"), whole(known, "recoveryPointHistoryDurationInHours"))
        == (settings.get("replicationInterval"), settings.get("recoveryPointHistoryDuration"))
        and whole(known, "recoveryPointHistory") == settings.get("recoveryPointHistory")
        and all(
            whole(known, member) == settings.get(member)
            for member in ("applicationConsistentSnapshotFrequencyInHours", "appConsistentFrequencyInMinutes")
        )
        and text(known, "onlineReplicationStartTime") == request.start_at
        and "storageAccounts" not in settings
    )
    body = {"properties": {"replicationProviderSettings": settings}}
    return None if same else Write("PATCH", policy_id, policy_id, "replication policy", body)


def mapping_id(cloud: str, policy_id: str) -> str:
    """Return the ARM id of the association of a cloud with a policy: one and the same, whenever it is asked for."""
    return f"{cloud}/replicationProtectionContainerMappings/{short_hash(id_key(cloud) or cloud, id_key(policy_id) or policy_id)}"


def associate(cloud: str, target: str, policy_id: str, provider: str, scope: str, stage: int) -> Write:
    """Return the write that associates a cloud with a policy."""
    properties = {
        "targetProtectionContainerId": target,
        "policyId": policy_id,
        "providerSpecificInput": {"instanceType": provider},
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
        "osType": text(an_object(details, "osDetails"), "osType"),
        "vhdId": text(os_disk, "vhdId"),
        "targetAzureVmName": request.target_vm_name or name,
        "targetVmSize": request.target_vm_size,
        "targetAzureNetworkId": request.network,
        "targetAzureV2ResourceGroupId": request.resource_group_id,
        "targetStorageAccountId": request.storage_account_id,
        "disksToInclude": [found for disk in disks if (found := text(disk, "vhdId"))],
        "useManagedDisks": "true",
    }
    body = {
        "policyId": policy_id,
        "protectableItemId": own_id(machine),
        "providerSpecificDetails": {member: value for member, value in given.items() if value is not None},
    }
    return Write("PUT", item_id, item_id, f"protection of {name}", {"properties": body})


def protect_azure(item_id: str, request: ProtectRequest, disks: Sequence[str], recovery_container: str, policy_id: str) -> Write:
    """Return the write that protects a machine in Azure to another region; `disks` are the ARM ids of its managed disks."""
    given: Body = {
        "instanceType": Provider.A2A.value,
        "fabricObjectId": request.virtual_machine_id,
        "recoveryContainerId": recovery_container,
        "recoveryResourceGroupId": request.resource_group_id,
        "vmManagedDisks": [
            {
                "diskId": disk,
                "primaryStagingAzureStorageAccountId": request.storage_account_id,
                "recoveryResourceGroupId": request.resource_group_id,
            }
            for disk in disks
        ],
    }
    given |= {"recoveryAzureNetworkId": request.network} if request.network else {}
    name = (request.virtual_machine_id or "").rpartition("/")[2]
    body = {"policyId": policy_id, "protectableItemId": "", "providerSpecificDetails": given}
    return Write("PUT", item_id, item_id, f"protection of {name}", {"properties": body})


def stop_protecting(item: ProtectedItemFacts) -> Write:
    """Return the write that disables the protection of an item."""
    given = {"disableProtectionReason": "NotSpecified", "replicationProviderInput": {"instanceType": item.instance_type}}
    return Write("POST", item.id, item.id, f"end of the protection of {item.friendly_name or item.name}", {"properties": given}, "remove")


def plan_groups(groups: Sequence[GroupRequest], members: dict[str, ProtectedItemFacts], there: Json | None) -> list[Body]:
    """Return a plan's groups as Azure takes them: Shutdown and Failover first, and the actions that stand there kept.

    `members` has each item by its key. A group keeps the actions of the group of its type that stands at its place now.
    """
    given = {group.type: group for group in groups if group.type is not GroupType.BOOT}
    wanted = [given.get(single, GroupRequest(type=single)) for single in (GroupType.SHUTDOWN, GroupType.FAILOVER)]
    known = objects(an_object(there or {}, "properties"), "groups")
    counted: dict[str, int] = {}
    made = []
    for group in [*wanted, *(group for group in groups if group.type is GroupType.BOOT)]:
        place = counted.setdefault(group.type, 0)
        counted[group.type] += 1
        alike = [one for one in known if (text(one, "groupType") or "").lower() == group.type.lower()]
        now = alike[place] if place < len(alike) else {}
        made.append(
            {
                "groupType": group.type.value,
                "replicationProtectedItems": [_member(members[id_key(member) or member]) for member in group.members],
                "startGroupActions": list(objects(now, "startGroupActions")),
                "endGroupActions": list(objects(now, "endGroupActions")),
            }
        )
    return made


def put_plan(plan_id: str, primary: str, recovery: str, groups: list[Body], there: Json | None) -> Write:
    """Return the write that makes or changes a recovery plan."""
    if there is not None:
        return Write("PATCH", plan_id, plan_id, "recovery plan", {"properties": {"groups": groups}})
    properties = {"primaryFabricId": primary, "recoveryFabricId": recovery, "failoverDeploymentModel": "ResourceManager", "groups": groups}
    return Write("PUT", plan_id, plan_id, "recovery plan", {"properties": properties})


def _member(item: ProtectedItemFacts) -> Body:
    return {"id": item.id, "virtualMachineId": item.source_vm_id or ""}
