"""Measures what a flood of messages costs: many put on an intake queue at once, carried by the whole app with two workers.

`python -m benchmarks.flood [--messages N] [--chains N ...] [--counted N]`. Real Azurite, simulated Azure at speed 1. For each number of
chains (50 and 1): reads alone (quiet), then a flood of N messages, then N `POST` requests one after another, each until no message is left
on the queues of requests, steps and checks. One status and one list are read all the time. "taken in" is the rate until the intake queue is
empty, "settled" until every queue is. CPU is that of the host's processes, the work that each message causes later included.

A second, smaller run counts the storage calls through a proxy, which would slow down the first; the host's own polling is not counted.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from benchmarks.acceptance import Bench
from benchmarks.acceptance_ways import poster
from benchmarks.report import Cell, report, verdict
from benchmarks.small_azure import Point, estate
from benchmarks.traffic import cpu_seconds, environment
from local import processes
from local.calls import call
from local.stack import app_environment
from shared.copies.kinds import COPY, REQUESTS
from shared.storage.tables import Queues, connect
from tests.support.storage_proxy import Passed, StorageProxy

_SUBSCRIPTIONS = 10
_SENDERS = 8
_SLOWDOWN = 10.0
_QUIET_SECONDS = 15.0
_BETWEEN_READS = 0.1
_WARM = 24
_QUEUES = (REQUESTS, *COPY.queues)


@dataclass
class Latencies:
    """The milliseconds of the reads made so far, by what was read."""

    taken: dict[str, list[float]] = field(default_factory=dict)

    def percentile(self, what: str, share: float) -> float:
        """Return the percentile of one kind of read."""
        ordered = sorted(self.taken.get(what, ())) or [0.0]
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


@dataclass(frozen=True)
class Cost:
    """What a phase took: seconds until all was taken in and until all queues were empty, CPU seconds, reads meanwhile."""

    taken_in: float
    settled: float
    cpu: float
    reads: Latencies


@dataclass(frozen=True)
class Host:
    """A running host: the address of its API, its process group, the queues, and an authorized client."""

    api: str
    group: int
    queues: Queues
    session: aiohttp.ClientSession
    token: str

    async def post(self, points: Iterable[Point]) -> None:
        """Request a copy of each restore point, one after another."""
        request = poster(self.session, self.api, self.token)
        for point in points:
            await request(point)

    async def send(self, points: Sequence[Point]) -> None:
        """Put a message for each restore point on the intake queue, and wait until all are taken in."""
        left = iter(points)

        async def some() -> None:
            for point in left:
                await self.queues.send(REQUESTS, json.dumps({"id": point.id, **point.body}))

        await asyncio.gather(*(some() for _ in range(_SENDERS)))
        await self.until_empty([REQUESTS])

    async def until_empty(self, queues: Sequence[str]) -> None:
        """Wait until queues hold no message, hidden ones included, twice in a row."""
        empty = 0
        while empty < 2:
            counts = [await self.queues.client(queue).get_queue_properties() for queue in queues]
            empty = 0 if any(count.approximate_message_count for count in counts) else empty + 1
            await asyncio.sleep(0.3)

    async def read(self, paths: dict[str, str], ended: asyncio.Event, found: Latencies) -> None:
        """Read each path in turn until the event."""
        while not ended.is_set():
            for what, path in paths.items():
                began = time.perf_counter()
                async with self.session.get(f"{self.api}{path}") as answer:
                    await answer.read()
                    assert answer.status == 200, (path, answer.status)
                found.taken.setdefault(what, []).append((time.perf_counter() - began) * 1000)
                await asyncio.sleep(_BETWEEN_READS)

    async def measure(self, paths: dict[str, str], work: Awaitable[None]) -> Cost:
        """Do the work while reading, until every queue is empty, and return what it took."""
        ended, found, cpu, began = asyncio.Event(), Latencies(), cpu_seconds(self.group), time.perf_counter()
        reading = asyncio.create_task(self.read(paths, ended, found))
        await work
        taken_in = time.perf_counter() - began
        await self.until_empty(_QUEUES)
        settled, spent = time.perf_counter() - began, cpu_seconds(self.group) - cpu
        ended.set()
        await reading
        return Cost(taken_in, settled, spent, found)

    async def warm_up(self, points: Sequence[Point]) -> dict[str, str]:
        """Let each worker do everything once, and return the paths to read: a status and a list."""
        await self.post(points[: len(points) // 2])
        await self.send(points[len(points) // 2 :])
        await self.until_empty(_QUEUES)
        async with self.session.get(f"{self.api}/restore-point-copies?top=20") as answer:
            first = (await answer.json())["value"][0]["id"]
        paths = {"status": f"/restore-point-copies/{first}", "list": "/restore-point-copies?top=20"}
        for _ in range(_WARM):
            for path in paths.values():
                async with self.session.get(f"{self.api}{path}") as answer:
                    await answer.read()
        return paths


def is_ours(passed: Passed) -> bool:
    """Whether a storage call is the app's: the host itself polls queues, deletes messages and keeps the state of its timers."""
    if passed.service == "table":
        return True
    return passed.service == "queue" and passed.method == "POST"


