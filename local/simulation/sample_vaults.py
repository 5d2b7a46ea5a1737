"""The vaults of the sample estate (contracts/failovers.md, "What the sample estate's vaults hold")."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from local.simulation.ids import derived
from local.simulation.state import Json
from local.simulation.times import to_text

_AZURE = "Microsoft Azure"
_PROVIDER_VERSION = "5.25.1107.0"
#: Older than 5.1.1256.0 as numbers, newer as text.
_OLD_VERSION = "5.1.950.0"


def provider_vault(vault: str, location: str, now: datetime) -> Json:
    """Return the provider's vault: two VMM clouds and a Hyper-V site to Azure, a pair of VMM clouds, a machine of VMware."""
    target = _Target(vault, location)
    vmm = _vmm(vault, target, now)
    site = _site(vault, target, now)
    pair = _pair(vault, now)
    vmware = _vmware(vault, target, now)
    parts = (vmm, site, pair, vmware)
    return {
        "id": vault,
        "location": location,
        "policies": [
            _policy(vault, "every-5-minutes", {"instanceType": "HyperVReplicaAzure", **_HYPER_V, "replicationInterval": 300}),
            _policy(vault, "every-30-seconds", {"instanceType": "HyperVReplicaAzure", **_HYPER_V, "replicationInterval": 30}),
            _policy(vault, "vmm-to-vmm", _VMM_TO_VMM),
            _policy(vault, "vmware", {"instanceType": "InMageRcm", **_RCM}),
        ],
        **{member: [each for part in parts for each in part.get(member, [])] for member in ("fabrics", "items", "plans", "jobs")},
    }


def tenant_vault(vault: str, tenant: str, locations: Sequence[str], machines: Sequence[str], now: datetime) -> Json:
    """Return a tenant's own vault: Azure to Azure, three machines of the first region to the second; they have never been tested."""
    source, target = locations
    fabrics = [f"{vault}/replicationFabrics/{tenant}-{each}" for each in locations]
    containers = [f"{fabric}/replicationProtectionContainers/{tenant}-{each}" for fabric, each in zip(fabrics, locations, strict=True)]
    network = f"{_group(vault)}/providers/Microsoft.Network/virtualNetworks/{tenant}"
    items = [_a2a_item(vault, containers, locations, network, machine, now) for machine in machines]
    policy = _policy(vault, "a2a-day", {"instanceType": "A2A", **_A2A})
    return {
        "id": vault,
        "location": target,
        "policies": [policy],
        "fabrics": [
            {
                "id": fabric,
                "properties": _fabric(f"{tenant}-{location}", {"instanceType": "Azure", "location": location, "containerIds": [container]}),
                "containers": [_container(container, f"{tenant}-{location}", "Azure")],
                "containerMappings": [_mapping(container, other, policy["id"], "A2A")],
            }
            for fabric, container, other, location in zip(fabrics, containers, reversed(containers), (source, target), strict=True)
        ],
        "items": items,
        "plans": [_plan(vault, f"{tenant}-plan", fabrics[0], fabrics[1], [[each["id"] for each in items[:2]], [items[2]["id"]]])],
        "jobs": [],
    }


class _Target:
    """Where machines of the provider's own sites would run in Azure."""

    def __init__(self, vault: str, location: str) -> None:
        self.group = _group(vault)
        self.location = location
        self.network = f"{self.group}/providers/Microsoft.Network/virtualNetworks/provider-{location}"
        self.storage = f"{self.group}/providers/Microsoft.Storage/storageAccounts/providerreplicas"

    def of(self, friendly: str) -> Json:
        """Return the target of a machine."""
        return {
            "vmName": friendly,
            "vmSize": "Standard_D2s_v3",
            "network": self.network,
            "resourceGroup": self.group,
            "storageAccount": self.storage,
            "location": self.location,
            "encryption": "Disabled",
        }


