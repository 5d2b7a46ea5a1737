"""The frame around every HTTP entry point: who calls, may they, and what becomes of a refusal or an error."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urlsplit

from shared import telemetry
from shared.access.principal import Principal, require, require_any
from shared.access.roles import Role
from shared.clock import Ids, RandomIds
from shared.errors import ErrorCode, Refused
from shared.web.answers import HttpAnswer, failure, refusal, to_http
from shared.web.requests import client_request_id
from shared.web.tokens import TokenVerifier, challenge

if TYPE_CHECKING:
    import azure.functions as func

log = logging.getLogger(__name__)
_READING = frozenset({"GET", "HEAD"})


class Services(Protocol):
    """What the frame needs of the composition."""

    @property
    def ids(self) -> Ids:
        """Where request ids come from."""
        ...

    @property
    def tokens(self) -> TokenVerifier:
        """What checks access tokens."""
        ...


S = TypeVar("S", bound=Services)
Needed = Role | frozenset[Role]
"""One role, or a set of which one will do."""


async def handle(
    request: "func.HttpRequest",
    runtime: Callable[[], Awaitable[S]],
    needed: Needed,
    work: Callable[[S, Principal], Awaitable[HttpAnswer]],
) -> "func.HttpResponse":
    """Check the caller's token (401) and role (403), do the work, and answer; whatever is raised becomes an error answer.

    `work` takes the runtime and the caller. Nothing of a body, a token or an error's insides is logged for a refusal or answered for an
    error; `x-ms-request-id` joins the answer to the log.
    """

    async def checked(services: S) -> HttpAnswer:
        principal = await services.tokens.verify(request.headers.get("authorization"))
        if isinstance(needed, Role):
            require(principal, needed)
        else:
            require_any(principal, needed)
        return await work(services, principal)

    return await handle_open(request, runtime, checked)


async def handle_open(
    request: "func.HttpRequest", runtime: Callable[[], Awaitable[S]], work: Callable[[S], Awaitable[HttpAnswer]]
) -> "func.HttpResponse":
    """Do work that is open to all, and answer as `handle` does."""
    request_id = RandomIds().new()  # before the runtime: its own failure is answered with one too
    try:
        services = await runtime()
        request_id = services.ids.new()
    except Exception:
        log.exception("request %s: the app is not up", request_id, extra={"request": request_id})
        down = refusal(Refused(ErrorCode.SERVICE_UNAVAILABLE, "Farshore is not up; what it needs at its start does not answer."))
        return to_http(down.with_headers(_always(request, request_id)))
    try:
        with _traced(request):
            answer = await work(services)
    except Refused as refused:
        log.info("request %s refused: %s", request_id, refused.code, extra={"request": request_id, "code": str(refused.code)})
        answer = refusal(refused)
        if refused.code is ErrorCode.UNAUTHENTICATED:
            answer = answer.with_headers({"WWW-Authenticate": challenge(request.headers.get("authorization"), str(refused))})
    except Exception as error:
        log.exception("request %s failed", request_id, extra={"request": request_id})
        answer = failure(error)
    return to_http(answer.with_headers(_always(request, request_id)))


def _traced(request: "func.HttpRequest") -> AbstractContextManager[None]:
    """Trace what changes something, in the caller's trace; reading, which callers do while they wait, would cost more than the work."""
    if request.method in _READING:
        return nullcontext()
    return telemetry.span(f"{request.method} {urlsplit(request.url).path}", request.headers.get("traceparent", ""))


def _always(request: "func.HttpRequest", request_id: str) -> dict[str, str]:
    headers = {"x-ms-request-id": request_id, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    sent = client_request_id(request)
    return headers | ({"x-ms-client-request-id": sent} if sent else {})
