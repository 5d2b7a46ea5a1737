"""The frame around entry points: every answer's headers, every refusal's status, nothing of ours in an error."""

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

import azure.functions as func
import pytest

from shared.access.roles import READ_ROLES, Role
from shared.errors import ErrorCode, Refused
from shared.web.answers import HttpAnswer
from shared.web.calls import Call, Endpoint
from shared.web.entry import answer as respond
from shared.web.routes import Owner, Route
from tests.web.kit import App, Issuer, bearer, body_of, request

GUID = re.compile(r"[0-9a-f-]{36}")


Work = Callable[[Call[Any]], Awaitable[Any]]


async def handle(req: func.HttpRequest, app: Any, needed: Role | frozenset[Role], work: Work) -> func.HttpResponse:
    """Answer a request by a route of these tests."""
    return await respond(req, app, Endpoint(Route("GET", "/tests", "A test", needed, owner=Owner.CALLER), work, "test", "A test."))


async def fine(call: Call[Any]) -> HttpAnswer:
    return HttpAnswer(200, {"tenant": call.caller.tenant})


async def test_a_caller_with_the_role(app: App, issuer: Issuer) -> None:
    answer = await handle(request(authorization=bearer(issuer.token()), x_ms_client_request_id="mine"), app, Role.TENANTS_READ, fine)
    assert (answer.status_code, body_of(answer)) == (200, {"tenant": "fabrikam"})
    assert GUID.fullmatch(answer.headers["x-ms-request-id"])
    assert answer.headers["x-ms-client-request-id"] == "mine"


async def test_without_a_token(app: App) -> None:
    answer = await handle(request(), app, Role.TENANTS_READ, fine)
    assert answer.status_code == 401
    assert body_of(answer)["error"]["code"] == answer.headers["x-ms-error-code"] == "Unauthenticated"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="farshore"'
    assert GUID.fullmatch(answer.headers["x-ms-request-id"])


async def test_with_an_expired_token(app: App, issuer: Issuer) -> None:
    answer = await handle(request(authorization=bearer(issuer.token(exp=1, nbf=0, iat=0))), app, Role.TENANTS_READ, fine)
    assert answer.status_code == 401
    assert "expired" in answer.headers["WWW-Authenticate"]


async def test_without_the_role(app: App, issuer: Issuer) -> None:
    answer = await handle(request(authorization=bearer(issuer.token())), app, Role.COPIES_WRITE, fine)
    assert answer.status_code == 403
    assert "Copies.Write" in body_of(answer)["error"]["message"]
    assert (await handle(request(authorization=bearer(issuer.token())), app, READ_ROLES, fine)).status_code == 200


async def test_the_role_is_asked_before_the_work(app: App, issuer: Issuer) -> None:
    async def never(_call: Call[Any]) -> HttpAnswer:
        raise AssertionError("work was begun")

    assert (await handle(request(authorization=bearer(issuer.token())), app, Role.ADMIN, never)).status_code == 403


async def test_a_refusal_by_the_work(app: App, issuer: Issuer) -> None:
    async def busy(_call: Call[Any]) -> HttpAnswer:
        raise Refused(ErrorCode.TOO_MANY_REQUESTS, "slowly", retry_after=7.2)

    answer = await handle(request(authorization=bearer(issuer.token())), app, Role.TENANTS_READ, busy)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "8")


async def test_an_error_is_logged_under_the_id_that_the_caller_gets(app: App, issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_call: Call[Any]) -> Any:
        raise KeyError("insides")

    token = issuer.token()
    answer = await handle(request(authorization=bearer(token), x_note="a secret"), app, Role.TENANTS_READ, broken)
    assert answer.status_code == 500
    assert b"insides" not in answer.get_body()
    assert answer.headers["x-ms-request-id"] in caplog.text
    assert "insides" in caplog.text
    assert "secret" not in caplog.text
    assert token not in caplog.text


async def test_refusals_are_no_errors_in_the_log(app: App, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await handle(request(), app, Role.TENANTS_READ, fine)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_an_app_that_does_not_come_up() -> None:
    async def broken() -> Any:
        raise ValueError("insides")

    answer = await handle(request(x_ms_client_request_id="mine"), broken, Role.TENANTS_READ, fine)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert answer.headers["x-ms-client-request-id"] == "mine"
    assert b"insides" not in answer.get_body()


async def test_a_cancelled_request_is_not_answered(app: App, issuer: Issuer) -> None:
    import asyncio

    async def cancelled(_call: Call[Any]) -> HttpAnswer:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await handle(request(authorization=bearer(issuer.token())), app, Role.TENANTS_READ, cancelled)
