"""The answers about a failover: its plan, its legs, their jobs, its approval (docs/design/failovers.md)."""

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from shared.failovers.failing_over.requests import FailoverOptions, GivenOptions
from shared.failovers.vault.answers import ErrorView, Failure, RecoveryPoint
from shared.failovers.vault.names import Action, Approval, ApprovalState, CheckName, JobState
from shared.failovers.vault.names import Step as FailoverStep
from shared.moments import Moment
from shared.operations.model.models import Actor, Attention, Status
from shared.values.checks import CheckResult
from shared.values.documents import Document, without_null


class PlanMember(Document):
    """A machine that a plan moves. `group` is its place in the recovery plan, from 1; null for a single item."""

    protected_item_id: str
    group: int | None = None
    recovery_point: RecoveryPoint | None = Field(None, description="The point that would be used now; null where there is none to choose.")


class Check(Document):
    """What one check found of one thing; `target` is its ARM id, or the field that it is about."""

    name: CheckName
    target: str
    result: CheckResult
    message: str


class Plan(Document):
    """What a failover would do, as a person approves it. `hash` is of everything that matters to that person."""

    hash: str
    action: Action
    scope: dict[str, str]
    members: tuple[PlanMember, ...]
    checks: tuple[Check, ...]
    legs: tuple[Action, ...]
    approval: Approval


class TaskView(Document):
    """A task of a job; those of a recovery plan's groups are named `group/task`. `instructions` are those of a manual action."""

    name: str
    state: JobState
    start_time: Moment | None = None
    end_time: Moment | None = None
    errors: tuple[ErrorView, ...] = ()
    instructions: str | None = None

    @model_serializer(mode="wrap")
    def _without_absent_instructions(self, handler: SerializerFunctionWrapHandler):  # type: ignore[no-untyped-def]  # noqa: ANN202  # a type would replace the schema
        return without_null(handler(self), "instructions")


class JobView(Document):
    """The job of a failover, as it was last read."""

    id: str
    state: JobState
    state_description: str | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None
    tasks: tuple[TaskView, ...] = ()
    errors: tuple[ErrorView, ...] = ()


class LegView(Document):
    """One leg of a failover."""

    action: Action
    status: Status
    job: JobView | None = None


class ApprovalView(Document):
    """The approval of a failover; `by` is who decided."""

    state: ApprovalState
    plan_hash: str | None = None
    by: Actor | None = None
    at: Moment | None = None
    expires_at: Moment | None = None


class UsedRecoveryPoint(Document):
    """The recovery point that a failover used, and how old it was then."""

    id: str
    time: Moment | None = None
    age_seconds: int | None = None


class Timings(Document):
    """How long each part took, in seconds; null while it is not over."""

    accepted_to_started: float | None = None
    started_to_finished: float | None = None
    per_task: dict[str, float] = Field(default_factory=dict)


class Failover(Document):
    """A failover as callers see it. After an A2A reprotection `protectedItemIds` has both ids of the item, the newest last."""

    id: str
    tenant: str
    status: Status
    step: FailoverStep
    action: Action
    scope: dict[str, str]
    protected_item_ids: tuple[str, ...] = ()
    options: GivenOptions = Field(default_factory=FailoverOptions)
    reason: str | None = None
    requested_by: Actor
    plan: Plan | None = None
    approval: ApprovalView
    job: JobView | None = None
    legs: tuple[LegView, ...] = ()
    recovery_point: UsedRecoveryPoint | None = None
    timings: Timings = Field(default_factory=Timings)
    attention: Attention | None = None
    created_at: Moment
    completed_at: Moment | None = None
    error: Failure | None = None
