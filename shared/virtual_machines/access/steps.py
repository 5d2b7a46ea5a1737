"""Access to a disk: granted, stored in Key Vault, revoked (docs/design/virtual-machines.md, "Steps").

beginning ► grantingAccess ► storingAccess   (reopeningAccess: a SAS that Azure neither shows nor grants again)
beginning ► revokingAccess

The SAS is in Azure's operation, from where one step takes it to Key Vault; no row, log or event has it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.arm.failures import problem_of_call, refusal_problem
from shared.arm.ids import ResourceId
from shared.arm.operations import OperationState
from shared.clock import Clock, to_text
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.operations.crash_points import crash_point
from shared.operations.model.models import Intent
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import End, Next, Outcome, Wait
from shared.operations.timings import Timings
from shared.secrets.keeper import Secrets
from shared.storage.documents import Stored
from shared.values.absence import BETWEEN_LOOKS, not_shown
from shared.values.hidden import Hidden
from shared.values.reading import an_object, text
from shared.virtual_machines.access.records import DiskAccess, DiskAccessStore
from shared.virtual_machines.access.rules import access_problem, end_of, is_open, warnings_of
from shared.virtual_machines.creation.context import DiskFacts
from shared.virtual_machines.requests.changes import GrantAccess
from shared.virtual_machines.requests.stored import stored_request
from shared.virtual_machines.resource_manager.resources import ResourceManagerResources
from shared.virtual_machines.results import ended
from shared.virtual_machines.state import MachineState
from shared.virtual_machines.steps.disks import sent_of

GRANTING: Final = "grantingAccess"
STORING: Final = "storingAccess"
REOPENING: Final = "reopeningAccess"
REVOKING: Final = "revokingAccess"
NAME_PREFIX: Final = "access-"
"""The beginning of the names of SAS in Key Vault: `access-{operation id}`. The sweep of requests' secrets leaves them alone."""
_SOON = timedelta(seconds=5)
_MOST_GRANTS = 5
_GRANT_HARMLESS = "a second grant of a disk whose SAS is active answers the same SAS"
_END_HARMLESS = "a disk without a SAS stays as it is, and its lock keeps another access from being granted"


