"""The parts of the benchmark of a fleet: an estate of many VMs, the app in memory before it, what drives both, and what polls beside it."""

import asyncio
import math
import random
import time
import tracemalloc
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MethodType
from typing import Any, cast

from azure.mgmt.compute.aio import ComputeManagementClient

from benchmarks.report import Cell
from local.simulation.arm.outcome import Outcome, Received
from local.simulation.compute.models import RestorePoint
from local.simulation.compute.state import ComputeState
from local.simulation.platform import Platform
from local.simulation.sample_estate import LOCATIONS, app_principal, sample_estate
from shared.clock import from_text
from shared.copies.kinds import COPY, LEDGER
from shared.operations.outside.messages import read_check, read_step
from tests.histories.in_memory import AZURE, GateTransport, IssuedTokens, MemoryApp

Json = dict[str, Any]
STEP = timedelta(seconds=30)
_TENANTS = 8
_MEDIAN_MINUTES, _SIGMA = 180.0, 1.09
"""A median of three hours and a mean of 326 minutes, as docs/azure/restore-points.md has them."""
_LONGEST_MINUTES = 2400.0
"""No copy takes longer, so that a fleet is done after two days."""
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
    """Calls by part: to storage, and to Azure by method and status; seconds of CPU that the simulated Azure took."""

    storage: Counter[str] = field(default_factory=Counter)
    azure: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    views: Counter[str] = field(default_factory=Counter)
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
            return outcome

        app.gate.receive = MethodType(counting, app.gate)  # type: ignore[method-assign]  # the benchmark stands between

    def of(self, who: str, *, status: int | None = None, method: str | None = None) -> int:
        """Return how many calls to Azure a part made."""
        return sum(
            count
            for (part, how, answered), count in self.azure.items()
            if part == who and status in {None, answered} and method in {None, how}
        )


@dataclass
class Fleet:
    """An app in memory, with one policy for each tenant that covers all of its VMs."""

    app: MemoryApp
    counts: Counts
    tenants: tuple[str, ...]
    copies: int

    @classmethod
    async def start(cls, copies: int, subscriptions: int, log: Path) -> "Fleet":
        """Start an app before an estate of so many VMs; the log is there already."""
        platform = Platform(speed=0)
        estate, tenants = _estate(platform.clock.now(), copies, subscriptions)
        app = await MemoryApp.start(platform, estate, random.Random(1), log)  # noqa: S311  # chance that can be repeated, not a secret
        fleet = cls(app, Counts(), tenants, copies)
        for tenant in tenants:
            answer = await fleet.call("PUT", "/copy-policies/fleet", tenant, _policy(copies))
            assert answer.status_code == 201, answer.get_body()
        fleet.counts.count_storage(app)
        fleet.counts.count_azure(app)
        return fleet

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
        return {str(row["targetPoint"]).lower(): from_text(str(row["completedAt"])) for row in rows if row.get("targetPoint")}

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
        import json

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


@dataclass
class Polled:
    """Some of the fleet's copies, read by the SDK once a minute, as the how-to does it: when their end was seen, and at what cost."""

    fleet: Fleet
    count: int
    chosen: dict[str, datetime] = field(default_factory=dict)
    seen: dict[str, datetime] = field(default_factory=dict)
    gets: int = 0
    cpu: float = 0.0

    async def look(self) -> None:
        """Read the chosen copies that have not been seen to end."""
        if len(self.chosen) < self.count:
            started = {point.id.lower(): point.started_at for point in self.fleet.copies_in_azure()}
            left = [one for one in sorted(started) if one not in self.chosen]
            self.chosen |= {one: started[one] for one in left[: self.count - len(self.chosen)]}
        open_ones = [one for one in self.chosen if one not in self.seen]
        azure, began = self.fleet.counts.azure_cpu, time.process_time()
        with counted_for("polling"):
            for one in open_ones:
                self.gets += 1
                if await self._has_ended(one):
                    self.seen[one] = self.fleet.now
        self.cpu += time.process_time() - began - (self.fleet.counts.azure_cpu - azure)

    async def _has_ended(self, point: str) -> bool:
        parts = point.split("/")
        found = await self._client(parts[2]).restore_points.get(parts[4], parts[8], parts[10], expand="instanceView")
        view = found.instance_view
        disks = (view.disk_restore_points if view is not None else None) or []
        return bool(disks) and all(disk.replication_status.completion_percent == 100 for disk in disks)

    def _client(self, subscription: str) -> ComputeManagementClient:
        app = self.fleet.app
        clients = _CLIENTS.setdefault(id(app), {})
        if subscription not in clients:
            credential: Any = _Credential(app.platform)
            transport: Any = GateTransport(app.gate)
            clients[subscription] = ComputeManagementClient(
                credential, subscription, base_url=AZURE, transport=transport, authentication_policy=_Bearer(credential)
            )
        return clients[subscription]


