"""HTTP triggers: a request of aiohttp becomes one of azure.functions, and the answer goes back."""

import logging
from collections.abc import Mapping
from typing import Final

from aiohttp import web
from azure.functions import HttpResponse
from azure.functions.http import HttpRequest
from multidict import CIMultiDict, MultiMapping

from local.host.index import FunctionIndex
from local.host.invocations import Activity, Invoker

LARGEST_BODY: Final = 100 * 1024 * 1024  # bytes, as in the real host
_OPEN: Final = "ANONYMOUS"

_log = logging.getLogger(__name__)


class HttpFrontend:
    """Answers requests by the functions of an index. `key` opens functions whose auth level asks for one; None: nothing does."""

    def __init__(self, index: FunctionIndex, prefix: str, invoke: Invoker, activity: Activity, key: str | None = None) -> None:
        self._index = index
        self._prefix = f"/{prefix}" if prefix else ""
        self._invoke = invoke
        self._activity = activity
        self._key = key

    def application(self) -> web.Application:
        """Return the aiohttp application that serves every path."""
        application = web.Application(client_max_size=LARGEST_BODY)
        application.router.add_route("*", r"/{path:[\s\S]*}", self._answer)  # an encoded line break is part of a path too
        return application

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.rel_url.raw_path
        found = None
        if path.lower().startswith(f"{self._prefix}/".lower()):
            found = self._index.routes.find(request.method, path[len(self._prefix) :])
        if found is None:
            return web.Response(status=404)
        function = self._index.functions[found[0]]
        if str(function.binding.get("authLevel") or "FUNCTION").upper() != _OPEN and not self._has_key(request):
            return web.Response(status=401)
        with self._activity.one():
            # Without a Content-Length the real host passes no body on.
            body = await request.read() if "Content-Length" in request.headers else b""
            try:
                return _answer_of(await self._invoke(function, _request(request, found[1], body)))
            except Exception:
                _log.exception("%s failed", function.name)
                return web.Response(status=500)

    def _has_key(self, request: web.Request) -> bool:
        given = request.headers.get("x-functions-key") or request.query.get("code")
        return self._key is not None and given == self._key


def query_values(query: MultiMapping[str]) -> dict[str, str]:
    """Return the query as the real host passes it on: empty values dropped, repeated ones joined by a comma."""
    values: dict[str, list[str]] = {}
    for name, value in query.items():
        if value:
            values.setdefault(name, []).append(value)
    return {name: ",".join(several) for name, several in values.items()}


def _request(request: web.Request, route_params: Mapping[str, str], body: bytes) -> HttpRequest:
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        lower = name.lower()
        headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
    return HttpRequest(
        method=request.method,
        url=str(request.url),
        headers=headers,
        params=query_values(request.query),
        route_params=route_params,
        body_type="bytes",
        body=body,
    )


def _answer_of(returned: object) -> web.Response:
    if isinstance(returned, str):
        return web.Response(text=returned)
    if not isinstance(returned, HttpResponse):
        raise TypeError(f"an HTTP function returns HttpResponse or str, not {type(returned).__name__}")
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in returned.headers.items():
        if name.lower() == "set-cookie":
            headers.add(name, value)
        else:
            headers[name] = value  # of repeated headers the last one stays
    if "Content-Type" not in headers:
        charset = f"; charset={returned.charset}" if returned.mimetype.startswith("text/") else ""
        headers["Content-Type"] = f"{returned.mimetype}{charset}"
    return web.Response(status=returned.status_code, headers=headers, body=returned.get_body())
