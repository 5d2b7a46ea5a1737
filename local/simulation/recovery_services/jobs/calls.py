"""Requests on jobs: reads, cancel, restart, resume, and results."""

from dataclasses import replace

from local.simulation.arm.call import Answer, Call, page
from local.simulation.arm.errors import ArmError, not_found
from local.simulation.ids import key, name, resource_group
from local.simulation.recovery_services import filters, responses
from local.simulation.recovery_services.items import rules
from local.simulation.recovery_services.items.health import health
from local.simulation.recovery_services.jobs import bodies as job_bodies
from local.simulation.recovery_services.jobs.job import Job
from local.simulation.recovery_services.jobs.scenarios import Scenario
from local.simulation.recovery_services.jobs.starting import RETRY_AFTER, answered, broken_off, on_items, on_plan
from local.simulation.recovery_services.jobs.tasks import restarted, resumed
from local.simulation.recovery_services.names import JOB, Operation, vault_of
from local.simulation.recovery_services.state import RecoveryServicesState

_NEEDS = {
    Scenario.PLANNED_FAILOVER: (Operation.PLANNED_FAILOVER, Operation.FAILBACK),
    Scenario.UNPLANNED_FAILOVER: (Operation.UNPLANNED_FAILOVER,),
    Scenario.TEST_FAILOVER: (Operation.TEST_FAILOVER,),
    Scenario.TEST_FAILOVER_CLEANUP: (Operation.TEST_FAILOVER_CLEANUP,),
    Scenario.COMMIT: (Operation.COMMIT,),
    Scenario.CANCEL: (Operation.CANCEL_FAILOVER,),
    Scenario.REVERSE: (Operation.REVERSE_REPLICATE,),
    Scenario.SWITCH: (Operation.SWITCH_PROTECTION,),
    Scenario.CHANGE_PIT: (Operation.CHANGE_PIT,),
    Scenario.REPAIR: (Operation.REPAIR_REPLICATION,),
}


def get_job(call: Call) -> Answer:
    """`ReplicationJobs_Get`."""
    return Answer(200, job_bodies.job(_job(call, call.path), call.now))


def list_jobs(call: Call) -> Answer:
    """`ReplicationJobs_List`, the newest first."""
    vault = responses.vault_of_call(call)
    wanted = filters.jobs(call)
    rows = [job for job in call.world.of(RecoveryServicesState).jobs_of(vault.id) if job.readable(call.now) and wanted(job)]
    return page(call, rows, lambda job: job_bodies.job(job, call.now))


def cancel(call: Call) -> Answer:
    """`ReplicationJobs_Cancel`: what it was at is left as it was, which for a failover means broken."""
    job = _allowing(call, "Cancel")
    ended, changes = broken_off(call.world.of(RecoveryServicesState), job, call.now)
    return replace(answered(call, ended, changes, resource=job.id), uses_faults=False)


def resume(call: Call) -> Answer:
    """`ReplicationJobs_Resume`: completes a failback that waits after its synchronisation."""
    job = _allowing(call, "Resume")
    return _go_on(call, job.with_times(*resumed(job.tasks, call.now)))


def restart(call: Call) -> Answer:
    """`ReplicationJobs_Restart`: from the task that failed, where what it is for still allows it."""
    job, state = _allowing(call, "Restart"), call.world.of(RecoveryServicesState)
    needed = _NEEDS.get(Scenario(job.scenario))
    if needed is None:
        raise ArmError(409, "OperationNotAllowed", f"A job of the kind '{job.scenario}' cannot be restarted. Start the operation anew.")
    again = job.with_times(*restarted(job.tasks, call.now))
    for effect in job.effects:
        item = state.item(effect.item, call.now)
        if item is None or not any(
            task.item is not None and key(task.item) == key(effect.item) and not task.fails() and task.end
            for top in job.tasks
            for task in top.tree()
        ):
            found = (
                [] if item is None else rules.allowed(item, health(item, state.thing(item.policy, call.now), call.faults, call.now).state)
            )
            wanted = next((each for each in needed if each in found), needed[0])
            rules.check_allowed(wanted, found, name(effect.item), item.job if item else None)
    return _go_on(call, again)


def _go_on(call: Call, job: Job) -> Answer:
    state = call.world.of(RecoveryServicesState)
    changes = on_items(state, job, call.now)
    plan = state.plan(job.target, call.now)
    if plan is not None:
        changes.append(on_plan(state, job, plan, {}))
    return replace(answered(call, job, changes, resource=job.id), uses_faults=False)


def result(call: Call) -> Answer:
    """Return the result of a job at its `Location`: 202 while it runs, then the resource, or the error."""
    resource_id, _, _ = (
        call.path.rpartition("/operationresults/") if "/operationresults/" in call.path else call.path.rpartition("/operationResults/")
    )
    job = _job(call, f"{vault_of(call.path)}/{name(JOB)}/{name(call.path)}")
    if job.running(call.now) or job.state(call.now) == "Suspended":
        return Answer(202, None, {"Location": f"{call.base_url}{call.path}?api-version={call.api_version}", "Retry-After": RETRY_AFTER})
    if job.state(call.now) != "Succeeded":
        return Answer(400, {"error": job_bodies.first_error(job, call.now)})
    body = responses.read(call, resource_id)
    return Answer(204) if body is None else Answer(200, body)


def status(call: Call) -> Answer:
    """`ReplicationOperationStatus`: the state of a job at its `Azure-AsyncOperation`."""
    return Answer(200, job_bodies.operation(_job(call, f"{vault_of(call.path)}/{name(JOB)}/{name(call.path)}"), call.now))


def _job(call: Call, job_id: str) -> Job:
    found = call.world.of(RecoveryServicesState).job(job_id)
    if found is None or not found.readable(call.now):
        responses.vault_of_call(call)
        raise not_found(JOB, f"{call.names[2]}/{name(job_id)}", resource_group(call.path))
    return found


def _allowing(call: Call, action: str) -> Job:
    job = _job(call, call.path.rsplit("/", 1)[0])
    allowed = job.allowed_actions(call.now)
    if action not in allowed:
        raise ArmError(
            409,
            "OperationNotAllowed",
            f"The action '{action}' is not allowed on the job '{job.name}' in the state {job.state(call.now)}. "
            f"Allowed actions: {', '.join(allowed) or 'none'}.",
        )
    return job
