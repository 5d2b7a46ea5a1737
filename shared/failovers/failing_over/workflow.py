"""A failover, from its request to the end of its last leg, step by step. Each step may run again from its first line.

    planning ─► awaitingApproval ─► starting ─► running ─► concluding ─► finishing
                                      ▲           ▲            ├─► suspended ── resume ──► running
                                      └── next leg ────────────┴─► commitWindow

The POST that starts a failover must not be sent twice. Its job is found again by its activity id, by what its target is busy with, or by a
person who resolves it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared import telemetry
from shared.arm.ids import ResourceId
from shared.audit.answers import AuditDetail
from shared.audit.trails import AuditTrails
from shared.clock import Clock, to_text
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.failovers.approvals import rules as approval
from shared.failovers.approvals.service import Approvals
from shared.failovers.failing_over import following, views
from shared.failovers.failing_over.context import ContextReader
from shared.failovers.failing_over.rules import checks, legs
from shared.failovers.failing_over.rules.plans import make_plan
from shared.failovers.failing_over.starts import Starts, leg_request
from shared.failovers.failing_over.state import FailoverState, FailoverWork, InputName, pending_input, request_of, sent_of
from shared.failovers.failing_over.target_machine import TargetMachines
from shared.failovers.scopes import lock_names
from shared.failovers.vault import jobs
from shared.failovers.vault.facts import ProtectedItemFacts, moved_item
from shared.failovers.vault.gateway import SiteRecoveryGateway, vault_of
from shared.failovers.vault.job_facts import JobFacts
from shared.failovers.vault.names import Action
from shared.operations.accepting.locks import Locks
from shared.operations.accepting.resolving import ResolvedAs
from shared.operations.model.models import Actor, Command, Operation, PendingCommand, Status
from shared.operations.model.rows import Active
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import Checked, End, Follow, Next, Outcome, Unread, Wait
from shared.operations.running.workflow import Workflow
from shared.telemetry import Metric
from shared.values.absence import BETWEEN_LOOKS, not_shown

_POLL = timedelta(minutes=5)
"""How often a step that waits for a person reads Azure."""
_SYSTEM = Actor("system", "farshore", "Farshore")


@dataclass(frozen=True, slots=True)
class FailoverSteps:
    """The steps of a failover."""

    gateway: SiteRecoveryGateway
    context: ContextReader
    starts: Starts
    target_machines: TargetMachines
    approvals: Approvals
    audit: AuditTrails
    locks: Locks
    clock: Clock

    async def planning(self, claim: Claim) -> Outcome:
        """Make the plan, take every lock of it, and ask for approval where one is required."""
        work = FailoverWork.of(claim)
        request, detail = work.request, work.detail
        try:
            context = await self.context.read(request, claim.row.tenant, claim.id)
        except CallFailure as failure:
            if failure.kind is not FailureKind.NOT_FOUND:
                raise
            absent = self.starts.scope_absent(work.state, request)
            return absent if isinstance(absent, Wait) else End(Status.FAILED, absent)
        work.state.scope_absent = None
        planned = make_plan(request, context)
        asked = {"action": str(request.action), "reason": request.reason}
        entry = AuditDetail.model_validate({**asked, **sent_of(claim.operation).members})
        await self.audit.append(claim.id, "asked", claim.operation.actor, "requested", entry)
        detail.plan, detail.protected_item_ids = planned.plan, tuple(member.item.id for member in context.members)
        work.state.legs, work.state.leg = legs.begin(planned.plan.legs), 0
        work.state.vault = str(vault_of(ResourceId.parse(request.scope.id)))
        busy = await self._hold(claim, lock_names(request.scope.id, *detail.protected_item_ids))
        if busy is not None:
            return End(Status.FAILED, busy)
        problem = checks.verdict(planned.plan, request, planned.allowed)
        results = checks.worst_results(planned.plan)
        if problem is not None:
            wait = self.starts.unready(work.state, checks.refusing(planned.plan))
            if wait is not None:
                return wait
            found = AuditDetail(code=problem.code, message=problem.message, checks=results)
            await self.audit.append(claim.id, "refused", _SYSTEM, "refused", found)
            return End(Status.FAILED, problem)
        self.starts.ready(work.state)
        detail.approval = record = approval.ask(planned.plan, self.clock.now(), context.rails)
        entry = AuditDetail(plan_hash=planned.plan.hash, checks=results, approval=str(record.state))
        await self.audit.append(claim.id, "planned", _SYSTEM, "planned", entry)
        if approval.may_start(record):
            return Next("starting")
        return Wait(record.expires_at or self.clock.now(), step="awaitingApproval", event="awaitingApproval")

    async def _hold(self, claim: Claim, names: Sequence[str]) -> Problem | None:
        """Take, or confirm, every lock of the scope; return the problem where another operation holds one."""
        held = await self.locks.take(names, claim.id)
        if held is not None:
            return Problem(
                ErrorCode.SCOPE_BUSY, f"Operation {held.owner} works on the same item or plan. Wait until it has ended.", "scope"
            )
        for name in names:
            claim.hold(name)
        return None

    async def awaitingApproval(self, claim: Claim) -> Outcome:  # noqa: N802  # the name of the step in answers
        """Take a person's decision, or notice that the time is over."""
        return await self.approvals.decide(claim)

    async def starting(self, claim: Claim) -> Outcome:
        """Set the name and size of the machine where the request names them, run the checks of the leg, then start it, once."""
        work = FailoverWork.of(claim)
        leg = work.state.running_leg
        request = leg_request(work.request, leg.action, work.state.leg, work.detail.protected_item_ids)
        prepared = await self.target_machines.set_up(claim, work.state, request)
        if isinstance(prepared, Problem):
            return await self._leg_ended(claim, work, Status.FAILED, self.clock.now(), prepared)
        if prepared is not None:
            return prepared
        outcome = await self.starts.start(claim, work, request)
        if isinstance(outcome, Problem):
            return await self._leg_ended(claim, work, Status.FAILED, self.clock.now(), outcome)
        if not isinstance(outcome, str):
            return outcome
        work.state.legs = legs.started(work.state.legs, work.state.leg, outcome)
        work.state.started_at = self.clock.now()
        entry = AuditDetail(leg=work.state.leg, action=str(leg.action), job=outcome)
        await self.audit.append(claim.id, f"started/{work.state.leg}", _SYSTEM, "started", entry)
        return self._follow(work.state)

    def _follow(self, state: FailoverState) -> Follow:
        now = self.clock.now()
        return Follow(jobs.next_look(state.started_at or now, now), following.group_of(state.vault_id), step="running")

    async def running(self, _claim: Claim) -> Outcome:
        """Read the job now; the checks follow it otherwise."""
        return Next("concluding")

    async def check(self, rows: Sequence[Active]) -> Mapping[str, Checked | Unread]:
        """Read the jobs of a vault with one list, for all operations that follow one there."""
        return await following.check(self.gateway, self.clock, rows)

    async def concluding(self, claim: Claim) -> Outcome:
        """Read the whole job of the leg, and continue by its end."""
        work = FailoverWork.of(claim)
        state, leg = work.state, work.state.running_leg
        resolved = await self._resolved(claim, work)
        if resolved is not None:
            return resolved
        job = await self._job(work.state)
        if job is None:
            return self._job_absent(work.state)
        state.job_absent = None
        work.detail.put_job(state.leg, views.job_view(job))
        claim.percent = max(claim.percent, min(jobs.percent(job), 99))
        end = jobs.end_of(job)
        if end is jobs.JobEnd.SUSPENDED:
            return Wait(self.clock.now() + _POLL, step="suspended", event="suspended")
        if not end.is_over:
            return self._follow(state)
        point = views.used_point(job, work.detail.protected_item_ids)
        if point is not None and work.detail.recovery_point is None:
            work.detail.recovery_point = point
        problem = jobs.problem_of(job, leg.action)
        if problem is None and leg.action is Action.REPROTECT:
            held = await self._follow_the_item(claim, work, job)
            if held is not None:
                return held
        status = Status.SUCCEEDED if problem is None else Status.FAILED
        if job.started_at is not None and job.ended_at is not None:
            seconds = (job.ended_at - job.started_at).total_seconds()
            telemetry.record(Metric.FAILOVER_DURATION, seconds, tenant=claim.row.tenant, action=str(leg.action), status=str(status))
        return await self._leg_ended(claim, work, status, job.ended_at or self.clock.now(), problem)

    async def _job(self, state: FailoverState) -> JobFacts | None:
        return await following.read_job(self.gateway, state.vault_id.child("replicationJobs", state.running_leg.job or "none"))

    def _job_absent(self, state: FailoverState) -> Wait:
        """Return when to look again for a job that Azure named and does not show; with attention once it counts as gone."""
        now = self.clock.now()
        state.job_absent = absence = not_shown(state.job_absent, now)
        if not absence.lasts_long_enough(now):
            return Wait(now + BETWEEN_LOOKS)
        job, since = state.running_leg.job, to_text(absence.since)
        message = f"Job {job} is not found in Azure since {since}. Check the machine in Azure, then call resolve."
        return Wait(now + _POLL, attention=(ErrorCode.OUTCOME_UNKNOWN, message))

    async def _resolved(self, claim: Claim, work: FailoverWork) -> Outcome | None:
        """Carry out a person's decision on a job that is not found: follow another job, or end the leg as failed."""
        resolution = pending_input(claim, InputName.RESOLVE) if work.state.job_absent is not None else None
        if resolution is None:
            return None
        work.state.job_absent = None
        if resolution.outcome == ResolvedAs.STARTED and resolution.job_id:
            work.state.legs = legs.started(work.state.legs, work.state.leg, resolution.job_id)
            return Next("concluding")
        message = f"Job {work.state.running_leg.job} is not found in Azure, and the failover was resolved as not started."
        return await self._leg_ended(claim, work, Status.FAILED, self.clock.now(), Problem(ErrorCode.FAILOVER_FAILED, message))

    async def _follow_the_item(self, claim: Claim, work: FailoverWork, job: JobFacts) -> Outcome | None:
        """After an A2A reprotection, find the item under its new ARM id and take its lock; None once that is done."""
        listed = await self.gateway.children(work.state.vault_id, "replicationProtectedItems")
        everything = [ProtectedItemFacts.from_arm(item) for item in listed]
        before = [ProtectedItemFacts.from_arm(item) for item in work.detail.items]
        moved = [found for item in before if (found := moved_item(item, everything, job.new_item_id if len(before) == 1 else None))]
        ids = [item.id for item in moved]
        busy = await self._hold(claim, lock_names(*ids))
        if busy is not None:
            return Wait(self.clock.now() + _POLL, attention=(busy.code, busy.message))
        work.detail.protected_item_ids = tuple(dict.fromkeys([*work.detail.protected_item_ids, *ids]))
        return None

    async def _leg_ended(self, claim: Claim, work: FailoverWork, status: Status, at: datetime, problem: Problem | None) -> Outcome:
        index = work.state.leg
        work.state.legs = legs.ended(work.state.legs, index, status, at)
        if problem is not None and work.detail.problem is None:
            work.detail.problem = problem
        entry = AuditDetail(leg=index, action=str(work.state.legs[index].action), status=str(status))
        if problem is not None:
            entry = entry.model_copy(update={"code": problem.code})
        await self.audit.append(claim.id, f"ended/{index}", _SYSTEM, "ended", entry)
        return self._continue(work)

    def _continue(self, work: FailoverWork, *, approved: bool = False) -> Outcome:
        """Return what follows a leg: the next one, a wait, or the end."""
        request, state = work.request, work.state
        move = legs.next_move(state.legs, self.clock.now(), window=request.commit_window, cleanup=request.then_cleanup, approved=approved)
        match move:
            case legs.StartLeg(index):
                state.leg = index
                return Next("starting")
            case legs.FollowLeg():
                return self._follow(state)
            case legs.WaitForLeg(_, until) | legs.WaitForApproval(until):
                return Wait(until, step="commitWindow")
            case legs.AllOver(status, alert):
                state.end = status
                if alert:
                    message = "The commit window is over without a commit. Commit the failover, or cancel it in Azure."
                    return Wait(self.clock.now(), step="finishing", attention=(ErrorCode.COMMIT_WINDOW_OVER, message))
                return Next("finishing")

    async def commitWindow(self, claim: Claim) -> Outcome:  # noqa: N802  # the name of the step in answers
        """Wait for a person's commit, or for the end of the window or of the time before a cleanup."""
        work = FailoverWork.of(claim)
        decision = pending_input(claim, InputName.APPROVE)
        if decision is not None:
            work.state.legs = legs.commit_now(work.state.legs)
            await self.audit.append(claim.id, "commitNow", decision.by, "approved", AuditDetail(commit=True))
        return self._continue(work, approved=decision is not None)

    async def suspended(self, claim: Claim) -> Outcome:
        """Wait for the decision to resume the job; a person may have resumed it in the portal."""
        work = FailoverWork.of(claim)
        state = work.state
        job = await self._job(state)
        if job is None or jobs.end_of(job) is not jobs.JobEnd.SUSPENDED:
            return Next("concluding")
        decision = pending_input(claim, InputName.RESUME)
        if decision is None and not self.starts.resumes(claim, state.leg):
            return Wait(self.clock.now() + _POLL)
        if decision is not None:
            await self.audit.append(claim.id, f"resumed/{state.leg}", decision.by, "resumed")
        await self.starts.resume(claim, state.leg, state.vault_id.child("replicationJobs", job.name))
        work.detail.put_job(state.leg, views.job_view(await self._job(state) or job))
        return self._follow(state)

    async def finishing(self, claim: Claim) -> Outcome:
        """End the failover by what its legs came to."""
        work = FailoverWork.of(claim)
        status = work.state.end or Status.FAILED
        work.detail.legs, work.detail.leg = work.state.legs, work.state.leg
        return End(status, work.detail.problem if status is not Status.SUCCEEDED else None)

    async def on_command(self, row: Active, pending: PendingCommand) -> None:
        """Add to the audit trail who canceled or retried a failover."""
        if pending.command is Command.CANCEL:
            await self.audit.append(row.id, "canceled", pending.by, "canceled")
        else:
            await self.audit.append(row.id, f"retried/{pending.id}", pending.by, "retried")

    async def on_finished(self, row: Active) -> None:
        """Close the audit trail, also of a failover that was canceled before it began."""
        await self.audit.append(row.id, "finished", _SYSTEM, "finished", AuditDetail(status=str(row.status)))
        await self.audit.anchor(row.id)


def failover_workflow(steps: FailoverSteps) -> Workflow:
    """Return the workflow of a failover."""
    return Workflow(
        steps={
            "planning": steps.planning,
            "awaitingApproval": steps.awaitingApproval,
            "starting": steps.starting,
            "running": steps.running,
            "concluding": steps.concluding,
            "suspended": steps.suspended,
            "commitWindow": steps.commitWindow,
            "finishing": steps.finishing,
        },
        check=steps.check,
        on_finished=steps.on_finished,
        on_command=steps.on_command,
        subjects=_subjects,
    )


def _subjects(operation: Operation) -> Sequence[str]:
    """Return the id of the item or the plan that is failed over."""
    return (request_of(operation).scope.id,)
