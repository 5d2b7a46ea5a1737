"""The host's first process: it owns the HTTP socket, the timers and the workers, and calls the simulation."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from local.host.lockstep import Lockstep
from local.host.timers import Timers
from local.host.workers import Workers
from shared.clock import Clock, RemoteClock, SystemClock

_BACKLOG = 1024
_log = logging.getLogger(__name__)


class PortBusy(Exception):  # noqa: N818  # read by a person as a sentence
    """Another process has the port; the message names it, and the option that changes it."""


@dataclass(frozen=True, slots=True)
class HostOptions:
    """Where to serve what. `control_port` 0 takes any; `clock_url` None goes by the machine's clock; `data` None keeps nothing."""

    app: Path
    port: int
    control_port: int = 0
    workers: int = 1
    clock_url: str | None = None
    data: Path | None = None
    debug_port: int | None = None


def bind(port: int, option: str) -> socket.socket:
    """Bind a TCP port of 127.0.0.1; raises `PortBusy` naming port and option."""
    end = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        end.bind(("127.0.0.1", port))
    except OSError as error:
        end.close()
        raise PortBusy(f"port {port} is in use ({error.strerror}); choose another with {option}") from error
    return end


async def serve(options: HostOptions) -> None:
    """Serve the app until SIGTERM or SIGINT; raises `PortBusy`, or `AppRefused` where the app cannot be indexed."""
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    with bind(options.port, "--port") as http, bind(options.control_port, "--control-port") as control:
        http.listen(_BACKLOG)
        workers = Workers(options.app, http, options.workers, debug_port=options.debug_port)
        async with _clock(options.clock_url) as clock, _simulation(options.clock_url, control.getsockname()[1]) as register:
            file = options.data / "timers.json" if options.data else None
            timers = Timers(clock, workers.run_timer, file, on_reconnect=register)
            workers.on_work = timers.wake
            runner = web.AppRunner(_control(workers, timers, Lockstep(timers, workers)), access_log=None)
            await runner.setup()
            await web.SockSite(runner, control).start()
            workers.start()
            following = asyncio.create_task(_follow(workers, timers))
            try:
                await _until(ending, workers, following)
            finally:
                following.cancel()
                await workers.stop()
                await runner.cleanup()


async def _until(ending: asyncio.Event, workers: Workers, following: asyncio.Future[None]) -> None:
    asked = asyncio.create_task(ending.wait())
    ends: list[asyncio.Future[Any]] = [asked, workers.refused, following]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if workers.refused.done():
        workers.refused.result()
    if following.done():
        following.result()


async def _follow(workers: Workers, timers: Timers) -> None:
    listed = await workers.timers
    _log.info("the app is served")
    await timers.run(listed)


@contextlib.asynccontextmanager
async def _clock(url: str | None) -> AsyncIterator[Clock]:
    if url is None:
        yield SystemClock()
        return
    clock = RemoteClock(url)
    try:
        yield clock
    finally:
        await clock.close()


@contextlib.asynccontextmanager
async def _simulation(clock_url: str | None, control_port: int) -> AsyncIterator["Register | None"]:
    if clock_url is None:
        yield None
        return
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        register = Register(session, clock_url.rsplit("/", 1)[0] + "/host", f"http://127.0.0.1:{control_port}")
        try:
            yield register
        finally:
            await register.end()


class Register:
    """Registers with the simulation the address where this host answers `settle`."""

    def __init__(self, session: aiohttp.ClientSession, url: str, control: str) -> None:
        self._session = session
        self._url = url
        self._control = control

    async def __call__(self) -> None:
        """Register; a simulation that does not answer is only logged: the clock's next reading tries again."""
        try:
            async with self._session.put(self._url, json={"url": self._control}) as answer:
                answer.raise_for_status()
        except (OSError, aiohttp.ClientError) as error:
            _log.warning("the simulation did not take this host for its lockstep: %s", error)

    async def end(self) -> None:
        """Take the registration back, if the simulation still runs."""
        with contextlib.suppress(OSError, aiohttp.ClientError):
            async with self._session.delete(self._url):
                pass


def _control(workers: Workers, timers: Timers, lockstep: Lockstep) -> web.Application:
    async def settle(request: web.Request) -> web.Response:
        body = await request.json()
        try:
            return web.json_response({"settled": await lockstep.settle(body["phase"], float(body["deadlineSeconds"]))})
        except (ValueError, KeyError) as error:
            return web.json_response({"error": {"code": "InvalidRequest", "message": str(error)}}, status=400)

    async def list_workers(_: web.Request) -> web.Response:
        return web.json_response({"value": workers.describe(), "restarts": workers.restarts})

    async def fire(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in timers:
            return web.json_response({"error": {"code": "NotFound", "message": f"no timer is named {name}"}}, status=404)
        await timers.fire(name)
        return web.json_response({"name": name})

    application = web.Application()
    application.add_routes([web.post("/settle", settle), web.get("/workers", list_workers), web.post("/timers/{name}/run", fire)])
    return application
