"""Claims: one worker at a time, takeover of a dead one, and a paused one that does no more harm."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.clock import to_text
from shared.operations.model.models import Status
from shared.operations.model.rows import Active
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import End, Next, Outcome, Wait
from shared.storage.tables import Conflict
from tests.operations.conftest import Another
from tests.operations.kit import Core


class Killed(BaseException):
    """The process dies here."""


async def _killed(_claim: Claim) -> Outcome:
    raise Killed


async def test_of_many_workers_that_look_at_once_one_runs_the_step(core: Core, another: Another) -> None:
    runs: list[str] = []

    async def starting(claim: Claim) -> Outcome:
        runs.append(claim.row.nonce)
        await asyncio.sleep(0.05)  # the others try meanwhile
        return End(Status.SUCCEEDED)

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    workers = [core, *(another() for _ in range(4))]
    await asyncio.gather(*(worker.runner.run(operation.id) for worker in workers for _ in range(3)))
    assert len(runs) == 1
    assert await core.published() == ["terminal"]


async def test_a_doubled_message_finds_nothing_to_do(core: Core) -> None:
    waits = 0

    async def starting(_claim: Claim) -> Outcome:
        nonlocal waits
        waits += 1
        return Wait(core.clock.now() + timedelta(hours=1))

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    await core.runner.run(operation.id)
    before = await core.row(operation)
    await core.runner.run(operation.id)
    assert waits == 1
    assert await core.row(operation) == before
    await core.runner.run("a" * 26)


async def test_a_dead_workers_operation_is_taken_over_fifteen_seconds_after_its_lease_ends(core: Core, another: Another) -> None:
    core.toys.steps["starting"] = _killed
    operation = await core.accept()
    with pytest.raises(Killed):
        await core.runner.run(operation.id)
    del core.toys.steps["starting"]
    worker = another()
    core.clock.advance_wall(timedelta(seconds=104.9))
    await worker.runner.run(operation.id)
    assert (await core.get(operation)).status is Status.RUNNING
    core.clock.advance_wall(timedelta(seconds=0.1))
    await worker.runner.run(operation.id)
    assert (await core.get(operation)).status is Status.SUCCEEDED


async def test_a_dead_workers_operation_comes_due_by_itself(core: Core) -> None:
    core.toys.steps["starting"] = _killed
    operation = await core.accept()
    with pytest.raises(Killed):
        await core.work()
    del core.toys.steps["starting"]
    await core.go_on(minutes=5)
    assert (await core.get(operation)).status is Status.SUCCEEDED


@pytest.mark.parametrize("end", ["wait", "end", "send"])
async def test_a_worker_paused_beyond_its_lease_writes_and_sends_nothing_more(core: Core, another: Another, end: str) -> None:
    paused, go_on = asyncio.Event(), asyncio.Event()

    async def starting(claim: Claim) -> Outcome:
        paused.set()
        await go_on.wait()
        claim.data["by"] = "the paused one"
        if end == "send":
            await claim.perform(core.toys.world.effect("thing"))
        return End(Status.FAILED) if end == "end" else Wait(core.clock.now())

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    asleep = asyncio.create_task(core.runner.run(operation.id))
    await paused.wait()
    core.advance(seconds=106)

    async def meanwhile(_claim: Claim) -> Outcome:
        return Wait(core.clock.now() + timedelta(hours=1))

    core.toys.steps["starting"] = meanwhile
    await another().runner.run(operation.id)
    before = await core.row(operation)
    go_on.set()
    await asleep
    assert await core.row(operation) == before
    assert core.toys.world.sends == []
    assert await core.outcomes() == []


async def test_a_worker_that_is_slow_but_still_owns_its_operation_goes_on(core: Core) -> None:
    async def starting(claim: Claim) -> Outcome:
        core.advance(seconds=104)
        await claim.perform(core.toys.world.effect("thing"))
        return End(Status.SUCCEEDED)

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    await core.work()
    assert (await core.get(operation)).status is Status.SUCCEEDED


@pytest.mark.parametrize("repeatable", [True, False])
async def test_nothing_is_sent_when_writing_the_intent_took_too_much_of_the_lease(core: Core, repeatable: bool) -> None:
    core.toys.repeatable = repeatable
    save = core.store.save

    async def slow(row: Active, **options: Any) -> Active:
        saved = await save(row, **options)
        if row.intent is not None and not core.toys.world.sends:
            core.clock.advance_wall(timedelta(seconds=46))
        return saved

    core.store.save = slow  # type: ignore[method-assign]  # the storage is real, the pause is not
    operation = await core.accept()
    await core.runner.run(operation.id)
    assert core.toys.world.sends == []
    assert (await core.row(operation)).intent is None, "nothing is in doubt, as nothing was sent"
    core.store.save = save  # type: ignore[method-assign]
    await core.go_on(seconds=1)
    assert len(core.toys.world.begun) == 1
    assert (await core.get(operation)).status is Status.SUCCEEDED


async def test_all_steps_that_are_ready_run_under_one_claim(core: Core) -> None:
    nonces = []

    async def starting(claim: Claim) -> Outcome:
        nonces.append(claim.row.nonce)
        claim.data["steps"] = len(nonces)
        return Next("starting") if len(nonces) < 6 else End(Status.SUCCEEDED)

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    assert await core.work() == 1
    assert (await core.get(operation)).status is Status.SUCCEEDED
    assert len(nonces) == 6
    assert len(set(nonces)) == 1


async def test_steps_that_never_come_to_rest_give_other_operations_a_turn(core: Core) -> None:
    runs = 0

    async def starting(_claim: Claim) -> Outcome:
        nonlocal runs
        runs += 1
        return Next("starting")

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    await core.work()
    assert 1 < runs <= 50
    assert not (await core.row(operation)).lease_until, "it is free for whoever looks next"


async def test_what_a_step_learns_is_there_for_the_next_and_shown(core: Core) -> None:
    async def starting(claim: Claim) -> Outcome:
        claim.data["for"] = "scheduling"
        claim.detail["disks"] = [{"id": "a", "text": "ä" * 70_000}]
        claim.percent = 40
        return Wait(core.clock.now(), step="resumed")

    async def resumed(claim: Claim) -> Outcome:
        assert claim.data == {"for": "scheduling"}
        assert len(str(claim.detail["disks"])) > 70_000
        return End(Status.SUCCEEDED)

    core.toys.steps |= {"starting": starting, "resumed": resumed}
    operation = await core.accept()
    await core.runner.run(operation.id)
    shown = await core.get(operation)
    assert (shown.step, shown.percent_complete, list(shown.detail)) == ("resumed", 40, ["disks"])
    await core.go_on(seconds=1)
    ended = await core.get(operation)
    assert (ended.status, ended.percent_complete, list(ended.detail)) == (Status.SUCCEEDED, 100, ["disks"])


async def test_who_wants_it_looked_at_sooner_is_not_overwritten_by_a_step_that_decides_to_wait(core: Core) -> None:
    async def starting(claim: Claim) -> Outcome:
        row = await core.row(claim.id)
        await core.write(row, next_at=to_text(core.clock.now() + timedelta(minutes=1)))
        return Wait(core.clock.now() + timedelta(hours=1))

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    await core.work()
    assert (await core.row(operation)).next_at == to_text(core.clock.now() + timedelta(minutes=1))


async def test_an_old_etag_never_writes(core: Core) -> None:
    operation = await core.accept()
    row = await core.row(operation)
    await core.write(row, percent=10)
    with pytest.raises(Conflict):
        await core.write(row, percent=20)
    assert (await core.row(operation)).percent == 10