#: Names of the machines in the two clouds, and what is special about each: four healthy and in no plan, three of the plan, three others.
_ITEMS: tuple[tuple[str, str], ...] = (
    ("erp01", "healthy"),
    ("erp02", "healthy"),
    ("mail01", "healthy"),
    ("mail02", "healthy"),
    ("shop-db01", "plan"),
    ("shop-app01", "plan"),
    ("shop-web01", "plan"),
    ("legacy01", "unhealthy"),
    ("new01", "untested"),
    ("busy01", "busy"),
)


def _vmm(vault: str, target: _Target, now: datetime) -> Json:
    fabric = f"{vault}/replicationFabrics/vmm01"
    clouds = [f"{fabric}/replicationProtectionContainers/{name}" for name in ("cloud-gold", "cloud-silver")]
    policies = [f"{vault}/replicationPolicies/{name}" for name in ("every-30-seconds", "every-5-minutes")]
    items = []
    for index, (friendly, kind) in enumerate(_ITEMS):
        # the plan's machines, and the healthy ones, are in the first cloud
        cloud = 0 if kind in ("healthy", "plan") else 1
        item = _hyper_v_item(clouds[cloud], policies[cloud], friendly, target, now, days=5 + index)
        if kind == "untested":
            item.pop("lastTestFailover")
            item["testFailoverState"] = "None"
        if kind == "unhealthy":
            item |= {"replicationHealth": "Critical"}
        items.append(item)
    plan = _plan(vault, "shop", fabric, _AZURE, [[each["id"]] for each, (_, kind) in zip(items, _ITEMS, strict=True) if kind == "plan"])
    job = _running_job(vault, items[-1], now)
    items[-1] |= {"job": job["id"].rsplit("/", 1)[-1], "scenario": job["scenario"], "scenarioStart": job["startedAt"]}
    body = _hyper_v_fabric(fabric, "vmm01.provider.example", "VMM", _PROVIDER_VERSION)
    body["containers"] = [_container(cloud, cloud.rsplit("/", 1)[-1], "VMM") for cloud in clouds]
    body["containerMappings"] = [
        _mapping(cloud, _AZURE, policy, "HyperVReplicaAzure") for cloud, policy in zip(clouds, policies, strict=True)
    ]
    body["protectableItems"] = [
        *(_protectable(item, item["id"]) for item in items),
        *(_unprotected(clouds[1], name, "VmmVirtualMachine", errors) for name, errors in _UNPROTECTED),
    ]
    network = f"{fabric}/replicationNetworks/{derived('sample network', fabric)}"
    body["networks"] = [_network(network, "vm-network", "VMM")]
    body["networkMappings"] = [_network_mapping(network, target.network)]
    classification = f"{fabric}/replicationStorageClassifications/{derived('sample classification', fabric)}"
    body["storageClassifications"] = [{"id": classification, "properties": {"friendlyName": "Local storage"}}]
    return {"fabrics": [body], "items": items, "plans": [plan], "jobs": [job]}


#: Machines of a cloud that nobody protects yet, and what stands against it.
_UNPROTECTED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("intranet01", ()),
    ("intranet02", ()),
    ("cluster01", ("The virtual machine has a shared virtual hard disk.",)),
)


def _site(vault: str, target: _Target, now: datetime) -> Json:
    fabric = f"{vault}/replicationFabrics/site01"
    cloud = f"{fabric}/replicationProtectionContainers/cloud_{derived('sample site', vault)}"
    policy = f"{vault}/replicationPolicies/every-5-minutes"
    items = [_hyper_v_item(cloud, policy, friendly, target, now, days=8) for friendly in ("branch01", "branch02")]
    body = _hyper_v_fabric(fabric, "site01", "HyperVSite", _PROVIDER_VERSION)
    body["containers"] = [_container(cloud, "site01", "HyperVSite")]
    body["containerMappings"] = [_mapping(cloud, _AZURE, policy, "HyperVReplicaAzure")]
    body["protectableItems"] = [
        *(_protectable(item, item["id"]) for item in items),
        _unprotected(cloud, "branch03", "HyperVVirtualMachine", ()),
    ]
    return {"fabrics": [body], "items": items}


