"""The creation of a machine: made once, found by its marker; one that VMM fails is deleted."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from shared.azure_pack.odata.literals import Key
from shared.azure_pack.vmm.machines import Machine, NewMachine
from shared.clock import Clock
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.installations.machine_states import PowerState, power_state
from shared.installations.reach.failures import refusal_problem
from shared.operations.model.models import Intent, Status
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import End, Follow, Next, Outcome, Wait
from shared.secrets.keeper import Secrets, not_readable
from shared.values.hidden import Hidden
from shared.virtual_machines.azure_pack.gateway import MARKER, PackGateways, PackMachines
from shared.virtual_machines.azure_pack.rules import MachineCall, shown_state
from shared.virtual_machines.azure_pack.state import PackState, PlannedMachine, ended
from shared.virtual_machines.azure_pack.steps import names
from shared.virtual_machines.azure_pack.steps.calling import FIRST_LOOK, Calls, effect_name
from shared.virtual_machines.rules.names import OsType
from shared.virtual_machines.rules.passwords import password_problem

_CREATE: Final = "pack.create"
_LATER: Final = timedelta(seconds=15)
_HARMLESS: Final = "never sent twice without a person: VMM keeps no name unique, and a second one would make a second machine"
_RESOLUTION: Final = "outcome"
_RESOLVED_ID: Final = "resourceId"


@dataclass(frozen=True, slots=True)
class CreationSteps:
    """The steps of a creation."""

    gateways: PackGateways
    calls: Calls
    secrets: Secrets
    clock: Clock

    async def creating(self, claim: Claim) -> Outcome:
        """Make the machine once; its password is read just before."""
        state = PackState.of(claim.data)
        place = await self.gateways.known(state.installation, state.subscription, state.user)
        resolved = await self._resolved(claim, state, place)
        if resolved is not None:
            return resolved
        password = await self._password(claim, state)
        if isinstance(password, Problem):
            return ended(state, password)
        try:
            job, machine = await claim.perform(self._effect(claim, state, place, password))
        except CallFailure as failure:
            if failure.kind not in {FailureKind.REFUSED, FailureKind.NOT_FOUND}:
                raise
            state.failure = refusal_problem(failure)
            return Next(names.TIDYING)
        return self._follow(state, place, job, machine)

    async def made(self, claim: Claim) -> Outcome:
        """Wait until the machine is made, and start it; one that VMM failed to make is deleted."""
        state = PackState.of(claim.data)
        place = await self.gateways.known(state.installation, state.subscription, state.user)
        machine = await self._machine(claim, state, place)
        if state.failure is not None:
            return Next(names.TIDYING)
        if machine is None:
            message = "The machine was made and deleted since. Create it again."
            return ended(state, Problem(ErrorCode.NOT_FOUND, message, state.machine))
        state.power_state = shown_state(machine.status_string)
        now = power_state(machine.status_string)
        if now is PowerState.BROKEN:
            problem = f"VMM could not make the machine: it is '{machine.status_string}'."
            state.failure = Problem(ErrorCode.AZURE_PACK_REFUSED, problem, state.machine)
            return Next(names.TIDYING)
        if machine.is_being_made or now is PowerState.CHANGING:
            return Wait(self.clock.now() + _LATER)
        if now is PowerState.RUNNING or state.planned is None or not state.planned.start:
            return ended(state, None)
        state.call = MachineCall.START
        return await self.calls.begin(claim, state, place, MachineCall.START, names.DONE)

    async def tidying(self, claim: Claim) -> Outcome:
        """Delete what a failed or canceled creation made, and end."""
        state = PackState.of(claim.data)
        place = await self.gateways.known(state.installation, state.subscription, state.user)
        machine = await self._machine(claim, state, place)
        if machine is None or claim.operation.action != "create":
            return self._over(state)
        now = power_state(machine.status_string)
        if now is PowerState.CHANGING and not claim.intends(effect_name(MachineCall.DELETE)):
            return Wait(self.clock.now() + _LATER)
        if state.tidying and state.call is MachineCall.DELETE and not claim.intends(effect_name(MachineCall.DELETE)):
            return self._left(state, machine)
        call = MachineCall.STOP if now in {PowerState.RUNNING, PowerState.PAUSED} else MachineCall.DELETE
        state.call, state.tidying = call, True
        try:
            return await self.calls.begin(claim, state, place, call, names.TIDYING)
        except CallFailure as failure:
            if failure.kind not in {FailureKind.REFUSED, FailureKind.NOT_FOUND}:
                raise
            return self._left(state, machine)

    def _over(self, state: PackState) -> End:
        if state.failure is None:
            return ended(state, status=Status.CANCELED)
        state.forget("power_state")
        return ended(state, state.failure)

    def _left(self, state: PackState, machine: Machine) -> End:
        """End with the machine that could not be deleted, named in the result."""
        left = [{"id": str(machine.id), "reason": f"It is '{machine.status_string}' and could not be deleted."}]
        problem = state.failure or Problem(ErrorCode.NOT_TIDIED, "The machine could not be deleted; the result names it.")
        return ended(state, problem, left=left)

    async def _machine(self, claim: Claim, state: PackState, place: PackMachines) -> Machine | None:
        """Return the machine that the operation made, by its id or by its marker."""
        if state.machine is not None and state.stamp is not None:
            return await place.machine(state.key)
        found = await place.made_by(claim.id)
        if found is not None:
            state.machine, state.stamp, state.name = str(found.id), str(found.stamp), found.name
        return found

    async def _resolved(self, claim: Claim, state: PackState, place: PackMachines) -> Outcome | None:
        """Take a person's resolution of a creation of unknown outcome; one that did not start is sent once more."""
        if not claim.intends(_CREATE):
            return None
        given = claim.take_input()
        if given is None:
            return None
        started = given.get(_RESOLUTION) == "started"
        claim.forget_intent(started=started)
        if not started:
            return None
        found = await place.by_id(UUID(str(given.get(_RESOLVED_ID))))
        if not found:
            state.failure = Problem(ErrorCode.NOT_FOUND, "The machine that was named was not found.", "resourceId")
            return ended(state, state.failure)
        return self._follow(state, place, None, found[0])

    def _follow(self, state: PackState, place: PackMachines, job: Key | None, machine: Machine | None) -> Follow:
        if machine is not None:
            state.machine, state.stamp, state.name = str(machine.id), str(machine.stamp), machine.name
        state.job, state.sent_at, state.changed, state.then = (str(job.id) if job is not None else None), self.clock.now(), True, names.MADE
        return Follow(self.clock.now() + FIRST_LOOK, place.reached.group, names.FOLLOWING)

    async def _password(self, claim: Claim, state: PackState) -> Hidden | Problem | None:
        body = claim.operation.body.get("body")
        given = body.get("adminPassword") if isinstance(body, dict) else None
        if not isinstance(given, dict) or claim.intends(_CREATE):
            return None
        try:
            found = (await self.secrets.read(str(given.get("keyVaultSecretId", "")))).value
        except ValueError:
            return Problem(ErrorCode.NOT_FOUND, "The secret was not found.", "adminPassword")
        except CallFailure as failure:
            if failure.kind in {FailureKind.THROTTLED, FailureKind.IN_DOUBT}:
                raise
            return not_readable("adminPassword", failure)
        windows = state.planned is not None and state.planned.windows
        problem = password_problem(found.reveal(), OsType.WINDOWS if windows else OsType.LINUX)
        return Problem(ErrorCode.INVALID_REQUEST, problem, "adminPassword") if problem is not None else found

    def _effect(
        self, claim: Claim, state: PackState, place: PackMachines, password: Hidden | None
    ) -> Effect[tuple[Key | None, Machine | None]]:
        async def send(_request_id: str) -> tuple[Key | None, Machine | None]:
            return await place.create(new_machine(state.planned, claim.id, place, password))

        async def look(_intent: Intent) -> Started[tuple[Key | None, Machine | None]] | Absent:
            found = await place.made_by(claim.id)
            if found is None:
                return Absent()
            recent = found.most_recent_task
            return Started((Key(recent, found.stamp) if recent is not None else None, found))

        return Effect(_CREATE, send, look, _HARMLESS, repeatable=False)


def new_machine(planned: PlannedMachine | None, operation: str, place: PackMachines, password: Hidden | None) -> NewMachine:
    """Return what is sent to VMM; the marker is what a lost creation is found by."""
    if planned is None:
        raise ValueError("The creation has no plan.")
    return NewMachine(
        name=planned.name,
        stamp=UUID(planned.stamp),
        cloud=UUID(planned.cloud),
        template=_id(planned.template),
        disk=_id(planned.disk),
        hardware_profile=_id(planned.hardware_profile),
        networks=planned.networks,
        computer_name=planned.computer_name,
        admin_user=planned.admin_user,
        admin_password=password,
        ssh_public_key=planned.ssh_public_key,
        cpu_count=planned.cpu_count,
        memory=planned.memory,
        description=planned.description,
        tag=MARKER + operation,
        owner=place.owner,
    )


def _id(value: str | None) -> UUID | None:
    return UUID(value) if value is not None else None
