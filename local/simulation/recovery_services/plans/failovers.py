"""Operations on a recovery plan: its groups run one after another, the members of a group side by side."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from local.simulation.arm.call import Answer, Call
from local.simulation.arm.errors import not_found
from local.simulation.arm.tables import Change, Json
from local.simulation.ids import derived, key, name, resource_group
from local.simulation.recovery_services import inputs
from local.simulation.recovery_services.items import effects, rules
from local.simulation.recovery_services.items.failovers import protected_item_details, test_details
from local.simulation.recovery_services.items.health import health
from local.simulation.recovery_services.items.item import Item, object_id_of
from local.simulation.recovery_services.items.points import Point, made_now, point_by_type
from local.simulation.recovery_services.jobs.job import Effect
from local.simulation.recovery_services.jobs.scenarios import Scenario, failback_tasks, tasks_for, wait_task
from local.simulation.recovery_services.jobs.starting import answered, new_job, on_items, on_plan
from local.simulation.recovery_services.jobs.tasks import Task
from local.simulation.recovery_services.names import PLAN, Operation, Provider, vault_of
from local.simulation.recovery_services.plans.plan import Group, Plan
from local.simulation.recovery_services.state import RecoveryServicesState


@dataclass(frozen=True, slots=True)
class _Member:
    """A member that takes part: what is to do for it, what becomes of it, and the recovery point that is used."""

    item: Item
    tasks: tuple[Task, ...]
    effect: Effect
    point: Point | None = None
    network: str | None = None


_Takes = Callable[[Item], _Member]

#: The name of every group, member and action in a plan's job; what people read is the friendly name.
UNKNOWN = "Unknown"


def planned_failover(call: Call) -> Answer:
    """`ReplicationRecoveryPlans_PlannedFailover`: out, or home again."""
    plan, wanted = plan_of(call), inputs.properties(call.body)
    back = inputs.direction(wanted) == "RecoveryToPrimary"
    members = members_of(call, plan)
    if back and any(item.provider is not Provider.HYPER_V for item in members):
        return _failback(call, plan, wanted)
    _check(call, plan, members, Operation.PLANNED_FAILOVER)

    def take(item: Item) -> _Member:
        if back is not (item.active_location == "Recovery"):
            raise inputs.wrong("failoverDirection", f"'{item.friendly_name}' is active on its {item.active_location} side.")
        kind = _point_type(wanted, item)
        point = _newest(call, item, kind) if kind.startswith("LatestApp") else made_now(item, call.now + timedelta(seconds=45 * item.pace))
        effect = effects.failed_over(item, point, call.now, unplanned=False)
        return _Member(item, tasks_for(Scenario.PLANNED_FAILOVER, item), effect, point, item.target.get("network"))

    return _begun(call, plan, members, Scenario.PLANNED_FAILOVER, take, {"lastPlannedFailover": "$end"})


def unplanned_failover(call: Call) -> Answer:
    """`ReplicationRecoveryPlans_UnplannedFailover`."""
    plan, wanted = plan_of(call), inputs.properties(call.body)
    inputs.direction(wanted)
    shut_down = inputs.source_site_operations(wanted) == "Required"
    members = members_of(call, plan)
    _check(call, plan, members, Operation.UNPLANNED_FAILOVER)

    def take(item: Item) -> _Member:
        point = _newest(call, item, _point_type(wanted, item))
        effect = effects.failed_over(item, point, call.now, unplanned=True)
        return _Member(item, tasks_for(Scenario.UNPLANNED_FAILOVER, item, shut_down=shut_down), effect, point, item.target.get("network"))

    return _begun(call, plan, members, Scenario.UNPLANNED_FAILOVER, take, {"lastUnplannedFailover": "$end"})


def test_failover(call: Call) -> Answer:
    """`ReplicationRecoveryPlans_TestFailover`."""
    plan, wanted = plan_of(call), inputs.properties(call.body)
    inputs.direction(wanted)
    members = members_of(call, plan)
    networks = {item.id: inputs.test_network(call, item, wanted, {}) for item in members}
    _check(call, plan, members, Operation.TEST_FAILOVER)

    def take(item: Item) -> _Member:
        point = _newest(call, item, _point_type(wanted, item))
        return _Member(item, tasks_for(Scenario.TEST_FAILOVER, item), effects.tested(item), point, networks[item.id])

    return _begun(call, plan, members, Scenario.TEST_FAILOVER, take, {"lastTestFailover": "$end"}, test=wanted)


def test_failover_cleanup(call: Call) -> Answer:
    """`ReplicationRecoveryPlans_TestFailoverCleanup`."""
    answer = _simple(call, Operation.TEST_FAILOVER_CLEANUP, Scenario.TEST_FAILOVER_CLEANUP)
    state = call.world.of(RecoveryServicesState)
    suspended = [job for job in state.jobs_of(vault_of(call.path)) if job.awaits_cleanup and key(job.target) == key(plan_of(call).id)]
    ended = (Change(state.jobs, key(job.id), replace(job, awaits_cleanup=False)) for job in suspended)
    return replace(answer, changes=(*answer.changes, *ended))


def commit(call: Call) -> Answer:
    """`ReplicationRecoveryPlans_FailoverCommit`."""
    return _simple(call, Operation.COMMIT, Scenario.COMMIT)


def cancel_failover(call: Call) -> Answer:
    """`ReplicationRecoveryPlans_FailoverCancel`."""
    return _simple(call, Operation.CANCEL_FAILOVER, Scenario.CANCEL)


def reprotect(call: Call) -> Answer:
    """`ReplicationRecoveryPlans_Reprotect`, without a body: each member as its provider has it."""
    plan = plan_of(call)
    members = members_of(call, plan)
    if members and all(item.provider is Provider.A2A for item in members):
        _check(call, plan, members, Operation.SWITCH_PROTECTION)

        def switch(item: Item) -> _Member:
            effect = effects.switched(item, item.policy or "", "")
            return _Member(item, tasks_for(Scenario.SWITCH, item), effect)

        return _begun(call, plan, members, Scenario.SWITCH, switch, {})
    return _simple(call, Operation.REVERSE_REPLICATE, Scenario.REVERSE)


def _simple(call: Call, operation: Operation, scenario: Scenario) -> Answer:
    plan = plan_of(call)
    members = members_of(call, plan)
    _check(call, plan, members, operation)
    concerned = [item for item in members if operation in _allowed(call, item)]
    return _begun(
        call, plan, concerned, scenario, lambda item: _Member(item, tasks_for(scenario, item), effects.simple(item, scenario)), {}
    )


def _failback(call: Call, plan: Plan, wanted: Json) -> Answer:
    members = members_of(call, plan)
    _check(call, plan, members, inputs.failback_operation(members[0]))
    given = _details(wanted, "HyperVReplicaAzureFailback") or _details(wanted, "InMageRcmFailback")
    waits = all(inputs.failback_waits(item, given) for item in members)
    begin: list[Task] = []

    def take(item: Item) -> _Member:
        before, after = failback_tasks(item, waits=waits)
        if before:
            begin.append(Task(f"Synchronize-{name(item.id)}", UNKNOWN, f"Synchronize {item.friendly_name}", children=before))
        return _Member(item, after, effects.failed_back(item))

    taken = [take(item) for item in members]
    groups = _group_tasks(plan, taken)
    first = (Task("SynchronizeGroup", UNKNOWN, "Synchronize the members", children=tuple(begin), parallel=True), wait_task())
    tasks = (_prerequisites(), *(first if waits else ()), *groups, _finalizing(plan))
    return _answered(call, plan, taken, Scenario.PLANNED_FAILOVER, tasks, {"lastPlannedFailover": "$end"}, None)


def _begun(
    call: Call, plan: Plan, members: list[Item], scenario: Scenario, take: _Takes, then: Json, test: Mapping[str, Any] | None = None
) -> Answer:
    taken = [take(item) for item in members]
    if scenario in (Scenario.PLANNED_FAILOVER, Scenario.UNPLANNED_FAILOVER, Scenario.TEST_FAILOVER):
        tasks = (_prerequisites(), *_group_tasks(plan, taken), _finalizing(plan))
    else:
        tasks = (_prerequisites(), _one_group(plan, taken), _finalizing(plan))
    return _answered(call, plan, taken, scenario, tasks, then, test)


def _answered(
    call: Call, plan: Plan, taken: list[_Member], scenario: Scenario, tasks: tuple[Task, ...], then: Json, test: Mapping[str, Any] | None
) -> Answer:
    state = call.world.of(RecoveryServicesState)
    moved = [protected_item_details(each.item, each.point, each.network, test=test is not None) for each in taken]
    details: Json | None = None
    if test is not None:
        details = test_details(test, next((each.network for each in taken if each.network), None), moved)
    elif scenario is Scenario.SWITCH:
        first = next((str(each.effect.moves["id"]) for each in taken if each.effect.moves), "")
        details = {"instanceType": "SwitchProtectionJobDetails", "newReplicationProtectedItemId": first}
    elif any(each.point for each in taken):
        details = {"instanceType": "FailoverJobDetails", "protectedItemDetails": moved}
    job = new_job(
        call,
        scenario,
        tasks,
        [each.effect for each in taken],
        target=plan.id,
        target_name=plan.friendly_name,
        target_type="RecoveryPlan",
        object_id=derived("recovery plan", plan.id),
        details=details,
    )
    job = replace(job, awaits_cleanup=test is not None and plan.test_suspends)
    return answered(call, job, [*on_items(state, job, call.now), on_plan(state, job, plan, then)])


def _prerequisites() -> Task:
    return Task("RecoveryPlanPreflightChecksTask", "RpSrsPrerequisitesCheck", "Prerequisites check for the recovery plan", 15)


def _group_tasks(plan: Plan, taken: list[_Member]) -> tuple[Task, ...]:
    """Return a task per group with what its members have to do, in the plan's order; a group without members passes at once."""
    by_id = {key(each.item.id): each for each in taken}
    found = []
    numbers = iter(range(1, len(plan.groups) + 1))  # of the groups in which machines start
    for group in plan.groups:
        before = tuple(_action(each, "Start") for each in group.start_actions)
        after = tuple(_action(each, "End") for each in group.end_actions)
        members = tuple(_member_task(plan, by_id[key(each)]) for each in group.members if key(each) in by_id)
        group_id, friendly, kind = _group_names(group, numbers, len(members))
        details = {"name": group_id, "groupId": group_id, "rpGroupType": kind}
        if before or after:
            side_by_side = Task(f"{group_id}Members", UNKNOWN, friendly, children=members, parallel=True)
            children: tuple[Task, ...] = (*before, side_by_side, *after)
            found.append(Task(group_id, UNKNOWN, friendly, children=children, group=details))
        else:
            found.append(Task(group_id, UNKNOWN, friendly, 1, children=members, parallel=True, group=details))
    return tuple(found)


