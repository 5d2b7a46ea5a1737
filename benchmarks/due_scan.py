"""What finding and checking due operations costs as operations pile up: storage calls, bytes and time, on a real Azurite.

`python -m benchmarks.due_scan [--rounds N] [--small N] [--large N]`. One table grows: SMALL active and SMALL ended operations; then LARGE
ended ones (the cost of one tick must stay what it was); then LARGE active ones. At each stage, round after round: a tick when
SMALL operations are due, a tick when nothing is due, one that also sweeps (the first of a process, then one in five minutes), and one
batched check of 100 rows whose Azure is a function in memory.

Calls and bytes are exact. Time is Azurite's, which reads every row of a table for every query, ended
ones too; Azure seeks to the range: of the entries that are due for a tick, of the active rows (16 partitions x `a|`) for a sweep.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from benchmarks.report import Cell, report, verdict
from benchmarks.seeding import Bulk, Shape, active_operation, ended_operation, entities_of, group_of
from benchmarks.traffic import Traffic, counted_storage, cpu_seconds
from local import azurite
from shared.clock import RandomIds
from shared.copies.kinds import COPY
from shared.operations.model import store
from shared.operations.model.kinds import Kinds
from shared.operations.model.rows import Active
from shared.operations.model.store import Store
from shared.operations.outside.events import Events
from shared.operations.outside.messages import OUTCOME_QUEUE, CheckMessage, read_check
from shared.operations.running import budgets
from shared.operations.running.budgets import Budgets
from shared.operations.running.checks import Checks
from shared.operations.running.outcomes import Checked, Unread
from shared.operations.running.tick import Tick
from shared.operations.running.workflow import Workflow
from shared.storage.tables import Queues
from tests.support.clocks import START, ManualClock
from tests.support.ports import take_ports

SHAPE = Shape(tuple(f"tenant-{number}" for number in range(40)))
LOOKED_AT_EVERY = timedelta(minutes=10)
FAR = START + timedelta(days=365)
KINDS = ("page", "transaction", "message", "read", "insert", "write", "delete")


@dataclass
class Case:
    """What was measured of one thing at one stage: calls by kind, and per round KiB received, CPU and wall milliseconds."""

    calls: list[Counter[str]] = field(default_factory=list)
    received: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    azurite: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def row(self, stage: str, what: str, active: int) -> dict[str, Cell]:
        """Return the medians as a line of the table."""
        calls = self.calls[-1]
        return {
            "active + ended": stage,
            "what": what,
            "calls": calls.total(),
            **{f"{name}s": calls[name] for name in KINDS[:3]},
            "others": calls.total() - sum(calls[name] for name in KINDS[:3]),
            "KiB back": round(statistics.median(self.received)),
            "active rows": active,
            "CPU ms": round(statistics.median(self.cpu), 1),
            "Azurite ms": round(statistics.median(self.azurite), 1),
            "wall ms": round(statistics.median(self.wall), 1),
        }


class Bench:
    """The real tick and checks on a counted storage, with a clock that is moved by hand."""

    def __init__(self, storage_of: tuple[Traffic, int], parts: tuple[Tick, Checks, Queues], clock: ManualClock) -> None:
        self._traffic, self._azurite = storage_of
        self.tick, self.checks, self._queues = parts
        self.clock = clock

    async def message(self, group: str) -> CheckMessage:
        """Take all messages off the queue of checks, and return the largest that has a group."""
        found: list[CheckMessage] = []
        client = self._queues.client(COPY.check_queue or "")
        async for taken in client.receive_messages(messages_per_page=32):
            message = read_check(str(taken.content))
            if message is not None and group in message.groups:
                found.append(message)
            await client.delete_message(taken)
        return max(found, key=lambda message: len(message.ids))

    async def measure(self, case: Case, work: Callable[[], Awaitable[object]]) -> object:
        """Do the work once and add what it took to a case."""
        self._traffic.clear()
        there, wall, cpu = cpu_seconds(self._azurite), time.perf_counter(), time.process_time()
        result = await work()
        case.cpu.append((time.process_time() - cpu) * 1000)
        case.wall.append((time.perf_counter() - wall) * 1000)
        case.azurite.append((cpu_seconds(self._azurite) - there) * 1000)
        case.calls.append(Counter(self._traffic.calls))
        case.received.append(self._traffic.received / 1024)
        return result


async def stage(bench: Bench, due: Sequence[Active], rounds: int) -> dict[str, Case]:
    """Measure each in turn; all of `due` come due again each time that the clock moves."""
    cases: dict[str, Case] = defaultdict(Case)
    group = group_of(SHAPE.tenants[0])
    sweeps = bench.tick.sweeps
    for number in range(rounds + 1):  # the first is thrown away
        if number == 1:
            cases.clear()
        bench.clock.advance(LOOKED_AT_EVERY)
        sweeps.due_at = bench.clock.now() + LOOKED_AT_EVERY
        ticked = await bench.measure(cases[f"tick, {len(due)} due"], bench.tick.run)
        if number:
            assert f"due={len(due)}" in str(ticked), ticked
            assert "held_back=0" in str(ticked), ticked
        message = await bench.message(group)
        ticked = await bench.measure(cases["tick, nothing due"], bench.tick.run)
        assert not number or "due=0" in str(ticked), ticked
        sweeps.due_at = None
        await bench.measure(cases["tick that sweeps, nothing due"], bench.tick.run)
        checks, checked = len(message.ids), partial(bench.checks.run, message)
        await bench.measure(cases[f"check of {checks}"], checked)
    return cases


async def run(connection_string: str, group: int, rounds: int, small: int, large: int) -> list[dict[str, Cell]]:
    """Grow the table through its stages and measure each."""
    traffic, clock, bulk = Traffic(), ManualClock(), Bulk(connection_string, store.TABLE)

    async def check(found: Sequence[Active]) -> Mapping[str, Checked | Unread]:
        at = clock.now() + LOOKED_AT_EVERY / 2
        return {row.id: Checked(at=at, percent=row.percent % 99 + 1, detail={"disks": [{"percentComplete": 41}] * 3}) for row in found}

    kinds, workflows = Kinds.of([COPY]), {COPY.name: Workflow({}, check)}
    lines: list[dict[str, Cell]] = []
    async with counted_storage(connection_string, traffic) as storage:
        await storage.create([store.TABLE, budgets.TABLE], [*COPY.queues, OUTCOME_QUEUE])
        operations = Store(storage.table(store.TABLE), clock, RandomIds())
        spent = Budgets(storage.table(budgets.TABLE), clock, 0.5, "system")
        events = Events(storage.queues, kinds, clock, "http://localhost")
        parts = (
            Tick(operations, storage.queues, spent, kinds, clock),
            Checks(operations, storage.queues, events, kinds, workflows, clock),
            storage.queues,
        )
        bench = Bench((traffic, group), parts, clock)
        due = [active_operation(SHAPE, number, START, START) for number in range(small)]
        rest = [active_operation(SHAPE, number, START, FAR) for number in range(small, large)]
        stages: tuple[tuple[int, int, list[Active], range], ...]
        stages = ((small, small, due, range(small)), (small, large, [], range(small, large)), (large, large, rest, range(0)))
        for active, ended, running, numbers in stages:
            began = time.perf_counter()
            more = [entity for row in running for entity in entities_of(row, ended=False)]
            count = await bulk.insert([*more, *(entity for number in numbers for entity in ended_operation(SHAPE, number, START))])
            print(f"{active} active + {ended} ended: {count} rows more, in {time.perf_counter() - began:.0f} s", flush=True)
            for what, case in (await stage(bench, due, rounds)).items():
                lines.append(case.row(f"{active} + {ended}", what, active))
    return lines


def conclude(lines: list[dict[str, Cell]], rounds: int) -> None:
    """Print and write the figures, and whether the targets are met."""
    report("due_scan", f"Due scan and batched check: medians of {rounds} rounds", lines, rounds=rounds)
    by_stage: dict[str, dict[str, dict[str, Cell]]] = defaultdict(dict)
    for line in lines:
        by_stage[str(line["active + ended"])][str(line["what"])] = line
    first, ended, grown = by_stage.values()
    for what, line in first.items():
        same = line["calls"] == ended[what]["calls"]
        verdict(f"{what}: {line['calls']} calls, whatever has ended ({ended[what]['calls']} beside the many)", holds=same)
    for what, line in first.items():
        more = {name: float(grown[what][name] or 0) / float(line[name] or 1) for name in ("calls", "KiB back", "CPU ms", "wall ms")}
        print(f"{what}, with the many active: " + ", ".join(f"{ratio:.1f} times the {name}" for name, ratio in more.items()))


def main() -> None:
    """Start Azurite, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", type=int, default=1000)
    parser.add_argument("--large", type=int, default=20000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="farshore-due-scan-") as folder:
        log = Path(folder) / "azurite.log"
        emulator = azurite.start(take_ports(3), log)
        try:
            azurite.wait(emulator)
            work = run(emulator.connection_string, emulator.part.process.pid, options.rounds, options.small, options.large)
            conclude(asyncio.run(work), options.rounds)
        except Exception:
            print(log.read_text(encoding="utf-8")[-4000:])
            raise
        finally:
            emulator.stop()


if __name__ == "__main__":
    main()
