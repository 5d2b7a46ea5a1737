"""HTTP to one endpoint: TLS, proxy, and which exception each failure becomes. Nothing is sent twice, and no redirect is followed."""

import asyncio
import logging
import ssl
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import aiohttp
import yarl
from multidict import CIMultiDictProxy

from shared.azure_pack.certificates import ClientCertificate, ssl_context
from shared.azure_pack.connection import CallLimit, Proxy, TlsOptions
from shared.azure_pack.errors import AzurePackError, Cause, ErrorKind, unreachable, unreadable
from shared.azure_pack.wire import failures

if TYPE_CHECKING:
    from aiohttp.connector import Connection

_LARGEST_REPLY: Final = 32 * 2**20
_CONNECT_SECONDS: Final = 10.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came: any status; header names without regard to case."""

    status: int
    headers: CIMultiDictProxy[str]
    content_type: str
    body: bytes = field(repr=False)


@dataclass(slots=True)
class _Attempt:
    """Whether a request has got a connection to be written to."""

    sent: bool = False


_ATTEMPT: Final[ContextVar[_Attempt]] = ContextVar("attempt")


class _Connector(aiohttp.TCPConnector):
    """Notes when a request is about to be written to a connection, and gives none to a request that was written before."""

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[aiohttp.tracing.Trace], timeout: aiohttp.ClientTimeout
    ) -> "Connection":
        """Return a connection; raises `ConnectionResetError` for a request that is sent a second time."""
        attempt = _ATTEMPT.get()
        if attempt.sent:
            raise ConnectionResetError("the connection ended before an answer")
        connection = await super().connect(req, traces, timeout)
        attempt.sent = True
        return connection


class Transport:
    """One endpoint, reached with one certificate or none: make it once and close it, never one for each request."""

    def __init__(
        self,
        *,
        tls: TlsOptions,
        proxy: Proxy | None = None,
        certificate: ClientCertificate | None = None,
        in_flight: int | CallLimit = 8,
        timeout: float = 30.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        tls_object: type[ssl.SSLObject] | None = None,
    ) -> None:
        """Take the options. `in_flight` calls run at once, the rest wait; `timeout` seconds are for one call, waiting not included.
        Transports that are given the same limit share it.

        Without `proxy` the `HTTPS_PROXY` and `NO_PROXY` of this moment decide. `now` is wall time, for the certificate's validity.
        `tls_object` is the class of TLS objects, for a caller that needs the server's certificate.
        """
        self._tls = tls
        self._proxy = proxy
        self._certificate = certificate
        self._timeout = timeout
        self._now = now
        self._tls_object = tls_object
        self._environment = urllib.request.getproxies_environment()
        self._calls = in_flight if isinstance(in_flight, CallLimit) else CallLimit(in_flight)
        self._opening = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    @property
    def certificate(self) -> ClientCertificate | None:
        """The client certificate of this endpoint."""
        return self._certificate

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        json: object = None,
        data: bytes | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request, once, and return its answer; `url` is encoded already, `params` are not.

        Raises `AzurePackError`: UNREACHABLE (never sent), NO_ANSWER (sent, no answer), UNREADABLE (an answer of more than 32 MiB).
        """
        self._check_certificate()
        full = url if not params else f"{url}{'&' if '?' in url else '?'}{encoded(params)}"
        async with self._calls:
            session = self._session or await self._open()
            proxy, proxy_headers = await self._proxy_for(full)
            attempt = _Attempt()
            _ATTEMPT.set(attempt)
            try:
                async with session.request(
                    method,
                    yarl.URL(full, encoded=True),
                    headers=headers,
                    json=json,
                    data=data,
                    allow_redirects=False,
                    server_hostname=self._tls.server_name,
                    proxy=proxy,
                    proxy_headers=proxy_headers,
                ) as response:
                    body = await self._read(response)
                    return Reply(response.status, response.headers, response.content_type, body)
            except AzurePackError:
                raise
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as failure:
                raise await self._failed(failure, full, attempt, proxied=proxy is not None) from None

    async def close(self) -> None:
        """Close the connections."""
        async with self._opening:
            session, self._session = self._session, None
        if session is not None:
            await session.close()

    def alone(self, tls_object: type[ssl.SSLObject]) -> "Transport":
        """Return a transport to the same endpoint with connections of its own, for a sign-in that belongs to its connection."""
        return Transport(
            tls=self._tls,
            proxy=self._proxy,
            certificate=self._certificate,
            in_flight=self._calls,
            timeout=self._timeout,
            now=self._now,
            tls_object=tls_object,
        )

    async def context(self) -> ssl.SSLContext:
        """Return a new TLS context of this endpoint; raises `AzurePackError` for a CA bundle that cannot be read."""
        try:
            context = await asyncio.to_thread(ssl_context, self._tls, self._certificate)
        except (ValueError, ssl.SSLError) as problem:
            raise unreachable(Cause.TLS_UNTRUSTED, f"The TLS settings cannot be used: {problem}") from None
        if self._tls_object is not None:
            context.sslobject_class = self._tls_object
        return context

    def _check_certificate(self) -> None:
        certificate, now = self._certificate, self._now()
        if certificate is None or certificate.not_before <= now < certificate.not_after:
            return
        state = "is valid only from" if now < certificate.not_before else "ended on"
        moment = certificate.not_before if now < certificate.not_before else certificate.not_after
        raise unreachable(
            Cause.CLIENT_CERTIFICATE_EXPIRED,
            f"The client certificate {certificate.thumbprint} {state} {moment:%Y-%m-%d %H:%M} UTC. Nothing was sent. "
            "Import a publishsettings file with a valid certificate.",
        )

    async def _open(self) -> aiohttp.ClientSession:
        async with self._opening:
            if self._session is None:
                session = aiohttp.ClientSession(
                    connector=_Connector(ssl=await self.context(), limit=0),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=self._timeout, sock_connect=min(_CONNECT_SECONDS, self._timeout)),
                )
                # aiohttp would send GET, PUT and DELETE once more after a lost answer. It has no public option; `_Connector` refuses it too
                session._retry_connection = False  # noqa: SLF001  # there is no public option
                self._session = session
            return self._session

    async def _proxy_for(self, url: str) -> tuple[str | None, Mapping[str, str] | None]:
        if self._proxy is None:
            return _proxy_of(self._environment, url), None
        credentials = await self._proxy.credentials()
        if credentials is None:
            return self._proxy.url, None
        basic = b64encode(f"{credentials[0]}:{credentials[1].reveal()}".encode()).decode()
        return self._proxy.url, {"Proxy-Authorization": f"Basic {basic}"}

    @staticmethod
    async def _read(response: aiohttp.ClientResponse) -> bytes:
        length = response.content_length
        if length is not None and length <= _LARGEST_REPLY and "Content-Encoding" not in response.headers:
            return await response.read()
        parts: list[bytes] = []
        size = 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > _LARGEST_REPLY:
                raise unreadable(f"The answer is larger than {_LARGEST_REPLY >> 20} MiB.", status=response.status)
            parts.append(part)
        return b"".join(parts)

    async def _failed(self, failure: Exception, url: str, attempt: _Attempt, *, proxied: bool) -> AzurePackError:
        cause = failures.cause_of(failure)
        where = failures.Place.of(url, self._tls.server_name)
        peer = None
        if cause in (Cause.TLS_HOST_NAME, Cause.TLS_EXPIRED) and not proxied:
            peer = await failures.look_at_server(where, await self.context())
        if cause is None or (attempt.sent and cause is not Cause.CLIENT_CERTIFICATE_REJECTED):
            reason = "no answer in time" if isinstance(failure, TimeoutError) else "the connection ended before an answer"
            if not attempt.sent:
                return unreachable(Cause.CONNECTION, f"No connection to {where.host}:{where.port}: {reason}.")
            return AzurePackError(ErrorKind.NO_ANSWER, "NoAnswer", f"The request to {where.host}:{where.port} was sent; {reason}.")
        _log.debug("azure pack endpoint unreachable", extra={"cause": str(cause), "host": where.host})
        thumbprint = self._certificate.thumbprint if self._certificate is not None else None
        return unreachable(cause, failures.explain(cause, where, failure, peer, thumbprint))


def encoded(params: Mapping[str, str]) -> str:
    """Return a query; a space becomes `%20`, never `+`, and `$` stays as it is in names."""
    return "&".join(f"{quote(name, safe='$')}={quote(value, safe='')}" for name, value in params.items())


def host_of(url: str) -> str:
    """Return the host of an address, for messages; empty where it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _proxy_of(environment: dict[str, str], url: str) -> str | None:
    """Return the proxy that `HTTPS_PROXY` and `NO_PROXY` name for an address."""
    proxy = environment.get("https")
    if proxy is None or urllib.request.proxy_bypass_environment(host_of(url), environment):  # type: ignore[attr-defined]  # not in the stubs of every platform
        return None
    return proxy
