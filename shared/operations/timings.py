"""How long things may take, in wall-clock seconds, kept in one place with fixed ratios so that tests shorten them together.

Source: docs/design/core.md.
"""

from dataclasses import dataclass
from datetime import timedelta

DISPATCH_HOLD = timedelta(minutes=5)
"""How long a dispatched row waits before it is taken for lost, Azure's time."""
DISPATCH_HOLD_WALL_SECONDS = 30.0
"""... and in wall-clock time at the least, however fast the simulation's clock runs."""
ATTEMPTS_BEFORE_ATTENTION = 5
THROTTLED_BEFORE_ATTENTION = timedelta(hours=6)
"""For how long Azure may refuse all calls of an operation for their rate before a person must look, Azure's time."""
THROTTLED_DELAY = timedelta(minutes=10)
"""The least time between two looks from then on."""
FREE_LOCK_AFTER = timedelta(minutes=2)
"""Wall-clock time after which a lock whose operation was never accepted is free (a crash between lock and acceptance)."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Lease 90 s : effect time-out 30 s : least left of the lease before an effect is sent 45 s : takeover after another 15 s."""

    lease: float = 90.0

    @property
    def effect_timeout(self) -> float:
        """How long an effect may take."""
        return self.lease / 3

    @property
    def least_left(self) -> float:
        """How much of the lease must be left when an effect is sent."""
        return self.lease / 2

    @property
    def takeover(self) -> float:
        """How long after its expiry others respect a lease, for clocks that differ."""
        return self.lease / 6


def dispatch_hold(speed: float) -> timedelta:
    """Return how long a dispatched row is held, in Azure's time: the larger of five minutes and what thirty wall seconds amount to."""
    return max(DISPATCH_HOLD, timedelta(seconds=DISPATCH_HOLD_WALL_SECONDS * speed))


def retry_delay(attempts: int) -> timedelta:
    """Return after how long to look again where an attempt got nowhere, Azure's time.

    30 seconds doubling to 8 minutes; after the fifth 10 minutes doubling to 6 hours.
    """
    if attempts <= ATTEMPTS_BEFORE_ATTENTION:
        return timedelta(seconds=30 * 2 ** min(max(attempts - 1, 0), 4))
    return min(timedelta(minutes=10 * 2 ** min(attempts - ATTEMPTS_BEFORE_ATTENTION - 1, 10)), timedelta(hours=6))
