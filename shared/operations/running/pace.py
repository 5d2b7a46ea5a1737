"""Limits how many queue messages a process works on at once, so that requests are answered under a flood.

A process has one event loop. With dozens of messages in work, each pass of the loop takes tens of milliseconds, and a request needs several
passes. The limit follows the delay that the work itself causes in the loop: it shrinks while the loop is late and grows while it is not.
Messages that wait for Azure cause no delay, so a process with time to spare takes all that the host hands it.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LEAST, FIRST, MOST = 2, 8, 64
LATE_SECONDS = 0.008
"""The delay from which on the loop counts as late."""
_LOOK_EVERY = 0.05


class Pace:
    """The limit of one process. It is used from one event loop."""

    def __init__(self) -> None:
        self.limit = FIRST
        self.working = 0
        self._changed = asyncio.Condition()
        self._watch: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        """Wait until a message may be worked on, and count it while it is."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.working < self.limit)
            self.working += 1
        if self._watch is None:
            self._watch = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            self.working -= 1
            await self._admit()

    def observe(self, late: float) -> None:
        """Set the limit by how many seconds late the loop was."""
        self.limit = max(LEAST, min(self.limit, self.working) * 3 // 4) if late > LATE_SECONDS else min(MOST, self.limit + 1)

    async def _follow(self) -> None:
        """Measure the loop while there is work.

        Of a delay only what this thread itself computed counts: that other processes have the processor is not the work's doing.
        """
        loop = asyncio.get_running_loop()
        while self.working:
            meant, computed = loop.time() + _LOOK_EVERY, time.thread_time()
            await asyncio.sleep(_LOOK_EVERY)
            self.observe(min(loop.time() - meant, time.thread_time() - computed))
            await self._admit()
        self._watch = None

    async def _admit(self) -> None:
        async with self._changed:
            self._changed.notify(max(self.limit - self.working, 0))
