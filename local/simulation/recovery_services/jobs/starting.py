"""The start of a job, scheduled in full at once with its effects on items and plan; how it is resumed and canceled."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from local.simulation.arm.call import Answer, Call
from local.simulation.arm.tables import Change, Json
from local.simulation.faults.fault import Fault
from local.simulation.ids import key, name
from local.simulation.recovery_services.items.item import Item, object_id_of
from local.simulation.recovery_services.jobs.errors import error_of
from local.simulation.recovery_services.jobs.job import Effect, Job
from local.simulation.recovery_services.jobs.scenarios import CANCELLABLE, FRIENDLY, TEST_MACHINE, Scenario
from local.simulation.recovery_services.jobs.tasks import Task, cancelled, lay
from local.simulation.recovery_services.names import JOB, vault_of
from local.simulation.recovery_services.plans.plan import Plan
from local.simulation.recovery_services.state import RecoveryServicesState
from local.simulation.recovery_services.vaults.staged import IDLE, started
from local.simulation.times import to_text

RETRY_AFTER = "30"

_MILD = ("CompletedWithInformation", "PartiallySucceeded", "Skipped")


def new_job(
    call: Call,
    scenario: Scenario,
    tasks: tuple[Task, ...],
    effects: Sequence[Effect],
    *,
    target: str,
    target_name: str,
    target_type: str = "ProtectionEntity",
    object_id: str | None = None,
    details: Mapping[str, Any] | None = None,
    friendly_name: str | None = None,
) -> Job:
    """Return a job that begins now, with the fault that it meets."""
    fated, description = _with_fault(tasks, call.fault)
    laid, ends_at = lay(fated, call.now)
    if description is None and any(task.mild for top in laid for task in top.tree()):
        description = "CompletedWithInformation"
    correlation = uuid4()
    return Job(
        id=f"{vault_of(target)}/{name(JOB)}/{uuid4()}",
        scenario=scenario.value,
        friendly_name=friendly_name or FRIENDLY[scenario],
        activity_id=f"{call.client_request_id or uuid4()} ActivityId: {correlation}",
        target=target,
        target_name=target_name,
        target_type=target_type,
        object_id=object_id,
        started_at=call.now,
        ends_at=ends_at,
        tasks=laid,
        effects=tuple(effects),
        details=details,
        actions=("Cancel",) if scenario in CANCELLABLE else (),
        description=description,
        readable_from=None if call.job_hidden is None else call.now + call.job_hidden,
    )


def item_job(
    call: Call, scenario: Scenario, tasks: tuple[Task, ...], effect: Effect, item: Item, details: Mapping[str, Any] | None = None
) -> Job:
    """Return a job of one item that begins now."""
    return new_job(
        call,
        scenario,
        tasks,
        (effect,),
        target=item.id,
        target_name=item.friendly_name,
        object_id=object_id_of(item),
        details=details,
    )


def answered(call: Call, job: Job, changes: Sequence[Change], *, resource: str | None = None, set_up: bool = False) -> Answer:
    """Return the answer to what started a job: 202 with an empty body and the addresses of the job.

    `resource` is the resource below which `Location` shows the result. A change of the set-up has no `Location`, as 43 of 45 examples of
    the specification: its `Azure-AsyncOperation` ends in the job's name.
    """
    vault, query = vault_of(job.id), f"?api-version={call.api_version}"
    headers = {"Azure-AsyncOperation": f"{call.base_url}{vault}/replicationOperationStatus/{job.name}{query}", "Retry-After": RETRY_AFTER}
    if not set_up:
        headers["Location"] = f"{call.base_url}{resource or job.target}/operationresults/{job.name}{query}"
    row = Change(call.world.of(RecoveryServicesState).jobs, key(job.id), job)
    return Answer(202, None, headers, (row, *changes), uses_faults=True)


def on_items(state: RecoveryServicesState, job: Job, now: datetime) -> list[Change]:
    """Return the changes of items by a job that starts, or is resumed."""
    changes = []
    for effect in job.effects:
        item = state.item(effect.item, now)
        task = _task_of(job, effect.item)
        if item is None:
            continue
        if task.end is not None and task.end < now:  # the item's part was done before the job was resumed
            if job.ends_at is not None and item.job == job.name:
                changes.append(Change(state.items, key(item.id), item.then(job.ends_at, IDLE)))
            continue
        busy = item.becoming(**effect.begun, **started(job.name, job.scenario, now)) if item.job is None else item
        changes += _of_item(state, job, effect, busy, task)
    return changes


def _of_item(state: RecoveryServicesState, job: Job, effect: Effect, item: Item, task: Task) -> list[Change]:
    row_key = key(item.id)
    if task.start is None or _has_failed(task) or task.end is None:
        if job.ends_at is None:
            return [Change(state.items, row_key, item)]
        members = {**effect.failed, **_left_behind(job, task)}
        return [Change(state.items, row_key, item.then(job.ends_at, _timed(members, job.ends_at) | IDLE))]
    done = item.then(task.end, _timed(effect.then, task.end))
    if job.ends_at is None:
        return [Change(state.items, row_key, done)]
    changes = [Change(state.items, row_key, done.then(job.ends_at, IDLE))]
    if effect.moves is not None:
        moved = Item.from_json({**effect.moves, **started(job.name, job.scenario, job.started_at), "appearsAt": to_text(task.end)})
        moved = moved.then(task.end, _timed({"pointsFrom": "$end"}, task.end))
        changes.append(Change(state.items, key(moved.id), moved.then(job.ends_at, IDLE)))
    return changes


def _has_failed(task: Task) -> bool:
    return (task.error is not None and not task.mild) or any(child.fails() for child in task.children)


def _task_of(job: Job, item_id: str) -> Task:
    """Return the task that is an item's own: one of a plan's members, or the job as a whole."""
    for top in job.tasks:
        for task in top.tree():
            if task.item is not None and key(task.item) == key(item_id):
                return task
    return Task("job", "job", "job", children=job.tasks, start=job.started_at, end=job.ends_at)


def _left_behind(job: Job, task: Task) -> Json:
    if job.scenario != Scenario.TEST_FAILOVER:
        return {}
    made = any(each.name == TEST_MACHINE and each.end is not None and each.error is None for each in task.tree())
    return {"testFailoverState": "WaitingForCompletion"} if made else {}


def on_plan(state: RecoveryServicesState, job: Job, plan: Plan, then: Mapping[str, Any]) -> Change:
    """Return the change of a plan by a job that starts, or is resumed: `then` on success, and the new ids of its members."""
    busy = plan.becoming(**started(job.name, job.scenario, job.started_at)) if plan.job is None else plan
    if job.ends_at is None:
        return Change(state.plans, key(plan.id), busy)
    members = dict(_timed({} if job.failed() else then, job.ends_at))
    moved = {
        key(each.item): str(each.moves["id"])
        for each in job.effects
        if each.moves is not None and not _has_failed(_task_of(job, each.item))
    }
    if moved:
        members["groups"] = [
            {**group.as_json(), "members": [moved.get(key(member), member) for member in group.members]} for group in plan.groups
        ]
        if len(moved) == len(plan.members):
            members |= {"primary": plan.recovery, "recovery": plan.primary}
    return Change(state.plans, key(plan.id), busy.then(job.ends_at, members | IDLE | {"lastScenario": _scenario(job)}))


def _scenario(job: Job) -> Json:
    """Return the scenario that a plan keeps after the job's end."""
    return {"job": job.name, "scenario": job.scenario, "scenarioStart": to_text(job.started_at)}


