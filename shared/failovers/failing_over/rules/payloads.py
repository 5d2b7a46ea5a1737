"""The body of each call that starts something, in the shape of API version 2025-08-01.

Between VMM clouds (HyperVReplica2012R2) the specification has no details of the provider's own: they are left out.
"""

from dataclasses import dataclass
from typing import Any

from shared.failovers.failing_over.requests import FailoverOptions
from shared.failovers.failing_over.rules.allowed import direction_for
from shared.failovers.failing_over.rules.kept_settings import kept_properties, kept_specific
from shared.failovers.vault.facts import PlanFacts, ProtectedItemFacts
from shared.failovers.vault.gateway import Call
from shared.failovers.vault.names import Action, DataSync, Direction, LatestPoint, Provider, SourceSiteOperations
from shared.values.reading import Json

Body = dict[str, Any]

FAILBACK = "HyperVReplicaAzureFailback"

_SEGMENTS = {
    Action.TEST_FAILOVER: "testFailover",
    Action.TEST_FAILOVER_CLEANUP: "testFailoverCleanup",
    Action.PLANNED_FAILOVER: "plannedFailover",
    Action.UNPLANNED_FAILOVER: "unplannedFailover",
    Action.FAILBACK: "plannedFailover",
    Action.COMMIT: "failoverCommit",
    Action.CANCEL: "failoverCancel",
    Action.REPROTECT: "reProtect",
    Action.REVERSE_REPLICATE: "reProtect",
    Action.APPLY_RECOVERY_POINT: "applyRecoveryPoint",
}


@dataclass(frozen=True, slots=True)
class SwitchTo:
    """Where an A2A item is protected to after a failover, ARM ids: the container that it came from, the resource group that it lay in,
    the policy of the way back, and the storage account in the region where it runs now that gathers its changes.
    """

    container_id: str
    resource_group_id: str
    policy_id: str
    staging_account_id: str


def start_item(action: Action, item: ProtectedItemFacts, options: FailoverOptions, point_id: str | None = None, comments: str = "") -> Call:
    """Return the call that starts an action on an item.

    `point_id` is the recovery point to use, None for the latest. An A2A item's Reprotect is not one of these: `switch_protection` is.
    Raises `ValueError` where the item's replication has no such action.
    """
    if item.provider is None:
        raise ValueError(f"{item.instance_type or 'this kind of replication'} is not known here")
    if action in (Action.COMMIT, Action.CANCEL):
        return Call(_SEGMENTS[action], None)
    if action is Action.TEST_FAILOVER_CLEANUP:
        return Call(_SEGMENTS[action], {"properties": {"comments": comments}})
    if action is Action.APPLY_RECOVERY_POINT:
        return Call(_SEGMENTS[action], {"properties": _apply(item.provider, point_id)})
    return Call(_SEGMENTS[action], {"properties": _directed(action, item, item.provider, options, point_id)})


def _directed(action: Action, item: ProtectedItemFacts, provider: Provider, options: FailoverOptions, point_id: str | None) -> Body:
    """Return the properties of an action that has a direction."""
    direction = direction_for(action, item)
    properties: Body = {"failoverDirection": direction}
    match action:
        case Action.TEST_FAILOVER:
            properties |= {**_network(options), **_specific(_point_details(provider, point_id))}
            if provider is Provider.IN_MAGE_RCM and options.network is not None:
                properties["providerSpecificDetails"]["networkId"] = options.network
        case Action.PLANNED_FAILOVER:
            properties |= _specific(_point_details(provider, point_id))
        case Action.UNPLANNED_FAILOVER:
            properties = _unplanned(provider, direction, options, point_id)
        case Action.FAILBACK:
            properties["providerSpecificDetails"] = _failback(options)
        case _:
            properties |= _specific(_reverse(item))
    return properties