async def timed(host: Host, points: Sequence[Point], messages: int, chains: int) -> list[dict[str, Cell]]:
    """Measure the quiet reads, the flood, and the requests one after another."""
    paths = await host.warm_up(points[:_WARM])
    points = points[_WARM:]
    lines: list[dict[str, Cell]] = []
    phases: tuple[tuple[str, Callable[[], Awaitable[None]], int], ...] = (
        ("quiet", lambda: asyncio.sleep(_QUIET_SECONDS), 0),
        ("flood", lambda: host.send(points[:messages]), messages),
        ("POST, one by one", lambda: host.post(points[messages : 2 * messages]), messages),
    )
    for name, work, count in phases:
        cost = await host.measure(paths, work())
        print(f"{chains} chains: {name} ended after {cost.settled:.0f} s", flush=True)
        lines.append(
            {
                "chains": chains,
                "what": name,
                "messages": count,
                "taken in/s": round(count / cost.taken_in, 1) if count else None,
                "settled/s": round(count / cost.settled, 1) if count else None,
                "CPU ms each": round(cost.cpu * 1000 / count, 1) if count else None,
                "calls each": None,
                **{
                    f"{what} {label} ms": round(cost.reads.percentile(what, share), 1)
                    for what in ("status", "list")
                    for label, share in (("p50", 0.5), ("p95", 0.95))
                },
            }
        )
    return lines


async def counted(host: Host, points: Sequence[Point], messages: int, proxy: StorageProxy) -> list[float]:
    """Return the storage calls of a message, and of a request, each until nothing is left on the queues."""
    await host.warm_up(points[:_WARM])
    points, found = points[_WARM:], []
    for work in (host.send(points[:messages]), host.post(points[messages : 2 * messages])):
        proxy.clear()
        await work
        await host.until_empty(_QUEUES)
        found.append(sum(map(is_ours, proxy.requests)) / messages)
    return found


async def run(bench: Bench, points: Sequence[Point], messages: int, chains: int, count: int) -> list[dict[str, Cell]]:
    """Measure with one host, then count with another, on empty storage each."""
    async with _host(bench, f"flood-{chains}", None) as host:
        lines = await timed(host, points, messages, chains)
    await asyncio.to_thread(bench.empty)
    with StorageProxy(bench.options.storage_port) as proxy:
        async with _host(bench, f"counted-{chains}", proxy.port) as host:
            calls = await counted(host, points[_WARM + 2 * messages :], count, proxy)
    for line, each in zip(lines[1:], calls, strict=True):
        line["calls each"] = round(each, 1)
    return lines


@asynccontextmanager
async def _host(bench: Bench, name: str, storage_port: int | None) -> AsyncIterator[Host]:
    api, group = await asyncio.to_thread(bench.host, name, workers=2, app=processes.ROOT, storage_port=storage_port)
    storage, token = connect(bench.base.connection_string), bench.token()
    try:
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
            yield Host(api, group, storage.queues, session, token)
    finally:
        await storage.close()
        await asyncio.to_thread(bench.stop_hosts)


def measure(messages: int, chains: int, count: int) -> list[dict[str, Cell]]:
    """Start what is needed for one number of chains, measure, stop it."""
    with tempfile.TemporaryDirectory(prefix="farshore-flood-") as folder:
        bench = Bench(Path(folder))
        try:
            bench.base.start_azure()
            subscriptions = min(_SUBSCRIPTIONS, chains)
            each = 2 * (messages + count + _WARM) // chains + 1
            body, points = estate(bench.now(), subscriptions=subscriptions, machines=chains // subscriptions, points=each)
            reply = call("PUT", f"{bench.options.azure}/_simulation/estate", body)
            if reply.status != 200:
                raise RuntimeError(f"the estate was refused: {reply.body}")
            bench.base.seed()
            with environment(app_environment(bench.options, bench.base.connection_string)):
                return asyncio.run(run(bench, points, messages, chains, count))
        finally:
            bench.stop()


def main() -> None:
    """Measure, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=5000, help="messages of the flood, and requests one after another")
    parser.add_argument("--chains", type=int, nargs="+", default=[50, 1], help="chains of copies that they are spread over")
    parser.add_argument("--counted", type=int, default=100, help="messages of the run that counts storage calls")
    options = parser.parse_args()
    lines = [line for chains in options.chains for line in measure(options.messages, chains, options.counted)]
    report("flood", f"{options.messages} messages at once", lines, messages=options.messages, counted=options.counted)
    for quiet, flood in zip(lines[::3], lines[1::3], strict=True):
        for what in ("status", "list"):
            slower = float(flood[f"{what} p95 ms"] or 0) / max(float(quiet[f"{what} p95 ms"] or 0), 1.0)
            promise = f"{flood['chains']} chains: p95 of reading a {what} at most {_SLOWDOWN:g} times the quiet one ({slower:.1f})"
            verdict(promise, holds=slower <= _SLOWDOWN)


if __name__ == "__main__":
    main()