def _group_names(group: Group, numbers: Iterator[int], members: int) -> tuple[str, str, str]:
    """Return a group's id, name for people and type as Azure writes them in a job."""
    if group.type == "Boot":
        number = next(numbers)
        return f"Group{number}", f"Group {number}: Start ({members})", "BootGroup"
    if group.type == "Shutdown":
        return "ShutdownAllActionGroup", f"All groups shutdown ({members})", "Shutdown"
    return "FailoverAllActionGroup", "Recovery plan failover", "RpFailoverTask"


def _one_group(plan: Plan, taken: list[_Member]) -> Task:
    members = tuple(_member_task(plan, each) for each in taken)
    details = {"name": "FailoverAllActionGroup", "groupId": "FailoverAllActionGroup", "rpGroupType": "RpFailoverTask"}
    friendly = f"All members ({len(members)})"
    return Task("FailoverAllActionGroup", UNKNOWN, friendly, children=members, parallel=True, group=details)


def _member_task(plan: Plan, member: _Member) -> Task:
    item = member.item
    task_id, named = derived("member task", plan.id, item.id), {"objectId": object_id_of(item)}
    return Task(task_id, UNKNOWN, item.friendly_name, children=member.tasks, item=item.id, group=named)


def _finalizing(plan: Plan) -> Task:
    return Task(derived("end task", plan.id), "EndRecoveryPlanTask", "Finalizing the recovery plan", 1)


