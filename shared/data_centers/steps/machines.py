"""Stops, starts and deletes the machines of a data center: calls one after another, at most ten jobs open, followed together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from shared.azure_pack.odata.literals import Key
from shared.azure_pack.subscriptions import SubscriptionState
from shared.azure_pack.vmm.machines import Machine
from shared.data_centers.gateway import Gateway, is_unreadable
from shared.data_centers.records.state import MachineWork
from shared.data_centers.rules import power
from shared.data_centers.rules.power import Goal, JobState, PowerCall
from shared.data_centers.rules.suspension import SeenMachine
from shared.data_centers.steps.claim import DataCenterClaim
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.installations.machine_states import PowerState, power_state
from shared.installations.reach.failures import refusal_problem
from shared.operations.model.models import Intent
from shared.operations.running.outcomes import Wait

MOST_OPEN: Final = 10
LOOK_AGAIN: Final = timedelta(seconds=10)


async def seen(dc: DataCenterClaim) -> tuple[SeenMachine, ...]:
    """Return the machines of the data center."""
    return await _seen_by(dc.gateway, dc)


async def _seen_by(gateway: Gateway, dc: DataCenterClaim) -> tuple[SeenMachine, ...]:
    found = await gateway.machines(dc.subscription, dc.user)
    return tuple(SeenMachine(str(one.id), str(one.stamp), one.name or str(one.id), one.status_string or "") for one in found)


async def seen_if_suspended(dc: DataCenterClaim) -> tuple[SeenMachine, ...]:
    """Return the machines, those of a suspended subscription also where `machines.via` does not show them: by the admin VMM service."""
    try:
        return await seen(dc)
    except CallFailure as failure:
        if not is_unreadable(failure) or dc.gateway.by_admin_service or not await is_suspended(dc):
            raise
        found = await _seen_by(dc.gateway.of_admin_service, dc)
        dc.use_admin_service()
        return found


async def is_suspended(dc: DataCenterClaim) -> bool:
    """Return whether Azure Pack shows the subscription as suspended."""
    found = await dc.gateway.subscription(dc.subscription)
    return found is not None and found.state is SubscriptionState.SUSPENDED


def works(machines: Sequence[tuple[str, str, str]], goal: Goal, how: PowerCall, dc: DataCenterClaim) -> tuple[MachineWork, ...]:
    """Return the work to be done with machines, each an id, the id of its stamp and a name."""
    now = dc.clock.now()
    return tuple(MachineWork(id=id_, stamp_id=stamp, name=name, goal=goal, how=how, since=now) for id_, stamp, name in machines)


@dataclass(slots=True)
class _Round:
    """One look at all machines."""

    dc: DataCenterClaim
    now: dict[str, Machine]
    limits: power.Limits


async def work_on(dc: DataCenterClaim) -> Wait | None:
    """Do what can be done now; None once every machine is as it should be, or was given up."""
    if not dc.detail.machines or all(one.ended for one in dc.detail.machines):
        return None
    found = await dc.gateway.machines(dc.subscription, dc.user)
    defaults = dc.settings.defaults
    limits = power.Limits(defaults.shutdown_timeout, defaults.machine_timeout)
    look = _Round(dc, {str(one.id): one for one in found}, limits)
    for number in range(len(dc.detail.machines)):
        one = (dc.detail.machines or ())[number]
        if not one.ended:
            _put(dc, await _one(look, one))
    done = sum(one.ended for one in dc.detail.machines or ())
    dc.percent(done, len(dc.detail.machines or ()) or 1)
    return None if done == len(dc.detail.machines or ()) else Wait(dc.clock.now() + LOOK_AGAIN)


async def _one(look: _Round, one: MachineWork) -> MachineWork:
    dc, there = look.dc, look.now.get(one.id)
    begun = _intended(dc, one)
    if begun is not None:
        return await _send(look, one, begun)
    one = await _followed(dc, one)
    state = power_state(there.status_string) if there is not None else None
    decision = power.decide(one.work, state, dc.clock.now(), look.limits)
    match decision:
        case power.Done():
            return _ended(dc, one.model_copy(update={"done": True, "gone": decision.gone}))
        case power.GiveUp():
            return _ended(dc, one.model_copy(update={"error": _given_up(one, there, stuck=decision.stuck)}))
        case power.Hold():
            return one
        case _:
            if _open(dc) >= MOST_OPEN and one.job is not JobState.OPEN:
                return one
            return await _send(look, one, decision.call)


async def _followed(dc: DataCenterClaim, one: MachineWork) -> MachineWork:
    """Read the job that is open."""
    if one.job is not JobState.OPEN or one.job_id is None or one.sent_at is None:
        return one
    key = Key(UUID(one.job_id), UUID(one.stamp_id))
    job = await dc.gateway.job(dc.subscription, dc.user, key, dc.clock.now() - one.sent_at)
    if job is None:
        return one.model_copy(update={"job": JobState.GOOD})  # VMM has forgotten it: the machine's state decides
    if not job.done:
        return one.model_copy(update={"percent": job.percent})
    error = job.error
    if error is None:
        return one.model_copy(update={"job": JobState.GOOD, "percent": 100})
    return _failed(dc, one, Problem(error.code, error.message, None, tuple(_action(error.recommended_action))))


def _action(recommended: str | None) -> list[Problem]:
    return [Problem("RecommendedAction", recommended)] if recommended else []


def _failed(dc: DataCenterClaim, one: MachineWork, problem: Problem) -> MachineWork:
    """Note that a call failed; the reason is shown where the machine is given up."""
    return one.model_copy(update={"job": JobState.FAILED, "failed_at": dc.clock.now(), "tries": one.tries + 1, "reason": problem})


def _given_up(one: MachineWork, there: Machine | None, *, stuck: bool) -> Problem:
    """Return why nothing more is done with a machine: VMM's problem and recommended action, or for how long it has not changed."""
    if stuck:
        status = there.status_string if there is not None else "missing"
        return Problem("MachineStuck", f"The machine has been '{status}' for too long.", one.name)
    if one.reason is not None:
        return Problem(one.reason.code, one.reason.message, one.name, one.reason.details)
    return Problem(ErrorCode.AZURE_PACK_REFUSED, "The machine could not be changed in three tries.", one.name)