def _pair(vault: str, now: datetime) -> Json:
    fabrics = [f"{vault}/replicationFabrics/{name}" for name in ("vmm02", "vmm03")]
    clouds = [f"{fabric}/replicationProtectionContainers/cloud-{name}" for fabric, name in zip(fabrics, ("east", "west"), strict=True)]
    policy = f"{vault}/replicationPolicies/vmm-to-vmm"
    bodies = []
    for fabric, cloud, other, version in zip(fabrics, clouds, reversed(clouds), (_PROVIDER_VERSION, _OLD_VERSION), strict=True):
        name = fabric.rsplit("/", 1)[-1]
        body = _hyper_v_fabric(fabric, f"{name}.provider.example", "VMM", version)
        body["containers"] = [_container(cloud, cloud.rsplit("/", 1)[-1], "VMM")]
        body["containerMappings"] = [_mapping(cloud, other, policy, "HyperVReplica2012R2")]
        body["networks"] = [_network(f"{fabric}/replicationNetworks/{derived('sample network', fabric)}", f"{name}-network", "VMM")]
        bodies.append(body)
    item = _hyper_v_item(clouds[0], policy, "vault01", None, now, days=12) | {
        "provider": "HyperVReplica2012R2",
        "recoveryContainer": clouds[1],
    }
    bodies[0]["protectableItems"] = [_protectable(item, item["id"])]
    return {"fabrics": bodies, "items": [item]}


def _vmware(vault: str, target: _Target, now: datetime) -> Json:
    fabric = f"{vault}/replicationFabrics/vmware01"
    container = f"{fabric}/replicationProtectionContainers/vmware01-container"
    policy = f"{vault}/replicationPolicies/vmware"
    item = _hyper_v_item(container, policy, "files01", target, now, days=9) | {"provider": "InMageRcm"}
    return {
        "fabrics": [
            {
                "id": fabric,
                "properties": _fabric("vmware01", {"instanceType": "InMageRcm"}),
                "containers": [_container(container, "vmware01-container", "InMageRcm")],
                "containerMappings": [_mapping(container, _AZURE, policy, "InMageRcm")],
            }
        ],
        "items": [item],
    }


def _hyper_v_item(cloud: str, policy: str, friendly: str, target: _Target | None, now: datetime, *, days: int) -> Json:
    machine = derived("sample machine", cloud, friendly)
    return {
        "id": f"{cloud}/replicationProtectedItems/{friendly}",
        "provider": "HyperVReplicaAzure",
        "friendlyName": friendly,
        "policy": policy,
        "protectableItem": f"{cloud}/replicationProtectableItems/{machine}",
        "recoveryContainer": _AZURE,
        "testFailoverState": "MarkedForDeletion" if target else "None",
        "lastTestFailover": to_text((now - timedelta(days=days)).replace(microsecond=0)),
        "pointsFrom": to_text((now - timedelta(days=30)).replace(minute=0, second=0, microsecond=0)),
        "source": {
            "vmId": machine,
            "osType": "Windows",
            "memoryMB": 4096,
            "cores": 2,
            "networkName": "vm-network",
            "disks": [{"id": derived("sample disk", machine), "name": f"{friendly}-os", "sizeMB": 65536}],
        },
        **({"target": target.of(friendly)} if target else {}),
    }


def _a2a_item(vault: str, containers: Sequence[str], locations: Sequence[str], network: str, machine: str, now: datetime) -> Json:
    friendly = machine.rsplit("/", 1)[-1]
    provider = machine.rsplit("/", 2)[0]
    return {
        "id": f"{containers[0]}/replicationProtectedItems/{friendly}",
        "provider": "A2A",
        "friendlyName": friendly,
        "policy": f"{vault}/replicationPolicies/a2a-day",
        "recoveryContainer": containers[1],
        "pointsFrom": to_text((now - timedelta(days=30)).replace(minute=0, second=0, microsecond=0)),
        "source": {
            "vmId": machine,
            "osType": "Windows",
            "location": locations[0],
            "firstLocation": locations[0],
            "network": f"{network}-{locations[0]}",
            "lifecycle": derived("sample lifecycle", machine),
            "disks": [{"id": f"{provider}/disks/{friendly}-os", "name": f"{friendly}-os", "sizeGB": 128, "sku": "Premium_LRS"}],
        },
        "target": {
            "vmName": friendly,
            "vmSize": "Standard_D4s_v3",
            "location": locations[1],
            "network": f"{network}-{locations[1]}",
            "resourceGroup": _group(vault),
            "stagingAccount": f"{_group(vault)}/providers/Microsoft.Storage/storageAccounts/asrcache{derived('staging', vault)[:8]}",
        },
    }


