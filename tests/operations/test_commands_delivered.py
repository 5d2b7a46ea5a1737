"""Who canceled an operation, or had it looked at again: its workflow receives it before anything comes of it, also over a death."""

from datetime import timedelta

import pytest

from shared.errors import ErrorCode, Refused
from shared.operations.model.models import Actor, Command, Status
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import Follow, Outcome, Wait
from tests.operations.kit import ALICE, STEPS, Core

BOB = Actor("app", "bob", "Bob")


class Killed(BaseException):
    """The process dies here."""


def waiting(core: Core) -> None:
    async def starting(_claim: Claim) -> Outcome:
        return Wait(core.clock.now() + timedelta(days=1))

    core.toys.steps["starting"] = starting


async def test_a_cancellation_is_delivered_before_the_end_with_its_first_author(core: Core) -> None:
    waiting(core)
    operation = await core.accept()
    await core.work()
    released: list[int] = []
    core.toys.while_delivering = lambda: released.append(len(core.toys.releases))
    await core.commands.cancel(operation, ALICE)
    await core.commands.cancel(operation, BOB)
    await core.work()
    assert (await core.get(operation)).status is Status.CANCELED
    assert [(one.command, one.by) for one in core.toys.delivered] == [(Command.CANCEL, ALICE)]
    assert released == [0]


async def test_each_retry_is_delivered_and_the_row_forgets_it(core: Core) -> None:
    waiting(core)
    operation = await core.accept()
    await core.work()
    for by in (ALICE, BOB, ALICE):
        await core.commands.retry(operation, by)
        await core.work()
    assert [(one.command, one.by) for one in core.toys.delivered] == [(Command.RETRY, by) for by in (ALICE, BOB, ALICE)]
    assert len({one.id for one in core.toys.delivered}) == 3
    assert (await core.row(operation)).pending_commands == ()


async def test_a_command_that_is_repeated_before_its_delivery_is_one_command(core: Core) -> None:
    waiting(core)
    operation = await core.accept()
    await core.work()
    for by in (ALICE, ALICE, BOB, ALICE):
        await core.commands.retry(operation, by)
    await core.work()
    assert [one.by for one in core.toys.delivered] == [ALICE, BOB]


@pytest.mark.parametrize("command", list(Command))
async def test_a_death_during_the_delivery_of_a_command_delivers_it_again_under_the_same_id(core: Core, command: Command) -> None:
    waiting(core)
    operation = await core.accept()
    await core.work()
    await (core.commands.cancel if command is Command.CANCEL else core.commands.retry)(operation, ALICE)

    def die() -> None:
        raise Killed

    core.toys.while_delivering = die
    with pytest.raises(Killed):
        await core.work()
    assert (await core.get(operation)).status is Status.RUNNING, "nothing comes of it before it is heard"
    core.toys.while_delivering = lambda: None
    await core.go_on(minutes=5)
    assert len(core.toys.delivered) >= 2
    assert {(one.command, one.by) for one in core.toys.delivered} == {(command, ALICE)}
    assert len({one.id for one in core.toys.delivered}) == 1


async def test_a_command_that_comes_while_a_step_runs_is_delivered_next(core: Core) -> None:
    looks = 0

    async def starting(_claim: Claim) -> Outcome:
        nonlocal looks
        looks += 1
        if looks == 1:
            await core.commands.retry(operation, ALICE)
        return Wait(core.clock.now() + timedelta(days=1))

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    await core.work()
    await core.go_on()
    assert ([one.by for one in core.toys.delivered], looks) == ([ALICE], 2)
    assert (await core.row(operation)).pending_commands == ()


async def test_a_command_that_comes_while_the_last_step_ends_is_delivered_before_the_end_is_reported(core: Core) -> None:
    world = core.toys.world

    async def said_meanwhile() -> None:
        await core.commands.retry(operation, BOB)

    world.before_send = said_meanwhile
    operation = await core.accept()
    await core.work()
    assert (await core.get(operation)).status is Status.SUCCEEDED
    assert [one.by for one in core.toys.delivered] == [BOB]


async def test_a_retry_of_what_checks_follow_is_delivered_even_when_its_hint_is_lost(core: Core) -> None:
    async def starting(_claim: Claim) -> Outcome:
        return Follow(core.clock.now() + timedelta(hours=1), "sub-1/read")

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    await core.work()
    await core.commands.retry(operation, ALICE)
    await core.take(STEPS)
    await core.go_on(minutes=5)
    assert [one.by for one in core.toys.delivered] == [ALICE]


async def test_a_command_that_is_refused_is_not_delivered(core: Core) -> None:
    operation = await core.accept()
    await core.work()
    for command in (core.commands.cancel, core.commands.retry):
        with pytest.raises(Refused) as refused:
            await command(operation, ALICE)
        assert refused.value.code is ErrorCode.ALREADY_ENDED
    assert core.toys.delivered == []
