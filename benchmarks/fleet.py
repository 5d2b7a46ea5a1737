"""A fleet of copies: what following them costs, when ends are noticed, and what a loop written from Azure's how-to costs beside it.

`python -m benchmarks.fleet [--copies 1000] [--sampled 20] [--share 0.5] [--slot 500]`. So many copies over 40 subscriptions are started by
runs of copy policies and followed to their end; durations are log-normal with a median of three hours, and a fifth of the copies show only
0 and 100 %. Beside them `--sampled` of the same copies are read on the same clock: (a) by the SDK once a minute, (b) every ten minutes.

Real are the app (entry points, policies, runs, steps, checks, tick, budgets), azure-core's pipeline, the SDK of (a) and (b), and the
simulated Azure with its call buckets. In the benchmark's own process and memory are storage, queues and the transport to Azure: no HTTP,
no host, no storage SDK. Counts are exact; CPU is that of the app without HTTP and storage clients, so that (a)'s is, too. The clock moves
30 seconds at a time, with one tick each: a slow machine is never late.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.fleet_of_copies import Drive, Fleet, Polled
from benchmarks.report import Cell, report, verdict
from tests.histories import virtual

_SUBSCRIPTIONS = 40


async def measure(copies: int, sampled: int, share: float, folder: Path) -> dict[str, Cell]:
    """Run one fleet to its end and return its row."""
    os.environ["FARSHORE_BUDGET_SHARE"] = str(share)
    fleet = await Fleet.start(copies, _SUBSCRIPTIONS, folder / "simulation.log")
    planned = await fleet.plan()
    drive = Drive(fleet, Polled(fleet, sampled))
    began = time.perf_counter()
    await drive.run_all()
    seen = await drive.summary()
    return {"copies": copies, "share": share, **seen, "plan s/1000 VMs": planned, "wall s": round(time.perf_counter() - began)}


async def slot(machines: int, folder: Path) -> list[dict[str, Cell]]:
    """Return what a slot of so many VMs in one subscription meets, and what a script meets that sends its PUTs as fast as it can."""
    os.environ["FARSHORE_BUDGET_SHARE"] = "0.5"
    fleet = await Fleet.start(machines, 1, folder / "slot.log")
    drive = Drive(fleet, Polled(fleet, 0))
    ours = await drive.until_started()
    alone = await Fleet.start(machines, 1, folder / "script.log")
    return [{"who": "Farshore", **ours}, {"who": "script", **alone.run_script()}]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--copies", type=int, nargs="+", default=[1000])
    parser.add_argument("--sampled", type=int, default=20)
    parser.add_argument("--share", type=float, default=0.5)
    parser.add_argument("--slot", type=int, default=500, help="VMs of one subscription in one slot; 0 leaves this part out")
    return parser.parse_args()


def main() -> None:
    """Measure, print and write the figures."""
    options = _arguments()
    rows: list[dict[str, Cell]] = []
    slots: list[dict[str, Cell]] = []
    with tempfile.TemporaryDirectory() as name:
        for log in ("simulation.log", "slot.log", "script.log"):
            (Path(name) / log).touch()
        rows += [virtual.run(measure(copies, options.sampled, options.share, Path(name))) for copies in options.copies]
        if options.slot:
            slots = virtual.run(slot(options.slot, Path(name)))
    report("fleet", f"copies over {_SUBSCRIPTIONS} subscriptions, from their start to their end", rows, slot=slots)
    for one in slots:
        print(one)
    _verdicts(rows, slots)


def _verdicts(rows: list[dict[str, Cell]], slots: list[dict[str, Cell]]) -> None:
    def figure(row: dict[str, Any], name: str) -> float:
        return float(row[name] or 0.0)

    for row in rows:
        print(f"\n{row['copies']} copies, share {row['share']}")
        verdict("at least 40 times fewer GETs than (a)", holds=figure(row, "GETs of (a)") >= 40 * figure(row, "GETs"))
        verdict("the 99th percentile of the delay is at most 10 minutes", holds=figure(row, "p99 delay min") <= 10)
        verdict("no 429", holds=not row["429s"])
        verdict(
            "at least 100 times less CPU for each finished copy than (a)", holds=figure(row, "CPU ms of (a)") >= 100 * figure(row, "CPU ms")
        )
        verdict("at most 0.1 storage calls for each check", holds=figure(row, "storage/check") <= 0.1)
        verdict("at most 3 storage calls for each copy accepted by a run", holds=figure(row, "storage/accepted") <= 3)
    if slots:
        print()
        verdict("no 429 at a slot in one subscription", holds=not slots[0]["429s"])
    if len(rows) > 1:
        first, last = rows[0], rows[-1]
        for name in ("GETs", "storage/check", "storage/accepted", "CPU ms"):
            verdict(f"{name}: at most 1.1 times that of the smallest fleet", holds=figure(last, name) <= 1.1 * figure(first, name))


if __name__ == "__main__":
    main()