def _running_job(vault: str, item: Json, now: datetime) -> Json:
    name = derived("sample job", item["id"])
    start = to_text((now - timedelta(hours=1)).replace(microsecond=0))
    end = to_text((now + timedelta(days=365)).replace(microsecond=0))
    task = {"id": "RepairReplicationTask", "name": "VmRepairReplication", "friendlyName": "Repair the replication", "seconds": 31_536_000.0}
    return {
        "id": f"{vault}/replicationJobs/{name}",
        "scenario": "RepairReplication",
        "friendlyName": "Repair replication",
        "activityId": f"{derived('sample activity', name)} ActivityId: {derived('sample correlation', name)}",
        "target": item["id"],
        "targetName": item["friendlyName"],
        "targetType": "ProtectionEntity",
        "startedAt": start,
        "endsAt": end,
        "tasks": [{**task, "start": start, "end": end}],
    }


def _plan(vault: str, name: str, primary: str, recovery: str, groups: list[list[str]]) -> Json:
    return {
        "id": f"{vault}/replicationRecoveryPlans/{name}",
        "friendlyName": name,
        "primary": primary,
        "recovery": recovery,
        "groups": [{"type": "Boot", "members": members} for members in groups],
        "failoverDeploymentModel": "ResourceManager",
    }


# what the parts of a fabric look like

_HYPER_V: Json = {"recoveryPointHistoryDurationInHours": 24, "applicationConsistentSnapshotFrequencyInHours": 4, "encryption": "Disabled"}
_VMM_TO_VMM: Json = {
    "instanceType": "HyperVReplica2012R2",
    "replicationFrequencyInSeconds": 300,
    "recoveryPoints": 24,
    "applicationConsistentSnapshotFrequencyInHours": 4,
    "compression": "Enabled",
    "initialReplicationMethod": "OverNetwork",
    "replicationPort": 8083,
    "allowedAuthenticationType": 1,
    "replicaDeletionOption": "NotRequired",
}
_A2A: Json = {
    "recoveryPointHistory": 1440,
    "recoveryPointThresholdInMinutes": 60,
    "appConsistentFrequencyInMinutes": 240,
    "crashConsistentFrequencyInMinutes": 5,
    "multiVmSyncStatus": "Disabled",
}
_RCM: Json = {
    "recoveryPointHistoryInMinutes": 1440,
    "appConsistentFrequencyInMinutes": 240,
    "crashConsistentFrequencyInMinutes": 5,
    "enableMultiVmSync": "false",
}


def _policy(vault: str, name: str, details: Json) -> Json:
    return {"id": f"{vault}/replicationPolicies/{name}", "properties": {"friendlyName": name, "providerSpecificDetails": details}}


def _fabric(friendly: str, details: Json) -> Json:
    return {"friendlyName": friendly, "customDetails": details, "bcdrState": "Valid", "health": "Normal", "healthErrorDetails": []}


def _hyper_v_fabric(fabric: str, friendly: str, kind: str, version: str) -> Json:
    identifier = derived("sample provider", fabric)
    return {
        "id": fabric,
        "properties": _fabric(friendly, {"instanceType": kind}),
        "providers": [
            {
                "id": f"{fabric}/replicationRecoveryServicesProviders/{identifier}",
                "properties": {
                    "friendlyName": friendly,
                    "fabricType": kind,
                    "fabricFriendlyName": friendly,
                    "providerVersion": version,
                    "serverVersion": "10.22.1287.0",
                    "providerVersionState": "Latest" if version == _PROVIDER_VERSION else "UpdateRequired",
                    "providerVersionDetails": {
                        "version": version,
                        "status": "Supported" if version == _PROVIDER_VERSION else "UpdateRequired",
                    },
                    "connectionStatus": "Connected",
                    "allowedScenarios": [],
                    "healthErrorDetails": [],
                    "draIdentifier": identifier,
                },
            }
        ],
    }


