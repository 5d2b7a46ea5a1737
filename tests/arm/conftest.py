"""A real HTTP server on loopback that answers as a test sets it, and the app's clients before it."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import hypothesis
import pytest
from aiohttp import web

from shared.arm.clients import AzureClients
from shared.settings import Settings

hypothesis.settings.register_profile("farshore", deadline=None)  # other work on the machine is no defect
hypothesis.settings.load_profile("farshore")

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
DATE = "Tue, 03 Mar 2026 10:00:00 GMT"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answering(status: int = 200, body: object = None, **headers: str) -> Handler:
    """A handler that answers so; the names of headers are written with underscores."""

    async def handler(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response(body, status=status, headers=named) if body is not None else web.Response(status=status, headers=named)

    return handler


async def losing_the_connection(request: web.Request) -> web.StreamResponse:
    """A handler that ends the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@dataclass
class Seen:
    """A request that came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class LoopbackAzure:
    """The server: `script` handlers serve one request each, in turn; then `otherwise` serves the rest."""

    url: str = ""
    script: list[Handler] = field(default_factory=list)
    otherwise: Handler = field(default_factory=lambda: answering(200, {}))
    seen: list[Seen] = field(default_factory=list)
    token_requests: list[dict[str, str]] = field(default_factory=list)
    token: Handler | None = None

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/_identity":
            self.token_requests.append(dict(request.query))
            if self.token is not None:
                return await self.token(request)
            return web.json_response(
                {
                    "access_token": f"token-{len(self.token_requests)}",
                    "expires_on": str(int(time.time()) + 3600),
                    "resource": request.query["resource"],
                    "token_type": "Bearer",
                }
            )
        self.seen.append(Seen(request.method, request.path, dict(request.query), dict(request.headers), await request.read()))
        handler = self.script.pop(0) if self.script else self.otherwise
        return await handler(request)


async def _served(app: LoopbackAzure) -> AsyncIterator[LoopbackAzure]:
    server = web.Server(app.serve)  # type: ignore[arg-type]  # it uses only what a BaseRequest has too
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    app.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield app
    await runner.cleanup()


@pytest.fixture
async def azure() -> AsyncIterator[LoopbackAzure]:
    async for app in _served(LoopbackAzure()):
        yield app


@pytest.fixture
async def elsewhere() -> AsyncIterator[LoopbackAzure]:
    """Another host, which must never see the app's token."""
    async for app in _served(LoopbackAzure()):
        yield app


@pytest.fixture
async def clients(azure: LoopbackAzure, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AzureClients]:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{azure.url}/_identity")
    monkeypatch.setenv("IDENTITY_HEADER", "local")
    made = AzureClients(settings_for(azure))
    yield made
    await made.aclose()


def settings_for(azure: LoopbackAzure, **changes: Any) -> Settings:
    return Settings(resource_manager_url=azure.url, **changes)
