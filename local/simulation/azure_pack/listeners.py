"""The TLS listeners: one port for each API and each sign-in site, in the process of the simulated Azure."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from local.simulation.arm.outcome import Ending
from local.simulation.azure_pack.certificates import Authority, Issued, thumbprint
from local.simulation.azure_pack.gate import PackGate
from local.simulation.azure_pack.request import Listener, PackAnswer, PackRequest
from local.simulation.azure_pack.tls import serve_with, server_context

_HELD = 60.0
_LOOK = 0.05
_LARGEST_BODY = 4 * 2**20
SERVER_NAMES = ("localhost", "pack.local", "127.0.0.1")


@dataclass(frozen=True)
class Keys:
    """The installation's authority, server certificate and key of tokens."""

    authority: Authority
    server: Issued
    token: rsa.RSAPrivateKey
    made_at: datetime

    @cached_property
    def other(self) -> Authority:
        """An authority that the public API does not know; made when it is first needed, because keys take time."""
        return Authority.make("Farshore simulated other authority", self.made_at)


class PortError(OSError):
    """A port that cannot be used; `port` is its number."""

    def __init__(self, port: int, reason: str) -> None:
        super().__init__(reason)
        self.port = port
        self.reason = reason


class Listeners:
    """Starts and stops the listeners; `ports` are known once they are started."""

    def __init__(self, gate: PackGate, keys: Keys) -> None:
        self._gate = gate
        self._served = keys.server
        self._runners: list[web.AppRunner] = []
        self._contexts = {
            each: server_context(keys.server, clients=keys.authority if each is Listener.PUBLIC else None) for each in Listener
        }
        self.ports: dict[Listener, int] = {}

    async def start(self, first_port: int, host: str = "127.0.0.1") -> None:
        """Listen on seven ports from `first_port` on, or on free ones with 0; raises `PortError` where one is taken."""
        for offset, listener in enumerate(Listener):
            app = web.Application(client_max_size=_LARGEST_BODY)
            app.router.add_route("*", "/{path:.*}", self._handler(listener))
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
            self._runners.append(runner)
            await runner.setup()
            port = first_port + offset if first_port else 0
            try:
                await web.TCPSite(runner, host, port, ssl_context=self._contexts[listener]).start()
            except (OSError, OverflowError) as problem:
                raise PortError(port, getattr(problem, "strerror", None) or str(problem)) from None
            self.ports[listener] = runner.addresses[0][1]

    async def stop(self) -> None:
        """Close every listener."""
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()

    def url(self, listener: Listener) -> str:
        """Return the address of a listener."""
        return f"https://localhost:{self.ports[listener]}"

    def serve_with(self, issued: Issued) -> None:
        """Let every listener use another server certificate from the next handshake on."""
        self._served = issued
        for context in self._contexts.values():
            serve_with(context, issued)

    def _handler(self, listener: Listener) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            outcome = self._gate.receive(await _received(request, listener, self._served))
            if outcome.ending is Ending.ANSWER:
                return respond(outcome.answer)
            return await _broken_off(request, hold=outcome.ending is Ending.HOLD)

        return handle


async def _received(request: web.Request, listener: Listener, served: Issued) -> PackRequest:
    return PackRequest(
        listener=listener,
        method=request.method,
        path=request.path,
        raw_path=request.raw_path.partition("?")[0],
        query=dict(request.query),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.read() if request.body_exists else b"",
        base_url=f"https://{request.host}",
        thumbprint=_client_thumbprint(request),
        connection=request.transport,
        server_hash=served.certificate.fingerprint(hashes.SHA256()),
    )


def _client_thumbprint(request: web.Request) -> str | None:
    tls = request.transport.get_extra_info("ssl_object") if request.transport is not None else None
    der = tls.getpeercert(binary_form=True) if tls is not None else None
    return thumbprint(x509.load_der_x509_certificate(der)) if der else None


def respond(answer: PackAnswer) -> web.Response:
    """Return the HTTP answer."""
    if answer.body is not None:
        response = web.json_response(answer.body, status=answer.status)
    elif answer.text is not None:
        response = web.Response(status=answer.status, text=answer.text, headers={"Content-Type": answer.content_type})
    else:
        response = web.Response(status=answer.status)
    response.headers.update(answer.headers)
    for offer in answer.authenticate:
        response.headers.add("WWW-Authenticate", offer)
    return response


async def _broken_off(request: web.Request, *, hold: bool) -> web.Response:
    """Close the connection without an answer: at once, or when the caller has given up."""
    until = time.monotonic() + _HELD
    while hold and time.monotonic() < until and request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110  # there is no signal for it
        await asyncio.sleep(_LOOK)
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
