"""One aiohttp transport for the process: connections kept for reads, none kept for writes. Imported where a pipeline is built.

aiohttp by itself sends PUT and DELETE a second time when the connection is lost before the answer, new connections included:
that would start an effect twice without anyone having looked. A middleware prevents that. And a write on a kept
connection that died meanwhile would have an unknown outcome without need, so each of the few writes gets a connection of its own.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from azure.core.pipeline.transport import AioHttpTransport, AsyncHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest

from shared.arm.sending.policies import READS
from shared.arm.sending.reads import ReadAnswer

_CONNECT_TIMEOUT = 5
_KEEP_ALIVE = 60.0


class ConnectionLostError(aiohttp.ClientError):
    """A connection was lost after a write may have been sent; of a class that aiohttp does not take as a reason to send again."""


class ArmTransport(AsyncHttpTransport[HttpRequest, AsyncHttpResponse]):
    """Sends reads and writes to one host, at most `limit` of each at a time; follows no redirect, keeps no cookie.

    A proxy is taken from the environment once: asking it with each request costs a thread hop.
    """

    def __init__(self, resource_manager_url: str, limit: int) -> None:
        self._proxy = proxy_for(resource_manager_url)
        kept = aiohttp.TCPConnector(limit=limit, keepalive_timeout=_KEEP_ALIVE)
        self._reads = _transport(kept, ())
        self._writes = _transport(aiohttp.TCPConnector(limit=limit, force_close=True), (_send_once,))
        # its callers limit the time of a call
        no_limit = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT)
        self._gets = aiohttp.ClientSession(
            connector=kept, connector_owner=False, timeout=no_limit, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
        )

    async def send(self, request: HttpRequest, **options: Any) -> AsyncHttpResponse:  # noqa: ANN401  # azure-core's protocol
        """Send one request; raises azure-core's ServiceRequestError and ServiceResponseError."""
        transport = self._reads if request.method in READS else self._writes
        if self._proxy is not None:
            options.setdefault("proxy", self._proxy)
        response: AsyncHttpResponse = await transport.send(request, **options)
        return response

    async def get(self, url: str, headers: Mapping[str, str]) -> ReadAnswer:
        """Send one GET past azure-core and read its answer; raises aiohttp's errors."""
        async with self._gets.get(url, headers=headers, allow_redirects=False, proxy=self._proxy) as answer:
            return ReadAnswer(answer.status, answer.headers, await answer.read())

    async def open(self) -> None:
        """Nothing to open: sessions connect as they are used."""

    async def close(self) -> None:
        """Close the sessions and their connections."""
        await self._gets.close()
        for transport in (self._reads, self._writes):
            if transport.session is not None:
                await transport.session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for a URL, NO_PROXY honoured; None for a direct connection."""
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return None
    return getproxies().get(parts.scheme)


async def _send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise  # nothing was sent
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise ConnectionLostError(str(error)) from error


def _transport(connector: aiohttp.TCPConnector, middlewares: tuple[aiohttp.ClientMiddlewareType, ...]) -> AioHttpTransport:
    session = aiohttp.ClientSession(
        connector=connector, trust_env=False, middlewares=middlewares, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    )
    return AioHttpTransport(session=session, session_owner=False, connection_timeout=_CONNECT_TIMEOUT)
