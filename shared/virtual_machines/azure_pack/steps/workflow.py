"""The workflow of the kind `virtualMachine` with the steps of machines on Azure Pack beside those of Resource Manager."""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from shared.azure_pack.subscriptions import SubscriptionState
from shared.clock import Clock
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.installations.reach.failures import ATTENTION
from shared.operations.model.models import Operation
from shared.operations.model.rows import Active
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import Checked, Next, Outcome, Unread
from shared.operations.running.workflow import Check, Step, Workflow
from shared.virtual_machines.azure_pack.gateway import PackGateways
from shared.virtual_machines.azure_pack.state import INSTALLATION, PackState, ended
from shared.virtual_machines.azure_pack.steps import names
from shared.virtual_machines.azure_pack.steps.calling import LOOK_AGAIN, CallSteps, refused, wait_for_person
from shared.virtual_machines.azure_pack.steps.creating import CreationSteps
from shared.virtual_machines.azure_pack.steps.deleting import DeletionSteps
from shared.virtual_machines.kinds import Action

_FIRST: Final = {
    Action.CREATE: names.CREATING,
    Action.DELETE: names.DELETING,
    Action.ADD_PORT: names.PORT,
    Action.REMOVE_PORT: names.PORT,
}
"""The first step of each action that is more than one call."""
_MINUTE: Final = timedelta(minutes=1)
_QUICK: Final = timedelta(minutes=3)
_NEXT: Final = timedelta(seconds=15)
_FORGOTTEN_AFTER: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class PackSteps:
    """The steps and the check of machines on Azure Pack."""

    gateways: PackGateways
    calls: CallSteps
    creation: CreationSteps
    deletion: DeletionSteps
    clock: Clock

    def all(self) -> Mapping[str, Step]:
        """Return the steps by name; a definite refusal ends the operation, and a sign-in that fails waits for a person."""
        steps: dict[str, Step] = {
            names.ADMITTING: self.admitting,
            names.CALLING: self.calls.calling,
            names.FOLLOWING: self.calls.following,
            names.DONE: self.calls.done,
            names.CREATING: self.creation.creating,
            names.MADE: self.creation.made,
            names.TIDYING: self.creation.tidying,
            names.DELETING: self.deletion.deleting,
            names.PORT: self.deletion.port,
        }
        return {name: self._guarded(step) for name, step in steps.items()}

    async def admitting(self, claim: Claim) -> Outcome:
        """Read anew whose the subscription is, and whether it may be changed."""
        state = PackState.of(claim.data)
        mapped = await self.gateways.subscriptions.get(state.installation, state.subscription)
        if mapped is None or mapped.tenant != claim.row.tenant:
            return ended(state, Problem(ErrorCode.OWNER_CHANGED, "The subscription is no longer the tenant's.", state.subscription))
        place = await self.gateways.open(mapped)
        if mapped.closed or place.state is SubscriptionState.SUSPENDED:
            message = "The subscription was suspended before the operation began."
            return ended(state, Problem(ErrorCode.DATA_CENTER_SUSPENDED, message, state.subscription))
        return Next(_FIRST.get(Action(claim.operation.action or ""), names.CALLING))

    def _guarded(self, step: Step) -> Step:
        async def run(claim: Claim) -> Outcome:
            try:
                return await step(claim)
            except CallFailure as failure:
                waits = wait_for_person(failure, self.clock)
                if waits is not None:
                    return waits
                return refused(PackState.of(claim.data), failure)

        return run

    async def check(self, rows: Sequence[Active]) -> Mapping[str, Checked | Unread]:
        """Read the jobs of operations side by side."""
        for installation, count in Counter(PackState.of_row(row).installation for row in rows).items():
            self.gateways.reach.released(installation, count)
        found = await asyncio.gather(*(self._one(row) for row in rows))
        return {row.id: result for row, result in zip(rows, found, strict=True)}

    async def _one(self, row: Active) -> Checked | Unread:
        state, now = PackState.of_row(row), self.clock.now()
        then = state.then or names.DONE
        key, sent = state.job_key, state.sent_at or now
        if key is None:
            return Checked(step=then)
        try:
            place = await self.gateways.known(state.installation, state.subscription, state.user)
            job = await place.job(key, now - sent)
        except CallFailure as failure:
            return self._unread(failure)
        if job is None or (not job.done and job.status is None and now - sent >= _FORGOTTEN_AFTER):
            return Checked(step=then)  # VMM has forgotten it: the machine's state decides
        if not job.done:
            return Checked(at=_next(sent, now), percent=min(99, job.percent))
        error = job.error
        if error is not None:
            details = (Problem("RecommendedAction", error.recommended_action),) if error.recommended_action else ()
            own = Problem(error.code, error.message)
            state.failure = state.failure or Problem(ErrorCode.AZURE_PACK_REFUSED, error.message, state.machine, (own, *details))
        return Checked(step=then, data=state.stored)

    def _unread(self, failure: CallFailure) -> Checked | Unread:
        if failure.code in ATTENTION:
            return Checked(at=self.clock.now() + LOOK_AGAIN, attention=(failure.code, failure.message))
        throttled = failure.kind is FailureKind.THROTTLED and failure.status == 429
        return Unread(f"{failure.code}: {failure.message}", failure.retry_after, throttled=throttled)


def _next(sent: datetime, now: datetime) -> datetime:
    return now + (_NEXT if now - sent < _QUICK else _MINUTE)


def is_on_azure_pack(data: Collection[str]) -> bool:
    """Whether an operation's data is that of one on Azure Pack."""
    return INSTALLATION in data


def with_azure_pack(workflow: Workflow, steps: PackSteps) -> Workflow:
    """Return the workflow with the steps of both backends: each row goes to its own."""
    tidying, check, subjects = workflow.tidying or "", workflow.check, workflow.subjects
    tidy, of_pack = workflow.steps[tidying], steps.all()

    async def tidying_of_both(claim: Claim) -> Outcome:
        return await (of_pack[names.TIDYING] if is_on_azure_pack(claim.data) else tidy)(claim)

    def subjects_of_both(operation: Operation) -> Sequence[str]:
        return () if is_on_azure_pack(operation.data) else subjects(operation)

    return replace(
        workflow,
        steps={**workflow.steps, tidying: tidying_of_both, **of_pack},
        check=_both(check, steps.check) if check is not None else steps.check,
        subjects=subjects_of_both,
    )


def _both(first: Check, second: Check) -> Check:
    async def check(rows: Sequence[Active]) -> Mapping[str, Checked | Unread]:
        on_pack = [row for row in rows if is_on_azure_pack(row.data)]
        others = [row for row in rows if row not in on_pack]
        found = dict(await second(on_pack)) if on_pack else {}
        return found | dict(await first(others)) if others else found

    return check
