"""Working queues until they are empty, on all workers that share them: what the lockstep does between two runs of timers."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Rest:
    """What a worker has ended since its last rest: invocations, and the queue messages among them."""

    ended: int
    messages: int


class Drained(Protocol):
    """A worker that takes part."""

    async def look(self) -> bool:
        """Fetch from each queue once and start on what there is; False where all queues were seen empty."""
        ...

    async def rest(self, seconds: float) -> Rest | None:
        """Wait until nothing is being fetched or worked; None where wall-clock `seconds` are not enough."""
        ...


async def drain(present: Callable[[], Awaitable[Sequence[Drained]]], seconds: float) -> int | None:
    """Work the queues until a round finds nothing; return the messages worked, None where wall-clock `seconds` are not enough.

    One of the workers that are `present` looks, in turn; the others look only where it found something, so that idle queues are read once.
    A round has found nothing where its look saw every queue empty and no worker ended anything by its end: what a worker had hidden before
    the look, or queued after it, is counted there.
    """
    deadline = time.monotonic() + seconds
    messages = turn = 0
    while time.monotonic() < deadline:
        workers = await present()
        looking = turn % len(workers)
        turn += 1
        if found := await workers[looking].look():
            await asyncio.gather(*(worker.look() for index, worker in enumerate(workers) if index != looking))
        left = deadline - time.monotonic()
        rests = [rest for rest in await asyncio.gather(*(worker.rest(left) for worker in workers)) if rest is not None]
        messages += sum(rest.messages for rest in rests)
        if len(rests) < len(workers):
            return None
        if not found and not any(rest.ended for rest in rests):
            return messages
    return None
