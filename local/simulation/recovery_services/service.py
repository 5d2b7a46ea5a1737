"""The routes of Microsoft.RecoveryServices, and its registration."""

from local.simulation.arm.call import Handler, Route
from local.simulation.arm.service import Service
from local.simulation.recovery_services import names, responses
from local.simulation.recovery_services.items import failovers, protection
from local.simulation.recovery_services.jobs import calls as job_calls
from local.simulation.recovery_services.plans import changes as plan_changes
from local.simulation.recovery_services.plans import failovers as plan_failovers
from local.simulation.recovery_services.recorded import recorded
from local.simulation.recovery_services.set_up import changes as set_up
from local.simulation.recovery_services.set_up import network_mappings
from local.simulation.recovery_services.state import RecoveryServicesState

_VERSIONS = (
    *("2018-07-10", "2021-08-01", "2021-10-01", "2021-11-01", "2021-12-01", "2022-01-01", "2022-02-01", "2022-03-01", "2022-04-01"),
    *("2022-05-01", "2022-08-01", "2022-09-10", "2022-10-01", "2023-01-01", "2023-02-01", "2023-04-01", "2023-06-01", "2023-08-01"),
    *("2024-01-01", "2024-02-01", "2024-04-01", "2024-10-01", "2025-01-01", "2025-02-01", "2025-08-01"),
)
_SUBSCRIPTION = "/subscriptions/*/providers"
_GROUP = "/subscriptions/*/resourcegroups/*/providers"


def _one(kind: str) -> str:
    """Return the template of one resource of a type."""
    namespace, *types = kind.split("/")
    return f"{_GROUP}/{namespace}/{'/'.join(f'{each}/*' for each in types)}".lower()


def _route(method: str, template: str, operation: str, kind: str, action: str, handle: Handler) -> Route:
    return Route(method, template.lower(), operation, f"{kind}/{action}", recorded(handle), kind, _VERSIONS)


def _reads(kind: str, operation: str, get: Handler, list_: Handler, *, lists: tuple[str, ...]) -> list[Route]:
    """Return the reads of a type: one, and the lists below the resources whose types are named."""
    segment = kind.rsplit("/", 1)[-1]
    found = [_route("GET", _one(kind), f"{operation}_Get", kind, "read", get)]
    for above in lists:
        suffix = "List" if above == names.VAULT else f"ListBy{above.rsplit('/', 1)[-1]}"
        found.append(_route("GET", f"{_one(above)}/{segment}", f"{operation}_{suffix}", kind, "read", list_))
    return found


def _operations(kind: str, operation: str, operations: tuple[tuple[str, str, Handler], ...]) -> list[Route]:
    return [
        _route("POST", f"{_one(kind)}/{segment}", f"{operation}_{suffix}", kind, f"{segment}/action", handle)
        for segment, suffix, handle in operations
    ]


def _results(*kinds: str) -> list[Route]:
    return [
        _route("GET", f"{_one(kind)}/operationresults/*", "OperationResults_Get", kind, "operationresults/read", job_calls.result)
        for kind in kinds
    ]


_N = names
_THINGS = (
    (_N.FABRIC, "ReplicationFabrics", (_N.VAULT,)),
    (_N.CONTAINER, "ReplicationProtectionContainers", (_N.VAULT, _N.FABRIC)),
    (_N.MAPPING, "ReplicationProtectionContainerMappings", (_N.VAULT, _N.CONTAINER)),
    (_N.PROTECTABLE, "ReplicationProtectableItems", (_N.CONTAINER,)),
    (_N.NETWORK, "ReplicationNetworks", (_N.VAULT, _N.FABRIC)),
    (_N.NETWORK_MAPPING, "ReplicationNetworkMappings", (_N.VAULT, _N.NETWORK)),
    (_N.PROVIDER, "ReplicationRecoveryServicesProviders", (_N.VAULT, _N.FABRIC)),
    (_N.CLASSIFICATION, "ReplicationStorageClassifications", (_N.VAULT, _N.FABRIC)),
    (_N.CLASSIFICATION_MAPPING, "ReplicationStorageClassificationMappings", (_N.VAULT, _N.CLASSIFICATION)),
    (_N.POLICY, "ReplicationPolicies", (_N.VAULT,)),
)
_EMPTY = (
    "replicationEvents",
    "replicationAlertSettings",
    "replicationMigrationItems",
    "replicationProtectionIntents",
    "replicationvCenters",
)

