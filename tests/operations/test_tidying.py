"""A canceled operation of a kind with a step `tidying`: what it made so far is removed before it ends."""

from datetime import timedelta

import pytest

from shared.clock import to_text
from shared.errors import ErrorCode, Problem, Refused
from shared.operations.model.lists import Query
from shared.operations.model.models import Intent, Operation, Status
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import End, Next, Outcome, Wait
from tests.operations.kit import ALICE, TENANT, Core


def _removal(core: Core, thing: str) -> Effect[str]:
    world = core.toys.world

    async def send(request_id: str) -> str:
        world.sends.append(request_id)
        world.begun = [(name, sent) for name, sent in world.begun if name != thing]
        return "removed"

    async def look(_intent: Intent) -> Started[str] | Absent:
        return Absent() if world.has(thing) else Started("removed")

    return Effect(f"remove {thing}", send, look, "a removal of what is gone changes nothing")


async def _tidying(core: Core, claim: Claim) -> Outcome:
    for thing in ("adapter", "machine"):
        if core.toys.world.has(thing):
            await claim.perform(_removal(core, thing))
    return End(Status.CANCELED, result={"left": [name for name, _ in core.toys.world.begun]})


def _steps(core: Core, *, then: Outcome | None = None) -> None:
    """Let a game make an adapter, wait, and make a machine, its own effect."""

    async def starting(claim: Claim) -> Outcome:
        await claim.perform(core.toys.world.effect("adapter", preparation=True))
        return Wait(core.clock.now() + timedelta(minutes=1), step="creating") if then is None else then

    async def creating(claim: Claim) -> Outcome:
        await claim.perform(core.toys.world.effect("machine"))
        return End(Status.SUCCEEDED)

    async def tidying(claim: Claim) -> Outcome:
        return await _tidying(core, claim)

    core.toys.steps |= {"starting": starting, "creating": creating, "tidying": tidying}


async def _game(core: Core) -> Operation:
    return await core.accept(kind="game", action="play")


async def test_what_a_canceled_operation_made_is_removed_before_it_ends(core: Core) -> None:
    _steps(core)
    operation = await _game(core)
    await core.work()
    assert core.toys.world.has("adapter")
    await core.commands.cancel(operation, ALICE)
    await core.work()
    ended = await core.get(operation)
    assert (ended.status, ended.action, ended.result) == (Status.CANCELED, "play", {"left": []})
    assert not core.toys.world.begun


async def test_it_runs_until_its_tidying_is_done_and_takes_no_cancellation_for_its_effects(core: Core) -> None:
    _steps(core)
    removed: list[bool] = []

    async def tidying(claim: Claim) -> Outcome:
        if not removed:
            removed.append(True)
            return Wait(core.clock.now() + timedelta(minutes=3), attention=("NotTidied", "The adapter is reserved."))
        return await _tidying(core, claim)

    core.toys.steps["tidying"] = tidying
    operation = await _game(core)
    await core.work()
    await core.commands.cancel(operation, ALICE)
    await core.work()
    shown = await core.get(operation)
    assert (shown.status, shown.step, shown.attention and shown.attention.code) == (Status.RUNNING, "tidying", "NotTidied")
    await core.go_on(minutes=3)
    assert ((await core.get(operation)).status, core.toys.world.begun) == (Status.CANCELED, [])


async def test_a_cancellation_waits_until_no_effect_of_before_can_arrive(core: Core) -> None:
    _steps(core)
    core.toys.world.script = ["late"]
    operation = await _game(core)
    await core.work()
    await core.commands.cancel(operation, ALICE)
    await core.work()
    assert (await core.get(operation)).step == "starting", "the adapter's request may still arrive"
    core.toys.world.land()
    await core.go_on(minutes=10)
    assert ((await core.get(operation)).status, core.toys.world.begun) == (Status.CANCELED, [])


async def test_a_crash_while_tidying_is_tidied_on(core: Core) -> None:
    _steps(core)
    operation = await _game(core)
    await core.work()
    await core.commands.cancel(operation, ALICE)
    row = await core.row(operation)
    gone = Intent("remove adapter", "id", at=to_text(core.clock.now()), last=to_text(core.clock.now()), own=False)
    await core.write(row, step="tidying", intent=gone, dispatched=True)
    await core.work()
    assert ((await core.get(operation)).status, core.toys.world.begun) == (Status.CANCELED, [])


async def test_a_refused_operation_goes_to_its_tidying_by_itself(core: Core) -> None:
    _steps(core, then=Next("tidying"))

    async def tidying(claim: Claim) -> Outcome:
        await _tidying(core, claim)
        return End(Status.FAILED, Problem("AllocationFailed", "There is no room."), {"left": []})

    core.toys.steps["tidying"] = tidying
    operation = await _game(core)
    await core.work()
    ended = await core.get(operation)
    assert (ended.status, ended.error and ended.error.code, core.toys.world.begun) == (Status.FAILED, "AllocationFailed", [])


async def test_after_the_own_effect_there_is_nothing_to_tidy(core: Core) -> None:
    _steps(core)

    async def cancel() -> None:
        if core.toys.world.has("adapter"):
            with pytest.raises(Refused) as refused:
                await core.commands.cancel(operation, ALICE)
            assert refused.value.code is ErrorCode.ALREADY_STARTED

    core.toys.world.before_send = cancel
    operation = await _game(core)
    await core.work()
    await core.go_on(minutes=1)
    assert (await core.get(operation)).status is Status.SUCCEEDED
    assert core.toys.world.has("machine")


async def test_a_canceled_kind_without_tidying_ends_at_once(core: Core) -> None:
    operation = await core.accept()
    await core.commands.cancel(operation, ALICE)
    await core.work()
    ended = await core.get(operation)
    assert (ended.status, ended.action, ended.result) == (Status.CANCELED, None, None)


async def test_action_and_result_are_in_answer_list_and_event(core: Core) -> None:
    async def starting(_claim: Claim) -> Outcome:
        return End(Status.SUCCEEDED, result={"changed": True, "kept": []})

    core.toys.steps["starting"] = starting
    operation = await _game(core)
    before = (await core.lists.page(Query(TENANT, ("game",)), 10, None)).operations[0]
    assert (before.action, before.result) == ("play", None)
    await core.work()
    ended = await core.get(operation)
    listed = (await core.lists.page(Query(TENANT, ("game",)), 10, None)).operations[0]
    for shown in (ended, listed):
        assert (shown.action, shown.result) == ("play", {"changed": True, "kept": []})
    (event,) = await core.outcomes()
    assert (event["data"]["action"], event["data"]["result"]) == ("play", {"changed": True, "kept": []})
