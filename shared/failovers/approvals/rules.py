"""The two-person rule: a second person approves this plan, in time, or nothing is started (docs/design/failovers.md)."""

from dataclasses import dataclass, replace
from datetime import datetime

from shared.errors import ErrorCode, Problem
from shared.failovers.failing_over.answers import Plan
from shared.failovers.failing_over.rules.context import GuardRails
from shared.failovers.vault.names import Approval, ApprovalState, Refusal
from shared.operations.model.models import Actor


@dataclass(frozen=True, slots=True)
class ApprovalRecord:
    """Where the approval of an operation stands; `plan_hash` is of the plan that is, or was, to be approved."""

    state: ApprovalState
    plan_hash: str
    expires_at: datetime | None = None
    by: Actor | None = None
    at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PlanChanged:
    """The world has moved: nobody has approved the plan as it is now. `record` waits for the new plan's approval."""

    problem: Problem
    record: ApprovalRecord


def ask(plan: Plan, now: datetime, rails: GuardRails) -> ApprovalRecord:
    """Begin to wait for the approval of a plan, where it needs one."""
    if plan.approval is Approval.NONE:
        return ApprovalRecord(ApprovalState.NOT_REQUIRED, plan.hash)
    return ApprovalRecord(ApprovalState.PENDING, plan.hash, expires_at=now + rails.approval_lasts)


def approve(
    record: ApprovalRecord, given_hash: str | None, current: Plan, requester: Actor, approver: Actor, now: datetime
) -> ApprovalRecord | PlanChanged | Problem:
    """Take an approval of `given_hash`: the approved record, why it does not count, or that the plan has changed.

    `current` is the plan as it is made of the world now. Problems: OwnApproval and PersonRequired (403), InvalidRequest without a hash,
    NotAwaitingApproval, ApprovalLapsed. A changed plan waits for its own approval until the same moment.
    """
    if (wrong := approver_problem(requester, approver, two_person=True)) is not None:
        return wrong
    record = at_time(record, now)
    if record.state is not ApprovalState.PENDING:
        return _not_pending(record)
    if not given_hash:
        return Problem(ErrorCode.INVALID_REQUEST, "it is missing: an approval is of one plan, by its hash", "planHash")
    if given_hash != record.plan_hash or current.hash != record.plan_hash:
        words = "the plan is not the one that was approved: look at the new one, and approve that"
        return PlanChanged(Problem(Refusal.PLAN_CHANGED, words, "planHash"), replace(record, plan_hash=current.hash))
    return replace(record, state=ApprovalState.APPROVED, by=approver, at=now)


def reject(record: ApprovalRecord, by: Actor, reason: str, now: datetime) -> ApprovalRecord | Problem:
    """Take a rejection, which anybody who may approve can give, the requester too: it starts nothing."""
    if by.kind != "user":
        return _person_required()
    record = at_time(record, now)
    if record.state is not ApprovalState.PENDING:
        return _not_pending(record)
    return replace(record, state=ApprovalState.REJECTED, by=by, at=now, reason=reason)


def at_time(record: ApprovalRecord, now: datetime) -> ApprovalRecord:
    """Return a record as it stands now: one that nobody approved in time has lapsed."""
    if record.state is ApprovalState.PENDING and record.expires_at is not None and now >= record.expires_at:
        return replace(record, state=ApprovalState.LAPSED)
    return record


def before_start(record: ApprovalRecord, current: Plan, now: datetime) -> ApprovalRecord:
    """Return a record as it stands right before the start: an approval lapses when the world has changed since, or the time is over."""
    over = record.expires_at is not None and now >= record.expires_at
    if record.state is ApprovalState.APPROVED and (over or record.plan_hash != current.hash):
        return replace(record, state=ApprovalState.LAPSED)
    return at_time(record, now)


def may_start(record: ApprovalRecord) -> bool:
    """Say whether an approval, or that none is needed, lets a plan be started."""
    return record.state in {ApprovalState.APPROVED, ApprovalState.NOT_REQUIRED}


def approver_problem(requester: Actor, approver: Actor, *, two_person: bool) -> Problem | None:
    """Say why somebody cannot approve, or commit in a commit window: only a person, and under the two-person rule another one.

    Persons are compared by object id, in any case; a name says nothing.
    """
    if approver.kind != "user" or not approver.id.strip():
        return _person_required()
    if two_person and requester.id.strip().lower() == approver.id.strip().lower():
        return Problem(Refusal.OWN_APPROVAL, "the two-person rule asks for another person than the one who requested it")
    return None


def _person_required() -> Problem:
    return Problem(Refusal.PERSON_REQUIRED, "only a person can decide this, with a person's (delegated) token")


def _not_pending(record: ApprovalRecord) -> Problem:
    match record.state:
        case ApprovalState.LAPSED:
            return Problem(Refusal.APPROVAL_LAPSED, "nobody approved it in time, or the world changed: request it anew")
        case ApprovalState.NOT_REQUIRED:
            return Problem(Refusal.NOT_AWAITING_APPROVAL, "it needs no approval")
        case _:
            return Problem(Refusal.NOT_AWAITING_APPROVAL, f"it is {record.state} already")
