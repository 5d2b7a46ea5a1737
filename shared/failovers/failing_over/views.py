"""A failover and its jobs as callers see them (docs/design/failovers.md)."""

from collections import Counter
from collections.abc import Sequence

from shared.failovers.approvals.rules import ApprovalRecord
from shared.failovers.failing_over.answers import ApprovalView, Failover, JobView, LegView, TaskView, Timings, UsedRecoveryPoint
from shared.failovers.failing_over.state import FailoverDetail, FailoverState, request_of
from shared.failovers.vault.job_facts import JobFacts, JobMemberFacts, TaskFacts
from shared.failovers.vault.names import ApprovalState, JobState, Step
from shared.operations.model.models import Operation
from shared.values.reading import same_name

_STEPS = {"concluding": Step.RUNNING, "finishing": Step.FINISHED}


def failover_of(operation: Operation) -> Failover:
    """Return the failover that an operation is about."""
    request, detail = request_of(operation), FailoverDetail.of(operation.detail)
    # the state is removed at the end, and the detail has the legs then
    state = FailoverState.of(operation.data) if operation.data else detail
    jobs = _latest_jobs(detail)
    return Failover(
        id=operation.id,
        tenant=operation.tenant,
        status=operation.status,
        step=Step.FINISHED if operation.status.ended else _STEPS.get(operation.step) or Step(operation.step),
        action=request.action,
        scope=request.scope.as_json(),
        protected_item_ids=detail.protected_item_ids,
        options=request.options,
        reason=request.reason,
        requested_by=operation.actor,
        plan=detail.plan,
        approval=_approval(detail.approval),
        job=jobs.get(state.leg),
        legs=tuple(LegView(action=leg.action, status=leg.status, job=jobs.get(index)) for index, leg in enumerate(state.legs)),
        recovery_point=detail.recovery_point,
        timings=_timings(operation, jobs.get(0)),
        attention=operation.attention,
        created_at=operation.created_at,
        completed_at=operation.completed_at,
        error=operation.error,
    )


def _approval(record: ApprovalRecord | None) -> ApprovalView:
    if record is None:
        return ApprovalView(state=ApprovalState.NOT_REQUIRED)
    return ApprovalView(state=record.state, plan_hash=record.plan_hash or None, by=record.by, at=record.at, expires_at=record.expires_at)


def _latest_jobs(detail: FailoverDetail) -> dict[int, JobView]:
    """Return the job of each leg as it was last read, by a step or by a check: of two reads the one that is further."""
    found, checked = dict(detail.jobs), detail.running
    if checked is not None:
        found[checked.leg] = max(checked.job, found.get(checked.leg, checked.job), key=how_far)
    return found


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
    """Return how far a job was when it was read; of two reads of one job the later has no less."""
    begun = sum(task.state is not JobState.NOT_STARTED for task in job.tasks)
    return job.state.ended, sum(task.state.ended for task in job.tasks), begun


def used_point(job: JobFacts, items: Sequence[str]) -> UsedRecoveryPoint | None:
    """Return the recovery point that a job used, the oldest of several members, and its age when the job began.

    A point that a planned failover made after it began is 0 seconds old. A job has the name of a point only; with the item that it is of
    among `items`, ARM ids, the id of the answer is the point's ARM id.
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
