"""Failovers for callers over HTTP and by queue: plan, start, approve, reject, resume, cancel, resolve, audit."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from shared.arm.ids import ResourceId
from shared.audit.answers import AuditDetail, AuditTrail
from shared.audit.trails import AuditTrails
from shared.clock import Clock, from_text
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, Refused, as_seen_in_azure, azure_code, refusal_of, sentence
from shared.failovers.approvals import rules as approval
from shared.failovers.approvals.rules import ApprovalRecord, PlanChanged
from shared.failovers.failing_over.answers import Plan
from shared.failovers.failing_over.context import ContextReader
from shared.failovers.failing_over.following import read_job
from shared.failovers.failing_over.requests import FailoverRequest
from shared.failovers.failing_over.rules import checks
from shared.failovers.failing_over.rules.allowed import allowed_actions
from shared.failovers.failing_over.rules.plans import Planned, make_plan
from shared.failovers.failing_over.state import FailoverDetail, FailoverInput, FailoverState, InputName, request_of
from shared.failovers.kinds import FAILOVER
from shared.failovers.scopes import lock_names
from shared.failovers.vault import jobs
from shared.failovers.vault.facts import PlanFacts, ProtectedItemFacts
from shared.failovers.vault.gateway import SiteRecoveryGateway, vault_of
from shared.failovers.vault.job_facts import JobFacts
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.accepting.commands import Commands
from shared.operations.accepting.locks import Held, Locks
from shared.operations.accepting.resolving import Resolution, ResolvedAs, not_in_doubt
from shared.operations.model.models import Accepted, Actor, NewOperation, Operation
from shared.operations.model.rows import Active
from shared.values.reading import last_segment
from shared.values.sent import SentBody

_READS_SECONDS = 5.0
_NO_OPERATION = "a" * 26
_FOLLOWS = "concluding"
"""The step that reads the job of a leg."""


@dataclass(frozen=True, slots=True)
class StartFailover:
    """A request to start a failover: `owner` is the tenant that owns the scope, `key` the repeatability key.

    `compare_body` is false for the slot of a timer, which is the same request even if its body has changed since.
    """

    request: FailoverRequest
    sent: SentBody
    owner: str
    actor: Actor
    key: str | None
    trace: str | None = None
    compare_body: bool = True
    first_sent: str | None = None


@dataclass(frozen=True, slots=True)
class Failovers:
    """Plans and starts failovers, and takes decisions on them."""

    acceptance: Acceptance
    commands: Commands
    context: ContextReader
    gateway: SiteRecoveryGateway
    audit: AuditTrails
    locks: Locks
    clock: Clock

    async def plan(self, request: FailoverRequest, owner: str) -> Plan:
        """Plan a failover without starting anything: the dry run. Raises `Refused` (SourceNotFound), `CallFailure`."""
        return (await self._planned(request, owner)).plan

    async def start(self, start: StartFailover) -> Accepted:
        """Accept a failover, or find the one that this request became earlier.

        Raises `Refused` for what is not possible now; the first step checks what Azure does not answer within five seconds.
        """
        new = NewOperation(
            kind=FAILOVER.name,
            tenant=start.owner,
            key=start.key,
            body=dict(start.sent.members),
            actor=start.actor,
            first_step="planning",
            filters={"action": str(start.request.action), "scope": ResourceId.parse(start.request.scope.id).key},
            trace=start.trace,
            compare_body=start.compare_body,
            first_sent=start.first_sent,
        )
        known = await self.acceptance.known(new)
        if known is not None:
            return Accepted(known, created=False)
        try:
            return await self._begin(start, new)
        except Refused:
            # the same request, sent at the same time, may have become an operation meanwhile, which holds the lock then
            known = await self.acceptance.known(new)
            if known is None:
                raise
            return Accepted(known, created=False)

    async def _begin(self, start: StartFailover, new: NewOperation) -> Accepted:
        names = lock_names(start.request.scope.id)
        busy = await self.locks.holder(names, self.acceptance.store.id_for(new))
        if busy is not None:
            raise _busy(busy)
        with as_seen_in_azure():
            planned = await self._in_time(start.request, start.owner)
        if planned is not None:
            names = lock_names(start.request.scope.id, *(member.protected_item_id for member in planned.plan.members))
            problem = checks.verdict(planned.plan, start.request, planned.allowed)
            if problem is not None:
                # where an operation works on a member, Azure allows the plan nothing: the answer names that operation
                busy = await self.locks.holder(names, self.acceptance.store.id_for(new))
                if busy is not None:
                    raise _busy(busy)
                with as_seen_in_azure():
                    raise refusal_of(problem)
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
            context = await self.context.read(request, owner, _NO_OPERATION)
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                raise Refused(ErrorCode.SOURCE_NOT_FOUND, f"{request.scope.id} was not found in Azure.", target="scope") from failure
            raise
        return make_plan(request, context)

    async def approve(self, operation: Operation, plan_hash: str | None, by: Actor) -> Operation:
        """Approve the plan that waits, or commit now in a commit window.

        Raises `Refused` (OwnApproval, PersonRequired, NotAwaitingApproval, ApprovalLapsed, PlanChanged with the new plan).
        """
        request = request_of(operation)
        if operation.step == "commitWindow" and request.commit_window is not None:
            await self._may_commit(operation, by)
            return await self._submit(operation, FailoverInput(name=InputName.APPROVE, by=by), "commitWindow")
        record = _pending_approval(operation)
        planned = await self._planned(request, operation.tenant)
        if plan_hash == planned.plan.hash:
            # the new plan can be approved before a step has stored it
            record = record.model_copy(update={"plan_hash": plan_hash})
        taken = approval.approve(record, plan_hash, planned.plan, operation.actor, by, self.clock.now())
        decision = FailoverInput(name=InputName.APPROVE, plan_hash=plan_hash, by=by)
        if isinstance(taken, PlanChanged):
            # the step stores the new plan as the one that waits; the answer has it
            await self._submit(operation, decision, "awaitingApproval")
            detail = Problem("plan", "The member plan of this answer is the new plan.", planned.plan.hash)
            beside = {"plan": planned.plan.as_json()}
            raise Refused(ErrorCode.PLAN_CHANGED, taken.problem.message, target="planHash", details=(detail,), beside=beside)
        if isinstance(taken, Problem):
            raise refusal_of(taken)
        return await self._submit(operation, decision, "awaitingApproval")

    async def _may_commit(self, operation: Operation, by: Actor) -> None:
        rails = await self.context.rails(operation.tenant)
        problem = approval.approver_problem(operation.actor, by, two_person=rails.two_person)
        if problem is not None:
            raise refusal_of(problem)

    async def reject(self, operation: Operation, reason: str, by: Actor) -> Operation:
        """Reject the plan that waits: nothing is started. Raises `Refused`."""
        taken = approval.reject(_pending_approval(operation), by, reason, self.clock.now())
        if isinstance(taken, Problem):
            raise refusal_of(taken)
        decision = FailoverInput(name=InputName.REJECT, reason=reason, by=by)
        return await self._submit(operation, decision, "awaitingApproval")

    async def resume(self, operation: Operation, by: Actor) -> Operation:
        """Resume a job that waits suspended, such as a failback after its synchronisation. Raises `Refused` (NotSuspended)."""
        if operation.step != "suspended":
            raise Refused(ErrorCode.NOT_SUSPENDED, f"The failover is at {operation.step}, not suspended.", target=operation.id)
        return await self._submit(operation, FailoverInput(name=InputName.RESUME, by=by), "suspended")

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
        try:
            context = await self.context.read(request_of(operation), operation.tenant, operation.id)
        except CallFailure:
            return ()
        return tuple(str(action) for action in allowed_actions(context.subject))

    async def resolve(self, operation: Operation, resolution: Resolution, by: Actor) -> Operation:
        """Resolve a failover whose outcome is unknown: of its start, or of a job that is not found. Raises `Refused` (NotInDoubt, …)."""
        row = await self.commands.store.active(operation.id)
        if row is None or operation.attention is None or operation.attention.code != ErrorCode.OUTCOME_UNKNOWN:
            raise not_in_doubt(operation, "failover")
        if row.intent is None:
            return await self._resolve_absent_job(operation, row, resolution, by)
        if not row.intent.own:
            raise Refused(
                ErrorCode.NOT_IN_DOUBT,
                "The outcome of the start is not unknown: the call that prepares it is retried.",
                target=operation.id,
            )
        job = resolution.job
        if resolution.outcome is ResolvedAs.STARTED:
            job = await self._named(operation, job) if job else await self._find(operation, row)
        key, entry = f"resolved/{row.intent.client_request_id}", AuditDetail(outcome=str(resolution.outcome), job=job)
        await self.audit.append(operation.id, key, by, "resolved", entry)
        return await self._submit(operation, _resolution(resolution.outcome, job, by), "starting")

    async def _resolve_absent_job(self, operation: Operation, row: Active, resolution: Resolution, by: Actor) -> Operation:
        """Resolve a leg whose job is not found: follow another job, or end the leg as failed."""
        if row.step != _FOLLOWS:
            raise not_in_doubt(operation, "failover")
        if resolution.outcome is ResolvedAs.STARTED and not resolution.job:
            raise Refused(ErrorCode.INVALID_REQUEST, "jobId is missing: name the job to follow.", target="jobId")
        job = await self._named(operation, resolution.job) if resolution.job else None
        lost = FailoverState.of(row.data).running_leg.job
        await self.audit.append(operation.id, f"resolved/{lost}", by, "resolved", AuditDetail(outcome=str(resolution.outcome), job=job))
        return await self._submit(operation, _resolution(resolution.outcome, job, by), _FOLLOWS)

    async def _named(self, operation: Operation, job: str) -> str:
        """Return the name of the job that a person names; raises `Refused` where the vault has no such job."""
        name = last_segment(job)
        vault = vault_of(ResourceId.parse(request_of(operation).scope.id))
        try:
            known = await read_job(self.gateway, vault.child("replicationJobs", name))
        except ValueError as wrong:
            raise Refused(ErrorCode.INVALID_REQUEST, sentence(str(wrong)), target="jobId") from None
        if known is None:
            raise Refused(ErrorCode.INVALID_REQUEST, f"Job '{name}' was not found in the vault. GET /jobs lists its jobs.", target="jobId")
        return name

    async def _find(self, operation: Operation, row: Active) -> str:
        """Return the name of the job that the unknown start began; raises `Refused` where none is found."""
        request = request_of(operation)
        scope = ResourceId.parse(
            FailoverDetail.of(operation.detail).protected_item_ids[-1] if not request.scope.is_plan else request.scope.id
        )
        found = await self.gateway.children(vault_of(scope), "replicationJobs")
        body = await self.gateway.read(scope)
        facts = PlanFacts.from_arm(body) if request.scope.is_plan else ProtectedItemFacts.from_arm(body)
        if row.intent is not None:
            leg = FailoverState.of(row.data).running_leg
            since, shown = from_text(row.intent.at), facts.friendly_name or None
            query = jobs.JobQuery(row.intent.client_request_id, str(scope), leg.action, since, shown)
            job = jobs.find_job(query, [JobFacts.from_arm(item) for item in found], facts.scenario)
            if job is not None:
                return job.name
        raise Refused(ErrorCode.INVALID_REQUEST, "No job in Azure fits this start. Name the job in jobId.", target="jobId")

    async def trail(self, operation: Operation) -> AuditTrail:
        """Return the audit trail of a failover."""
        return await self.audit.trail(operation.id)

    async def _submit(self, operation: Operation, decision: FailoverInput, step: str) -> Operation:
        return await self.commands.submit_input(
            operation, decision.model_dump(mode="json", by_alias=True, exclude_unset=True), _only_at(step, operation)
        )


def _pending_approval(operation: Operation) -> ApprovalRecord:
    record = FailoverDetail.of(operation.detail).approval
    if operation.step != "awaitingApproval" or record is None:
        message = f"The failover is at {operation.step} and waits for no approval."
        raise Refused(ErrorCode.NOT_AWAITING_APPROVAL, message, target=operation.id)
    return record


def _resolution(outcome: ResolvedAs, job: str | None, by: Actor) -> FailoverInput:
    return FailoverInput(name=InputName.RESOLVE, outcome=str(outcome), job_id=job, by=by)


def _only_at(step: str, operation: Operation) -> Callable[[Active], None]:
    def guard(row: Active) -> None:
        if row.step != step:
            raise Refused(ErrorCode.NOT_AWAITING_APPROVAL, f"The failover is at {row.step} now, not at {step}.", target=operation.id)

    return guard


def _busy(held: Held) -> Refused:
    message = f"Operation {held.owner} works on the same item or plan. Wait until it has ended."
    return Refused(ErrorCode.SCOPE_BUSY, message, target=held.owner)
