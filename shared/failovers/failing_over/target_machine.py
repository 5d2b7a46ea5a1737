"""The name and size of the machine that a failover makes: no start has a place for them, so they are set on the item before it.

Azure takes them by an update of the item (facts/site-recovery.md, "Providers"), which is a job of its own and keeps the item busy.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from shared.arm.ids import ResourceId
from shared.clock import Clock
from shared.errors import CallFailure, FailureKind, Problem, azure_code
from shared.failovers.failing_over.following import read_job
from shared.failovers.failing_over.requests import FailoverRequest
from shared.failovers.failing_over.rules.kept_settings import provider_details
from shared.failovers.failing_over.rules.payloads import named_otherwise, rename_target
from shared.failovers.vault import jobs
from shared.failovers.vault.facts import ProtectedItemFacts
from shared.failovers.vault.gateway import SiteRecoveryGateway, StartedJob, vault_of
from shared.failovers.vault.job_facts import JobFacts
from shared.operations.model.models import Intent
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import Wait
from shared.operations.timings import Timings
from shared.values.absence import BETWEEN_LOOKS, Absence, not_shown

_JOB = "naming"
"""The member of a row's `data` with the update's job; empty where Azure did it at once."""
_ABSENT = "namingAbsent"
"""The member of a row's `data` with the looks that have not shown that job."""
_HARMLESS = "it sets the same name and size again, and Azure refuses it while a job works on the item"
_SOON = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class TargetMachines:
    """Sets name and size."""

    gateway: SiteRecoveryGateway
    clock: Clock
    timings: Timings

    async def given(self, claim: Claim, request: FailoverRequest) -> Problem | Wait | None:
        """Set what a request names: why that failed, when to look again, or None once it stands so.

        Raises `CallFailure` where Azure does not answer, `StepWaits` while the update is in doubt.
        """
        intent = claim.row.intent
        if intent is not None and intent.effect != _JOB:
            return None  # the start itself is in doubt: what comes before it is over
        if request.options.target_vm_name is None and request.options.target_vm_size is None:
            return None
        if _JOB not in claim.data:
            refused = await self._set(claim, request)
            if refused is not None:
                return refused
        return await self._ended(claim, request) if claim.data.get(_JOB) else None

    async def _set(self, claim: Claim, request: FailoverRequest) -> Problem | None:
        scope, options = ResourceId.parse(request.scope.id), request.options
        body = await self.gateway.find(scope)
        item = ProtectedItemFacts.from_arm(body) if body is not None else None
        if item is None or (claim.row.intent is None and not named_otherwise(item, options.target_vm_name, options.target_vm_size)):
            claim.data[_JOB] = ""
            return None
        update = rename_target(item, options.target_vm_name, options.target_vm_size, provider_details(body))

        async def send(request_id: str) -> StartedJob:
            return await self.gateway.change("PATCH", scope, "", update, request_id, self.timings.effect_timeout)

        async def look(sent: Intent) -> Started[StartedJob] | Absent:
            found = [JobFacts.from_arm(job) for job in await self.gateway.children(vault_of(scope), "replicationJobs")]
            job = jobs.started_by(sent.client_request_id, found)
            return Started(StartedJob(job.name, self.clock.now())) if job is not None else Absent()

        try:
            begun = await claim.perform(Effect(_JOB, send, look, _HARMLESS, preparation=True))
        except CallFailure as failure:
            if failure.kind not in {FailureKind.REFUSED, FailureKind.NOT_FOUND}:
                raise
            words = f"Azure refused the name or size of the machine, and nothing was started: {failure.message}"
            return Problem(azure_code(failure), words, "options", (failure.problem,))
        claim.data[_JOB] = begun.job or ""
        return None

    def _job_absent(self, claim: Claim) -> Wait:
        """Return when to look again for the job of the update; once it counts as gone, name and size are set again."""
        now = self.clock.now()
        absence = not_shown(Absence.from_json(claim.data.get(_ABSENT)), now)
        claim.data[_ABSENT] = absence.as_json()
        if absence.lasts_long_enough(now):
            del claim.data[_ABSENT], claim.data[_JOB]
            return Wait(now)
        return Wait(now + BETWEEN_LOOKS)

    async def _ended(self, claim: Claim, request: FailoverRequest) -> Problem | Wait | None:
        vault = vault_of(ResourceId.parse(request.scope.id))
        job = await read_job(self.gateway, vault.child("replicationJobs", str(claim.data[_JOB])))
        if job is None:
            return self._job_absent(claim)
        claim.data.pop(_ABSENT, None)
        if not jobs.end_of(job).is_over:
            return Wait(self.clock.now() + _SOON)
        failed = jobs.problem_of(job, request.action)
        if failed is None:
            return None
        return replace(failed, message=f"The name or size of the machine could not be set, and nothing was started. {failed.message}")
