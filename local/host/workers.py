"""The worker processes: started, replaced when they die, and asked to do things."""

import asyncio
import itertools
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from local.host.channel import GRACE, REFUSED, Channel, LineEnded
from local.host.draining import Rest, drain

_SOON: Final = 2.0  # a worker that lived shorter (wall seconds) is replaced with growing pauses
_LONGEST_PAUSE: Final = 5.0

_log = logging.getLogger(__name__)


class AppRefused(Exception):  # noqa: N818  # read by a person as a sentence
    """The app cannot be served; the message is the worker's reason."""


@dataclass(slots=True)
class _Member:
    number: int
    process: asyncio.subprocess.Process
    channel: Channel
    ready: bool = False
    line: asyncio.Task[None] | None = field(default=None, repr=False)

    async def look(self) -> bool:
        """Have it fetch from each queue once; one that dies may have found something."""
        try:
            return bool((await self.channel.ask("look"))["found"])
        except LineEnded:
            return True

    async def rest(self, seconds: float) -> Rest | None:
        """Have it end what it works; one that dies is not waited for, but what it queued last is looked for again."""
        try:
            rest = (await self.channel.ask("rest", seconds=seconds))["rest"]
        except LineEnded:
            return Rest(ended=1, messages=0)
        return None if rest is None else Rest(**rest)


class Workers:
    """Keeps `count` workers alive which share the listening socket `http`, serving the app in `folder`."""

    def __init__(self, folder: Path, http: socket.socket, count: int, *, debug_port: int | None = None) -> None:
        self._folder = folder
        self._http = http
        self._count = count
        self._program = ["-m", "local.host.worker"]
        if debug_port is not None:
            self._program = ["-Xfrozen_modules=off", "-m", "debugpy", "--listen", f"127.0.0.1:{debug_port}", *self._program]
        self._members: dict[int, _Member] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._changed = asyncio.Condition()
        self._turn = itertools.count()
        self._stopping = False
        self.restarts = 0
        self.refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.on_work: Callable[[], None] = lambda: None
        self.timers: asyncio.Future[list[dict[str, Any]]] = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        """Start every worker and keep each alive; `refused` fails with `AppRefused`, `timers` has the timers of the app's index."""
        self._keepers = [asyncio.create_task(self._keep(number)) for number in range(1, self._count + 1)]

    async def stop(self) -> None:
        """End every worker: in-flight invocations get their grace, then the process is killed."""
        self._stopping = True
        for member in self._members.values():
            _signal(member.process, signal.SIGTERM)
        _, late = await asyncio.wait(self._keepers, timeout=GRACE + 1) if self._keepers else ((), ())
        for member in self._members.values():
            _signal(member.process, signal.SIGKILL)
        if late:
            await asyncio.wait(late)

    def describe(self) -> list[dict[str, Any]]:
        """Return each worker that lives now: {"number", "pid", "ready"}."""
        return [{"number": member.number, "pid": member.process.pid, "ready": member.ready} for _, member in sorted(self._members.items())]

    async def ready(self) -> list[_Member]:
        """Return the workers that are ready, waiting for one where there is none."""
        async with self._changed:
            await self._changed.wait_for(lambda: any(member.ready for member in self._members.values()))
            return [member for member in self._members.values() if member.ready]

    async def run_timer(self, name: str, *, past_due: bool, status: dict[str, str]) -> None:
        """Run a timer function on one worker and wait for its end; a worker that dies meanwhile ends it."""
        members = await self.ready()
        member = members[next(self._turn) % len(members)]
        try:
            await member.channel.ask("timer", function=name, pastDue=past_due, scheduleStatus=status)
        except LineEnded:
            _log.warning("worker %s died while it ran %s", member.number, name)

    async def drain(self, seconds: float) -> int | None:
        """Work the queues until a round finds nothing; return the messages worked, None if wall-clock `seconds` were not enough."""
        return await drain(self.ready, seconds)

    async def _keep(self, number: int) -> None:
        short_lives = 0
        while not self._stopping:
            started = time.monotonic()
            code = await self._live(number)
            if self._stopping:
                return
            if code == REFUSED:
                if not self.refused.done():
                    self.refused.set_exception(AppRefused("the app cannot be served"))
                return
            self.restarts += 1
            short_lives = short_lives + 1 if time.monotonic() - started < _SOON else 0
            _log.warning("worker %s ended with %s: it is replaced (restart %s)", number, code, self.restarts)
            if short_lives:
                await asyncio.sleep(min(0.1 * 2**short_lives, _LONGEST_PAUSE))

    async def _live(self, number: int) -> int:
        own, other = socket.socketpair()
        process = await asyncio.create_subprocess_exec(
            sys.executable, *self._program,
            "--app", str(self._folder), "--number", str(number),
            "--http", str(self._http.fileno()), "--channel", str(other.fileno()),
            pass_fds=(self._http.fileno(), other.fileno()),
            stdin=asyncio.subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": _with_this_project()},
        )  # fmt: skip
        other.close()
        member = _Member(number, process, Channel(own, {}))
        member.channel.handle("ready", lambda index: self._became_ready(member, index))
        member.channel.handle("refused", self._was_refused)
        member.channel.handle("work", self._has_work)
        member.line = asyncio.create_task(member.channel.serve())
        self._members[number] = member
        if self._stopping:
            _signal(process, signal.SIGTERM)
        code = await process.wait()
        del self._members[number]
        await member.line
        return code

    async def _became_ready(self, member: _Member, index: dict[str, Any]) -> dict[str, Any]:
        async with self._changed:
            member.ready = True
            self._changed.notify_all()
        if not self.timers.done():
            self.timers.set_result(index["timers"])
        _log.info("worker %s (process %s) serves %s", member.number, member.process.pid, ", ".join(index["functions"]))
        return {}

    async def _has_work(self, _: dict[str, Any]) -> dict[str, Any]:
        self.on_work()
        return {}

    async def _was_refused(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if not self.refused.done():
            self.refused.set_exception(AppRefused(arguments["reason"]))
        return {}


def _with_this_project() -> str:
    root = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])


def _signal(process: asyncio.subprocess.Process, number: int) -> None:
    if process.returncode is None:
        process.send_signal(number)
