"""Measures what a flood of messages costs: many put on an intake queue at once, carried by the whole app with two workers.

`python -m benchmarks.flood [--messages N] [--chains N ...] [--counted N] [--limit MINUTES]`. Real Azurite, simulated Azure at speed 1.
For each number of chains (50 and 1): reads alone (quiet), then a flood of N messages, then N `POST` requests one after another, each
until no message is left on the queues of requests, steps and checks. One status and one list are read all the time. "taken in" is the
rate until the intake queue is empty, "settled" until every queue is. CPU is that of the host's processes, the work that each message
causes later included.

Every half minute it prints how many messages are left. With `--limit` a phase ends when its share of the time is over: its rates and
its CPU are then those of the messages taken in by then, its line says how many there were, and what is left on the queues is removed.

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
_REPORT_SECONDS = 30.0
_OF_FLOOD = 0.45
"""The share of the time limit of one number of chains that the flood may take, and the requests one after another."""


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
    """What a phase took: seconds until all was taken in and until all queues were empty, CPU seconds, reads meanwhile.

    `messages` is how many of them were taken in: not all where the time limit ended the phase. `settled` is then None.
    """

    messages: int
    taken_in: float
    settled: float | None
    cpu: float
    reads: Latencies


class Deadline:
    """The end of a phase, after so many seconds of wall time; without a number it never ends."""

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.perf_counter() + seconds

    @property
    def over(self) -> bool:
        """Whether it has passed."""
        return self._end is not None and time.perf_counter() >= self._end


@dataclass(frozen=True)
class Host:
    """A running host: the address of its API, its process group, the queues, and an authorized client."""

    api: str
    group: int
    queues: Queues
    session: aiohttp.ClientSession
    token: str

    async def post(self, points: Iterable[Point], deadline: Deadline) -> int:
        """Request a copy of each restore point, one after another; return how many there was time for."""
        request, done = poster(self.session, self.api, self.token), 0
        for point in points:
            if deadline.over:
                break
            await request(point)
            done += 1
        return done

    async def send(self, points: Sequence[Point], deadline: Deadline) -> int:
        """Put a message for each restore point on the intake queue, wait until all are taken in, and return how many there was time for."""
        left = iter(points)

        async def some() -> None:
            for point in left:
                await self.queues.send(REQUESTS, json.dumps({"id": point.id, **point.body}))

        await asyncio.gather(*(some() for _ in range(_SENDERS)))
        return len(points) - await self.until_empty([REQUESTS], deadline)

    async def until_empty(self, queues: Sequence[str], deadline: Deadline) -> int:
        """Wait until queues hold no message, hidden ones included, twice in a row; return how many are left at the deadline."""
        empty, reported, left = 0, time.perf_counter(), 0
        while empty < 2 and not deadline.over:
            counts = [await self.queues.client(queue).get_queue_properties() for queue in queues]
            left = sum(count.approximate_message_count or 0 for count in counts)
            empty = 0 if left else empty + 1
            if time.perf_counter() - reported >= _REPORT_SECONDS:
                reported = time.perf_counter()
                print(f"{time.strftime('%H:%M:%S')}: {left} messages left on {', '.join(queues)}", flush=True)
            await asyncio.sleep(0.3)
        return left

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

    async def measure(self, paths: dict[str, str], work: Awaitable[int], deadline: Deadline) -> Cost:
        """Do the work while reading, until every queue is empty or the deadline has passed, and return what it took."""
        ended, found, cpu, began = asyncio.Event(), Latencies(), cpu_seconds(self.group), time.perf_counter()
        reading = asyncio.create_task(self.read(paths, ended, found))
        done = await work
        taken_in = time.perf_counter() - began
        left = await self.until_empty(_QUEUES, deadline)
        settled, spent = time.perf_counter() - began, cpu_seconds(self.group) - cpu
        if left:
            await asyncio.gather(*(self.queues.client(queue).clear_messages() for queue in _QUEUES))
        ended.set()
        await reading
        return Cost(done, taken_in, None if left else settled, spent, found)

    async def warm_up(self, points: Sequence[Point]) -> dict[str, str]:
        """Let each worker do everything once, and return the paths to read: a status and a list."""
        await self.post(points[: len(points) // 2], Deadline(None))
        await self.send(points[len(points) // 2 :], Deadline(None))
        await self.until_empty(_QUEUES, Deadline(None))
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


async def _quiet() -> int:
    await asyncio.sleep(_QUIET_SECONDS)
    return 0


async def timed(host: Host, points: Sequence[Point], messages: int, chains: int, limit: float | None) -> list[dict[str, Cell]]:
    """Measure the quiet reads, the flood, and the requests one after another; `limit` is in seconds."""
    paths = await host.warm_up(points[:_WARM])
    points = points[_WARM:]
    lines: list[dict[str, Cell]] = []
    phases: tuple[tuple[str, Callable[[Deadline], Awaitable[int]]], ...] = (
        ("quiet", lambda _: _quiet()),
        ("flood", lambda deadline: host.send(points[:messages], deadline)),
        ("POST, one by one", lambda deadline: host.post(points[messages : 2 * messages], deadline)),
    )
    for name, work in phases:
        deadline = Deadline(None if limit is None else limit * _OF_FLOOD)
        cost = await host.measure(paths, work(deadline), deadline)
        count = cost.messages
        ended = "was ended by the limit" if cost.settled is None else f"ended after {cost.settled:.0f} s"
        print(f"{chains} chains: {name} {ended}, {count} taken in after {cost.taken_in:.0f} s", flush=True)
        lines.append(
            {
                "chains": chains,
                "what": name,
                "messages": count,
                "taken in/s": round(count / cost.taken_in, 1) if count else None,
                "settled/s": round(count / cost.settled, 1) if count and cost.settled is not None else None,
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
    never = Deadline(None)
    for work in (host.send(points[:messages], never), host.post(points[messages : 2 * messages], never)):
        proxy.clear()
        await work
        await host.until_empty(_QUEUES, never)
        found.append(sum(map(is_ours, proxy.requests)) / messages)
    return found


async def run(bench: Bench, points: Sequence[Point], messages: int, chains: int, count: int, limit: float | None) -> list[dict[str, Cell]]:
    """Measure with one host, then count with another, on empty storage each."""
    async with _host(bench, f"flood-{chains}", None) as host:
        lines = await timed(host, points, messages, chains, limit)
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


def measure(messages: int, chains: int, count: int, limit: float | None = None) -> list[dict[str, Cell]]:
    """Start what is needed for one number of chains, measure, stop it; `limit` is the seconds that its phases may take."""
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
                return asyncio.run(run(bench, points, messages, chains, count, limit))
        finally:
            bench.stop()


def main() -> None:
    """Measure, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=5000, help="messages of the flood, and requests one after another")
    parser.add_argument("--chains", type=int, nargs="+", default=[50, 1], help="chains of copies that they are spread over")
    parser.add_argument("--counted", type=int, default=100, help="messages of the run that counts storage calls")
    parser.add_argument("--limit", type=float, help="minutes that all phases may take; what was measured by then is reported")
    options = parser.parse_args()
    limit = options.limit * 60 / len(options.chains) if options.limit is not None else None
    lines = [line for chains in options.chains for line in measure(options.messages, chains, options.counted, limit)]
    report("flood", f"{options.messages} messages at once", lines, messages=options.messages, counted=options.counted)
    for quiet, flood in zip(lines[::3], lines[1::3], strict=True):
        for what in ("status", "list"):
            slower = float(flood[f"{what} p95 ms"] or 0) / max(float(quiet[f"{what} p95 ms"] or 0), 1.0)
            promise = f"{flood['chains']} chains: p95 of reading a {what} at most {_SLOWDOWN:g} times the quiet one ({slower:.1f})"
            verdict(promise, holds=slower <= _SLOWDOWN)


if __name__ == "__main__":
    main()
