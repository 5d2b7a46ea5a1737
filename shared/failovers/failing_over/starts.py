"""Starting a leg, once and only once, and completing a suspended one (facts/site-recovery.md, "Starting a failover once").

What a late or second POST could do: Azure's own gate refuses it, for one job at a time runs on an item or plan, and `allowedOperations` has
moved on once the first has begun. We rely on it only for what our own bookkeeping cannot see.
"""

from dataclasses import dataclass
from datetime import timedelta

from shared.arm.ids import ResourceId
from shared.clock import Clock, from_text
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, azure_code
from shared.failovers.approvals import rules as approval
from shared.failovers.failing_over import state as record
from shared.failovers.failing_over.blast_radius import BlastRadius
from shared.failovers.failing_over.context import ContextReader
from shared.failovers.failing_over.following import read_job
from shared.failovers.failing_over.reprotection import reprotect_target
from shared.failovers.failing_over.requests import FailoverRequest, FailoverScope
from shared.failovers.failing_over.rules import checks
from shared.failovers.failing_over.rules.allowed import is_allowed
from shared.failovers.failing_over.rules.context import FailoverContext, out_of_primary
from shared.failovers.failing_over.rules.payloads import start_item, start_plan, switch_protection
from shared.failovers.failing_over.rules.plans import Planned, for_leg, make_plan
from shared.failovers.vault import jobs
from shared.failovers.vault.facts import PlanFacts, ProtectedItemFacts
from shared.failovers.vault.gateway import Call, SiteRecoveryGateway, StartedJob, is_plan, vault_of
from shared.failovers.vault.job_facts import JobFacts
from shared.failovers.vault.names import Action, ApprovalState, Provider
from shared.operations.model.models import Intent, Status
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import End, Outcome, Wait
from shared.operations.timings import Timings
from shared.values.absence import BETWEEN_LOOKS, Absence, not_shown

_HARMLESS = "Azure runs one job at a time on an item or plan and refuses what allowedOperations no longer names"
_RETRY = timedelta(seconds=30)
_SCOPE_ABSENT = "scopeAbsent"


