"""Changes of a machine's size, OS disk and tags.

beginning ► makingReady ► updating ► startingAgain
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.access.principal import not_found
from shared.access.records.tenant import Backend
from shared.arm.failures import problem_of_call
from shared.clock import Clock
from shared.errors import CallFailure, Problem, Refused
from shared.operations.model.models import Intent
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import Next, Outcome, Wait
from shared.operations.timings import Timings
from shared.quotas.admission import Claimed
from shared.quotas.counting import Dimension
from shared.values.reading import same_text
from shared.virtual_machines.accepting.update_checks import UpdateChecks
from shared.virtual_machines.admission import Admission
from shared.virtual_machines.creation.claims import claim_of_machine
from shared.virtual_machines.creation.pieces import Piece, PiecesDetail
from shared.virtual_machines.creation.planning import LATER
from shared.virtual_machines.facts import MachineFacts
from shared.virtual_machines.gateway import Gateways, MachineGateway
from shared.virtual_machines.requests.changes import UpdateMachine
from shared.virtual_machines.requests.stored import stored_request
from shared.virtual_machines.resource_manager.catalogue import Catalogue
from shared.virtual_machines.results import ended
from shared.virtual_machines.rules.leftovers import Part
from shared.virtual_machines.rules.power import PowerAction, PowerState, Provisioning
from shared.virtual_machines.state import MachineState
from shared.virtual_machines.steps.creating import target_of
from shared.virtual_machines.steps.disks import sent_of
from shared.virtual_machines.steps.following import absent, later_error, others_work
from shared.virtual_machines.steps.making import Failed, Making
from shared.virtual_machines.steps.refusals import managed_problem

READY = "makingReady"
UPDATING = "updating"
STARTING = "startingAgain"
_SOON = timedelta(seconds=10)
_UPDATED_HARMLESS = "it is sent under the machine's ETag, and the same values change nothing"
_HARMLESS = {
    PowerAction.DEALLOCATE: "a machine that is deallocated stays as it is",
    PowerAction.START: "a machine that runs stays as it is",
}


@dataclass(frozen=True, slots=True)
class UpdateSteps:
    """The steps of an update."""

    gateways: Gateways
    catalogue: Catalogue
    checks: UpdateChecks
    admission: Admission
    making: Making
    clock: Clock
    timings: Timings

    async def making_ready(self, claim: Claim) -> Outcome:
        """Deallocate the machine where the change needs it, as the request accepted."""
        state = MachineState.of(claim.data)
        facts = await self._gateway.machine(state.target)
        if facts is None:
            return absent(state, self.clock.now())
        state.forget("absence")
        if (outcome := others_work(state, facts, self.clock.now())) is not None:
            return outcome
        problem = managed_problem(facts) or (await self._refused(claim, state, facts) if state.unchecked else None)
        if problem is not None:
            return ended(state, problem)
        admitted = await self.admission.admit(claim, await self._claims(claim, state, facts))
        if admitted is not None:
            return ended(state, admitted) if isinstance(admitted, Problem) else admitted
        if not state.deallocates or facts.power_state in {PowerState.DEALLOCATED, PowerState.HIBERNATED}:
            return Next(UPDATING)
        state.was_running = state.was_running or facts.power_state is PowerState.RUNNING
        return await self._power(claim, state, PowerAction.DEALLOCATE)

    async def _refused(self, claim: Claim, state: MachineState, facts: MachineFacts) -> Problem | None:
        """Check an update that was accepted while Azure was silent; return why it cannot be carried out."""
        tenant = await self.admission.registry.by_name(claim.row.tenant)
        if tenant is None:
            return not_found(f"tenant '{claim.row.tenant}'").problem
        try:
            state.size, state.deallocates = await self.checks.require(tenant, request_of(claim), facts)
        except Refused as refused:
            return refused.problem
        state.unchecked = False
        return None

    async def _claims(self, claim: Claim, state: MachineState, facts: MachineFacts) -> list[Claimed]:
        """Return what the machine will count after the change: its size, and that of its OS disk."""
        request, found = request_of(claim), list[Claimed]()
        if state.size is not None and not same_text(state.size, facts.size):
            here = await self.catalogue.region(facts.resource.subscription_id, facts.region)
            size = next((one for one in here.sizes if same_text(one.name, state.size)), None)
            found.append(claim_of_machine(facts.id, size))
        wanted = request.os_disk.size_gb if request.os_disk is not None else None
        if wanted is not None and facts.os_disk is not None and facts.os_disk.id is not None:
            found.append(Claimed(facts.os_disk.id, {Dimension.DISK_GB: float(wanted)}))
        return found

    async def updating(self, claim: Claim) -> Outcome:
        """Let the OS disk grow, then PATCH the machine under its ETag."""
        state, detail, request = MachineState.of(claim.data), PiecesDetail.of(claim.detail), request_of(claim)
        facts = await self._gateway.machine(state.target)
        if facts is None:
            return absent(state, self.clock.now())
        state.forget("absence")
        if (outcome := others_work(state, facts, self.clock.now())) is not None:
            return outcome
        wanted = request.os_disk.size_gb if request.os_disk is not None else None
        if wanted is not None and not detail.pieces and facts.os_disk is not None and facts.os_disk.id is not None:
            state.changed = state.changed or wanted != facts.os_disk.size_gb
            detail.pieces = (Piece(part=Part.OS_DISK, id=facts.os_disk.id, existing=True, grow_to=wanted),)
        made = await self.making.make(claim, detail, LATER)
        if isinstance(made, Failed):
            state.failure = made.problem
            return Next(STARTING)
        if made is not None:
            return made
        body = patch_of(request, state.size, facts)
        if not body:
            return Next(STARTING)
        state.failure = await later_error(self._gateway, state)
        if state.failure is not None:
            return Next(STARTING)
        return await self._patch(claim, state, facts, body, request)

    async def _patch(self, claim: Claim, state: MachineState, facts: MachineFacts, body: dict[str, Any], request: UpdateMachine) -> Outcome:
        async def send(request_id: str) -> str | None:
            return await self.making.resources.patch(state.target, body, request_id, self.timings.effect_timeout, etag=facts.etag)

        async def look(_intent: Intent) -> Started[str | None] | Absent:
            found = await self._gateway.machine(state.target)
            return Started(None) if found is not None and not patch_of(request, state.size, found) else Absent()

        try:
            state.url = await claim.perform(
                Effect("update", send, look, "it is sent under the machine's ETag, and the same values change nothing")
            )
        except CallFailure as failure:
            if not failure.is_refusal:
                raise
            if failure.status == 412:  # the machine has changed meanwhile: it is read again
                return self._wait()
            state.failure = problem_of_call(failure, target_of(failure.problem))
            return Next(STARTING)
        state.changed = True
        return self._wait()

    async def starting(self, claim: Claim) -> Outcome:
        """Start the machine again where the operation has deallocated it, then end."""
        state = MachineState.of(claim.data)
        facts = await self._gateway.machine(state.target)
        if facts is None:
            return absent(state, self.clock.now())
        state.forget("absence")
        if facts.power.provisioning is Provisioning.BUSY:
            return self._wait()
        state.power_state = facts.power_state
        if state.was_running and facts.power_state is not PowerState.RUNNING:
            return await self._power(claim, state, PowerAction.START)
        return ended(state, state.failure)

    async def _power(self, claim: Claim, state: MachineState, action: PowerAction) -> Outcome:
        error = await later_error(self._gateway, state)
        if error is not None:
            return ended(state, state.failure or error)

        async def send(request_id: str) -> str | None:
            return await self._gateway.change_power(state.target, action, request_id, self.timings.effect_timeout)

        async def look(_intent: Intent) -> Started[str | None] | Absent:
            found = await self._gateway.machine(state.target)
            wanted = PowerState.RUNNING if action is PowerAction.START else PowerState.DEALLOCATED
            began = found is not None and (found.power_state is wanted or found.power.provisioning is Provisioning.BUSY)
            return Started(None) if began else Absent()

        try:
            state.url = await claim.perform(Effect(f"update.{action}", send, look, _HARMLESS[action]))
        except CallFailure as failure:
            if not failure.is_refusal:
                raise
            return ended(state, state.failure or problem_of_call(failure))
        state.changed = True
        return self._wait()

    @property
    def _gateway(self) -> MachineGateway:
        return self.gateways[Backend.RESOURCE_MANAGER]

    def _wait(self) -> Wait:
        return Wait(self.clock.now() + _SOON)


def request_of(claim: Claim) -> UpdateMachine:
    """Return the request of an update."""
    return stored_request(UpdateMachine, sent_of(claim.operation))


def patch_of(request: UpdateMachine, size: str | None, facts: MachineFacts) -> dict[str, Any]:
    """Return what of a request a machine does not have yet, as its PATCH takes it."""
    properties: dict[str, Any] = {}
    if size is not None and not same_text(size, facts.size):
        properties["hardwareProfile"] = {"vmSize": size}
    caching = request.os_disk.caching if request.os_disk is not None else None
    if caching is not None and facts.os_disk is not None and facts.os_disk.caching != caching:
        disk = facts.os_disk
        properties["storageProfile"] = {"osDisk": {"name": disk.name, "createOption": disk.create_option, "caching": str(caching)}}
    body: dict[str, Any] = {"properties": properties} if properties else {}
    if request.tags is not None:
        tags = merged_tags(facts.tags, request.tags)
        if tags != dict(facts.tags):
            body["tags"] = tags
    return body


def merged_tags(standing: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return tags with changes: null removes one, the rest stays, those that Farshore wrote too. Azure ignores the case of names."""
    changed = {name.lower() for name in changes}
    kept = {name: value for name, value in standing.items() if name.lower() not in changed}
    return kept | {name: value for name, value in changes.items() if value is not None}
