"""The line between the supervisor and a worker: questions and answers, one JSON object per line, over a socket pair.

Either side may ask. The end of the line is how a worker learns that its supervisor is gone, and the other way round.
"""

import asyncio
import itertools
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

GRACE: Final = 5.0  # wall-clock seconds that invocations in flight get at a worker's end
REFUSED: Final = 3  # a worker's exit code: the app cannot be indexed, so that another start would not help

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

_LONGEST_LINE = 1 << 20
_log = logging.getLogger(__name__)


class LineEnded(ConnectionError):  # noqa: N818  # names what happened
    """The process at the other end is gone: no answer will come."""


class Channel:
    """One end of the line. `serve` must run for answers to arrive."""

    def __init__(self, end: socket.socket, handlers: Mapping[str, Handler]) -> None:
        self._end = end
        self._handlers = dict(handlers)
        self._writer: asyncio.StreamWriter | None = None
        self._open = asyncio.Event()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def handle(self, verb: str, handler: Handler) -> None:
        """Answer a verb of the other side from now on."""
        self._handlers[verb] = handler

    async def serve(self) -> None:
        """Answer the other side's questions and hand out its answers; returns when the line ends."""
        reader, self._writer = await asyncio.open_connection(sock=self._end, limit=_LONGEST_LINE)
        self._open.set()
        try:
            while line := await reader.readline():
                self._take(json.loads(line))
        except ConnectionError:
            pass  # the other side was killed: the same as an orderly end
        finally:
            self._writer.close()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(LineEnded("the process at the other end is gone"))

    async def ask(self, verb: str, **arguments: object) -> dict[str, Any]:
        """Ask the other side and return its answer; raises `LineEnded` if it goes away, `RuntimeError` if it fails."""
        await self._open.wait()
        assert self._writer is not None  # noqa: S101  # opened above
        if self._writer.is_closing():
            raise LineEnded("the process at the other end is gone")
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._send({"ask": number, "verb": verb, "arguments": arguments})
            return await answer
        finally:
            del self._waiting[number]

    def _take(self, message: dict[str, Any]) -> None:
        if "ask" in message:
            task = asyncio.create_task(self._answer(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        waiting = self._waiting.get(message["answer"])
        if waiting is None or waiting.done():
            return  # whoever asked has given up
        if "error" in message:
            waiting.set_exception(RuntimeError(message["error"]))
        else:
            waiting.set_result(message["result"])

    async def _answer(self, message: dict[str, Any]) -> None:
        try:
            result = await self._handlers[message["verb"]](message["arguments"])
        except Exception as error:
            _log.exception("%s failed", message["verb"])
            self._send({"answer": message["ask"], "error": f"{type(error).__name__}: {error}"})
        else:
            self._send({"answer": message["ask"], "result": result})

    def _send(self, message: dict[str, Any]) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")
