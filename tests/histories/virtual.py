"""An event loop whose time jumps to what is due next: waits of seconds and minutes pass at once, where nothing outside is waited for."""

import asyncio
import selectors
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


_ROUNDS = 20
"""Rounds of ready tasks between two looks at the system's events, of which there are none but the ends of threads."""


class _Jumping(selectors.DefaultSelector):
    """A selector that does not wait: it moves the loop's time by as much instead."""

    ahead = 0.0
    _rounds = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout == 0 and self._rounds < _ROUNDS:
            self._rounds += 1
            return []
        self._rounds = 0
        if timeout:
            self.ahead += timeout
        return super().select(timeout if timeout is None else 0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """The event loop; work in threads must be over before a task waits for a time.

    In a `repeatable` one only jumps take time, so that equal work takes equally long, however fast the machine is.
    """

    def __init__(self, *, repeatable: bool = False) -> None:
        self._jumping = _Jumping()
        self._repeatable = repeatable
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the loop's time: what was jumped over, and the machine's unless the loop is repeatable."""
        return self._jumping.ahead + (0.0 if self._repeatable else super().time())


def run(work: Coroutine[Any, Any, T], *, repeatable: bool = False) -> T:
    """Run a coroutine to its end in a loop of its own."""
    with asyncio.Runner(loop_factory=partial(VirtualLoop, repeatable=repeatable)) as runner:
        return runner.run(work)
