"""A forward proxy that wants credentials, and the servers behind it: every host that is asked for leads to one TLS server.

`CONNECT` with `Proxy-Authorization` (RFC 9110, section 9.3.6; RFC 7617), in a thread with an event loop of its own.
"""

import asyncio
import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from local.simulation.azure_pack.certificates import Authority
from local.simulation.azure_pack.tls import server_context

USER, PASSWORD = "farshore", "pr0xy-s3cret"  # of a proxy that a test makes
_HOST = "127.0.0.1"
_WANTED = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
_REFUSAL = (
    b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="proxy"\r\nContent-Length: 0\r\n\r\n'  # it closes then
)
_EMPTY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\nConnection: close\r\n\r\n" + b'{"value":[]}'


@dataclass
class ForwardProxy:
    """A running proxy: `carried` are the hosts that calls with its credentials were for, `refused` those of calls without."""

    carried: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    port: int = 0
    target: int = 0

    def url(self, password: str | None = PASSWORD) -> str:
        """Return what HTTPS_PROXY is to be, without credentials where there is no password."""
        return f"http://{f'{USER}:{password}@' if password is not None else ''}{_HOST}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, host, _ = head.split(" ", 2)
            if f"proxy-authorization: basic {_WANTED}".lower() not in head.lower():
                self.refused.append(host)
                writer.write(_REFUSAL)
                await writer.drain()
                writer.close()
                return
            assert method == "CONNECT", head
            self.carried.append(host.partition(":")[0])
            there, back = await asyncio.open_connection(_HOST, self.target)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_pump(reader, back), _pump(there, writer))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    sink.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request with an empty list."""
    with suppress(OSError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_EMPTY)
        await writer.drain()
        writer.close()


@contextmanager
def forward_proxy(hosts: list[str], folder: Path) -> Iterator[tuple[ForwardProxy, Path]]:
    """Run a proxy, and a TLS server for these hosts; also return the file of the authority that its certificate is from."""
    now = datetime.now(UTC)
    authority = Authority.make("Tests", now)
    trusted = folder / "authority.pem"
    trusted.write_text(authority.pem)
    context, proxy, loop = server_context(authority.server(hosts, now)), ForwardProxy(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> None:
        server = await asyncio.start_server(_answer, _HOST, 0, ssl=context)
        front = await asyncio.start_server(proxy.serve, _HOST, 0)
        proxy.target, proxy.port = server.sockets[0].getsockname()[1], front.sockets[0].getsockname()[1]

    try:
        asyncio.run_coroutine_threadsafe(start(), loop).result(10)
        yield proxy, trusted
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
