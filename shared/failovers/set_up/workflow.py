"""A set-up operation: its writes, each started once and followed to the end of its job. Each step may be run again from its first line.

    preparing ─► writing ─► following ─► finishing
                    ▲            │
                    └ next stage ┘

A write is a PUT, PATCH or DELETE of a resource under its own name, so a second one makes the same thing; it is looked for by the activity
id of its job before it is sent again (facts/site-recovery.md, "Starting a failover once").
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.arm.ids import ResourceId
from shared.clock import Clock, from_text, to_text
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, Refused
from shared.failovers.scopes import lock_names
from shared.failovers.set_up.planning import Planner, SetUpChange
from shared.failovers.vault import jobs
from shared.failovers.vault.gateway import SiteRecoveryGateway, StartedJob
from shared.failovers.vault.job_facts import JobFacts
from shared.operations.accepting.locks import Locks
from shared.operations.model.models import Intent, Status
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import End, Next, Outcome, Wait
from shared.operations.running.workflow import Workflow
from shared.operations.timings import Timings

_HARMLESS = "it makes, changes or removes a resource under its own name, and Azure refuses it while a job works on it"
_SOON = timedelta(seconds=15)
_DETAILS = 20
_DONE, _FAILED = "done", "failed"


@dataclass(frozen=True, slots=True)
class SetUpSteps:
    """The steps, with what they need. What became of each write stands in the operation's detail, `writes`."""

    gateway: SiteRecoveryGateway
    planner: Planner
    locks: Locks
    clock: Clock
    timings: Timings

    async def preparing(self, claim: Claim) -> Outcome:
        """Decide on the writes, once, and hold what they change."""
        if "writes" not in claim.detail:
            wanted = SetUpChange.from_json(claim.operation.body)
            try:
                planned = await self.planner.writes(wanted)
            except Refused as refused:
                return End(Status.FAILED, refused.problem)
            held = await self._hold(claim, lock_names(*wanted.known_scopes(), *(write.scope for write in planned)))
            if held is not None:
                return End(Status.FAILED, held)
            claim.detail["writes"] = [write.as_json() for write in planned]
        return Next("writing")

    async def _hold(self, claim: Claim, names: tuple[str, ...]) -> Problem | None:
        held = await self.locks.take(names, claim.id)
        if held is not None:
            return Problem(ErrorCode.SCOPE_BUSY, f"Operation {held.owner} works on it; wait for its end.", held.owner)
        for name in names:
            claim.hold(name)
        return None

    async def writing(self, claim: Claim) -> Outcome:
        """Start every write of the stage that is on, one after another."""
        writes = _writes(claim)
        ahead = [number for number, write in enumerate(writes) if not _over(write)]
        if not ahead:
            return Next("finishing")
        stage = min(_stage(writes[number]) for number in ahead)
        for number in ahead:
            if _stage(writes[number]) == stage and not writes[number].get("job"):
                await self._start(claim, number)
        claim.data["startedAt"] = to_text(self.clock.now())
        return Next("following")

    async def _start(self, claim: Claim, number: int) -> None:
        write = _writes(claim)[number]
        try:
            begun = await claim.perform(self._effect(claim, number))
        except CallFailure as failure:
            if failure.kind is FailureKind.THROTTLED:
                raise
            write |= {"state": _FAILED, "error": failure.problem.as_json()}
            return
        # an answer without a job: Azure did it at once, or had nothing to do
        write |= {"job": begun.job} if begun.job else {"state": _DONE}

    def _effect(self, claim: Claim, number: int) -> Effect[StartedJob]:
        write = _writes(claim)[number]
        path, vault = ResourceId.parse(str(write["path"])), SetUpChange.from_json(claim.operation.body).vault
        body = write.get("body")

        async def send(request_id: str) -> StartedJob:
            return await self.gateway.change(
                str(write["method"]), path, str(write.get("segment") or ""), body, request_id, self.timings.effect_timeout
            )

        async def look(sent: Intent) -> Started[StartedJob] | Absent:
            found = [JobFacts.from_arm(job) for job in await self.gateway.children(vault, "replicationJobs")]
            job = jobs.started_by(sent.client_request_id, found)
            return Started(StartedJob(job.name, self.clock.now())) if job is not None else Absent()

        return Effect(f"write/{number}", send, look, _HARMLESS)

    async def following(self, claim: Claim) -> Outcome:
        """See which of the jobs have ended, with one list of the vault's jobs."""
        writes = _writes(claim)
        waiting = [write for write in writes if write.get("job") and not _over(write)]
        if waiting:
            vault = SetUpChange.from_json(claim.operation.body).vault
            known = {job.name.lower(): job for job in map(JobFacts.from_arm, await self.gateway.children(vault, "replicationJobs"))}
            for write in waiting:
                _judge(write, known.get(str(write["job"]).lower()) or await self._job(vault, str(write["job"])))
        claim.percent = max(claim.percent, min(99, 100 * sum(map(_over, writes)) // len(writes))) if writes else 0
        if any(not _over(write) for write in waiting):
            return Wait(max(jobs.next_look(from_text(str(claim.data["startedAt"])), self.clock.now()), self.clock.now() + _SOON))
        if any(write.get("state") == _FAILED for write in writes):
            return Next("finishing")
        return Next("writing")

    async def _job(self, vault: ResourceId, name: str) -> JobFacts | None:
        found = await self.gateway.find(ResourceId.parse(f"{vault}/replicationJobs/{name}"))
        return JobFacts.from_arm(found) if found is not None else None

    async def finishing(self, claim: Claim) -> Outcome:
        """End: with each write that failed, where one did."""
        failed = [write for write in _writes(claim) if write.get("state") == _FAILED]
        if not failed:
            return End(Status.SUCCEEDED)
        return End(Status.FAILED, _problem_of(failed, len(_writes(claim))))


def set_up_workflow(steps: SetUpSteps) -> Workflow:
    """Return the workflow of the set-up: the same for each kind."""
    return Workflow(
        {
            "preparing": steps.preparing,
            "writing": steps.writing,
            "following": steps.following,
            "finishing": steps.finishing,
        }
    )


def _writes(claim: Claim) -> list[dict[str, Any]]:
    found = claim.detail["writes"]
    return found if isinstance(found, list) else []


def _stage(write: dict[str, Any]) -> int:
    return int(write.get("stage") or 0)


def _over(write: dict[str, Any]) -> bool:
    return write.get("state") in {_DONE, _FAILED}


def _judge(write: dict[str, Any], job: JobFacts | None) -> None:
    """Note what a job says of its write."""
    if job is None:
        words = f"Azure has no job {write['job']} any more: look at what it was to change."
        write |= {"state": _FAILED, "error": Problem(ErrorCode.SET_UP_FAILED, words).as_json()}
        return
    end = jobs.end_of(job)
    if not end.is_over:
        return
    if end in {jobs.JobEnd.SUCCEEDED, jobs.JobEnd.INFORMED, jobs.JobEnd.SKIPPED}:
        write["state"] = _DONE
        return
    errors = [Problem(error.code, " ".join(filter(None, (error.message, error.recommended_action)))) for error in job.all_errors]
    words = errors[0].message if errors else f"its job {job.name} ended {job.state}"
    problem = Problem(ErrorCode.SET_UP_FAILED, words, job.name, tuple(errors))
    write |= {"state": _FAILED, "error": problem.as_json()}


def _problem_of(failed: list[dict[str, Any]], count: int) -> Problem:
    """Say what failed: one write by Azure's own words, of several how many, each with its own."""
    said = [(write, Problem.from_json(write["error"])) for write in failed]
    if count == 1:
        return Problem(ErrorCode.SET_UP_FAILED, f"The {failed[0]['what']} failed: {said[0][1].message}", said[0][1].target, (said[0][1],))
    words = f"{len(failed)} of {count} writes failed; the others were made or not begun."
    details = [Problem(problem.code, f"{write['what']}: {problem.message}", str(write["path"])) for write, problem in said]
    return Problem(ErrorCode.SET_UP_FAILED, words, None, tuple(details[:_DETAILS]))
