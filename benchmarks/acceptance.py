"""What accepting a copy costs: `POST /api/restore-point-copies` through the local host, beside what its parts allow.

`python -m benchmarks.acceptance [--rounds N] [--calls N] [--in-flight N]`. Real Azurite, simulated Azure; each request is a copy that
was not requested before. First it counts, through a proxy before Azurite, how many calls one acceptance makes to storage and to Azure.

Then, in turns, round after round: the host with one worker and with two (HTTP functions only, as Azure scales them: queues and timers
have instances of their own); and from this process the parts of it: the very storage calls of one acceptance through the SDK (Azurite's
ceiling), the reads of Azure that admission makes (the simulation's), and what a user would write instead: a script on
azure-mgmt-compute that starts the copy and promises nothing. The same one at a time, for what each part takes of the time. Last the
whole app with two workers, whose steps go on beside.
"""

import argparse
import asyncio
import dataclasses
import statistics
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import aiohttp

from benchmarks.acceptance_ways import REFUSED, Call, azure_reads, poster, script, storage_calls
from benchmarks.report import Cell, report, table, verdict
from benchmarks.small_azure import TENANT, Point, estate
from benchmarks.traffic import Traffic, counted_storage, cpu_seconds, environment, kind_of
from local import processes
from local.calls import call
from local.stack import Stack, StackOptions, app_environment
from shared.arm.clients import AzureClients
from shared.arm.ids import ResourceId
from shared.clock import SystemClock
from shared.copies.gateway import RestorePointGateway
from shared.settings import Settings
from tests.support.ports import take_ports
from tests.support.storage import clear
from tests.support.storage_proxy import StorageProxy

HTTP_ONLY = processes.ROOT / "benchmarks" / "apps" / "http_only"
SUBSCRIPTIONS, CHAINS = 24, 384


@dataclass
class Way:
    """One way of doing it: its call, the points that it is for, and what its rounds took (requests/s, milliseconds, CPU ms a call)."""

    name: str
    call: Call
    points: Iterator[Point]
    groups: dict[str, int]
    rate: list[float] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    refused: int = 0

    async def round(self, calls: int, in_flight: int) -> None:
        """Make a round's calls, so many in flight at a time."""
        mine = [next(self.points) for _ in range(calls)]
        took: list[float] = []
        queue = iter(mine)

        async def some() -> None:
            for point in queue:
                began = time.perf_counter()
                self.refused += await self.call(point) == REFUSED
                took.append((time.perf_counter() - began) * 1000)

        before = {name: cpu_seconds(group) for name, group in self.groups.items()}
        own, began = time.process_time(), time.perf_counter()
        await asyncio.gather(*(some() for _ in range(in_flight)))
        self.rate.append(calls / (time.perf_counter() - began))
        self.latency += took
        spent = {"client": time.process_time() - own} | {name: cpu_seconds(group) - before[name] for name, group in self.groups.items()}
        for name, seconds in spent.items():
            self.cpu.setdefault(name, []).append(seconds * 1000 / calls)

    def forget(self) -> None:
        """Throw away what was measured so far."""
        self.rate, self.latency, self.cpu, self.refused = [], [], {}, 0

    def row(self) -> dict[str, Cell]:
        """Return its line of the table."""
        cuts = statistics.quantiles(self.latency, n=100)
        cpu = {name: round(statistics.median(values), 2) for name, values in self.cpu.items()}
        return {
            "way": self.name,
            "requests/s": round(statistics.median(self.rate), 1),
            "p50 ms": round(cuts[49], 1),
            "p99 ms": round(cuts[98], 1),
            "503": self.refused,
            "host CPU ms": cpu.get("host"),
            "Azurite CPU ms": cpu["azurite"],
            "Azure CPU ms": cpu["azure"],
            "client CPU ms": cpu["client"],
        }


