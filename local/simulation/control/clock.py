"""Azure's time: it runs at a speed, stops while frozen, can be advanced, and never goes back."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from local.simulation.arm.tables import Json
from local.simulation.times import from_text, to_text

#: How far ahead of its last note the clock may be found after a crash, wall-clock seconds.
_SLACK = 5.0


class Clock:
    """The clock of the simulated Azure; `speed` is how many of its seconds pass in a second of wall time."""

    def __init__(
        self,
        now: datetime | None = None,
        speed: float = 1.0,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._base = now or datetime.now(UTC)
        self._at = monotonic()
        self._speed = speed
        self._frozen = False

    @property
    def speed(self) -> float:
        """The speed at this moment: 0 while frozen."""
        return 0.0 if self._frozen else self._speed

    def now(self) -> datetime:
        """Azure's time, aware, UTC."""
        if self._frozen:
            return self._base
        return self._base + timedelta(seconds=(self._monotonic() - self._at) * self._speed)

    def set_speed(self, speed: float) -> None:
        """Run at another speed from now on; 0 stops the clock; while frozen it holds from the thaw on."""
        self._rebase()
        self._speed = speed

    def move(self, delta: timedelta) -> None:
        """Move the time forward; raises `ValueError` for a negative delta."""
        if delta < timedelta(0):
            raise ValueError("the clock never goes back")
        self._rebase()
        self._base += delta

    def freeze(self) -> None:
        """Hold the clock still until `thaw`."""
        self._rebase()
        self._frozen = True

    def thaw(self) -> None:
        """Let the clock run again at its speed."""
        self._rebase()
        self._frozen = False

    def _rebase(self) -> None:
        self._base, self._at = self.now(), self._monotonic()

    def note(self) -> Json:
        """Return what a restart needs to go on from here."""
        return {"now": to_text(self.now()), "wall": self._wall(), "speed": self._speed}

    @classmethod
    def resumed(cls, note: Json) -> "Clock":
        """Continue from a note: not before any time that may have been answered since, and without the time in which no process ran."""
        clock = cls(speed=float(note["speed"]))
        since = min(max(0.0, clock._wall() - float(note["wall"])), _SLACK)
        clock._base = from_text(str(note["now"])) + timedelta(seconds=since * clock._speed)
        return clock
