"""The two-person rule: a second person approves the plan in time, or nothing is started (docs/design/failovers.md)."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from shared.errors import ErrorCode, Problem
from shared.failovers.failing_over.answers import Plan
from shared.failovers.failing_over.rules.context import GuardRails
from shared.failovers.vault.names import Approval, ApprovalState, Refusal
from shared.moments import Moment
from shared.operations.model.models import Actor


class ApprovalRecord(BaseModel):
    """The approval of a failover as it is stored; `plan_hash` is the hash of the plan that is, or was, to be approved."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    state: ApprovalState
    plan_hash: str
    expires_at: Moment | None = None
    by: Actor | None = None
    at: Moment | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PlanChanged:
    """The plan has changed since it was approved; `record` waits for the approval of the new plan."""

    problem: Problem
    record: ApprovalRecord


def ask(plan: Plan, now: datetime, rails: GuardRails) -> ApprovalRecord:
    """Return the record of a plan before its approval, or of one that needs none."""
    if plan.approval is Approval.NONE:
        return ApprovalRecord(state=ApprovalState.NOT_REQUIRED, plan_hash=plan.hash)
    return ApprovalRecord(state=ApprovalState.PENDING, plan_hash=plan.hash, expires_at=now + rails.approval_lasts)


def approve(
    record: ApprovalRecord, given_hash: str | None, current: Plan, requester: Actor, approver: Actor, now: datetime
) -> ApprovalRecord | PlanChanged | Problem:
    """Approve the plan of `given_hash`: return the approved record, why the approval is refused, or that the plan has changed.

    `current` is the plan as it is made now. Problems: OwnApproval and PersonRequired (403), InvalidRequest without a hash,
    NotAwaitingApproval, ApprovalLapsed. A changed plan waits for its own approval until the same time.
    """
    if (wrong := approver_problem(requester, approver, two_person=True)) is not None:
        return wrong
    record = at_time(record, now)
    if record.state is not ApprovalState.PENDING:
        return _not_pending(record)
    if not given_hash:
        return Problem(ErrorCode.INVALID_REQUEST, "planHash is missing. Give the hash of the plan that is approved.", "planHash")
    if given_hash != record.plan_hash or current.hash != record.plan_hash:
        message = "The plan has changed since. Read the new plan, then approve its hash."
        return PlanChanged(Problem(Refusal.PLAN_CHANGED, message, "planHash"), record.model_copy(update={"plan_hash": current.hash}))
    return record.model_copy(update={"state": ApprovalState.APPROVED, "by": approver, "at": now})


def reject(record: ApprovalRecord, by: Actor, reason: str, now: datetime) -> ApprovalRecord | Problem:
    """Reject the plan; any person who may approve can, the requester as well, because it starts nothing."""
    if by.kind != "user":
        return _person_required()
    record = at_time(record, now)
    if record.state is not ApprovalState.PENDING:
        return _not_pending(record)
    return record.model_copy(update={"state": ApprovalState.REJECTED, "by": by, "at": now, "reason": reason})


def at_time(record: ApprovalRecord, now: datetime) -> ApprovalRecord:
    """Return the record as of now: without an approval in time it has lapsed."""
    if record.state is ApprovalState.PENDING and record.expires_at is not None and now >= record.expires_at:
        return record.model_copy(update={"state": ApprovalState.LAPSED})
    return record


def before_start(record: ApprovalRecord, current: Plan, now: datetime) -> ApprovalRecord:
    """Return the record right before the start: an approval lapses when the plan has changed since, or its time is over."""
    over = record.expires_at is not None and now >= record.expires_at
    if record.state is ApprovalState.APPROVED and (over or record.plan_hash != current.hash):
        return record.model_copy(update={"state": ApprovalState.LAPSED})
    return at_time(record, now)


def may_start(record: ApprovalRecord) -> bool:
    """Return whether the plan may be started: it is approved, or needs no approval."""
    return record.state in {ApprovalState.APPROVED, ApprovalState.NOT_REQUIRED}


def approver_problem(requester: Actor, approver: Actor, *, two_person: bool) -> Problem | None:
    """Return why an actor cannot approve, or commit in a commit window; None where it can.

    Only a person can, and under the two-person rule another person than the requester. Persons are compared by object id, in any case.
    """
    if approver.kind != "user" or not approver.id.strip():
        return _person_required()
    if two_person and requester.id.strip().lower() == approver.id.strip().lower():
        return Problem(Refusal.OWN_APPROVAL, "The two-person rule requires the approval of another person than the requester.")
    return None


def _person_required() -> Problem:
    return Problem(Refusal.PERSON_REQUIRED, "Only a person can decide this. Use a delegated token of a user.")


def _not_pending(record: ApprovalRecord) -> Problem:
    match record.state:
        case ApprovalState.LAPSED:
            return Problem(Refusal.APPROVAL_LAPSED, "The approval has lapsed: its time is over, or the plan has changed. Start anew.")
        case ApprovalState.NOT_REQUIRED:
            return Problem(Refusal.NOT_AWAITING_APPROVAL, "The failover needs no approval.")
        case _:
            return Problem(Refusal.NOT_AWAITING_APPROVAL, f"The failover is already {record.state}.")