def _action(action: Mapping[str, Any], where: str) -> Task:
    label = str(action.get("actionName") or "action")
    custom = action.get("customDetails")
    if isinstance(custom, Mapping) and custom.get("instanceType") == "ManualActionDetails":
        details = {"instanceType": "ManualActionTaskDetails", "name": label, "instructions": custom.get("description"), "observation": None}
        return Task(f"{where}-{label}", UNKNOWN, label, group=details, waits=True)
    return Task(f"{where}-{label}", UNKNOWN, label, 30)


def plan_of(call: Call) -> Plan:
    """Return the plan of a request; raises `ArmError` 404."""
    plan_id = "/" + "/".join(call.path.strip("/").split("/")[:10])
    found = call.world.of(RecoveryServicesState).plan(plan_id, call.now)
    if found is None:
        raise not_found(PLAN, "/".join(call.names[2:4]), resource_group(call.path))
    return found


def members_of(call: Call, plan: Plan) -> list[Item]:
    """Return a plan's members that are there, in its order."""
    found = (call.world.of(RecoveryServicesState).item(each, call.now) for each in plan.members)
    return [item for item in found if item is not None]


def _allowed(call: Call, item: Item) -> list[Operation]:
    policy = call.world.of(RecoveryServicesState).thing(item.policy, call.now)
    return rules.allowed(item, health(item, policy, call.faults, call.now).state)


