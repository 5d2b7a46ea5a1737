"""Lockstep with the simulation's clock: it moves the time, this host reports when the work that came due is done.

The two phases are those of docs/design/simulation.md, "The clock".
"""

import asyncio
import time
from typing import Final, Protocol

from local.host.timers import Timers

_TICK: Final = "tick"  # the one timer that finds what is due
_MARGIN: Final = 0.2  # wall-clock seconds of the deadline that the answer itself may take


class Drains(Protocol):
    """Works queues until they are empty."""

    async def drain(self, seconds: float) -> int | None:
        """Return the messages worked, None where `seconds` of wall time were not enough."""
        ...


class Lockstep:
    """Answers the simulation's `settle` calls, one at a time."""

    def __init__(self, timers: Timers, workers: Drains) -> None:
        self._timers = timers
        self._workers = workers
        self._one = asyncio.Lock()

    async def settle(self, phase: str, seconds: float) -> bool:
        """Do what is due within `seconds` of wall time; True if all of it is done.

        "before" leaves the timers held, for the time to be moved; "after" lets them go. Raises `ValueError` for another phase.
        """
        if phase not in ("before", "after"):
            raise ValueError(f"the phase is {phase!r}; it can be before or after")
        deadline = time.monotonic() + max(seconds - _MARGIN, 0)
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + deadline - time.monotonic()), self._one:
                return await (self._before(seconds, deadline) if phase == "before" else self._after(deadline))
        except TimeoutError:
            return False
        finally:
            if phase == "after":
                self._timers.hold(0)

    async def _before(self, seconds: float, deadline: float) -> bool:
        self._timers.hold(2 * seconds)
        await self._timers.idle()
        return await self._drain(deadline) is not None

    async def _after(self, deadline: float) -> bool:
        await self._timers.idle()
        fired = await self._timers.fire_due()
        worked = await self._drain(deadline)
        if _TICK not in self._timers or (_TICK in fired and worked == 0):
            return worked is not None
        while worked is not None:
            await self._timers.fire(_TICK)
            worked = await self._drain(deadline)
            if worked == 0:
                return True
        return False

    async def _drain(self, deadline: float) -> int | None:
        return await self._workers.drain(deadline - time.monotonic())
