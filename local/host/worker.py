"""One worker process: it loads the app, answers HTTP on the supervisor's socket, processes queues, and runs timers on request."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict
from itertools import compress
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from azure.core.exceptions import AzureError
from azure.functions.timer import TimerRequest
from azure.storage.queue.aio import QueueServiceClient

from local.host.channel import GRACE, REFUSED, Channel, LineEnded
from local.host.draining import Rest
from local.host.http import HttpFrontend
from local.host.index import Function, FunctionIndex, IndexRefused, TriggerType, load_index
from local.host.invocations import Activity, Invoker
from local.host.queues import QueueListener
from local.host.settings import HostSettings, WrongSetting, read_host_settings
from local.lifeline import die_with_parent

_ACCEPTED_AT_ONCE: Final = 4
_PAUSE_AFTER_FAULT: Final = 0.1
_BACKLOG: Final = 1024
_REPORTS: Final = 0.25  # wall-clock seconds between two reports of work to the supervisor

_log = logging.getLogger(__name__)


class Worker:
    """Serves one indexed app; `environment` has the connection strings that its queue triggers name."""

    def __init__(self, folder: Path, settings: HostSettings, index: FunctionIndex, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._index = index
        self._environment = environment
        self._activity = Activity()
        self._reported = (0, 0)
        self._invoke = Invoker(folder, settings.function_timeout)
        self._services: dict[str, QueueServiceClient] = {}
        self._listeners = [self._listener(function) for function in index.of(TriggerType.QUEUE)]
        self._tasks: list[asyncio.Task[None]] = []
        self._runner: web.AppRunner | None = None

    def _listener(self, function: Function) -> QueueListener:
        connection = self._environment[function.binding["connection"]]
        if connection not in self._services:
            # storage is on this machine: what a retry waits for is over within parts of a second
            self._services[connection] = QueueServiceClient.from_connection_string(
                connection, retry_total=3, initial_backoff=0, increment_base=0, random_jitter_range=0.4, use_env_settings=False
            )
        return QueueListener(function, self._services[connection], self._settings.queues, self._invoke, self._activity)

    async def start(self, http: socket.socket, *, polls: bool = True) -> None:
        """Serve HTTP on the listening socket, which other workers share, and begin to poll; without polls only `drain` works queues."""
        key = self._environment.get("LOCAL_HOST_FUNCTION_KEY")
        frontend = HttpFrontend(self._index, self._settings.route_prefix, self._invoke, self._activity, key)
        self._runner = web.AppRunner(frontend.application(), access_log=None, shutdown_timeout=GRACE)
        await self._runner.setup()
        # asyncio accepts as many connections in one go as the backlog has: few, so that the other workers get their share.
        await web.SockSite(self._runner, http, backlog=_ACCEPTED_AT_ONCE).start()
        http.listen(_BACKLOG)
        self._tasks = [asyncio.create_task(listener.run()) for listener in self._listeners] if polls else []

    async def stop(self) -> None:
        """Take no more work, let what is in flight end within `GRACE` seconds, and close the connections."""
        for listener in self._listeners:
            listener.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                if self._runner is not None:
                    await self._runner.cleanup()
                await self._activity.idle()
        await asyncio.gather(*(service.close() for service in self._services.values()))

    async def timer(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Run a timer function: {"function", "pastDue", "scheduleStatus"} → {"succeeded": bool}."""
        function = self._index.functions[arguments["function"]]
        request = TimerRequest(past_due=arguments["pastDue"], schedule_status=arguments["scheduleStatus"], schedule={"AdjustForDST": True})
        with self._activity.one(counts_end=False):
            try:
                await self._invoke(function, request)
            except Exception:
                _log.exception("%s failed", function.name)
                return {"succeeded": False}
        return {"succeeded": True}

    async def look(self) -> bool:
        """Fetch from each queue once and start on what there is; False where all queues were seen empty."""
        try:
            found = await asyncio.gather(*(listener.poll() for listener in self._listeners))
        except (AzureError, OSError) as error:
            _log.warning("a queue could not be read: %s", error)
            await asyncio.sleep(_PAUSE_AFTER_FAULT)
            return True
        for listener in compress(self._listeners, found):
            listener.wake()  # a batch may not have been all that there is
        return any(found)

    async def rest(self, seconds: float) -> Rest | None:
        """Wait until nothing is being fetched or worked; None where wall-clock `seconds` are not enough."""
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(listener.fetched() for listener in self._listeners))
                await self._activity.idle()
        except TimeoutError:
            return None
        counts = (self._activity.ended, self._activity.messages)
        ended, messages = (now - before for now, before in zip(counts, self._reported, strict=True))
        self._reported = counts
        return Rest(ended, messages)

    async def answer_look(self, _: dict[str, Any]) -> dict[str, Any]:
        """Look for the supervisor: {} → {"found"}."""
        return {"found": await self.look()}

    async def answer_rest(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Rest for the supervisor: {"seconds"} → {"rest": {"ended", "messages"} or null}."""
        rest = await self.rest(arguments["seconds"])
        return {"rest": asdict(rest) if rest else None}

    async def report_work(self, channel: Channel) -> None:
        """Report to the supervisor that this worker has requests or messages, for as long as the worker runs."""
        while True:
            await self._activity.work()
            await channel.ask("work")
            await asyncio.sleep(_REPORTS)


def main() -> None:
    """Run a worker; its supervisor hands over the two sockets by number."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--app", type=Path, required=True)
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--http", type=int, required=True)
    parser.add_argument("--channel", type=int, required=True)
    arguments = parser.parse_args()
    die_with_parent(signal.SIGKILL)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format=f"%(asctime)s worker {arguments.number} %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("azure").setLevel(logging.WARNING)
    code = asyncio.run(_serve(arguments.app, socket.socket(fileno=arguments.http), socket.socket(fileno=arguments.channel)))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a function stuck in a thread must not keep the process


async def _serve(folder: Path, http: socket.socket, end: socket.socket) -> int:
    try:
        settings = read_host_settings(folder)
        index = load_index(folder, os.environ)
    except (IndexRefused, WrongSetting) as error:
        channel = Channel(end, {})
        line = asyncio.create_task(channel.serve())
        with contextlib.suppress(LineEnded):
            await channel.ask("refused", reason=str(error))
        line.cancel()
        return REFUSED
    worker = Worker(folder, settings, index, os.environ)
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    channel = Channel(end, {"timer": worker.timer, "look": worker.answer_look, "rest": worker.answer_rest})
    line = asyncio.create_task(channel.serve())
    line.add_done_callback(lambda _: os._exit(1))  # the supervisor is gone
    await worker.start(http)
    await channel.ask("ready", timers=[timer_of(function) for function in index.of(TriggerType.TIMER)], functions=list(index.functions))
    reporting = asyncio.create_task(worker.report_work(channel))
    await ending.wait()
    reporting.cancel()
    await worker.stop()
    return 0


def timer_of(function: Function) -> dict[str, Any]:
    """Return what the timers need of a timer function: {"name", "schedule", "runOnStartup"}."""
    binding = function.binding
    return {"name": function.name, "schedule": binding["schedule"], "runOnStartup": bool(binding.get("runOnStartup"))}


if __name__ == "__main__":
    main()