class Bench:
    """A simulated Azure with the estate, an Azurite, and hosts that share them."""

    def __init__(self, folder: Path) -> None:
        first = take_ports(5)
        self._folder = folder
        self.options = StackOptions(data=folder / "base", azure_port=first, control_port=first + 1, storage_port=first + 2, speed=1)
        self.base = Stack(self.options)
        self.points: list[Point] = []
        self.groups: dict[str, int] = {}
        self._hosts: list[Stack] = []

    def start(self, points: int) -> None:
        """Start storage and Azure, with so many restore points of each machine."""
        self.base.start_azure()
        body, self.points = estate(self.now(), subscriptions=SUBSCRIPTIONS, machines=CHAINS // SUBSCRIPTIONS, points=points)
        reply = call("PUT", f"{self.options.azure}/_simulation/estate", body)
        assert reply.status == 200, reply.body
        self.base.seed()
        self.groups = {"azurite": self.base.parts[0].process.pid, "azure": self.base.parts[1].process.pid}

    def now(self) -> datetime:
        """Azure's time."""
        return datetime.fromisoformat(call("GET", f"{self.options.azure}/_simulation/clock").body["now"])

    def host(self, name: str, *, workers: int, app: Path, storage_port: int | None = None) -> tuple[str, int]:
        """Start a host and return the address of its API and its process group."""
        port = take_ports(2)
        options = dataclasses.replace(
            self.options,
            data=self._folder / name,
            port=port,
            control_port=port + 1,
            workers=workers,
            app=app,
            storage_port=storage_port or self.options.storage_port,
        )
        stack = Stack(options)
        self._hosts.append(stack)
        part = stack.start_host()
        stack.wait_for_api(part)
        ready = f"http://127.0.0.1:{port + 1}/workers"
        processes.wait_until(part, lambda: sum(worker["ready"] for worker in call("GET", ready).body["value"]) == workers, 30)
        return options.api, part.process.pid

    def azure_calls(self) -> Counter[str]:
        """Return how often each operation of Azure was called so far, and how many were throttled."""
        listed = call("GET", f"{self.options.azure}/_simulation/requests").body["value"]
        calls = Counter({"throttled": 0})
        for item in listed:
            calls[f"{item['method']} {item['operation']}"] += item["count"]
            calls["throttled"] += item["throttled"]
        return calls

    def token(self) -> str:
        """Return an access token for the estate's tenant."""
        body = {"roles": ["Copies.Read", "Copies.Write"], "tenant": TENANT}
        return str(call("POST", f"{self.options.azure}/_simulation/tokens", body).body["access_token"])

    def empty(self) -> None:
        """Begin with an empty storage again: no steps of what was accepted so far."""
        clear(self.base.connection_string)
        self.base.seed()

    def stop_hosts(self) -> None:
        """End the hosts, and keep storage and Azure."""
        while self._hosts:
            self._hosts.pop().stop()

    def stop(self) -> None:
        """End everything."""
        self.stop_hosts()
        self.base.stop()


async def count(bench: Bench, session: aiohttp.ClientSession, points: Iterator[Point]) -> list[dict[str, Cell]]:
    """Count the calls of one acceptance to storage and to Azure, through a proxy before Azurite and a worker of its own."""
    lines: list[dict[str, Cell]] = []
    with StorageProxy(bench.options.storage_port) as proxy:
        api, _ = await asyncio.to_thread(bench.host, "counted", workers=1, app=HTTP_ONLY, storage_port=proxy.port)
        headers = {"Authorization": f"Bearer {bench.token()}"}

        async def post(what: str, point: Point, key: str | None) -> None:
            proxy.requests.clear()
            before = bench.azure_calls()
            sent = headers | ({"Repeatability-Request-ID": key} if key else {})
            async with session.post(f"{api}/restore-point-copies", json=point.body, headers=sent) as answer:
                assert answer.status == 202, await answer.text()
            calls = [kind_of(one.method, one.path.partition("?")[0]) for one in proxy.requests]
            made = bench.azure_calls() - before
            lines.append(
                {
                    "request": what,
                    "storage calls": len(calls),
                    "which": " + ".join(calls) or "none",
                    "calls to Azure": made.total(),
                    "which of Azure": ", ".join(f"{number} {name}" for name, number in sorted(made.items())) or "none",
                }
            )

        first = next(points)
        await post("first of a worker and subscription", first, None)
        same = next(point for point in points if ResourceId.parse(point.id).subscription_id == ResourceId.parse(first.id).subscription_id)
        await post("without a key", same, None)
        keyed = next(point for point in points if ResourceId.parse(point.id).subscription_id == ResourceId.parse(first.id).subscription_id)
        key = str(uuid.uuid4())
        await post("with a repeatability key", keyed, key)
        await post("... sent again", keyed, key)
    return lines


async def measure(ways: list[Way], rounds: int, calls: int, in_flight: int) -> list[dict[str, Cell]]:
    """Let the ways take turns, and return a line for each; the first round is thrown away (connections, imports, regions)."""
    for number in range(rounds + 1):
        for way in ways:
            await way.round(calls, in_flight)
            if number == 0:
                way.forget()
    lines = [way.row() for way in ways]
    for way in ways:
        way.forget()
    return lines


@dataclass(frozen=True, slots=True)
class Results:
    """The lines of each table, how many calls to Azure were throttled, and how many calls to storage a call of the ceiling makes."""

    counted: list[dict[str, Cell]]
    at_once: list[dict[str, Cell]]
    one_by_one: list[dict[str, Cell]]
    whole: list[dict[str, Cell]]
    throttled: int
    stored: int


async def run(bench: Bench, rounds: int, calls: int, in_flight: int) -> Results:
    """Count, then measure."""
    points, last = iter(bench.points[:-CHAINS]), iter(bench.points[-CHAINS:])  # a script can start one copy of each chain
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        counted = await count(bench, session, points)
        token, url = bench.token(), bench.options.azure

        async def host(name: str, workers: int, app: Path) -> Way:
            api, group = await asyncio.to_thread(bench.host, name.replace(", ", "-"), workers=workers, app=app)
            return Way(name, poster(session, api, token), points, bench.groups | {"host": group})

        posts = [await host("POST, 1 worker", 1, HTTP_ONLY), await host("POST, 2 workers", 2, HTTP_ONLY)]
        traffic = Traffic()
        storage = await stack.enter_async_context(counted_storage(bench.base.connection_string, traffic))
        clients = AzureClients(Settings(resource_manager_url=url))
        stack.push_async_callback(clients.aclose)
        parts = [
            Way("its storage calls", storage_calls(storage), points, bench.groups),
            Way("its reads of Azure", azure_reads(RestorePointGateway(clients, SystemClock())), points, bench.groups),
        ]
        await parts[0].call(next(points))
        stored, traffic.calls = traffic.calls.total(), Counter()
        bare = Way("a script on the SDK", await stack.enter_async_context(script(url)), last, bench.groups)
        at_once = await measure([*posts, *parts], rounds, calls, in_flight)
        at_once += await measure([bare], rounds, CHAINS // 2 // (rounds + 1), in_flight)
        one_by_one = await measure([posts[0], *parts], 1, calls // 4, 1)
        one_by_one += await measure([bare], 1, CHAINS // 8, 1)
        throttled = bench.azure_calls()["throttled"]
        await asyncio.to_thread(bench.empty)
        whole = await measure([await host("POST, 2 workers, whole app", 2, processes.ROOT)], 2, calls // 2, in_flight)
    return Results(counted, at_once, one_by_one, whole, throttled, stored)


def conclude(results: Results, rounds: int, calls: int, in_flight: int) -> None:
    """Print and write the figures, and their summary."""
    print(f"\nCalls of one acceptance\n\n{table(results.counted)}")
    print(f"\nOne at a time\n\n{table(results.one_by_one)}")
    facts = {name: value for name, value in dataclasses.asdict(results).items() if name not in {"at_once", "whole"}}
    title = f"{in_flight} in flight, {rounds} rounds of {calls} calls; CPU is per call"
    report("acceptance", title, [*results.at_once, *results.whole], rounds=rounds, calls=calls, in_flight=in_flight, **facts)
    new, keyed = results.counted[1], results.counted[2]
    print(f"{new['storage calls']} storage calls without a key, {keyed['storage calls']} with one")
    verdict(f"the ceiling makes the same number of calls to storage ({results.stored})", holds=results.stored == new["storage calls"])
    rate = {str(line["way"]): float(line["requests/s"] or 0) for line in results.at_once}
    for name in ("POST, 1 worker", "POST, 2 workers"):
        stored, reads = rate[name] / rate["its storage calls"], rate[name] / rate["its reads of Azure"]
        print(f"{name}: {stored:.2f} of the rate of its storage calls alone, {reads:.2f} of that of its reads of Azure")
    alone, whole = (next(line for line in lines if str(line["way"]).startswith("POST, 2")) for lines in (results.at_once, results.whole))
    share, cpu = float(whole["requests/s"] or 0) / rate["POST, 2 workers"], [float(line["host CPU ms"] or 0) for line in (alone, whole)]
    print(f"whole app: {share:.2f} of the rate of HTTP alone; CPU of the host {cpu[1]:.1f} ms a copy with its steps, {cpu[0]:.1f} without")
    post, stored, reads = (float(line["p50 ms"] or 0) for line in results.one_by_one[:3])
    shares = f"{stored / post:.0%} storage, {reads / post:.0%} reads of Azure, {1 - (stored + reads) / post:.0%} host and ours"
    print(f"one at a time: {post:.1f} ms, of it {shares}")
    verdict(f"no call to Azure was throttled ({results.throttled})", holds=results.throttled == 0)


def main() -> None:
    """Start what is needed, measure, report, stop it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--calls", type=int, default=96, help="calls in each round of each way")
    parser.add_argument("--in-flight", type=int, default=12)
    options = parser.parse_args()
    needed = (options.rounds + 1) * options.calls * 5 + options.calls * 2 + 400
    with tempfile.TemporaryDirectory(prefix="farshore-acceptance-") as folder:
        bench = Bench(Path(folder))
        try:
            bench.start(points=needed // CHAINS + 2)
            with environment(app_environment(bench.options, bench.base.connection_string)):
                results = asyncio.run(run(bench, options.rounds, options.calls, options.in_flight))
        finally:
            bench.stop()
    conclude(results, options.rounds, options.calls, options.in_flight)


if __name__ == "__main__":
    main()
