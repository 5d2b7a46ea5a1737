"""The parts of the benchmark of a fleet: an estate of many VMs, the app in memory before it, what drives both, and what polls beside it."""

import json
import math
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MethodType
from typing import Any

from benchmarks.fleet_estate import Json, Machine, fleet_estate, policy
from benchmarks.report import Cell
from local.simulation.arm.outcome import Outcome, Received
from local.simulation.compute.models import RestorePoint
from local.simulation.compute.state import ComputeState
from local.simulation.platform import Platform
from local.simulation.sample_estate import LOCATIONS
from shared.clock import from_text, to_text
from shared.copies.copying.service import Copies
from shared.copies.kinds import LEDGER
from shared.copies.ledger import LedgerEntry
from tests.histories.in_memory import AZURE, MemoryApp

STEP = timedelta(seconds=30)
_REMEMBERED = "earlier-copy-"
_EARLIER, _APART = timedelta(days=14), 0.2
_SIDE_BY_SIDE = 16
_MOST_STEPS = 15 * 24 * 120
_WHO: ContextVar[str] = ContextVar("who", default="setting up")
"""For what calls to storage and to Azure are counted: `checks`, `accepting`, `steps`, `tick`, `polling`."""


@contextmanager
def counted_for(who: str) -> Iterator[None]:
    """Count what is called meanwhile for one part."""
    before = _WHO.set(who)
    try:
        yield
    finally:
        _WHO.reset(before)


@dataclass
class Counts:
    """Calls by part: to storage, and to Azure by method and status; reads of instance views by part, and those of checks by path; seconds
    of CPU that the simulated Azure took.
    """

    storage: Counter[str] = field(default_factory=Counter)
    azure: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    views: Counter[str] = field(default_factory=Counter)
    views_of: Counter[str] = field(default_factory=Counter)
    azure_cpu: float = 0.0

    def count_storage(self, app: MemoryApp) -> None:
        """Count each call to a table or queue of an app from now on."""
        for table in app.storage.tables.values():
            self._count(table, "get", "transact", "range")
        self._count(app.storage.queues, "send")

    def _count(self, owner: object, *names: str) -> None:
        for name in names:
            setattr(owner, name, self._counting(getattr(owner, name)))

    def _counting(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*given: Any, **named: Any) -> Any:
            self.storage[_WHO.get()] += 1
            return call(*given, **named)

        return counting

    def count_azure(self, app: MemoryApp) -> None:
        """Count each call to Azure from now on."""
        receive = app.gate.receive

        def counting(_gate: object, request: Received) -> Outcome:
            began = time.thread_time()
            outcome = receive(request)
            self.azure_cpu += time.thread_time() - began
            self.azure[_WHO.get(), request.method, outcome.status] += 1
            if "instanceView" in request.query.get("$expand", ""):
                self.views[_WHO.get()] += 1
                self.views_of[request.path.lower()] += _WHO.get() == "checks"
            return outcome

        app.gate.receive = MethodType(counting, app.gate)  # type: ignore[method-assign]  # the benchmark stands between

    def refused(self) -> int:
        """Return how many of the app's calls Azure answered with 429."""
        return sum(count for (who, _, status), count in self.azure.items() if status == 429 and who != "polling")


