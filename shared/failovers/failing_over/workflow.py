"""A failover, from its request to the end of its last leg, step by step. Each step may be run again from its first line.

    planning ─► awaitingApproval ─► starting ─► running ─► concluding ─► finishing
                                      ▲           ▲            ├─► suspended ── resume ──► running
                                      └── next leg ────────────┴─► commitWindow

A failover's POST must never be sent twice: it is found again by its activity id, by what its target is busy with, or by a person's word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared import telemetry
from shared.arm.ids import ResourceId
from shared.clock import Clock, from_text, to_text
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.failovers.approvals import rules as approval
from shared.failovers.approvals.service import Approvals
from shared.failovers.audit.trails import AuditTrails
from shared.failovers.failing_over import following, views
from shared.failovers.failing_over import state as record
from shared.failovers.failing_over.context import ContextReader
from shared.failovers.failing_over.requests import FailoverRequest
from shared.failovers.failing_over.rules import checks, legs
from shared.failovers.failing_over.rules.plans import make_plan
from shared.failovers.failing_over.starts import Starts, leg_request
from shared.failovers.failing_over.target_machine import TargetMachines
from shared.failovers.scopes import lock_names
from shared.failovers.vault import jobs
from shared.failovers.vault.facts import ProtectedItemFacts, moved_item
from shared.failovers.vault.gateway import SiteRecoveryGateway, vault_of
from shared.failovers.vault.job_facts import JobFacts
from shared.failovers.vault.names import Action
from shared.operations.accepting.locks import Locks
from shared.operations.model.models import Actor, Command, PendingCommand, Status
from shared.operations.model.rows import Active
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import Checked, End, Follow, Next, Outcome, Unread, Wait
from shared.operations.running.workflow import Workflow
from shared.telemetry import Metric
from shared.values.absence import BETWEEN_LOOKS, Absence, not_shown

_PERSON_LOOKS = timedelta(minutes=5)
_JOB_ABSENT = "jobAbsent"
_OUR_OWN = Actor("system", "farshore", "Farshore")


@dataclass(frozen=True, slots=True)
class FailoverSteps:
    """The steps, with what they need."""

    gateway: SiteRecoveryGateway
    surroundings: ContextReader
    starts: Starts
    naming: TargetMachines
    approvals: Approvals
    audit: AuditTrails
    locks: Locks
    clock: Clock

    async def planning(self, claim: Claim) -> Outcome:
        """Make the plan, hold every lock of it, and ask for approval where that is needed."""
        request = record.request_of(claim.operation.body)
        try:
            world = await self.surroundings.read(request, claim.row.tenant, claim.id)
        except CallFailure as failure:
            return _unreadable(request, failure)
        planned = make_plan(request, world)
        asked_for = {"action": str(request.action), "reason": request.reason, **record.as_asked(claim.operation.body)}
        await self.audit.append(claim.id, "asked", claim.operation.actor, "requested", asked_for)
        record.put_plan(claim.detail, planned.plan)
        claim.detail["protectedItemIds"] = [member.item.id for member in world.members]
        record.put_legs(claim.data, legs.begin(planned.plan.legs))
        claim.data |= {"leg": 0, "vault": str(vault_of(ResourceId.parse(request.scope.id)))}
        held = await self._hold(claim, lock_names(request.scope.id, *(member.item.id for member in world.members)))
        if held is not None:
            return End(Status.FAILED, held)
        problem = checks.verdict(planned.plan, request, planned.allowed)
        if problem is not None:
            found = {"code": problem.code, "message": problem.message, "checks": checks.told(planned.plan)}
            await self.audit.append(claim.id, "refused", _OUR_OWN, "refused", found)
            return End(Status.FAILED, problem)
        asked = approval.ask(planned.plan, self.clock.now(), world.rails)
        record.put_approval(claim.detail, asked)
        plan = {"planHash": planned.plan.hash, "checks": checks.told(planned.plan), "approval": str(asked.state)}
        await self.audit.append(claim.id, "planned", _OUR_OWN, "planned", plan)
        if approval.may_start(asked):
            return Next("starting")
        return Wait(asked.expires_at or self.clock.now(), step="awaitingApproval", event="awaitingApproval")

    async def _hold(self, claim: Claim, names: Sequence[str]) -> Problem | None:
        """Take, or confirm, every lock of the scope; what is another's ends the operation."""
        held = await self.locks.take(names, claim.id)
        if held is not None:
            return Problem(ErrorCode.SCOPE_BUSY, f"Operation {held.owner} works on it; wait for its end.", "scope")
        for name in names:
            claim.hold(name)
        return None

    async def awaitingApproval(self, claim: Claim) -> Outcome:  # noqa: N802  # named as the step is in answers
        """Take a person's decision, or notice that the time is over."""
        return await self.approvals.decide(claim)

    async def starting(self, claim: Claim) -> Outcome:
        """Set the name and size of the machine where they are asked for, guard a leg as a single request is, then start it, once."""
        index = record.running_leg(claim.data)
        leg = record.legs_of(claim.data)[index]
        request = leg_request(record.request_of(claim.operation.body), leg.action, index, record.item_ids(claim.detail))
        named = await self.naming.given(claim, request)
        if isinstance(named, Problem):
            return await self._leg_ended(claim, index, Status.FAILED, self.clock.now(), named)
        if named is not None:
            return named
        outcome = await self.starts.start(claim, request, index)
        if isinstance(outcome, Problem):
            return await self._leg_ended(claim, index, Status.FAILED, self.clock.now(), outcome)
        if not isinstance(outcome, str):
            return outcome
        record.put_legs(claim.data, legs.started(record.legs_of(claim.data), index, outcome))
        claim.data["startedAt"] = to_text(self.clock.now())
        detail = {"leg": index, "action": str(leg.action), "job": outcome}
        await self.audit.append(claim.id, f"started/{index}", _OUR_OWN, "started", detail)
        return self._follow(claim)

    def _follow(self, claim: Claim) -> Follow:
        now = self.clock.now()
        vault = ResourceId.parse(str(claim.data["vault"]))
        return Follow(jobs.next_look(from_text(str(claim.data["startedAt"])), now), following.group_of(vault), step="running")

    async def running(self, claim: Claim) -> Outcome:
        """Left to the checks, but for a person who wants it looked at now."""
        return Next("concluding")

    async def check(self, rows: Sequence[Active]) -> Mapping[str, Checked | Unread]:
        """Read the jobs of a vault with one list, for all operations that follow one there."""
        return await following.check(self.gateway, self.clock, rows)

    async def concluding(self, claim: Claim) -> Outcome:
        """Read the job whole, and go on as its end says."""
        index = record.running_leg(claim.data)
        leg = record.legs_of(claim.data)[index]
        if (resolved := await self._resolved(claim, index)) is not None:
            return resolved
        job = await self._job(claim, leg.job)
        if job is None:
            return self._job_absent(claim, leg.job)
        claim.data.pop(_JOB_ABSENT, None)
        record.put_job(claim.detail, index, views.job_view(job))
        claim.percent = max(claim.percent, min(jobs.percent(job), 99))
        end = jobs.end_of(job)
        if end is jobs.JobEnd.SUSPENDED:
            return Wait(self.clock.now() + _PERSON_LOOKS, step="suspended", event="suspended")
        if not end.is_over:
            return self._follow(claim)
        record.put_point(claim.detail, views.used_point(job, record.item_ids(claim.detail)))
        problem = jobs.problem_of(job, leg.action)
        if problem is None and leg.action is Action.REPROTECT:
            held = await self._follow_the_item(claim, job)
            if held is not None:
                return held
        status = Status.SUCCEEDED if problem is None else Status.FAILED
        if job.started_at is not None and job.ended_at is not None:
            seconds = (job.ended_at - job.started_at).total_seconds()
            telemetry.record(Metric.FAILOVER_DURATION, seconds, tenant=claim.row.tenant, action=str(leg.action), status=str(status))
        return await self._leg_ended(claim, index, status, job.ended_at or self.clock.now(), problem)

    async def _job(self, claim: Claim, name: str | None) -> JobFacts | None:
        return await following.read_job(self.gateway, ResourceId.parse(f"{claim.data['vault']}/replicationJobs/{name}"))

    def _job_absent(self, claim: Claim, name: str | None) -> Wait:
        """Return when to look again for a job that Azure named and does not show; with attention once it counts as gone."""
        now = self.clock.now()
        absence = not_shown(Absence.from_json(claim.data.get(_JOB_ABSENT)), now)
        claim.data[_JOB_ABSENT] = absence.as_json()
        if not absence.lasts_long_enough(now):
            return Wait(now + BETWEEN_LOOKS)
        words = f"Job {name} is not found in Azure since {to_text(absence.since)}. Check the machine in Azure, then call resolve."
        return Wait(now + _PERSON_LOOKS, attention=(ErrorCode.OUTCOME_UNKNOWN, words))

    async def _resolved(self, claim: Claim, index: int) -> Outcome | None:
        """Carry out a person's decision on a job that is not found: follow another job, or end the leg as failed."""
        word = claim.row.pending_input
        if _JOB_ABSENT not in claim.data or word is None or word.get("word") != "resolve":
            return None
        claim.take_input()
        del claim.data[_JOB_ABSENT]
        known = record.legs_of(claim.data)
        if word.get("outcome") == "started" and word.get("jobId"):
            record.put_legs(claim.data, legs.started(known, index, str(word["jobId"])))
            return Next("concluding")
        words = f"Job {known[index].job} is not found in Azure, and the failover was resolved as not started."
        return await self._leg_ended(claim, index, Status.FAILED, self.clock.now(), Problem(ErrorCode.FAILOVER_FAILED, words))

    async def _follow_the_item(self, claim: Claim, job: JobFacts) -> Outcome | None:
        """After an A2A reprotection: the item lives under another ARM id; the lock moves with it (contracts/failovers.md)."""
        vault = ResourceId.parse(str(claim.data["vault"]))
        everything = [ProtectedItemFacts.from_arm(item) for item in await self.gateway.children(vault, "replicationProtectedItems")]
        known = claim.detail.get("items")
        before = [ProtectedItemFacts.from_arm(item) for item in known] if isinstance(known, list) else []
        moved = [found for item in before if (found := moved_item(item, everything, job.new_item_id if len(before) == 1 else None))]
        names = lock_names(*(item.id for item in moved))
        held = await self._hold(claim, names)
        if held is not None:
            return Wait(self.clock.now() + _PERSON_LOOKS, attention=(held.code, held.message))
        claim.detail["protectedItemIds"] = list(dict.fromkeys([*record.item_ids(claim.detail), *(item.id for item in moved)]))
        return None

    async def _leg_ended(self, claim: Claim, index: int, status: Status, at: datetime, problem: Problem | None) -> Outcome:
        after = legs.ended(record.legs_of(claim.data), index, status, at)
        record.put_legs(claim.data, after)
        if problem is not None:
            claim.detail.setdefault("problem", problem.as_json())
        detail = {"leg": index, "action": str(after[index].action), "status": str(status)}
        await self.audit.append(claim.id, f"ended/{index}", _OUR_OWN, "ended", detail | ({"code": problem.code} if problem else {}))
        return await self._go_on(claim)

    async def _go_on(self, claim: Claim, *, approved: bool = False) -> Outcome:
        """Do what comes after a leg: the next one, a wait, or the end."""
        request = record.request_of(claim.operation.body)
        known = record.legs_of(claim.data)
        move = legs.next_move(known, self.clock.now(), window=request.commit_window, cleanup=request.then_cleanup, approved=approved)
        match move:
            case legs.StartLeg(index):
                claim.data["leg"] = index
                return Next("starting")
            case legs.FollowLeg():
                return self._follow(claim)
            case legs.WaitForLeg(_, until) | legs.WaitForWord(until):
                return Wait(until, step="commitWindow")
            case legs.AllOver(status, alert):
                claim.data["end"] = str(status)
                if alert:
                    words = "The commit window is over and nobody has committed: the failover stands uncommitted."
                    return Wait(self.clock.now(), step="finishing", attention=(ErrorCode.COMMIT_WINDOW_OVER, words))
                return Next("finishing")

    async def commitWindow(self, claim: Claim) -> Outcome:  # noqa: N802  # named as the step is in answers
        """Wait for a person's commit, or for the end of the window or of the wait before a cleanup."""
        word = claim.take_input()
        approved = word is not None and word.get("word") == "approve"
        if approved and word is not None:
            record.put_legs(claim.data, legs.commit_now(record.legs_of(claim.data)))
            by = word.get("by")
            await self.audit.append(
                claim.id, "commitNow", Actor.from_json(by if isinstance(by, dict) else {}), "approved", {"commit": True}
            )
        return await self._go_on(claim, approved=approved)

    async def suspended(self, claim: Claim) -> Outcome:
        """Wait for the word to complete the failback; somebody may have completed it in the portal."""
        index = record.running_leg(claim.data)
        job = await self._job(claim, record.legs_of(claim.data)[index].job)
        if job is None or jobs.end_of(job) is not jobs.JobEnd.SUSPENDED:
            return Next("concluding")
        word = claim.take_input()
        said = word is not None and word.get("word") == "resume"
        if not said and not self.starts.resumes(claim, index):
            return Wait(self.clock.now() + _PERSON_LOOKS)
        if word is not None and said:
            by = word.get("by")
            await self.audit.append(claim.id, f"resumed/{index}", Actor.from_json(by if isinstance(by, dict) else {}), "resumed")
        await self.starts.resume(claim, index, ResourceId.parse(f"{claim.data['vault']}/replicationJobs/{job.name}"))
        after = await self._job(claim, job.name)
        record.put_job(claim.detail, index, views.job_view(after or job))
        return self._follow(claim)

    async def finishing(self, claim: Claim) -> Outcome:
        """End, with what the legs came to."""
        status = Status(str(claim.data.get("end", Status.FAILED)))
        claim.detail |= {"legs": claim.data["legs"], "leg": record.running_leg(claim.data)}
        problem = claim.detail.get("problem")
        return End(status, Problem.from_json(problem) if isinstance(problem, dict) and status is not Status.SUCCEEDED else None)

    async def on_command(self, row: Active, said: PendingCommand) -> None:
        """Write into the audit trail who canceled a failover or had it looked at again, whichever call took the command."""
        if said.command is Command.CANCEL:
            await self.audit.append(row.id, "canceled", said.by, "canceled")
        else:
            await self.audit.append(row.id, f"retried/{said.id}", said.by, "retried")

    async def on_finished(self, row: Active) -> None:
        """Close the audit trail of whatever has ended, also of what was cancelled before it began."""
        await self.audit.append(row.id, "finished", _OUR_OWN, "finished", {"status": str(row.status)})
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
    )


def _unreadable(request: FailoverRequest, failure: CallFailure) -> Outcome:
    if failure.kind is FailureKind.NOT_FOUND:
        return End(Status.FAILED, Problem(ErrorCode.SOURCE_NOT_FOUND, f"Azure has no {request.scope.id}.", "scope"))
    raise failure
