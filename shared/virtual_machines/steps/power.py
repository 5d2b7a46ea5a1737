"""Start, shut-down and restart: one POST, then the state (docs/design/virtual-machines.md, "Power").

beginning ► powering ► following (checks) ► finishing
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from shared.access.records.tenant import Backend
from shared.arm.failures import problem_of_call, refusal_problem
from shared.clock import Clock, from_text
from shared.errors import CallFailure, ErrorCode, Problem
from shared.operations.model.models import Intent
from shared.operations.model.rows import Active
from shared.operations.running.claims import Claim
from shared.operations.running.effects import BUSY_LIMIT, Absent, Effect, Started
from shared.operations.running.outcomes import Checked, Follow, Outcome, Unread, Wait
from shared.operations.timings import Timings
from shared.values.sent import SentBody
from shared.virtual_machines.facts import MachineFacts
from shared.virtual_machines.gateway import Gateways, MachineGateway
from shared.virtual_machines.kinds import Action
from shared.virtual_machines.results import ended
from shared.virtual_machines.rules.power import Decision, PowerAction, PowerFacts, PowerRefusal, Provisioning, decide_power, is_reached
from shared.virtual_machines.state import MachineState
from shared.virtual_machines.steps.following import absent, check_each, group_of, judge_absence, next_read, unread

POWERING = "powering"
FOLLOWING = "followingPower"
FINISHING = "finishing"
RESOLUTION = "outcome"
"""The member of an input that resolves a restart of unknown outcome."""
_BETWEEN_BUSY = timedelta(seconds=30)
_UNSETTLED = timedelta(minutes=10)
"""How long a machine may be settled in another state than the wanted one before the action counts as failed without a reason of Azure's."""
_HARMLESS = {
    PowerAction.START: "a machine that runs stays as it is",
    PowerAction.STOP: "a machine that is stopped stays as it is",
    PowerAction.DEALLOCATE: "a machine that is deallocated stays as it is",
    PowerAction.RESTART: "never sent twice: a second one would restart the machine again",
}


def power_action(action: Action, sent: SentBody) -> PowerAction:
    """Return what a request does to the power of a machine; raises `ValueError` for another action."""
    match action:
        case Action.START:
            return PowerAction.START
        case Action.RESTART:
            return PowerAction.RESTART
        case Action.SHUT_DOWN:
            return PowerAction.STOP if sent.members.get("state") == "stopped" else PowerAction.DEALLOCATE
        case _:
            raise ValueError(f"{action} is not an action on the power of a machine.")


@dataclass(frozen=True, slots=True)
class PowerSteps:
    """The steps of actions on power."""

    gateways: Gateways
    clock: Clock
    timings: Timings

    async def powering(self, claim: Claim) -> Outcome:
        """Send the action where the state asks for it, and leave the rest to the checks."""
        state, gateway = MachineState.of(claim.data), self.gateways[Backend.RESOURCE_MANAGER]
        action = state.action
        resolved = self._resolved(claim, state, action)
        if resolved is not None:
            return resolved
        if not claim.intends(_effect_name(action)):
            ready = await self._ready(gateway, state, action)
            if ready is not None:
                return ready
        self._note_intended(claim, state)
        try:
            state.url = await claim.perform(self._effect(gateway, state, action))
        except CallFailure as failure:
            if not failure.is_refusal:
                raise
            return ended(state, problem_of_call(failure))
        return self._follow(state)

    async def following(self, claim: Claim) -> Outcome:
        """Leave an operation that was looked at by request to the checks again."""
        state, now = MachineState.of(claim.data), self.clock.now()
        return Follow(next_read(state.started_at or now, now), group_of(state.target.subscription_id))

    async def finishing(self, claim: Claim) -> Outcome:
        """End with what the checks have found."""
        state = MachineState.of(claim.data)
        return ended(state, state.failure)

    async def _ready(self, gateway: MachineGateway, state: MachineState, action: PowerAction) -> Outcome | None:
        """Return what comes instead of the effect: nothing to do, a wait, a refusal; None where it is to be sent."""
        facts = await gateway.machine(state.target)
        now = self.clock.now()
        if facts is None:
            return absent(state, now)
        state.forget("absence")
        state.power_state = facts.power_state
        match await decision_on(gateway, facts, action):
            case PowerRefusal() as refusal:
                return ended(state, Problem(refusal.code, refusal.message, str(state.target)))
            case Decision.NOTHING:
                return ended(state)
            case Decision.WAIT:
                return self._busy(state, facts, now)
            case _:
                state.forget("waiting_since")
                return None

    def _busy(self, state: MachineState, facts: MachineFacts, now: datetime) -> Outcome:
        since = state.waiting_since = state.waiting_since or now
        if now - since < BUSY_LIMIT:
            return Wait(now + _BETWEEN_BUSY)
        state_now = facts.provisioning
        message = f"Another operation of Azure has worked on the machine for 30 minutes; its state is {state_now}. Send this again later."
        return ended(state, Problem(ErrorCode.AZURE_REFUSED, message, str(state.target)))

    def _resolved(self, claim: Claim, state: MachineState, action: PowerAction) -> Outcome | None:
        """Take a person's resolution of a restart of unknown outcome; one that did not start is sent once more."""
        if action is not PowerAction.RESTART or not claim.intends(_effect_name(action)):
            return None
        given = claim.take_input()
        if given is None:
            return None
        self._note_intended(claim, state)
        began = given.get(RESOLUTION) == "started"
        claim.forget_intent(started=began)
        return self._follow(state) if began else None

    def _note_intended(self, claim: Claim, state: MachineState) -> None:
        """Note when the action was intended: a restart that is found later may be over by then."""
        intent = claim.row.intent if claim.intends(_effect_name(state.action)) else None
        state.intended_at = from_text(intent.at) if intent is not None else self.clock.now()

    def _effect(self, gateway: MachineGateway, state: MachineState, action: PowerAction) -> Effect[str | None]:
        machine = state.target

        async def send(request_id: str) -> str | None:
            return await gateway.change_power(machine, action, request_id, self.timings.effect_timeout)

        async def look(intent: Intent) -> Started[str | None] | Absent:
            facts = await gateway.machine(machine)
            began = facts is not None and has_begun(action, facts, from_text(intent.at))
            return Started(None) if began else Absent()

        return Effect(_effect_name(action), send, look, _HARMLESS[action], repeatable=action is not PowerAction.RESTART)

    def _follow(self, state: MachineState) -> Follow:
        now = self.clock.now()
        state.changed, state.started_at = True, now
        return Follow(next_read(now, now), group_of(state.target.subscription_id), step=FOLLOWING)


