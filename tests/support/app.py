"""The app in the test's own process: real entry points, core, capabilities and storage, before a simulated Azure, on a clock of the test's.

    async with InProcessApp.start(azurite.connection_string) as app:
        token = await app.azure.token("Copies.Read", "Copies.Write", tenant="contoso")
        reply = await app.request("POST", "/restore-point-copies", body, token=token)
        await app.run_until_idle()  # queue messages and ticks, until nothing is left to do now
        await app.advance(timedelta(minutes=30))  # Azure's time moves on, and what came due is done
        await app.azure.add_fault("throttle", path="restorePoints/", times=1)

Nothing here waits: queues are worked and timers fire only while `advance` or `run_until_idle` runs, and no time passes in between. What a
host does with requests, messages and timers is done by the worker of `local/host`, without its processes; HTTP is real on both sides.
What needs the host itself, several workers, a restart or exported telemetry goes to `tests/end_to_end`. Tests that are not asynchronous use
`tests/support/in_process.py`.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from unittest.mock import patch

import aiohttp
import azure.functions as func
from aiohttp import web

from functions import system
from functions.capabilities import load
from functions.serve import register
from local.host.draining import drain
from local.host.index import TriggerType, index_functions
from local.host.lockstep import Lockstep
from local.host.settings import read_host_settings
from local.host.supervisor import bind
from local.host.timers import Timers
from local.host.worker import Worker, timer_of
from local.processes import ROOT
from local.simulation.app import AzurePackOptions, create_app
from local.simulation.client import SimulationClient
from local.simulation.control.clock import Clock as AzureClock
from local.simulation.platform import Platform
from local.stack import StackOptions, app_environment, registry_documents
from shared.access.records.seeding import seed
from shared.clock import Ids
from shared.composition import Runtime, build
from shared.settings import read_settings
from tests.support.api import Reply, read_reply
from tests.support.ports import take_ports

_HOST = "127.0.0.1"
_PACK_PORTS = 7
_LONGEST = 120.0  # wall-clock seconds for what came due at one moment, on a machine with much else to do
_ANY_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"


class SharedClock:
    """The app's clock: Azure's time is the simulation's, wall time the machine's and what a test has added to it."""

    def __init__(self, azure: AzureClock) -> None:
        self._azure = azure
        self._ahead = timedelta(0)

    @property
    def speed(self) -> float:
        """Seconds of Azure's time in a second; 0 while only `advance` moves it."""
        return self._azure.speed

    def now(self) -> datetime:
        """Azure's time."""
        return self._azure.now()

    def wall(self) -> datetime:
        """Wall time."""
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic() + self._ahead.total_seconds()

    async def refresh(self) -> None:
        """Do nothing: there is no copy of the time to renew."""

    def advance_wall(self, step: timedelta) -> None:
        """Let wall time pass, by which leases and caches go; Azure's time does not move."""
        self._ahead += step


