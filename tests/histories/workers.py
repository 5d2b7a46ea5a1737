"""Worker processes of an app in memory: each ends at a crash point as a killed process does, and another takes its place.

What a worker that has ended still runs in this process reaches nothing outside of it: every call to storage or to Azure raises `Ended`.
A worker may stop instead, as SIGSTOP stops a process: its next call to the outside is made once it goes on.
"""

import asyncio
import inspect
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
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
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def pass_by(self) -> bool:
        """Wait while the process is stopped; return whether a time-out ended meanwhile. What was about to be sent is sent all the same."""
        late = False
        while self.stopped.is_set() and not self.goes_on.is_set():
            try:
                await self.goes_on.wait()
            except asyncio.CancelledError:
                late = True
        return late


_LIFE: ContextVar[Life | None] = ContextVar("life", default=None)


async def _on_time() -> bool:
    """Wait while the process of this task is stopped; return whether the call that follows has timed out."""
    life = _LIFE.get()
    return await life.pass_by() if life is not None else False


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
            return self._keep(name, _awaited(found))
        return self._keep(name, _ranged(found)) if inspect.isasyncgenfunction(found) else found

    def _keep(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Keep what a call was made into: it is the same for each use."""
        self.__dict__[name] = call
        return call

    async def __aenter__(self) -> "Outside":
        return self

    async def __aexit__(self, *_: object) -> None:
        return


def _awaited(call: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
    async def checked(*given: Any, **named: Any) -> T:
        alive()
        late = await _on_time()
        answer = await call(*given, **named)
        alive()
        if late:
            raise asyncio.CancelledError
        return answer

    return checked


def _ranged(call: Callable[..., AsyncIterator[T]]) -> Callable[..., AsyncIterator[T]]:
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
    passes: Counter[str] = field(default_factory=Counter)
    stops: set[str] = field(default_factory=set)

    def arm(self, point: str, *, after: int = 0, stops: bool = False) -> None:
        """Let the next worker that reaches this point end there, or stop; `after` that many have passed it."""
        self.ends.pop(point, None)
        self.armed.add(point)
        self.passes[point] = after
        (self.stops.add if stops else self.stops.discard)(point)

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
            if point in self.armed and self.passes[point] > 0:
                self.passes[point] -= 1
            elif point in self.armed:
                self.armed.discard(point)
                self.ends[point] += 1
                if point in self.stops:
                    life.stopped.set()
                    return
                life.ended = True
                raise Ended(point)


@dataclass
class Workers:
    """One worker process at a time; `assemble` starts the app in a new one.

    With `may_stop` points may stop a process; `stopped` is what stopped ones were doing.
    """

    assemble: Callable[[], Runtime]
    runtime: Runtime
    life: Life = field(default_factory=Life)
    stopped: dict[asyncio.Task[Any], Life] = field(default_factory=dict)
    may_stop: bool = False

    async def run(self, work: Callable[[Runtime], Awaitable[T]]) -> T:
        """Do some work in the worker; raises `WorkerLostError` if it ends or stops, after another has started."""
        life, runtime = self.life, self.runtime
        before = _LIFE.set(life)
        try:
            return await (self._unless_stopped(life, work(runtime)) if self.may_stop else work(runtime))
        except BaseException as error:
            if not life.ended and not life.stopped.is_set():
                raise
            if self.life is life:
                self.life, self.runtime = Life(), self.assemble()
            raise WorkerLostError from error
        finally:
            _LIFE.reset(before)

    async def _unless_stopped(self, life: Life, work: Awaitable[T]) -> T:
        """Return what some work returns; raises `WorkerLostError` where its process stops, and leaves the work as it is."""
        task, stop = asyncio.ensure_future(work), asyncio.ensure_future(life.stopped.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            stop.cancel()
        if not task.done():
            self.stopped[task] = life
            raise WorkerLostError
        return await task

    async def let_go_on(self) -> None:
        """Let the stopped processes go on, and wait for what they were doing; what they raise is theirs, as in a log."""
        for life in self.stopped.values():
            life.goes_on.set()
        await asyncio.gather(*self.stopped, return_exceptions=True)
        self.stopped.clear()
