"""What a fleet costs beside its copies: a slot in one subscription, a plan, retention, a page of protection."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from benchmarks.fleet_drive import Drive
from benchmarks.fleet_of_copies import Fleet, counted_for
from benchmarks.fleet_polled import Polled
from benchmarks.report import Cell
from shared.copies.protection.records.record import ProtectionRecord
from shared.copies.protection.records.store import ProtectionStore
from shared.copies.protection.states import State
from tests.support.memory import MemoryTable

_SUBSCRIPTIONS = 40
_EARLIER = 8
"""How many earlier copies a place has: more than `keepLast` of the policy."""
_PAGE = 100
_MOST_STEPS = 2000


@dataclass
class Taken:
    """What a piece of work took: seconds of wall time and of CPU, and calls to storage."""

    wall: float = 0.0
    cpu: float = 0.0
    calls: int = 0
    before: dict[str, int] = field(default_factory=dict)

    @asynccontextmanager
    async def by(self, fleet: Fleet, who: str) -> AsyncIterator[None]:
        """Take down what is done meanwhile."""
        wall, cpu, azure = time.perf_counter(), time.process_time(), fleet.counts.azure_cpu
        with counted_for(who):
            yield
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu - (fleet.counts.azure_cpu - azure)
        self.calls = fleet.counts.storage[who]


async def slot(machines: int, log: Path) -> list[dict[str, Cell]]:
    """Return what a slot of so many VMs in one subscription meets, and what a script meets that sends its PUTs as fast as it can."""
    fleet = await Fleet.start(machines, 1, log)
    ours = await Drive(fleet, Polled(fleet, 0)).until_started()
    alone = await Fleet.start(machines, 1, log)
    script = alone.run_script()
    return [
        {"who": "Farshore", **ours},
        {"who": "script", "429s": script["429s"], "reads": 0, "writes": None, "minutes": script["minutes"]},
    ]


async def plan(machines: int, log: Path) -> dict[str, Cell]:
    """Return what the plan of a policy of so many VMs takes, each with earlier copies."""
    fleet = await Fleet.start(machines, _SUBSCRIPTIONS, log, tenants=1)
    await fleet.remember(2)
    taken, follows = Taken(), asyncio.create_task(_follow_time(fleet))
    async with taken.by(fleet, "plan"):
        answer = await fleet.call("GET", "/copy-policies/fleet/plan?top=100", fleet.tenants[0])
    follows.cancel()
    assert answer.status_code == 200, answer.get_body()
    return {"what": f"plan of {machines} VMs", "wall s": taken.wall, "CPU s": taken.cpu, "storage calls each": taken.calls / machines}


async def _follow_time(fleet: Fleet) -> None:
    """Move Azure's clock with the loop's: of Resource Graph's queries there are 15 in five seconds, and the plan waits for more."""
    while True:
        await asyncio.sleep(1)
        fleet.app.platform.clock.move(timedelta(seconds=1))


async def retention(places: int, log: Path) -> dict[str, Cell]:
    """Return what the retention of so many places takes: from the ledger, by a run, up to its first copy."""
    fleet = await Fleet.start(places, _SUBSCRIPTIONS, log)
    await fleet.remember(_EARLIER, deleted=False)
    drive = Drive(fleet, Polled(fleet, 0))
    await fleet.begin()
    for number in range(_MOST_STEPS):
        await drive.step(number)
        if await fleet.pruned():
            break
    calls, cpu = fleet.counts.storage["pruning"], drive.cpu["steps"]
    return {"what": f"retention of {places} places", "wall s": None, "CPU s": cpu, "storage calls each": calls / places}


async def protection(machines: int, log: Path) -> dict[str, Cell]:
    """Return what a page of protection takes with so many VMs."""
    fleet = await Fleet.start(1, 1, log)
    tenant, table = fleet.tenants[0], fleet.app.storage.table("vmProtection")
    store = ProtectionStore(table)  # type: ignore[arg-type]  # a table in memory
    scope = fleet.machines[0].id.rpartition("/")[0]
    for number in range(machines):
        await store.write(None, ProtectionRecord(tenant=tenant, virtual_machine_id=f"{scope}/vm{number:06}", state=State.PENDING))
    taken, rows = Taken(), _count_rows(table)
    await fleet.call("GET", f"/protection?top={_PAGE}", tenant)  # the registry is read once
    rows.clear()
    calls = fleet.counts.storage["page"]
    async with taken.by(fleet, "page"):
        answer = await fleet.call("GET", f"/protection?top={_PAGE}", tenant)
    assert answer.status_code == 200, answer.get_body()
    return {
        "what": f"page of /protection of {machines} VMs ({len(rows)} rows)",
        "wall s": taken.wall,
        "CPU s": taken.cpu,
        "storage calls each": taken.calls - calls,
    }


def _count_rows(table: MemoryTable) -> list[object]:
    """Return a list to which each row that a range of the table returns is added from now on."""
    rows: list[object] = []
    known = table.range

    async def counting(*given: object, **named: object) -> AsyncIterator[object]:
        async for row in known(*given, **named):  # type: ignore[arg-type]  # as it was called
            rows.append(row)
            yield row

    table.range = counting  # type: ignore[assignment,method-assign]  # the benchmark stands between
    return rows