@dataclass(frozen=True, slots=True)
class InProcessApp:
    """A running app. `api` and `azure.url` are the addresses of the app and of its Azure."""

    api: str
    azure: SimulationClient
    clock: SharedClock
    platform: Platform
    timers: Timers
    _lockstep: Lockstep
    _assembly: "_Assembly"
    _http: aiohttp.ClientSession

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        storage: str,
        *,
        estate: Mapping[str, Any] | None = None,
        now: datetime | None = None,
        ids: Ids | None = None,
        environment: Mapping[str, str] | None = None,
        azure_pack: bool = False,
    ) -> AsyncIterator[Self]:
        """Run an app on an empty storage account, with an estate (the sample by default) whose tenants are registered.

        `now` is Azure's time at the start, by default the machine's; `environment` is added to the app's. With `azure_pack` the estate's
        installation listens on the seven ports after Azure's.
        """
        async with AsyncExitStack() as ends:
            platform = Platform(speed=0, estate=None if estate is None else dict(estate), now=now)
            first = take_ports(2 + _PACK_PORTS if azure_pack else 2)
            options = StackOptions(data=ROOT, port=first, azure_port=first + 1, environment=environment or {})
            pack = AzurePackOptions(first + 2) if azure_pack else None
            await _serve(create_app(platform, azure_pack=pack), options.azure_port, ends)
            held = platform.estate()
            await seed(storage, registry_documents(held, options.azure), held.get("hostingPlans", []))
            clock = SharedClock(platform.clock)
            assembly = _Assembly(app_environment(options, storage), clock, ids)
            await assembly.renew()
            ends.push_async_callback(assembly.close)
            host = await _host(assembly, options, ends)
            timers = Timers(clock, host.run_timer, None)
            ends.callback(asyncio.create_task(timers.run(host.listed)).cancel)
            azure = await ends.enter_async_context(SimulationClient(options.azure))
            http = await ends.enter_async_context(aiohttp.ClientSession())
            yield cls(options.api, azure, clock, platform, timers, Lockstep(timers, host), assembly, http)

    @property
    def runtime(self) -> Runtime:
        """What the entry points call at present."""
        return self._assembly.runtime

    async def restart(self) -> None:
        """Assemble the app anew, as a process does that takes the place of one that ended: what was in memory only is gone."""
        await self._assembly.renew()

    async def request(
        self, method: str, path: str, body: object = None, *, token: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send a request to the app, with JSON unless `body` is None, and return the answer."""
        sent = dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        if body is None and method in {"POST", "PUT", "PATCH"}:
            sent["Content-Length"] = "0"
        async with self._http.request(method, self.api + path, json=body, headers=sent) as answer:
            return read_reply(answer.status, answer.headers, await answer.read())

    async def run_until_idle(self) -> None:
        """Work the queues and tick, until nothing is due at this moment of Azure's time."""
        await self.advance(timedelta(0))

    async def advance(self, step: timedelta) -> None:
        """Move Azure's time; returns once all that came due is done. Raises `AssertionError` where two minutes are not enough for it."""
        azure = self.platform.clock
        azure.freeze()
        try:
            before = await self._lockstep.settle("before", _LONGEST)
            azure.move(step)
            after = await self._lockstep.settle("after", _LONGEST)
        finally:
            azure.thaw()
        assert (before, after) == (True, True), "what came due was not done in time: the captured log has the reason"

    async def fire(self, timer: str) -> None:
        """Run a timer now (`tick`, `schedule`, `poison`), whatever its schedule."""
        await self.timers.fire(timer)


class _Assembly:
    """The assembled app of an environment, which can be replaced by a new one."""

    def __init__(self, environment: Mapping[str, str], clock: SharedClock, ids: Ids | None) -> None:
        self.environment = environment
        self._clock = clock
        self._ids = ids
        self._runtime: Runtime | None = None

    @property
    def runtime(self) -> Runtime:
        assert self._runtime is not None, "the app has not been assembled"
        return self._runtime

    async def current(self) -> Runtime:
        return self.runtime

    async def renew(self) -> None:
        await self.close()
        with patch.dict(os.environ, self.environment, clear=True):
            settings = read_settings(self.environment)
            self._runtime = await build(settings, load(settings.capabilities), clock=self._clock, ids=self._ids)
            # makes the credentials, whose endpoint the environment names
            await self._runtime.core.clients.compute(_ANY_SUBSCRIPTION)
            await self._runtime.core.secrets.vaults.connect()

    async def close(self) -> None:
        if self._runtime is not None:
            await self._runtime.close()


async def _host(assembly: _Assembly, options: StackOptions, ends: AsyncExitStack) -> "_Host":
    """Register the functions as function_app.py does, and let a worker answer their requests; it polls no queue by itself."""
    app: Any = func.FunctionApp()  # the SDK declares its members otherwise than the index asks for them
    register(app, load(assembly.runtime.settings.capabilities), system.ENDPOINTS, system.TIMERS, assembly.current)
    index = index_functions(app, assembly.environment)
    settings = read_host_settings(ROOT)
    at_once = replace(settings, queues=replace(settings.queues, visibility_timeout=0.0))  # no test waits for the next delivery of a message
    worker = Worker(ROOT, at_once, index, assembly.environment)
    socket = ends.enter_context(bind(options.port, "--port"))
    await worker.start(socket, polls=False)
    ends.push_async_callback(worker.stop)
    return _Host(worker, [timer_of(function) for function in index.of(TriggerType.TIMER)])


@dataclass(frozen=True, slots=True)
class _Host:
    """What the supervisor does with its workers, with one in this process."""

    worker: Worker
    listed: list[dict[str, Any]]

    async def run_timer(self, name: str, *, past_due: bool, status: dict[str, str]) -> None:
        await self.worker.timer({"function": name, "pastDue": past_due, "scheduleStatus": status})

    async def drain(self, seconds: float) -> int | None:
        return await drain(self._present, seconds)

    async def _present(self) -> list[Worker]:
        return [self.worker]


async def _serve(application: web.Application, port: int, ends: AsyncExitStack) -> None:
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    ends.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, _HOST, port).start()
