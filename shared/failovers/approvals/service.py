"""The two-person rule as a step carries it out: of this plan, by another person, in time (`rules.approval` decides)."""

from dataclasses import dataclass, replace

from shared.clock import Clock
from shared.errors import CallFailure, ErrorCode, Problem
from shared.failovers.approvals import rules as approval
from shared.failovers.approvals.rules import ApprovalRecord, PlanChanged
from shared.failovers.audit.trails import AuditTrails
from shared.failovers.failing_over import state as record
from shared.failovers.failing_over.answers import Plan
from shared.failovers.failing_over.context import ContextReader
from shared.failovers.failing_over.rules.checks import told
from shared.failovers.failing_over.rules.plans import make_plan
from shared.failovers.vault.names import ApprovalState
from shared.operations.model.models import Actor, JsonObject, Status
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import End, Next, Outcome, Wait


@dataclass(frozen=True, slots=True)
class Approvals:
    """Takes decisions on plans that wait for one."""

    surroundings: ContextReader
    audit: AuditTrails
    clock: Clock

    async def decide(self, claim: Claim) -> Outcome:
        """Go on, end, or wait on, as the person's word and the time say."""
        kept = record.approval_of(claim.detail)
        if kept is None:
            return Next("planning")
        word = claim.take_input()
        if word is not None:
            kept = await self._heard(claim, kept, word)
        kept = approval.at_time(kept, self.clock.now())
        record.put_approval(claim.detail, kept)
        match kept.state:
            case ApprovalState.APPROVED:
                return Next("starting")
            case ApprovalState.REJECTED:
                words = f"{kept.by.name or kept.by.id if kept.by else 'Somebody'} rejected it: {kept.reason}"
                return _over(claim, Problem(ErrorCode.REJECTED, words))
            case ApprovalState.LAPSED:
                return _over(claim, Problem(ErrorCode.APPROVAL_LAPSED, "Nobody approved it in time; nothing was started."))
            case _:
                return Wait(kept.expires_at or self.clock.now())

    async def _heard(self, claim: Claim, kept: ApprovalRecord, word: JsonObject) -> ApprovalRecord:
        by = _actor(word)
        if word.get("word") == "reject":
            rejected = approval.reject(kept, by, str(word.get("reason", "")), self.clock.now())
            if isinstance(rejected, Problem):
                return kept
            await self.audit.append(claim.id, "rejected", by, "rejected", {"reason": str(word.get("reason", ""))})
            return rejected
        return await self._approved(claim, kept, word, by)

    async def _approved(self, claim: Claim, kept: ApprovalRecord, word: JsonObject, by: Actor) -> ApprovalRecord:
        request = record.request_of(claim.operation.body)
        try:
            world = await self.surroundings.read(request, claim.row.tenant, claim.id)
        except CallFailure:
            claim.return_input(word)  # the word stands, the world could not be seen: look again
            raise
        plan = make_plan(request, world).plan
        given = str(word.get("planHash") or "")
        if given == plan.hash != kept.plan_hash:
            await self._changed(claim, plan, by)
            kept = replace(kept, plan_hash=plan.hash)
        taken = approval.approve(kept, given, plan, claim.operation.actor, by, self.clock.now())
        if isinstance(taken, Problem):
            return kept
        if isinstance(taken, PlanChanged):
            await self._changed(claim, plan, by)
            return taken.record
        await self.audit.append(claim.id, "approved", by, "approved", {"planHash": given})
        return taken

    async def _changed(self, claim: Claim, plan: Plan, by: Actor) -> None:
        record.put_plan(claim.detail, plan)
        await self.audit.append(claim.id, f"changed/{plan.hash}", by, "planChanged", {"planHash": plan.hash, "checks": told(plan)})


def _over(claim: Claim, problem: Problem) -> End:
    claim.detail["legs"] = claim.data.get("legs", [])
    return End(Status.CANCELED, problem)


def _actor(word: JsonObject) -> Actor:
    by = word.get("by")
    return Actor.from_json(by if isinstance(by, dict) else {})
