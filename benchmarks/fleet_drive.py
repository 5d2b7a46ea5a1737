"""Drives a fleet: moves the clock and does what comes due, as a host does, and takes down what that cost and when ends were noticed."""

import asyncio
import math
import time
import tracemalloc
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast
from unittest.mock import patch

from benchmarks.fleet_of_copies import Fleet, counted_for
from benchmarks.fleet_polled import Polled
from benchmarks.report import Cell
from shared.copies.kinds import COPY
from shared.copies.policies.runs.children import Children, RunOf
from shared.copies.policies.runs.items import RunItem
from shared.operations.outside.messages import read_check, read_step

STEP = timedelta(seconds=30)
_SIDE_BY_SIDE = 16
_ACCEPT_ALL = Children.accept_all
_MOST_STEPS = 15 * 24 * 120
_STEPS_AN_HOUR = 120


@dataclass
class Drive:
    """Moves the clock with one tick each 30 seconds and the timer `schedule` each minute.

    `cpu` has the seconds of the app's parts: `checks`, `steps`, `tick`, `timers`; the simulated Azure's are left out. After `limit` seconds
    of wall time a run stops where it is; `hours` is how long it has simulated.
    """

    fleet: Fleet
    polled: Polled
    checks: int = 0
    messages: int = 0
    peak: float = 0.0
    limit: float = math.inf
    hours: float = 0.0
    cpu: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    async def run_all(self) -> None:
        """Run the policies and follow every copy to its end, or until the limit of wall time; print how far that is each simulated hour."""
        await self.fleet.begin()
        began = time.perf_counter()
        for number in range(_MOST_STEPS):
            with patch.object(Children, "accept_all", _accept_all):
                await self.step(number)
            wall = time.perf_counter() - began
            if (number % _STEPS_AN_HOUR == 0 or wall >= self.limit) and self._is_done(number / _STEPS_AN_HOUR, wall):
                return
        raise AssertionError(f"{len(self.fleet.recorded())} of {self.fleet.copies} copies have ended")

    def _is_done(self, hours: float, wall: float) -> bool:
        """Print how far the run is, and return whether it is over."""
        ended, counts = len(self.fleet.recorded()), self.fleet.counts
        self.hours = hours
        print(
            f"  hour {hours:4.1f}: {ended} of {self.fleet.copies} ended, {self.checks} checks in {self.messages} messages, "
            f"{counts.storage['checks']} storage calls for them, {counts.refused()} answers 429, {wall:.0f} s",
            flush=True,
        )
        return ended >= self.fleet.copies or wall >= self.limit

    async def until_started(self) -> dict[str, Cell]:
        """Run the policies until every copy has been started, and return what that met."""
        began = self.fleet.now
        await self.fleet.begin()
        for number in range(_MOST_STEPS):
            await self.step(number)
            if len(self.fleet.copies_in_azure()) >= self.fleet.copies:
                break
        counts = self.fleet.counts
        reads, writes = (
            sum(n for (_, how, _), n in counts.azure.items() if how in methods) for methods in ({"GET"}, {"PUT", "PATCH", "POST"})
        )
        return {"429s": counts.refused(), "reads": reads, "writes": writes, "minutes": (self.fleet.now - began).total_seconds() / 60}

    async def step(self, number: int) -> None:
        """Move the clock, and do what came due."""
        app = self.fleet.app
        app.platform.clock.move(STEP)
        app.gate.land()
        runtime = app.workers.runtime
        if number % 2 == 0:
            async with self._timed("timers"):
                for timer in runtime.timers:
                    await timer()
            await self.polled.look()
        await self._tick(number)
        while await self._work():
            pass

    async def _tick(self, number: int) -> None:
        tick = self.fleet.app.workers.runtime.tick
        if number != _STEPS_AN_HOUR + 1:
            async with self._timed("tick"):
                await tick.run()
            return
        # an hour after the start most copies are in flight
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        with counted_for("tick"):
            await tick.run()
        self.peak = (tracemalloc.get_traced_memory()[1] - before) / self.fleet.copies
        tracemalloc.stop()

    async def _work(self) -> int:
        queues = self.fleet.app.storage.queues
        steps, checks = queues.take(COPY.step_queue), queues.take(cast("str", COPY.check_queue))
        for part, works in (("steps", [self._do_step(text) for text in steps]), ("checks", [self._do_check(text) for text in checks])):
            async with self._timed(part):
                await _side_by_side(works)
        if steps or checks:
            async with self._timed("tick"):
                await self.fleet.app.workers.runtime.feed_budgets()
        return len(steps) + len(checks)

    @asynccontextmanager
    async def _timed(self, part: str) -> AsyncIterator[None]:
        azure, began = self.fleet.counts.azure_cpu, time.process_time()
        with counted_for(part):
            yield
        self.cpu[part] += time.process_time() - began - (self.fleet.counts.azure_cpu - azure)

    async def _do_step(self, text: str) -> None:
        message, runtime = read_step(text), self.fleet.app.workers.runtime
        for operation in message.ids if message else ():
            row = await runtime.core.store.active(operation)
            part = "pruning" if row is not None and row.kind != COPY.name and row.step == "pruning" else "steps"
            with counted_for(part):
                await runtime.runner.run(operation)

    async def _do_check(self, text: str) -> None:
        message = read_check(text)
        if message is not None:
            self.checks += len(message.ids)
            self.messages += 1
            with counted_for("checks"):
                await self.fleet.app.workers.runtime.checks.run(message)

    def summary(self) -> dict[str, Cell]:
        """Return the figures."""
        counts, fleet = self.fleet.counts, self.fleet
        recorded = fleet.recorded()
        copies = max(len(recorded), 1)
        points = {point.id.lower(): point for point in fleet.copies_in_azure()}
        ends = {one: point.ended_at() for one, point in points.items() if one in recorded}
        late = {one: (recorded[one] - ends[one]).total_seconds() / 60 for one in recorded}
        both = [one for one in self.polled.seen if one in recorded]
        of_a = sorted((self.polled.seen[one] - ends[one]).total_seconds() / 60 for one in both)
        gets_of_b, of_b = self.polled.every_ten_minutes(ends)
        sampled = max(len(both), 1)
        per_copy = {part: seconds * 1000 / copies for part, seconds in self.cpu.items()}
        return {
            "ended": len(recorded),
            "hours": self.hours,
            "GETs": sum(counts.views_of[one] for one in recorded) / copies,
            "GETs of sampled": sum(counts.views_of[one] for one in both) / sampled,
            "GETs (a)": sum(self.polled.gets_of[one] for one in both) / sampled,
            "GETs (b)": gets_of_b,
            "p50 min": percentile(list(late.values()), 0.5),
            "p99 min": percentile(list(late.values()), 0.99),
            "p99 with %": percentile([minutes for one, minutes in late.items() if not points[one].coarse], 0.99),
            "p99 without": percentile([minutes for one, minutes in late.items() if points[one].coarse], 0.99),
            "p99 (a)": percentile(of_a, 0.99),
            "p99 (b)": percentile(of_b, 0.99),
            "429s": counts.refused(),
            "CPU ms": sum(per_copy.values()),
            "of checks": per_copy["checks"],
            "of steps": per_copy["steps"],
            "of ticks": per_copy["tick"],
            "of timers": per_copy["timers"],
            "CPU ms (a)": self.polled.cpu
            * 1000
            / max(sum(self.polled.gets_of.values()), 1)
            * sum(self.polled.gets_of[one] for one in both)
            / sampled,
            "storage/check": counts.storage["checks"] / max(self.checks, 1),
            "checks/message": self.checks / max(self.messages, 1),
            "storage/accepted": counts.storage["accepting"] / fleet.copies,
            "storage/pruned": counts.storage["pruning"] / fleet.copies,
            "storage/tick": counts.storage["tick"] / copies,
            "storage/copy": sum(counts.storage[who] for who in ("steps", "checks", "accepting", "pruning")) / copies,
            "peak B/copy": self.peak,
        }


async def _accept_all(children: Children, run: RunOf, items: Sequence[RunItem]) -> None:
    with counted_for("accepting"):
        await _ACCEPT_ALL(children, run, items)


async def _side_by_side(works: Sequence[Awaitable[None]]) -> None:
    for start in range(0, len(works), _SIDE_BY_SIDE):
        await asyncio.gather(*works[start : start + _SIDE_BY_SIDE])


def percentile(values: Sequence[float], part: float) -> float | None:
    """Return the value below which a part of the values lies; None of none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] if ordered else None
