"""Timer triggers: when each fires, by Azure's time as the simulation has it.

As in the real host (docs/azure/functions-host.md): runs of one timer never overlap, its status is kept so that a slot missed
while nothing ran is noticed at the next start, and being past due wins over `runOnStartup`. Slots that were missed collapse
into one late run. At any speed of the clock a timer fires at most twice in a second of wall time; where its runs lead to no
work, ever more rarely, down to once in `LONGEST_GAP`, until the app has work again.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp

from local.host.schedule import Schedule
from shared.clock import Clock, from_text, to_text

SHORTEST_GAP: Final = 0.5  # wall-clock seconds between two runs of one timer
LONGEST_GAP: Final = 2.0  # the same for an idle app: at 600 times Azure's speed its timers would use a fifth of a core
_LOOK_AT_CLOCK: Final = 0.5
_log = logging.getLogger(__name__)


class RunTimer(Protocol):
    """Runs a timer function on a worker and returns at its end."""

    def __call__(self, name: str, *, past_due: bool, status: dict[str, str]) -> Awaitable[None]: ...


@dataclass(slots=True)
class Timer:
    """One timer's standing: `next` is the slot it waits for, `last` the moment it last ran, both in Azure's time."""

    name: str
    schedule: Schedule
    next: datetime
    last: datetime | None = None
    past_due: bool = False
    fired_at: float = float("-inf")
    gap: float = SHORTEST_GAP
    running: asyncio.Task[None] | None = None

    def status(self) -> dict[str, str]:
        """Return the schedule status as a timer function sees it: Last, Next, LastUpdated (ISO 8601)."""
        last = to_text(self.last) if self.last else "0001-01-01T00:00:00Z"
        return {"Last": last, "Next": to_text(self.next), "LastUpdated": last}


class Timers:
    """Fires timers as their slots come. `status_file` keeps their standing over restarts; None forgets it."""

    def __init__(
        self, clock: Clock, run_timer: RunTimer, status_file: Path | None, on_reconnect: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._clock = clock
        self._run_timer = run_timer
        self._file = status_file
        self._on_reconnect = on_reconnect
        self._timers: dict[str, Timer] = {}
        self._held_until = float("-inf")
        self._connected = False
        self._adopted = False
        self._writing = asyncio.Lock()
        self._wake = asyncio.Event()

    async def _adopt(self, listed: Sequence[dict[str, Any]]) -> None:
        kept = await asyncio.to_thread(self._read)
        now = self._clock.now()
        for item in listed:
            timer = _resumed(item["name"], Schedule(item["schedule"]), kept.get(item["name"], {}), now)
            if item["runOnStartup"] and not timer.past_due:
                timer.next = now
            self._timers[timer.name] = timer
        self._adopted = True

    async def run(self, listed: Sequence[dict[str, Any]]) -> None:
        """Follow the clock and fire what is due, for ever; a clock that does not move fires nothing.

        `listed`: the app's timers, [{"name", "schedule", "runOnStartup"}].
        """
        while True:
            if await self._read_clock():
                if not self._adopted:
                    await self._adopt(listed)
                self._fire_by_the_clock()
            await self._rest(self._pause())

    def wake(self) -> None:
        """Fire timers at their shortest gap again, because the app has work."""
        for timer in self._timers.values():
            timer.gap = SHORTEST_GAP
        self._wake.set()

    async def _rest(self, seconds: float) -> None:
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    def hold(self, seconds: float) -> None:
        """Fire nothing by the running clock for so many wall-clock seconds, in which the simulation moves the time. 0 ends it."""
        self._held_until = self._clock.monotonic() + seconds

    async def idle(self) -> None:
        """Wait for the timers that run now."""
        running = [timer.running for timer in self._timers.values() if timer.running is not None]
        if running:
            await asyncio.wait(running)

    async def fire_due(self) -> set[str]:
        """Run each timer whose slot has come, once, and wait for them; return their names."""
        await self._clock.refresh()
        now = self._clock.now()
        due = [timer for timer in self._timers.values() if timer.next <= now]
        for timer in due:
            self._fire(timer, past_due=timer.past_due or timer.schedule.after(timer.next) <= now)
        await self.idle()
        return {timer.name for timer in due}

    async def fire(self, name: str) -> None:
        """Run a timer now, whatever its schedule, and wait for it; raises `KeyError` where there is none of the name."""
        await self.idle()
        self._fire(self._timers[name], past_due=False)
        await self.idle()

    def __contains__(self, name: str) -> bool:
        return name in self._timers

    def _fire_by_the_clock(self) -> None:
        if self._clock.speed > 0 and self._clock.monotonic() >= self._held_until:
            for timer in filter(self._may_fire, self._timers.values()):
                self._fire(timer, past_due=timer.past_due)
                timer.gap = min(2 * timer.gap, LONGEST_GAP)

    def _may_fire(self, timer: Timer) -> bool:
        rested = self._clock.monotonic() - timer.fired_at >= timer.gap
        return timer.running is None and rested and timer.next <= self._clock.now()

    def _fire(self, timer: Timer, *, past_due: bool) -> None:
        now = self._clock.now()
        status = timer.status()
        timer.last, timer.next, timer.past_due = now, timer.schedule.after(max(now, timer.next)), False
        timer.fired_at = self._clock.monotonic()
        timer.running = asyncio.create_task(self._run(timer, past_due=past_due, status=status))

    async def _run(self, timer: Timer, *, past_due: bool, status: dict[str, str]) -> None:
        try:
            await self._run_timer(timer.name, past_due=past_due, status=status)
            await self._write()
        except Exception:
            _log.exception("the timer %s could not be run", timer.name)
        finally:
            # The next run is scheduled when this one is over: slots that came meanwhile are not made up for.
            timer.next = max(timer.next, timer.schedule.after(self._clock.now()))
            timer.running = None

    def _pause(self) -> float:
        speed = self._clock.speed
        if speed <= 0 or not self._connected:
            return _LOOK_AT_CLOCK
        now, monotonic = self._clock.now(), self._clock.monotonic()
        waits = [
            max((timer.next - now).total_seconds() / speed, timer.fired_at + timer.gap - monotonic)
            for timer in self._timers.values()
            if timer.running is None
        ]
        return min([_LOOK_AT_CLOCK, *(max(wait, 0.01) for wait in waits)])

    async def _read_clock(self) -> bool:
        try:
            await self._clock.refresh()
        except (OSError, aiohttp.ClientError) as error:
            if self._connected:
                _log.warning("the clock cannot be read: %s", error)
            self._connected = False
            return False
        if not self._connected and self._on_reconnect is not None:
            await self._on_reconnect()
        self._connected = True
        return True

    def _read(self) -> dict[str, dict[str, str]]:
        if self._file is None or not self._file.exists():
            return {}
        kept: dict[str, dict[str, str]] = json.loads(self._file.read_text(encoding="utf-8"))
        return kept

    async def _write(self) -> None:
        if self._file is None:
            return
        async with self._writing:
            text = json.dumps({t.name: t.status() | {"Schedule": t.schedule.text} for t in self._timers.values()}, indent=1)
            await asyncio.to_thread(_replace, self._file, text)


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)  # whole or not at all, also when killed here


def _resumed(name: str, schedule: Schedule, kept: dict[str, str], now: datetime) -> Timer:
    if kept.get("Schedule") != schedule.text:
        return Timer(name, schedule, schedule.after(now))
    last, upcoming = from_text(kept["Last"]), from_text(kept["Next"])
    if last > now:  # another clock than the one that the status was kept by
        return Timer(name, schedule, schedule.after(now))
    return Timer(name, schedule, upcoming, last, past_due=upcoming <= now)
