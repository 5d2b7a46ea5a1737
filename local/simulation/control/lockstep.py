"""Advancing the clock together with the local host, so that what comes due is done before the advance answers.

Source: docs/design/simulation.md.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta

import aiohttp

from local.simulation.platform import Platform

#: Wall-clock seconds that an advance may take in all, and of these, what the drain before it may take.
_IN_ALL = 19.0
_BEFORE = 9.0


@dataclass(frozen=True, slots=True)
class Advanced:
    """Whether everything that came due was done."""

    settled: bool


class Lockstep:
    """Freeze, let the host drain, move the time, let it fire its timers and drain again, thaw. One advance at a time."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._one = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connection to the host."""
        if self._session is not None:
            await self._session.close()

    async def advance(self, delta: timedelta) -> Advanced:
        """Move Azure's time by `delta`; with no host registered it just moves. Raises `ValueError` for a negative delta."""
        if delta < timedelta(0):
            raise ValueError("the clock never goes back")
        async with self._one:
            clock, until = self._platform.clock, time.monotonic() + _IN_ALL
            clock.freeze()
            try:
                before = await self._settle("before", _BEFORE)
                clock.move(delta)
                self._platform.save_clock()
                after = await self._settle("after", until - time.monotonic())
            finally:
                clock.thaw()
            return Advanced(settled=before and after)

    async def _settle(self, phase: str, seconds: float) -> bool:
        url = self._platform.host_url
        if url is None:
            return True
        if self._session is None:
            self._session = aiohttp.ClientSession()
        asked = {"phase": phase, "deadlineSeconds": round(seconds, 1)}
        timeout = aiohttp.ClientTimeout(total=seconds + 0.5)
        try:
            async with self._session.post(f"{url.rstrip('/')}/settle", json=asked, timeout=timeout) as answer:
                return answer.status == 200 and bool((await answer.json()).get("settled"))
        except TimeoutError:
            return False
        except (aiohttp.ClientError, OSError, ValueError):
            if self._platform.host_url == url:
                self._platform.register_host(None)
            return False
