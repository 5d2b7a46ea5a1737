"""Hundreds of copies in dozens of chains while workers are killed every few seconds."""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import groupby

from tests.crash.fleet import Fleet
from tests.crash.world import Wanted, world

CHAINS, POINTS = 60, 5
EVERY_SECONDS = 3.0


class Killer:
    """Counts the workers that it killed."""

    def __init__(self, fleet: Fleet, seed: int) -> None:
        self.kills = 0
        self._fleet = fleet
        self._chance = random.Random(seed)

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


async def test_all_end_though_workers_are_killed_every_few_seconds(fleet: Fleet) -> None:
    many = world("many", (await fleet.simulation.clock()).now, chains=CHAINS, points=POINTS)
    await fleet.hold(many)
    began = time.monotonic()
    async with killing(fleet, seed=1) as killer:
        await fleet.simulation.set_speed(30)  # or Azure's budget of reads would never fill again
        await ask_all(fleet, many.points)
        accepted = time.monotonic() - began
        await fleet.simulation.set_speed(0)
        figures = await fleet.until_ended(seconds=300)
    print(f"\n{len(fleet.asked)} accepted in {accepted:.0f} s; {killer.kills} kills; {figures}")
    requests = await fleet.simulation.requests()
    for row in requests:
        print(row)
    print(await fleet.compare())
