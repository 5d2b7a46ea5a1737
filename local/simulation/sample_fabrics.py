"""What the fabrics of the sample's vaults look like: clouds, mappings, providers, machines, networks, policies, plans."""

from collections.abc import Sequence

from local.simulation.arm.tables import Json
from local.simulation.ids import derived

AZURE = "Microsoft Azure"
PROVIDER_VERSION = "5.25.1107.0"
#: Older than 5.1.1256.0 as numbers, newer as text.
OLD_VERSION = "5.1.950.0"

HYPER_V: Json = {"recoveryPointHistoryDurationInHours": 24, "applicationConsistentSnapshotFrequencyInHours": 4, "encryption": "Disabled"}
VMM_TO_VMM: Json = {
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
A2A: Json = {
    "recoveryPointHistory": 1440,
    "recoveryPointThresholdInMinutes": 60,
    "appConsistentFrequencyInMinutes": 240,
    "crashConsistentFrequencyInMinutes": 5,
    "multiVmSyncStatus": "Disabled",
}
RCM: Json = {
    "recoveryPointHistoryInMinutes": 1440,
    "appConsistentFrequencyInMinutes": 240,
    "crashConsistentFrequencyInMinutes": 5,
    "enableMultiVmSync": "false",
}


def make_policy(vault: str, name: str, details: Json) -> Json:
    """Return a policy with its details."""
    return {"id": f"{vault}/replicationPolicies/{name}", "properties": {"friendlyName": name, "providerSpecificDetails": details}}


def make_fabric(friendly: str, details: Json) -> Json:
    """Return a fabric's properties."""
    return {"friendlyName": friendly, "customDetails": details, "bcdrState": "Valid", "health": "Normal", "healthErrorDetails": []}


def make_hyper_v_fabric(fabric: str, friendly: str, kind: str, version: str) -> Json:
    """Return a fabric of Hyper-V with its provider of a version."""
    identifier = derived("sample provider", fabric)
    return {
        "id": fabric,
        "properties": make_fabric(friendly, {"instanceType": kind}),
        "providers": [
            {
                "id": f"{fabric}/replicationRecoveryServicesProviders/{identifier}",
                "properties": {
                    "friendlyName": friendly,
                    "fabricType": kind,
                    "fabricFriendlyName": friendly,
                    "providerVersion": version,
                    "serverVersion": "10.22.1287.0",
                    "providerVersionState": "Latest" if version == PROVIDER_VERSION else "UpdateRequired",
                    "providerVersionDetails": {
                        "version": version,
                        "status": "Supported" if version == PROVIDER_VERSION else "UpdateRequired",
                    },
                    "connectionStatus": "Connected",
                    "allowedScenarios": [],
                    "healthErrorDetails": [],
                    "draIdentifier": identifier,
                },
            }
        ],
    }


def make_container(container: str, friendly: str, kind: str) -> Json:
    """Return a protection container."""
    fabric = container.rsplit("/", 2)[0].rsplit("/", 1)[-1]
    properties = {"friendlyName": friendly, "fabricFriendlyName": fabric, "fabricType": kind, "pairingStatus": "Paired", "role": "Primary"}
    return {"id": container, "properties": properties}


def make_mapping(container: str, target: str, policy: str, kind: str) -> Json:
    """Return the association of a container with a policy."""
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


def make_protectable(item: Json, item_id: str) -> Json:
    """Return the machine of an item."""
    kind = "VmmVirtualMachine" if "/vmm" in item_id else "HyperVVirtualMachine"
    body = make_unprotected(item_id.rsplit("/", 2)[0], item["friendlyName"], kind, ())
    body["id"] = item["protectableItem"]
    return {**body, "properties": {**body["properties"], "protectionStatus": "Protected", "replicationProtectedItemId": item_id}}


def make_unprotected(container: str, friendly: str, kind: str, errors: Sequence[str]) -> Json:
    """Return a machine without protection, and the errors that prevent it."""
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


def make_network(network: str, friendly: str, kind: str) -> Json:
    """Return a network of a fabric."""
    subnet = {"name": "default", "friendlyName": "default", "addressList": ["192.168.10.0/24"]}
    return {"id": network, "properties": {"friendlyName": friendly, "fabricType": kind, "networkType": "VMNetwork", "subnets": [subnet]}}


def make_network_mapping(network: str, target: str) -> Json:
    """Return the mapping of a network to one of Azure."""
    return {
        "id": f"{network}/replicationNetworkMappings/{derived('sample network mapping', network)}",
        "properties": {
            "state": "Paired",
            "primaryNetworkFriendlyName": "vm-network",
            "primaryNetworkId": network,
            "primaryFabricFriendlyName": network.rsplit("/", 3)[-3],
            "recoveryNetworkFriendlyName": target.rsplit("/", 1)[-1],
            "recoveryNetworkId": target,
            "recoveryFabricFriendlyName": AZURE,
            "fabricSpecificSettings": {"instanceType": "VmmToAzure"},
        },
    }


def group_of(vault: str) -> str:
    """Return the id of the resource group that a vault is in."""
    return vault.split("/providers/", maxsplit=1)[0]
