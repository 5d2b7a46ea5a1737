"""A fleet of copies: what following them costs, when ends are noticed, and what a loop written from Azure's how-to costs beside it.

`python -m benchmarks.fleet [--copies 1000 5000 20000] [--sampled 200] [--share 0.5 0.05] [--history 0 5] [--slot 500] [--beside 5000]`.
So many copies over 40 subscriptions are started by runs of copy policies and followed to their end; durations are log-normal with a median
of three hours, and a fifth of the copies show only 0 and 100 %. With `--history 5` each VM has so many earlier copies, whose durations
differ from its next one's by a fifth. Beside them `--sampled` of the same copies are read on the same clock: (a) by the SDK once a minute,
(b) every ten minutes. (c), bare aiohttp and json, is measured by `benchmarks.status_read` against a server.

Real are the app (entry points, policies, runs, steps, checks, tick, budgets), azure-core's pipeline, the SDK of (a) and (b), and the
simulated Azure with its call buckets. In the benchmark's own process and memory are storage, queues and the transport to Azure: no HTTP,
no host, no storage SDK. Counts are exact; CPU is that of the app without HTTP and storage clients, so that (a)'s is, too. The clock moves
30 seconds at a time, with one tick each: a slow machine is never late.
"""

import argparse
import asyncio
import json
import math
import tempfile
import time
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks import fleet_beside, status_read
from benchmarks.fleet_drive import Drive
from benchmarks.fleet_of_copies import Fleet
from benchmarks.fleet_polled import Polled
from benchmarks.report import Cell, report, table, verdict
from tests.histories import virtual

_SUBSCRIPTIONS = 40
Row = dict[str, Cell]


async def measure(copies: int, sampled: int, share: float, history: int, log: Path, limit: float = math.inf) -> Row:
    """Run one fleet to its end, or for so many seconds, and return its row: that of the copies that have ended."""
    fleet = await Fleet.start(copies, _SUBSCRIPTIONS, log, share=share)
    await fleet.remember(history)
    drive = Drive(fleet, Polled(fleet, sampled), limit=limit)
    began = time.perf_counter()
    await drive.run_all()
    row = {"copies": copies, "share": share, "history": history, **drive.summary(), "wall s": round(time.perf_counter() - began)}
    print(json.dumps(row), flush=True)  # a large fleet takes hours: what is known stays known
    return row


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--copies", type=int, nargs="*", default=[1000], help="sizes of the fleet; none leaves the fleets out")
    parser.add_argument("--sampled", type=int, default=200, help="of how many copies (a) and (b) are measured")
    parser.add_argument("--share", type=float, nargs="+", default=[0.5], help="shares of Azure's budget")
    parser.add_argument("--history", type=int, nargs="+", default=[0, 5], help="how many earlier copies each VM has")
    parser.add_argument("--slot", type=int, default=500, help="VMs of one subscription in one slot; 0 leaves this part out")
    parser.add_argument("--beside", type=int, default=5000, help="VMs of the plan and places of retention; 0 leaves this part out")
    parser.add_argument("--limit", type=float, default=math.inf, help="seconds of wall time after which a fleet stops, with what it has")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the status read against a server; 0 leaves this part out")
    return parser.parse_args()


