"""The app before a simulated Azure in one process, without a host, sockets or files: for thousands of short histories.

Entry points, core, capabilities and the pipeline to Azure are the real ones; storage is in memory, and requests to Azure are handed to the
simulation's gate. `MemoryHost`, `MemoryHttp`, `MemoryTables` and `MemoryAzure` stand where a fleet has a host, its API, its tables and the
simulation.
"""

import asyncio
import json
import os
import random
import re
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch
from urllib.parse import parse_qsl, unquote, urlsplit

import azure.functions as func
from aiohttp import ServerDisconnectedError
from azure.core.credentials import AccessTokenInfo
from azure.core.exceptions import ServiceResponseError
from azure.core.rest import AsyncHttpResponse, HttpRequest
from multidict import CIMultiDict

from functions.capabilities import NAMES, load
from functions.system import ENDPOINTS
from local.simulation.arm.gate import Gate
from local.simulation.arm.outcome import Ending, Outcome, Received
from local.simulation.arm.routes import Routes
from local.simulation.ids import derived
from local.simulation.platform import Platform
from local.simulation.services import SERVICES
from shared.access.principal import Principal
from shared.access.records import seeding
from shared.access.roles import Role
from shared.arm.clients import AzureClients
from shared.arm.credentials import CachedCredential
from shared.arm.sending.reads import ReadAnswer
from shared.capability import check_queues, intake_queues, step_queues
from shared.clock import Ids, RandomIds
from shared.composition import Runtime, assemble
from shared.operations import crash_points
from shared.operations.model.models import Actor
from shared.operations.outside.messages import read_check, read_step
from shared.operations.outside.receiving import MAX_DELIVERIES, Delivery
from shared.settings import Settings, read_settings
from shared.web.calls import Endpoint
from shared.web.entry import answer
from tests.histories.workers import Outside, Points, WorkerLostError, Workers
from tests.support.memory import MemoryBlobs, MemoryStorage
from tests.support.secrets import OWN, MemoryVaults

Json = dict[str, Any]
AZURE = "http://127.0.0.1:1"
_CAPABILITIES = load(NAMES)
_STEPS, _CHECKS, _INTAKE = step_queues(_CAPABILITIES), check_queues(_CAPABILITIES), intake_queues(_CAPABILITIES)
_EVERY: tuple[Endpoint, ...] = (*ENDPOINTS, *(one for capability in _CAPABILITIES for one in capability.endpoints))
_PATHS = [(one, re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(one.route.path)))) for one in _EVERY]
_ROUNDS = 400
_PUT_ON_QUEUE = datetime(2026, 1, 1, tzinfo=UTC)
REDELIVERY = timedelta(seconds=30)
"""After how long the host delivers a message again whose handling failed (`visibilityTimeout` of host.json)."""


