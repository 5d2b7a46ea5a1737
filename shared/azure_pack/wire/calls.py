"""One call to Azure Pack: authorization, one renewal of a refused token, and what each answer means."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote
from uuid import UUID, uuid4

from shared.azure_pack.authorization import Authorization, Grant
from shared.azure_pack.errors import AzurePackError, Cause, ErrorDetail, ErrorKind
from shared.azure_pack.odata.documents import Document, read_document
from shared.azure_pack.transport import Reply, Transport, encoded, host_of
from shared.azure_pack.wire.error_bodies import ErrorBody, decoded, is_html, read_error

_KINDS: Final = {
    403: ErrorKind.FORBIDDEN,
    404: ErrorKind.NOT_FOUND,
    409: ErrorKind.CONFLICT,
    410: ErrorKind.NOT_FOUND,
    412: ErrorKind.CONFLICT,
}
_THROTTLED: Final = 429
_JSON: Final = (b"{", b"[", b"")


class Endpoint:
    """Calls one API of Azure Pack below `base_url`."""

    def __init__(self, base_url: str, transport: Transport, authorization: Authorization, new_id: Callable[[], UUID] = uuid4) -> None:
        self._base_url = base_url.rstrip("/")
        self._transport = transport
        self._authorization = authorization
        self._new_id = new_id

    def below(self, path: str) -> "Endpoint":
        """Return the endpoint of a path below this one."""
        return Endpoint(self._base_url + path, self._transport, self._authorization, self._new_id)

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        params: Mapping[str, str] | None = None,
        query: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Call, and return a successful answer; a token that is refused is renewed once. Raises `AzurePackError`.

        `path` is encoded already, and so is `query`; `params` are not.
        """
        url = self._base_url + path
        if query:
            url = f"{url}?{query}"
        grant = await self._authorization.grant()
        reply = await self._send(method, url, grant, json, params, headers)
        if reply.status == 401:
            renewed = await self._authorization.grant(refused=grant)
            if renewed is not None:
                reply = await self._send(method, url, renewed, json, params, headers)
        error = failure(reply, path, self._authorization, self._transport)
        if error is not None:
            raise error
        return reply

    async def read(self, path: str, *, params: Mapping[str, str] | None = None, query: str | None = None) -> Document:
        """GET a document; raises `AzurePackError`."""
        return read_document((await self.call("GET", path, params=params, query=query)).body)

    async def _send(
        self,
        method: str,
        url: str,
        grant: Grant | None,
        json: object,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> Reply:
        every = {"Accept": "application/json", "x-ms-client-request-id": str(self._new_id())}
        given = grant.headers if grant is not None else {}
        full = url if not params else f"{url}{'&' if '?' in url else '?'}{encoded(params)}"
        return await self._transport.request(method, full, headers={**every, **(headers or {}), **given}, json=json)


def segment(name: object) -> str:
    """Return a name as one segment of a path."""
    return quote(str(name), safe="")


def failure(reply: Reply, path: str, authorization: Authorization, transport: Transport) -> AzurePackError | None:
    """Return the error that an answer is; None for a success."""
    if 200 <= reply.status < 300:
        return login_page(reply) if _is_page(reply) else None
    if 300 <= reply.status < 400:
        return login_page(reply)
    body = read_error(reply.body)
    if reply.status == 401:
        return _unauthorized(reply, body, authorization, transport)
    if reply.status == 403:
        return _forbidden(reply, body, path, authorization, transport)
    return _error(reply, body, kind_of(reply))


def login_page(reply: Reply) -> AzurePackError:
    """Return the error of an answer that is a login page, or leads to one."""
    host = host_of(reply.headers.get("Location", ""))
    place = f" of {host}" if host else ""
    return AzurePackError(
        ErrorKind.SIGN_IN,
        str(Cause.LOGIN_PAGE),
        f"Not signed in: the answer was a login page{place}. Check the sign-in's mode, realm and address.",
        status=reply.status,
        cause=Cause.LOGIN_PAGE,
        request_id=_request_id(reply),
        date=_date(reply),
    )


def kind_of(reply: Reply) -> ErrorKind:
    """Return the kind of a status that is not a success."""
    if reply.status == _THROTTLED or (reply.status == 503 and "Retry-After" in reply.headers):
        return ErrorKind.THROTTLED
    if reply.status >= 500:
        return ErrorKind.SERVER
    return _KINDS.get(reply.status, ErrorKind.INVALID)


def _unauthorized(reply: Reply, body: ErrorBody, authorization: Authorization, transport: Transport) -> AzurePackError:
    if authorization.by_certificate:
        return _rejected(reply, body, ErrorKind.SIGN_IN, transport)
    message = (
        "The token was refused, also after one renewal. Check the sign-in's realm and the clocks; the tenant public API takes tokens only "
        "where TenantServiceMode is HybridTenant."
    )
    return _error(reply, body, ErrorKind.SIGN_IN, Cause.TOKEN_REFUSED, message)


def _forbidden(reply: Reply, body: ErrorBody, path: str, authorization: Authorization, transport: Transport) -> AzurePackError:
    if authorization.by_certificate:
        return _rejected(reply, body, ErrorKind.FORBIDDEN, transport)
    if body.code is not None:
        return _error(reply, body, ErrorKind.FORBIDDEN)
    shown = path if len(path) <= 200 else path[:200] + "…"
    message = (
        f"Access to '{shown}' was refused. Azure Pack answers 403 also for a path that does not exist; check the address and the rights."
    )
    return _error(reply, body, ErrorKind.FORBIDDEN, Cause.PATH, message)


def _rejected(reply: Reply, body: ErrorBody, kind: ErrorKind, transport: Transport) -> AzurePackError:
    certificate = transport.certificate
    thumbprint = certificate.thumbprint if certificate is not None else "(none was sent)"
    message = (
        f"The client certificate {thumbprint} was refused. It may be missing from the subscription; download a new publishsettings file."
        f"{f' Azure Pack: {body.message}' if body.message else ''}"
    )
    return _error(reply, body, kind, Cause.CLIENT_CERTIFICATE_REJECTED, message)


def _error(reply: Reply, body: ErrorBody, kind: ErrorKind, cause: Cause | None = None, message: str | None = None) -> AzurePackError:
    own = (ErrorDetail(body.code, body.message or ""),) if cause is not None and body.code is not None else ()
    return AzurePackError(
        kind,
        str(cause) if cause is not None else body.code or f"Http{reply.status}",
        message or body.message or f"Azure Pack answered with status {reply.status} and no explanation.",
        recommended_action=body.recommended_action,
        status=reply.status,
        cause=cause,
        details=own + body.details,
        request_id=_request_id(reply),
        retry_after=_retry_after(reply),
        date=_date(reply),
    )


def _is_page(reply: Reply) -> bool:
    if reply.body[:1] in _JSON:
        return False
    beginning = reply.body[:2000]
    return bool(beginning) and (reply.content_type == "text/html" or is_html(decoded(beginning)))


def _request_id(reply: Reply) -> str | None:
    return reply.headers.get("x-ms-request-id")


def _date(reply: Reply) -> datetime | None:
    return _http_date(reply.headers.get("Date", ""))


def _retry_after(reply: Reply) -> float | None:
    value = reply.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    until, at = _http_date(value), _date(reply)
    return max(0.0, (until - at).total_seconds()) if until is not None and at is not None else None


def _http_date(value: str) -> datetime | None:
    try:
        read = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)
