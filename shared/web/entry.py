"""The frame around every HTTP entry point: checks the caller, reads the request, runs the handler, and answers refusals and errors."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from shared import telemetry
from shared.access.principal import Principal, require, require_any, require_person
from shared.access.roles import Role
from shared.clock import RandomIds
from shared.errors import ErrorCode, Refused
from shared.operations.model.models import JsonObject
from shared.web.answers import failure, refusal, to_http
from shared.web.calls import App, Call, Endpoint, find_operation, find_tenant
from shared.web.conditional import Condition, read_condition
from shared.web.requests import base_url, client_request_id, read_body, read_optional_body, read_query, refuse_body, repeatability, trace_of
from shared.web.routes import Owner, Route

if TYPE_CHECKING:
    import azure.functions as func

log = logging.getLogger(__name__)
_READING = frozenset({"GET", "HEAD"})


async def answer(request: "func.HttpRequest", runtime: Callable[[], Awaitable[App]], endpoint: Endpoint) -> "func.HttpResponse":
    """Answer a request as its route declares: token (401), role (403), query and body (400, 411, 413, 415), owner (404), handler.

    Whatever is raised becomes an error answer. Nothing of a body, a token or an error's internals is logged for a refusal or answered for
    an error; `x-ms-request-id` joins the answer to the log.
    """
    request_id = RandomIds().new()  # before the runtime: a failure to start has a request id too
    try:
        app = await runtime()
        request_id = app.ids.new()
    except Exception:
        log.exception("request %s: the app did not start", request_id, extra={"request": request_id})
        down = refusal(
            Refused(ErrorCode.SERVICE_UNAVAILABLE, "Farshore has not started: a service that it needs does not respond. Try again later.")
        )
        return to_http(down.with_headers(_always(request, request_id)))
    try:
        with _traced(request):
            result = await endpoint(await _read(request, app, endpoint))
    except Refused as refused:
        log.info("request %s refused: %s", request_id, refused.code, extra={"request": request_id, "code": str(refused.code)})
        result = refusal(refused)
        if refused.code is ErrorCode.UNAUTHENTICATED:
            from shared.access.tokens import challenge

            result = result.with_headers({"WWW-Authenticate": challenge(request.headers.get("authorization"), str(refused))})
    except Exception as error:
        log.exception("request %s failed", request_id, extra={"request": request_id})
        result = failure(error)
    return to_http(result.with_headers(_always(request, request_id)))


async def _read(request: "func.HttpRequest", app: App, endpoint: Endpoint) -> Call[Any]:
    """Read a request in the order in which it is refused (docs/design/http.md, "Order of checks")."""
    route = endpoint.route
    caller = await _caller(request, app, route)
    query = read_query(request, route.known_query)
    body: BaseModel | None = None
    document: JsonObject = {}
    if await _is_of_variant(app, caller, endpoint, request):
        document = read_optional_body(request)
    elif route.request is not None:
        body, document = read_body(request, route.request, route.largest_body)
    elif route.optional_body:
        document = read_optional_body(request)
    else:
        refuse_body(request)
    repeated = repeatability(request) if route.repeatable else None
    path = dict(request.route_params)
    return Call(
        app=app,
        route=route,
        query=query,
        path=path,
        body=body,
        document=document,
        base_url=base_url(app.settings, request),
        principal=caller,
        key=repeated.key if repeated else None,
        first_sent=repeated.first_sent if repeated else None,
        trace=trace_of(request) if route.repeatable else None,
        condition=read_condition(request) if route.conditional else Condition(),
        authorization=request.headers.get("authorization"),
        found_operation=await find_operation(app, _known(caller), route.kind, path["id"]) if route.owner is Owner.OPERATION else None,
        found_tenant=await find_tenant(app, _known(caller), path["tenant"]) if route.owner is Owner.TENANT else None,
    )


async def _is_of_variant(app: App, caller: Principal | None, endpoint: Endpoint, request: "func.HttpRequest") -> bool:
    """Whether a variant serves the tenant that the path names, which reads the body by its own model."""
    name = request.route_params.get("tenant")
    if not endpoint.variants or name is None or not _known(caller).reaches(name):
        return False
    return endpoint.variant_for(await app.registry.by_name(name)) is not None


async def _caller(request: "func.HttpRequest", app: App, route: Route) -> Principal | None:
    """Return who calls, once the route's role is theirs; None where the route is open to all."""
    if route.needed is None:
        return None
    principal = await app.tokens.verify(request.headers.get("authorization"), founding=route.founding)
    if isinstance(route.needed, Role):
        require(principal, route.needed)
    else:
        require_any(principal, route.needed)
    if route.owner is Owner.PROVIDER:
        require(principal, Role.ADMIN)
    if route.person:
        require_person(principal)
    return principal


def _known(caller: Principal | None) -> Principal:
    if caller is None:
        raise LookupError("a route that is open to all has no owner")
    return caller


def _traced(request: "func.HttpRequest") -> AbstractContextManager[None]:
    """Trace what changes something, in the caller's trace; reading, which callers do while they wait, would cost more than the work."""
    if request.method in _READING:
        return nullcontext()
    return telemetry.span(f"{request.method} {urlsplit(request.url).path}", request.headers.get("traceparent", ""))


def _always(request: "func.HttpRequest", request_id: str) -> dict[str, str]:
    headers = {"x-ms-request-id": request_id, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    sent = client_request_id(request)
    return headers | ({"x-ms-client-request-id": sent} if sent else {})
