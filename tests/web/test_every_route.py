"""What holds for every route that the app declares, whatever its handler does: nothing of it runs before the request is read whole."""

import json
from typing import Any

import azure.functions as func
import pytest

from functions.capabilities import NAMES, load
from functions.system import ENDPOINTS
from shared.access.roles import Role
from shared.web.answers import HttpAnswer
from shared.web.calls import Call, Endpoint
from shared.web.entry import answer
from shared.web.routes import Owner
from tests.access.kit import FABRIKAM, PROVIDER
from tests.web.kit import App, Issuer, bearer, body_of

EVERY = [*ENDPOINTS, *(one for capability in load(NAMES) for one in capability.endpoints)]
GUARDED = [endpoint for endpoint in EVERY if endpoint.route.needed is not None]
IDS: dict[str, Any] = {"ids": lambda endpoint: f"{endpoint.route.method} {endpoint.route.path}"}


async def _never(call: Call[Any]) -> HttpAnswer:
    raise AssertionError(f"the handler of {call.route.path} ran")


def _unhandled(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint whose handler fails the test."""
    return Endpoint(endpoint.route, _never, endpoint.name, endpoint.summary)


def _request(endpoint: Endpoint, issuer: Issuer, query: str = "", body: bytes = b"", *, chunked: bool = False) -> func.HttpRequest:
    """Return a request of the provider's administrator, a person with every role."""
    route = endpoint.route
    token = issuer.token(PROVIDER, roles=[str(role) for role in Role], scp="user_impersonation")
    sent = {"authorization": bearer(token), "content-type": "application/json", **({"transfer-encoding": "chunked"} if chunked else {})}
    path = {name: "fabrikam" if name == "tenant" else "a-name" for name in route.path_parameters}
    return func.HttpRequest(route.method, f"http://localhost/api{route.path}{query}", headers=sent, params={}, route_params=path, body=body)


@pytest.mark.parametrize("query", ["?anything", "?anything=", "?anything=1", "?vaultid=x", "?TOP=1"])
@pytest.mark.parametrize("endpoint", EVERY, **IDS)
async def test_an_unknown_query_parameter_is_refused_by_name(app: App, issuer: Issuer, endpoint: Endpoint, query: str) -> None:
    reply = await answer(_request(endpoint, issuer, query), app, _unhandled(endpoint))
    assert reply.status_code == 400
    assert body_of(reply)["error"]["target"] == query[1:].partition("=")[0]


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        pytest.param(one, query.name, id=f"{one.route.method} {one.route.path} {query.name}")
        for one in EVERY
        for query in one.route.known_query
    ],
)
async def test_a_parameter_without_a_value_is_never_taken_as_absent(app: App, issuer: Issuer, endpoint: Endpoint, name: str) -> None:
    """`POST /failovers?dryRun` must not start a failover: the Functions host drops such a parameter before the function sees it."""
    for query in (f"?{name}", f"?{name}="):
        reply = await answer(_request(endpoint, issuer, query), app, _unhandled(endpoint))
        assert (reply.status_code, body_of(reply)["error"]["target"]) == (400, name)


@pytest.mark.parametrize("endpoint", [one for one in EVERY if one.route.request is None and not one.route.optional_body], **IDS)
async def test_a_body_where_none_belongs_is_refused(app: App, issuer: Issuer, endpoint: Endpoint) -> None:
    reply = await answer(_request(endpoint, issuer, body=b'{"a": 1}'), app, _unhandled(endpoint))
    assert (reply.status_code, body_of(reply)["error"]["code"]) == (400, "InvalidRequest")


@pytest.mark.parametrize("endpoint", EVERY, **IDS)
async def test_a_chunked_body_is_refused(app: App, issuer: Issuer, endpoint: Endpoint) -> None:
    sent = _request(endpoint, issuer, chunked=True)
    assert (await answer(sent, app, _unhandled(endpoint))).status_code == 411


@pytest.mark.parametrize("endpoint", GUARDED, **IDS)
async def test_without_a_token_or_its_role_nothing_runs(app: App, issuer: Issuer, endpoint: Endpoint) -> None:
    bare = func.HttpRequest(endpoint.route.method, "http://localhost/api/x", headers={}, params={}, route_params={}, body=b"")
    assert (await answer(bare, app, _unhandled(endpoint))).status_code == 401
    needed = endpoint.route.needed
    roles = [str(role) for role in Role if role is not needed and not (isinstance(needed, frozenset) and role in needed)]
    wrong = {"authorization": bearer(issuer.token(FABRIKAM, roles=roles))}
    sent = func.HttpRequest(endpoint.route.method, "http://localhost/api/x", headers=wrong, params={}, route_params={}, body=b"")
    assert (await answer(sent, app, _unhandled(endpoint))).status_code == 403


@pytest.mark.parametrize("endpoint", GUARDED, **IDS)
async def test_an_entra_tenant_that_is_not_registered_gets_nothing(app: App, issuer: Issuer, endpoint: Endpoint) -> None:
    unregistered = FABRIKAM.model_copy(update={"tenant_id": "00000000-0000-0000-0000-000000000009"})
    token = {"authorization": bearer(issuer.token(unregistered, roles=[str(role) for role in Role], scp="user_impersonation"))}
    sent = func.HttpRequest(endpoint.route.method, "http://localhost/api/x", headers=token, params={}, route_params={}, body=b"")
    reply = await answer(sent, app, _unhandled(endpoint))
    assert (reply.status_code, body_of(reply)["error"]["code"]) == (401, "Unauthenticated")


@pytest.mark.parametrize("endpoint", [one for one in EVERY if one.route.owner is Owner.TENANT and one.route.request is None], **IDS)
async def test_another_tenant_in_the_path_is_not_there(app: App, issuer: Issuer, endpoint: Endpoint) -> None:
    """A route with a body checks that first; those are tried in tests/in_process/test_wrong_tenants.py."""
    token = {"authorization": bearer(issuer.token(FABRIKAM, roles=[str(endpoint.route.needed)]))}
    answers = []
    for tenant in ("northwind", "nosuch"):
        sent = func.HttpRequest("GET", "http://localhost/api/x", headers=token, params={}, route_params={"tenant": tenant}, body=b"")
        reply = await answer(sent, app, _unhandled(endpoint))
        answers.append((reply.status_code, json.dumps(body_of(reply)).replace(tenant, "?")))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404