def allowed_of(call: Call, plan: Plan) -> list[Operation]:
    """Return a plan's `allowedOperations`."""
    return rules.allowed_of_plan(plan, [_allowed(call, item) for item in members_of(call, plan)])


def _check(call: Call, plan: Plan, members: list[Item], operation: Operation) -> None:
    found = rules.allowed_of_plan(plan, [_allowed(call, item) for item in members])
    busy = plan.job or next((item.job for item in members if item.job), None)
    rules.check_allowed(operation, found, plan.friendly_name, busy)


def _details(wanted: Json, provider: str) -> Json:
    """Return a plan's details for one provider; they come as a list, one per provider."""
    for each in inputs.list_of(wanted, "providerSpecificDetails"):
        if isinstance(each, dict) and str(each.get("instanceType", "")).lower() == provider.lower():
            return each
    return {}


def _point_type(wanted: Json, item: Item) -> str:
    allowed: tuple[str, ...] = (
        "Latest",
        "LatestApplicationConsistent",
        "LatestCrashConsistent",
        "LatestProcessed",
        "LatestTag",
        "LatestTime",
    )
    if item.provider is Provider.HYPER_V_TO_AZURE:
        allowed = ("Latest", "LatestApplicationConsistent", "LatestProcessed")
    return inputs.one_of(_details(wanted, item.provider), "recoveryPointType", allowed, "Latest")


def _newest(call: Call, item: Item, kind: str) -> Point:
    point = point_by_type(item, call.world.of(RecoveryServicesState).thing(item.policy, call.now), call.now, kind)
    if point is None:
        raise inputs.wrong("providerSpecificDetails", f"'{item.friendly_name}' has no recovery point of the type {kind}.")
    return point
