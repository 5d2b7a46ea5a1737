"""Bodies of protected items and their recovery points, as in the REST specification (2025-08-01)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from local.simulation.arm.tables import Json
from local.simulation.faults.fault import Fault
from local.simulation.ids import derived, name
from local.simulation.recovery_services.items import rules
from local.simulation.recovery_services.items.health import errors, health
from local.simulation.recovery_services.items.item import Item
from local.simulation.recovery_services.items.points import Point, points
from local.simulation.recovery_services.names import (
    AZURE,
    ITEM,
    JOB,
    POINT,
    PROVIDER,
    Phase,
    Provider,
    azure_container,
    azure_fabric,
    container_of,
    fabric_of,
    vault_of,
)
from local.simulation.recovery_services.state import RecoveryServicesState
from local.simulation.recovery_services.vaults.models import Thing
from local.simulation.times import text_or_none, to_text

_IDLE_SINCE = "1753-01-01T01:01:01Z"


def item(row: Item, state: RecoveryServicesState, faults: Sequence[Fault], now: datetime) -> Json:
    """Return a `ReplicationProtectedItem`; the same in a list as in a single read."""
    policy = state.thing(row.policy, now)
    shown = health(row, policy, faults, now)
    there = row.recovery_container if row.recovery_container and row.recovery_container != AZURE else None
    fabric, container = state.thing(fabric_of(row.id), now), state.thing(container_of(row.id), now)
    far = state.thing(there, now) if there else None
    far_fabric = state.thing(fabric_of(there), now) if there else None
    rsp = next(
        (each for each in state.things_of(vault_of(row.id), PROVIDER, now) if fabric_of(each.id).lower() == fabric_of(row.id).lower()), None
    )
    properties: Json = {
        "friendlyName": row.friendly_name,
        "protectedItemType": "HyperVVirtualMachine" if row.provider in (Provider.HYPER_V, Provider.HYPER_V_TO_AZURE) else "VirtualMachine",
        "protectableItemId": row.protectable,
        "recoveryServicesProviderId": rsp.id if rsp else None,
        "primaryFabricFriendlyName": _friendly(fabric, fabric_of(row.id)),
        "primaryFabricProvider": _fabric_provider(fabric),
        "recoveryFabricFriendlyName": _friendly(far_fabric, AZURE) if there else AZURE,
        "recoveryFabricId": fabric_of(there) if there else azure_fabric(row.id),
        "primaryProtectionContainerFriendlyName": _friendly(container, container_of(row.id)),
        "recoveryProtectionContainerFriendlyName": _friendly(far, AZURE) if there else AZURE,
        "protectionState": rules.protection_state(row, now),
        "protectionStateDescription": rules.protection_state(row, now),
        "activeLocation": row.active_location,
        "testFailoverState": row.test_failover,
        "testFailoverStateDescription": row.test_failover,
        "allowedOperations": [each.value for each in rules.allowed(row, shown.state)],
        "replicationHealth": shown.state,
        "failoverHealth": "Normal" if shown.state in ("Normal", "None") else shown.state,
        "healthErrors": errors(row, shown.state, now),
        "policyId": policy.id if policy else row.policy,
        "policyFriendlyName": _friendly(policy, row.policy or ""),
        "lastSuccessfulFailoverTime": text_or_none(row.last_failover),
        "lastSuccessfulTestFailoverTime": text_or_none(row.last_test),
        "currentScenario": scenario(row.id, row.job, row.scenario, row.scenario_start),
        "failoverRecoveryPointId": None if row.chosen is None else f"{row.id}/recoveryPoints/{row.chosen['name']}",
        "providerSpecificDetails": _DETAILS[row.provider](row, shown.lag, policy, now),
        "recoveryContainerId": there or azure_container(row.id),
        "eventCorrelationId": derived("event correlation", row.id),
    }
    return {"id": row.id, "name": name(row.id), "type": ITEM, "properties": _given(properties)}


def scenario(resource_id: str, job: str | None, name_: str | None, since: datetime | None) -> Json:
    """Return a `CurrentScenarioDetails`; idle it names a job `None` of the year 1753 (recorded traffic)."""
    jobs = f"{vault_of(resource_id)}/{name(JOB)}"
    if job is None:
        return {"scenarioName": "None", "jobId": f"{jobs}/None", "startTime": _IDLE_SINCE}
    return {"scenarioName": name_ or "None", "jobId": f"{jobs}/{job}", "startTime": text_or_none(since) or _IDLE_SINCE}


def point(row: Item, each: Point) -> Json:
    """Return a `RecoveryPoint`."""
    properties: Json = {"recoveryPointTime": to_text(each.time), "recoveryPointType": each.type}
    if row.provider is Provider.A2A:
        properties["providerSpecificDetails"] = {
            "instanceType": "A2A",
            "recoveryPointSyncType": "PerVmRecoveryPoint",
            "disks": _disk_ids(row),
        }
    elif row.provider in (Provider.RCM, Provider.IN_MAGE_V2):
        properties["providerSpecificDetails"] = {"instanceType": row.provider.value, "isMultiVmSyncPoint": "false"}
    return {"id": f"{row.id}/recoveryPoints/{each.name}", "name": each.name, "type": POINT, "properties": properties}


def _friendly(thing: Thing | None, fallback: str) -> str:
    return str(thing.properties.get("friendlyName") or name(thing.id)) if thing else name(fallback) if fallback else ""


def _fabric_provider(fabric: Thing | None) -> str:
    kind = (fabric.properties.get("customDetails") or {}).get("instanceType") if fabric else None
    return {"VMM": "VMM", "HyperVSite": "HyperVSite", "Azure": "AzureFabric"}.get(str(kind), str(kind or "HyperVSite"))


def _given(members: Json) -> Json:
    return {member: value for member, value in members.items() if value is not None}


def _newest(row: Item, policy: Thing | None, now: datetime) -> str | None:
    found = next(iter(points(row, policy, now)), None)
    return to_text(found.time) if found else None


def _replicated(lag: int | None, now: datetime) -> str | None:
    return None if lag is None else to_text(now - timedelta(seconds=lag))


def _progress(row: Item, now: datetime) -> str:
    if row.phase is not Phase.ENABLING or row.replication_from is None or row.replicated_at is None:
        return "100"
    whole = (row.replicated_at - row.replication_from).total_seconds()
    done = (now - row.replication_from).total_seconds()
    return str(max(0, min(99, int(100 * done / whole)))) if whole > 0 else "0"


def _disk_ids(row: Item) -> list[str]:
    return [str(disk["id"]) for disk in row.source.get("disks") or [] if "id" in disk]


def _hyper_v_to_azure(row: Item, lag: int | None, policy: Thing | None, now: datetime) -> Json:
    target, source = row.target, row.source
    return _given(
        {
            "instanceType": "HyperVReplicaAzure",
            "azureVmDiskDetails": [
                {
                    "vhdType": "OperatingSystem" if index == 0 else "DataDisk",
                    "vhdId": disk.get("id"),
                    "vhdName": disk.get("name"),
                    "lunId": str(index),
                }
                for index, disk in enumerate(source.get("disks") or [])
            ],
            "recoveryAzureVmName": target.get("vmName") or row.friendly_name,
            "recoveryAzureVMSize": target.get("vmSize"),
            "recoveryAzureStorageAccount": target.get("storageAccount"),
            "recoveryAzureLogStorageAccountId": target.get("logStorageAccount"),
            "lastReplicatedTime": _replicated(lag, now),
            "rpoInSeconds": lag,
            "lastRpoCalculatedTime": to_text(now) if lag is not None else None,
            "vmId": source.get("vmId") or derived("vm", row.id),
            "vmProtectionState": rules.protection_state(row, now),
            "vmProtectionStateDescription": rules.protection_state(row, now),
            "initialReplicationDetails": {
                "initialReplicationType": "OnlineReplication",
                "initialReplicationProgressPercentage": _progress(row, now),
            },
            "vmNics": _nics(row),
            "selectedRecoveryAzureNetworkId": target.get("network"),
            "encryption": target.get("encryption") or "Disabled",
            "oSDetails": {"osType": source.get("osType", "Windows")},
            "sourceVmRamSizeInMB": source.get("memoryMB"),
            "sourceVmCpuCount": source.get("cores"),
            "enableRdpOnTargetOption": "Never",
            "recoveryAzureResourceGroupId": target.get("resourceGroup"),
            "useManagedDisks": str(target.get("managedDisks", "true")).lower(),
            "licenseType": "NoLicenseType",
            "lastRecoveryPointReceived": _newest(row, policy, now),
        }
    )


def _nics(row: Item) -> list[Json]:
    network = row.target.get("network")
    nic: Json = {
        "nicId": derived("nic", row.id),
        "vMNetworkName": str(row.source.get("networkName") or "vm-network"),
        "selectionType": "SelectedByUser",
    }
    return [nic | ({"recoveryVMNetworkId": network} if network else {})]


def _a2a(row: Item, lag: int | None, _: Thing | None, now: datetime) -> Json:
    target, source = row.target, row.source
    staging = target.get("stagingAccount")
    return _given(
        {
            "instanceType": "A2A",
            "fabricObjectId": source.get("vmId"),
            "initialPrimaryFabricLocation": source.get("firstLocation") or source.get("location"),
            "primaryFabricLocation": source.get("location"),
            "recoveryFabricLocation": target.get("location"),
            "multiVmGroupCreateOption": "AutoCreated",
            "managementId": derived("management", row.friendly_name),
            "protectedManagedDisks": [
                _given(
                    {
                        "diskId": disk.get("id"),
                        "diskName": disk.get("name"),
                        "diskCapacityInBytes": int(disk.get("sizeGB", 128)) * 2**30,
                        "diskType": "OperatingSystem" if index == 0 else "DataDisk",
                        "recoveryResourceGroupId": target.get("resourceGroup"),
                        "recoveryReplicaDiskAccountType": disk.get("sku", "Premium_LRS"),
                        "recoveryTargetDiskAccountType": disk.get("sku", "Premium_LRS"),
                        "primaryStagingAzureStorageAccountId": staging,
                        "resyncRequired": False,
                        "dataPendingInStagingStorageAccountInMB": 0.0,
                        "dataPendingAtSourceAgentInMB": 0.0,
                        "allowedDiskLevelOperation": [],
                    }
                )
                for index, disk in enumerate(source.get("disks") or [])
            ],
            "osType": source.get("osType", "Windows"),
            "recoveryAzureVMSize": target.get("vmSize"),
            "recoveryAzureVMName": target.get("vmName") or row.friendly_name,
            "recoveryAzureResourceGroupId": target.get("resourceGroup"),
            "selectedRecoveryAzureNetworkId": target.get("network"),
            "selectedTfoAzureNetworkId": target.get("testNetwork"),
            "vmNics": _nics(row),
            "agentVersion": "9.63.7187.1",
            "isReplicationAgentUpdateRequired": False,
            "vmProtectionState": rules.protection_state(row, now),
            "vmProtectionStateDescription": rules.protection_state(row, now),
            "lifecycleId": source.get("lifecycle") or derived("lifecycle", row.friendly_name),
            "rpoInSeconds": lag,
            "lastRpoCalculatedTime": to_text(now) if lag is not None else None,
            "vmEncryptionType": "NotEncrypted",
            "autoProtectionOfDataDisk": "Disabled",
        }
    )


def _hyper_v(row: Item, lag: int | None, _: Thing | None, now: datetime) -> Json:
    return _given(
        {
            "instanceType": "HyperVReplica2012R2",
            "lastReplicatedTime": _replicated(lag, now),
            "vmNics": _nics(row),
            "vmId": row.source.get("vmId") or derived("vm", row.id),
            "vmProtectionState": rules.protection_state(row, now),
            "vmProtectionStateDescription": rules.protection_state(row, now),
            "initialReplicationDetails": {
                "initialReplicationType": "OnlineReplication",
                "initialReplicationProgressPercentage": _progress(row, now),
            },
            "vMDiskDetails": [
                {"vhdType": "OperatingSystem" if index == 0 else "DataDisk", "vhdId": disk.get("id"), "vhdName": disk.get("name")}
                for index, disk in enumerate(row.source.get("disks") or [])
            ],
        }
    )


def _rcm(row: Item, lag: int | None, policy: Thing | None, now: datetime) -> Json:
    if row.phase in _HOMEWARD:
        return _rcm_failback(row)
    newest = next(iter(points(row, policy, now)), None)
    return _given(
        {
            "instanceType": "InMageRcm",
            "internalIdentifier": derived("rcm", row.id),
            "fabricDiscoveryMachineId": row.source.get("vmId"),
            "osType": row.source.get("osType", "Windows"),
            "targetVmName": row.target.get("vmName") or row.friendly_name,
            "targetVmSize": row.target.get("vmSize"),
            "targetResourceGroupId": row.target.get("resourceGroup"),
            "targetLocation": row.target.get("location"),
            "targetNetworkId": row.target.get("network"),
            "testNetworkId": row.target.get("testNetwork"),
            "storageAccountId": row.target.get("storageAccount"),
            "failoverRecoveryPointId": None if row.chosen is None else f"{row.id}/recoveryPoints/{row.chosen['name']}",
            "lastRecoveryPointReceived": to_text(newest.time) if newest else None,
            "lastRecoveryPointId": f"{row.id}/recoveryPoints/{newest.name}" if newest else None,
            "lastRpoInSeconds": lag,
            "lastRpoCalculatedTime": to_text(now) if lag is not None else None,
            "resyncRequired": "false",
        }
    )


#: A machine of VMware in these phases replicates, or has replicated, from Azure to its site.
_HOMEWARD = (Phase.REVERSED, Phase.FAILING_BACK, Phase.FAILED_BACK, Phase.FAILBACK_COMMITTED)


def _rcm_failback(row: Item) -> Json:
    return _given(
        {
            "instanceType": "InMageRcmFailback",
            "internalIdentifier": derived("rcm", row.id),
            "azureVirtualMachineId": row.source.get("azureVmId"),
            "reprotectAgentId": row.source.get("reprotectAgentId"),
            "targetDataStoreName": row.source.get("datastore"),
            "targetVmName": row.friendly_name,
            "osType": row.source.get("osType", "Windows"),
            "resyncRequired": "false",
        }
    )


def _in_mage_v2(row: Item, lag: int | None, policy: Thing | None, now: datetime) -> Json:
    return _given(
        {
            "instanceType": "InMageAzureV2",
            "vmId": row.source.get("vmId") or derived("vm", row.id),
            "vmProtectionState": rules.protection_state(row, now),
            "vmProtectionStateDescription": rules.protection_state(row, now),
            "rpoInSeconds": lag,
            "lastRpoCalculatedTime": to_text(now) if lag is not None else None,
            "agentVersion": "9.63.7187.1",
            "osType": row.source.get("osType", "Windows"),
            "recoveryAzureVMName": row.target.get("vmName") or row.friendly_name,
            "recoveryAzureVMSize": row.target.get("vmSize"),
            "recoveryAzureStorageAccount": row.target.get("storageAccount"),
            "selectedRecoveryAzureNetworkId": row.target.get("network"),
            "recoveryAzureResourceGroupId": row.target.get("resourceGroup"),
            "useManagedDisks": "true",
            "lastRecoveryPointReceived": _newest(row, policy, now),
        }
    )


_DETAILS: dict[Provider, Any] = {
    Provider.HYPER_V_TO_AZURE: _hyper_v_to_azure,
    Provider.A2A: _a2a,
    Provider.HYPER_V: _hyper_v,
    Provider.RCM: _rcm,
    Provider.IN_MAGE_V2: _in_mage_v2,
}
