"""Making, changing and deleting recovery plans."""

from dataclasses import replace

from local.simulation.arm.call import Answer, Call
from local.simulation.arm.errors import ArmError
from local.simulation.arm.tables import Change, Json, JsonValue
from local.simulation.ids import derived, key, name
from local.simulation.recovery_services import inputs, responses
from local.simulation.recovery_services.inputs import properties, wrong
from local.simulation.recovery_services.jobs.job import Job
from local.simulation.recovery_services.jobs.scenarios import Scenario, set_up_task
from local.simulation.recovery_services.jobs.starting import answered, new_job
from local.simulation.recovery_services.names import AZURE, fabric_of, vault_of
from local.simulation.recovery_services.plans.failovers import plan_of
from local.simulation.recovery_services.plans.plan import Group, Plan
from local.simulation.recovery_services.state import RecoveryServicesState

#: docs/azure/site-recovery.md, "Limits"; a plan has seven groups in which machines start, at most.
MEMBERS = 100
_BOOT_GROUPS = 7
_SECONDS = 10.0


def put_plan(call: Call) -> Answer:
    """`ReplicationRecoveryPlans_Create`."""
    state, wanted = call.world.of(RecoveryServicesState), properties(call.body)
    responses.vault_of_call(call)
    there = state.plan(call.path, call.now)
    if there is not None:
        _check_idle(there)
    primary, recovery = _fabric(call, wanted, "primaryFabricId"), _fabric(call, wanted, "recoveryFabricId")
    row = Plan(
        id=there.id if there else call.path,
        friendly_name=name(call.path),
        primary=primary,
        recovery=recovery,
        groups=_groups(call, wanted.get("groups"), primary, recovery),
        deployment_model=str(wanted.get("failoverDeploymentModel") or "ResourceManager"),
        last=there.last if there else None,
        test_suspends=there.test_suspends if there else False,
    )
    return _saved(call, row, "Create recovery plan", is_new=there is None)


def patch_plan(call: Call) -> Answer:
    """`ReplicationRecoveryPlans_Update`: its groups."""
    there, wanted = plan_of(call), properties(call.body)
    _check_idle(there)
    row = there if wanted.get("groups") is None else replace(there, groups=_groups(call, wanted["groups"], there.primary, there.recovery))
    return _saved(call, row, "Update recovery plan", is_new=False)


def delete_plan(call: Call) -> Answer:
    """`ReplicationRecoveryPlans_Delete`."""
    state = call.world.of(RecoveryServicesState)
    there = state.plan(call.path, call.now)
    if there is None:
        return Answer(204)
    _check_idle(there)
    job = _job(call, there, "Delete recovery plan")
    changes = () if job.failed() else (Change(state.plans, key(there.id), replace(there, deleted_at=job.ends_at)),)
    return answered(call, job, changes, set_up=True)


def _saved(call: Call, row: Plan, friendly: str, *, is_new: bool) -> Answer:
    job = _job(call, row, friendly)
    saved = replace(row, appears_at=job.ends_at) if is_new else row
    changes = () if job.failed() else (Change(call.world.of(RecoveryServicesState).plans, key(row.id), saved),)
    return answered(call, job, changes, set_up=True)


def _job(call: Call, row: Plan, friendly: str) -> Job:
    return new_job(
        call,
        Scenario.SET_UP,
        (set_up_task(friendly, _SECONDS),),
        (),
        target=row.id,
        target_name=row.friendly_name,
        target_type="RecoveryPlan",
        object_id=derived("recovery plan", row.id),
        friendly_name=friendly,
    )


def _check_idle(row: Plan) -> None:
    if row.job is not None:
        raise ArmError(
            409,
            "AnotherJobInProgress",
            f"The recovery plan '{row.friendly_name}' cannot be changed while the job '{row.job}' is in progress.",
        )


def _fabric(call: Call, wanted: Json, member: str) -> str:
    given = str(wanted.get(member) or "")
    if given.lower() == AZURE.lower():
        return AZURE
    found = call.world.of(RecoveryServicesState).thing(given, call.now)
    if found is None:
        raise wrong(member, f"The fabric '{given}' was not found in the vault.")
    return found.id


def _groups(call: Call, given: JsonValue, primary: str, recovery: str) -> tuple[Group, ...]:
    groups = tuple(_group(each, index) for index, each in enumerate(inputs.list_of({"groups": given}, "groups")))
    if not groups:
        raise wrong("groups", "A recovery plan needs at least one group.")
    kinds = [group.type for group in groups]
    for single in ("Shutdown", "Failover"):
        if kinds.count(single) > 1:
            raise wrong("groups", f"There is one group of the type '{single}' at most.")
        if single in kinds and kinds.index(single) > 1:
            raise wrong("groups", f"The group of the type '{single}' must come before those of the type 'Boot'.")
    if kinds.count("Boot") > _BOOT_GROUPS:
        raise wrong("groups", f"There are {_BOOT_GROUPS} groups of the type 'Boot' at most.")
    members = [member for group in groups for member in group.members]
    if len(members) > MEMBERS:
        raise wrong("groups", f"A recovery plan has {MEMBERS} members at most; there are {len(members)}.")
    if len({key(member) for member in members}) < len(members):
        raise wrong("groups", "A protected item can be in one group of a recovery plan only.")
    for member in members:
        _check_member(call, member, primary, recovery)
    return groups


def _group(given: JsonValue, index: int) -> Group:
    if not isinstance(given, dict):
        raise wrong(f"groups[{index}]", "It must be an object.")
    kind = inputs.one_of(given, "groupType", ("Shutdown", "Boot", "Failover"), None)
    members = inputs.list_of(given, "replicationProtectedItems")
    if not all(isinstance(each, dict) and each.get("id") for each in members):
        raise wrong(f"groups[{index}].replicationProtectedItems", "Each needs the 'id' of a protected item.")
    if members and kind != "Boot":
        raise wrong(f"groups[{index}].replicationProtectedItems", f"A group of the type '{kind}' has no members of its own.")
    return Group.from_json({**given, "type": kind})


def _check_member(call: Call, member: str, primary: str, recovery: str) -> None:
    item = call.world.of(RecoveryServicesState).item(member, call.now)
    if item is None or key(vault_of(member)) != key(vault_of(call.path)):
        raise wrong("groups", f"The protected item '{member}' was not found in the vault.")
    there = fabric_of(item.recovery_container) if item.recovery_container and item.recovery_container != AZURE else AZURE
    if key(fabric_of(item.id)) != key(primary) or key(there) != key(recovery):
        raise wrong(
            "groups", f"The protected item '{item.friendly_name}' is not replicated from the plan's primary to its recovery fabric."
        )