@dataclass(frozen=True, slots=True)
class AccessSteps:
    """The steps of `grantAccess` and `revokeAccess`."""

    resources: ResourceManagerResources
    store: DiskAccessStore
    secrets: Secrets
    clock: Clock
    timings: Timings

    async def granting(self, claim: Claim) -> Outcome:
        """Have Azure grant the access; an answer that was lost is asked for again, which gives the same SAS."""
        state, request = MachineState.of(claim.data), stored_request(GrantAccess, sent_of(claim.operation))
        disk = _disk_of(state)
        again = state.grants > 0 or claim.intends("grantAccess")
        if not again:
            facts = await self._facts(disk)
            if facts is None:
                return self._missing(state, disk)
            state.forget("absence")
            problem = access_problem(facts)
            if problem is not None:
                return _ended(state, problem)
        seconds = int(request.duration.total_seconds())

        async def send(request_id: str) -> str | None:
            body = {"access": "Read", "durationInSeconds": seconds}
            return await self.resources.post(disk, "beginGetAccess", body, request_id, self.timings.effect_timeout)

        async def look(_intent: Intent) -> Absent:
            return Absent()  # only the answer names the operation that has the SAS

        try:
            state.url = await claim.perform(Effect("grantAccess", send, look, _GRANT_HARMLESS))
        except CallFailure as failure:
            if failure.kind in {FailureKind.THROTTLED, FailureKind.IN_DOUBT}:
                raise
            if again and state.grants < _MOST_GRANTS:
                return Next(REOPENING)
            state.failure = problem_of_call(failure)
            return Next(REVOKING) if again else _ended(state, state.failure)
        state.grants += 1
        state.changed, state.started_at = True, self.clock.now()
        return Wait(self.clock.now() + _SOON, step=STORING)

    async def reopening(self, claim: Claim) -> Outcome:
        """End an access whose answer was lost and which Azure refuses to grant again, then grant it anew."""
        state = MachineState.of(claim.data)
        disk = _disk_of(state)
        facts = await self._facts(disk)
        if facts is None:
            return self._missing(state, disk)
        state.forget("absence")
        if not is_open(facts):
            state.grants += 1
            return Next(GRANTING)
        try:
            await claim.perform(self._ending(disk))
        except CallFailure as failure:
            if failure.kind in {FailureKind.THROTTLED, FailureKind.IN_DOUBT}:
                raise
            return _ended(state, problem_of_call(failure))
        return Wait(self.clock.now() + _SOON)

    async def storing(self, claim: Claim) -> Outcome:
        """Take the SAS from Azure's operation to Key Vault, then write the row of the access."""
        state = MachineState.of(claim.data)
        if state.url is None:
            return self._grant_again(state)  # an answer that was lost, or one that named no operation
        try:
            status = await self.resources.operation(state.url)
        except CallFailure as failure:
            if failure.kind is not FailureKind.NOT_FOUND:
                raise
            now = self.clock.now()
            state.absence = not_shown(state.absence, now)
            return self._grant_again(state) if state.absence.lasts_long_enough(now) else Wait(now + BETWEEN_LOOKS)
        state.forget("absence")
        if status.state is OperationState.IN_PROGRESS:
            return Wait(self.clock.now() + _SOON)
        if status.error is not None:
            return _ended(state, refusal_problem(status.error))
        properties = an_object(status.body, "properties")
        sas = text(an_object(properties, "output"), "accessSAS") or text(status.body, "accessSAS")
        if sas is None:
            return self._grant_again(state)
        return await self._store(claim, state, Hidden(sas))

    def _grant_again(self, state: MachineState) -> Outcome:
        """Grant again what Azure no longer shows; after some times the access ends, and the operation fails."""
        if state.grants < _MOST_GRANTS:
            state.forget("absence")
            return Next(GRANTING)
        message = f"Azure granted the access {state.grants} times and never showed its SAS. Request it again later."
        state.failure = Problem(ErrorCode.AZURE_REFUSED, message, "disk")
        return Next(REVOKING)

    async def _store(self, claim: Claim, state: MachineState, sas: Hidden) -> Outcome:
        duration = stored_request(GrantAccess, sent_of(claim.operation)).duration
        ends = end_of(sas.reveal()) or (state.started_at or self.clock.now()) + duration
        disk, tenant = _disk_of(state), claim.row.tenant
        tags = {"tenant": tenant, "operation": claim.id, "field": "accessSas"}
        try:
            secret = await self.secrets.store_as(f"{NAME_PREFIX}{claim.id}", sas, tags, ends)
        except CallFailure as failure:
            if failure.kind in {FailureKind.THROTTLED, FailureKind.IN_DOUBT}:
                raise
            state.failure = problem_of_call(failure, "disk")
            return Next(REVOKING)
        crash_point("access.stored")
        before, caller = await self.store.get(tenant, disk), claim.operation.actor.id
        if before is not None and before.document.operation != claim.id:
            await self._delete_secret(before.document)
        access = DiskAccess(
            tenant=tenant, disk=str(disk), operation=claim.id, caller=caller, expires_at=ends, reference=str(secret)
        )  # fmt: skip
        await self.store.put(access)
        facts = await self._facts(disk)
        warnings = warnings_of(facts) if facts is not None else []
        return _ended(state, expiresAt=to_text(ends), warnings=warnings)

    async def revoking(self, claim: Claim) -> Outcome:
        """End the access in Azure, then delete its secret and its row; an access that ended by itself has only those."""
        state, now = MachineState.of(claim.data), self.clock.now()
        disk = _disk_of(state)
        stored = await self.store.get(claim.row.tenant, disk)
        if state.access is not None and (stored is None or stored.document.operation != state.access):
            return _ended(state)  # revoked meanwhile, and perhaps granted anew
        open_still = await self._end_if_open(claim, state, disk, stored)
        if open_still is not None:
            return open_still
        if stored is not None:
            state.changed = True
            await self._delete_secret(stored.document)
            if not await self.store.remove(stored):
                return Wait(now + _SOON)  # it was revealed at this moment
        return _ended(state, state.failure)

    async def _end_if_open(self, claim: Claim, state: MachineState, disk: ResourceId, stored: Stored[DiskAccess] | None) -> Outcome | None:
        """End the access in Azure; None once it has ended. A disk that a read does not show may be open: it is looked for again."""
        facts, now = await self._facts(disk), self.clock.now()
        if facts is None:
            state.absence = not_shown(state.absence, now)
            return None if state.absence.lasts_long_enough(now) else Wait(now + BETWEEN_LOOKS)
        state.forget("absence")
        if not is_open(facts):
            return None
        try:
            await claim.perform(self._ending(disk))
        except CallFailure as failure:
            if failure.kind in {FailureKind.THROTTLED, FailureKind.IN_DOUBT}:
                raise
            return None if _has_ended(stored, now) else _ended(state, state.failure or problem_of_call(failure))
        state.changed = True
        return Wait(now + _SOON)

    def _ending(self, disk: ResourceId) -> Effect[None]:
        async def send(request_id: str) -> None:
            await self.resources.post(disk, "endGetAccess", {}, request_id, self.timings.effect_timeout)

        async def look(_intent: Intent) -> Started[None] | Absent:
            facts = await self._facts(disk)
            return Started(None) if facts is not None and not is_open(facts) else Absent()

        return Effect("endAccess", send, look, _END_HARMLESS)

    async def _delete_secret(self, access: DiskAccess) -> None:
        if access.reference is not None:
            await self.secrets.delete_reference(access.reference)

    async def _facts(self, disk: ResourceId) -> DiskFacts | None:
        body = await self.resources.get(disk)
        return DiskFacts.from_arm(body) if body is not None else None

    def _missing(self, state: MachineState, disk: ResourceId) -> Outcome:
        now = self.clock.now()
        state.absence = not_shown(state.absence, now)
        if not state.absence.lasts_long_enough(now):
            return Wait(now + BETWEEN_LOOKS)
        return _ended(state, Problem(ErrorCode.NOT_FOUND, f"The disk '{disk.name}' was not found.", "disk"))


def _has_ended(stored: Stored[DiskAccess] | None, now: datetime) -> bool:
    return stored is not None and stored.document.expires_at <= now


def _disk_of(state: MachineState) -> ResourceId:
    return ResourceId.parse(str(state.subject))


def _ended(state: MachineState, error: Problem | None = None, **members: object) -> End:
    return ended(state, error, None, resourceId=state.subject, diskId=state.subject, **members)
