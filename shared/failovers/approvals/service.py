"""The step that decides on a plan that waits for approval (the rules are in `approvals.rules`)."""

from dataclasses import dataclass

from shared.audit.answers import AuditDetail
from shared.audit.trails import AuditTrails
from shared.clock import Clock
from shared.errors import CallFailure, ErrorCode, Problem
from shared.failovers.approvals import rules as approval
from shared.failovers.approvals.rules import ApprovalRecord, PlanChanged
from shared.failovers.failing_over.answers import Plan
from shared.failovers.failing_over.context import ContextReader
from shared.failovers.failing_over.rules.checks import worst_results
from shared.failovers.failing_over.rules.plans import make_plan
from shared.failovers.failing_over.state import FailoverDetail, FailoverInput, FailoverWork, InputName, pending_input, return_input
from shared.failovers.vault.names import ApprovalState
from shared.operations.model.models import Actor, Status
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import End, Next, Outcome, Wait


@dataclass(frozen=True, slots=True)
class Approvals:
    """Decides on plans that wait for approval."""

    context: ContextReader
    audit: AuditTrails
    clock: Clock

    async def decide(self, claim: Claim) -> Outcome:
        """Continue, end, or wait on, by the pending decision and the time."""
        work = FailoverWork.of(claim)
        record = work.detail.approval
        if record is None:
            return Next("planning")
        decision = pending_input(claim, InputName.APPROVE, InputName.REJECT)
        if decision is not None:
            record = await self._decided(claim, work, record, decision)
        record = work.detail.approval = approval.at_time(record, self.clock.now())
        match record.state:
            case ApprovalState.APPROVED:
                return Next("starting")
            case ApprovalState.REJECTED:
                who = (record.by.name or record.by.id) if record.by else "an unknown person"
                return _canceled(work, Problem(ErrorCode.REJECTED, f"The plan was rejected by {who}: {record.reason}"))
            case ApprovalState.LAPSED:
                return _canceled(work, Problem(ErrorCode.APPROVAL_LAPSED, "The plan was not approved in time. Nothing was started."))
            case _:
                return Wait(record.expires_at or self.clock.now())

    async def _decided(self, claim: Claim, work: FailoverWork, record: ApprovalRecord, decision: FailoverInput) -> ApprovalRecord:
        if decision.name is InputName.APPROVE:
            return await self._approved(claim, work, record, decision)
        reason = decision.reason or ""
        rejected = approval.reject(record, decision.by, reason, self.clock.now())
        if isinstance(rejected, Problem):
            return record
        await self.audit.append(claim.id, "rejected", decision.by, "rejected", AuditDetail(reason=reason))
        return rejected

    async def _approved(self, claim: Claim, work: FailoverWork, record: ApprovalRecord, decision: FailoverInput) -> ApprovalRecord:
        try:
            context = await self.context.read(work.request, claim.row.tenant, claim.id)
        except CallFailure:
            return_input(claim, decision)
            raise
        plan = make_plan(work.request, context).plan
        given = decision.plan_hash or ""
        if given == plan.hash != record.plan_hash:
            await self._changed(claim, work.detail, plan, decision.by)
            record = record.model_copy(update={"plan_hash": plan.hash})
        taken = approval.approve(record, given, plan, claim.operation.actor, decision.by, self.clock.now())
        if isinstance(taken, Problem):
            return record
        if isinstance(taken, PlanChanged):
            await self._changed(claim, work.detail, plan, decision.by)
            return taken.record
        await self.audit.append(claim.id, "approved", decision.by, "approved", AuditDetail(plan_hash=given))
        return taken

    async def _changed(self, claim: Claim, detail: FailoverDetail, plan: Plan, by: Actor) -> None:
        detail.plan = plan
        entry = AuditDetail(plan_hash=plan.hash, checks=worst_results(plan))
        await self.audit.append(claim.id, f"changed/{plan.hash}", by, "planChanged", entry)


def _canceled(work: FailoverWork, problem: Problem) -> End:
    work.detail.legs = work.state.legs
    return End(Status.CANCELED, problem)
