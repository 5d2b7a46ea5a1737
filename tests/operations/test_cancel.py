"""Cancel and intent: whichever lands first wins, in both orders and at once."""

import asyncio
import json
from datetime import timedelta

import pytest

from shared.errors import ErrorCode, Refused
from shared.operations.model.models import Status
from shared.operations.model.rows import Active
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import End, Follow, Outcome, Wait
from tests.operations.conftest import Another
from tests.operations.kit import ALICE, STEPS, Core
from tests.operations.test_claims import Killed


async def test_a_cancel_before_the_first_step_ends_it_without_any_effect(core: Core) -> None:
    operation = await core.accept()
    shown = await core.commands.cancel(operation, ALICE)
    assert shown.cancel_requested
    await core.work()
    ended = await core.get(operation)
    assert (ended.status, ended.cancel_requested) == (Status.CANCELED, True)
    assert core.toys.world.sends == []
    assert [event["type"] for event in await core.outcomes()] == ["farshore.toy.canceled"]


async def test_a_cancel_that_lands_before_the_intent_wins(core: Core) -> None:
    async def starting(claim: Claim) -> Outcome:
        await core.commands.cancel(operation, ALICE)
        await claim.perform(core.toys.world.effect("thing"))
        raise AssertionError("it must not get here")

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    await core.work()
    assert (await core.get(operation)).status is Status.CANCELED
    assert core.toys.world.sends == []


async def test_a_cancel_after_the_intent_is_refused_and_the_start_goes_on(core: Core) -> None:
    refusals: list[ErrorCode] = []

    async def cancel() -> None:
        with pytest.raises(Refused) as refused:
            await core.commands.cancel(operation, ALICE)
        refusals.append(refused.value.code)

    core.toys.world.before_send = cancel
    operation = await core.accept()
    await core.work()
    assert refusals == [ErrorCode.ALREADY_STARTED]
    ended = await core.get(operation)
    assert (ended.status, ended.cancel_requested) == (Status.SUCCEEDED, False)


async def test_cancel_and_start_at_once_agree_on_who_was_first(core: Core, another: Another) -> None:
    operations = [await core.accept(f"race-{number}") for number in range(8)]
    refusals: set[ErrorCode] = set()
    worker = another()

    async def cancel(number: int) -> bool:
        await asyncio.sleep(0.002 * number)
        try:
            await core.commands.cancel(operations[number], ALICE)
        except Refused as refused:
            refusals.add(refused.code)
            return False
        return True

    canceled, _ = await asyncio.gather(
        asyncio.gather(*(cancel(number) for number in range(8))),
        asyncio.gather(*(worker.runner.run(operation.id) for operation in operations)),
    )
    await core.work()
    assert refusals <= {ErrorCode.ALREADY_STARTED, ErrorCode.ALREADY_ENDED}
    for operation, was_canceled in zip(operations, canceled, strict=True):
        ended = await core.get(operation)
        assert ended.status is (Status.CANCELED if was_canceled else Status.SUCCEEDED)
        assert core.toys.world.has(f"thing-{operation.id}") is not was_canceled


async def test_a_preparation_does_not_refuse_a_cancel(core: Core) -> None:
    async def starting(claim: Claim) -> Outcome:
        await claim.perform(core.toys.world.effect("collection", preparation=True))
        await core.commands.cancel(operation, ALICE)
        await claim.perform(core.toys.world.effect("thing"))
        raise AssertionError("it must not get here")

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    await core.work()
    assert (await core.get(operation)).status is Status.CANCELED
    assert [thing for thing, _ in core.toys.world.begun] == ["collection"]


async def test_a_preparation_in_doubt_does_not_refuse_a_cancel_either(core: Core) -> None:
    async def starting(claim: Claim) -> Outcome:
        await claim.perform(core.toys.world.effect("collection", preparation=True))
        return End(Status.SUCCEEDED)

    core.toys.steps["starting"] = starting
    core.toys.world.script = ["lost"]
    operation = await core.accept()
    await core.work()
    await core.commands.cancel(operation, ALICE)
    await core.work()
    assert (await core.get(operation)).status is Status.CANCELED


async def test_a_start_in_doubt_refuses_a_cancel(core: Core) -> None:
    core.toys.world.script = ["lost"]
    operation = await core.accept()
    await core.work()
    with pytest.raises(Refused) as refused:
        await core.commands.cancel(operation, ALICE)
    assert refused.value.code is ErrorCode.ALREADY_STARTED


@pytest.mark.parametrize("refusal", ["throttled", "conflict"])
async def test_after_a_definite_refusal_it_can_be_canceled_again(core: Core, refusal: str) -> None:
    async def starting(claim: Claim) -> Outcome:
        try:
            await claim.perform(core.toys.world.effect("thing"))
        except Exception as error:
            if isinstance(error, AssertionError) or type(error).__name__ != "CallFailure":
                raise
        return Wait(core.clock.now() + timedelta(hours=1))

    core.toys.steps["starting"] = starting
    core.toys.world.script = [refusal]  # type: ignore[list-item]  # one of the behaviours
    operation = await core.accept()
    await core.work()
    await core.commands.cancel(operation, ALICE)
    await core.work()
    assert (await core.get(operation)).status is Status.CANCELED