_CLIENTS: dict[int, dict[str, ComputeManagementClient]] = {}


class _Credential(IssuedTokens):
    """The token of the app's identity."""

    async def get_token(self, *_scopes: str, **_: object) -> Any:
        return await self.get_token_info()


class _Bearer:
    """Sends the token, which the SDK's own policy refuses to do over plain HTTP."""

    def __init__(self, credential: _Credential) -> None:
        self._credential = credential
        self._token: str | None = None
        self.next: Any = None

    async def send(self, request: Any) -> Any:
        """Add the header and go on."""
        if self._token is None:
            self._token = (await self._credential.get_token()).token
        request.http_request.headers["Authorization"] = f"Bearer {self._token}"
        return await self.next.send(request)


@dataclass
class Drive:
    """Moves the clock and does what comes due, as a host does, with one tick each 30 seconds."""

    fleet: Fleet
    polled: Polled
    checks: int = 0
    accepted: int = 0
    peak: float = 0.0
    cpu: float = 0.0

    async def run_all(self) -> None:
        """Run the policies and follow every copy to its end."""
        await self.fleet.begin()
        began = time.process_time()
        for number in range(_MOST_STEPS):
            await self._step(number)
            if number % 120 == 0 and len(self.fleet.recorded()) >= self.fleet.copies:
                break
        counts = self.fleet.counts
        self.cpu = time.process_time() - began - counts.azure_cpu - self.polled.cpu
        assert len(self.fleet.recorded()) == self.fleet.copies, f"{len(self.fleet.recorded())} of {self.fleet.copies} copies have ended"

    async def until_started(self) -> dict[str, Cell]:
        """Run the policies until every copy has been started, and return what that met."""
        began = self.fleet.now
        await self.fleet.begin()
        for number in range(_MOST_STEPS):
            await self._step(number)
            if len(self.fleet.copies_in_azure()) >= self.fleet.copies:
                break
        counts = self.fleet.counts
        refused = sum(count for (_, _, status), count in counts.azure.items() if status == 429)
        return {"429s": refused, "minutes": (self.fleet.now - began).total_seconds() / 60}

    async def _step(self, number: int) -> None:
        app = self.fleet.app
        app.platform.clock.move(STEP)
        app.gate.land()
        runtime = app.workers.runtime
        if number % 2 == 0:
            with counted_for("timers"):
                for timer in runtime.timers:
                    await timer()
            await self.polled.look()
        await self._tick(number)
        while await self._work():
            pass

    async def _tick(self, number: int) -> None:
        runtime = self.fleet.app.workers.runtime
        with counted_for("tick"):
            if number == 121:  # an hour after the start most copies are in flight
                tracemalloc.start()
                before = tracemalloc.get_traced_memory()[0]
                await runtime.tick.run()
                self.peak = (tracemalloc.get_traced_memory()[1] - before) / self.fleet.copies
                tracemalloc.stop()
            else:
                await runtime.tick.run()

    async def _work(self) -> int:
        queues = self.fleet.app.storage.queues
        steps, checks = queues.take(COPY.step_queue), queues.take(cast("str", COPY.check_queue))
        works = [self._do_step(text) for text in steps] + [self._do_check(text) for text in checks]
        for start in range(0, len(works), _SIDE_BY_SIDE):
            await asyncio.gather(*works[start : start + _SIDE_BY_SIDE])
        if works:
            with counted_for("tick"):
                await self.fleet.app.workers.runtime.feed_budgets()
        return len(works)

    async def _do_step(self, text: str) -> None:
        message, runtime = read_step(text), self.fleet.app.workers.runtime
        for operation in message.ids if message else ():
            row = await runtime.core.store.active(operation)
            is_run = row is not None and row.kind != COPY.name
            with counted_for("accepting" if is_run and row is not None and row.step in {"pruning", "accepting"} else "steps"):
                await runtime.runner.run(operation)

    async def _do_check(self, text: str) -> None:
        message = read_check(text)
        if message is not None:
            self.checks += len(message.ids)
            with counted_for("checks"):
                await self.fleet.app.workers.runtime.checks.run(message)

    async def summary(self) -> dict[str, Cell]:
        """Return the figures."""
        counts, fleet = self.fleet.counts, self.fleet
        recorded = fleet.recorded()
        ends = {point.id.lower(): point.ended_at() for point in fleet.copies_in_azure()}
        delays = sorted((recorded[one] - ends[one]).total_seconds() / 60 for one in recorded)
        of_a = sorted((self.polled.seen[one] - ends[one]).total_seconds() / 60 for one in self.polled.seen)
        of_b = sorted(_until_next((ends[one] - started).total_seconds() / 60, 10) for one, started in self.polled.chosen.items())
        ours = sum(count for (who, _, status), count in counts.azure.items() if status == 429 and who != "polling")
        per_a = self.polled.cpu * 1000 / max(len(self.polled.seen), 1)
        return {
            "GETs": counts.views["checks"] / fleet.copies,
            "GETs of (a)": self.polled.gets / max(len(self.polled.chosen), 1),
            "GETs of (b)": sum(math.ceil((ends[one] - started).total_seconds() / 600) for one, started in self.polled.chosen.items())
            / max(len(self.polled.chosen), 1),
            "p50 delay min": _percentile(delays, 0.5),
            "p99 delay min": _percentile(delays, 0.99),
            "p99 (a)": _percentile(of_a, 0.99),
            "p99 (b)": _percentile(of_b, 0.99),
            "429s": ours,
            "CPU ms": self.cpu * 1000 / fleet.copies,
            "CPU ms of (a)": per_a,
            "storage/check": counts.storage["checks"] / max(self.checks, 1),
            "storage/tick": counts.storage["tick"] / fleet.copies,
            "storage/accepted": counts.storage["accepting"] / fleet.copies,
            "storage/copy": sum(counts.storage[who] for who in ("steps", "checks", "accepting")) / fleet.copies,
            "peak B/copy": self.peak,
        }


