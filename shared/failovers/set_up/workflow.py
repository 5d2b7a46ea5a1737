"""The workflow of a set-up operation: each write is started once and followed to the end of its job. Each step can run again.

    preparing ─► writing ─► following ─► finishing
                    ▲            │
                    └ next stage ┘

A write is a PUT, PATCH or DELETE of a resource under its own name, so that sending it again has the same result; before it is sent again,
it is looked for by the activity id of its job (docs/azure/site-recovery.md). A 202 is not an end: where it names no job, the job is
looked for by the client request id. A single 404 concludes nothing.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta

from shared.arm.failures import passing_refusals
from shared.arm.ids import ResourceId
from shared.clock import Clock
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, Refused, azure_code
from shared.failovers.scopes import lock_names
from shared.failovers.set_up.planning import Planner
from shared.failovers.set_up.reads import ListedReads
from shared.failovers.set_up.state import DONE, FAILED, SetUpDetail, SetUpInput, SetUpState, WriteState, change_of, lost_writes
from shared.failovers.vault import jobs
from shared.failovers.vault.gateway import SiteRecoveryGateway, StartedJob
from shared.failovers.vault.job_facts import JobFacts
from shared.operations.accepting.locks import Locks
from shared.operations.accepting.resolving import ResolvedAs
from shared.operations.model.models import Intent, Operation, Status
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import End, Next, Outcome, Wait
from shared.operations.running.workflow import Workflow
from shared.operations.timings import Timings
from shared.values.absence import BETWEEN_LOOKS, not_shown

_HARMLESS = "it makes, changes or removes a resource under its own name, and Azure refuses it while a job works on the resource"
_SOON = timedelta(seconds=15)
_DETAILS = 20
_MAY_APPEAR = frozenset({ErrorCode.NOT_FOUND, ErrorCode.SOURCE_NOT_FOUND, ErrorCode.INVALID_REQUEST})
"""Refusals of planning that a read of an absent resource causes; the body itself was checked when the operation was accepted."""


@dataclass(frozen=True, slots=True)
class SetUpSteps:
    """The steps, with what they need. The outcome of each write is in the operation's detail, `writes`."""

    gateway: SiteRecoveryGateway
    planner: Planner
    locks: Locks
    clock: Clock
    timings: Timings

    async def preparing(self, claim: Claim) -> Outcome:
        """Decide on the writes, once, and lock what they change."""
        detail = SetUpDetail.of(claim.detail)
        if detail.writes is None:
            change = change_of(claim.operation)
            try:
                planned = await self.planner.writes(change)
            except Refused as refused:
                return self._refused(claim, refused)
            held = await self._hold(claim, lock_names(*change.known_scopes(), *(write.scope for write in planned)))
            if held is not None:
                return End(Status.FAILED, held)
            SetUpState.of(claim.data).forget("absent")
            detail.writes = tuple(WriteState.model_validate(write, from_attributes=True) for write in planned)
        return Next("writing")

    def _refused(self, claim: Claim, refused: Refused) -> Outcome:
        """End with a refusal; one that an absent resource may have caused counts only once the absence lasts."""
        state = SetUpState.of(claim.data)
        if refused.code in _MAY_APPEAR:
            absence, now = not_shown(state.absent, self.clock.now()), self.clock.now()
            if not absence.lasts_long_enough(now):
                state.absent = absence
                return Wait(now + BETWEEN_LOOKS)
        return End(Status.FAILED, refused.problem)

    async def _hold(self, claim: Claim, names: tuple[str, ...]) -> Problem | None:
        held = await self.locks.take(names, claim.id)
        if held is not None:
            return Problem(ErrorCode.SCOPE_BUSY, f"Operation {held.owner} works on the same resource. Wait until it has ended.", held.owner)
        for name in names:
            claim.hold(name)
        return None

    async def writing(self, claim: Claim) -> Outcome:
        """Start every write of the current stage, one after another."""
        writes = list(SetUpDetail.of(claim.detail).writes or ())
        ahead = [number for number, write in enumerate(writes) if not write.is_over]
        if not ahead:
            return Next("finishing")
        stage = min(writes[number].stage for number in ahead)
        for number in ahead:
            if writes[number].stage == stage and not writes[number].is_started:
                await self._start(claim, writes, number)
        if any(write.stage == stage and not write.is_over and not write.is_started for write in writes):
            return Wait(self.clock.now() + BETWEEN_LOOKS)
        SetUpState.of(claim.data).started_at = self.clock.now()
        return Next("following")

    async def _start(self, claim: Claim, writes: list[WriteState], number: int) -> None:
        write, requests = writes[number], list[str]()
        try:
            begun = await claim.perform(self._effect(claim, write, number, requests))
        except CallFailure as failure:
            if not failure.is_refusal:
                raise  # nothing began, or a look had no answer: neither is a refusal of the write
            self._note_failure(write, failure)
        else:
            write.absent = None
            if begun.job:
                write.job = begun.job
            elif begun.accepted:
                write.request = requests[-1]
            else:
                write.state = DONE
        SetUpDetail.of(claim.detail).writes = tuple(writes)

    def _note_failure(self, write: WriteState, failure: CallFailure) -> None:
        """Note a refused write; the 404 of a removal counts once it has lasted, and is then what the removal is for."""
        if failure.kind is FailureKind.NOT_FOUND:
            write.absent = absence = not_shown(write.absent, self.clock.now())
            if absence.lasts_long_enough(self.clock.now()):
                write.state = DONE
            return
        code = azure_code(failure)
        write.fail(failure.problem, code if code is ErrorCode.AUTHORIZATION_FAILED else None)

    def _effect(self, claim: Claim, write: WriteState, number: int, requests: list[str]) -> Effect[StartedJob]:
        """Return the effect of a write; `requests` gets the client request id under which it is sent."""
        path, vault = ResourceId.parse(write.path), change_of(claim.operation).vault

        async def send(request_id: str) -> StartedJob:
            requests.append(request_id)
            with nullcontext() if write.removes else passing_refusals():
                return await self.gateway.change(write.method, path, write.segment, write.body, request_id, self.timings.effect_timeout)

        async def look(sent: Intent) -> Started[StartedJob] | Absent:
            found = [JobFacts.from_arm(job) for job in await self.gateway.children(vault, "replicationJobs")]
            job = jobs.started_by(sent.client_request_id, found)
            return Started(StartedJob(job.name, self.clock.now())) if job is not None else Absent()

        return Effect(f"write/{number}", send, look, _HARMLESS, keeps_request_id=True)

    async def following(self, claim: Claim) -> Outcome:
        """Look which jobs have ended, with one list of the vault's jobs."""
        writes = list(SetUpDetail.of(claim.detail).writes or ())
        self._resolve(claim, writes)
        waiting = [write for write in writes if write.is_started and not write.is_over]
        if waiting:
            vault = change_of(claim.operation).vault
            known = [JobFacts.from_arm(job) for job in await self.gateway.children(vault, "replicationJobs")]
            for write in waiting:
                await self._follow(vault, write, known)
            SetUpDetail.of(claim.detail).writes = tuple(writes)
        claim.percent = max(claim.percent, min(99, 100 * sum(write.is_over for write in writes) // len(writes))) if writes else 0
        if any(not write.is_over for write in waiting):
            return self._wait(claim, waiting)
        if any(write.state == FAILED for write in writes):
            return Next("finishing")
        return Next("writing")

    def _resolve(self, claim: Claim, writes: list[WriteState]) -> None:
        """Carry out a person's resolution of the writes whose jobs are not shown: follow another job, or note how they ended."""
        taken, lost = claim.take_input(), lost_writes(writes, self.clock.now())
        if taken is None or not lost:
            return
        resolution = SetUpInput.model_validate(taken)
        if resolution.job_id:
            lost[0].job, lost[0].absent = resolution.job_id, None
        elif resolution.outcome is ResolvedAs.STARTED:
            for write in lost:
                write.state = DONE
        else:
            for write in lost:
                write.fail(Problem(ErrorCode.SET_UP_FAILED, "Azure does not show its job, and it was resolved as not started.", write.job))
        SetUpDetail.of(claim.detail).writes = tuple(writes)

    async def _follow(self, vault: ResourceId, write: WriteState, known: list[JobFacts]) -> None:
        """Find the job of a write, in the list or by its id, and note its end."""
        job = next((one for one in known if write.job and one.name.lower() == write.job.lower()), None)
        if job is None and write.request:
            job = jobs.started_by(write.request, known)
        if job is None and write.job:
            found = await self.gateway.find(vault.child("replicationJobs", write.job))
            job = JobFacts.from_arm(found) if found is not None else None
        if job is not None:
            write.job, write.absent = job.name, None
            note_end(write, job)
            return
        absence = not_shown(write.absent, self.clock.now())
        write.absent = absence
        if write.removes and absence.lasts_long_enough(self.clock.now()) and await self._is_gone(ResourceId.parse(write.path)):
            write.state = DONE

    async def _is_gone(self, resource: ResourceId) -> bool:
        return await ListedReads(self.gateway).find(resource) is None

    def _wait(self, claim: Claim, waiting: list[WriteState]) -> Wait:
        """Wait for the jobs; a job that stays absent asks for attention."""
        now, state = self.clock.now(), SetUpState.of(claim.data)
        started = state.started_at or now
        at = max(jobs.next_look(started, now), now + _SOON)
        lost, ahead = lost_writes(waiting, now), [write for write in waiting if not write.is_over]
        if not lost:
            return Wait(at, attention=jobs.overdue(ahead[0].job, started, now))
        named = f"job {lost[0].job}" if lost[0].job else f"the job of request {lost[0].request}"
        message = f"The vault does not show {named} of the {lost[0].what}. Check {lost[0].path} in Azure, then call resolve."
        return Wait(max(at, now + BETWEEN_LOOKS), attention=(ErrorCode.OUTCOME_UNKNOWN, message))

    async def finishing(self, claim: Claim) -> Outcome:
        """End, with each write that failed."""
        writes = SetUpDetail.of(claim.detail).writes or ()
        failed = [write for write in writes if write.state == FAILED]
        return End(Status.FAILED, problem_of(failed, len(writes))) if failed else End(Status.SUCCEEDED)


def set_up_workflow(steps: SetUpSteps) -> Workflow:
    """Return the workflow of the set-up: the same for each kind."""
    return Workflow(
        {
            "preparing": steps.preparing,
            "writing": steps.writing,
            "following": steps.following,
            "finishing": steps.finishing,
        },
        subjects=_subjects,
    )


def _subjects(operation: Operation) -> Sequence[str]:
    """Return the id of the vault, and those of what the change names and its tenant must own."""
    change = change_of(operation)
    return str(change.vault), *change.named_resources()


def note_end(write: WriteState, job: JobFacts) -> None:
    """Note the end of a write's job, with Azure's codes and messages where it failed; a job that runs changes nothing."""
    end = jobs.end_of(job)
    if not end.is_over:
        return
    if end in {jobs.JobEnd.SUCCEEDED, jobs.JobEnd.INFORMED, jobs.JobEnd.SKIPPED}:
        write.state = DONE
        return
    errors = [Problem(error.code, " ".join(filter(None, (error.message, error.recommended_action)))) for error in job.all_errors]
    message = errors[0].message if errors else f"its job {job.name} ended {job.state}"
    write.fail(Problem(ErrorCode.SET_UP_FAILED, message, job.name, tuple(errors)))


def problem_of(failed: list[WriteState], count: int) -> Problem:
    """Return the error of an operation with failed writes: of a single write Azure's own message, of several one detail each."""
    problems = [(write, write.error or Problem(ErrorCode.SET_UP_FAILED, "")) for write in failed]
    codes = {write.code for write in failed}
    code = next(iter(codes)) if len(codes) == 1 else None
    code = code or ErrorCode.SET_UP_FAILED
    if count == 1:
        (write, problem), *_ = problems
        return Problem(code, f"The {write.what} failed: {problem.message}", problem.target, (problem,))
    message = f"{len(failed)} of {count} writes failed; the others were made or not begun."
    details = [Problem(problem.code, f"{write.what}: {problem.message}", write.path) for write, problem in problems]
    return Problem(code, message, None, tuple(details[:_DETAILS]))
