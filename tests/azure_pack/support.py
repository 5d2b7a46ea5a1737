"""Parts for the library's tests: authorities, and small servers with real TLS that answer what a test plants."""

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from aiohttp import web

from local.simulation.azure_pack.certificates import Authority, Issued
from local.simulation.azure_pack.tls import server_context
from shared.azure_pack.certificates import ClientCertificate

NOW = datetime.now(UTC)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def now() -> datetime:
    """Wall time: certificates are verified by it."""
    return datetime.now(UTC)


@cache
def authority(name: str = "known") -> Authority:
    """An authority, made once for all tests: keys take time."""
    return Authority.make(f"{name} authority", NOW)


@cache
def server_certificate() -> Issued:
    """A good certificate for localhost."""
    return authority().server(["localhost", "127.0.0.1"], NOW)


def client_certificate(issued: Issued) -> ClientCertificate:
    """The library's form of an issued certificate."""
    return ClientCertificate.from_pkcs12(issued.pkcs12())


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: `url` without a slash at the end."""

    url: str
    port: int


@asynccontextmanager
async def serving(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Serve every path with one handler, over TLS as `localhost`, by default with the good certificate."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context or server_context(server_certificate())).start()
    port = runner.addresses[0][1]
    try:
        yield Server(f"https://localhost:{port}", port)
    finally:
        await runner.cleanup()


@asynccontextmanager
async def proxying(*, status: int | None = None) -> AsyncIterator[str]:
    """Serve as an HTTP proxy, yielding its address; `status` refuses each CONNECT with it."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if status is not None:
            writer.write(f"HTTP/1.1 {status} Refused\r\nContent-Length: 0\r\n\r\n".encode())
            writer.close()
            return
        host, _, port = head.split()[1].rpartition(":")
        there, back = await asyncio.open_connection("127.0.0.1" if host == "localhost" else host, int(port))
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await asyncio.gather(copy(reader, back), copy(there, writer), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def files_left(prefix: str = "azure-pack-") -> list[str]:
    """Names of temporary files of the library that are still there."""
    return [path.name for path in Path(tempfile.gettempdir()).glob(f"{prefix}*")]
