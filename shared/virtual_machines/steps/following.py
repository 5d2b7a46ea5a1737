"""How operations on machines are followed: when to read, many at once, and what a read means (docs/design/virtual-machines.md)."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from shared.arm.failures import refusal_problem
from shared.arm.ids import ResourceId
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.operations.model.rows import Active
from shared.operations.running.effects import BUSY_LIMIT
from shared.operations.running.outcomes import Checked, End, Unread, Wait
from shared.values.absence import BETWEEN_LOOKS, not_shown
from shared.virtual_machines.facts import MachineFacts, by_key
from shared.virtual_machines.gateway import MachineGateway
from shared.virtual_machines.results import ended
from shared.virtual_machines.rules.power import Provisioning
from shared.virtual_machines.state import MachineState

_FIRST = (timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=15))
_NEXT = timedelta(seconds=15)
_QUICK = timedelta(minutes=3)
_LATER = timedelta(seconds=60)
_OWN = timedelta(seconds=5)
_OTHERS = timedelta(seconds=30)
ONE_BY_ONE = 3
"""How many machines of a subscription are read one by one; of more, one list serves all."""


def group_of(subscription_id: str) -> str:
    """Return the name by which checks of a subscription are batched, and of the budget that they use."""
    return f"{subscription_id}/read"


def next_read(started: datetime, now: datetime) -> datetime:
    """Return when to read next: 5, 10 and 15 seconds after the start, then every 15, after three minutes every 60."""
    elapsed = now - started
    early = next((delay for delay in _FIRST if delay > elapsed), None)
    if early is not None:
        return started + early
    return now + (_NEXT if elapsed < _QUICK else _LATER)


async def read_all(gateway: MachineGateway, machines: Sequence[ResourceId]) -> Mapping[str, MachineFacts | CallFailure | None]:
    """Read machines by the keys of their ids: one by one, or of a subscription with more than three all in one list.

    A machine that a list does not show is read on its own before it counts as missing. A failure takes the place of what it kept from
    being read.
    """
    groups: dict[str, list[ResourceId]] = defaultdict(list)
    for machine in machines:
        groups[machine.subscription_id].append(machine)
    found: dict[str, MachineFacts | CallFailure | None] = {}
    for subscription, members in groups.items():
        listed: Mapping[str, MachineFacts] = {}
        if len(members) > ONE_BY_ONE:
            try:
                listed = by_key(await gateway.states(subscription))
            except CallFailure as failure:
                found.update({one.key: failure for one in members})
                continue
        rest = [one for one in members if one.key not in listed]
        found.update({one.key: listed[one.key] for one in members if one.key in listed})
        found.update(dict(zip([one.key for one in rest], await asyncio.gather(*(_read(gateway, one) for one in rest)), strict=True)))
    return found


Judge = Callable[[MachineState, MachineFacts | CallFailure | None], Awaitable[Checked | Unread]]
"""What a read of a machine means for the operation with that state; None is a machine that was not shown."""


async def check_each(gateway: MachineGateway, rows: Sequence[Active], judge: Judge) -> Mapping[str, Checked | Unread]:
    """Read the machines of operations, and judge each."""
    states = {row.id: state_of(row) for row in rows}
    read = await read_all(gateway, [state.target for state in states.values()])
    results = await asyncio.gather(*(judge(state, read[state.target.key]) for state in states.values()))
    return dict(zip(states, results, strict=True))


async def _read(gateway: MachineGateway, machine: ResourceId) -> MachineFacts | CallFailure | None:
    try:
        return await gateway.machine(machine)
    except CallFailure as failure:
        return failure


def unread(failure: CallFailure) -> Unread:
    """Return a check without a result."""
    return Unread(f"{failure.code}: {failure.message}", failure.retry_after, throttled=failure.asks_to_wait)


def judge_absence(state: MachineState, now: datetime, step: str) -> Checked:
    """Decide what a 404 of a machine means: read again, or hand over to `step` once it has lasted long enough."""
    state.absence = not_shown(state.absence, now)
    if not state.absence.lasts_long_enough(now):
        return Checked(at=now + BETWEEN_LOOKS, data=state.stored)
    state.failure = gone(state.target)
    return Checked(step=step, data=state.stored)


def absent(state: MachineState, now: datetime, end: Callable[[MachineState, Problem], End] = ended) -> Wait | End:
    """Return what a step does that is answered 404 for its machine: look again, or end once it has lasted long enough."""
    state.absence = not_shown(state.absence, now)
    if not state.absence.lasts_long_enough(now):
        return Wait(now + BETWEEN_LOOKS)
    return end(state, state.failure or gone(state.target))


def others_work(
    state: MachineState, facts: MachineFacts, now: datetime, end: Callable[[MachineState, Problem], End] = ended
) -> Wait | End | None:
    """Return what a step does while an operation of Azure works on the machine, None where none does.

    It waits for one of its own; for another's 30 minutes at most, then the operation ends.
    """
    if facts.power.provisioning is not Provisioning.BUSY:
        state.forget("waiting_since")
        return None
    if state.changed or state.url is not None:
        return Wait(now + _OWN)
    since = state.waiting_since = state.waiting_since or now
    if now - since < BUSY_LIMIT:
        return Wait(now + _OTHERS)
    minutes = int(BUSY_LIMIT.total_seconds() / 60)
    message = f"Another operation of Azure has worked on the machine for {minutes} minutes; its state is {facts.provisioning}. Try later."
    return end(state, Problem(ErrorCode.AZURE_REFUSED, message, str(state.target)))


async def later_error(gateway: MachineGateway, state: MachineState) -> Problem | None:
    """Return why the latest write of an operation failed after Azure had accepted it; None where it has not, or Azure gives no reason."""
    error = await gateway.error_of_operation(state.url)
    state.forget("url")
    return refusal_problem(error) if error is not None else None


def shown_region(facts: MachineFacts) -> str:
    """Return a machine's region; raises `CallFailure` IN_DOUBT where Azure does not show it now, so that it is read again."""
    if not facts.region:
        raise CallFailure(FailureKind.IN_DOUBT, code="NoLocation", message=f"Azure shows no location of {facts.id}")
    return facts.region


def gone(machine: ResourceId) -> Problem:
    """Return the problem of a machine that is no longer there."""
    return Problem(ErrorCode.NOT_FOUND, f"The virtual machine {machine} was not found in Azure.", str(machine))


def state_of(row: Active) -> MachineState:
    """Return a copy of a row's state, which a check may change."""
    return MachineState.of(dict(row.data))
