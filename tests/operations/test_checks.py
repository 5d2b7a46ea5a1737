"""Batched checks: many rows in few calls, none written over another's write, failures counted."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.clock import from_text, to_text
from shared.errors import ErrorCode
from shared.operations.model import due
from shared.operations.model.due import Due
from shared.operations.model.models import NewOperation, Status
from shared.operations.model.rows import Active
from shared.operations.outside.messages import CheckMessage, read_check, read_step
from shared.operations.running.budgets import Observed
from shared.operations.running.outcomes import Checked, Unread
from tests.operations.conftest import Another
from tests.operations.kit import ALICE, CHECK_QUEUE, STEPS, Core, new
from tests.support.storage_proxy import AnswerStatus, Rule, StorageProxy

GROUP = "sub-1/read"


def _followed(**changes: object) -> NewOperation:
    return new(**({"first_step": "following"} | changes))  # type: ignore[arg-type]  # names of a request's fields


async def _follow(core: Core, count: int) -> list[str]:
    """Have so many operations that are followed by checks and due now, and return their ids in order."""
    requests = [new(f"followed-{number}", first_step="followed") for number in range(count)]

    def due(_number: int, row: Active) -> Active:
        return replace(row, group=GROUP, status=Status.RUNNING, next_at=to_text(core.clock.now()))

    return sorted(await core.stand(requests, due))


async def test_an_operation_is_handed_from_step_to_checks_and_back(core: Core) -> None:
    operation = (await core.acceptance.accept(_followed())).operation
    await core.work()
    await core.go_on(seconds=30)
    assert core.toys.checked == [(operation.id,)]
    assert (await core.get(operation)).status is Status.RUNNING
    core.toys.seen[operation.id] = Checked(at=core.clock.now() + timedelta(hours=1), percent=50, detail={"disks": [1, 2]}, data={"n": 1})
    await core.go_on(minutes=5)
    shown = await core.get(operation)
    assert (shown.percent_complete, shown.detail, shown.data) == (50, {"disks": [1, 2]}, {"n": 1})
    core.toys.seen[operation.id] = Checked(step="followed")
    await core.go_on(hours=1)
    ended = await core.get(operation)
    assert (ended.status, ended.detail) == (Status.SUCCEEDED, {"disks": [1, 2]})
    assert await core.published() == ["terminal"]


async def test_as_many_rows_as_an_entry_holds_are_checked_together_and_written_in_one_transaction(
    core: Core, another: Another, proxy: StorageProxy
) -> None:
    ids = await _follow(core, due.MOST_IDS)
    through = another(proxy.connection_string)
    await core.budgets.observed(Observed(GROUP, None, 0, core.clock.now()))
    core.advance(minutes=1)  # the budget's row is there, and Farshore's share of it fills
    await core.go_on()
    assert [len(checked) for checked in core.toys.checked] == [due.MOST_IDS], "each had an entry of its own"
    core.advance(minutes=5)
    await core.tick.run()
    (message,) = [read_check(text) for text in await core.take(CHECK_QUEUE)]
    assert message is not None
    await through.checks.run(message)
    assert len(core.toys.checked[-1]) == due.MOST_IDS
    calls = [(passed.method, passed.path.partition("?")[0].rpartition("/")[2][:6]) for passed in proxy.requests]
    assert len([call for call in calls if call == ("POST", "$batch")]) == 1, "the rows, the entry that they share, the one that held them"
    assert len(calls) == 2, "and one range read"
    rows = await core.rows(ids)
    assert {row.next_at for row in rows} == {to_text(core.clock.now() + timedelta(minutes=5))}
    assert not any(row.dispatched for row in rows)
    assert [entry.ids async for entry in _entries(core)] == [tuple(sorted(ids))], "one entry, that of the next check"
    core.advance(minutes=5)
    assert (await core.tick.run()).checks == due.MOST_IDS


async def test_rows_that_changed_while_they_were_checked_cost_the_others_neither_their_write_nor_their_entry(core: Core) -> None:
    ids = await _follow(core, 6)
    await core.go_on()
    core.advance(minutes=5)
    await core.tick.run()
    [text] = await core.take(CHECK_QUEUE)
    message = read_check(text)
    assert message is not None

    async def meanwhile(_rows: Sequence[Active]) -> None:
        core.toys.before_writing = None
        for operation in (ids[0], ids[4]):
            await core.write(await core.row(operation), percent=77)

    core.toys.before_writing = meanwhile
    await core.checks.run(message)
    rows = {row.id: row for row in await core.rows(ids)}
    assert {operation for operation, row in rows.items() if row.percent == 77} == {ids[0], ids[4]}
    core.toys.checked.clear()
    core.advance(minutes=5)
    assert (await core.tick.run()).checks == 6
    for text in await core.take(CHECK_QUEUE):
        again = read_check(text)
        assert again is not None
        await core.checks.run(again)
    assert sorted(operation for checked in core.toys.checked for operation in checked) == sorted(ids)


async def _entries(core: Core) -> AsyncIterator[Due]:
    async for found in core.table.range("RowKey ge 'n|' and RowKey lt 'n}'"):
        yield due.read(found)


async def test_a_row_that_changed_meanwhile_is_left_as_it_is_and_the_others_are_written(core: Core) -> None:
    ids = await _follow(core, 20)
    changed = {ids[3], ids[11]}

    async def meanwhile(_rows: Sequence[Active]) -> None:
        core.toys.before_writing = None
        for operation in changed:
            await core.write(await core.row(operation), percent=77)

    core.toys.before_writing = meanwhile
    for operation in ids:
        core.toys.seen[operation] = Checked(at=core.clock.now() + timedelta(hours=1), percent=10)
    await core.checks.run(CheckMessage("toy", (GROUP,), tuple(ids)))
    percents = {row.id: row.percent for row in await core.rows(ids)}
    assert {operation for operation, percent in percents.items() if percent == 77} == changed
    assert {operation for operation, percent in percents.items() if percent == 10} == set(ids) - changed
    await core.checks.run(CheckMessage("toy", (GROUP,), tuple(ids)))
    assert core.toys.checked[-1] == tuple(sorted(changed)), "these are looked at again"


async def test_when_many_rows_changed_meanwhile_the_rest_are_written_all_the_same(core: Core) -> None:
    ids = await _follow(core, 12)

    async def meanwhile(_rows: Sequence[Active]) -> None:
        core.toys.before_writing = None
        for operation in ids[:8]:
            await core.write(await core.row(operation), percent=77)

    core.toys.before_writing = meanwhile
    await core.checks.run(CheckMessage("toy", (GROUP,), tuple(ids)))
    written = {row.id for row in await core.rows(ids) if not row.dispatched}
    assert written == set(ids[8:])


async def test_details_and_list_rows_of_many_are_written_though_they_take_several_transactions(core: Core) -> None:
    ids = await _follow(core, 30)
    for operation in ids:
        core.toys.seen[operation] = Checked(
            at=core.clock.now() + timedelta(hours=1), detail={"disk": operation}, attention=("Stuck", "it does not move")
        )
    await core.checks.run(CheckMessage("toy", (GROUP,), tuple(ids)))
    shown = await asyncio.gather(*(core.get(operation) for operation in ids))
    assert all(item.detail == {"disk": item.id} and item.attention is not None for item in shown)
    assert await core.published() == ["attention/1"] * 30


async def test_a_doubled_message_checks_once(core: Core) -> None:
    ids = await _follow(core, 3)
    message = CheckMessage("toy", (GROUP,), tuple(ids))
    await core.checks.run(message)
    await core.checks.run(message)
    assert len(core.toys.checked) == 1


async def test_two_workers_with_the_same_message_hand_an_operation_over_once(core: Core, another: Another) -> None:
    [operation] = await _follow(core, 1)
    core.toys.seen[operation] = Checked(step="followed")
    message = CheckMessage("toy", (GROUP,), (operation,))
    await asyncio.gather(*(worker.checks.run(message) for worker in (core, another(), another())))
    assert len(await core.take(STEPS)) == 1


async def test_a_check_that_fails_is_counted_and_after_five_a_person_is_reported(core: Core) -> None:
    [operation] = await _follow(core, 1)
    core.toys.seen[operation] = Unread("Azure said nothing.")
    waits = []
    for _ in range(7):
        row = await core.row(operation)
        core.clock.advance(max(from_text(row.next_at) - core.clock.now(), timedelta()))
        await core.checks.run(CheckMessage("toy", (GROUP,), (operation,)))
        waits.append((from_text((await core.row(operation)).next_at) - core.clock.now()) / timedelta(minutes=1))
    assert waits == [0.5, 1, 2, 4, 8, 10, 20]
    shown = await core.get(operation)
    assert shown.status is Status.RUNNING
    assert shown.attention is not None
    assert (shown.attention.code, "Azure said nothing" in shown.attention.message) == (ErrorCode.NO_PROGRESS, True)
    assert await core.published() == ["attention/1"]
    core.toys.seen[operation] = Checked(at=core.clock.now() + timedelta(hours=1))
    await core.go_on(minutes=20)
    assert (await core.get(operation)).attention is None


async def test_a_throttled_check_is_not_counted_and_waits_as_long_as_asked(core: Core) -> None:
    [operation] = await _follow(core, 1)
    core.toys.seen[operation] = Unread("slow down", retry_after=400, throttled=True)
    await core.checks.run(CheckMessage("toy", (GROUP,), (operation,)))
    row = await core.row(operation)
    assert (row.attempts, row.next_at) == (0, to_text(core.clock.now() + timedelta(seconds=400)))


async def test_checks_refused_for_their_rate_ask_for_a_person_after_six_hours(core: Core) -> None:
    [operation] = await _follow(core, 1)
    core.toys.seen[operation] = Unread("slow down", retry_after=60, throttled=True)
    began, waits = core.clock.now(), []
    while core.clock.now() - began < timedelta(hours=8):
        await core.checks.run(CheckMessage("toy", (GROUP,), (operation,)))
        wait = from_text((await core.row(operation)).next_at) - core.clock.now()
        waits.append((core.clock.now() - began, wait, (await core.get(operation)).attention))
        core.clock.advance(wait)
    assert {attention for past, _, attention in waits if past < timedelta(hours=6)} == {None}
    assert {attention.code if attention else "" for past, _, attention in waits if past >= timedelta(hours=6)} == {ErrorCode.NO_PROGRESS}
    assert {wait for _, wait, _ in waits} == {timedelta(minutes=1), timedelta(minutes=10)}
    assert await core.published() == ["attention/1"]
    core.toys.seen[operation] = Checked(at=core.clock.now() + timedelta(hours=1))
    await core.checks.run(CheckMessage("toy", (GROUP,), (operation,)))
    row = await core.row(operation)
    assert (row.attention, row.throttled_since) == (None, "")


async def test_a_row_on_which_the_check_itself_fails_stops_no_other_and_is_counted(core: Core) -> None:
    ids = await _follow(core, 5)

    def stumble(rows: Sequence[Active]) -> None:
        if any(row.id == ids[2] for row in rows):
            raise KeyError("target")

    core.toys.check_error = stumble
    await core.checks.run(CheckMessage("toy", (GROUP,), tuple(ids)))
    rows = {row.id: row for row in await core.rows(ids)}
    assert {operation for operation, row in rows.items() if row.attempts} == {ids[2]}
    assert {row.next_at for operation, row in rows.items() if operation != ids[2]} == {to_text(core.clock.now() + timedelta(minutes=5))}
    for _ in range(4):
        core.advance(minutes=10)
        await core.checks.run(CheckMessage("toy", (GROUP,), (ids[2],)))
    attention = (await core.get(ids[2])).attention
    assert attention is not None
    assert attention.code == ErrorCode.NO_PROGRESS


async def test_the_event_of_a_check_is_sent_soon_after_a_crash_however_late_the_next_check_is(core: Core) -> None:
    class GoneError(Exception):
        pass

    class Gone:
        async def publish(self, *_: object) -> None:
            raise GoneError

    [operation] = await _follow(core, 1)
    core.toys.seen[operation] = Checked(at=core.clock.now() + timedelta(days=1), attention=("Stuck", "it does not move"))
    with pytest.raises(GoneError):
        await replace(core.checks, events=Gone()).run(CheckMessage("toy", (GROUP,), (operation,)))  # type: ignore[arg-type]
    await core.go_on(minutes=5)
    assert await core.published() == ["attention/1"]


async def test_a_check_does_not_run_over_a_cancel_or_an_input(core: Core) -> None:
    ids = await _follow(core, 2)
    await core.commands.cancel(await core.get(ids[0]), ALICE)
    await core.commands.submit_input(await core.get(ids[1]), {"resume": True}, lambda _row: None)
    await core.checks.run(CheckMessage("toy", (GROUP,), tuple(ids)))
    assert core.toys.checked == []


async def test_rows_of_another_group_or_kind_and_unknown_ids_are_left_alone(core: Core) -> None:
    ids = await _follow(core, 1)
    await core.checks.run(CheckMessage("toy", ("sub-2/read",), tuple(ids)))
    await core.checks.run(CheckMessage("game", (GROUP,), tuple(ids)))
    await core.checks.run(CheckMessage("toy", (GROUP,), ("a" * 26,)))
    assert core.toys.checked == []


async def test_a_crash_after_writing_and_before_handing_over_is_made_good_by_the_tick(core: Core) -> None:
    [operation] = await _follow(core, 1)
    core.toys.seen[operation] = Checked(step="followed")
    await core.checks.run(CheckMessage("toy", (GROUP,), (operation,)))
    await core.take(STEPS)  # the hint is lost
    await core.go_on(minutes=5)
    assert (await core.get(operation)).status is Status.SUCCEEDED


async def test_a_batch_that_storage_answered_with_an_error_after_writing_it_is_known_as_written(
    core: Core, another: Another, proxy: StorageProxy
) -> None:
    ids = await _follow(core, 4)
    for operation in ids:
        core.toys.seen[operation] = Checked(step="followed")
    rule = proxy.add(Rule(AnswerStatus(500, after_forwarding=True), method="POST", path="batch"))
    await another(proxy.connection_string).checks.run(CheckMessage("toy", (GROUP,), tuple(ids)))
    assert rule.matched == 1
    [text] = await core.take(STEPS)
    message = read_step(text)
    assert message is not None
    assert sorted(message.ids) == ids, "each is handed over at once, none waits for its hold to end"


async def test_retry_has_what_is_followed_checked_at_the_next_tick(core: Core) -> None:
    [operation] = await _follow(core, 1)
    await core.write(await core.row(operation), dispatched=False, next_at=to_text(core.clock.now() + timedelta(hours=5)))
    await core.commands.retry(await core.get(operation), ALICE)
    await core.work()
    await core.go_on(seconds=30)
    assert core.toys.checked == [(operation,)]


async def test_checks_of_several_subscriptions_go_in_one_message_and_those_that_read_one_vault_in_their_own(core: Core) -> None:
    ids = await _follow(core, 6)
    groups = [GROUP] * 3 + ["sub-2/read"] + ["sub-2/read#vault"] * 2
    for operation, group in zip(ids, groups, strict=True):
        await core.write(await core.row(operation), group=group, dispatched=False)
    await core.tick.run()
    messages = [message for text in await core.take(CHECK_QUEUE) if (message := read_check(text)) is not None]
    assert sorted((sorted(message.groups), message.ids) for message in messages) == [
        ([GROUP, "sub-2/read"], tuple(ids[:4])),
        (["sub-2/read#vault"], tuple(ids[4:])),
    ]
    for message in messages:
        await core.checks.run(message)
    assert sorted(core.toys.checked) == [tuple(ids[:4]), tuple(ids[4:])]
    core.advance(minutes=5)
    assert (await core.tick.run()).checks == 6, "they are held together again"


async def test_of_several_subscriptions_that_share_an_entry_each_budget_lets_go_what_it_has(core: Core) -> None:
    ids = await _follow(core, 12)
    for number, operation in enumerate(ids):
        await core.write(await core.row(operation), group=f"sub-{number % 2 + 1}/read", dispatched=False)
    await core.go_on()
    core.advance(minutes=5)
    await core.budgets.observed(Observed("sub-2/read", None, 600, core.clock.now()))
    assert (await core.tick.run()).checks == 6
    [text] = await core.take(CHECK_QUEUE)
    message = read_check(text)
    assert message is not None
    assert (message.groups, message.ids) == (("sub-1/read",), tuple(ids[::2]))
    core.advance(minutes=10)
    assert (await core.tick.run()).checks == 12
