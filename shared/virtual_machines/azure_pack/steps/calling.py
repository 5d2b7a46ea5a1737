"""The calls that change a machine: each is sent once, and its job is left to the checks."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from shared.azure_pack.odata.literals import Key
from shared.azure_pack.vmm.machines import Machine, MachineChange
from shared.clock import Clock
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.installations.reach.failures import ATTENTION, refusal_problem
from shared.operations.model.models import Intent
from shared.operations.running.claims import Claim
from shared.operations.running.effects import BUSY_LIMIT, Absent, Effect, Started, next_look, settled_at
from shared.operations.running.outcomes import End, Follow, Outcome, Wait
from shared.values.reading import same_text
from shared.virtual_machines.azure_pack.gateway import PackGateways, PackMachines
from shared.virtual_machines.azure_pack.requests import CreateCheckpoint, UpdatePackMachine, megabytes
from shared.virtual_machines.azure_pack.rules import Decision, MachineCall, decide, harmless, is_reached, refusal_code, shown_state
from shared.virtual_machines.azure_pack.state import PackState, ended
from shared.virtual_machines.azure_pack.steps import names

FIRST_LOOK: Final = timedelta(seconds=5)
_BETWEEN_BUSY: Final = timedelta(seconds=30)
_SETTLES: Final = timedelta(minutes=10)
"""How long after a good job a machine may show another state than the wanted one."""
_LATER: Final = timedelta(seconds=15)
LOOK_AGAIN: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Calls:
    """Sends calls on one machine of one operation."""

    clock: Clock

    async def begin(self, claim: Claim, state: PackState, place: PackMachines, call: MachineCall, then: str) -> Outcome:
        """Send a call once, or find that it was sent, and follow its job; then the step `then` runs.

        Raises `CallFailure` REFUSED and NOT_FOUND where nothing began.
        """
        name = effect_name(call)
        if not claim.intends(name):
            machine = await place.machine(state.key)
            state.recent_task = _recent(machine)
        elif call is MachineCall.RESET:
            waits = await self._reset_may_have_begun(claim, state, place)
            if waits is not None:
                return waits
        job = await claim.perform(self._effect(claim, state, place, call))
        state.job, state.sent_at, state.changed, state.then = (str(job.id) if job is not None else None), self.clock.now(), True, then
        return Follow(self.clock.now() + FIRST_LOOK, place.reached.group, names.FOLLOWING)

    def _effect(self, claim: Claim, state: PackState, place: PackMachines, call: MachineCall) -> Effect[Key | None]:
        async def send(_request_id: str) -> Key | None:
            return await _send(claim, state, place, call)

        async def look(_intent: Intent) -> Started[Key | None] | Absent:
            return await _look(claim, state, place, call)

        return Effect(effect_name(call), send, look, harmless(call))

    async def _reset_may_have_begun(self, claim: Claim, state: PackState, place: PackMachines) -> Outcome | None:
        """Wait for the trace of a reset whose answer was lost: it shows only in a newer job, and a second one would restart again."""
        intent, now = claim.row.intent, self.clock.now()
        found = await place.machine(state.key)
        if intent is None or _recent(found) != (state.recent_task or "") or now >= settled_at(intent):
            return None
        return Wait(next_look(intent, now))


@dataclass(frozen=True, slots=True)
class CallSteps:
    """The steps of every action that is one call."""

    gateways: PackGateways
    calls: Calls
    clock: Clock

    async def calling(self, claim: Claim) -> Outcome:
        """Send the call where the machine's state asks for it."""
        state = PackState.of(claim.data)
        call = state.call or MachineCall.START
        place = await self.gateways.known(state.installation, state.subscription, state.user)
        if not claim.intends(effect_name(call)):
            machine = await place.machine(state.key)
            if machine is None:
                return ended(state, Problem(ErrorCode.NOT_FOUND, f"The virtual machine '{state.name}' was not found.", state.machine))
            state.power_state = shown_state(machine.status_string)
            outcome = self._instead(state, call, machine)
            if outcome is not None:
                return outcome
        return await self.calls.begin(claim, state, place, call, names.DONE)

    async def following(self, claim: Claim) -> Outcome:
        """Leave an operation that was looked at by request to the checks again."""
        state = PackState.of(claim.data)
        place = await self.gateways.known(state.installation, state.subscription, state.user)
        return Follow(self.clock.now(), place.reached.group)

    async def done(self, claim: Claim) -> Outcome:
        """End with what the job came to; a state that is still another may be late."""
        state = PackState.of(claim.data)
        if state.failure is not None:
            return ended(state, state.failure)
        place = await self.gateways.known(state.installation, state.subscription, state.user)
        machine = await place.machine(state.key)
        state.power_state = shown_state(machine.status_string) if machine is not None else None
        call = state.call or MachineCall.START
        if call is MachineCall.CREATE_CHECKPOINT:
            found = await _made_checkpoint(claim, state, place)
            state.checkpoint = str(found) if found is not None else None
        if machine is None or call not in _WITH_GOAL or is_reached(call, machine.status_string):
            return ended(state, None)
        if self.clock.now() - (state.sent_at or self.clock.now()) < _SETTLES:
            return Wait(self.clock.now() + _LATER)
        message = f"The machine is {machine.status_string} ten minutes after the job, and Azure Pack gives no reason."
        return ended(state, Problem(ErrorCode.AZURE_PACK_REFUSED, message, state.machine))

    def _instead(self, state: PackState, call: MachineCall, machine: Machine) -> Outcome | None:
        """Return what comes instead of the call: nothing to do, a wait, a refusal; None where it is to be sent."""
        match decide(call, machine.status_string):
            case Decision.NOTHING:
                return ended(state, None)
            case Decision.REFUSE:
                message = f"The machine is {machine.status_string}: {call} is not possible."
                return ended(state, Problem(refusal_code(call), message, state.machine))
            case Decision.WAIT:
                return busy(state, machine, self.clock)
            case Decision.SEND:
                state.forget("waiting_since")
                return None