@dataclass
class Fleet:
    """An app in memory, with one policy for each tenant that covers all of its VMs."""

    app: MemoryApp
    counts: Counts
    tenants: tuple[str, ...]
    machines: Sequence[Machine]

    @classmethod
    async def start(cls, copies: int, subscriptions: int, log: Path, *, tenants: int = 8, share: float = 0.5) -> "Fleet":
        """Start an app before an estate of so many VMs; the log is there already."""
        os.environ["FARSHORE_BUDGET_SHARE"] = str(share)
        platform = Platform(speed=0)
        estate = fleet_estate(platform.clock.now(), copies, subscriptions, tenants)
        app = await MemoryApp.start(platform, estate.body, random.Random(1), log)  # noqa: S311  # chance that can be repeated, not a secret
        fleet = cls(app, Counts(), estate.tenants, estate.machines)
        for tenant in fleet.tenants:
            answer = await fleet.call("PUT", "/copy-policies/fleet", tenant, policy(copies))
            assert answer.status_code == 201, answer.get_body()
        fleet.counts.count_storage(app)
        fleet.counts.count_azure(app)
        return fleet

    @property
    def copies(self) -> int:
        """How many VMs there are, and so copies of a run."""
        return len(self.machines)

    async def remember(self, count: int, *, deleted: bool = True) -> None:
        """Record so many earlier copies of each VM, which took as long as its next one, give or take a fifth; the first was full.

        They are deleted by now, unless `deleted` is false: the simulated Azure does not have them.
        """
        chance = random.Random(3)  # noqa: S311  # the same durations each time
        ledger = self.app.workers.runtime.of(Copies).ledger
        owner = {one: tenant for tenant in self.tenants for one in await self._subscriptions(tenant)}
        for machine in self.machines:
            collection = machine.id.replace("/virtualMachines/", "/restorePointCollections/")
            for number in range(count):
                minutes = machine.minutes * math.exp(chance.gauss(0, _APART))
                began = self.now - (count - number) * _EARLIER
                entry = LedgerEntry(
                    operation=chr(ord("a") + number) * 26,
                    tenant=owner[machine.id.split("/")[2]],
                    virtual_machine_id=machine.id,
                    source_point_id=f"{collection}/restorePoints/earlier{number}",
                    target_point_id=f"{collection}-copies/restorePoints/{_REMEMBERED}{number}",
                    region=LOCATIONS[1],
                    taken_at=to_text(began),
                    completed_at=to_text(began + timedelta(minutes=minutes)),
                    started_at=to_text(began),
                )
                await ledger.record(entry)
        for row, _ in self.app.storage.table(LEDGER).rows.values():
            if deleted and _REMEMBERED in str(row.get("targetPoint")):
                row["deletedAt"] = to_text(self.now)

    async def _subscriptions(self, tenant: str) -> Sequence[str]:
        found = await self.app.workers.runtime.registry.by_name(tenant)
        assert found is not None
        return found.subscriptions

    async def call(self, method: str, path: str, tenant: str, body: object = None) -> Any:
        """Send a request of a tenant."""
        return await self.app.request(method, path, body, {"Authorization": f"Bearer {tenant}||Copies.Read|Copies.Write"})

    async def plan(self) -> float:
        """Plan the next run of each tenant, and return the seconds for a thousand VMs."""
        began = time.process_time()
        for tenant in self.tenants:
            self.app.platform.clock.move(timedelta(seconds=5))  # of Resource Graph's queries there are fifteen in five seconds
            answer = await self.call("GET", "/copy-policies/fleet/plan?top=1", tenant)
            assert answer.status_code == 200, answer.get_body()
        return (time.process_time() - began) * 1000 / self.copies

    async def pruned(self) -> bool:
        """Return whether each run has accepted the deletions of retention."""
        runs = [(await self.call("GET", "/copy-policies/fleet/runs?top=1", tenant)).get_body() for tenant in self.tenants]
        steps = {json.loads(run)["value"][0]["step"] for run in runs}
        return not steps & {None, "selecting", "pruning"}

    async def begin(self) -> None:
        """Ask for a run of each policy."""
        for tenant in self.tenants:
            answer = await self.call("POST", "/copy-policies/fleet/run", tenant)
            assert answer.status_code == 202, answer.get_body()

    @property
    def now(self) -> datetime:
        """Azure's time."""
        return self.app.platform.clock.now()

    def copies_in_azure(self) -> list[RestorePoint]:
        """Return the copies that Azure has."""
        return [point for point in self.app.platform.world.of(ComputeState).points.values() if point.source_point is not None]

    def recorded(self) -> dict[str, datetime]:
        """Return when each copy's end was recorded, by the copy's id in lower case."""
        rows = (entity for entity, _ in self.app.storage.table(LEDGER).rows.values() if entity.get("completedAt"))
        ended = {str(row["targetPoint"]).lower(): from_text(str(row["completedAt"])) for row in rows if row.get("targetPoint")}
        return {point: at for point, at in ended.items() if _REMEMBERED not in point}

    def run_script(self) -> dict[str, Cell]:
        """Send, as a script would, the PUTs of restore points and their collections, one after another; each takes 50 ms."""
        token = (
            "Bearer "
            + self.app.platform.issuer.identity_token(AZURE, "t", _principal(self), "https://management.azure.com")["access_token"]
        )
        began, refused = self.now, 0
        for vm in [machine.id for machine in self.app.platform.world.of(ComputeState).machines.values()]:
            group, name = vm.partition("/providers/")[0], vm.rpartition("/")[2]
            collection = f"{group}/providers/Microsoft.Compute/restorePointCollections/{name}"
            body: Json = {"location": LOCATIONS[0], "properties": {"source": {"id": vm}}}
            for path, content in ((collection, body), (f"{collection}/restorePoints/first", {"properties": {}})):
                refused += self._put(path, content, token)
        return {"429s": refused, "minutes": (self.now - began).total_seconds() / 60}

    def _put(self, path: str, content: Json, token: str) -> int:
        refused = 0
        while True:
            self.app.platform.clock.move(timedelta(milliseconds=50))
            outcome = self.app.gate.receive(
                Received("PUT", path, {"api-version": "2024-07-01"}, json.dumps(content).encode(), token, "", AZURE)
            )
            if outcome.status != 429:
                assert outcome.status < 300, outcome
                return refused
            refused += 1
            self.app.platform.clock.move(timedelta(seconds=float(outcome.headers["Retry-After"])))


def _principal(fleet: Fleet) -> str:
    found = fleet.app.platform.world.principal("farshore")
    assert found is not None
    return found.id
