"""`/health`, `/openapi.json`, `/docs` and `/tenants`, as their entry points answer."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func
import pytest

from functions import system
from functions.tenants import CAPABILITY
from shared.access.records.tenant import Tenant
from shared.web.entry import answer
from tests.access.kit import FABRIKAM, PROVIDER, TENANTS
from tests.web.kit import App, Issuer, bearer, body_of, request

Ask = Callable[..., Awaitable[func.HttpResponse]]
ENDPOINTS = {endpoint.name: endpoint for endpoint in (*system.ENDPOINTS, *CAPABILITY.endpoints)}


@pytest.fixture
def call(app: App) -> Ask:
    """Answers a request to an endpoint, by the endpoint's name."""

    async def ask(name: str, **parts: Any) -> func.HttpResponse:
        return await answer(request(**parts), app, ENDPOINTS[name])

    return ask


async def test_health_states_only_up_or_down(app: App, call: Ask) -> None:
    reply = await call("health")
    assert (reply.status_code, body_of(reply)) == (200, {"status": "up"})
    app.ready = False
    reply = await call("health")
    assert (reply.status_code, body_of(reply)["status"]) == (503, "down")
    assert reply.headers["Retry-After"]


async def test_health_when_storage_fails(app: App, monkeypatch: pytest.MonkeyPatch, call: Ask) -> None:
    async def broken() -> Any:
        raise OSError("insides")

    monkeypatch.setattr(app, "storage_ready", broken)
    reply = await call("health")
    assert reply.status_code == 503
    assert b"insides" not in reply.get_body()


async def test_health_states_down_to_an_admin_whose_tenant_cannot_be_looked_up(
    app: App, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, call: Ask
) -> None:
    async def broken(_: str) -> Any:
        raise OSError("insides")

    monkeypatch.setattr(app.registry, "by_entra_tenant", broken)
    app.ready = False
    reply = await call("health", authorization=bearer(issuer.token(PROVIDER, roles=["Admin"])))
    assert (reply.status_code, body_of(reply)["status"]) == (503, "down")


@pytest.mark.parametrize(
    ("tenant", "roles", "detailed"), [(PROVIDER, ["Admin"], True), (PROVIDER, ["Tenants.Read"], False), (FABRIKAM, ["Admin"], False)]
)
async def test_details_of_health_are_the_providers_admins(
    issuer: Issuer, tenant: Tenant, roles: list[str], detailed: bool, call: Ask
) -> None:
    body = body_of(await call("health", authorization=bearer(issuer.token(tenant, roles=roles))))
    assert ("details" in body) is detailed
    if detailed:
        assert body["details"]["storage"] == {"ready": True}
        assert body["details"]["clock"]["speed"] == 1.0
        assert body["details"]["versions"]["python"]


async def test_a_bad_token_does_not_hide_health(call: Ask) -> None:
    reply = await call("health", authorization="Bearer nonsense")
    assert (reply.status_code, body_of(reply)) == (200, {"status": "up"})


async def test_the_description_and_its_page(call: Ask) -> None:
    document = body_of(await call("openapi"))
    assert {"/health", "/openapi.json", "/docs", "/tenants", "/tenants/{tenant}"} <= document["paths"].keys()
    assert document["servers"] == [{"url": "https://farshore.test/api"}]
    page = await call("docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"openapi.json" in page.get_body()


async def test_a_tenant_sees_itself_only(issuer: Issuer, call: Ask) -> None:
    token = bearer(issuer.token())
    assert [item["name"] for item in body_of(await call("list_tenants", authorization=token))["value"]] == ["fabrikam"]
    own = await call("get_tenant", route={"tenant": "fabrikam"}, authorization=token)
    body = body_of(own)
    expected = {
        "name": "fabrikam",
        "displayName": "Fabrikam",
        "kind": "tenant",
        "subscriptions": list(FABRIKAM.subscriptions),
        "vaultId": FABRIKAM.vault_id,
        "clouds": [],
    }
    assert {name: body[name] for name in expected} == expected
    assert (body["settings"]["twoPersonRule"], body["settings"]["recoveryPointObjective"]) == (True, None)
    assert not {"tenantId", "callers", "keyVaultUrl", "updatedBy"} & body.keys()
    assert own.headers["ETag"]
    anothers = await call("get_tenant", route={"tenant": "northwind"}, authorization=token)
    nobodys = await call("get_tenant", route={"tenant": "nosuch"}, authorization=token)
    assert anothers.status_code == nobodys.status_code == 404
    assert body_of(anothers)["error"]["message"].replace("northwind", "nosuch") == body_of(nobodys)["error"]["message"]


async def test_the_provider_without_admin_sees_itself_only(issuer: Issuer, call: Ask) -> None:
    reply = await call("list_tenants", authorization=bearer(issuer.token(PROVIDER)))
    assert [item["name"] for item in body_of(reply)["value"]] == ["contoso"]


async def test_admin_reads_all_page_by_page(issuer: Issuer, call: Ask) -> None:
    token, query, names = bearer(issuer.token(PROVIDER, roles=["Admin"])), {"top": "1"}, []
    for _ in range(3):
        body = body_of(await call("list_tenants", query=query, authorization=token))
        names += [item["name"] for item in body["value"]]
        if "nextLink" in body:
            query = dict(parse_qsl(urlsplit(body["nextLink"]).query))
    assert names == [tenant.name for tenant in TENANTS]
    assert "nextLink" not in body


@pytest.mark.parametrize("query", [{"nmae": "x"}, {"top": "0"}, {"continuation": "x"}])
async def test_a_wrong_query_is_refused(issuer: Issuer, query: dict[str, str], call: Ask) -> None:
    assert (await call("list_tenants", query=query, authorization=bearer(issuer.token()))).status_code == 400


async def test_reading_tenants_needs_its_role(issuer: Issuer, call: Ask) -> None:
    reply = await call("list_tenants", authorization=bearer(issuer.token(roles=["Tenants.Write", "Copies.Read"])))
    assert reply.status_code == 403
    assert "Tenants.Read" in body_of(reply)["error"]["message"]
    assert (await call("list_tenants")).status_code == 401