class HistoryClock:
    """The app's clock: Azure's time is the simulation's; wall time is the loop's, and goes on with Azure's."""

    speed = 0.0

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._began = platform.clock.now()

    def now(self) -> datetime:
        """Azure's time."""
        return self._platform.clock.now()

    def wall(self) -> datetime:
        """Wall time."""
        return datetime.fromtimestamp(self.monotonic(), UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return asyncio.get_running_loop().time() + (self.now() - self._began).total_seconds()

    async def refresh(self) -> None:
        """Do nothing: there is no copy of the time to renew."""


class GateAnswer:
    """An answer of the gate as azure-core reads one."""

    def __init__(self, request: HttpRequest, outcome: Outcome) -> None:
        self.request = request
        self.status_code = outcome.status
        self.reason = ""
        self.headers = CIMultiDict({**outcome.headers, "Content-Type": "application/json"})  # read in any case
        self.content_type = "application/json"
        self.is_closed = self.is_stream_consumed = True
        self.encoding = "utf-8"
        self.url = request.url
        self.content = b"" if outcome.body is None else json.dumps(outcome.body).encode()

    def text(self, encoding: str | None = None) -> str:
        return self.content.decode(encoding or "utf-8")

    def json(self) -> Any:
        return json.loads(self.content)

    def body(self) -> bytes:
        """Return the body, as older generated code asks for it."""
        return self.content

    def raise_for_status(self) -> None:
        raise AssertionError("the pipeline decides by status, not by exceptions")

    async def read(self) -> bytes:
        return self.content

    async def iter_raw(self, **_: Any) -> AsyncIterator[bytes]:
        yield self.content

    async def iter_bytes(self, **_: Any) -> AsyncIterator[bytes]:
        yield self.content

    async def close(self) -> None:
        return

    async def __aenter__(self) -> "GateAnswer":
        return self

    async def __aexit__(self, *_: object) -> None:
        return


class GateTransport:
    """Hands requests to the simulation's gate."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.lost: Counter[tuple[str, str]] = Counter()
        """How many answers the app did not get, or got as an error of the server, by method and path in lower case."""

    async def send(self, request: HttpRequest, **_: Any) -> AsyncHttpResponse:
        """Send a request; a connection that is closed or held is one here too."""
        parts = urlsplit(request.url)
        content = request.content or b""
        received = Received(
            method=request.method,
            path=unquote(parts.path),
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            body=content if isinstance(content, bytes) else str(content).encode(),
            authorization=request.headers.get("Authorization", ""),
            client_request_id=request.headers.get("x-ms-client-request-id", ""),
            base_url=AZURE,
            if_match=request.headers.get("If-Match", ""),
            if_none_match=request.headers.get("If-None-Match", ""),
        )
        await asyncio.sleep(0)
        outcome = self._gate.receive(received)
        await asyncio.sleep(0)
        if outcome.ending is not Ending.ANSWER or outcome.status >= 500:
            self.lost[request.method, received.path.lower()] += 1
        if outcome.ending is Ending.HOLD:
            await asyncio.Event().wait()  # until the caller gives up
        if outcome.ending is not Ending.ANSWER:
            raise ServiceResponseError("the connection was closed")
        return cast("AsyncHttpResponse", GateAnswer(request, outcome))

    async def get(self, url: str, headers: Mapping[str, str]) -> ReadAnswer:
        """Send a GET past azure-core."""
        try:
            answer = await self.send(HttpRequest("GET", url, headers=dict(headers)))
        except ServiceResponseError as error:
            raise ServerDisconnectedError from error
        return ReadAnswer(answer.status_code, answer.headers, answer.content)

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def __aenter__(self) -> "GateTransport":
        return self

    async def __aexit__(self, *_: object) -> None:
        return


class IssuedTokens:
    """The source of the app's tokens for Resource Manager."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def get_token_info(self, *_scopes: str, options: object = None) -> AccessTokenInfo:
        """Return a new token."""
        del options
        app = self._platform.world.principal("farshore")
        assert app is not None
        token = self._platform.issuer.identity_token(AZURE, "t", app.id, "https://management.azure.com")
        return AccessTokenInfo(token["access_token"], int(token["expires_on"]))

    async def close(self) -> None:
        """Do nothing."""


class NamedCallers:
    """Verifies tokens that name their caller: tenant, person and roles."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def verify(self, authorization: str | None, *, founding: bool = False) -> Principal:  # noqa: ARG002  # it has a tenant
        """Return the caller that a token names."""
        tenant, person, *roles = (authorization or "").removeprefix("Bearer ").split("|")
        found = await self._runtime.registry.by_name(tenant)
        assert found is not None
        actor = Actor("user" if person else "app", person or "app", person)
        granted = frozenset(Role(role) for role in roles)
        return Principal(actor, tenant, found.tenant_id or "", granted, found.kind == "provider", bool(person))


@dataclass
class MemoryApp:
    """The app and its Azure; `chance` draws the order of messages, and which of them are lost or come twice."""

    platform: Platform
    gate: Gate
    workers: Workers
    storage: MemoryStorage
    chance: random.Random
    log: Path
    vaults: MemoryVaults
    lost: Counter[tuple[str, str]]
    points: Points = field(default_factory=Points)
    failed: list[Delivery] = field(default_factory=list)

    @staticmethod
    async def start(platform: Platform, estate: Json, chance: random.Random, log: Path, ids: Ids | None = None) -> "MemoryApp":
        """Start an app on empty storage, before an Azure that holds an estate; `ids` are random unless given."""
        platform.clear_faults()
        platform.replace_estate(estate)
        storage, gate = MemoryStorage(), Gate(platform, Routes(SERVICES))
        with patch.object(seeding, "connect", lambda _: storage):
            await seeding.seed("", platform.estate()["tenants"])
        credential = CachedCredential(cast("Any", IssuedTokens(platform)))
        ids, clock = ids or RandomIds(), HistoryClock(platform)
        vaults = MemoryVaults(clock, ids)
        sending = GateTransport(gate)
        account, blobs, transport = Outside(storage), Outside(MemoryBlobs()), Outside(sending)
        clients = AzureClients(_settings(), ids=ids, credential=credential, transport=cast("Any", transport))
        for subscription in estate["subscriptions"]:  # imports happen in threads, for which the loop does not wait
            await clients.compute(subscription["id"])
            await clients.site_recovery(subscription["id"])

        def start_worker() -> Runtime:
            runtime = assemble(_settings(), _CAPABILITIES, clock, ids, cast("Any", account), cast("Any", blobs), clients, vaults)
            return replace(runtime, tokens=cast("Any", NamedCallers(runtime)))

        return MemoryApp(platform, gate, Workers(start_worker, start_worker()), storage, chance, log, vaults, sending.lost)

    async def request(self, method: str, url: str, body: object, headers: Mapping[str, str]) -> func.HttpResponse:
        """Send a request to the app."""
        path = urlsplit(url).path
        content = b"" if body is None else json.dumps(body).encode()
        sent = {name.lower(): value for name, value in headers.items()} | ({"content-type": "application/json"} if content else {})
        for endpoint, pattern in _PATHS:
            found = pattern.fullmatch(path) if endpoint.route.method == method else None
            if found is not None:
                request = func.HttpRequest(
                    method, f"http://localhost/api{url}", headers=sent, params={}, route_params=found.groupdict(), body=content
                )
                with patch.object(crash_points, "reach", self.points.reach):
                    return await self.workers.run(partial(_answer, request, endpoint))
        raise AssertionError(f"no route for {method} {path}")

    async def advance(self, step: timedelta) -> None:
        """Move Azure's time, and do what came due; in shorter steps while messages wait to be delivered again."""
        left = step
        while True:
            part = min(left, REDELIVERY) if self.failed else left
            self.platform.clock.move(part)
            with patch.object(crash_points, "reach", self.points.reach):
                await self._settle()
            left -= part
            if not left:
                return

    async def _settle(self) -> None:
        again, self.failed = self.failed, []
        self.gate.land()
        for number in range(len(self.workers.runtime.timers)):
            await self._unless_lost(partial(_run_timer, number))
        for delivery in again:
            await self._take_in(delivery)
        for _ in range(_ROUNDS):
            ticked = await asyncio.gather(*(self._unless_lost(_tick) for _ in range(self.chance.randint(1, 3))))
            if not await self._work() and all(ticked):
                return
        raise AssertionError("what is due never ends")

    async def _unless_lost(self, work: Callable[[Runtime], Awaitable[object]]) -> bool:
        """Do some work; return False where its worker ended."""
        try:
            await self.workers.run(work)
        except WorkerLostError:
            return False
        return True

    async def _work(self) -> int:
        """Handle the messages that wait, some at a time, in any order; return how many there were."""
        works = [self._handle(queue, text, _step) for queue in _STEPS for text in self._drawn(queue)]
        works += [self._handle(queue, text, _check) for queue in _CHECKS for text in self._drawn(queue)]
        works += [self._take_in(_first(queue, text)) for queue in _INTAKE for text in self._drawn(queue, lose=0.0)]
        self.chance.shuffle(works)
        for start in range(0, len(works), 4):
            await asyncio.gather(*works[start : start + 4])
        return len(works)

    def _drawn(self, queue: str, lose: float = 0.02) -> Iterable[str]:
        for text in self.storage.queues.take(queue):
            drawn = self.chance.random()
            if drawn >= lose:
                yield text
            if drawn > 0.95:
                yield text

    async def _handle(self, queue: str, text: str, handler: Callable[[Runtime, str], Awaitable[None]]) -> None:
        """Handle a message; where the worker ends it is delivered again, as the host does."""
        if not await self._unless_lost(lambda runtime: handler(runtime, text)):
            self._return(queue, text)

    async def _take_in(self, delivery: Delivery) -> None:
        try:
            await self.workers.run(lambda runtime: runtime.receive(delivery))
        except Exception:  # what may pass is delivered again, as the host does
            self.failed.append(replace(delivery, count=min(delivery.count + 1, MAX_DELIVERIES)))

    def _return(self, queue: str, text: str) -> None:
        self.storage.queues.messages.setdefault(queue, deque()).append(text)


def _settings() -> Settings:
    """Return the settings of a worker that starts now; the environment has what a test sets beside these."""
    own = {
        "AZURE_RESOURCE_MANAGER_URL": AZURE,
        "FARSHORE_QUEUE_ROLES": "Copies.Write,Failovers.Execute,Tenants.Write",
        "FARSHORE_KEY_VAULT_URL": OWN,
    }
    return read_settings(os.environ | own)


async def _answer(request: func.HttpRequest, endpoint: Endpoint, runtime: Runtime) -> func.HttpResponse:
    async def assembled() -> Runtime:
        return runtime

    return await answer(request, assembled, endpoint)


async def _run_timer(number: int, runtime: Runtime) -> None:
    await runtime.timers[number]()


async def _tick(runtime: Runtime) -> None:
    await runtime.tick.run()


async def _step(runtime: Runtime, text: str) -> None:
    message = read_step(text)
    for operation in message.ids if message else ():
        await runtime.runner.run(operation)
    await runtime.feed_budgets()


async def _check(runtime: Runtime, text: str) -> None:
    message = read_check(text)
    if message is not None:
        await runtime.checks.run(message)


def _first(queue: str, text: str) -> Delivery:
    """Return the first delivery of a message; its id is made of its text, as that of a message which the queue holds twice."""
    return Delivery(queue, derived("message", text), text.encode(), _PUT_ON_QUEUE, 1)
