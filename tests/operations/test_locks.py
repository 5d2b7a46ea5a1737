"""Locks: two operations never work on one thing at once, and none is locked for ever."""

import asyncio
from datetime import timedelta

from shared.operations.accepting.locks import Held
from shared.operations.model.models import Status
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import End, Outcome, Wait
from tests.operations.conftest import Another
from tests.operations.kit import Core

ONE, TWO = "b" * 26, "c" * 26


async def test_a_lock_is_one_operations_until_it_is_given_back(core: Core) -> None:
    assert await core.locks.take(["vm"], ONE) is None
    assert await core.locks.take(["vm"], TWO) == Held("vm", ONE)
    await core.locks.release(["vm"], TWO)
    assert await core.locks.take(["vm"], TWO) == Held("vm", ONE), "nobody gives back what is another's"
    await core.locks.release(["vm"], ONE)
    await core.locks.release(["vm"], ONE)
    assert await core.locks.take(["vm"], TWO) is None


async def test_a_lock_that_names_our_own_id_is_ours(core: Core) -> None:
    assert await core.locks.take(["vm"], ONE) is None
    assert await core.locks.take(["vm"], ONE) is None
    assert await core.locks.holder(["vm"], ONE) is None
    assert await core.locks.holder(["vm"]) == Held("vm", ONE)


async def test_locks_are_taken_all_or_none(core: Core) -> None:
    await core.locks.take(["b"], ONE)
    assert await core.locks.take(["c", "b", "a"], TWO) == Held("b", ONE)
    assert await core.locks.holder(["a", "c"]) is None


async def test_two_that_want_the_same_locks_in_another_order_never_both_lose_for_ever(core: Core, another: Another) -> None:
    names = [f"item-{number}" for number in range(6)]
    other = another()

    async def until_taken(worker: Core, owner: str, wanted: list[str]) -> None:
        while await worker.locks.take(wanted, owner) is not None:  # noqa: ASYNC110  # what it waits for is a row in storage
            await asyncio.sleep(0)
        await worker.locks.release(wanted, owner)

    async with asyncio.timeout(30):
        await asyncio.gather(until_taken(core, ONE, names), until_taken(other, TWO, names[::-1]))


async def test_of_many_who_want_a_lock_at_once_one_gets_it(core: Core, another: Another) -> None:
    workers = [core, another(), another()]
    results = await asyncio.gather(*(workers[turn % 3].locks.take(["vm"], f"{turn:02d}".translate(_LETTERS) * 13) for turn in range(12)))
    assert results.count(None) == 1


_LETTERS = str.maketrans("0123456789", "abcdefghij")


async def test_a_lock_whose_operation_was_never_accepted_is_free_after_two_minutes_of_wall_time(core: Core) -> None:
    await core.locks.take(["vm"], ONE)
    core.clock.advance_azure(timedelta(days=1))
    core.clock.advance_wall(timedelta(seconds=119))
    assert await core.locks.take(["vm"], TWO) == Held("vm", ONE)
    core.clock.advance_wall(timedelta(seconds=1))
    assert await core.locks.holder(["vm"]) is None
    assert await core.locks.take(["vm"], TWO) is None
    assert await core.locks.take(["vm"], ONE) == Held("vm", TWO)


async def test_of_two_who_take_a_dead_lock_over_at_once_one_gets_it(core: Core, another: Another) -> None:
    await core.locks.take(["vm"], ONE)
    core.clock.advance_wall(timedelta(minutes=3))
    owners = [letter * 26 for letter in "cdefgh"]
    workers = [core, another()]
    results = await asyncio.gather(*(workers[turn % 2].locks.take(["vm"], owner) for turn, owner in enumerate(owners)))
    assert results.count(None) == 1
    assert {result.owner for result in results if result} == {owners[results.index(None)]}


async def test_an_operation_holds_its_locks_for_as_long_as_it_runs(core: Core) -> None:
    operation = await core.accept(locks=("item",))
    core.advance(days=40)
    assert await core.locks.take(["item"], TWO) == Held("item", operation.id)
    await core.work()
    assert await core.locks.take(["item"], TWO) is None


async def test_a_lock_for_one_step_is_free_after_it_and_not_before(core: Core) -> None:
    seen = []

    async def starting(claim: Claim) -> Outcome:
        assert await core.locks.take(["vm"], claim.id) is None
        claim.hold("vm")
        return Wait(core.clock.now() + timedelta(minutes=10), step="made")

    async def made(claim: Claim) -> Outcome:
        claim.drop("vm")
        seen.append(await core.locks.holder(["vm"]))
        return Wait(core.clock.now() + timedelta(days=1), step="late")

    async def late(_claim: Claim) -> Outcome:
        return End(Status.SUCCEEDED)

    core.toys.steps |= {"starting": starting, "made": made, "late": late}
    operation = await core.accept()
    await core.work()
    assert (await core.row(operation)).locks == ("vm",)
    await core.go_on(minutes=10)
    assert seen == [Held("vm", operation.id)]
    assert (await core.row(operation)).locks == ()
    assert await core.locks.take(["vm"], TWO) is None
    core.clock.advance_azure(timedelta(days=1))
    await core.go_on()
    assert (await core.get(operation)).status is Status.SUCCEEDED
    assert await core.locks.holder(["vm"]) == Held("vm", TWO), "its end releases what it holds, not what it once held"


async def test_a_lock_that_its_operation_no_longer_lists_is_free_though_it_was_not_given_back(core: Core) -> None:
    operation = await core.accept(locks=("vm",))
    row = await core.row(operation)
    await core.write(row, locks=())  # and then the process died
    core.clock.advance_wall(timedelta(minutes=2))
    assert await core.locks.take(["vm"], TWO) is None
