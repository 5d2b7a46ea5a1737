"""The names of Site Recovery: types of resources, providers, operations, and how ids are put together."""

from enum import StrEnum

from local.simulation.ids import derived, key

VAULT = "Microsoft.RecoveryServices/vaults"
FABRIC = f"{VAULT}/replicationFabrics"
CONTAINER = f"{FABRIC}/replicationProtectionContainers"
MAPPING = f"{CONTAINER}/replicationProtectionContainerMappings"
PROTECTABLE = f"{CONTAINER}/replicationProtectableItems"
ITEM = f"{CONTAINER}/replicationProtectedItems"
POINT = f"{ITEM}/recoveryPoints"
NETWORK = f"{FABRIC}/replicationNetworks"
NETWORK_MAPPING = f"{NETWORK}/replicationNetworkMappings"
PROVIDER = f"{FABRIC}/replicationRecoveryServicesProviders"
CLASSIFICATION = f"{FABRIC}/replicationStorageClassifications"
CLASSIFICATION_MAPPING = f"{CLASSIFICATION}/replicationStorageClassificationMappings"
POLICY = f"{VAULT}/replicationPolicies"
PLAN = f"{VAULT}/replicationRecoveryPlans"
JOB = f"{VAULT}/replicationJobs"

#: The name of the recovery side of everything that is replicated from Hyper-V or VMware to Azure.
AZURE = "Microsoft Azure"


#: The network below a fabric of Azure under which the mappings of virtual networks lie.
AZURE_NETWORK = "azureNetwork"


class Provider(StrEnum):
    """How an item is replicated: `instanceType` of its provider-specific details."""

    HYPER_V_TO_AZURE = "HyperVReplicaAzure"
    HYPER_V = "HyperVReplica2012R2"
    A2A = "A2A"
    RCM = "InMageRcm"
    IN_MAGE_V2 = "InMageAzureV2"


class Operation(StrEnum):
    """What an item, or a plan, may allow: the specification's `ReplicationProtectedItemOperation`."""

    REVERSE_REPLICATE = "ReverseReplicate"
    COMMIT = "Commit"
    PLANNED_FAILOVER = "PlannedFailover"
    UNPLANNED_FAILOVER = "UnplannedFailover"
    DISABLE_PROTECTION = "DisableProtection"
    TEST_FAILOVER = "TestFailover"
    TEST_FAILOVER_CLEANUP = "TestFailoverCleanup"
    FAILBACK = "Failback"
    CANCEL_FAILOVER = "CancelFailover"
    CHANGE_PIT = "ChangePit"
    REPAIR_REPLICATION = "RepairReplication"
    SWITCH_PROTECTION = "SwitchProtection"
    COMPLETE_MIGRATION = "CompleteMigration"


class Phase(StrEnum):
    """The state of an item: the rows of the table of allowed operations."""

    ENABLING = "enabling"
    PROTECTED = "protected"
    FAILED_OVER = "failedOver"
    COMMITTED = "committed"
    FAILING_BACK = "failingBack"
    FAILED_BACK = "failedBack"
    FAILBACK_COMMITTED = "failbackCommitted"
    REVERSED = "reversed"
    BROKEN = "broken"


def vault_of(resource_id: str) -> str:
    """Return the id of the vault that a resource is in, as written."""
    return "/" + "/".join(resource_id.strip("/").split("/")[:8])


def fabric_of(resource_id: str) -> str:
    """Return the id of the fabric that a resource is in, as written."""
    return "/" + "/".join(resource_id.strip("/").split("/")[:10])


def container_of(resource_id: str) -> str:
    """Return the id of the protection container that a resource is in, as written."""
    return "/" + "/".join(resource_id.strip("/").split("/")[:12])


def azure_fabric(resource_id: str) -> str:
    """Return the id of the fabric that represents Azure as the recovery side in a vault."""
    vault = vault_of(resource_id)
    return f"{vault}/{FABRIC.rsplit('/', 1)[-1]}/{derived('azure fabric', vault).replace('-', '')}"


def azure_container(resource_id: str) -> str:
    """Return the id of the container that represents Azure as the recovery side in a vault."""
    fabric = azure_fabric(resource_id)
    return f"{fabric}/{CONTAINER.rsplit('/', 1)[-1]}/{derived('azure container', fabric).replace('-', '')}"


def within(resource_id: str, scope: str) -> bool:
    """Return whether a resource is below another one."""
    return key(resource_id).startswith(key(scope) + "/")
