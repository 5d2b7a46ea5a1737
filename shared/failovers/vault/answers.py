"""What goes out: failovers, plans, jobs, and the vault's inventory, as callers see them (contracts/failovers.md)."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, SerializerFunctionWrapHandler, WithJsonSchema, model_serializer
from pydantic.alias_generators import to_camel

from shared.clock import to_text
from shared.errors import Problem
from shared.failovers.vault.names import Action, Approval, ApprovalState, CheckName, CheckResult, GroupType, JobState
from shared.failovers.vault.names import Step as FailoverStep
from shared.operations.model.models import Actor, Attention, Status

Moment = Annotated[
    datetime, PlainSerializer(to_text, return_type=str, when_used="json"), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""A moment, aware UTC; ISO 8601 with a Z in JSON."""
Failure = Annotated[Problem, PlainSerializer(Problem.as_json, return_type=dict[str, Any])]
"""The error object of the Azure REST API guidelines; `target` and `details` only where there are any."""


class _Answer(BaseModel):
    # built when first used: a cold start declares many models and uses few
    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    def as_json(self) -> dict[str, Any]:
        """Return the answer's JSON, members in camelCase."""
        return self.model_dump(mode="json", by_alias=True)


def _without_null(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a body without a member that is null: most tasks and actions have no such member."""
    return body if body.get(name) is not None else {key: value for key, value in body.items() if key != name}


class RecoveryPoint(_Answer):
    """A recovery point of an item; `type` is Azure's, such as CrashConsistent."""

    id: str
    time: Moment | None = None
    type: str | None = None


class PlanMember(_Answer):
    """A machine that a plan moves. `group` is its place in the recovery plan, from 1; null for a single item."""

    protected_item_id: str
    group: int | None = None
    recovery_point: RecoveryPoint | None = Field(None, description="The point that would be used now; null where there is none to choose.")


class Check(_Answer):
    """What one check found of one thing; `target` is its ARM id, or the field that it is about."""

    name: CheckName
    target: str
    result: CheckResult
    message: str


class Plan(_Answer):
    """What a failover would do, as a person approves it. `hash` is of everything that matters to that person."""

    hash: str
    action: Action
    scope: dict[str, str]
    members: tuple[PlanMember, ...]
    checks: tuple[Check, ...]
    legs: tuple[Action, ...]
    approval: Approval


class ErrorView(_Answer):
    """An error of a job or a task, from Azure's service or from the provider on the machines' side."""

    code: str
    message: str
    possible_causes: str | None = None
    recommended_action: str | None = None
    source: str = Field("service", pattern="^(service|provider)$")


class TaskView(_Answer):
    """A task of a job; those of a recovery plan's groups are named `group/task`. `instructions` are those of a manual action."""

    name: str
    state: JobState
    start_time: Moment | None = None
    end_time: Moment | None = None
    errors: tuple[ErrorView, ...] = ()
    instructions: str | None = None

    @model_serializer(mode="wrap")
    def _without_absent_instructions(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without_null(handler(self), "instructions")


class JobView(_Answer):
    """The job of a failover, as it was last read."""

    id: str
    state: JobState
    state_description: str | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None
    tasks: tuple[TaskView, ...] = ()
    errors: tuple[ErrorView, ...] = ()


class LegView(_Answer):
    """One leg of a failover."""

    action: Action
    status: Status
    job: JobView | None = None


class ApprovalView(_Answer):
    """Where the approval of a failover stands; `by` is who decided."""

    state: ApprovalState
    plan_hash: str | None = None
    by: Actor | None = None
    at: Moment | None = None
    expires_at: Moment | None = None


class UsedRecoveryPoint(_Answer):
    """The recovery point that a failover used, and how old it was then."""

    id: str
    time: Moment | None = None
    age_seconds: int | None = None


class Timings(_Answer):
    """How long each part took, in seconds; null while it is not over."""

    accepted_to_started: float | None = None
    started_to_finished: float | None = None
    per_task: dict[str, float] = Field(default_factory=dict)


class Failover(_Answer):
    """A failover as callers see it. After an A2A reprotection `protectedItemIds` has both ids of the item, the newest last."""

    id: str
    tenant: str
    status: Status
    step: FailoverStep
    action: Action
    scope: dict[str, str]
    protected_item_ids: tuple[str, ...] = ()
    options: dict[str, Any] = Field(default_factory=dict)
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


class AuditEntry(_Answer):
    """One line of a failover's audit trail; `hash` covers the others and so, through `previousHash`, all before it."""

    sequence: int = Field(ge=1)
    time: Moment
    actor: Actor
    event: str
    detail: dict[str, Any] = Field(default_factory=dict)
    previous_hash: str
    hash: str


class AuditTrail(_Answer):
    """The audit trail; `verified` is false where the chain is broken or its head is not the anchored one."""

    value: tuple[AuditEntry, ...]
    head: str
    verified: bool


class LastTest(_Answer):
    """The last test failover of an item; `result` is Succeeded, or Unknown where Azure shows only that there was one."""

    time: Moment
    result: str


class Target(_Answer):
    """Where an item would run; `encrypted` says whether stored data is encrypted, null where Azure does not tell."""

    vm_name: str | None = None
    vm_size: str | None = None
    network: str | None = None
    storage_account: str | None = None
    encrypted: bool | None = None


class ProtectedItem(_Answer):
    """A protected item, in a list as in a single read."""

    id: str
    name: str
    tenant: str
    vault_id: str
    provider: str
    protection_state: str | None = None
    active_location: str | None = None
    test_failover_state: str | None = None
    replication_health: str | None = None
    health_errors: tuple[ErrorView, ...] = ()
    allowed_operations: tuple[str, ...] = ()
    recovery_point_objective_seconds: int | None = None
    last_test_failover: LastTest | None = None
    current_job: str | None = None
    policy: str | None = None
    target: Target = Field(default_factory=Target)


class PlanAction(_Answer):
    """A script, runbook or manual action before or after a group; `instructions` are those of a manual action."""

    name: str
    type: str | None = None
    instructions: str | None = None

    @model_serializer(mode="wrap")
    def _without_absent_instructions(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without_null(handler(self), "instructions")


class PlanGroup(_Answer):
    """A group of a recovery plan; its members run side by side."""

    type: GroupType
    members: tuple[str, ...] = ()
    start_actions: tuple[PlanAction, ...] = ()
    end_actions: tuple[PlanAction, ...] = ()


class RecoveryPlan(_Answer):
    """A recovery plan; `primary` and `recovery` are fabric ids."""

    id: str
    name: str
    primary: str | None = None
    recovery: str | None = None
    groups: tuple[PlanGroup, ...] = ()


class Job(_Answer):
    """A job of the vault; `target` is the name of what it works on."""

    id: str
    name: str
    state: JobState
    state_description: str | None = None
    scenario: str | None = None
    target: str | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None
    allowed_actions: tuple[str, ...] = ()


class RecoveryServicesProvider(_Answer):
    """A Recovery Services provider on a host; `versionCheck` is the rule of the least version, in words."""

    id: str
    name: str
    fabric: str | None = None
    version: str | None = None
    connected: bool | None = None
    version_check: CheckResult
    message: str