def _container(container: str, friendly: str, kind: str) -> Json:
    fabric = container.rsplit("/", 2)[0].rsplit("/", 1)[-1]
    properties = {"friendlyName": friendly, "fabricFriendlyName": fabric, "fabricType": kind, "pairingStatus": "Paired", "role": "Primary"}
    return {"id": container, "properties": properties}


def _mapping(container: str, target: str, policy: str, kind: str) -> Json:
    return {
        "id": f"{container}/replicationProtectionContainerMappings/{derived('sample mapping', container, target, policy)}",
        "properties": {
            "targetProtectionContainerId": target,
            "targetProtectionContainerFriendlyName": target.rsplit("/", 1)[-1],
            "sourceProtectionContainerFriendlyName": container.rsplit("/", 1)[-1],
            "sourceFabricFriendlyName": container.rsplit("/", 3)[-3],
            "targetFabricFriendlyName": target.rsplit("/", 3)[-3] if "/" in target else target,
            "policyId": policy,
            "policyFriendlyName": policy.rsplit("/", 1)[-1],
            "state": "Paired",
            "health": "Normal",
            "healthErrorDetails": [],
            "providerSpecificDetails": {"instanceType": kind},
        },
    }


def _protectable(item: Json, item_id: str) -> Json:
    kind = "VmmVirtualMachine" if "/vmm" in item_id else "HyperVVirtualMachine"
    body = _unprotected(item_id.rsplit("/", 2)[0], item["friendlyName"], kind, ())
    body["id"] = item["protectableItem"]
    return {**body, "properties": {**body["properties"], "protectionStatus": "Protected", "replicationProtectedItemId": item_id}}


def _unprotected(container: str, friendly: str, kind: str, errors: Sequence[str]) -> Json:
    machine = derived("sample machine", container, friendly)
    disk = {"maxSizeMB": 65536, "vhdType": "OperatingSystem", "vhdId": derived("sample disk", machine), "vhdName": f"{friendly}-os"}
    return {
        "id": f"{container}/replicationProtectableItems/{machine}",
        "properties": {
            "friendlyName": friendly,
            "protectionStatus": "Unprotected",
            "protectionReadinessErrors": list(errors),
            "supportedReplicationProviders": ["HyperVReplicaAzure"],
            "customDetails": {
                "instanceType": kind,
                "sourceItemId": machine,
                "generation": "1",
                "osDetails": {"osType": "Windows"},
                "diskDetails": [disk],
                "hasPhysicalDisk": "NotPresent",
                "hasFibreChannelAdapter": "NotPresent",
                "hasSharedVhd": "Present" if errors else "NotPresent",
            },
        },
    }


def _network(network: str, friendly: str, kind: str) -> Json:
    subnet = {"name": "default", "friendlyName": "default", "addressList": ["192.168.10.0/24"]}
    return {"id": network, "properties": {"friendlyName": friendly, "fabricType": kind, "networkType": "VMNetwork", "subnets": [subnet]}}


def _network_mapping(network: str, target: str) -> Json:
    return {
        "id": f"{network}/replicationNetworkMappings/{derived('sample network mapping', network)}",
        "properties": {
            "state": "Paired",
            "primaryNetworkFriendlyName": "vm-network",
            "primaryNetworkId": network,
            "primaryFabricFriendlyName": network.rsplit("/", 3)[-3],
            "recoveryNetworkFriendlyName": target.rsplit("/", 1)[-1],
            "recoveryNetworkId": target,
            "recoveryFabricFriendlyName": _AZURE,
            "fabricSpecificSettings": {"instanceType": "VmmToAzure"},
        },
    }


def _group(vault: str) -> str:
    return vault.split("/providers/", maxsplit=1)[0]
