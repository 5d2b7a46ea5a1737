"""A failover as callers see it, made of its operation (contracts/failovers.md)."""

from collections import Counter
from collections.abc import Mapping, Sequence

from shared.failovers.failing_over import state as record
from shared.failovers.failing_over.answers import ApprovalView, Failover, JobView, LegView, Plan, TaskView, Timings, UsedRecoveryPoint
from shared.failovers.failing_over.rules.legs import Leg
from shared.failovers.vault.job_facts import JobFacts, JobMemberFacts, TaskFacts
from shared.failovers.vault.names import ApprovalState, JobState, Step
from shared.operations.model.models import JsonObject, Operation
from shared.values.reading import same_name

_STEPS = {"concluding": Step.RUNNING, "finishing": Step.FINISHED}


def failover_of(operation: Operation) -> Failover:
    """Return the failover that an operation is about."""
    request = record.request_of(operation.body)
    detail = operation.detail
    data = operation.data or detail
    known, index, jobs = record.legs_of(data), record.running_leg(data), _jobs(detail)
    return Failover(
        id=operation.id,
        tenant=operation.tenant,
        status=operation.status,
        step=Step.FINISHED if operation.status.ended else _STEPS.get(operation.step) or Step(operation.step),
        action=request.action,
        scope=request.scope.as_json(),
        protected_item_ids=tuple(record.item_ids(detail)),
        options=request.options.as_json(),
        reason=request.reason,
        requested_by=operation.actor,
        plan=Plan.model_validate(detail["plan"]) if isinstance(detail.get("plan"), dict) else None,
        approval=_approval(detail),
        job=jobs.get(index),
        legs=tuple(_leg(leg, number, jobs) for number, leg in enumerate(known)),
        recovery_point=UsedRecoveryPoint.model_validate(detail["recoveryPoint"]) if isinstance(detail.get("recoveryPoint"), dict) else None,
        timings=_timings(operation, jobs.get(0)),
        attention=operation.attention,
        created_at=operation.created_at,
        completed_at=operation.completed_at,
        error=operation.error,
    )


def _approval(detail: JsonObject) -> ApprovalView:
    kept = record.approval_of(detail)
    if kept is None:
        return ApprovalView(state=ApprovalState.NOT_REQUIRED)
    return ApprovalView(state=kept.state, plan_hash=kept.plan_hash or None, by=kept.by, at=kept.at, expires_at=kept.expires_at)


def _jobs(detail: JsonObject) -> dict[int, JobView]:
    """The job of each leg as it was last read, by a step or by a check: a job only goes forward."""
    kept, seen = detail.get("jobs"), detail.get("running")
    found = {int(number): JobView.model_validate(job) for number, job in kept.items()} if isinstance(kept, dict) else {}
    if isinstance(seen, dict) and isinstance(seen.get("job"), dict):
        checked, leg = JobView.model_validate(seen["job"]), int(seen.get("leg", 0))
        found[leg] = max(checked, found.get(leg, checked), key=how_far)
    return found


def _leg(leg: Leg, number: int, jobs: Mapping[int, JobView]) -> LegView:
    return LegView(action=leg.action, status=leg.status, job=jobs.get(number))


def _timings(operation: Operation, job: JobView | None) -> Timings:
    if job is None:
        return Timings()
    started, ended = job.start_time, job.end_time
    return Timings(
        accepted_to_started=max((started - operation.created_at).total_seconds(), 0.0) if started else None,
        started_to_finished=max((ended - started).total_seconds(), 0.0) if started and ended else None,
        per_task=task_seconds(job),
    )


def task_seconds(job: JobView) -> dict[str, float]:
    """Return how many seconds each task took, those that have ended; a name that occurs again has its number behind it."""
    seen: Counter[str] = Counter()
    found: dict[str, float] = {}
    for task in job.tasks:
        seen[task.name] += 1
        name = task.name if seen[task.name] == 1 else f"{task.name} ({seen[task.name]})"
        if task.start_time is not None and task.end_time is not None:
            found[name] = max((task.end_time - task.start_time).total_seconds(), 0.0)
    return found


def job_view(job: JobFacts) -> JobView:
    """Return a job as callers see it."""
    return JobView(
        id=job.id or job.name,
        state=job.state,
        state_description=job.description,
        start_time=job.started_at,
        end_time=job.ended_at,
        tasks=tuple(_task_view(name, task) for name, task in job.leaves),
        errors=job.errors,
    )


def how_far(job: JobView) -> tuple[bool, int, int]:
    """Return how far a job was when it was read: of two looks at one the later has no less."""
    begun = sum(task.state is not JobState.NOT_STARTED for task in job.tasks)
    return job.state.ended, sum(task.state.ended for task in job.tasks), begun


def used_point(job: JobFacts, items: Sequence[str]) -> UsedRecoveryPoint | None:
    """Return the recovery point that a job used, of several members the oldest, and its age when the job began.

    One that a planned failover made after it had begun is 0 seconds old. A job tells a point by its name alone (spec, recordings); with
    the item among `items`, ARM ids, that it is of, it has its ARM id.
    """
    known = [member for member in job.members if member.recovery_point_id is not None]
    timed = [(member.recovery_point_at, member) for member in known if member.recovery_point_at is not None]
    if not known:
        return None
    oldest = min(timed, key=lambda pair: pair[0])[1] if timed else known[0]
    at = oldest.recovery_point_at
    age = max(int((job.started_at - at).total_seconds()), 0) if at is not None and job.started_at is not None else None
    return UsedRecoveryPoint(id=_point_id(oldest, items), time=at, age_seconds=age)


def _task_view(name: str, task: TaskFacts) -> TaskView:
    return TaskView(
        name=name,
        state=task.state,
        start_time=task.started_at,
        end_time=task.ended_at,
        errors=task.errors,
        instructions=task.instructions,
    )


def _point_id(member: JobMemberFacts, items: Sequence[str]) -> str:
    point = member.recovery_point_id or ""
    of = next((item for item in items if same_name(item, member.name)), items[0] if len(items) == 1 else None)
    return point if "/" in point or of is None else f"{of}/recoveryPoints/{point}"
