"""Runs as callers see them."""

from typing import Any

from shared.copies.policies.runs.items import Decision, Outcome, RunItem, TargetItem
from shared.copies.policies.runs.request import MissedSlots, RunTrigger, stored_run
from shared.copies.policies.runs.state import RunCounts, RunDetail, RunInventory, RunState
from shared.errors import ProblemJson
from shared.moments import Moment
from shared.operations.model.models import Actor, Attention, Operation, Status
from shared.values.documents import Document


class RunBody(Document):
    """A run of a policy. `slot` is null where a person started it; `missed` are slots of a gap, which are recorded with this run."""

    id: str
    policy: str
    policy_id: str | None
    revision: int | None
    tenant: str
    status: Status
    step: str
    percent_complete: int
    slot: Moment | None
    trigger: RunTrigger
    missed: MissedSlots | None
    requested_by: Actor
    reason: str | None
    inventory: RunInventory | None
    counts: RunCounts
    attention: Attention | None
    created_at: Moment
    completed_at: Moment | None
    error: ProblemJson | None


class RunTargetBody(Document):
    """A target of a VM in a run: `code` and `message` are why it was skipped, or why its copy failed."""

    region: str
    decision: Decision
    code: str | None
    message: str | None
    copy_id: str | None
    outcome: Outcome | None


class RunMachineBody(Document):
    """A VM of a run."""

    virtual_machine_id: str
    decision: Decision
    code: str | None
    message: str | None
    targets: tuple[RunTargetBody, ...]


def run_body(operation: Operation) -> RunBody:
    """Return the run that an operation is about."""
    run, detail, state = stored_run(operation), RunDetail.of(operation.detail), RunState.of(operation.data)
    return RunBody(
        id=operation.id,
        policy=run.policy,
        policy_id=run.slot.policy_id if run.slot is not None else detail.policy_id or state.policy_id,
        revision=detail.revision,
        tenant=operation.tenant,
        status=operation.status,
        step=operation.step,
        percent_complete=operation.percent_complete,
        slot=run.slot.slot if run.slot is not None else None,
        trigger=run.trigger,
        missed=run.slot.missed if run.slot is not None else None,
        requested_by=operation.actor,
        reason=run.by_hand.reason,
        inventory=detail.inventory,
        counts=detail.counts or RunCounts(),
        attention=operation.attention,
        created_at=operation.created_at,
        completed_at=operation.completed_at,
        error=operation.error,
    )


def machine_body(item: RunItem) -> RunMachineBody:
    """Return a VM of a run."""
    shown: dict[str, Any] = {name: getattr(item, name) for name in ("virtual_machine_id", "decision", "code", "message")}
    return RunMachineBody(**shown, targets=tuple(_target(target) for target in item.targets))


def _target(target: TargetItem) -> RunTargetBody:
    return RunTargetBody(**{name: getattr(target, name) for name in RunTargetBody.model_fields})
