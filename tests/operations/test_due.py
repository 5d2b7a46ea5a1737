"""The index of due rows: each active row has one entry, and a tick reads no other row."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import from_text, to_text
from shared.operations.model import due
from shared.operations.model.due import entry_keys
from shared.operations.model.identity import all_partitions
from shared.operations.model.models import Status
from shared.operations.model.rows import Active
from shared.operations.outside.messages import read_check
from shared.operations.running.budgets import Observed
from shared.operations.running.outcomes import Checked
from shared.operations.running.tick import Sweeps
from shared.storage.tables import Change, Found
from tests.operations.conftest import Another
from tests.operations.kit import ALICE, CHECK_QUEUE, STEPS, Core, later, new
from tests.support.clocks import START
from tests.support.storage_proxy import AnswerStatus, Rule, StorageProxy

HOLD = timedelta(minutes=5)


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(-120, 4000), st.booleans(), st.sampled_from(["", "sub-1/read"]), st.integers(1, 2)),
        max_size=12,
    )
)
def test_a_row_has_one_entry_that_is_never_late(writes: list[tuple[int, int, bool, str, int]]) -> None:
    """Whatever is written, at whatever time: each write is (passed seconds, wait, dispatched, group, version)."""
    row = Active("b" * 26, "toy", "contoso", "", "", Status.RUNNING, "starting", to_text(START))
    there: dict[str, Change] = {}
    now = START
    for passed, wait, dispatched, group, version in writes:
        now += timedelta(seconds=passed)
        row = replace(row, next_at=to_text(now + timedelta(seconds=wait)), dispatched=dispatched, group=group, version=version)
        row, changes = due.scheduled(row, now, HOLD)
        for change in changes:
            key = str(change.entity["RowKey"])
            if change.kind == "delete":
                del there[key]
            else:
                there[key] = change
        ((key, change),) = there.items()
        assert [keys["RowKey"] for keys in entry_keys(row)] == [key]
        assert (change.entity["group"], change.entity["v"], change.entity["kind"]) == (group, version, "toy")
        early = from_text(row.next_at) - from_text(key.split("|")[1])
        assert timedelta() <= early <= (HOLD / 5 if dispatched else timedelta())
        assert due.scheduled(row, now, HOLD) == (row, [])


@given(st.lists(st.tuples(st.integers(-60, 20_000), st.sampled_from(["sub-1/read", "sub-2/read"])), max_size=130))
def test_rows_that_share_an_entry_are_all_due_by_its_time_and_none_long_before(waits: list[tuple[int, str]]) -> None:
    rows = [
        Active(f"b{number:025d}", "toy", "contoso", "", "", Status.RUNNING, "x", to_text(START + timedelta(seconds=wait)), group=group)
        for number, (wait, group) in enumerate(waits)
    ]
    marked, entries = due.together(rows, START, iter(map(str, range(1000))))
    by_id = {row.id: row for row in rows}
    assert sorted(operation for entry in entries for operation in entry.ids) == sorted(by_id) == sorted(row.id for row in marked)
    for entry in entries:
        assert 0 < len(entry.ids) <= due.MOST_IDS
        groups = {one.id: one.group for one in entry.waiting}
        assert due.read(Found(dict(due.written(entry).entity), "")).waiting == entry.waiting, "as it is stored"
        for row in (by_id[operation] for operation in entry.ids):
            assert (row.group, row.kind) == (groups[row.id], entry.kind)
            early = from_text(entry.at) - from_text(row.next_at)
            assert timedelta() <= early <= max(from_text(row.next_at) - START, timedelta()) / 16 + timedelta(microseconds=1)
    for row in marked:
        assert entry_keys(row) == [], "no write of one of them deletes what the others need"
        (own,) = due.scheduled(row, START, HOLD)[1]
        assert (own.kind, own.entity["RowKey"]) == ("upsert", f"n|{row.next_at}|{row.id}")


async def _shared(core: Core, count: int) -> list[str]:
    """Have so many operations that are followed by checks, were checked together once, and are due again now."""

    def followed(_number: int, row: Active) -> Active:
        return replace(row, group="sub-1/read", dispatched=False, next_at=to_text(core.clock.now()), status=Status.RUNNING)

    ids = await core.stand([new(f"shared-{number}", first_step="followed") for number in range(count)], followed)
    await core.go_on()
    assert await _entries(core) == 1
    core.advance(minutes=5)
    return ids


async def test_checks_whose_message_is_lost_come_due_again_and_leave_one_entry(core: Core) -> None:
    ids = await _shared(core, 6)
    core.toys.checked.clear()
    assert (await core.tick.run()).checks == 6
    await core.take(CHECK_QUEUE)
    core.advance(minutes=4)
    assert (await core.tick.run()).due == 0
    await core.go_on(minutes=1)
    assert [sorted(checked) for checked in core.toys.checked] == [sorted(ids)]
    assert await _entries(core) == 1


async def test_a_row_that_a_command_changes_gets_an_entry_of_its_own_and_the_others_keep_theirs(core: Core) -> None:
    ids = await _shared(core, 4)
    await core.commands.retry((await core.get(ids[2])), ALICE)
    assert await _entries(core) == 2
    core.toys.checked.clear()
    await core.go_on()
    assert {operation for checked in core.toys.checked for operation in checked} == set(ids)
    core.advance(minutes=10)
    core.toys.checked.clear()
    await core.go_on()
    assert sorted(operation for checked in core.toys.checked for operation in checked) == sorted(ids)


async def test_a_budget_lets_a_part_of_a_shared_entry_go(core: Core) -> None:
    ids = await _shared(core, 20)
    await core.budgets.observed(Observed("sub-1/read", 14, None, core.clock.now()))
    core.toys.checked.clear()
    ticked = await core.tick.run()
    assert (ticked.due, ticked.checks, ticked.held_back) == (20, 7, 13)
    await core.work()
    assert await _entries(core) == 2
    core.advance(seconds=30)
    assert (await core.tick.run()).checks == 13
    await core.work()
    assert sorted(operation for checked in core.toys.checked for operation in checked) == sorted(ids)


async def test_checks_of_many_groups_are_held_in_few_transactions_and_all_sent(core: Core, another: Another, proxy: StorageProxy) -> None:
    def followed(number: int, row: Active) -> Active:
        return replace(
            row, group=f"sub-{number // 2}/read#vault", dispatched=False, next_at=to_text(core.clock.now()), status=Status.RUNNING
        )

    ids = await core.stand([new(f"many-{number}", first_step="followed") for number in range(120)], followed)
    calls = await _tick(core, another, proxy)
    batches = [path for method, path in calls if method == "POST" and path.endswith("$batch")]
    assert len(batches) == 3, "three changes for each two of them, and one transaction for the sixty budgets"
    assert not [path for _, path in calls if "budgets" in path and "PartitionKey=" in path], "no budget is read or written by itself"
    messages = [read_check(text) for text in await core.take(CHECK_QUEUE)]
    assert sorted(operation for message in messages if message for operation in message.ids) == sorted(ids)
    assert await _entries(core) == 60


async def test_two_ticks_at_once_send_shared_checks_once(core: Core, another: Another) -> None:
    await _shared(core, 12)
    ticks = await asyncio.gather(*(worker.tick.run() for worker in (core, another(), another())))
    assert sum(ticked.checks for ticked in ticks) == 12
    assert len(await core.take(CHECK_QUEUE)) == 1


async def test_a_hold_of_checks_that_storage_answered_with_an_error_after_writing_it_is_queued(
    core: Core, another: Another, proxy: StorageProxy
) -> None:
    await _shared(core, 3)
    rule = proxy.add(Rule(AnswerStatus(500, after_forwarding=True), service="table", path="batch"))
    assert (await another(proxy.connection_string).tick.run()).checks == 3
    assert rule.matched == 1
    assert len(await core.take(CHECK_QUEUE)) == 1


async def test_what_has_ended_leaves_nothing_of_a_shared_entry(core: Core) -> None:
    ids = await _shared(core, 3)
    for operation in ids:
        core.toys.seen[operation] = Checked(step="followed")
    await core.go_on()
    await core.go_on(minutes=5)
    assert await _entries(core) == 0


async def _wait(core: Core, count: int, *, due_now: int) -> list[str]:
    """Have so many operations of one tenant of which the first `due_now` are due and the others wait for hours."""

    def change(number: int, row: Active) -> Active:
        at = core.clock.now() + (timedelta() if number < due_now else timedelta(hours=1))
        return replace(row, dispatched=False, next_at=to_text(at), status=Status.RUNNING)

    return await core.stand([new(f"wait-{count}-{number}") for number in range(count)], change)


async def _tick(core: Core, another: Another, proxy: StorageProxy) -> list[tuple[str, str]]:
    """Tick once in a process that has swept, and return (method, path) of its calls to storage."""
    worker = another(proxy.connection_string)
    proxy.clear()
    await replace(worker.tick, sweeps=Sweeps(core.clock.now() + HOLD)).run()
    return [(passed.method, passed.path) for passed in proxy.requests]


async def test_a_tick_reads_and_writes_what_is_due_whatever_waits(core: Core, another: Another, proxy: StorageProxy) -> None:
    alone = await _wait(core, 5, due_now=5)
    calls = await _tick(core, another, proxy)
    assert len(await core.take(STEPS)) == len(alone)
    await _wait(core, 90, due_now=5)
    again = await _tick(core, another, proxy)
    assert sorted(method for method, _ in again) == sorted(method for method, _ in calls)
    assert len(again) == 16 + 1 + 5, "a range of each partition, one transaction, a message for each step"
    ranges = [path for method, path in again if method == "GET"]
    assert len(ranges) == 16
    assert all("n%7C" in path and "a%7C" not in path for path in ranges), "no range over active rows"
    assert len(await core.take(STEPS)) == 5


async def test_rows_without_an_entry_are_found_by_the_first_tick_of_a_process_and_then_once_in_a_hold(core: Core) -> None:
    """What version 0.1.0 wrote: rows without entries, whose column `due` is missing."""
    ids = await _wait(core, 3, due_now=3)
    for operation in ids:
        await _forget_entry(core, operation)
    assert (await core.tick.run()).steps == 3
    late = ids[0]
    await core.write(await core.row(late), dispatched=False, next_at=to_text(core.clock.now()))
    await _forget_entry(core, late)
    core.advance(minutes=4)
    assert (await core.tick.run()).steps == 0
    core.advance(minutes=1)
    assert (await core.tick.run()).steps == 3, "the two others' messages are lost"
    assert await _entries(core) == 3


async def _forget_entry(core: Core, operation: str) -> None:
    row = await core.row(operation)
    (keys,) = entry_keys(row)
    await core.table.delete(str(keys["PartitionKey"]), str(keys["RowKey"]))
    await core.table.upsert({**keys, "RowKey": f"a|{operation}", "due": ""})


async def _entries(core: Core) -> int:
    return len([found async for found in core.table.range("RowKey ge 'n|' and RowKey lt 'n}'")])


async def test_an_entry_whose_operation_has_ended_is_removed(core: Core) -> None:
    """An older version ends an operation and leaves its entry."""
    ids = await _wait(core, 3, due_now=3)
    row = await core.row(ids[1])
    await core.table.delete(row.partition, f"a|{row.id}")
    assert (await core.tick.run()).steps == 2
    assert await _entries(core) == 2
    core.advance(minutes=5)
    assert (await core.tick.run()).due == 2


@pytest.mark.parametrize("dispatched", [True, False])
async def test_a_missing_entry_keeps_no_row_from_being_written(core: Core, dispatched: bool) -> None:
    ids = await _wait(core, 3, due_now=0)
    for operation in ids:
        (keys,) = entry_keys(await core.row(operation))
        await core.table.delete(str(keys["PartitionKey"]), str(keys["RowKey"]))
    soon = later(core.clock, minutes=10)
    await core.write(await core.row(ids[0]), next_at=soon, dispatched=dispatched)
    rows = [replace(await core.row(operation), next_at=soon, dispatched=dispatched) for operation in ids[1:]]
    assert len(await core.store.save_all([(row, None, False) for row in rows])) == 2
    assert await _entries(core) == 3
    core.advance(minutes=10)
    assert (await core.tick.run()).steps == 3


async def test_a_hold_that_storage_answered_with_an_error_after_writing_it_is_queued(
    core: Core, another: Another, proxy: StorageProxy
) -> None:
    await _wait(core, 3, due_now=3)
    rule = proxy.add(Rule(AnswerStatus(500, after_forwarding=True), service="table", path="batch"))
    assert (await another(proxy.connection_string).tick.run()).steps == 3
    assert rule.matched == 1
    assert len(await core.take(STEPS)) == 3


async def test_the_end_of_an_operation_removes_its_entry(core: Core) -> None:
    await core.accept()
    await core.work()
    assert await _entries(core) == 0
    assert [await core.store.due_rows.read(partition, 100) for partition in all_partitions()] == [[]] * 16