def start_plan(
    action: Action, plan: PlanFacts, members: tuple[ProtectedItemFacts, ...], options: FailoverOptions, comments: str = ""
) -> Call:
    """Return the call that starts an action on a recovery plan; the details have an entry for each kind of replication in it.

    Raises `ValueError` where a plan has no such action.
    """
    providers = sorted({member.provider for member in members if member.provider is not None})
    direction = _plan_direction(action, members)
    match action:
        case Action.TEST_FAILOVER:
            return _plan_call(action, {"failoverDirection": direction, **_network(options)}, _plan_points(providers, options))
        case Action.TEST_FAILOVER_CLEANUP:
            return _plan_call(action, {"comments": comments}, [])
        case Action.PLANNED_FAILOVER:
            return _plan_call(action, {"failoverDirection": direction}, _plan_points(providers, options))
        case Action.UNPLANNED_FAILOVER:
            source = options.source_site_operations or SourceSiteOperations.REQUIRED
            properties = {"failoverDirection": direction, "sourceSiteOperations": source.value}
            return _plan_call(action, properties, _plan_points(providers, options))
        case Action.FAILBACK:
            return _plan_call(action, {"failoverDirection": Direction.RECOVERY_TO_PRIMARY.value}, [_failback(options)])
        case Action.COMMIT | Action.CANCEL | Action.REPROTECT | Action.REVERSE_REPLICATE:
            return Call(_SEGMENTS[action], None)
        case _:
            raise ValueError(f"the recovery plan {plan.name} has no {action}")


def switch_protection(item: ProtectedItemFacts, to: SwitchTo) -> Call:
    """Return the POST to the *container* in which an A2A item lies that turns its protection round (its Reprotect).

    Its disks are those that the failover made, where Azure names them.
    """
    disks = [
        {
            "diskId": disk.target_disk_id or disk.disk_id,
            "primaryStagingAzureStorageAccountId": to.staging_account_id,
            "recoveryResourceGroupId": to.resource_group_id,
            **_known(recoveryReplicaDiskAccountType=disk.replica_type, recoveryTargetDiskAccountType=disk.target_type),
        }
        for disk in item.disks
    ]
    details: Body = {
        "instanceType": Provider.A2A.value,
        "recoveryContainerId": to.container_id,
        "recoveryResourceGroupId": to.resource_group_id,
        "policyId": to.policy_id,
        "vmManagedDisks": disks,
    }
    return Call("switchprotection", {"properties": {"replicationProtectedItemName": item.name, "providerSpecificDetails": details}})


def rename_target(item: ProtectedItemFacts, name: str | None, size: str | None, details: Json | None = None) -> Body:
    """Return the body of the PATCH of an item that sets the name and size of the machine that a failover makes.

    VMware's newer kind has them in its provider-specific input, the others in the item's properties. `details` are the provider-specific
    details of the item: its other settings are repeated, because an update resets those that it leaves out.
    """
    target, details = item.target, details or {}
    name, size = name or target.vm_name, size or target.vm_size
    if item.provider is Provider.IN_MAGE_RCM:
        known = {**kept_specific(item.provider, details), **_known(targetVmName=name, targetVmSize=size, targetNetworkId=target.network_id)}
        return {"properties": {"providerSpecificDetails": {"instanceType": Provider.IN_MAGE_RCM.value, **known}}}
    known = _known(recoveryAzureVMName=name, recoveryAzureVMSize=size, selectedRecoveryAzureNetworkId=target.network_id)
    properties = {**kept_properties(item.provider, details), **known}
    if item.provider is None:
        return {"properties": properties}
    specific = {"instanceType": item.provider.value, **kept_specific(item.provider, details)}
    return {"properties": {**properties, "providerSpecificDetails": specific}}


def named_otherwise(item: ProtectedItemFacts, name: str | None, size: str | None) -> bool:
    """Return whether the machine has another name or size than these; None counts as equal."""
    target = item.target
    return any(
        wanted is not None and wanted.lower() != (known or "").lower() for wanted, known in ((name, target.vm_name), (size, target.vm_size))
    )


