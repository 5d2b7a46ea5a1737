"""A cache of reads that many requests share: each is kept for a time, misses included, and read once however many wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from shared.clock import Clock

V = TypeVar("V")
MOST_ENTRIES = 10_000


class ReadCache(Generic[V]):
    """Values by key, each read anew once it is `kept_seconds` of wall time old; 0 keeps nothing.

    The age counts from before the read, so that a value is never older than it seems. Errors are raised to all who wait and not kept.
    """

    def __init__(self, clock: Clock, kept_seconds: float, most: int = MOST_ENTRIES) -> None:
        self._clock = clock
        self._kept = kept_seconds
        self._most = most
        self._values: dict[str, tuple[float, V]] = {}
        self._reading: dict[str, asyncio.Future[V]] = {}

    async def get(self, key: str, read: Callable[[], Awaitable[V]]) -> V:
        """Return the value of a key, by `read` where it is not kept."""
        found = self._values.get(key)
        if found is not None and self._clock.monotonic() - found[0] < self._kept:
            return found[1]
        if not self._kept:
            return await read()
        if key not in self._reading:
            self._reading[key] = asyncio.ensure_future(self._read(key, read))
        # shielded: a request that is given up must not fail the others that wait for the same read
        return await asyncio.shield(self._reading[key])

    def keeps(self, key: str) -> bool:
        """Return whether the value of a key is kept, so that `get` reads nothing."""
        found = self._values.get(key)
        return found is not None and self._clock.monotonic() - found[0] < self._kept

    def forget(self) -> None:
        """Read everything anew from now on."""
        self._values.clear()
        self._reading.clear()

    def _drop_old(self) -> None:
        """Drop what is too old, and the oldest where there is no room for one more: values stand in the order in which they were read."""
        too_old = self._clock.monotonic() - self._kept
        while self._values:
            first = next(iter(self._values))
            if len(self._values) < self._most and self._values[first][0] > too_old:
                return
            del self._values[first]

    async def _read(self, key: str, read: Callable[[], Awaitable[V]]) -> V:
        asked_at, mine = self._clock.monotonic(), asyncio.current_task()
        try:
            value = await read()
            if self._reading.get(key) is mine:  # not where `forget` came in between
                self._values.pop(key, None)
                self._drop_old()
                self._values[key] = (asked_at, value)
            return value
        finally:
            if self._reading.get(key) is mine:
                del self._reading[key]
