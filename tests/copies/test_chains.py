"""The table of chains over a real Azurite: what a waiter reads does not grow with those that wait behind it."""

import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from local.azurite import Azurite
from shared.clock import to_text
from shared.copies.copying.rules.chain import Waiter, take_turn
from shared.copies.copying.waiting.chains import Chains
from shared.operations.model.models import Actor, NewOperation
from shared.operations.model.store import Store
from shared.storage.tables import Change, Table, connect
from tests.support.clocks import START, ManualClock, SequenceIds
from tests.support.storage_proxy import StorageProxy

KEY = "chain"
MANY = 90
_numbers = itertools.count(1)


def name(number: int) -> str:
    """Return the id of the operation of a number."""
    return ("b" + "".join("abcdefghij"[int(digit)] for digit in f"{number:03}")).ljust(26, "x")


def taken(number: int) -> datetime:
    """Return when the restore point of an operation was taken: the order of the chain is that of the numbers."""
    return START - timedelta(days=1) + timedelta(minutes=number)


@dataclass
class Bench:
    """A chain in a table of its own, and the operations that wait in it."""

    table: Table
    chains: Chains
    store: Store
    clock: ManualClock

    async def join(self, count: int, *, undated: int = 0) -> None:
        """Let so many operations wait, and further ones of which it is unknown when their restore points were taken."""
        rows = [f"w|{to_text(taken(number))}|{name(number)}" for number in range(count)]
        rows += [f"w||{name(number)}" for number in range(count, count + undated)]
        joined = to_text(self.clock.wall())
        await self.table.transact([Change("upsert", {"PartitionKey": KEY, "RowKey": row, "v": 1, "joinedAt": joined}) for row in rows])

    async def sleep(self, *numbers: int) -> None:
        """Let operations be active and wait for nine hours."""
        for number in numbers:
            new = NewOperation("restorePointCopy", "contoso", None, {}, Actor("app", "1", "x"), "waiting")
            await self.store.insert(new, name(number))
            row = await self.store.active(name(number))
            assert row is not None
            await self.store.save(replace(row, next_at=to_text(self.clock.now() + timedelta(hours=9)), dispatched=False))

    async def woken(self, *numbers: int) -> list[int]:
        """Return those of the operations that are due now."""
        rows = {number: await self.store.active(name(number)) for number in numbers}
        return [number for number, row in rows.items() if row is not None and row.next_at <= to_text(self.clock.now())]

    async def keys(self) -> list[str]:
        """Return the row keys of all who wait."""
        return [str(found.entity["RowKey"]) async for found in self.table.range("RowKey ge 'w'")]


@pytest.fixture
def proxy(azurite: Azurite) -> Iterator[StorageProxy]:
    """A proxy before the Azurite, which keeps what passes."""
    with StorageProxy(azurite.port) as one:
        yield one


@pytest.fixture
async def bench(proxy: StorageProxy) -> AsyncIterator[Bench]:
    """An empty chain."""
    account, clock, number = connect(proxy.connection_string), ManualClock(), next(_numbers)
    names = [f"operations{number}", f"chains{number}"]
    await account.create(names, [])
    store = Store(account.table(names[0]), clock, SequenceIds())
    yield Bench(account.table(names[1]), Chains(account.table(names[1]), store, clock), store, clock)
    await account.close()


async def test_a_chain_in_which_few_wait_is_read_whole_in_one_call(bench: Bench, proxy: StorageProxy) -> None:
    await bench.join(8, undated=3)
    proxy.clear()
    chain = await bench.chains.read(KEY)
    assert len(proxy.requests) == 1
    assert chain.waiters == tuple(Waiter(taken(number), name(number)) for number in range(8))
    assert chain.undated == tuple(name(number) for number in range(8, 11))
    assert chain.whole


@pytest.mark.parametrize("passed", [0, 40, MANY])
async def test_of_a_chain_in_which_many_wait_the_next_ones_are_read_in_three_calls(bench: Bench, proxy: StorageProxy, passed: int) -> None:
    """Whatever the chain has passed: those that can be copied next are found behind it."""
    await bench.join(MANY, undated=5)
    await bench.chains.change_head(KEY, lambda head: replace(head, last_taken_at=taken(passed) if passed else None))
    proxy.clear()
    chain = await bench.chains.read(KEY)
    assert len(proxy.requests) == 3
    following = [waiter for waiter in chain.waiters if waiter.taken_at >= taken(passed)]
    assert following[:20] == [Waiter(taken(number), name(number)) for number in range(passed, MANY)][:20]
    assert len(chain.waiters) < 50
    assert chain.undated == tuple(name(number) for number in range(MANY, MANY + 5))


async def test_the_end_of_a_copy_wakes_the_next_and_those_that_the_chain_has_passed(bench: Bench) -> None:
    await bench.join(MANY)
    await bench.chains.change_head(KEY, lambda head: take_turn(replace(head, last_taken_at=taken(3)), name(3)))
    await bench.sleep(1, 2, 4, 5)
    await bench.chains.leave_and_wake_next(KEY, name(3), taken(3))
    assert await bench.woken(1, 2, 4, 5) == [1, 2, 4]


@pytest.mark.parametrize("undated", [False, True])
async def test_a_copy_that_is_canceled_far_behind_leaves_the_chain(bench: Bench, undated: bool) -> None:
    await bench.join(MANY, undated=8)
    number = MANY + 7 if undated else MANY - 1
    await bench.chains.leave_and_wake_next(KEY, name(number), None if undated else taken(number))
    assert not [key for key in await bench.keys() if name(number) in key]
    assert len(await bench.keys()) == MANY + 7


async def test_a_waiter_that_is_written_at_the_same_moment_is_woken(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.sleep(1)
    stale = await bench.store.active(name(1))
    assert stale is not None
    await bench.store.save(replace(stale, percent=1))
    reads, active = iter([stale]), bench.store.active

    async def stale_first(operation: str) -> object:
        return next(reads, None) or await active(operation)

    monkeypatch.setattr(bench.store, "active", stale_first)
    await bench.chains.wake(name(1), bench.clock.now())
    assert await bench.woken(1) == [1]