def _network(options: FailoverOptions) -> Body:
    if options.network is None:
        return {"networkType": "NoNetworkAttachAsInput"}
    return {"networkType": "VmNetworkAsInput", "networkId": options.network}


def _point_details(provider: Provider, point_id: str | None) -> Body | None:
    if provider is Provider.HYPER_V_REPLICA_2012_R2:
        return None
    return {"instanceType": provider.value, **_known(recoveryPointId=point_id)}


def _unplanned(provider: Provider, direction: Direction, options: FailoverOptions, point_id: str | None) -> Body:
    source = options.source_site_operations or SourceSiteOperations.REQUIRED
    details = _point_details(provider, point_id)
    if details is not None and provider is Provider.IN_MAGE_RCM:
        details["performShutdown"] = "true" if source is SourceSiteOperations.REQUIRED else "false"
    return {"failoverDirection": direction, "sourceSiteOperations": source.value, **_specific(details)}


def _failback(options: FailoverOptions) -> Body:
    create = options.create_vm_if_missing is not False
    return {
        "instanceType": FAILBACK,
        "dataSyncOption": (options.data_sync or DataSync.FOR_SYNCHRONIZATION).value,
        "recoveryVmCreationOption": "CreateVmIfNotFound" if create else "NoAction",
    }


def _reverse(item: ProtectedItemFacts) -> Body | None:
    match item.provider:
        case Provider.HYPER_V_REPLICA_AZURE:
            return {
                "instanceType": Provider.HYPER_V_REPLICA_AZURE.value,
                **_known(
                    hvHostVmId=item.hv_host_vm_id,
                    vmName=item.friendly_name or None,
                    osType=item.os_type,
                    vHDId=item.os_vhd_id,
                    storageAccountId=item.target.storage_account_id,
                    logStorageAccountId=item.target.log_storage_account_id,
                ),
            }
        case Provider.HYPER_V_REPLICA_2012_R2:
            return None
        case Provider.IN_MAGE_AZURE_V2:
            known = _known(
                policyId=item.policy_id,
                storageAccountId=item.target.storage_account_id,
                logStorageAccountId=item.target.log_storage_account_id,
            )
            return {"instanceType": Provider.IN_MAGE_AZURE_V2.value, **known}
        case _:
            raise ValueError(f"{item.instance_type} has no reverse replication of this kind: its protection is switched")


def _apply(provider: Provider, point_id: str | None) -> Body:
    if provider is Provider.HYPER_V_REPLICA_2012_R2 or point_id is None:
        raise ValueError("a recovery point that is to be applied is named by its id, and items between VMM clouds have none")
    details: Body = {"instanceType": provider.value}
    if provider is Provider.IN_MAGE_RCM:
        details["recoveryPointId"] = point_id
    return {"recoveryPointId": point_id, "providerSpecificDetails": details}


def _plan_call(action: Action, properties: Body, details: list[Body]) -> Call:
    specific = {"providerSpecificDetails": details} if details else {}
    return Call(_SEGMENTS[action], {"properties": {**properties, **specific}})


def _plan_points(providers: list[Provider], options: FailoverOptions) -> list[Body]:
    kind = (options.effective_point.latest or LatestPoint.LATEST).value
    return [
        {"instanceType": provider.value, "recoveryPointType": kind}
        for provider in providers
        if provider is not Provider.HYPER_V_REPLICA_2012_R2
    ]


def _plan_direction(action: Action, members: tuple[ProtectedItemFacts, ...]) -> str:
    directions = {direction_for(action, member) for member in members}
    return (directions.pop() if len(directions) == 1 else Direction.PRIMARY_TO_RECOVERY).value


def _specific(details: Body | None) -> Body:
    return {} if details is None else {"providerSpecificDetails": details}


def _known(**members: str | None) -> Body:
    return {name: value for name, value in members.items() if value is not None}
