"""The web application: one handler for every path, over the gate and the control surface."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from local.simulation.arm.gate import Gate
from local.simulation.arm.outcome import Ending, Outcome, Received
from local.simulation.arm.routes import Routes
from local.simulation.control.surface import Control
from local.simulation.key_vault.gate import PREFIX, VaultGate
from local.simulation.platform import Platform
from local.simulation.services import SERVICES

if TYPE_CHECKING:
    from local.simulation.azure_pack.installation import Installation

#: How long a caller is held by the fault `timeout` at most, and how often it is looked whether it has given up; wall-clock seconds.
_HELD = 60.0
_LOOK = 0.05

_LARGEST_BODY = 64 * 2**20


@dataclass(frozen=True, slots=True)
class AzurePackOptions:
    """Where the simulated Azure Pack listens: seven ports from `port` on (0: free ones); `data` keeps its keys."""

    port: int
    data: Path | None = None


def create_app(platform: Platform, base_url: str | None = None, azure_pack: AzurePackOptions | None = None) -> web.Application:
    """Return the application; `base_url` is the address that tokens and links carry, by default the one that each request came to."""
    control, gate, vaults = Control(platform, base_url), Gate(platform, Routes(SERVICES)), VaultGate(platform)
    installation = _installation(platform, gate, azure_pack) if azure_pack is not None else None

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/_simulation"):
            gate.land()
            if installation is not None and request.path.startswith("/_simulation/azure-pack/"):
                return await installation.control.answer(request)
            return await control.answer(request)
        if request.path.startswith(PREFIX):
            gate.land()
            return await _ended(request, vaults.receive(await _received(request, base_url)))
        if not request.path.lower().startswith(("/subscriptions", "/providers/")):
            public = control.public(request)
            if public is not None:
                return public
        return await _ended(request, gate.receive(await _received(request, base_url)))

    async def saving(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(_save_each_second(platform))
        if installation is not None and azure_pack is not None:
            await installation.start(azure_pack.port)
        yield
        task.cancel()
        if installation is not None:
            await installation.stop()
        await control.close()
        platform.close()

    app = web.Application(client_max_size=_LARGEST_BODY)
    app.router.add_route("*", "/{path:.*}", handle)
    app.cleanup_ctx.append(saving)
    return app


def _installation(platform: Platform, gate: Gate, options: AzurePackOptions) -> "Installation":
    from local.simulation.azure_pack.installation import Installation  # certificates and NTLM, which a start without it does not load

    return Installation(platform, gate.land, data=options.data)


async def _received(request: web.Request, base_url: str | None) -> Received:
    headers = request.headers
    return Received(
        method=request.method,
        path=request.path,
        query=dict(request.query),
        body=await request.read() if request.body_exists else b"",
        authorization=headers.get("Authorization", ""),
        client_request_id=headers.get("x-ms-client-request-id", ""),
        base_url=base_url or f"http://{request.host}",
        if_match=headers.get("If-Match", ""),
        if_none_match=headers.get("If-None-Match", ""),
    )


async def _ended(request: web.Request, outcome: Outcome) -> web.StreamResponse:
    if outcome.ending is Ending.ANSWER:
        return _response(outcome)
    return await _broken_off(request, hold=outcome.ending is Ending.HOLD)


def _response(outcome: Outcome) -> web.Response:
    body = None if outcome.body is None else json.dumps(outcome.body).encode()
    response = web.Response(status=outcome.status, body=body, headers=outcome.headers)
    if body is not None:
        response.headers["Content-Type"] = "application/json; charset=utf-8"
    return response


async def _broken_off(request: web.Request, *, hold: bool) -> web.Response:
    """Close the connection without an answer: at once, or when the caller has given up."""
    until = time.monotonic() + _HELD
    while hold and time.monotonic() < until and request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110  # there is no signal for it
        await asyncio.sleep(_LOOK)
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _save_each_second(platform: Platform) -> None:
    while True:
        await asyncio.sleep(1)
        platform.save_clock()
