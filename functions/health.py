"""`GET /health`, `/openapi.json`, `/docs`: open to all; what is behind a health answer is for the provider's `Admin`."""

import importlib
import logging
import platform
from collections.abc import Iterable
from importlib.metadata import version

import azure.functions as func
from pydantic import BaseModel, Field

from functions.capabilities import modules
from shared.clock import to_text
from shared.composition import Runtime, runtime
from shared.errors import ErrorCode, Refused
from shared.operations.model.models import JsonObject
from shared.web.answers import API, HttpAnswer, refusal
from shared.web.entry import handle_open
from shared.web.requests import base_url
from shared.web.routes import Route

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]  # the SDK leaves it without types
_log = logging.getLogger(__name__)


class HealthBody(BaseModel):
    """Whether work can be accepted; `details` only for the provider's `Admin`."""

    status: str = Field(description="up or down", json_schema_extra={"enum": ["up", "down"]})
    details: dict[str, object] | None = None


ROUTES = (
    Route("GET", "/health", "Whether work can be accepted; 503 while it cannot", response=HealthBody),
    Route("GET", "/openapi.json", "This description"),
    Route("GET", "/docs", "This description for people", media_type="text/html"),
)


@blueprint.route(route="health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer up (200) or down (503)."""

    async def work(app: Runtime) -> HttpAnswer:
        up = await _storage_is_ready(app)
        body: JsonObject = {"status": "up" if up else "down"}
        if await _is_admin(app, req):
            body["details"] = _details(app, up)
        if up:
            return HttpAnswer(200, body)
        refused = Refused(ErrorCode.SERVICE_UNAVAILABLE, "Storage does not answer, so that no work can be accepted.")
        answer = refusal(refused)
        return HttpAnswer(answer.status, body | {"error": refused.problem.as_json()}, answer.headers)

    return await handle_open(req, runtime, work)


@blueprint.route(route="openapi.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def openapi(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the OpenAPI description."""

    async def work(app: Runtime) -> HttpAnswer:
        from shared.web.openapi import build

        return HttpAnswer(200, build(declared_routes(app.settings.capabilities), base_url(app.settings, req) + API))

    return await handle_open(req, runtime, work)


@blueprint.route(route="docs", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def docs(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the page that shows the description."""

    async def work(_: Runtime) -> HttpAnswer:
        from shared.web.docs import docs_page

        return docs_page()

    return await handle_open(req, runtime, work)


def declared_routes(capabilities: Iterable[str]) -> tuple[Route, ...]:
    """Return the routes that an app with these capabilities answers: the `ROUTES` of its modules of entry points."""
    served = (importlib.import_module(f"functions.{name}") for name in modules(capabilities))
    return tuple(route for module in served for route in getattr(module, "ROUTES", ()))


async def _storage_is_ready(app: Runtime) -> bool:
    try:
        return bool(await app.storage_ready())
    except Exception:
        _log.exception("storage is not ready")
        return False


async def _is_admin(app: Runtime, req: func.HttpRequest) -> bool:
    """Say whether the provider's `Admin` asks; a token that is no good gets what no token gets, not a refusal."""
    authorization = req.headers.get("authorization")
    if not authorization:
        return False
    try:
        return (await app.tokens.verify(authorization)).is_admin
    except Refused:
        return False
    except Exception:  # the registry may be what is down, and that is for the answer to say
        _log.exception("the caller of /health cannot be looked up")
        return False


def _details(app: Runtime, storage_ready: bool) -> JsonObject:
    packages = ("azure-functions", "azure-data-tables", "azure-storage-queue", "pydantic")
    return {
        "storage": {"ready": storage_ready},
        "clock": {"now": to_text(app.clock.now()), "wall": to_text(app.clock.wall()), "speed": app.clock.speed},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
    }
