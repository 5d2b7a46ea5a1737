"""Starting a leg once and only once, and resuming a suspended one (docs/azure/site-recovery.md, "Starting a failover once").

A late or second POST is refused by Azure: one job at a time runs on an item or plan, and `allowedOperations` changes once the first has
begun. This is relied on only for what the stored intent cannot show.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.arm.ids import ResourceId
from shared.clock import Clock, from_text
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, azure_code
from shared.failovers.approvals import rules as approval
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
from shared.failovers.failing_over.rules.unready import Unready, refused
from shared.failovers.failing_over.state import FailoverState, FailoverWork, InputName, pending_input
from shared.failovers.vault import jobs
from shared.failovers.vault.facts import PlanFacts, ProtectedItemFacts
from shared.failovers.vault.gateway import Call, SiteRecoveryGateway, StartedJob, is_plan, vault_of
from shared.failovers.vault.job_facts import JobFacts
from shared.failovers.vault.names import Action, ApprovalState, Provider
from shared.operations.accepting.resolving import ResolvedAs
from shared.operations.model.models import Intent, Status
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import End, Outcome, Wait
from shared.operations.timings import Timings
from shared.values.absence import BETWEEN_LOOKS, not_shown
from shared.values.reading import Json, last_segment

_HARMLESS = "Azure runs one job at a time on an item or plan and refuses what allowedOperations no longer names"


@dataclass(frozen=True, slots=True)
class Starts:
    """Starts legs."""

    gateway: SiteRecoveryGateway
    context: ContextReader
    moves: BlastRadius
    clock: Clock
    timings: Timings

    async def start(self, claim: Claim, work: FailoverWork, request: FailoverRequest) -> str | Problem | Outcome:
        """Start the leg of a request: return the name of its job, why it cannot be started, or when to look again.

        Raises `CallFailure` where Azure does not answer, `StepWaits` while the outcome of a start is unknown.
        """
        effect_name = f"{request.action}/{work.state.leg}"
        resolved = self._resolved(claim, effect_name)
        if resolved is not None:
            return resolved
        unknown = claim.intends(effect_name)
        context = await self._context(claim, request)
        if not unknown:
            if context is None:
                return self.scope_absent(work.state, request)
            work.state.scope_absent = None
            stopped = await self._guard(claim, work, request, context, make_plan(request, context))
            if stopped is not None:
                return stopped
        try:
            effect = await self._effect(claim, work, request, context, effect_name, unknown=unknown)
            started = await claim.perform(effect)
        except CallFailure as failure:
            return await self._not_started(claim, request, failure)
        return started.job or ""

    async def _not_started(self, claim: Claim, request: FailoverRequest, failure: CallFailure) -> Problem:
        """Return why a leg was not started; raises the failures that the core handles."""
        if failure.kind is FailureKind.IN_DOUBT:
            raise failure  # a read without an answer: the unknown outcome of the start itself is not raised but waited for
        if claim.row.intent is None and request.action.leaves_primary:
            await self.moves.forget(claim.row.tenant, claim.id)
        if failure.kind is FailureKind.THROTTLED:
            raise failure
        return Problem(azure_code(failure), f"Azure refused {request.action}: {failure.message}", None, (failure.problem,))

    def unready(self, state: FailoverState, causes: Iterable[str]) -> Wait | None:
        """Return when to look again after checks refused the start, None once that counts (`rules.unready`); `causes` names the checks."""
        now, looks = self.clock.now(), state.unready
        before = Unready(looks, state.unready_causes, state.unready_since or looks.since) if looks is not None else None
        after = refused(before, causes, now)
        state.unready, state.unready_causes, state.unready_since = after.looks, after.causes, after.since
        return None if after.counts(now) else Wait(now + BETWEEN_LOOKS)

    def ready(self, state: FailoverState) -> None:
        """Forget the looks at which checks refused the start."""
        state.unready, state.unready_causes, state.unready_since = None, (), None

    def scope_absent(self, state: FailoverState, request: FailoverRequest) -> Wait | Problem:
        """Return when to look again for an item or plan that was not found, or why the leg ends once it counts as gone."""
        now = self.clock.now()
        state.scope_absent = absence = not_shown(state.scope_absent, now)
        if absence.lasts_long_enough(now):
            return Problem(ErrorCode.SOURCE_NOT_FOUND, f"{request.scope.id} was not found in Azure.", "scope")
        return Wait(now + BETWEEN_LOOKS)

    async def _context(self, claim: Claim, request: FailoverRequest) -> FailoverContext | None:
        """Read the context; None where the scope is not found, as after a switch of protection."""
        try:
            return await self.context.read(request, claim.row.tenant, claim.id)
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise

    def _resolved(self, claim: Claim, effect_name: str) -> str | None:
        """Take a person's resolution of a start of unknown outcome; return the name of the job if it began."""
        if not claim.intends(effect_name):
            return None
        resolution = pending_input(claim, InputName.RESOLVE)
        if resolution is None:
            return None
        began, job = resolution.outcome == ResolvedAs.STARTED, last_segment(resolution.job_id)
        if began and not job:
            return None  # which job it is must be known: the search continues
        claim.forget_intent(started=began)
        return job if began else None

    async def _guard(
        self, claim: Claim, work: FailoverWork, request: FailoverRequest, context: FailoverContext, planned: Planned
    ) -> Problem | Outcome | None:
        """Run the checks again right before the start, then count the machines that move."""
        record = work.detail.approval
        if work.state.leg == 0 and record is not None:
            current = approval.before_start(record, planned.plan, self.clock.now())
            if current.state is ApprovalState.LAPSED:
                wait = self.unready(work.state, ["approval"])
                if wait is not None:
                    return wait
                work.detail.approval = current
                message = "The approval has lapsed: the plan has changed since, or its time is over. Nothing was started."
                return End(Status.CANCELED, Problem(ErrorCode.APPROVAL_LAPSED, message))
            work.detail.approval = current
        problem = checks.verdict(planned.plan, request, planned.allowed)
        if problem is not None:
            return self.unready(work.state, checks.refusing(planned.plan)) or problem
        self.ready(work.state)
        leaving = [member for member in context.members if out_of_primary(request.action, member.item)]
        if leaving:
            await self.moves.record(claim.row.tenant, claim.id, len(leaving))
            others, limit = await self.moves.recent(claim.row.tenant, claim.id), context.rails.blast_radius
            if others + len(leaving) > limit:
                await self.moves.forget(claim.row.tenant, claim.id)
                message = f"{others} machines were moved in the last hour. With these {len(leaving)} the limit of {limit} is exceeded."
                return Problem(ErrorCode.CHECKS_FAILED, message, None, (Problem("blastRadius", message),))
        return None

    async def _effect(
        self, claim: Claim, work: FailoverWork, request: FailoverRequest, context: FailoverContext | None, name: str, *, unknown: bool
    ) -> Effect[StartedJob]:
        scope = ResourceId.parse(request.scope.id)
        intent = claim.row.intent
        # a test may be sent once more when nothing shows it and Azure still allows it; a real failover never (docs/design/core.md)
        allowed = context is not None and is_allowed(request.action, context.subject) is True
        again = request.action.is_test and (intent is None or intent.lost == 0) and allowed
        call = await self._call(request, context) if context is not None and (again or not unknown) else None
        if context is not None and not unknown:
            work.detail.items = tuple(_identity(member.item) for member in context.members)

        async def send(request_id: str) -> StartedJob:
            if call is None:
                raise CallFailure(FailureKind.IN_DOUBT, code="NotRepeated", message=f"{name} must not be sent twice")
            started = await self.gateway.start(scope, call, request_id, self.timings.effect_timeout)
            if started.job is None:
                raise CallFailure(FailureKind.IN_DOUBT, code="NoJob", message="Azure accepted the start without naming its job")
            return started

        async def look(sent: Intent) -> Started[StartedJob] | Absent:
            return await self._look(scope, request.action, sent)

        return Effect(name, send, look, _HARMLESS, repeatable=again, keeps_request_id=True)

    async def _look(self, scope: ResourceId, action: Action, sent: Intent) -> Started[StartedJob] | Absent:
        """Find the job of a start whose answer was lost."""
        found = await self.gateway.children(vault_of(scope), "replicationJobs")
        body = await self.gateway.find(scope) or {}
        facts = PlanFacts.from_arm(body) if is_plan(scope) else ProtectedItemFacts.from_arm(body)
        query = jobs.JobQuery(sent.client_request_id, str(scope), action, from_text(sent.at), facts.friendly_name or None)
        match = jobs.find_job(query, [JobFacts.from_arm(item) for item in found], facts.scenario)
        return Started(StartedJob(match.name, self.clock.now())) if match is not None else Absent()

    async def _call(self, request: FailoverRequest, context: FailoverContext) -> Call:
        items = tuple(member.item for member in context.members)
        if context.plan is not None:
            return start_plan(request.action, context.plan, items, request.options, request.reason or "")
        item = items[0]
        if request.action is Action.REPROTECT and item.provider is Provider.A2A:
            return switch_protection(item, await reprotect_target(self.gateway, item))
        chosen = make_plan(request, context).chosen.get(item.key)
        return start_item(request.action, item, request.options, chosen.send_id if chosen else None, request.reason or "")

    def resumes(self, claim: Claim, index: int) -> bool:
        """Return whether an earlier claim wrote the intent to resume the suspended job of a leg."""
        return claim.intends(f"resume/{index}")

    async def resume(self, claim: Claim, index: int, job: ResourceId) -> None:
        """Resume a suspended job; it is resumed once it is no longer Suspended."""

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


def leg_request(request: FailoverRequest, action: Action, index: int, item_ids: tuple[str, ...]) -> FailoverRequest:
    """Return the request of one leg as if it were alone; an A2A item that was reprotected is named by its newest id."""
    if index == 0:
        return request
    newest = item_ids[-1] if item_ids and not request.scope.is_plan else None
    return for_leg(request, action, FailoverScope(protectedItemId=newest) if newest else None)


def _identity(item: ProtectedItemFacts) -> Json:
    """Return what is needed to find an item under another id, in Azure's own form."""
    details = {
        "instanceType": item.instance_type,
        "fabricObjectId": item.source_vm_id,
        "recoveryFabricObjectId": item.recovery_vm_id,
        "lifecycleId": item.lifecycle_id,
    }
    return {"id": item.id, "name": item.name, "properties": {"providerSpecificDetails": {k: v for k, v in details.items() if v}}}
