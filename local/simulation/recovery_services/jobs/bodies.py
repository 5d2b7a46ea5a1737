"""Bodies of jobs: tasks, nested for a plan, and errors, as recorded."""

from collections.abc import Iterator
from datetime import datetime

from local.simulation.arm.tables import Json
from local.simulation.ids import derived, name
from local.simulation.recovery_services.jobs import errors
from local.simulation.recovery_services.jobs.job import Job
from local.simulation.recovery_services.jobs.tasks import Task, state
from local.simulation.recovery_services.names import JOB, vault_of
from local.simulation.times import text_or_none, to_text

#: The value of a time that is not known yet.
NO_TIME = "0001-01-01T00:00:00"

#: The task type of a recovery plan's manual action.
MANUAL = "ManualActionTaskDetails"

#: A job's states as the clients of long-running operations know them.
_STATUS = {"Cancelled": "Canceled", "NotStarted": "InProgress"}


def job(row: Job, now: datetime) -> Json:
    """Return a `Job`; since 2021 it has no members beside `properties`."""
    if row.placeholder(now):
        return {"id": row.id, "name": row.name, "type": JOB, "properties": _placeholder(row)}
    current = row.state(now)
    ended = not row.running(now) and current != "Suspended"
    found = list(_errors(row, row.tasks, now))
    properties: Json = {
        "activityId": row.activity_id,
        "scenarioName": row.scenario,
        "friendlyName": row.friendly_name,
        "state": current,
        "stateDescription": row.state_description(now),
        "tasks": [_task(row, each, now) for each in row.tasks],
        "errors": found,
        "startTime": to_text(row.started_at),
        "allowedActions": row.allowed_actions(now),
        "targetObjectId": row.target_object_id,
        "targetObjectName": row.target_name,
        "targetInstanceType": row.target_type,
        "customDetails": _details(row, ended=ended),
    }
    if ended:
        properties["endTime"] = text_or_none(row.ends_at)
    return {"id": row.id, "name": row.name, "type": JOB, "properties": properties}


def _placeholder(row: Job) -> Json:
    """Return the properties of a job of which only the activity id is known yet."""
    return {
        "activityId": row.activity_id,
        "scenarioName": None,
        "friendlyName": None,
        "state": "NotStarted",
        "stateDescription": "NotStarted",
        "tasks": [],
        "errors": [],
        "allowedActions": [],
        "targetObjectId": None,
        "targetObjectName": None,
        "targetInstanceType": row.target_type,
        "customDetails": {"instanceType": "AsrJobDetails", "affectedObjectDetails": {}},
    }


def operation(row: Job, now: datetime) -> Json:
    """Return a job as the status of an operation, which `Azure-AsyncOperation` leads to."""
    current = row.state(now)
    ended = not row.running(now) and current != "Suspended"
    return {
        "id": None,
        "name": row.name,
        "status": _STATUS.get(current, current),
        "startTime": to_text(row.started_at),
        "endTime": text_or_none(row.ends_at) if ended else None,
        "percentComplete": None,
        "properties": None,
        "error": _envelope(list(_errors(row, row.tasks, now))) if current == "Failed" else None,
    }


def first_error(row: Job, now: datetime) -> Json:
    """Return the error of a failed, or canceled, job."""
    found = list(_errors(row, row.tasks, now))
    return _envelope(found) or {"code": row.state(now), "message": f"The job '{row.name}' ended in the state {row.state(now)}."}


def _envelope(found: list[Json]) -> Json | None:
    hard = next((each for each in found if each["errorLevel"] == "Error"), found[0] if found else None)
    if hard is None:
        return None
    return {"code": hard["serviceErrorDetails"]["code"], "message": hard["serviceErrorDetails"]["message"]}


def _details(row: Job, *, ended: bool) -> Json:
    if row.details is None:
        return {"instanceType": "AsrJobDetails", "affectedObjectDetails": _affected(row)}
    body = {**row.details, "affectedObjectDetails": _affected(row)}
    if not ended and "protectedItemDetails" in body:
        body["protectedItemDetails"] = []
    if not ended and "testFailoverStatus" in body:
        body["testFailoverStatus"] = "InProgress"
    return body


def _affected(row: Job) -> Json:
    if row.target_type == "RecoveryPlan":
        return {"recoveryPlanId": row.target_object_id, "recoveryPlanName": row.target_name}
    return {"primaryVmId": row.target_object_id, "primaryVmName": row.target_name}


def _errors(row: Job, tasks: tuple[Task, ...], now: datetime) -> Iterator[Json]:
    for task in tasks:
        if task.error is not None and task.end is not None and task.end <= now:
            yield errors.body(task.error, task.id, task.end, row.activity_id, mild=task.mild)
        yield from _errors(row, task.children, now)


def _task(row: Job, task: Task, now: datetime) -> Json:
    current = state(task, now)
    over = task.end is not None and task.end <= now
    own = (
        [errors.body(task.error, task.id, now if task.end is None else task.end, row.activity_id, mild=task.mild)]
        if task.error and over
        else []
    )
    body: Json = {
        "taskId": task.id,
        "name": task.name,
        "friendlyName": task.friendly_name,
        "state": current,
        "stateDescription": "WaitingForUserInput" if current == "Suspended" else current,
        "startTime": NO_TIME if current == "NotStarted" else text_or_none(task.start),
        "endTime": text_or_none(task.end) if over else NO_TIME,
        "allowedActions": ["Resume"] if current == "Suspended" else [],
        "taskType": "TaskDetails",
        "customDetails": {"instanceType": "TaskDetails"},
        "groupTaskCustomDetails": None,
        "errors": own,
    }
    children = [_task(row, each, now) for each in task.children]
    if task.item is not None:
        body["taskType"] = "VirtualMachineTaskDetails"
        skipped = {"skippedReason": "None", "skippedReasonString": None}
        body["customDetails"] = {"instanceType": "VirtualMachineTaskDetails", **skipped, "jobTask": _entity(row, task)}
        body["groupTaskCustomDetails"] = {"instanceType": "InlineWorkflowTaskDetails", "childTasks": children, "workflowIds": []}
    elif children:
        group = {member: value for member, value in (task.group or {}).items() if member != "cancelled"}
        kind = "RecoveryPlanShutdownGroupTaskDetails" if group.get("rpGroupType") == "Shutdown" else "RecoveryPlanGroupTaskDetails"
        body["taskType"] = kind
        body["groupTaskCustomDetails"] = {"instanceType": kind, **group, "childTasks": children}
    elif task.group and task.group.get("instanceType") == MANUAL:
        body["taskType"] = MANUAL
        body["customDetails"] = {member: value for member, value in task.group.items() if member != "cancelled"}
    return body


def _entity(row: Job, task: Task) -> Json:
    return {
        "jobId": f"{vault_of(row.id)}/{name(JOB)}/{derived('member job', row.id, task.item or '')}",
        "jobFriendlyName": row.friendly_name,
        "targetObjectId": (task.group or {}).get("objectId") or name(task.item or ""),
        "targetObjectName": task.friendly_name,
        "targetInstanceType": "Vm",
        "jobScenarioName": row.scenario,
    }
