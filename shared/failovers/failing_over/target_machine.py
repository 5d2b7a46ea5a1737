"""The name and size of the machine that a failover makes: no start takes them, so they are set on the item before it.

Azure takes them by an update of the item, which is a job of its own and keeps the item busy (docs/azure/site-recovery.md, "Providers").
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from shared.arm.failures import passing_refusals
from shared.arm.ids import ResourceId
from shared.clock import Clock
from shared.errors import CallFailure, FailureKind, Problem, azure_code
from shared.failovers.failing_over.following import read_job
from shared.failovers.failing_over.requests import FailoverRequest
from shared.failovers.failing_over.rules.kept_settings import provider_details
from shared.failovers.failing_over.rules.payloads import named_otherwise, rename_target
from shared.failovers.failing_over.state import FailoverState
from shared.failovers.vault import jobs
from shared.failovers.vault.facts import ProtectedItemFacts
from shared.failovers.vault.gateway import SiteRecoveryGateway, StartedJob, require_shown, vault_of
from shared.failovers.vault.job_facts import JobFacts
from shared.operations.model.models import Intent
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import Wait
from shared.operations.timings import Timings
from shared.values.absence import BETWEEN_LOOKS, not_shown

_EFFECT = "naming"
_HARMLESS = "it sets the same name and size again, and Azure refuses it while a job works on the item"
_SOON = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class TargetMachines:
    """Sets the name and size of machines."""

    gateway: SiteRecoveryGateway
    clock: Clock
    timings: Timings

    async def set_up(self, claim: Claim, state: FailoverState, request: FailoverRequest) -> Problem | Wait | None:
        """Set the name and size of a request: return why that failed, when to look again, or None once they are set.

        Raises `CallFailure` where Azure does not answer, `StepWaits` while the outcome of the update is unknown.
        """
        intent = claim.row.intent
        if intent is not None and intent.effect != _EFFECT:
            return None  # the start itself has an intent: what comes before it is over
        if request.options.target_vm_name is None and request.options.target_vm_size is None:
            return None
        if state.naming is None:
            refused = await self._set(claim, state, request)
            if refused is not None:
                return refused
        return await self._ended(state, request) if state.naming else None

    async def _set(self, claim: Claim, state: FailoverState, request: FailoverRequest) -> Problem | Wait | None:
        scope, options = ResourceId.parse(request.scope.id), request.options
        body = await self.gateway.find(scope)
        item = ProtectedItemFacts.from_arm(body) if body is not None else None
        if item is None:
            wait = self._not_found(state)
            if wait is None:
                state.naming = ""  # the checks before the start name what is missing
            return wait
        if claim.row.intent is None and not named_otherwise(item, options.target_vm_name, options.target_vm_size):
            state.naming = ""
            return None
        require_shown(body, "providerSpecificDetails")
        update = rename_target(item, options.target_vm_name, options.target_vm_size, provider_details(body))

        async def send(request_id: str) -> StartedJob:
            with passing_refusals():
                started = await self.gateway.change("PATCH", scope, "", update, request_id, self.timings.effect_timeout)
            if started.accepted and started.job is None:  # a 202 is not an end: the job is found by its activity id
                raise CallFailure(FailureKind.IN_DOUBT, code="NoJob", message="Azure accepted the update without naming its job")
            return started

        async def look(sent: Intent) -> Started[StartedJob] | Absent:
            found = [JobFacts.from_arm(job) for job in await self.gateway.children(vault_of(scope), "replicationJobs")]
            job = jobs.started_by(sent.client_request_id, found)
            return Started(StartedJob(job.name, self.clock.now())) if job is not None else Absent()

        try:
            started = await claim.perform(Effect(_EFFECT, send, look, _HARMLESS, preparation=True, keeps_request_id=True))
        except CallFailure as failure:
            if not failure.is_refusal:
                raise
            message = f"Azure refused the name or size of the machine. Nothing was started. {failure.message}"
            return Problem(azure_code(failure), message, "options", (failure.problem,))
        state.naming, state.naming_absent = started.job or "", None
        return None

    async def _ended(self, state: FailoverState, request: FailoverRequest) -> Problem | Wait | None:
        vault = vault_of(ResourceId.parse(request.scope.id))
        job = await read_job(self.gateway, vault.child("replicationJobs", state.naming or ""))
        if job is None:
            return self._job_absent(state)
        state.naming_absent = None
        if not jobs.end_of(job).is_over:
            now = self.clock.now()
            return Wait(now + _SOON, attention=jobs.overdue(job.name, job.started_at, now))
        failed = jobs.problem_of(job, request.action)
        if failed is None:
            return None
        return replace(failed, message=f"The name or size of the machine could not be set. Nothing was started. {failed.message}")

    def _job_absent(self, state: FailoverState) -> Wait:
        """Return when to look again for the job of the update; once it counts as gone, name and size are set again."""
        wait = self._not_found(state)
        if wait is not None:
            return wait
        state.naming = state.naming_absent = None
        return Wait(self.clock.now())

    def _not_found(self, state: FailoverState) -> Wait | None:
        """Return when to look again for the item, or the job of its update; None once it counts as gone."""
        now = self.clock.now()
        state.naming_absent = absence = not_shown(state.naming_absent, now)
        return None if absence.lasts_long_enough(now) else Wait(now + BETWEEN_LOOKS)
