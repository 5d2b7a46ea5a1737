"""The tick: finds all that is due, once, and only what the budget lets go."""

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta

from shared.clock import from_text, to_text
from shared.operations.model.due import entry_keys
from shared.operations.model.identity import all_partitions, partition_of
from shared.operations.model.kinds import Kinds
from shared.operations.model.models import Status
from shared.operations.model.rows import Active
from shared.operations.outside.messages import CheckMessage, StepMessage, read_check, read_step
from shared.operations.running.budgets import Observed
from shared.operations.timings import dispatch_hold
from shared.storage.tables import Change, Queues
from tests.operations.conftest import Another
from tests.operations.kit import CHECK_QUEUE, STEPS, Core, later, new

GROUP = "sub-1/read"


async def _due(core: Core, count: int, *, group: str = "", tenants: int = 1) -> list[str]:
    def due(number: int, row: Active) -> Active:
        at = to_text(core.clock.now() - timedelta(seconds=number))
        return replace(row, group=group, dispatched=False, next_at=at, status=Status.RUNNING)

    return await core.stand([new(f"due-{number}", tenant=f"tenant-{number % tenants}") for number in range(count)], due)


async def test_what_is_due_in_any_partition_is_queued_and_what_is_not_is_left(core: Core) -> None:
    ids = await _due(core, 24, tenants=24)
    assert len({partition_of(operation) for operation in ids}) > 8
    await core.write(await core.row(ids[0]), next_at=later(core.clock, seconds=1))
    ticked = await core.tick.run()
    assert (ticked.due, ticked.steps, ticked.checks) == (23, 23, 0)
    queued = [json.loads(text)["ids"] for text in await core.take(STEPS)]
    assert sorted(ids[1:]) == sorted(operation for message in queued for operation in message)


async def test_a_dispatched_row_is_held_and_comes_due_again_when_its_message_was_lost(core: Core) -> None:
    [operation] = await _due(core, 1)
    await core.tick.run()
    await core.take(STEPS)
    core.advance(minutes=4, seconds=59)
    assert (await core.tick.run()).due == 0
    core.advance(seconds=1)
    assert (await core.tick.run()).steps == 1
    assert (await core.row(operation)).dispatched


async def test_two_ticks_at_once_queue_each_row_once(core: Core, another: Another) -> None:
    ids = await _due(core, 40, tenants=8)
    ticks = await asyncio.gather(*(worker.tick.run() for worker in (core, another(), another())))
    queued = [operation for text in await core.take(STEPS) for operation in json.loads(text)["ids"]]
    assert sorted(queued) == sorted(ids)
    assert sum(ticked.steps for ticked in ticks) == 40


async def test_at_high_speed_a_row_is_held_for_thirty_seconds_of_wall_time(core: Core) -> None:
    assert dispatch_hold(0) == dispatch_hold(1) == dispatch_hold(10) == timedelta(minutes=5)
    assert dispatch_hold(3600) == timedelta(hours=30)
    core.clock.speed = 3600
    [operation] = await _due(core, 1)
    await core.tick.run()
    assert from_text((await core.row(operation)).next_at) - core.clock.now() == timedelta(hours=30)


async def test_checks_go_only_as_far_as_our_share_of_the_budget_and_the_longest_due_first(core: Core) -> None:
    ids = await _due(core, 20, group=GROUP)
    await core.budgets.observed(Observed(GROUP, 14, None, core.clock.now()))
    ticked = await core.tick.run()
    assert (ticked.due, ticked.checks, ticked.held_back) == (20, 7, 13)
    released = [operation for text in await core.take(CHECK_QUEUE) for operation in _read(text).ids]
    assert sorted(released) == sorted(ids[-7:]), "the last of these are due the longest"
    core.advance(seconds=30)
    assert (await core.tick.run()).checks == 13


def _read(text: str) -> CheckMessage:
    message = read_check(text)
    assert message is not None
    return message


async def test_steps_do_not_wait_behind_checks_that_the_budget_holds_back(core: Core) -> None:
    await _due(core, 10, group=GROUP)
    await core.budgets.observed(Observed(GROUP, None, 600, core.clock.now()))
    step = await core.accept("a step")
    await core.take(STEPS)
    await core.write(await core.row(step), next_at=later(core.clock, seconds=-1))
    ticked = await core.tick.run()
    assert (ticked.steps, ticked.checks, ticked.held_back) == (1, 0, 10)


async def test_the_part_of_a_group_before_its_hash_names_the_budget(core: Core) -> None:
    await _due(core, 3, group="sub-1/read#westeurope")
    await core.budgets.observed(Observed(GROUP, None, 600, core.clock.now()))
    assert (await core.tick.run()).held_back == 3


async def test_checks_whose_end_is_expected_go_before_those_that_are_due_longer(core: Core) -> None:
    ids = await _due(core, 20, group=GROUP)
    for number, operation in enumerate(ids):
        seen, ends = (-600, -1) if number < 3 else (-900, 600)
        times = {"seen_at": later(core.clock, seconds=seen), "ends_at": later(core.clock, seconds=ends)}
        await core.write(await core.row(operation), next_at=later(core.clock, seconds=-100 - number), **times)
    await core.budgets.observed(Observed(GROUP, 8, None, core.clock.now()))
    assert (await core.tick.run()).checks == 4
    released = {operation for text in await core.take(CHECK_QUEUE) for operation in _read(text).ids}
    assert released > set(ids[:3])


