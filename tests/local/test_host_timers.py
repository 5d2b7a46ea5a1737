"""When timers fire, by a clock that the test moves."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.host import timers as module
from local.host.timers import Timers

START = datetime(2026, 1, 1, 12, 0, 10, tzinfo=UTC)
TICK = {"name": "tick", "schedule": "*/30 * * * * *", "runOnStartup": False}
HOURLY = {"name": "hourly", "schedule": "0 0 * * * *", "runOnStartup": False}


@dataclass
class HandClock:
    """A clock that only the test moves; its wall time moves along, as if nothing else took any."""

    moment: datetime = START
    speed: float = 1.0
    passed: float = 0.0

    def now(self) -> datetime:
        return self.moment

    def wall(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.passed

    async def refresh(self) -> None:
        await asyncio.sleep(0)

    def move(self, seconds: float, wall: float | None = None) -> None:
        self.moment += timedelta(seconds=seconds)
        self.passed += seconds if wall is None else wall


@dataclass
class Runs:
    """Notes each run, and holds it while `free` is not set."""

    seen: list[tuple[str, bool, str]] = field(default_factory=list)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: int = 0
    most_at_once: int = 0

    async def __call__(self, name: str, *, past_due: bool, status: dict[str, str]) -> None:
        self.seen.append((name, past_due, status["Last"]))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.free.wait()
        self.at_once -= 1


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def runs() -> Runs:
    runs = Runs()
    runs.free.set()
    return runs


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Timers, "_pause", lambda _: 0.0)


@asynccontextmanager
async def following(timers: Timers, *listed: dict[str, object]) -> AsyncIterator[Callable[[], "asyncio.Future[None]"]]:
    """Run the timers; yields what lets them look at the clock a few times."""
    task = asyncio.create_task(timers.run(listed))

    async def look() -> None:
        for _ in range(30):
            await asyncio.sleep(0)
        assert not task.done(), task.exception()

    while any(str(item["name"]) not in timers for item in listed):  # what was kept is read in a thread
        await look()
    try:
        yield lambda: asyncio.ensure_future(look())
    finally:
        task.cancel()


async def test_a_timer_fires_at_its_slot_and_not_before(clock: HandClock, runs: Runs) -> None:
    async with following(Timers(clock, runs, None), TICK) as look:
        clock.move(19.9)
        await look()
        assert runs.seen == []
        clock.move(0.1)
        await look()
        assert [(name, late) for name, late, _ in runs.seen] == [("tick", False)]
        clock.move(30)
        await look()
        assert runs.seen[1] == ("tick", False, "2026-01-01T12:00:30.000000Z")


async def test_runs_of_one_timer_never_overlap(clock: HandClock, runs: Runs) -> None:
    runs.free.clear()
    async with following(Timers(clock, runs, None), TICK) as look:
        for _ in range(4):
            clock.move(30)
            await look()
        assert len(runs.seen) == 1
        runs.free.set()
        await look()
        await look()
        assert runs.most_at_once == 1
        assert len(runs.seen) == 1, "slots that came while it ran are not made up for"


async def test_at_most_twice_in_a_second_of_wall_time_at_any_speed(clock: HandClock, runs: Runs) -> None:
    clock.speed = 6000
    timers = Timers(clock, runs, None)
    async with following(timers, TICK) as look:
        for _ in range(40):
            timers.wake()
            clock.move(600, wall=0.1)
            await look()
    assert 7 <= len(runs.seen) <= 9  # in four seconds


async def test_timers_of_an_idle_app_run_rarely_until_it_has_work(clock: HandClock, runs: Runs) -> None:
    clock.speed = 6000
    timers = Timers(clock, runs, None)
    async with following(timers, TICK) as look:
        for _ in range(200):
            clock.move(600, wall=0.1)
            await look()
        assert 10 <= len(runs.seen) <= 13  # in twenty seconds: twice at shorter gaps, then every two seconds
        idle = len(runs.seen)
        timers.wake()
        clock.move(600, wall=module.SHORTEST_GAP)
        await look()
        assert len(runs.seen) == idle + 1


async def test_a_clock_that_is_stopped_fires_nothing(clock: HandClock, runs: Runs) -> None:
    clock.speed = 0
    async with following(Timers(clock, runs, None), TICK) as look:
        clock.move(3600)
        await look()
    assert runs.seen == []


async def test_held_timers_wait_for_whoever_leads_the_time(clock: HandClock, runs: Runs) -> None:
    timers = Timers(clock, runs, None)
    async with following(timers, TICK, HOURLY) as look:
        timers.hold(1000)
        clock.move(300)
        await look()
        assert runs.seen == []
        assert await timers.fire_due() == {"tick"}
        assert [(name, late) for name, late, _ in runs.seen] == [("tick", True)], "missed slots collapse into one late run"
        timers.hold(0)
        await look()
        assert len(runs.seen) == 1


async def test_a_slot_missed_while_nothing_ran_is_noticed(tmp_path: Path, clock: HandClock, runs: Runs) -> None:
    file = tmp_path / "host" / "timers.json"
    timers = Timers(clock, runs, file)
    async with following(timers, HOURLY) as look:
        clock.move(3600)
        await look()
        await timers.idle()
    runs.seen.clear()
    clock.move(2 * 3600)
    async with following(Timers(clock, runs, file), {**HOURLY, "runOnStartup": True}) as look:
        await look()
        assert [(name, late) for name, late, _ in runs.seen] == [("hourly", True)], "past due wins over run on startup"


@pytest.mark.parametrize("other", [{"schedule": "0 30 * * * *"}, {}])
async def test_no_slot_is_missed_where_schedule_or_clock_are_others(
    tmp_path: Path, clock: HandClock, runs: Runs, other: dict[str, str]
) -> None:
    file = tmp_path / "timers.json"
    last = START - timedelta(days=1) if other else START + timedelta(days=1)
    kept = {"Last": last.isoformat(), "Next": (last + timedelta(minutes=1)).isoformat(), "Schedule": HOURLY["schedule"]}
    file.write_text(json.dumps({"hourly": kept}))
    async with following(Timers(clock, runs, file), HOURLY | other) as look:
        await look()
        assert runs.seen == []
        clock.move(3600)
        await look()
        assert len(runs.seen) == 1


async def test_run_on_startup(clock: HandClock, runs: Runs) -> None:
    async with following(Timers(clock, runs, None), {**HOURLY, "runOnStartup": True}) as look:
        await look()
    assert [(name, late) for name, late, _ in runs.seen] == [("hourly", False)]


async def test_a_clock_that_could_not_be_read_is_asked_again(clock: HandClock, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    connected = 0

    async def connect() -> None:
        nonlocal connected
        connected += 1

    timers = Timers(clock, runs, None, on_reconnect=connect)
    async with following(timers, TICK) as look:
        assert connected == 1

        async def fail() -> None:
            await asyncio.sleep(0)
            raise ConnectionRefusedError

        monkeypatch.setattr(clock, "refresh", fail)
        clock.move(30)
        await look()
        assert runs.seen == []
        monkeypatch.undo()
        monkeypatch.setattr(module.Timers, "_pause", lambda _: 0.0)
        await look()
        assert len(runs.seen) == 1
        assert connected == 2
