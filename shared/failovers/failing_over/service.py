"""What callers can ask of failovers, over HTTP and queue alike: plan, start, approve, reject, resume, cancel, resolve, audit."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from shared.arm.ids import ResourceId
from shared.clock import Clock, from_text
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, Refused, azure_code, refusal_of, sentence
from shared.failovers.approvals import rules as approval
from shared.failovers.approvals.rules import PlanChanged
from shared.failovers.audit.answers import AuditTrail
from shared.failovers.audit.trails import AuditTrails
from shared.failovers.failing_over import state as record
from shared.failovers.failing_over.answers import Plan
from shared.failovers.failing_over.context import ContextReader
from shared.failovers.failing_over.following import read_job
from shared.failovers.failing_over.requests import FailoverRequest, ResolveRequest
from shared.failovers.failing_over.rules import checks
from shared.failovers.failing_over.rules.allowed import allowed_actions
from shared.failovers.failing_over.rules.plans import Planned, make_plan
from shared.failovers.kinds import FAILOVER
from shared.failovers.scopes import lock_names
from shared.failovers.vault import jobs
from shared.failovers.vault.facts import PlanFacts, ProtectedItemFacts
from shared.failovers.vault.gateway import SiteRecoveryGateway, vault_of
from shared.failovers.vault.job_facts import JobFacts
from shared.failovers.vault.names import ResolvedAs
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.accepting.commands import Commands
from shared.operations.accepting.locks import Held, Locks
from shared.operations.model.models import Accepted, Actor, JsonObject, NewOperation, Operation
from shared.operations.model.rows import Active

_READS_SECONDS = 5.0
_NOBODY = "a" * 26
_FOLLOWS = "concluding"
"""The step that reads the job of a leg."""


@dataclass(frozen=True, slots=True)
class StartFailover:
    """A request for a failover, with whose it is: `owner` is the tenant that owns the scope, `key` the repeatability key.

    `compare_body` is false for a timer's slot, which is the same request whatever its body says by now.
    """

    request: FailoverRequest
    body: JsonObject
    owner: str
    actor: Actor
    key: str | None
    trace: str | None = None
    compare_body: bool = True
    first_sent: str | None = None


@dataclass(frozen=True, slots=True)
class Failovers:
    """Plans and starts failovers, and takes people's words on them."""

    acceptance: Acceptance
    commands: Commands
    surroundings: ContextReader
    gateway: SiteRecoveryGateway
    audit: AuditTrails
    locks: Locks
    clock: Clock

    async def plan(self, request: FailoverRequest, owner: str) -> Plan:
        """Plan a failover without starting anything: the dry run. Raises `Refused` (SourceNotFound), `CallFailure`."""
        return (await self._planned(request, owner)).plan

    async def start(self, asked: StartFailover) -> Accepted:
        """Accept a failover, or find the one that this request became earlier.

        Raises `Refused` for what is known not to go now; what Azure does not say within five seconds is found by the first step.
        """
        new = NewOperation(
            kind=FAILOVER.name,
            tenant=asked.owner,
            key=asked.key,
            body=asked.body,
            actor=asked.actor,
            first_step="planning",
            filters={"action": str(asked.request.action), "scope": ResourceId.parse(asked.request.scope.id).key},
            trace=asked.trace,
            compare_body=asked.compare_body,
            first_sent=asked.first_sent,
        )
        known = await self.acceptance.known(new)
        if known is not None:
            return Accepted(known, created=False)
        try:
            return await self._begin(asked, new)
        except Refused:
            # the same request, sent again at the same moment, may have become an operation meanwhile, which is then in its own way
            known = await self.acceptance.known(new)
            if known is None:
                raise
            return Accepted(known, created=False)

    async def _begin(self, asked: StartFailover, new: NewOperation) -> Accepted:
        names = lock_names(asked.request.scope.id)
        busy = await self.locks.holder(names, self.acceptance.store.id_for(new))
        if busy is not None:
            raise _busy(busy)
        planned = await self._in_time(asked.request, asked.owner)
        if planned is not None:
            names = lock_names(asked.request.scope.id, *(member.protected_item_id for member in planned.plan.members))
            problem = checks.verdict(planned.plan, asked.request, planned.allowed)
            if problem is not None:
                # what an operation of ours does to a member is why Azure allows the plan nothing now: that one is to be named
                busy = await self.locks.holder(names, self.acceptance.store.id_for(new))
                raise _busy(busy) if busy is not None else refusal_of(problem)
        return await self.acceptance.accept(replace(new, locks=names))

    async def _in_time(self, request: FailoverRequest, owner: str) -> Planned | None:
        try:
            async with asyncio.timeout(_READS_SECONDS):
                return await self._planned(request, owner)
        except TimeoutError:
            return None
        except CallFailure as failure:
            if failure.kind is FailureKind.REFUSED:
                raise Refused(azure_code(failure), f"Azure refused the read: {failure.message}", details=(failure.problem,)) from failure
            return None

    async def _planned(self, request: FailoverRequest, owner: str) -> Planned:
        try:
            world = await self.surroundings.read(request, owner, _NOBODY)
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                raise Refused(ErrorCode.SOURCE_NOT_FOUND, f"Azure has no {request.scope.id}.", target="scope") from failure
            raise
        return make_plan(request, world)

    async def approve(self, operation: Operation, plan_hash: str | None, by: Actor) -> Operation:
        """Approve the plan that waits, or commit now in a commit window.

        Raises `Refused` (OwnApproval, PersonRequired, NotAwaitingApproval, ApprovalLapsed, PlanChanged with the new plan).
        """
        if operation.step == "commitWindow" and record.request_of(operation.body).commit_window is not None:
            await self._may_commit(operation, by)
            return await self._say(operation, {"word": "approve", "by": by.as_json()}, "commitWindow")
        kept = record.approval_of(operation.detail)
        if operation.step != "awaitingApproval" or kept is None:
            raise Refused(ErrorCode.NOT_AWAITING_APPROVAL, f"It waits for no approval: it is at {operation.step}.", target=operation.id)
        planned = await self._planned(record.request_of(operation.body), operation.tenant)
        if plan_hash == planned.plan.hash:
            kept = replace(kept, plan_hash=plan_hash)  # whoever was told of the new plan approves it before a step has noted it
        taken = approval.approve(kept, plan_hash, planned.plan, operation.actor, by, self.clock.now())
        word: JsonObject = {"word": "approve", "planHash": plan_hash, "by": by.as_json()}
        if isinstance(taken, PlanChanged):
            # the step notes the new plan as the one that waits; whoever asked is told of it
            await self._say(operation, word, "awaitingApproval")
            detail = Problem("plan", "The plan by now, which stands whole beside this error.", planned.plan.hash)
            words, now = sentence(taken.problem.message), planned.plan.as_json()
            raise Refused(ErrorCode.PLAN_CHANGED, words, target="planHash", details=(detail,), beside={"plan": now})
        if isinstance(taken, Problem):
            raise refusal_of(taken)
        return await self._say(operation, word, "awaitingApproval")

    async def _may_commit(self, operation: Operation, by: Actor) -> None:
        rails = await self.surroundings.rails(operation.tenant)
        problem = approval.approver_problem(operation.actor, by, two_person=rails.two_person)
        if problem is not None:
            raise refusal_of(problem)

    async def reject(self, operation: Operation, reason: str, by: Actor) -> Operation:
        """Reject the plan that waits: nothing is started. Raises `Refused`."""
        kept = record.approval_of(operation.detail)
        if operation.step != "awaitingApproval" or kept is None:
            raise Refused(ErrorCode.NOT_AWAITING_APPROVAL, f"It waits for no approval: it is at {operation.step}.", target=operation.id)
        taken = approval.reject(kept, by, reason, self.clock.now())
        if isinstance(taken, Problem):
            raise refusal_of(taken)
        return await self._say(operation, {"word": "reject", "reason": reason, "by": by.as_json()}, "awaitingApproval")

    async def resume(self, operation: Operation, by: Actor) -> Operation:
        """Complete a failback that waits suspended after its synchronisation. Raises `Refused` (NotSuspended)."""
        if operation.step != "suspended":
            raise Refused(ErrorCode.NOT_SUSPENDED, f"It does not wait suspended: it is at {operation.step}.", target=operation.id)
        return await self._say(operation, {"word": "resume", "by": by.as_json()}, "suspended")

    async def cancel(self, operation: Operation, by: Actor) -> Operation:
        """Cancel a failover before it starts. Raises `Refused` (AlreadyStarted with what Azure would still allow, AlreadyEnded)."""
        try:
            return await self.commands.cancel(operation, by)
        except Refused as refused:
            if refused.code is not ErrorCode.ALREADY_STARTED:
                raise
            details = tuple(Problem(action, f"{action} is allowed now", "action") for action in await self._allowed(operation))
            raise Refused(refused.code, refused.problem.message, target=operation.id, details=details) from refused

    async def _allowed(self, operation: Operation) -> tuple[str, ...]:
        request = record.request_of(operation.body)
        try:
            world = await self.surroundings.read(request, operation.tenant, operation.id)
        except CallFailure:
            return ()
        return tuple(str(action) for action in allowed_actions(world.subject))

    async def resolve(self, operation: Operation, said: ResolveRequest, by: Actor) -> Operation:
        """Take a person's word on a start whose outcome nobody knows. Raises `Refused` (NotInDoubt, InvalidRequest)."""
        row = await self.commands.store.active(operation.id)
        if row is None or operation.attention is None or operation.attention.code != ErrorCode.OUTCOME_UNKNOWN:
            raise Refused(ErrorCode.NOT_IN_DOUBT, "The outcome of the failover is not unknown.", target=operation.id)
        if row.intent is None:
            return await self._resolve_absent_job(operation, row, said, by)
        if not row.intent.own:
            raise Refused(ErrorCode.NOT_IN_DOUBT, "Its start is not in doubt; what prepares it is sent again.", target=operation.id)
        job = said.job_id
        if said.outcome is ResolvedAs.STARTED:
            job = await self._named(operation, job) if job else await self._find(operation, row)
        word: JsonObject = {"word": "resolve", "outcome": str(said.outcome), "jobId": job, "by": by.as_json()}
        await self.audit.append(
            operation.id, f"resolved/{row.intent.client_request_id}", by, "resolved", {"outcome": str(said.outcome), "job": job}
        )
        return await self._say(operation, word, "starting")

    async def _resolve_absent_job(self, operation: Operation, row: Active, said: ResolveRequest, by: Actor) -> Operation:
        """Take a decision on a leg whose job Azure no longer shows: another job to follow, or that the leg has failed."""
        if row.step != _FOLLOWS:
            raise Refused(ErrorCode.NOT_IN_DOUBT, "The outcome of the failover is not unknown.", target=operation.id)
        if said.outcome is ResolvedAs.STARTED and not said.job_id:
            raise Refused(ErrorCode.INVALID_REQUEST, "jobId is missing: name the job to follow.", target="jobId")
        job = await self._named(operation, said.job_id) if said.job_id else None
        lost = record.legs_of(row.data)[record.running_leg(row.data)].job
        detail = {"outcome": str(said.outcome), "job": job}
        await self.audit.append(operation.id, f"resolved/{lost}", by, "resolved", detail)
        return await self._say(operation, {"word": "resolve", "outcome": str(said.outcome), "jobId": job, "by": by.as_json()}, _FOLLOWS)

    async def _named(self, operation: Operation, job: str) -> str:
        """Return the name of a job that a person says it is; a slip of the pen would end what still runs."""
        name = job.rstrip("/").rpartition("/")[2]
        vault = vault_of(ResourceId.parse(record.request_of(operation.body).scope.id))
        try:
            known = await read_job(self.gateway, vault.child("replicationJobs", name))
        except ValueError as wrong:
            raise Refused(ErrorCode.INVALID_REQUEST, sentence(str(wrong)), target="jobId") from None
        if known is None:
            raise Refused(ErrorCode.INVALID_REQUEST, "The vault has no such job: GET /jobs shows those that it has.", target="jobId")
        return name

    async def _find(self, operation: Operation, row: Active) -> str:
        request = record.request_of(operation.body)
        scope = ResourceId.parse(record.item_ids(operation.detail)[-1] if not request.scope.is_plan else request.scope.id)
        found = await self.gateway.children(vault_of(scope), "replicationJobs")
        body = await self.gateway.read(scope)
        facts = PlanFacts.from_arm(body) if request.scope.is_plan else ProtectedItemFacts.from_arm(body)
        if row.intent is not None:
            leg = record.legs_of(row.data)[record.running_leg(row.data)]
            since, shown = from_text(row.intent.at), facts.friendly_name or None
            sought = jobs.JobQuery(row.intent.client_request_id, str(scope), leg.action, since, shown)
            job = jobs.find_job(sought, [JobFacts.from_arm(item) for item in found], facts.scenario)
            if job is not None:
                return job.name
        raise Refused(ErrorCode.INVALID_REQUEST, "Azure shows no job that could be it: say which one it is.", target="jobId")

    async def trail(self, operation: Operation) -> AuditTrail:
        """Return the audit trail of a failover."""
        return await self.audit.trail(operation.id)

    async def _say(self, operation: Operation, word: JsonObject, step: str) -> Operation:
        return await self.commands.submit_input(operation, word, _only_at(step, operation))


def _only_at(step: str, operation: Operation) -> Callable[[Active], None]:
    def guard(row: Active) -> None:
        if row.step != step:
            raise Refused(ErrorCode.NOT_AWAITING_APPROVAL, f"It is at {row.step} by now, not at {step}.", target=operation.id)

    return guard


def _busy(held: Held) -> Refused:
    return Refused(ErrorCode.SCOPE_BUSY, f"Operation {held.owner} works on it; wait for its end.", target=held.owner)
