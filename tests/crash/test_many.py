"""Many copies in chains while workers are killed every few seconds.

`--histories N` sets how many copies each test starts: 10 by default, for CI; 300 and more by command:
`python3 -m local test tests/crash/test_many.py --histories 1000`.
"""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import groupby

import pytest

from tests.crash.fleet import Fleet
from tests.crash.world import Json, Wanted, world

IN_CI = 10
POINTS = 5
EVERY_SECONDS = 2.0
LEAST_KILLS, KILLS_OF_300 = 3, 8
"""Workers that must have died: the first in a run of CI, the second from 300 copies on."""
SECONDS, SECONDS_PER_COPY = 240.0, 3.0
"""Limit on the wall time of one test: several times what it takes on two idle cores."""


@pytest.fixture
def chains(request: pytest.FixtureRequest) -> int:
    """Return the number of chains, each of `POINTS` copies."""
    return max(1, int(request.config.getoption("histories") or IN_CI) // POINTS)


class Killer:
    """Counts the workers that it killed."""

    def __init__(self, fleet: Fleet, seed: int) -> None:
        self.kills = 0
        self._fleet = fleet
        self._chance = random.Random(seed)  # noqa: S311  # chance that can be repeated, not a secret

    async def run(self) -> None:
        """Kill one worker after another, for ever; the other lives on, however long a slow machine takes to start its successor."""
        while True:
            await asyncio.sleep(EVERY_SECONDS * self._chance.uniform(0.7, 1.3))  # real processes die in real time
            workers = await asyncio.to_thread(self._fleet.running.workers)
            if len(workers) > 1:
                os.kill(self._chance.choice(workers), signal.SIGKILL)
                self.kills += 1


@asynccontextmanager
async def killing(fleet: Fleet, seed: int) -> AsyncIterator[Killer]:
    """Kill workers while the block runs."""
    killer = Killer(fleet, seed)
    task = asyncio.create_task(killer.run())
    try:
        yield killer
    finally:
        task.cancel()


async def ask_all(fleet: Fleet, points: Sequence[Wanted]) -> None:
    """Ask for all: the restore points of one collection oldest first, the collections side by side."""
    side_by_side = asyncio.Semaphore(8)

    async def ask(chain: list[Wanted]) -> None:
        for wanted in chain:
            async with side_by_side:
                await fleet.start(wanted)

    chains = [list(group) for _, group in groupby(points, key=lambda wanted: str(wanted.point).rsplit("/", 2)[0])]
    await asyncio.gather(*(ask(chain) for chain in chains))


async def run_all(fleet: Fleet, name: str, chains: int, *, faults: Sequence[Json] = ()) -> str:
    """Ask for all copies, let workers die until all have ended, compare with the model, and return the figures."""
    many = world(name, (await fleet.simulation.clock()).now, chains=chains, points=POINTS)
    await fleet.hold(many)
    began = time.monotonic()
    async with killing(fleet, seed=1) as killer:
        for fault in faults:
            await fleet.simulation.add_fault(**fault)
        await fleet.simulation.set_speed(30)  # or Azure's budget of reads would never fill again
        await ask_all(fleet, many.points)
        accepted = time.monotonic() - began
        await fleet.simulation.set_speed(0)
        figures = await fleet.until_ended(seconds=SECONDS + SECONDS_PER_COPY * len(many.points))
    told_again = await fleet.compare()
    counts = Counter(request["method"] for request in fleet.requests())
    assert killer.kills >= (KILLS_OF_300 if len(many.points) >= 300 else LEAST_KILLS)
    return (
        f"{name}: {len(fleet.asked)} copies in {chains} chains accepted in {accepted:.0f} s, ended after {figures.seconds:.0f} s more "
        f"({figures.advances} advances, {figures.unsettled} unsettled, {figures.azure} of Azure's time); {killer.kills} workers killed; "
        f"{counts['GET'] / len(fleet.asked):.1f} GETs and {counts['PUT'] / len(fleet.asked):.2f} PUTs per copy; "
        f"{fleet.looked_before_each_repetition()} writes sent again, each after a look; {sum(told_again.values())} terminal events doubled"
    )


@pytest.mark.slow
async def test_all_end_though_workers_are_killed_every_few_seconds(fleet: Fleet, chains: int, capsys: pytest.CaptureFixture[str]) -> None:
    figures = await run_all(fleet, "killed", chains)
    with capsys.disabled():
        print(f"\n{figures}")
    refused = [row for row in await fleet.simulation.requests() if row["operation"] == "RestorePoints_Create" and row["method"] == "PUT"]
    assert sum(row["throttled"] + row["refused"] for row in refused) == 0, "a copy was tried before Azure allows it"


STORM: list[Json] = [
    {"fault": "throttle", "rate": 0.15, "seed": "storm", "retryAfter": 120},
    {"fault": "lostResponse", "rate": 0.10, "seed": "lost"},
    {"fault": "lateEffect", "method": "PUT", "rate": 0.05, "seed": "late", "delay": "PT3M"},
    {"fault": "lateEffect", "method": "PUT", "rate": 0.10, "seed": "very late", "delay": "PT20M"},
    {"fault": "errorAfterEffect", "method": "PUT", "rate": 0.05, "seed": "after", "status": 503},
    {"fault": "error", "rate": 0.05, "seed": "error", "status": 500},
]


@pytest.mark.slow
async def test_all_end_in_a_storm_of_refusals_and_lost_answers(fleet: Fleet, chains: int, capsys: pytest.CaptureFixture[str]) -> None:
    figures = await run_all(fleet, "storm", chains, faults=STORM)
    with capsys.disabled():
        print(f"\n{figures}")
