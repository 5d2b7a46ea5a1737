"""Operations on a protected item: failovers, tests, commits, failback and reprotection."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from local.simulation.arm.call import Answer, Call
from local.simulation.arm.errors import ArmError, not_found
from local.simulation.arm.tables import Json
from local.simulation.ids import derived, name, resource_group
from local.simulation.recovery_services import inputs
from local.simulation.recovery_services.items import effects, rules
from local.simulation.recovery_services.items.health import health
from local.simulation.recovery_services.items.item import Item
from local.simulation.recovery_services.items.points import Point, made_now, point_by_id, points
from local.simulation.recovery_services.jobs.job import Effect
from local.simulation.recovery_services.jobs.scenarios import Scenario, failback_tasks, tasks_for, wait_task
from local.simulation.recovery_services.jobs.starting import answered, item_job, on_items
from local.simulation.recovery_services.jobs.tasks import Task
from local.simulation.recovery_services.names import ITEM, Operation, Provider, container_of
from local.simulation.recovery_services.state import RecoveryServicesState


def planned_failover(call: Call) -> Answer:
    """`ReplicationProtectedItems_PlannedFailover`: out, or (a failback) home again."""
    item, wanted = item_of(call), inputs.properties(call.body)
    back = inputs.direction(wanted) == "RecoveryToPrimary"
    details = inputs.details(wanted, "providerSpecificDetails")
    if back and item.provider is not Provider.HYPER_V:
        check(call, item, inputs.failback_operation(item))
        return _failback(call, item, details)
    check(call, item, Operation.PLANNED_FAILOVER)
    if back is not (item.active_location == "Recovery"):
        raise inputs.wrong("failoverDirection", f"The machine is active on its {item.active_location} side.")
    inputs.check_instance_type(details, item.provider, "HyperVReplicaAzure", optional=item.provider is Provider.HYPER_V)
    given = details.get("recoveryPointId")
    point = _point(call, item, given) if given else made_now(item, call.now + timedelta(seconds=45 * item.pace))
    tasks = tasks_for(Scenario.PLANNED_FAILOVER, item)
    effect = effects.failed_over(item, point, call.now, unplanned=False)
    return _begun(call, item, Scenario.PLANNED_FAILOVER, tasks, effect, _failover_details(item, point))


def unplanned_failover(call: Call) -> Answer:
    """`ReplicationProtectedItems_UnplannedFailover`."""
    item, wanted = item_of(call), inputs.properties(call.body)
    inputs.direction(wanted)
    shut_down = inputs.source_site_operations(wanted) == "Required"
    details = inputs.details(wanted, "providerSpecificDetails")
    check(call, item, Operation.UNPLANNED_FAILOVER)
    inputs.check_instance_type(details, item.provider, item.provider, optional=item.provider is Provider.HYPER_V)
    point = _point(call, item, details.get("recoveryPointId"))
    tasks = tasks_for(Scenario.UNPLANNED_FAILOVER, item, shut_down=shut_down)
    effect = effects.failed_over(item, point, call.now, unplanned=True)
    return _begun(call, item, Scenario.UNPLANNED_FAILOVER, tasks, effect, _failover_details(item, point))


def test_failover(call: Call) -> Answer:
    """`ReplicationProtectedItems_TestFailover`."""
    item, wanted = item_of(call), inputs.properties(call.body)
    inputs.direction(wanted)
    details = inputs.details(wanted, "providerSpecificDetails")
    network = inputs.test_network(call, item, wanted, details)
    check(call, item, Operation.TEST_FAILOVER)
    inputs.check_instance_type(details, item.provider, item.provider, optional=item.provider is Provider.HYPER_V)
    point = _point(call, item, details.get("recoveryPointId"))
    tasks = tasks_for(Scenario.TEST_FAILOVER, item)
    custom = test_details(wanted, network, [protected_item_details(item, point, network, test=True)])
    return _begun(call, item, Scenario.TEST_FAILOVER, tasks, effects.tested(item), custom)


def test_failover_cleanup(call: Call) -> Answer:
    """`ReplicationProtectedItems_TestFailoverCleanup`."""
    return _simple(call, Operation.TEST_FAILOVER_CLEANUP, Scenario.TEST_FAILOVER_CLEANUP)


def commit(call: Call) -> Answer:
    """`ReplicationProtectedItems_FailoverCommit`: deletes every other recovery point."""
    return _simple(call, Operation.COMMIT, Scenario.COMMIT)


def cancel_failover(call: Call) -> Answer:
    """`ReplicationProtectedItems_FailoverCancel`."""
    return _simple(call, Operation.CANCEL_FAILOVER, Scenario.CANCEL)


def reprotect(call: Call) -> Answer:
    """`ReplicationProtectedItems_Reprotect`: reverse replication; Azure to Azure has `switchprotection` instead."""
    item = item_of(call)
    details = inputs.details(inputs.properties(call.body), "providerSpecificDetails")
    check(call, item, Operation.REVERSE_REPLICATE)
    inputs.check_reprotection(item, details)
    return _started(call, item, Scenario.REVERSE)


def repair_replication(call: Call) -> Answer:
    """`ReplicationProtectedItems_RepairReplication`."""
    return _simple(call, Operation.REPAIR_REPLICATION, Scenario.REPAIR)


def apply_recovery_point(call: Call) -> Answer:
    """`ReplicationProtectedItems_ApplyRecoveryPoint`: between the failover and its commit."""
    item, wanted = item_of(call), inputs.properties(call.body)
    check(call, item, Operation.CHANGE_PIT)
    given = wanted.get("recoveryPointId")
    if not given:
        raise inputs.wrong("recoveryPointId", "It is required.")
    point = _point(call, item, given)
    effect = effects.point_changed(item, point)
    return _begun(call, item, Scenario.CHANGE_PIT, tasks_for(Scenario.CHANGE_PIT, item), effect, _failover_details(item, point))


def switch_protection(call: Call) -> Answer:
    """`ReplicationProtectionContainers_SwitchProtection`: asked of the container that the item is in; afterwards it is in the other one."""
    container = call.path.rsplit("/", 1)[0]
    state, wanted = call.world.of(RecoveryServicesState), inputs.properties(call.body)
    item_name = wanted.get("replicationProtectedItemName")
    if not item_name:
        raise inputs.wrong("replicationProtectedItemName", "It is required.")
    item = state.item(f"{container}/{name(ITEM)}/{item_name}", call.now)
    if item is None:
        raise not_found(ITEM, "/".join((*call.names[2:], str(item_name))), call.names[1])
    details = inputs.details(wanted, "providerSpecificDetails")
    check(call, item, Operation.SWITCH_PROTECTION)
    inputs.check_instance_type(details, item.provider, Provider.A2A)
    inputs.check_switch(call, item, details)
    effect = effects.switched(item, str(details.get("policyId") or item.policy or ""), str(details.get("recoveryResourceGroupId") or ""))
    custom = {"instanceType": "SwitchProtectionJobDetails", "newReplicationProtectedItemId": str((effect.moves or {})["id"])}
    job = item_job(call, Scenario.SWITCH, tasks_for(Scenario.SWITCH, item), effect, item, custom)
    return answered(call, job, on_items(state, job, call.now), resource=container_of(item.id))


def _simple(call: Call, operation: Operation, scenario: Scenario) -> Answer:
    item = item_of(call)
    check(call, item, operation)
    return _started(call, item, scenario)


def _started(call: Call, item: Item, scenario: Scenario) -> Answer:
    return _begun(call, item, scenario, tasks_for(scenario, item), effects.simple(item, scenario), None)


def _failback(call: Call, item: Item, details: Mapping[str, Any]) -> Answer:
    waits = inputs.failback_waits(item, details)
    before, after = failback_tasks(item, waits=waits)
    tasks = (*before, wait_task(), *after) if waits else after
    custom: Json = {
        "instanceType": "FailoverJobDetails",
        "protectedItemDetails": [{"name": name(item.id), "friendlyName": item.friendly_name}],
    }
    return _begun(call, item, Scenario.PLANNED_FAILOVER, tasks, effects.failed_back(item), custom)


def _begun(call: Call, item: Item, scenario: Scenario, tasks: tuple[Task, ...], effect: Effect, details: Json | None) -> Answer:
    job = item_job(call, scenario, tasks, effect, item, details)
    return answered(call, job, on_items(call.world.of(RecoveryServicesState), job, call.now))


def item_of(call: Call) -> Item:
    """Return the item of a request; raises `ArmError` 404."""
    item_id = "/" + "/".join(call.path.strip("/").split("/")[:14])
    found = call.world.of(RecoveryServicesState).item(item_id, call.now)
    if found is None:
        raise not_found(ITEM, "/".join(call.names[2:6]), resource_group(call.path))
    return found


def check(call: Call, item: Item, operation: Operation) -> None:
    """Refuse what an item does not allow now."""
    state = call.world.of(RecoveryServicesState)
    shown = health(item, state.thing(item.policy, call.now), call.faults, call.now).state
    rules.check_allowed(operation, rules.allowed(item, shown), item.friendly_name, item.job)


def _point(call: Call, item: Item, given: object) -> Point:
    policy = call.world.of(RecoveryServicesState).thing(item.policy, call.now)
    if given:
        return point_by_id(item, policy, call.now, str(given))
    newest = next(iter(points(item, policy, call.now)), None)
    if newest is None:
        raise ArmError(409, "NoRecoveryPoint", f"The item '{item.friendly_name}' has no recovery point yet.")
    return newest


def _failover_details(item: Item, point: Point) -> Json:
    return {"instanceType": "FailoverJobDetails", "protectedItemDetails": [protected_item_details(item, point, item.target.get("network"))]}


def protected_item_details(item: Item, point: Point | None, network: str | None, *, test: bool = False) -> Json:
    """Return a failover job's details of one item; the recovery point is given by its name alone, as recorded."""
    body: Json = {
        "name": name(item.id),
        "friendlyName": item.friendly_name,
        "testVmName": f"{item.friendly_name}-test" if test else None,
        "networkConnectionStatus": "Connected" if network else "NotConnected",
        "networkFriendlyName": name(str(network)) if network else None,
        "subnet": "default" if network else None,
    }
    if point is not None:
        body |= {"recoveryPointId": point.name, "recoveryPointTime": point.as_json()["time"]}
    if test:
        body["testVmFriendlyName"] = body["testVmName"]
    return {member: value for member, value in body.items() if value is not None}


def test_details(wanted: Mapping[str, Any], network: str | None, items: list[Json]) -> Json:
    """Return a test failover's custom details."""
    body: Json = {
        "instanceType": "TestFailoverJobDetails",
        "testFailoverStatus": "Active",
        "comments": "",
        "networkType": str(wanted.get("networkType") or ("VmNetworkAsInput" if network else "NoNetworkAttachAsInput")),
        "protectedItemDetails": items,
    }
    return body | ({"networkName": derived("network", network), "networkFriendlyName": name(network)} if network else {})