async def decision_on(gateway: MachineGateway, facts: MachineFacts, action: PowerAction) -> Decision | PowerRefusal:
    """Decide what an action does; the disks of a machine that is to be started are read for an open access."""
    decision = decide_power(action, facts.power)
    if action is not PowerAction.START or decision is not Decision.SEND:
        return decision
    disks = tuple(disk.id for disk in (*((facts.os_disk,) if facts.os_disk else ()), *facts.data_disks) if disk.id is not None)
    power = facts.power
    return decide_power(action, PowerFacts(power.state, power.provisioning, power.generalized, await gateway.open_access(disks)))


def has_begun(action: PowerAction, facts: MachineFacts, intended: datetime) -> bool:
    """Whether a machine shows that an action began which was intended at a time.

    A restart shows only in the time of the provisioning status, which Azure writes with each change [I: not documented].
    """
    busy = facts.power.provisioning is Provisioning.BUSY
    if action is not PowerAction.RESTART:
        return busy or is_reached(action, facts.power_state)
    changed = facts.view.changed_at if facts.view is not None else None
    return busy or (changed is not None and changed > intended)


async def check_power(gateway: MachineGateway, clock: Clock, rows: Sequence[Active]) -> Mapping[str, Checked | Unread]:
    """Read the machines of operations on power, and judge each."""
    return await check_each(gateway, rows, partial(_judge, gateway, clock))


async def _judge(gateway: MachineGateway, clock: Clock, state: MachineState, found: MachineFacts | CallFailure | None) -> Checked | Unread:
    now = clock.now()
    if isinstance(found, CallFailure):
        return unread(found)
    if found is None:
        return judge_absence(state, now, FINISHING)
    state.forget("absence")
    state.power_state = found.power_state
    started = state.started_at or now
    if found.power.provisioning is Provisioning.BUSY:
        return Checked(at=next_read(started, now), data=state.stored)
    if _is_over(state.action, found, state.intended_at or started):
        return Checked(step=FINISHING, data=state.stored)
    try:
        error = await gateway.error_of_operation(state.url)
    except CallFailure as failure:
        return unread(failure)
    reason = error or _failure_in(found)
    if reason is None and now - started < _UNSETTLED:
        return Checked(at=next_read(started, now), data=state.stored)
    state.failure = refusal_problem(reason) if reason else _unexplained(state, found)
    return Checked(step=FINISHING, data=state.stored)


def _is_over(action: PowerAction, facts: MachineFacts, started: datetime) -> bool:
    if facts.power.provisioning is Provisioning.FAILED:
        return False
    if action is not PowerAction.RESTART:
        return is_reached(action, facts.power_state)
    changed = facts.view.changed_at if facts.view is not None else None
    return is_reached(PowerAction.START, facts.power_state) and changed is not None and changed >= started.replace(microsecond=0)


def _failure_in(facts: MachineFacts) -> Problem | None:
    if facts.power.provisioning is not Provisioning.FAILED or facts.view is None:
        return None
    code = facts.view.failure or "ProvisioningFailed"
    return Problem(code, f"The machine's provisioning has failed with {code}.")


def _unexplained(state: MachineState, facts: MachineFacts) -> Problem:
    message = f"The machine is {facts.power_state} ten minutes after the start, and Azure gives no reason. Check it in Azure."
    return Problem(ErrorCode.AZURE_REFUSED, message, str(state.target))


def _effect_name(action: PowerAction) -> str:
    return f"power.{action}"
