"""Fifty writers of one subscription on two workers, some of which end or pause between two writes: there are never two owners.

In memory over seeded histories, in which every storage call gives way to others; and once with two processes, of which one is killed.
"""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local.azurite import Azurite
from local.processes import ROOT
from shared.access.registrar import Registrar
from shared.access.registry import Registry
from shared.clock import RandomIds
from shared.errors import ErrorCode, Refused
from shared.operations.crash_points import REGISTRY_POINTS
from shared.storage.tables import Conflict
from tests.access.writing import SUBSCRIPTIONS, Written, tenant
from tests.support.clocks import ManualClock
from tests.support.memory import MemoryTable

ONE, *_ = SUBSCRIPTIONS
NAMES = [f"tenant-{number}" for number in range(50)]
ROUNDS = 16


class Killed(BaseException):
    """The end of a process, as the writer in it meets it: nothing is cleaned up."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to a write at a point: it ends there, or wall time passes."""

    point: str
    seconds: float | None = None


fate: ContextVar[Fate | None] = ContextVar("fate", default=None)


class GivingWay:
    """A table whose calls let other tasks run first, as often as chance has it."""

    def __init__(self, table: MemoryTable, chance: random.Random) -> None:
        self._table, self._chance = table, chance

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._table, name)

        async def later(*given: Any, **named: Any) -> Any:
            await self._give_way()
            return await call(*given, **named)

        return later

    async def range(self, *given: Any, **named: Any) -> AsyncIterator[Any]:
        await self._give_way()
        async for row in self._table.range(*given, **named):
            yield row

    async def _give_way(self) -> None:
        for _ in range(self._chance.randrange(4)):
            await asyncio.sleep(0)


@dataclass
class History:
    """One seeded history: writers and cached readers of two workers over one table."""

    chance: random.Random
    clock: ManualClock = field(default_factory=ManualClock)
    seen: dict[str, float] = field(default_factory=dict)
    done: bool = False

    def __post_init__(self) -> None:
        table: Any = GivingWay(MemoryTable("tenants"), self.chance)
        self.writers = [Registrar(table, self.clock, RandomIds()) for _ in range(2)]
        self.readers = [Registry(table, self.clock) for _ in range(2)]
        self.uncached = Registry(table, self.clock, 0)

    def crash_point(self, name: str) -> None:
        """End or pause the write that is running, where that is its fate."""
        mine = fate.get()
        if mine is None or mine.point != name:
            return
        if mine.seconds is None:
            raise Killed
        self.clock.advance(timedelta(seconds=mine.seconds))

    def draw(self) -> Fate | None:
        """Draw what happens to a write: a third ends at a point, some pause."""
        drawn = self.chance.random()
        if drawn < 0.35:
            return Fate(self.chance.choice(REGISTRY_POINTS))
        return Fate(self.chance.choice(REGISTRY_POINTS), self.chance.choice([1.0, 61.0, 130.0])) if drawn < 0.45 else None

    async def write(self, name: str, *subscriptions: str) -> ErrorCode | None:
        """Write a tenant on one of the workers, and return the code of a refusal."""
        fate.set(self.draw())
        writer = self.chance.choice(self.writers)
        try:
            await writer.put(tenant(name, *subscriptions), await writer.get(name), "a test")
        except Refused as found:
            return found.code
        except Conflict:
            return ErrorCode.PRECONDITION_FAILED
        return None

    async def watch(self) -> None:
        """Ask both workers, from their caches and without, until the history is over: they never name two owners at one moment."""
        while not self.done:
            moment = self.clock.monotonic()
            found = [await reader.owner_of_subscription(ONE) for reader in (*self.readers, self.uncached)]
            names = {one.name for one in found if one is not None}
            if self.clock.monotonic() != moment:
                continue  # time has passed between the questions
            assert len(names) <= 1, f"two owners at one moment: {names}"
            for name in names:
                earlier = [at for other, at in self.seen.items() if other != name]
                if found[-1] is not None:
                    assert all(moment - at >= 60 for at in earlier), "less than 60 s between two owners"
                    self.seen[name] = moment
            await asyncio.sleep(0)

    async def run(self) -> None:
        """Write in rounds, with some time between them."""
        await self.writers[0].claim_existing()
        watching = asyncio.create_task(self.watch())
        try:
            for number in range(ROUNDS):
                writes = [self.write(name, ONE) for name in (NAMES if number == 0 else self.chance.sample(NAMES, 5))]
                owner = await self.uncached.owner_of_subscription(ONE)
                if owner is not None and self.chance.random() < 0.6:
                    writes.append(self.write(owner.name))
                await asyncio.gather(*(asyncio.create_task(write) for write in writes), return_exceptions=True)
                self.clock.advance(timedelta(seconds=self.chance.choice([0.0, 5.0, 25.0, 40.0, 59.0, 61.0, 125.0])))
        finally:
            self.done = True
            await watching