_VAULTS = [
    _route("GET", _one(_N.VAULT), "Vaults_Get", _N.VAULT, "read", responses.get_vault),
    _route("GET", f"{_GROUP}/{_N.VAULT}", "Vaults_ListByResourceGroup", _N.VAULT, "read", responses.list_vaults),
    _route("GET", f"{_SUBSCRIPTION}/{_N.VAULT}", "Vaults_ListBySubscriptionId", _N.VAULT, "read", responses.list_vaults),
    _route(
        "GET",
        f"{_one(_N.VAULT)}/replicationVaultHealth",
        "ReplicationVaultHealth_Get",
        f"{_N.VAULT}/replicationVaultHealth",
        "read",
        responses.get_vault_health,
    ),
    *(
        _route(
            "GET",
            f"{_one(_N.VAULT)}/{segment}",
            f"{segment[0].upper() + segment[1:]}_List",
            f"{_N.VAULT}/{segment}",
            "read",
            responses.nothing,
        )
        for segment in _EMPTY
    ),
    _route(
        "GET",
        f"{_one(_N.VAULT)}/replicationOperationStatus/*",
        "ReplicationOperationStatus_Get",
        f"{_N.VAULT}/replicationOperationStatus",
        "read",
        job_calls.status,
    ),
]

_ITEMS = [
    *_reads(_N.ITEM, "ReplicationProtectedItems", responses.get_item, responses.list_items, lists=(_N.VAULT, _N.CONTAINER)),
    *_reads(_N.POINT, "RecoveryPoints", responses.get_point, responses.list_points, lists=(_N.ITEM,)),
    _route(
        "GET",
        f"{_one(_N.ITEM)}/targetComputeSizes",
        "TargetComputeSizes_List",
        f"{_N.ITEM}/targetComputeSizes",
        "read",
        responses.list_sizes,
    ),
    _route("PUT", _one(_N.ITEM), "ReplicationProtectedItems_Create", _N.ITEM, "write", protection.enable),
    _route("PATCH", _one(_N.ITEM), "ReplicationProtectedItems_Update", _N.ITEM, "write", protection.update),
    _route("DELETE", _one(_N.ITEM), "ReplicationProtectedItems_Purge", _N.ITEM, "delete", protection.disable),
    *_operations(
        _N.ITEM,
        "ReplicationProtectedItems",
        (
            ("plannedFailover", "PlannedFailover", failovers.planned_failover),
            ("unplannedFailover", "UnplannedFailover", failovers.unplanned_failover),
            ("testFailover", "TestFailover", failovers.test_failover),
            ("testFailoverCleanup", "TestFailoverCleanup", failovers.test_failover_cleanup),
            ("failoverCommit", "FailoverCommit", failovers.commit),
            ("failoverCancel", "FailoverCancel", failovers.cancel_failover),
            ("reProtect", "Reprotect", failovers.reprotect),
            ("applyRecoveryPoint", "ApplyRecoveryPoint", failovers.apply_recovery_point),
            ("repairReplication", "RepairReplication", failovers.repair_replication),
            ("remove", "Delete", protection.disable),
        ),
    ),
]

_PLANS = [
    *_reads(_N.PLAN, "ReplicationRecoveryPlans", responses.get_plan, responses.list_plans, lists=(_N.VAULT,)),
    _route("PUT", _one(_N.PLAN), "ReplicationRecoveryPlans_Create", _N.PLAN, "write", plan_changes.put_plan),
    _route("PATCH", _one(_N.PLAN), "ReplicationRecoveryPlans_Update", _N.PLAN, "write", plan_changes.patch_plan),
    _route("DELETE", _one(_N.PLAN), "ReplicationRecoveryPlans_Delete", _N.PLAN, "delete", plan_changes.delete_plan),
    *_operations(
        _N.PLAN,
        "ReplicationRecoveryPlans",
        (
            ("plannedFailover", "PlannedFailover", plan_failovers.planned_failover),
            ("unplannedFailover", "UnplannedFailover", plan_failovers.unplanned_failover),
            ("testFailover", "TestFailover", plan_failovers.test_failover),
            ("testFailoverCleanup", "TestFailoverCleanup", plan_failovers.test_failover_cleanup),
            ("failoverCommit", "FailoverCommit", plan_failovers.commit),
            ("failoverCancel", "FailoverCancel", plan_failovers.cancel_failover),
            ("reProtect", "Reprotect", plan_failovers.reprotect),
        ),
    ),
]