async def test_steps_that_write_wait_for_the_budget_of_writes_and_others_do_not(core: Core) -> None:
    ids = await _due(core, 6)
    for operation in ids[:4]:
        await core.write(await core.row(operation), writes="sub-1/write", next_at=later(core.clock, seconds=-1))
    await core.budgets.observed(Observed("sub-1/write", 4, None, core.clock.now()))
    assert (await core.tick.run()).steps == 4
    core.advance(seconds=30)
    assert (await core.tick.run()).steps == 2


async def test_checks_go_before_steps_that_draw_on_the_same_budget(core: Core) -> None:
    await _due(core, 3, group=GROUP)
    step = await core.accept("a step")
    await core.write(await core.row(step), writes=f"{GROUP}*5", next_at=later(core.clock, seconds=-100))
    await core.budgets.observed(Observed(GROUP, 6, None, core.clock.now()))
    assert (ticked := await core.tick.run()).checks == 3, "though the step is due longer"
    assert ticked.steps == 0
    core.advance(seconds=30)
    assert (await core.tick.run()).steps == 1


async def test_a_check_message_holds_at_most_a_hundred_ids(core: Core) -> None:
    ids = await _due(core, 120, group=GROUP)
    await core.budgets.observed(Observed(GROUP, None, 0, core.clock.now()))
    core.advance(minutes=1)  # the budget's row is there, and Farshore's share of it fills
    await core.tick.run()
    messages = [read_check(text) for text in await core.take(CHECK_QUEUE)]
    released = [message.ids for message in messages if message]
    assert sorted(len(part) for part in released) == [22, 98], "entries of their own are joined in one transaction"
    assert {operation for part in released for operation in part} == set(ids)


async def test_a_kind_that_only_a_newer_version_knows_is_left_to_its_tick(core: Core) -> None:
    ids = await _due(core, 2)
    row = await core.row(ids[0])
    (entry,) = entry_keys(row)
    await core.table.transact([Change("upsert", {**keys, "kind": "rocket"}) for keys in ({**entry, "RowKey": f"a|{row.id}"}, entry)])
    assert (await core.tick.run()).steps == 1
    assert len(await core.take(STEPS)) == 1
    assert (await core.row(ids[0])).next_at == row.next_at


async def test_what_another_app_serves_is_left_to_its_tick(core: Core) -> None:
    await _due(core, 2)
    of_games = Kinds.of([core.kinds.named("game")])
    assert (await replace(core.tick, kinds=of_games).run()).due == 0
    assert (await core.tick.run()).steps == 2


async def test_nothing_of_what_has_ended_is_left_for_a_tick(core: Core) -> None:
    for number in range(15):
        await core.accept(f"done-{number}")
    await core.work()
    assert [await core.store.due_rows.read(partition, 100) for partition in all_partitions()] == [[]] * 16
    assert (await core.tick.run()).due == 0


class _Backlog:
    """Queues whose front message was sent at a time that the test sets, the clock's own."""

    def __init__(self, real: Queues) -> None:
        self._real = real
        self.front: datetime | None = None
        self.sent: list[str] = []

    async def send(self, _queue: str, text: str) -> None:
        self.sent.append(text)

    async def oldest(self, _queue: str) -> datetime | None:
        return self.front


async def test_a_message_that_still_waits_in_a_long_queue_is_not_sent_again(core: Core) -> None:
    """The flood: more messages than are handled within the hold, of which each has been sent once."""
    first = await core.accept("first")
    core.advance(minutes=1)
    second = await core.accept("second")
    queues = _Backlog(core.account.queues)
    tick = replace(core.tick, queues=queues)  # type: ignore[arg-type]  # the part of it that a tick uses
    core.advance(minutes=10)
    queues.front = first.created_at
    for _ in range(3):
        await tick.run()
        assert queues.sent == []
        assert (await core.store.due_rows.read(partition_of(first.id), 10)) == [], "it is read by every tick"
        core.advance(minutes=6)
    queues.front = second.created_at
    await tick.run()
    assert [read_step(text) for text in queues.sent] == [StepMessage((first.id,))], "the front is younger: the first one's is lost"
    queues.sent.clear()
    core.advance(minutes=6)
    queues.front = None
    await tick.run()
    assert sorted(json.loads(text)["ids"][0] for text in queues.sent) == sorted([first.id, second.id])


async def test_a_lost_message_is_found_however_long_the_queue_stays(core: Core) -> None:
    operation = await core.accept()
    queues = _Backlog(core.account.queues)
    tick = replace(core.tick, queues=queues)  # type: ignore[arg-type]  # the part of it that a tick uses
    for _ in range(10):
        core.advance(minutes=6)
        queues.front = core.clock.now() - timedelta(minutes=20)
        await tick.run()
    assert {json.loads(text)["ids"][0] for text in queues.sent} == {operation.id}
    assert len(queues.sent) == 2, "once the front is younger than its message, and again once it is younger than that one"


async def test_the_front_of_a_queue_is_known(core: Core) -> None:
    assert await core.account.queues.oldest(STEPS) is None
    await core.accept()
    oldest = await core.account.queues.oldest(STEPS)
    assert oldest is not None
    await core.accept("two")
    assert await core.account.queues.oldest(STEPS) == oldest
