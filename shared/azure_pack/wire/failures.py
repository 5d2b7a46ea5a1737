"""Which cause a failed connection has, and the sentence that explains it."""

import asyncio
import re
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from shared.azure_pack.certificates import ServerCertificate, server_certificate, without_name_and_time
from shared.azure_pack.errors import Cause

_LOOK_SECONDS: Final = 5.0
#: OpenSSL's verification results.
_EXPIRED: Final = frozenset({9, 10})
_NAME: Final = frozenset({62, 63, 64})
_TOO_WEAK: Final = frozenset({66, 67, 68})
_ABOUT_CLIENT_CERTIFICATE: Final = re.compile(
    r"ALERT_(CERTIFICATE_REQUIRED|UNKNOWN_CA|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED|CERTIFICATE_EXPIRED"
    r"|CERTIFICATE_UNKNOWN|ACCESS_DENIED|NO_CERTIFICATE)"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request was to go; `name` is the host name that the certificate must have."""

    host: str
    port: int
    name: str

    @staticmethod
    def of(url: str, server_name: str | None) -> "Place":
        """Read an `https` address."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        return Place(host, parts.port or 443, server_name or host)


def cause_of(failure: BaseException) -> Cause | None:
    """Return why no request could be sent, or its client certificate was refused; None where the failure is another one."""
    if isinstance(failure, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
        return Cause.PROXY
    if isinstance(failure, aiohttp.ClientConnectorDNSError):
        return Cause.NAME
    tls = _tls_error(failure)
    if tls is not None:
        return _tls_cause(tls)
    if _ABOUT_CLIENT_CERTIFICATE.search(str(failure)):  # an alert that came with the first read
        return Cause.CLIENT_CERTIFICATE_REJECTED
    if isinstance(failure, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Cause.CONNECTION
    return None


def explain(cause: Cause, where: Place, failure: BaseException, peer: ServerCertificate | None, thumbprint: str | None) -> str:
    """Return the sentence for a person."""
    place = f"{where.host}:{where.port}"
    match cause:
        case Cause.TLS_UNTRUSTED:
            return f"The certificate of {place} is not of a known authority. Give the authority's certificate as tls.caBundle."
        case Cause.TLS_HOST_NAME:
            return f"The certificate of {place} is not for the name '{where.name}'. {_names(peer)} Set tls.serverName, or the address."
        case Cause.TLS_EXPIRED:
            since = f" since {peer.not_after:%Y-%m-%d %H:%M} UTC" if peer is not None and peer.not_after is not None else ""
            return f"The certificate of {place} is not valid{since}. Renew it on the server."
        case Cause.TLS_PROTOCOL:
            detail = _reason(failure)
            return f"No TLS protocol or cipher in common with {place}{detail}. For an old server set tls.securityLevel to 1."
        case Cause.CLIENT_CERTIFICATE_REJECTED:
            return (
                f"{place} refused the client certificate {thumbprint or '(none was sent)'}. It may be missing from the subscription; "
                "download a new publishsettings file."
            )
        case Cause.PROXY:
            status = f" (status {failure.status})" if isinstance(failure, aiohttp.ClientHttpProxyError) else ""
            return f"The proxy did not connect to {place}{status}. Check the proxy's address, credentials and rules."
        case Cause.NAME:
            return f"The name '{where.host}' has no address. Check the address and the DNS servers of the network."
        case _:
            return f"No connection to {place}. Check the address, the port and the network's rules."


async def look_at_server(where: Place, context: ssl.SSLContext) -> ServerCertificate | None:
    """Return the names and validity of a server's certificate whose chain is good; sends no request. None where that fails."""
    without_name_and_time(context)
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            _, writer = await asyncio.open_connection(where.host, where.port, ssl=context, server_hostname=where.name)
    except (OSError, TimeoutError, ValueError):
        return None
    peer = writer.get_extra_info("peercert")
    writer.transport.abort()
    return server_certificate(peer) if isinstance(peer, dict) else None


def _names(peer: ServerCertificate | None) -> str:
    if peer is None:
        return ""
    if not peer.names:
        return "It has no subjectAltName; the common name is not used."
    return f"It is for {', '.join(peer.names[:10])}."


def _tls_error(failure: BaseException) -> ssl.SSLError | None:
    seen: BaseException | None = failure
    while seen is not None:
        # aiohttp's own exceptions inherit from ssl's, without their members: the original is inside
        if isinstance(seen, aiohttp.ClientConnectorCertificateError):
            seen = seen.certificate_error
        elif isinstance(seen, aiohttp.ClientConnectorError):
            seen = seen.os_error
        elif isinstance(seen, ssl.SSLError):
            return seen
        else:
            seen = seen.__cause__
    return None


def _tls_cause(error: ssl.SSLError) -> Cause:
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _EXPIRED:
            return Cause.TLS_EXPIRED
        if error.verify_code in _NAME:
            return Cause.TLS_HOST_NAME
        return Cause.TLS_PROTOCOL if error.verify_code in _TOO_WEAK else Cause.TLS_UNTRUSTED
    if _ABOUT_CLIENT_CERTIFICATE.search(str(error)):
        return Cause.CLIENT_CERTIFICATE_REJECTED
    return Cause.TLS_PROTOCOL


def _reason(failure: BaseException) -> str:
    error = _tls_error(failure)
    return f" ({error.reason})" if error is not None and error.reason else ""
