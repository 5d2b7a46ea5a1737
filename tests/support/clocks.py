"""A clock that only a test moves, and identifiers that count."""

import itertools
import random
import uuid
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)


class ManualClock:
    """Azure's time, wall time and the monotonic seconds, each moved only by the test; `speed` is that of the clock."""

    def __init__(self, now: datetime = START, *, speed: float = 1.0) -> None:
        self.speed = speed
        self.refreshes = 0
        self._now = now
        self._wall = now
        self._monotonic = 1000.0

    def now(self) -> datetime:
        """Azure's time."""
        return self._now

    def wall(self) -> datetime:
        """Wall time."""
        return self._wall

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._monotonic

    async def refresh(self) -> None:
        """Count the refreshes."""
        self.refreshes += 1

    def advance(self, step: timedelta) -> None:
        """Let all three times pass."""
        self.advance_azure(step)
        self.advance_wall(step)

    def advance_azure(self, step: timedelta) -> None:
        """Let Azure's time pass alone, as a fast simulation does."""
        self._now += step

    def advance_wall(self, step: timedelta) -> None:
        """Let wall time and the monotonic seconds pass, Azure's time standing still."""
        self._wall += step
        self._monotonic += step.total_seconds()


class SeededIds:
    """Version 4 GUIDs that a seed repeats."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(f"ids {seed}")  # noqa: S311  # chance that can be repeated, not a secret

    def new(self) -> str:
        """The next one."""
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))


class SequenceIds:
    """GUIDs in a row, different from those of every other instance with another `series`."""

    def __init__(self, series: int = 0) -> None:
        self._series = series
        self._turn = itertools.count(1)

    def new(self) -> str:
        """The next one."""
        return f"{self._series:08x}-0000-4000-8000-{next(self._turn):012x}"