async def _send(look: _Round, one: MachineWork, call: PowerCall) -> MachineWork:
    """Send one call, under the machine's lock; a machine that another operation works on is waited for."""
    dc, lock = look.dc, lock_of(look.dc, one)
    if await dc.tools.locks.take([lock], dc.id) is not None:
        return one
    dc.claim.hold(lock)
    there = look.now.get(one.id)
    if not dc.claim.intends(_effect(one, call)):
        dc.state.recent_task = str(there.most_recent_task) if there is not None and there.most_recent_task else ""
    before = one
    if call is not one.last:
        one = one.model_copy(update={"tries": 0})
    elif one.job is JobState.GOOD:
        one = one.model_copy(update={"tries": one.tries + 1})
    try:
        job = await _performed(dc, one, call)
    except CallFailure as failure:
        if failure.kind is FailureKind.NOT_FOUND:
            return _ended(dc, one.model_copy(update={"done": True, "gone": True}))
        if failure.kind is not FailureKind.REFUSED:
            raise
        refused = one.model_copy(update={"last": call, "sent_at": dc.clock.now(), "job_id": None})
        return _failed(dc, refused, refusal_problem(failure, before.name))
    sent = {"last": call, "sent_at": dc.clock.now(), "job_id": job, "job": JobState.OPEN if job else JobState.GOOD, "percent": 0}
    return one.model_copy(update=sent)


async def _performed(dc: DataCenterClaim, one: MachineWork, call: PowerCall) -> str | None:
    """Start the call once, and return its job."""
    key, jobs = Key(UUID(one.id), UUID(one.stamp_id)), []

    async def send() -> None:
        if call is PowerCall.DELETE:
            deletion = await dc.gateway.delete_machine(dc.subscription, dc.user, key)
            jobs.append(deletion.job)
            return
        operation = dc.settings.machines.save_operation if call is PowerCall.SAVE else str(call)
        jobs.append((await dc.gateway.operate(dc.subscription, dc.user, key, operation)).job)

    async def there(_intent: Intent) -> bool:
        found = await dc.gateway.machine(dc.subscription, dc.user, key)
        if found is None:
            return True
        recent = str(found.most_recent_task) if found.most_recent_task else ""
        if recent != (dc.state.recent_task or ""):
            jobs.append(Key(UUID(recent), key.stamp) if recent else None)
            return True
        return _shows(call, power_state(found.status_string))

    reason = "a machine that is in the wanted state refuses the call, and a look at its state and most recent job precedes each send"
    await dc.once(_effect(one, call), send, there, reason)
    job = jobs[-1] if jobs else None
    return str(job.id) if job is not None else None


def _shows(call: PowerCall, state: PowerState) -> bool:
    """Return whether a state shows that a call took effect."""
    if call in {PowerCall.START, PowerCall.RESUME}:
        return state is PowerState.RUNNING
    return call is not PowerCall.DELETE and state in {PowerState.STOPPED, PowerState.SAVED}


def _effect(one: MachineWork, call: PowerCall) -> str:
    return f"power/{one.id}/{call}"


def _intended(dc: DataCenterClaim, one: MachineWork) -> PowerCall | None:
    """Return the call whose intent was written for a machine by an earlier claim."""
    return next((call for call in PowerCall if dc.claim.intends(_effect(one, call))), None)


def _open(dc: DataCenterClaim) -> int:
    return sum(one.job is JobState.OPEN and not one.ended for one in dc.detail.machines or ())


def _ended(dc: DataCenterClaim, one: MachineWork) -> MachineWork:
    lock = lock_of(dc, one)
    if lock in dc.claim.locks:
        dc.claim.drop(lock)
    return one


def lock_of(dc: DataCenterClaim, one: MachineWork) -> str:
    """Return the lock of a machine, the same that its own operations hold."""
    return f"vm|azurePack/{dc.record.installation}/{dc.subscription}/{one.id}"


def _put(dc: DataCenterClaim, changed: MachineWork) -> None:
    dc.detail.machines = tuple(changed if one.id == changed.id else one for one in dc.detail.machines or ())
