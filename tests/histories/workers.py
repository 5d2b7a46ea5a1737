"""Worker processes of an app in memory: each ends at a crash point as a killed process does, and another takes its place.

What a worker that has ended still runs in this process reaches nothing outside of it: every call to storage or to Azure raises `Ended`.
"""

import inspect
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

from shared.composition import Runtime

T = TypeVar("T")


class Ended(BaseException):
    """The worker of this task has ended."""


class WorkerLostError(Exception):
    """The worker ended before its work did."""


@dataclass(eq=False)
class Life:
    """One worker process, from its start to its end."""

    ended: bool = False


_LIFE: ContextVar[Life | None] = ContextVar("life", default=None)


def alive() -> None:
    """Raise `Ended` in a task of a worker that has ended."""
    life = _LIFE.get()
    if life is not None and life.ended:
        raise Ended


class Outside:
    """Something outside of the process, which only a living worker reaches; an answer to one that has ended meanwhile is lost."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def table(self, name: str) -> "Outside":
        """Return a table of a storage account."""
        return Outside(self._inner.table(name))

    def write_once(self, container: str) -> "Outside":
        """Return a container of a storage account."""
        return Outside(self._inner.write_once(container))

    @property
    def queues(self) -> "Outside":
        """The queues of a storage account."""
        return Outside(self._inner.queues)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if inspect.iscoroutinefunction(found):
            return _awaited(found)
        return _ranged(found) if inspect.isasyncgenfunction(found) else found

    async def __aenter__(self) -> "Outside":
        return self

    async def __aexit__(self, *_: object) -> None:
        return


def _awaited(call: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
    @wraps(call)
    async def checked(*given: Any, **named: Any) -> T:
        alive()
        answer = await call(*given, **named)
        alive()
        return answer

    return checked


def _ranged(call: Callable[..., AsyncIterator[T]]) -> Callable[..., AsyncIterator[T]]:
    @wraps(call)
    async def checked(*given: Any, **named: Any) -> AsyncIterator[T]:
        alive()
        async for one in call(*given, **named):
            alive()
            yield one

    return checked


@dataclass
class Points:
    """The crash points at which the next worker that comes by ends; set as `crash_points.reach`."""

    armed: set[str] = field(default_factory=set)
    ends: Counter[str] = field(default_factory=Counter)

    def arm(self, point: str) -> None:
        """Let the next worker that reaches this point end there."""
        self.ends.pop(point, None)
        self.armed.add(point)

    def reached(self, point: str) -> bool:
        """Return whether a worker ended there since it was armed."""
        return self.ends[point] > 0

    def disarm(self) -> None:
        """Let every worker live."""
        self.armed.clear()
        self.ends.clear()

    def reach(self, point: str) -> None:
        """End the worker of this task if the point is armed."""
        life = _LIFE.get()
        if life is not None:
            alive()
            if point in self.armed:
                self.armed.discard(point)
                self.ends[point] += 1
                life.ended = True
                raise Ended(point)


@dataclass
class Workers:
    """One worker process at a time; `assemble` starts the app in a new one."""

    assemble: Callable[[], Runtime]
    runtime: Runtime
    life: Life = field(default_factory=Life)

    async def run(self, work: Callable[[Runtime], Awaitable[T]]) -> T:
        """Do some work in the worker; raises `WorkerLostError` if it ends, after another has started."""
        life, runtime = self.life, self.runtime
        before = _LIFE.set(life)
        try:
            return await work(runtime)
        except BaseException as error:
            if not life.ended:
                raise
            if self.life is life:
                self.life, self.runtime = Life(), self.assemble()
            raise WorkerLostError from error
        finally:
            _LIFE.reset(before)
