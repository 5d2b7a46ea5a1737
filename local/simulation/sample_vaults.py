"""The vaults of the sample estate (docs/design/simulation.md, "The sample estate")."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from local.simulation.arm.tables import Json
from local.simulation.ids import derived
from local.simulation.sample_fabrics import (
    A2A,
    AZURE,
    HYPER_V,
    OLD_VERSION,
    PROVIDER_VERSION,
    RCM,
    VMM_TO_VMM,
    group_of,
    make_container,
    make_fabric,
    make_hyper_v_fabric,
    make_mapping,
    make_network,
    make_network_mapping,
    make_policy,
    make_protectable,
    make_unprotected,
)
from local.simulation.times import to_text


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
            make_policy(vault, "every-5-minutes", {"instanceType": "HyperVReplicaAzure", **HYPER_V, "replicationInterval": 300}),
            make_policy(vault, "every-30-seconds", {"instanceType": "HyperVReplicaAzure", **HYPER_V, "replicationInterval": 30}),
            make_policy(vault, "vmm-to-vmm", VMM_TO_VMM),
            make_policy(vault, "vmware", {"instanceType": "InMageRcm", **RCM}),
        ],
        **{member: [each for part in parts for each in part.get(member, [])] for member in ("fabrics", "items", "plans", "jobs")},
    }


def tenant_vault(vault: str, tenant: str, locations: Sequence[str], machines: Sequence[str], now: datetime) -> Json:
    """Return a tenant's own vault: Azure to Azure, three machines of the first region to the second; they have never been tested."""
    source, target = locations
    fabrics = [f"{vault}/replicationFabrics/{tenant}-{each}" for each in locations]
    containers = [f"{fabric}/replicationProtectionContainers/{tenant}-{each}" for fabric, each in zip(fabrics, locations, strict=True)]
    network = f"{group_of(vault)}/providers/Microsoft.Network/virtualNetworks/{tenant}"
    items = [_a2a_item(vault, containers, locations, network, machine, now) for machine in machines]
    policy = make_policy(vault, "a2a-day", {"instanceType": "A2A", **A2A})
    return {
        "id": vault,
        "location": target,
        "policies": [policy],
        "fabrics": [
            {
                "id": fabric,
                "properties": make_fabric(
                    f"{tenant}-{location}", {"instanceType": "Azure", "location": location, "containerIds": [container]}
                ),
                "containers": [make_container(container, f"{tenant}-{location}", "Azure")],
                "containerMappings": [make_mapping(container, other, policy["id"], "A2A")],
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
        self.group = group_of(vault)
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
    plan = _plan(vault, "shop", fabric, AZURE, [[each["id"]] for each, (_, kind) in zip(items, _ITEMS, strict=True) if kind == "plan"])
    job = running_job(vault, items[-1], now)
    items[-1] |= {"job": job["id"].rsplit("/", 1)[-1], "scenario": job["scenario"], "scenarioStart": job["startedAt"]}
    body = make_hyper_v_fabric(fabric, "vmm01.provider.example", "VMM", PROVIDER_VERSION)
    body["containers"] = [make_container(cloud, cloud.rsplit("/", 1)[-1], "VMM") for cloud in clouds]
    body["containerMappings"] = [
        make_mapping(cloud, AZURE, policy, "HyperVReplicaAzure") for cloud, policy in zip(clouds, policies, strict=True)
    ]
    body["protectableItems"] = [
        *(make_protectable(item, item["id"]) for item in items),
        *(make_unprotected(clouds[1], name, "VmmVirtualMachine", errors) for name, errors in _UNPROTECTED),
    ]
    network = f"{fabric}/replicationNetworks/{derived('sample network', fabric)}"
    body["networks"] = [make_network(network, "vm-network", "VMM")]
    body["networkMappings"] = [make_network_mapping(network, target.network)]
    classification = f"{fabric}/replicationStorageClassifications/{derived('sample classification', fabric)}"
    body["storageClassifications"] = [{"id": classification, "properties": {"friendlyName": "Local storage"}}]
    return {"fabrics": [body], "items": items, "plans": [plan], "jobs": [job]}


#: Machines of a cloud without protection, and the errors that prevent it.
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
    body = make_hyper_v_fabric(fabric, "site01", "HyperVSite", PROVIDER_VERSION)
    body["containers"] = [make_container(cloud, "site01", "HyperVSite")]
    body["containerMappings"] = [make_mapping(cloud, AZURE, policy, "HyperVReplicaAzure")]
    body["protectableItems"] = [
        *(make_protectable(item, item["id"]) for item in items),
        make_unprotected(cloud, "branch03", "HyperVVirtualMachine", ()),
    ]
    return {"fabrics": [body], "items": items}


def _pair(vault: str, now: datetime) -> Json:
    fabrics = [f"{vault}/replicationFabrics/{name}" for name in ("vmm02", "vmm03")]
    clouds = [f"{fabric}/replicationProtectionContainers/cloud-{name}" for fabric, name in zip(fabrics, ("east", "west"), strict=True)]
    policy = f"{vault}/replicationPolicies/vmm-to-vmm"
    bodies = []
    for fabric, cloud, other, version in zip(fabrics, clouds, reversed(clouds), (PROVIDER_VERSION, OLD_VERSION), strict=True):
        name = fabric.rsplit("/", 1)[-1]
        body = make_hyper_v_fabric(fabric, f"{name}.provider.example", "VMM", version)
        body["containers"] = [make_container(cloud, cloud.rsplit("/", 1)[-1], "VMM")]
        body["containerMappings"] = [make_mapping(cloud, other, policy, "HyperVReplica2012R2")]
        body["networks"] = [make_network(f"{fabric}/replicationNetworks/{derived('sample network', fabric)}", f"{name}-network", "VMM")]
        bodies.append(body)
    item = _hyper_v_item(clouds[0], policy, "vault01", None, now, days=12) | {
        "provider": "HyperVReplica2012R2",
        "recoveryContainer": clouds[1],
    }
    bodies[0]["protectableItems"] = [make_protectable(item, item["id"])]
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
                "properties": make_fabric("vmware01", {"instanceType": "InMageRcm"}),
                "containers": [make_container(container, "vmware01-container", "InMageRcm")],
                "containerMappings": [make_mapping(container, AZURE, policy, "InMageRcm")],
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
        "recoveryContainer": AZURE,
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
            "resourceGroup": group_of(vault),
            "stagingAccount": f"{group_of(vault)}/providers/Microsoft.Storage/storageAccounts/asrcache{derived('staging', vault)[:8]}",
        },
    }


def running_job(vault: str, item: Json, now: datetime) -> Json:
    """Return a job on an item that runs for a year."""
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
