"""The answer of `GET /health`: up or down for everyone, details for the provider's `Admin`."""

import logging
import platform
from importlib.metadata import version

from pydantic import BaseModel, ConfigDict, Field

from shared.clock import to_text
from shared.errors import ErrorCode, Refused
from shared.operations.model.models import JsonObject
from shared.web.answers import HttpAnswer, refusal
from shared.web.calls import App

_log = logging.getLogger(__name__)


class HealthBody(BaseModel):
    """Whether work can be accepted; `details` only for the provider's `Admin`."""

    model_config = ConfigDict(defer_build=True)

    status: str = Field(description="up or down", json_schema_extra={"enum": ["up", "down"]})
    details: dict[str, object] | None = None


async def health_answer(app: App, authorization: str | None) -> HttpAnswer:
    """Return 200 with `up`, or 503 with `down`; `authorization` is the request's header, None where there is none."""
    up = await _storage_is_ready(app)
    body: JsonObject = {"status": "up" if up else "down"}
    if await _is_admin(app, authorization):
        body["details"] = _details(app, up)
    if up:
        return HttpAnswer(200, body)
    refused = Refused(ErrorCode.SERVICE_UNAVAILABLE, "Storage does not respond: no work can be accepted.")
    answer = refusal(refused)
    return HttpAnswer(answer.status, body | {"error": refused.problem.as_json()}, answer.headers)


async def _storage_is_ready(app: App) -> bool:
    try:
        return bool(await app.storage_ready())
    except Exception:
        _log.exception("storage is not ready")
        return False


async def _is_admin(app: App, authorization: str | None) -> bool:
    """Return whether the provider's `Admin` asks; an invalid token is answered as no token, not refused."""
    if not authorization:
        return False
    try:
        return (await app.tokens.verify(authorization)).is_admin
    except Refused:
        return False
    except Exception:  # the registry may be what is down, and the answer shows that
        _log.exception("the caller of /health could not be looked up")
        return False


def _details(app: App, storage_ready: bool) -> JsonObject:
    packages = ("azure-functions", "azure-data-tables", "azure-storage-queue", "pydantic")
    return {
        "storage": {"ready": storage_ready},
        "clock": {"now": to_text(app.clock.now()), "wall": to_text(app.clock.wall()), "speed": app.clock.speed},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
    }