def _until_next(minutes: float, every: int) -> float:
    """Return how long after an end that came so many minutes after the start a loop that looks this often sees it."""
    return math.ceil(minutes / every) * every - minutes


def _percentile(sorted_values: list[float], part: float) -> float | None:
    return sorted_values[min(int(len(sorted_values) * part), len(sorted_values) - 1)] if sorted_values else None


def _principal(fleet: Fleet) -> str:
    found = fleet.app.platform.world.principal("farshore")
    assert found is not None
    return found.id


def _policy(copies: int) -> Json:
    return {
        "selector": {"everything": True},
        "schedule": {"every": "P14D"},
        "consistency": {"mode": "CrashConsistent"},
        "targets": [{"region": LOCATIONS[1], "resourceGroup": "recovery"}],
        "retention": {"keepLast": 3},
        "limits": {"virtualMachines": max(copies, 1)},
    }


def _estate(now: datetime, copies: int, subscriptions: int) -> tuple[Json, tuple[str, ...]]:
    """Return an estate of VMs with one disk, and its tenants; durations are log-normal, and each fifth copy shows only 0 and 100."""
    chance = random.Random(7)  # noqa: S311  # the same durations each time
    sample = sample_estate(now)
    ids = [str(uuid.uuid5(uuid.NAMESPACE_DNS, f"fleet-{number}")) for number in range(subscriptions)]
    names = [f"fleet{number}" for number in range(min(_TENANTS, subscriptions))]
    tenants = [
        {
            "name": name,
            "displayName": name,
            "kind": "tenant",
            "tenantId": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
            "subscriptions": ids[number :: len(names)],
        }
        for number, name in enumerate(names)
    ]
    owner = {one: tenant["tenantId"] for tenant in tenants for one in tenant["subscriptions"]}
    body: Json = {
        "seed": 1,
        "tenants": [one for one in sample["tenants"] if one["kind"] == "provider"] + tenants,
        "principals": [app_principal([f"/subscriptions/{each}" for each in ids])],
        "subscriptions": [{"id": each, "tenantId": owner[each], "locations": list(LOCATIONS)} for each in ids],
        "resourceGroups": [{"id": f"/subscriptions/{each}/resourceGroups/recovery", "location": LOCATIONS[1]} for each in ids],
        "virtualMachines": [],
        "disks": [],
    }
    for number in range(copies):
        scope = f"/subscriptions/{ids[number % subscriptions]}/resourceGroups/production/providers/Microsoft.Compute"
        minutes = min(chance.lognormvariate(math.log(_MEDIAN_MINUTES), _SIGMA), _LONGEST_MINUTES)
        disk = f"{scope}/disks/vm{number:05}-os"
        body["disks"].append({"id": disk, "location": LOCATIONS[0], "sizeGB": 64, "copyMinutes": minutes, "coarse": number % 5 == 0})
        body["virtualMachines"].append(
            {"id": f"{scope}/virtualMachines/vm{number:05}", "location": LOCATIONS[0], "disks": [disk], "osType": "Linux"}
        )
    return body, tuple(names)
