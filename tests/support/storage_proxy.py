"""A proxy before Azurite through which storage fails as it does in life: 500s for a while, answers that never come, slow answers.

It runs in a thread with an event loop of its own, so that tests which block (processes started and killed) can use it too. Everything that
passes is kept in `requests`, for tests that count calls.
"""

import asyncio
import re
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import aiohttp
from aiohttp import web
from yarl import URL

from local.azurite import connection_string
from tests.support.ports import take_ports

_HOST: Final = "127.0.0.1"
_SERVICES: Final = ("blob", "queue", "table")
_HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "host"})


@dataclass(frozen=True, slots=True)
class DropAnswer:
    """Let the request reach storage, then close the connection without an answer."""


@dataclass(frozen=True, slots=True)
class DropRequest:
    """Close the connection before storage sees anything."""


@dataclass(frozen=True, slots=True)
class AnswerStatus:
    """Answer with a status; `after_forwarding` lets storage do its work first, so that a repeated write meets its own."""

    status: int = 500
    after_forwarding: bool = False


Action = DropAnswer | DropRequest | AnswerStatus


@dataclass
class Rule:
    """Does `action` to the requests that fit, the first `times` of them after `skip` (None: until the rule is taken back).

    `path` and `body` are regular expressions searched in the raw path with its query and in the request's body; `method` and `service`
    (blob, queue, table) narrow it. `matched` counts what it was done to.
    """

    action: Action
    path: str = ""
    method: str | None = None
    service: str | None = None
    body: str = ""
    times: int | None = 1
    skip: int = 0
    matched: int = 0

    def applies(self, service: str, method: str, path: str, body: bytes) -> bool:
        """Whether this request is one of them; counts it if it is."""
        if self.times is not None and self.matched >= self.times:
            return False
        if self.service not in {None, service} or self.method not in {None, method}:
            return False
        if not re.search(self.path, path) or not re.search(self.body.encode(), body):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.matched += 1
        return True


@dataclass(frozen=True, slots=True)
class Passed:
    """A request that came by: `status` is what was answered, None where no answer was given."""

    service: str
    method: str
    path: str
    body: bytes
    status: int | None


@dataclass
class StorageProxy:
    """The proxy of one Azurite, by the first of its three ports. Used as a context manager: `.connection_string` leads through it."""

    azurite_port: int
    rules: list[Rule] = field(default_factory=list)
    requests: list[Passed] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> Self:
        self.port = take_ports(3)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve(ready)), daemon=True)
        self._thread.start()
        ready.result(timeout=10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=10)
        self._loop.close()

    @property
    def connection_string(self) -> str:
        """The connection string of the storage account behind the proxy."""
        return connection_string(self.port)

    def add(self, rule: Rule) -> Rule:
        """Have a rule from now on; the first that fits a request is done to it."""
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Take all rules back and forget what passed."""
        self.rules.clear()
        self.requests.clear()

    async def _serve(self, ready: "Future[None]") -> None:
        async with aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(total=60)) as session:
            runners = []
            for offset, service in enumerate(_SERVICES):
                runner = web.ServerRunner(web.Server(_Handler(self, session, service, self.azurite_port + offset)), shutdown_timeout=0.1)
                await runner.setup()
                await web.TCPSite(runner, _HOST, self.port + offset).start()
                runners.append(runner)
            ready.set_result(None)
            await self._stop.wait()
            for runner in runners:
                await runner.cleanup()


@dataclass(frozen=True, slots=True)
class _Handler:
    proxy: StorageProxy
    session: aiohttp.ClientSession
    service: str
    upstream: int

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        method, path = request.method, request.raw_path
        action = next((rule.action for rule in tuple(self.proxy.rules) if rule.applies(self.service, method, path, body)), None)
        answer: web.Response | None = None
        if action is None or isinstance(action, DropAnswer) or (isinstance(action, AnswerStatus) and action.after_forwarding):
            answer = await self._forward(request, path, body)
        if isinstance(action, AnswerStatus):
            answer = web.Response(status=action.status)
        if isinstance(action, DropAnswer | DropRequest):
            answer = None
        self.proxy.requests.append(Passed(self.service, method, path, body, answer.status if answer is not None else None))
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return answer

    async def _forward(self, request: web.BaseRequest, path: str, body: bytes) -> web.Response:
        # the path goes on as it was written: the signature covers it
        url = URL(f"http://{_HOST}:{self.upstream}{path}", encoded=True)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        async with self.session.request(
            request.method, url, data=body or None, headers=headers, skip_auto_headers=("User-Agent", "Content-Type", "Accept-Encoding")
        ) as answer:
            content = await answer.read()
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
            return web.Response(status=answer.status, reason=answer.reason, headers=kept, body=content)