_JOBS = [
    *_reads(_N.JOB, "ReplicationJobs", job_calls.get_job, job_calls.list_jobs, lists=(_N.VAULT,)),
    *_operations(
        _N.JOB,
        "ReplicationJobs",
        (
            ("cancel", "Cancel", job_calls.cancel),
            ("resume", "Resume", job_calls.resume),
            ("restart", "Restart", job_calls.restart),
        ),
    ),
]

_SET_UP = [
    *(
        route
        for kind, operation, lists in _THINGS
        for route in _reads(kind, operation, responses.get_thing, responses.list_things, lists=lists)
    ),
    _route("PUT", _one(_N.POLICY), "ReplicationPolicies_Create", _N.POLICY, "write", set_up.put_policy),
    _route("PATCH", _one(_N.POLICY), "ReplicationPolicies_Update", _N.POLICY, "write", set_up.patch_policy),
    _route("DELETE", _one(_N.POLICY), "ReplicationPolicies_Delete", _N.POLICY, "delete", set_up.delete_policy),
    _route("PUT", _one(_N.MAPPING), "ReplicationProtectionContainerMappings_Create", _N.MAPPING, "write", set_up.put_mapping),
    _route("DELETE", _one(_N.MAPPING), "ReplicationProtectionContainerMappings_Purge", _N.MAPPING, "delete", set_up.remove_mapping),
    *_operations(_N.MAPPING, "ReplicationProtectionContainerMappings", (("remove", "Delete", set_up.remove_mapping),)),
    _route(
        "PUT",
        _one(_N.NETWORK_MAPPING),
        "ReplicationNetworkMappings_Create",
        _N.NETWORK_MAPPING,
        "write",
        network_mappings.put,
    ),
    _route(
        "PATCH",
        _one(_N.NETWORK_MAPPING),
        "ReplicationNetworkMappings_Update",
        _N.NETWORK_MAPPING,
        "write",
        network_mappings.put,
    ),
    _route("DELETE", _one(_N.NETWORK_MAPPING), "ReplicationNetworkMappings_Delete", _N.NETWORK_MAPPING, "delete", set_up.remove),
    _route("PUT", _one(_N.FABRIC), "ReplicationFabrics_Create", _N.FABRIC, "write", set_up.put_fabric),
    _route("DELETE", _one(_N.FABRIC), "ReplicationFabrics_Purge", _N.FABRIC, "delete", set_up.remove),
    *_operations(_N.FABRIC, "ReplicationFabrics", (("remove", "Delete", set_up.remove),)),
    _route("PUT", _one(_N.CONTAINER), "ReplicationProtectionContainers_Create", _N.CONTAINER, "write", set_up.put_container),
    *_operations(
        _N.CONTAINER,
        "ReplicationProtectionContainers",
        (
            ("remove", "Delete", set_up.remove),
            ("discoverProtectableItem", "DiscoverProtectableItem", set_up.refresh),
            ("switchprotection", "SwitchProtection", failovers.switch_protection),
        ),
    ),
    *_operations(
        _N.PROVIDER,
        "ReplicationRecoveryServicesProviders",
        (("refreshProvider", "RefreshProvider", set_up.refresh), ("remove", "Delete", set_up.remove)),
    ),
    _route(
        "PUT",
        _one(_N.CLASSIFICATION_MAPPING),
        "ReplicationStorageClassificationMappings_Create",
        _N.CLASSIFICATION_MAPPING,
        "write",
        set_up.put_classification_mapping,
    ),
    _route(
        "DELETE",
        _one(_N.CLASSIFICATION_MAPPING),
        "ReplicationStorageClassificationMappings_Delete",
        _N.CLASSIFICATION_MAPPING,
        "delete",
        set_up.remove,
    ),
]

ROUTES = (
    *_VAULTS,
    *_ITEMS,
    *_PLANS,
    *_JOBS,
    *_SET_UP,
    *_results(
        _N.ITEM, _N.PLAN, _N.JOB, _N.CONTAINER, _N.MAPPING, _N.POLICY, _N.FABRIC, _N.NETWORK_MAPPING, _N.PROVIDER, _N.CLASSIFICATION_MAPPING
    ),
)

SERVICE = Service("Microsoft.RecoveryServices", ROUTES, RecoveryServicesState, lists=("vaults",))