async def test_a_cancel_while_it_is_being_followed_before_its_start_is_heeded(core: Core) -> None:
    async def starting(_claim: Claim) -> Outcome:
        return Follow(core.clock.now() + timedelta(hours=1), "sub-1/read")

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    await core.work()
    await core.commands.cancel(operation, ALICE)
    await core.take(STEPS)  # the hint is lost
    await core.go_on(minutes=5)
    assert (await core.get(operation)).status is Status.CANCELED


async def test_canceling_twice_is_answered_alike(core: Core) -> None:
    operation = await core.accept()
    await core.commands.cancel(operation, ALICE)
    assert (await core.commands.cancel(await core.get(operation), ALICE)).cancel_requested
    await core.work()
    assert (await core.commands.cancel(operation, ALICE)).status is Status.CANCELED, "also when it has ended meanwhile"
    assert (await core.commands.cancel(await core.get(operation), ALICE)).status is Status.CANCELED


async def test_what_has_ended_otherwise_cannot_be_canceled_or_retried_and_the_answer_states_how_it_ended(core: Core) -> None:
    operation = await core.accept()
    await core.work()
    for command in (core.commands.cancel, core.commands.retry):
        with pytest.raises(Refused) as refused:
            await command(operation, ALICE)
        assert refused.value.code is ErrorCode.ALREADY_ENDED
        assert "Succeeded" in refused.value.problem.message


async def test_a_cancel_survives_the_death_of_the_worker_that_had_claimed_it(core: Core) -> None:
    async def starting(_claim: Claim) -> Outcome:
        raise Killed

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    with pytest.raises(Killed):
        await core.work()
    await core.commands.cancel(operation, ALICE)
    await core.work()
    assert (await core.get(operation)).status is Status.RUNNING, "the lease is still another's"
    await core.go_on(minutes=5)
    assert (await core.get(operation)).status is Status.CANCELED


async def test_a_persons_input_reaches_the_next_step_once(core: Core) -> None:
    taken = []

    async def starting(claim: Claim) -> Outcome:
        taken.append(claim.take_input())
        return Wait(core.clock.now() + timedelta(hours=1)) if taken[-1] is None else End(Status.SUCCEEDED)

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    await core.work()
    await core.commands.submit_input(operation, {"approve": "yes"}, lambda _row: None)
    await core.work()
    assert taken == [None, {"approve": "yes"}]


async def test_an_input_that_comes_while_a_step_runs_is_kept_for_the_next(core: Core) -> None:
    taken = []

    async def starting(claim: Claim) -> Outcome:
        taken.append(claim.take_input())
        if len(taken) == 1:
            await core.commands.submit_input(operation, {"resume": True}, lambda _row: None)
        return Wait(core.clock.now() + timedelta(hours=1))

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    await core.work()
    await core.go_on()
    assert taken == [None, {"resume": True}], "at the next tick, whatever the step waits for"


async def test_an_input_that_comes_between_two_writes_of_a_step_is_heeded_at_the_next_tick(core: Core) -> None:
    taken = []

    async def starting(claim: Claim) -> Outcome:
        taken.append(claim.take_input())
        if len(taken) == 1:
            await core.commands.submit_input(operation, {"resume": True}, lambda _row: None)
            await claim.perform(core.toys.world.effect("collection", preparation=True))
        return Wait(core.clock.now() + timedelta(hours=1))

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    await core.work()
    await core.go_on()
    assert taken == [None, {"resume": True}]


async def test_an_input_for_what_checks_follow_is_delivered_by_a_step_even_when_its_hint_is_lost(core: Core) -> None:
    taken = []

    async def starting(claim: Claim) -> Outcome:
        taken.append(claim.take_input())
        return Follow(core.clock.now() + timedelta(hours=1), "sub-1/read")

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    await core.work()
    await core.commands.submit_input(operation, {"resume": True}, lambda _row: None)
    await core.take(STEPS)
    await core.go_on(minutes=5)
    assert taken == [None, {"resume": True}]


async def test_an_input_that_the_row_does_not_wait_for_is_refused_and_leaves_nothing(core: Core) -> None:
    def guard(_row: Active) -> None:
        raise Refused(ErrorCode.ALREADY_STARTED, "nobody asked")

    operation = await core.accept()
    before = await core.row(operation)
    with pytest.raises(Refused):
        await core.commands.submit_input(operation, {"approve": "yes"}, guard)
    assert await core.row(operation) == before


async def test_retry_looks_now_whatever_it_waits_for(core: Core) -> None:
    looks = 0

    async def starting(_claim: Claim) -> Outcome:
        nonlocal looks
        looks += 1
        return Wait(core.clock.now() + timedelta(days=1))

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    await core.work()
    await core.commands.retry(operation, ALICE)
    assert [json.loads(text)["ids"] for text in await core.take(STEPS)] == [[operation.id]]
    await core.runner.run(operation.id)
    assert looks == 2
