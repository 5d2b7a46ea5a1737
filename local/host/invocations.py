"""Running a function: asynchronous ones in the event loop, others in threads, and counting both."""

import asyncio
import inspect
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from local.host.index import Function


@dataclass(slots=True)
class Activity:
    """What a worker is doing: invocations in flight, and how many began, ended, and were queue messages, since its start."""

    in_flight: int = 0
    began: int = 0
    ended: int = 0
    messages: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)
    _work: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._idle.set()

    @contextmanager
    def one(self, *, counts_end: bool = True) -> Iterator[None]:
        """Count one invocation for as long as the block runs; its end counts only where the supervisor does not await it (`counts_end`)."""
        self.in_flight += 1
        self.began += 1
        self._idle.clear()
        if counts_end:
            self._work.set()
        try:
            yield
        finally:
            self.in_flight -= 1
            self.ended += counts_end
            if self.in_flight == 0:
                self._idle.set()

    async def idle(self) -> None:
        """Wait until nothing is in flight."""
        await self._idle.wait()

    async def work(self) -> None:
        """Wait until an invocation that is not a timer's has begun since the last call."""
        await self._work.wait()
        self._work.clear()


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace context of an invocation: none is handed on here."""

    trace_parent: str = ""
    trace_state: str = ""
    attributes: dict[str, str] = field(default_factory=dict)

    Traceparent = property(lambda self: self.trace_parent)
    Tracestate = property(lambda self: self.trace_state)


@dataclass(frozen=True, slots=True)
class Context:
    """What a parameter named `context` gets: the members of `azure.functions.Context` that have a meaning here."""

    function_name: str
    function_directory: str
    invocation_id: str
    trace_context: Trace
    retry_context: None = None


class Invoker:
    """Runs functions within their time-out (wall-clock seconds)."""

    def __init__(self, folder: Path, timeout: float) -> None:
        self._folder = str(folder)
        self._timeout = timeout

    async def __call__(self, function: Function, argument: object) -> object:
        """Run the function with its trigger's value and return what it returns; raises what it raises, `TimeoutError` too."""
        arguments: dict[str, object] = {function.parameter: argument}
        if "context" in inspect.signature(function.code).parameters:
            arguments["context"] = Context(function.name, self._folder, str(uuid.uuid4()), Trace())
        async with asyncio.timeout(self._timeout):
            if inspect.iscoroutinefunction(function.code):
                returned: object = await function.code(**arguments)
            else:
                returned = await asyncio.to_thread(function.code, **arguments)
        return returned
