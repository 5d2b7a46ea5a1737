"""Time and identifiers, injected, so that tests own them.

Two times are kept apart. *Azure's time* (`now`) is what policies, ages and `nextAt` go by; on one machine the simulated Azure
owns it and may run it many times as fast. *Wall time* (`wall`, `monotonic`) is what leases, queue visibility and HTTP
time-outs go by: a process cannot be hurried.
"""

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the time is."""

    @property
    def speed(self) -> float:
        """How many seconds of Azure's time pass in a wall-clock second; 0 while the simulation holds the clock still."""
        ...

    def now(self) -> datetime:
        """Azure's time, aware, UTC."""
        ...

    def wall(self) -> datetime:
        """Wall-clock time, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment, never going back: the measure of a lease that is held."""
        ...

    async def refresh(self) -> None:
        """Read the clock anew, at the start of an invocation; does nothing where the wall clock is Azure's."""
        ...


class Ids(Protocol):
    """Where random identifiers come from."""

    def new(self) -> str:
        """A new GUID, 36 characters, lower case."""
        ...


class SystemClock:
    """The machine's clock: Azure's time is wall time."""

    speed = 1.0

    def now(self) -> datetime:
        """Azure's time, aware, UTC."""
        return datetime.now(UTC)

    def wall(self) -> datetime:
        """Wall-clock time, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of the machine's monotonic clock."""
        return time.monotonic()

    async def refresh(self) -> None:
        """Nothing to read."""


class RemoteClock:
    """The clock of a simulated Azure, read over HTTP and carried on at its speed in between.

    `url` answers `GET` with `{"now": ISO 8601, "speed": number}`. `refresh` raises `OSError` when it cannot be read.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: object | None = None
        self._base = datetime.now(UTC)
        self._read_at = time.monotonic()
        self._speed = 1.0

    @property
    def speed(self) -> float:
        """Seconds of Azure's time in a wall-clock second, as last read."""
        return self._speed

    def now(self) -> datetime:
        """Azure's time as last read, carried on at the simulation's speed."""
        return self._base + timedelta(seconds=(time.monotonic() - self._read_at) * self._speed)

    def wall(self) -> datetime:
        """Wall-clock time, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of the machine's monotonic clock."""
        return time.monotonic()

    async def refresh(self) -> None:
        """Read time and speed from the simulation."""
        import aiohttp  # a cold start in Azure never needs it here

        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        assert isinstance(self._session, aiohttp.ClientSession)  # noqa: S101  # narrows a lazily imported type
        async with self._session.get(self._url) as answer:
            body = await answer.json()
        self._base, self._read_at = datetime.fromisoformat(body["now"]), time.monotonic()
        self._speed = float(body["speed"])

    async def close(self) -> None:
        """Close the connection to the simulation."""
        import aiohttp

        if isinstance(self._session, aiohttp.ClientSession):
            await self._session.close()
            self._session = None


class RandomIds:
    """Identifiers from the machine's randomness."""

    def new(self) -> str:
        """A new version 4 GUID."""
        return str(uuid.uuid4())


def to_text(moment: datetime) -> str:
    """Write a moment as ISO 8601 UTC with six decimals and a Z: 27 characters that sort as time does."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def from_text(text: str) -> datetime:
    """Read an ISO 8601 moment as aware UTC; one without an offset is taken as UTC, digits past microseconds are dropped.

    Raises `ValueError` for anything else.
    """
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