@dataclass(frozen=True, slots=True)
class Starts:
    """Starts legs."""

    gateway: SiteRecoveryGateway
    surroundings: ContextReader
    moves: BlastRadius
    clock: Clock
    timings: Timings

    async def start(self, claim: Claim, request: FailoverRequest, index: int) -> str | Problem | Outcome:
        """Start a leg and return its job's name, why it cannot be started, or when to look again.

        Raises `CallFailure` where Azure does not answer, `StepWaits` while a start is in doubt.
        """
        name = f"{request.action}/{index}"
        resolved = self._resolved(claim, name)
        if isinstance(resolved, str):
            return resolved
        in_doubt = claim.row.intent is not None and claim.row.intent.effect == name
        world = await self._world(claim, request)
        if not in_doubt:
            if world is None:
                return self._scope_absent(claim, request)
            claim.data.pop(_SCOPE_ABSENT, None)
            stopped = await self._guard(claim, request, world, make_plan(request, world), index)
            if stopped is not None:
                return stopped
        try:
            effect = await self._effect(claim, request, world, name, in_doubt=in_doubt)
            return (await claim.perform(effect)).job or ""
        except CallFailure as failure:
            if failure.kind is FailureKind.IN_DOUBT:
                raise  # a read that told nothing: the start's own doubt is not raised but waited for
            if claim.row.intent is None:
                await self._take_back(claim, request)
            if failure.asks_to_wait:
                return Wait(self.clock.now() + max(timedelta(seconds=failure.retry_after or 0), _RETRY))
            if failure.kind is FailureKind.THROTTLED:
                raise
            return Problem(azure_code(failure), f"Azure refused {request.action}: {failure.message}", None, (failure.problem,))

    def _scope_absent(self, claim: Claim, request: FailoverRequest) -> Wait | Problem:
        """Return when to look again for an item or plan that was not found, or why the leg ends once it counts as gone."""
        now = self.clock.now()
        absence = not_shown(Absence.from_json(claim.data.get(_SCOPE_ABSENT)), now)
        claim.data[_SCOPE_ABSENT] = absence.as_json()
        if absence.lasts_long_enough(now):
            return Problem(ErrorCode.SOURCE_NOT_FOUND, f"{request.scope.id} was not found in Azure.", "scope")
        return Wait(now + BETWEEN_LOOKS)

    async def _world(self, claim: Claim, request: FailoverRequest) -> FailoverContext | None:
        """Read the world; None where Azure has the scope no more, as after a switch of protection."""
        try:
            return await self.surroundings.read(request, claim.row.tenant, claim.id)
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise

    def _resolved(self, claim: Claim, name: str) -> str | None:
        """Take a person's word on a start whose outcome nobody knows; the job's name if it began."""
        intent = claim.row.intent
        if intent is None or intent.effect != name or claim.row.pending_input is None or claim.row.pending_input.get("word") != "resolve":
            return None
        word = claim.take_input() or {}
        began, job = word.get("outcome") == "started", str(word.get("jobId") or "").rpartition("/")[2]
        if began and not job:
            return None  # which job it is must be known: it goes on being looked for
        claim.forget_intent(started=began)
        return job if began else None

    async def _guard(
        self, claim: Claim, request: FailoverRequest, world: FailoverContext, planned: Planned, index: int
    ) -> Problem | Outcome | None:
        """Ask once more, right before the start, what the plan was asked; then count the machines that move."""
        kept = record.approval_of(claim.detail)
        if index == 0 and kept is not None:
            now = approval.before_start(kept, planned.plan, self.clock.now())
            record.put_approval(claim.detail, now)
            if now.state is ApprovalState.LAPSED:
                words = "The world has changed since it was approved, or the time was over; nothing was started."
                return End(Status.CANCELED, Problem(ErrorCode.APPROVAL_LAPSED, words))
        problem = checks.verdict(planned.plan, request, planned.allowed)
        if problem is not None:
            return problem
        leaving = [member for member in world.members if out_of_primary(request.action, member.item)]
        if leaving:
            await self.moves.record(claim.row.tenant, claim.id, len(leaving))
            others = await self.moves.lately(claim.row.tenant, claim.id)
            if others + len(leaving) > world.rails.blast_radius:
                await self.moves.forget(claim.row.tenant, claim.id)
                words = f"{others} machines were moved in the last hour and at most {world.rails.blast_radius} may be."
                return Problem(ErrorCode.CHECKS_FAILED, words, None, (Problem("blastRadius", words),))
        return None

    async def _take_back(self, claim: Claim, request: FailoverRequest) -> None:
        if request.action.leaves_primary:
            await self.moves.forget(claim.row.tenant, claim.id)

    async def _effect(
        self, claim: Claim, request: FailoverRequest, world: FailoverContext | None, name: str, *, in_doubt: bool
    ) -> Effect[StartedJob]:
        scope = ResourceId.parse(request.scope.id)
        intent = claim.row.intent
        # a test may be sent once more when nothing shows it and Azure still allows it; a real failover never (CORE.md, "In doubt")
        allowed = world is not None and is_allowed(request.action, world.subject) is True
        again = request.action.is_test and (intent is None or intent.lost == 0) and allowed
        call = await self._call(request, world) if world is not None and (again or not in_doubt) else None
        if world is not None and not in_doubt:
            claim.detail["items"] = [_kept(member.item) for member in world.members]

        async def send(request_id: str) -> StartedJob:
            if call is None:
                raise CallFailure(FailureKind.IN_DOUBT, code="NotRepeated", message=f"{name} must not be sent twice")
            started = await self.gateway.start(scope, call, request_id, self.timings.effect_timeout)
            if started.job is None:
                raise CallFailure(FailureKind.IN_DOUBT, code="NoJob", message="Azure accepted it and did not say which job it is")
            return started

        async def look(sent: Intent) -> Started[StartedJob] | Absent:
            try:
                return await self._look(scope, request.action, sent)
            except CallFailure as failure:
                # that it cannot be seen now, whatever the reason, says nothing about whether it began
                code, words, later = failure.code, failure.message, failure.retry_after
                raise CallFailure(FailureKind.IN_DOUBT, code=code, message=words, status=failure.status, retry_after=later) from failure

        return Effect(name, send, look, _HARMLESS, repeatable=again)

    async def _look(self, scope: ResourceId, action: Action, sent: Intent) -> Started[StartedJob] | Absent:
        """Find the job of a start whose answer was lost."""
        found = await self.gateway.children(vault_of(scope), "replicationJobs")
        body = await self.gateway.find(scope) or {}
        facts = PlanFacts.from_arm(body) if is_plan(scope) else ProtectedItemFacts.from_arm(body)
        sought = jobs.JobQuery(sent.client_request_id, str(scope), action, from_text(sent.at), facts.friendly_name or None)
        job = jobs.find_job(sought, [JobFacts.from_arm(item) for item in found], facts.scenario)
        return Started(StartedJob(job.name, self.clock.now())) if job is not None else Absent()

    async def _call(self, request: FailoverRequest, world: FailoverContext) -> Call:
        items = tuple(member.item for member in world.members)
        if world.plan is not None:
            return start_plan(request.action, world.plan, items, request.options, request.reason or "")
        item = items[0]
        if request.action is Action.REPROTECT and item.provider is Provider.A2A:
            return switch_protection(item, await reprotect_target(self.gateway, item))
        chosen = make_plan(request, world).chosen.get(item.key)
        return start_item(request.action, item, request.options, chosen.send_id if chosen else None, request.reason or "")

    def resumes(self, claim: Claim, index: int) -> bool:
        """Whether an earlier claim was about to complete a suspended leg."""
        return claim.row.intent is not None and claim.row.intent.effect == f"resume/{index}"

    async def resume(self, claim: Claim, index: int, job: ResourceId) -> None:
        """Complete a suspended job; it has begun once the job is no longer Suspended."""

        async def send(request_id: str) -> StartedJob:
            return await self.gateway.resume(job, f"Farshore operation {claim.id}", request_id, self.timings.effect_timeout)

        async def look(_sent: Intent) -> Started[StartedJob] | Absent:
            now = await read_job(self.gateway, job)
            if now is None:
                message = f"job {job.name} was not found: whether it was resumed is unknown"
                raise CallFailure(FailureKind.IN_DOUBT, code="JobNotFound", message=message)
            done = jobs.end_of(now) is not jobs.JobEnd.SUSPENDED
            return Started(StartedJob(job.name, self.clock.now())) if done else Absent()

        await claim.perform(Effect(f"resume/{index}", send, look, "a job that is no longer Suspended refuses to be resumed"))


def leg_request(request: FailoverRequest, action: Action, index: int, item_ids: list[str]) -> FailoverRequest:
    """Return what a leg asks for, as a single request would; an A2A item that was reprotected is asked for by its newest id."""
    if index == 0:
        return request
    newest = item_ids[-1] if item_ids and not request.scope.is_plan else None
    return for_leg(request, action, FailoverScope(protectedItemId=newest) if newest else None)


def _kept(item: ProtectedItemFacts) -> dict[str, object]:
    """What finding an item under another id needs of it, in ARM's own shape."""
    details = {
        "instanceType": item.instance_type,
        "fabricObjectId": item.source_vm_id,
        "recoveryFabricObjectId": item.recovery_vm_id,
        "lifecycleId": item.lifecycle_id,
    }
    return {"id": item.id, "name": item.name, "properties": {"providerSpecificDetails": {k: v for k, v in details.items() if v}}}