def busy(state: PackState, machine: Machine, clock: Clock) -> Outcome:
    """Wait for a machine that something else works on, for half an hour at most."""
    now = clock.now()
    since = state.waiting_since = state.waiting_since or now
    if now - since < BUSY_LIMIT:
        return Wait(now + _BETWEEN_BUSY)
    message = f"The machine has been '{machine.status_string}' for 30 minutes. Send this again later."
    return ended(state, Problem(ErrorCode.AZURE_PACK_REFUSED, message, state.machine))


def wait_for_person(failure: CallFailure, clock: Clock) -> Wait | None:
    """Return the wait for a person who has to mend a sign-in or a right; None for another failure."""
    return Wait(clock.now() + LOOK_AGAIN, attention=(failure.code, failure.message)) if failure.code in ATTENTION else None


def effect_name(call: MachineCall) -> str:
    """Return the name of a call's effect."""
    return f"pack.{call}"


async def _send(claim: Claim, state: PackState, place: PackMachines, call: MachineCall) -> Key | None:
    match call:
        case MachineCall.UPDATE:
            return await place.update(state.key, _change(claim))
        case MachineCall.DELETE:
            return await place.delete(state.key)
        case MachineCall.CREATE_CHECKPOINT:
            wanted = CreateCheckpoint.model_validate(_body(claim))
            return await place.create_checkpoint(state.key, wanted.name, wanted.description)
        case MachineCall.RESTORE_CHECKPOINT:
            return await place.restore_checkpoint(_checkpoint_key(state))
        case MachineCall.DELETE_CHECKPOINT:
            return await place.delete_checkpoint(_checkpoint_key(state))
        case _:
            return await place.operate(state.key, call)


async def _look(claim: Claim, state: PackState, place: PackMachines, call: MachineCall) -> Started[Key | None] | Absent:
    """Look for what a call began: a newer job of the machine, the wanted state, or what it makes or removes."""
    machine = await place.machine(state.key)
    if machine is None:
        return Started(None) if call is MachineCall.DELETE else Absent()
    if call is MachineCall.CREATE_CHECKPOINT:
        return Started(None) if await _made_checkpoint(claim, state, place) is not None else Absent()
    if call is MachineCall.DELETE_CHECKPOINT:
        listed = {str(one.id) for one in await place.checkpoints(state.key)}
        return Absent() if state.checkpoint in listed else Started(None)
    recent = _recent(machine)
    if recent != (state.recent_task or ""):
        return Started(Key(UUID(recent), machine.stamp) if recent else None)
    return Started(None) if is_reached(call, machine.status_string) else Absent()


async def _made_checkpoint(claim: Claim, state: PackState, place: PackMachines) -> UUID | None:
    wanted = str(_body(claim).get("name", ""))
    return next((one.id for one in await place.checkpoints(state.key) if same_text(one.name or "", wanted)), None)


def _change(claim: Claim) -> MachineChange:
    wanted = UpdatePackMachine.model_validate(_body(claim))
    memory = megabytes(wanted.memory_gb)
    return MachineChange(name=wanted.name, description=wanted.description, cpu_count=wanted.cores, memory=memory)


def _body(claim: Claim) -> dict[str, object]:
    body = claim.operation.body.get("body")
    return body if isinstance(body, dict) else {}


def _checkpoint_key(state: PackState) -> Key:
    return Key(UUID(state.checkpoint or ""), state.key.stamp)


def _recent(machine: Machine | None) -> str:
    return str(machine.most_recent_task) if machine is not None and machine.most_recent_task is not None else ""


_WITH_GOAL: Final = frozenset(
    {MachineCall.START, MachineCall.STOP, MachineCall.SHUTDOWN, MachineCall.SUSPEND, MachineCall.RESUME, MachineCall.SAVE}
)


def refused(state: PackState, failure: CallFailure) -> End:
    """Return the end of an operation that Azure Pack refused; raises a failure that may pass."""
    if failure.kind not in {FailureKind.REFUSED, FailureKind.NOT_FOUND}:
        raise failure
    own = failure.code in {ErrorCode.OWNER_CHANGED, ErrorCode.NOT_FOUND}
    return ended(state, failure.problem if own else refusal_problem(failure, state.machine))