def main() -> None:
    """Measure, print and write the figures."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "simulation.log"
        log.touch()
        rows = [
            virtual.run(measure(copies, options.sampled, share, history, log, options.limit))
            for copies, share, history in product(options.copies, options.share, options.history)
        ]
        slots = virtual.run(fleet_beside.slot(options.slot, log)) if options.slot else []
        beside = _beside(options.beside, log) if options.beside else []
    reads = _status_reads(options.rounds) if options.rounds else {}
    title = f"copies over {_SUBSCRIPTIONS} subscriptions, from their start to their end"
    report("fleet", title, _turned(rows) or slots or beside, fleets=rows, slot=slots, beside=beside, status_read=reads)
    for part in (slots, beside):
        print(f"\n{table(part)}" if part else "")
    _verdicts(rows, slots, beside, reads)


def _beside(machines: int, log: Path) -> list[Row]:
    return [
        virtual.run(fleet_beside.plan(machines, log)),
        virtual.run(fleet_beside.retention(machines, log)),
        virtual.run(fleet_beside.protection(100, log)),
        virtual.run(fleet_beside.protection(2 * machines, log)),
    ]


def _status_reads(rounds: int) -> dict[str, float]:
    """Return the CPU of a status read against that of (c) and of (a), one after another."""
    with status_read.server() as url:
        kinds = asyncio.run(status_read.measure(url, rounds, 100))
    cpu = {way.name: status_read.median_cpu(way) for way in kinds[0][1]}
    return {"to aiohttp + json": cpu["farshore"] / cpu["aiohttp + json"], "SDK to ours": cpu["SDK async"] / cpu["farshore"]}


def _turned(rows: Sequence[Row]) -> list[Row]:
    """Return rows as columns: one line for each figure."""
    heads = [f"{row['copies']} copies, share {row['share']}, history {row['history']}" for row in rows]
    figures = [name for name in rows[0] if name not in {"copies", "share", "history"}] if rows else []
    return [{"figure": name, **{head: row[name] for head, row in zip(heads, rows, strict=True)}} for name in figures]


def _verdicts(rows: Sequence[Row], slots: Sequence[Row], beside: Sequence[Row], reads: dict[str, float]) -> None:
    for row in rows:
        part = "" if row["ended"] == row["copies"] else f", of which {row['ended']} have ended after {row['hours']:.0f} hours: of these"
        print(f"\n{row['copies']} copies, share {row['share']}, {row['history']} earlier copies of each VM{part}")
        gets, cpu = _ratio(row, "GETs (a)", "GETs of sampled"), _ratio(row, "CPU ms (a)", "CPU ms")
        verdict(f"{gets:.1f} times fewer GETs than (a), of the same copies (target: at least 40)", holds=gets >= 40)
        late = _figure(row, "p99 min")
        verdict(f"99th percentile of the delay: {late:.1f} minutes (target: at most 10)", holds=late <= 10)
        verdict(f"{row['429s']} answers 429 (target: 0)", holds=not row["429s"])
        verdict(f"{cpu:.1f} times less CPU for each finished copy than (a) (target: at least 100)", holds=cpu >= 100)
        verdict(f"{row['storage/check']:.2f} storage calls for each check (target: 0.1)", holds=_figure(row, "storage/check") <= 0.1)
        verdict(f"{row['storage/accepted']:.2f} for each copy accepted (target: 3)", holds=_figure(row, "storage/accepted") <= 3)
        verdict(f"{row['peak B/copy']:.0f} bytes for each copy in flight (target: 1,024)", holds=_figure(row, "peak B/copy") <= 1024)
    print()
    for first, last in _pairs(rows):
        for name in ("GETs", "p99 min", "CPU ms", "storage/check", "storage/accepted", "peak B/copy"):
            verdict(
                f"{name} at {last['copies']}: {_ratio(last, name, name, first):.2f} times that at {first['copies']} (target: 1.1)",
                holds=_figure(last, name) <= 1.1 * _figure(first, name),
            )
    if slots:
        verdict(f"a slot in one subscription: {slots[0]['429s']} answers 429 (target: 0)", holds=not slots[0]["429s"])
    if beside:
        verdict(f"{beside[0]['what']}: {beside[0]['wall s']:.0f} s (target: at most 60)", holds=_figure(beside[0], "wall s") <= 60)
        verdict(f"{beside[1]['what']}: {beside[1]['storage calls each']:.1f} storage calls for each", holds=True)
        few, many = beside[2], beside[3]
        verdict(
            f"{many['what']}: {many['storage calls each']} calls, as {few['what']}",
            holds=few["storage calls each"] == many["storage calls each"],
        )
    if reads:
        less, bare = reads["SDK to ours"], reads["to aiohttp + json"]
        verdict(f"a status read: {less:.1f} times less CPU than (a)'s (target: at least 5)", holds=less >= 5)
        verdict(f"a status read: {bare:.2f} times the CPU of (c) (target: at most 1.5)", holds=bare <= 1.5)


def _pairs(rows: Sequence[Row]) -> Iterable[tuple[Row, Row]]:
    """Yield the smallest and the largest fleet of each share and history."""
    for share, history in dict.fromkeys((row["share"], row["history"]) for row in rows):
        alike = [row for row in rows if (row["share"], row["history"]) == (share, history)]
        if len(alike) > 1:
            yield alike[0], alike[-1]


def _figure(row: Row, name: str) -> float:
    value: Any = row[name]
    return float(value or 0.0)


def _ratio(row: Row, name: str, to: str, of: Row | None = None) -> float:
    return _figure(row, name) / max(_figure(of or row, to), 1e-9)


if __name__ == "__main__":
    main()
