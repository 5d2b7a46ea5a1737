"""What a bench has in place of the machine's time and randomness."""

from dataclasses import dataclass
from datetime import datetime
from random import Random
from uuid import UUID

from local.simulation.platform import Platform


@dataclass
class BenchClock:
    """Azure's time and wall time are the simulation's."""

    platform: Platform
    speed: float = 0.0

    def now(self) -> datetime:
        """Azure's time."""
        return self.platform.clock.now()

    def wall(self) -> datetime:
        """Wall time."""
        return self.platform.clock.now()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self.platform.clock.now().timestamp()

    async def refresh(self) -> None:
        """Do nothing: there is no copy of the time to renew."""


@dataclass(frozen=True, slots=True)
class SeededIds:
    """Identifiers of a draw: the same in each run of it."""

    chance: Random

    def new(self) -> str:
        """A new version 4 GUID."""
        return str(UUID(int=self.chance.getrandbits(128), version=4))
