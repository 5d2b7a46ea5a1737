"""The registry over real HTTP: who may write it, what an answer carries, and what becomes of operations whose resource moves."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.tenants import CAPABILITY
from shared.access.records.rows import TABLE
from shared.access.registrar import Registrar
from shared.access.roles import Role
from shared.clock import RandomIds, SystemClock
from tests.support.accounts import Accounts, connect
from tests.support.api import Caller, Reply
from tests.support.in_process import in_process
from tests.support.running import READ_WRITE, Running

SUBSCRIPTION = "dddddddd-0000-4000-8000-00000000000d"
EVERY_ROLE = [str(role) for role in Role]
PROVIDERS_ONLY = {"/readiness", "/readiness/mappings"}
"""Routes of the capability without a tenant or a plan in their path that only the provider's `Admin` may call."""
LISTS = {"/tenants": "fabrikam", "/hosting-plans": "fabrikams"}
"""Lists, with the name of what a caller of contoso's must not see."""


@pytest.fixture(scope="module")
def app(accounts: Accounts) -> Iterator[Running]:
    """An app of its own: its registry is changed."""
    with accounts.lend() as account, in_process(account) as one:
        yield one


@pytest.fixture
def admin(app: Running) -> Caller:
    """The provider's administrator."""
    return app.caller("Tenants.Write", "Tenants.Read", "Admin", tenant="provider")


def put(caller: Caller, path: str, body: object, **headers: str) -> Reply:
    named = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return caller.call("PUT", path, json.dumps(body).encode(), named)


def test_a_tenant_from_its_creation_to_its_end(app: Running, admin: Caller) -> None:
    made = put(admin, "/tenants/adatum", {"subscriptions": [SUBSCRIPTION.upper()]}, If_None_Match="*")
    assert (made.status, made.body["subscriptions"]) == (201, [SUBSCRIPTION])
    tag = made.headers["etag"]
    assert admin.get("/tenants/adatum").headers["etag"] == tag
    assert put(admin, "/tenants/adatum", {"displayName": "A"}).status == 428
    changed = put(admin, "/tenants/adatum", {"displayName": "A", "subscriptions": [SUBSCRIPTION]}, If_Match=tag)
    assert changed.status == 200
    assert put(admin, "/tenants/adatum", {"displayName": "B"}, If_Match=tag).status == 412
    taken = put(admin, "/tenants/other", {"subscriptions": [SUBSCRIPTION]})
    assert (taken.status, taken.code, taken.error["target"]) == (409, "AlreadyMapped", "subscriptions[0]")
    assert admin.call("DELETE", "/tenants/adatum").status == 400
    assert admin.call("DELETE", "/tenants/adatum?confirm=adatum").status == 204
    assert admin.call("DELETE", "/tenants/adatum", b'{"confirm": "adatum"}', {"Content-Type": "application/json"}).status == 204
    assert admin.call("DELETE", "/tenants/nosuch?confirm=nosuch").status == 404
    assert admin.get("/tenants/adatum").body == {"name": "adatum", "displayName": "A", "state": "deleted"}
    assert app.caller("Tenants.Read").get("/tenants/adatum").status == 404
    released = put(admin, "/tenants/other", {"subscriptions": [SUBSCRIPTION]})
    assert (released.status, released.code) == (409, "JustReleased")
    assert 0 < int(released.headers["retry-after"]) <= 60
    assert put(admin, "/tenants/Adatum", {}).code == "NameUsedBefore"


def test_a_hosting_plan_from_its_creation_to_its_end(admin: Caller) -> None:
    made = put(admin, "/hosting-plans/gold", {"sizes": [{"name": "Small", "size": "Standard_D2s_v5"}]})
    assert made.status == 201
    read = admin.get("/hosting-plans/gold")
    assert (read.headers["etag"], read.body["tenants"], read.body["mapping"]) == (made.headers["etag"], 0, [])
    assert [one["name"] for one in admin.get("/hosting-plans").body["value"]] == ["gold", "standard"]
    assert admin.call("DELETE", "/hosting-plans/gold?confirm=gold").status == 204
    assert admin.get("/hosting-plans/gold").status == 404


def test_writing_needs_the_role_and_admin(app: Running) -> None:
    for roles, target in ((["Tenants.Write"], "Admin"), (["Admin"], "Tenants.Write")):
        reply = put(app.caller(*roles, tenant="provider"), "/tenants/adatum2", {})
        assert (reply.status, reply.code, reply.error["target"]) == (403, "MissingRole", target)