@pytest.mark.parametrize("seed", range(20))
async def test_fifty_writers_that_end_and_pause_never_make_two_owners(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(random.Random(seed))  # noqa: S311  # chance of a test
    monkeypatch.setattr("shared.access.registrar.crash_point", history.crash_point)
    await history.run()
    history.clock.advance(timedelta(minutes=5))
    monkeypatch.setattr(history, "draw", lambda: None)
    owner = await history.uncached.owner_of_subscription(ONE)
    refused = await history.write("final", ONE)
    now = await history.uncached.owner_of_subscription(ONE)
    assert now is not None, "what was left behind can be claimed"
    if owner is None:
        listing = [
            name for name in NAMES if (found := await history.writers[0].get(name)) is not None and ONE in found.tenant.subscriptions
        ]
        assert (refused, now.name) == (None, "final") or listing
    else:
        assert (refused, now.name) == (ErrorCode.ALREADY_MAPPED, owner.name)


PROGRAM = """
import asyncio, sys
from shared.access.records.tenant import Tenant
from shared.access.registrar import Registrar
from shared.clock import RandomIds
from shared.errors import Refused
from shared.storage.tables import connect
from tests.support.clocks import ManualClock

async def main():
    connection, table, subscription, *names = sys.argv[1:]
    storage = connect(connection)
    writer = Registrar(storage.table(table), ManualClock(), RandomIds())
    async def put(name):
        try:
            await writer.put(Tenant(name=name, subscriptions=(subscription,)), None, "a worker")
        except Refused as refused:
            return str(refused.code)
    print("ready", flush=True)
    sys.stdin.readline()
    print(*{str(one) for one in await asyncio.gather(*map(put, names))})

asyncio.run(main())
"""


@pytest.mark.parametrize("point", REGISTRY_POINTS)
async def test_two_processes_of_which_one_is_killed(azurite: Azurite, written: Written, tmp_path: Path, point: str) -> None:
    await written.writer().claim_existing()
    (tmp_path / point).write_text("")
    workers = [start(azurite, written, NAMES[first::2], tmp_path if first == 0 else None) for first in range(2)]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    ends = await asyncio.gather(*(asyncio.to_thread(worker.communicate, "\n", 60) for worker in workers))
    owner = await written.owner(ONE)
    listing = [name for name in NAMES if (found := await written.writer().get(name)) is not None and ONE in found.tenant.subscriptions]
    assert len(listing) <= 1
    assert owner in {None, *listing}
    codes = {code for out, _ in ends for code in out.split() if code not in {"None", "ready"}}
    assert codes <= {"AlreadyMapped", "ServiceUnavailable"}
    if owner is None:  # the one that took it has ended before it could write its document
        assert workers[0].returncode == 137
        assert (await refusal(written.put(tenant("final", ONE)))) == ErrorCode.ALREADY_MAPPED
        written.pass_time(121)
        await written.put(tenant("final", ONE))
        owner = "final"
    assert [await written.owner(ONE), (await written.reader().owner_of_subscription(ONE) or tenant("none")).name] == [owner, owner]


def start(azurite: Azurite, written: Written, names: list[str], folder: Path | None) -> "subprocess.Popen[str]":
    """Start a process that writes tenants at once when it is given a line; with a folder it ends at the point whose file lies there."""
    command = [sys.executable, "-c", PROGRAM, azurite.connection_string, written.table.name, ONE, *names]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **({"FARSHORE_CRASH_POINT": str(folder)} if folder else {})}
    return subprocess.Popen(command, env=environment, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


async def refusal(call: Awaitable[object]) -> ErrorCode:
    """Return the code of a call's refusal."""
    with pytest.raises(Refused) as found:
        await call
    return found.value.code
