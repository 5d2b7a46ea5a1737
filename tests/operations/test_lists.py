"""Lists: newest first, filtered, no row lost or doubled from page to page."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.operations.model.lists import Query
from shared.operations.model.models import Listed, Status
from shared.operations.model.rows import attention_key
from shared.operations.outside.messages import CheckMessage
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import Checked, Follow, Outcome
from tests.operations.conftest import Another
from tests.operations.kit import ALICE, Core, new
from tests.support.storage_proxy import StorageProxy

TENANTS = ("contoso", "fabrikam", "provider", "a'b c")
KINDS = ("toy", "game")


async def _many(core: Core, count: int) -> list[str]:
    """Accept so many operations of all tenants and kinds, some at the same moment, and return their ids, newest first."""
    made = []
    for number in range(count):
        if number % 3:
            core.advance(seconds=1)
        filters = {"region": f"region {number % 3}", "name": "it's"}
        request = new(f"list-{number}", tenant=TENANTS[number % 4], kind=KINDS[number % 2], filters=filters)
        made.append((await core.store.insert(request, core.store.id_for(request))).operation)
    return [item.id for item in sorted(made, key=lambda item: (-item.created_at.timestamp(), item.id))]


async def _all(core: Core, query: Query, top: int, *, needing: bool = False) -> list[str]:
    read = core.lists.needing_attention if needing else core.lists.page
    ids: list[str] = []
    after: str | None = None
    for _ in range(50):
        page: Listed = await read(query, top, after)
        assert len(page.operations) <= top
        ids += [operation.id for operation in page.operations]
        after = page.last
        if after is None:
            return ids
    raise AssertionError("the pages have no end")


@pytest.mark.parametrize("top", [1, 4, 7, 100])
async def test_the_providers_pages_hold_everybodys_operations_once_newest_first(core: Core, top: int) -> None:
    ids = await _many(core, 14)
    assert await _all(core, Query(None, KINDS), top) == ids


async def test_a_tenants_pages_hold_its_own_only(core: Core) -> None:
    ids = await _many(core, 16)
    for tenant in TENANTS:
        mine = await _all(core, Query(tenant, KINDS), 2)
        assert len(mine) == 4
        assert mine == [operation for operation in ids if operation in mine]
        assert {(await core.get(operation)).tenant for operation in mine} == {tenant}
    assert await _all(core, Query("con", KINDS), 2) == []


async def test_filters_are_all_heeded(core: Core) -> None:
    ids = await _many(core, 12)
    await core.go_on(minutes=6)
    waiting = (await core.acceptance.accept(new("last", filters={"region": "region 1"}))).operation
    assert await _all(core, Query(None, KINDS, status="Succeeded"), 5) == ids
    assert await _all(core, Query(None, KINDS, status="NotStarted"), 5) == [waiting.id]
    assert len(await _all(core, Query(None, ("game",)), 5)) == 6
    assert len(await _all(core, Query(None, KINDS, filters={"region": "region 1"}), 2)) == 5
    assert len(await _all(core, Query(None, KINDS, filters={"region": "region 1", "name": "it's"}), 2)) == 4
    assert await _all(core, Query(None, KINDS, filters={"region": "region' or RowKey ne '"}), 2) == []
    assert await _all(core, Query(None, ("none",)), 2) == []


async def test_a_page_shows_each_operation_as_it_is_now(core: Core) -> None:
    operation = await core.accept()
    row = await core.row(operation)
    await core.write(row, percent=40, status=Status.RUNNING)
    page = await core.lists.page(Query(None, KINDS), 10, None)
    assert [(item.id, item.percent_complete, item.status) for item in page.operations] == [(operation.id, 40, Status.RUNNING)]


async def test_what_is_accepted_while_somebody_pages_moves_nothing(core: Core) -> None:
    ids = await _many(core, 9)
    first = await core.lists.page(Query(None, KINDS), 4, None)
    core.advance(seconds=5)
    await core.accept("newer")
    rest = await core.lists.page(Query(None, KINDS), 20, first.last)
    assert [item.id for item in (*first.operations, *rest.operations)] == ids


async def test_the_on_call_page_holds_what_asks_for_a_person_and_nothing_else(core: Core) -> None:
    ids = await _many(core, 12)
    for operation in ids[::2]:
        row = await core.row(operation)
        await core.write(row.with_attention("Stuck", "it does not move", "2026-03-03T10:00:00Z"), status=Status.RUNNING)
    assert await _all(core, Query(None, KINDS), 2, needing=True) == ids[::2]
    mine = [operation for operation in ids[::2] if (await core.get(operation)).tenant == "contoso"]
    assert await _all(core, Query("contoso", KINDS), 1, needing=True) == mine
    games = [operation for operation in ids[::2] if (await core.get(operation)).kind == "game"]
    assert await _all(core, Query(None, ("game",)), 1, needing=True) == games
    row = await core.row(ids[0])
    await core.write(row, attention=None)
    assert await _all(core, Query(None, KINDS), 2, needing=True) == ids[2::2]
    assert await _all(core, Query(None, KINDS, status="NotStarted"), 2, needing=True) == []


async def test_the_on_call_page_goes_on_where_it_was_though_its_last_row_is_gone(core: Core) -> None:
    ids = await _many(core, 6)
    for operation in ids:
        await core.write((await core.row(operation)).with_attention("Stuck", "it does not move", "2026-03-03T10:00:00Z"))
    first = await core.lists.needing_attention(Query(None, KINDS), 3, None)
    await core.write(await core.row(ids[2]), attention=None)
    rest = await core.lists.needing_attention(Query(None, KINDS), 3, first.last)
    assert [item.id for item in (*first.operations, *rest.operations)] == ids


async def test_lists_change_with_the_state_that_they_filter_by(core: Core) -> None:
    operation = await core.accept()
    for status in (Status.RUNNING, Status.NOT_STARTED, Status.RUNNING):
        await core.write(await core.row(operation), status=status)
        listed = await asyncio.gather(*(core.lists.page(Query("contoso", KINDS, status=str(each)), 5, None) for each in Status))
        assert [str(each) for each, page in zip(Status, listed, strict=True) if page.operations] == [str(status)]
    core.clock.advance(timedelta(minutes=6))
    await core.go_on()
    assert [item.id for item in (await core.lists.page(Query("contoso", KINDS, status="Succeeded"), 5, None)).operations] == [operation.id]


async def test_a_list_shows_each_operation_as_it_is(core: Core) -> None:
    """At each stage of its way, in a list of the tenant's, of the provider's and of what needs attention."""

    async def starting(claim: Claim) -> Outcome:
        claim.detail["plan"] = ["one", "ü\ud800"]
        claim.data["target"] = "there"
        claim.percent = 7
        return Follow(core.clock.now(), "sub-1/read", step="followed")

    core.toys.steps["starting"] = starting
    operation = await core.accept(body={"make": "it's", "text": "x" * 5000}, filters={"region": "north"})
    await _same_in_lists(core, operation.id)
    await core.runner.run(operation.id)
    await _same_in_lists(core, operation.id)
    for percent in (20, 20, 30):
        core.toys.seen[operation.id] = Checked(at=core.clock.now() + timedelta(minutes=1), percent=percent, detail={"disks": percent})
        await core.go_on(minutes=2)
        await _same_in_lists(core, operation.id)
    core.toys.seen[operation.id] = Checked(at=core.clock.now() + timedelta(days=1), attention=("CopyStuck", "It is stuck."))
    await core.go_on(minutes=2)
    await _same_in_lists(core, operation.id, asks=True)
    await core.commands.cancel(operation, ALICE)
    await _same_in_lists(core, operation.id, asks=True)
    await core.work()
    assert (await core.get(operation)).status.ended
    await _same_in_lists(core, operation.id)


async def _same_in_lists(core: Core, operation: str, *, asks: bool = False, alone: bool = True) -> None:
    shown = await core.get(operation)
    for tenant in (shown.tenant, None):
        for read, there in ((core.lists.page, True), (core.lists.needing_attention, asks)):
            listed = (await read(Query(tenant, KINDS), 5, None)).operations
            assert [one for one in listed if alone or one.id == operation] == ([shown] if there else [])


async def test_a_check_that_sees_the_same_again_writes_one_row(core: Core, another: Another, proxy: StorageProxy) -> None:
    [operation] = await core.stand([new()], lambda _, row: replace(row, status=Status.RUNNING, step="followed", group="sub-1/read"))
    process = another(proxy.connection_string)
    for percent, rows_written in ((20, 4), (20, 1), (20, 1), (21, 4), (21, 1)):
        core.toys.seen[operation] = Checked(at=core.clock.now(), percent=percent, detail={"disks": percent})
        proxy.clear()
        await process.checks.run(CheckMessage("toy", ("sub-1/read",), (operation,)))
        [batch] = [passed.body for passed in proxy.requests if passed.path.endswith("$batch")]
        written = re.findall(rb"PATCH \S+RowKey='(\w)%7C", batch)
        assert len([row for row in written if row != b"n"]) == rows_written, percent
        await _same_in_lists(core, operation)


@pytest.mark.parametrize(("tenants", "top"), [(TENANTS, 5), (TENANTS, 40), (tuple(f"tenant-{n}" for n in range(60)), 100), (("one",), 100)])
async def test_a_page_costs_what_it_shows(core: Core, another: Another, proxy: StorageProxy, tenants: tuple[str, ...], top: int) -> None:
    """At most 17 reads and a fifth of a read for each row, whether the tenants fill one partition or all of them."""
    requests = [new(f"list-{number}", tenant=tenants[number % len(tenants)]) for number in range(150)]
    await core.stand(requests, lambda number, row: replace(row, status=Status.RUNNING).with_attention("Stuck", "It is.", f"{number:03d}"))
    process = another(proxy.connection_string)
    for tenant in (None, tenants[0]):
        for read in (process.lists.page, process.lists.needing_attention):
            proxy.clear()
            page = await read(Query(tenant, KINDS), top, None)
            calls = len([passed for passed in proxy.requests if passed.service == "table"])
            assert calls <= 17 + 0.2 * len(page.operations)
            assert len(page.operations) == min(top, 150 if tenant is None else len([one for one in requests if one.tenant == tenant]))


async def _attention_rows(core: Core) -> list[str]:
    return [str(found.entity["RowKey"]).rpartition("|")[2] async for found in core.table.range("RowKey ge 'q' and RowKey lt 'r'")]


async def test_what_asks_for_a_person_has_a_list_row_of_its_own_until_it_asks_no_more(core: Core) -> None:
    ids = await _many(core, 4)
    for operation in ids:
        await core.write((await core.row(operation)).with_attention("Stuck", "it does not move", "2026-03-03T10:00:00Z"))
    assert sorted(await _attention_rows(core)) == sorted(ids)
    await core.write(await core.row(ids[0]), attention=None)
    row = await core.row(ids[1])
    await core.store.finish(replace(row, status=Status.FAILED), {}, None)
    assert sorted(await _attention_rows(core)) == sorted(ids[2:])


async def test_an_older_version_leaves_list_rows_to_mend(core: Core) -> None:
    """It knows nothing of the rows of what needs attention: neither those that it should write nor those that it should delete."""
    ids = await _many(core, 3)
    for operation in ids:
        await core.write((await core.row(operation)).with_attention("Stuck", "it does not move", "2026-03-03T10:00:00Z"))
    missing, ended = await core.row(ids[0]), await core.row(ids[1])
    await core.table.delete(missing.partition, attention_key(missing))
    await core.table.delete(ended.partition, f"a|{ended.id}")
    assert await _all(core, Query(None, KINDS), 5, needing=True) != [ids[0], ids[2]]
    await core.tick.run()
    assert sorted(await _attention_rows(core)) == sorted([ids[0], ids[2]])
    await _same_in_lists(core, ids[0], asks=True, alone=False)


async def test_a_row_that_asks_is_written_though_its_list_row_is_missing(core: Core) -> None:
    [operation] = await _many(core, 1)
    await core.write((await core.row(operation)).with_attention("Stuck", "it does not move", "2026-03-03T10:00:00Z"))
    row = await core.row(operation)
    await core.table.delete(row.partition, attention_key(row))
    await core.write(row, attention=None, percent=5)
    assert (await core.get(operation)).attention is None
    assert await _attention_rows(core) == []


async def test_rows_of_an_older_version_are_listed(core: Core) -> None:
    ids = await _many(core, 9)
    newer = ("request", "shown", "detail", "seen", "createdAt")
    listed = [found.entity async for found in core.table.range("RowKey ge 'p|' and RowKey lt 'u'")]
    for entity in listed:
        await core.table.delete(entity["PartitionKey"], entity["RowKey"])
        await core.table.insert({name: value for name, value in entity.items() if name not in newer})
    assert await _all(core, Query(None, KINDS), 4) == ids
