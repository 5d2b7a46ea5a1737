"""What a flood of messages costs: many put on an intake queue at once, through the whole app with two workers.

`python -m benchmarks.flood [--messages N] [--chains N ...]`. Real Azurite, simulated Azure at speed 1. For each number of chains (50 and 1)
the messages are sent at once and the time is taken until the intake queue is empty; meanwhile one list and one status are read again and
again. Beside it the same number of `POST` requests, one after another, through the same host. Storage calls are counted by a proxy before
Azurite, which costs CPU of its own: CPU is that of the host's processes.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp

from benchmarks.acceptance import Bench, poster
from benchmarks.report import Cell, report, verdict
from benchmarks.small_azure import Point, estate
from benchmarks.traffic import cpu_seconds, environment
from local import processes
from local.calls import call
from local.stack import app_environment
from shared.copies.kinds import REQUESTS
from shared.storage.tables import Queues, connect
from tests.support.storage_proxy import StorageProxy

_SUBSCRIPTIONS = 10
_SENDERS = 8
_SLOWDOWN = 10.0


async def send_all(queues: Queues, points: Sequence[Point]) -> None:
    """Put a message for each restore point on the intake queue."""
    left = iter(points)

    async def some() -> None:
        for point in left:
            await queues.send(REQUESTS, json.dumps({"id": point.id, **point.body}))

    await asyncio.gather(*(some() for _ in range(_SENDERS)))


async def until_empty(queues: Queues) -> None:
    """Wait until no message is left on the intake queue, hidden ones included."""
    while True:
        properties = await queues.client(REQUESTS).get_queue_properties()
        if not properties.approximate_message_count:
            return
        await asyncio.sleep(0.5)


async def latencies(read: Callable[[], Awaitable[None]], ended: asyncio.Event) -> list[float]:
    """Read again and again until the event, twice a second at most, and return the milliseconds of each read."""
    taken: list[float] = []
    while not ended.is_set():
        began = time.perf_counter()
        await read()
        taken.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.5)
    return taken


async def flooded(work: Awaitable[None], read: Callable[[], Awaitable[None]], proxy: StorageProxy, group: int) -> dict[str, float]:
    """Do the work while reading, and return seconds, CPU seconds, storage calls and the p95 of the reads."""
    ended, cpu, began = asyncio.Event(), cpu_seconds(group), time.perf_counter()
    proxy.requests.clear()
    reading = asyncio.create_task(latencies(read, ended))
    await work
    seconds, spent, calls = time.perf_counter() - began, cpu_seconds(group) - cpu, len(proxy.requests)
    ended.set()
    taken = sorted(await reading) or [0.0]
    return {"seconds": seconds, "cpu": spent, "calls": calls, "p95": taken[int(len(taken) * 0.95)], "median": statistics.median(taken)}


async def run(bench: Bench, points: Sequence[Point], messages: int, chains: int) -> list[dict[str, Cell]]:
    """Measure the quiet reads, the flood, and the requests one after another."""
    lines: list[dict[str, Cell]] = []
    with StorageProxy(bench.options.storage_port) as proxy:
        api, group = await asyncio.to_thread(bench.host, f"flood-{chains}", workers=2, app=processes.ROOT, storage_port=proxy.port)
        storage, token = connect(bench.base.connection_string), bench.token()
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:

            async def read() -> None:
                async with session.get(f"{api}/restore-point-copies?top=20") as answer:
                    await answer.read()

            async def flood() -> None:
                await send_all(storage.queues, points[:messages])
                await until_empty(storage.queues)

            async def one_by_one() -> None:
                post = poster(session, api, token)
                for point in points[messages : 2 * messages]:
                    await post(point)

            cases = (("quiet", asyncio.sleep(10), 0), ("flood", flood(), messages), ("POST, one by one", one_by_one(), messages))
            for name, work, count in cases:
                cost = await flooded(work, read, proxy, group)
                each = max(count, 1)
                lines.append(
                    {
                        "chains": chains,
                        "what": name,
                        "messages": count,
                        "a second": round(count / cost["seconds"], 1),
                        "CPU ms each": round(cost["cpu"] * 1000 / each, 1) if count else None,
                        "calls each": round(cost["calls"] / each, 1) if count else None,
                        "read median ms": round(cost["median"]),
                        "read p95 ms": round(cost["p95"]),
                    }
                )
        await storage.close()
    return lines


def measure(messages: int, chains: int) -> list[dict[str, Cell]]:
    """Start what is needed for one number of chains, measure, stop it."""
    with tempfile.TemporaryDirectory(prefix="farshore-flood-") as folder:
        bench = Bench(Path(folder))
        try:
            bench.base.start_azure()
            subscriptions = min(_SUBSCRIPTIONS, chains)
            each = 2 * messages // chains + 1
            body, points = estate(bench.now(), subscriptions=subscriptions, machines=chains // subscriptions, points=each)
            reply = call("PUT", f"{bench.options.azure}/_simulation/estate", body)
            if reply.status != 200:
                raise RuntimeError(f"the estate was refused: {reply.body}")
            bench.base.seed()
            with environment(app_environment(bench.options, bench.base.connection_string)):
                return asyncio.run(run(bench, points, messages, chains))
        finally:
            bench.stop()


def main() -> None:
    """Measure, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--chains", type=int, nargs="+", default=[50, 1])
    options = parser.parse_args()
    lines = [line for chains in options.chains for line in measure(options.messages, chains)]
    report("flood", f"{options.messages} messages at once", lines, messages=options.messages)
    for quiet, flood in zip(lines[::3], lines[1::3], strict=True):
        slower = float(flood["read p95 ms"] or 0) / max(float(quiet["read p95 ms"] or 0), 1.0)
        verdict(
            f"{flood['chains']} chains: reads at most {_SLOWDOWN:g} times slower under the flood ({slower:.1f})", holds=slower <= _SLOWDOWN
        )


if __name__ == "__main__":
    main()