def broken_off(state: RecoveryServicesState, job: Job, now: datetime) -> tuple[Job, list[Change]]:
    """Return a canceled job, and the changes of its items and its plan."""
    ended = replace(job, tasks=tuple(cancelled(task, now) for task in job.tasks), ends_at=now, cancelled_at=now)
    changes = [Change(state.jobs, key(job.id), ended)]
    for effect in job.effects:
        item = state.item(effect.item, now)
        if item is None or item.job != job.name:
            continue
        task = _task_of(job, effect.item)
        through = task.end is not None and task.end <= now and not _has_failed(task)
        begun = task.start is not None and task.start <= now
        members = _timed(effect.cancelled if begun and not through else {} if through else effect.failed, now)
        changes.append(Change(state.items, key(item.id), item.becoming(**(members | IDLE | {"ahead": []}))))
    plan = state.plan(job.target, now)
    if plan is not None:
        changes.append(Change(state.plans, key(plan.id), plan.becoming(**(IDLE | {"ahead": [], "lastScenario": _scenario(job)}))))
    return ended, changes


def _timed(members: Mapping[str, Any], at: datetime) -> Json:
    return {member: to_text(at) if value == "$end" else value for member, value in members.items()}


def _with_fault(tasks: tuple[Task, ...], fault: Fault | None) -> tuple[tuple[Task, ...], str | None]:
    """Return tasks of which one fails as a fault defines it, and the `stateDescription` of a job that ends well all the same."""
    if fault is None or not tasks:
        return tasks, None
    given = str(fault.definition.get("stateDescription") or "")
    description = given if given in _MILD else None
    member = _failing_member(tasks, fault)
    if member is not None:
        error = error_of(fault)
        children = _failing(member.children, str(fault.definition.get("task") or ""), error, mild=False)
        return tuple(
            _replaced(task, member, replace(member, children=children, mild=description is not None)) for task in tasks
        ), description
    return _failing(tasks, str(fault.definition.get("task") or ""), error_of(fault), mild=description is not None), description


def _failing_member(tasks: tuple[Task, ...], fault: Fault) -> Task | None:
    """Return the member of a plan that a fault is for: the one that it names, else the first that has the task that it names."""
    members = [task for top in tasks for task in top.tree() if task.item is not None and task.children]
    named = [each for each in members if fault.definition.get("item") and str(fault.definition["item"]).lower() in str(each.item).lower()]
    if named or not members:
        return named[0] if named else None
    wanted = str(fault.definition.get("task") or "").lower()
    tops = [task for task in tasks if wanted and wanted in (task.id.lower(), task.name.lower(), task.friendly_name.lower())]
    if tops:
        return next((task for task in tops[0].tree() if task.item is not None and task.children), None)
    return members[0]


def _failing(tasks: tuple[Task, ...], wanted: str, error: Json, *, mild: bool) -> tuple[Task, ...]:
    leaves = [task for top in tasks for task in top.tree() if not task.children and not task.waits]
    named = [task for task in leaves if wanted.lower() in (task.id.lower(), task.name.lower(), task.friendly_name.lower())]
    chosen = named[0] if named else max(leaves, key=lambda task: task.seconds)
    return tuple(_replaced(task, chosen, replace(chosen, error=error, mild=mild)) for task in tasks)


def _replaced(task: Task, old: Task, new: Task) -> Task:
    if task is old:
        return new
    return replace(task, children=tuple(_replaced(child, old, new) for child in task.children)) if task.children else task