@pytest.mark.parametrize("endpoint", CAPABILITY.endpoints, ids=lambda one: f"{one.route.method} {one.route.path}")
def test_no_route_shows_a_tenant_what_is_anothers(app: Running, admin: Caller, endpoint: Any) -> None:
    """With every role and `Admin` in contoso's own token; a new route fails until it is one of these."""
    route, contoso = endpoint.route, app.caller(*EVERY_ROLE)
    body = b"{}" if route.method == "PUT" else None
    headers = {"Content-Type": "application/json"} if body else {}
    if route.path in LISTS:
        put(admin, "/hosting-plans/fabrikams", {})
        names = [one["name"] for one in contoso.get(route.path).body["value"]]
        assert LISTS[route.path] not in names
    elif route.path in PROVIDERS_ONLY or route.method in {"PUT", "DELETE"}:
        replies = [contoso.call(route.method, route.path.format(tenant=name, plan=name), body, headers) for name in ("fabrikam", "nosuch")]
        assert {(reply.status, reply.code) for reply in replies} == {(403, "MissingRole")}
        assert app.control("GET", "effects")["value"] == [] if route.method != "GET" else True
    else:
        assert route.path_parameters, f"{route.path} has no row in this test"
        put(admin, "/hosting-plans/fabrikam", {})
        replies = [contoso.call("GET", route.path.format(tenant=name, plan=name)) for name in ("fabrikam", "nosuch")]
        assert {(reply.status, reply.code) for reply in replies} == {(404, "NotFound")}
        assert replies[0].error["message"].replace("fabrikam", "nosuch") == replies[1].error["message"]
        for written in ("%66abrikam", "FABRIKAM", "fabrikam%20", "..%2Ffabrikam"):
            assert contoso.call("GET", route.path.format(tenant=written, plan=written)).status in {400, 404}


def test_what_a_tenant_has_of_each_quota(app: Running) -> None:
    reader = app.caller("Tenants.Read")
    assert reader.get("/tenants/contoso").body.get("usage") is None
    assert reader.get("/tenants/contoso", include="everything").status == 400
    usage = {one["name"]: one for one in reader.get("/tenants/contoso", include="usage").body["usage"]}
    assert list(usage) == ["virtualMachines", "cores", "memoryGB", "diskGB", "publicAddresses", "images"]
    machines = [one for one in app.control("GET", "estate")["virtualMachines"] if "/contoso-production/" in one["id"]]
    counted = usage["virtualMachines"]
    assert (counted["used"], counted["reserved"]) == (len(machines), 0)
    plan = app.caller("Tenants.Read", "Admin", tenant="provider").get(f"/hosting-plans/{reader.get('/tenants/contoso').body['plan']}")
    assert counted["limit"] == (plan.body["quotas"].get("virtualMachines") if plan.status == 200 else None)
    assert usage["diskGB"]["used"] > 0
    assert reader.get("/tenants/fabrikam", include="usage").status == 404


def of_another(app: Running, tenant: str, **without: object) -> None:
    """Change a tenant as another worker does: this one's cache knows nothing of it."""

    async def change() -> None:
        storage = connect(app.storage)
        writer = Registrar(storage.table(TABLE), SystemClock(), RandomIds())
        record = await writer.get(tenant)
        assert record is not None
        await writer.put(record.tenant.model_copy(update=without), record, "another worker")
        await storage.close()

    asyncio.run(change())


def test_an_operation_accepted_from_an_old_cache_ends_before_anything_is_sent(app: Running) -> None:
    contoso, machine = app.caller(*READ_WRITE), app.machine()
    before = app.caller("Tenants.Read").get("/tenants/contoso").body
    assert contoso.get("/restore-point-copies").status == 200
    warm = contoso.post("/restore-point-copies", machine.copy(0))
    assert warm.status == 202
    app.until_ended(contoso, warm.headers["location"])
    effects = app.writes(collection := machine.points[0].split("/")[-3])
    of_another(app, "contoso", subscriptions=())
    late = contoso.post("/restore-point-copies", machine.copy(1))
    assert late.status == 202, "accepted from a cache of up to a minute"
    ended = app.until_ended(contoso, late.headers["location"])
    assert (ended.body["status"], ended.body["error"]["code"]) == ("Failed", "OwnerChanged")
    assert app.writes(collection) == effects, "nothing was sent"
    redo = contoso.call("POST", f"{late.headers['location'].partition('/api')[2]}/redo")
    assert (redo.status, redo.code) == (409, "OwnerChanged"), "an earlier copy cannot be redone"
    of_another(app, "contoso", subscriptions=tuple(before["subscriptions"]))
