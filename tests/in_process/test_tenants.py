"""The registry over real HTTP: who may write it, what an answer carries, and what becomes of operations whose resource moves."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from functions.capabilities import NAMES, load
from functions.tenants import CAPABILITY
from shared.access.records.rows import PARTITION, TABLE
from shared.access.records.tenant import Tenant
from shared.access.registrar import Registrar
from shared.access.roles import Role
from shared.clock import RandomIds, SystemClock
from shared.storage.pieces import pieces
from shared.web.calls import Endpoint
from shared.web.routes import PATH_PARAMETER, Owner
from tests.support.accounts import Accounts, connect
from tests.support.api import Caller, Reply
from tests.support.in_process import in_process
from tests.support.running import READ_WRITE, Running, make_estate

SUBSCRIPTION = "dddddddd-0000-4000-8000-00000000000d"
PROVIDERS_ENTRA = next(one["tenantId"] for one in make_estate(datetime.now(UTC))[0]["tenants"] if one["kind"] == "provider")
EVERY_ROLE = [str(role) for role in Role]
PROVIDERS_ONLY = {"/readiness", "/readiness/mappings"}
"""Routes of the capability without a tenant or a plan in their path that only the provider's `Admin` may call."""
LISTS = {"/tenants": "fabrikam", "/hosting-plans": "fabrikams"}
"""Lists, with the name of what a caller of contoso's must not see."""


@pytest.fixture(scope="module")
def app(accounts: Accounts) -> Iterator[Running]:
    """An app of its own: its registry is changed."""
    with accounts.lend() as account, in_process(account, environment={"FARSHORE_PROVIDER_TENANT_ID": PROVIDERS_ENTRA}) as one:
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


def test_what_two_documents_list_belongs_to_neither_of_them(app: Running) -> None:
    """A row of an earlier version lists fabrikam's subscription: nothing of it is that tenant's, not for `Admin` either."""
    everyone = app.caller(*EVERY_ROLE, tenant="provider")
    owner = everyone.get("/tenants/fabrikam").body
    machines = everyone.get("/tenants/fabrikam/virtual-machines").body["value"]
    assert machines
    listed = {"subscriptions": owner["subscriptions"], "vaultId": owner["vaultId"], "storageAccounts": owner["storageAccounts"]}
    by_hand(app, {"name": "twice", **listed})
    effects = len(app.control("GET", "effects")["value"])
    paths = ["virtual-machines", "disks", "services", "images"]
    shown = [one for path in paths for one in everyone.get(f"/tenants/twice/{path}").body["value"] if "id" in one]
    assert [one for one in shown if owner["subscriptions"][0] in str(one["id"])] == []
    name = machines[0]["name"]
    for method, path in (("GET", ""), ("POST", "/start"), ("POST", "/restart"), ("DELETE", f"?confirm={name}")):
        reply = everyone.call(method, f"/tenants/twice/virtual-machines/{name}{path}")
        assert (reply.status, reply.code) == (404, "NotFound"), (method, path)
    usage = everyone.get("/tenants/twice", include="usage").body["usage"]
    assert {one["used"] for one in usage} == {0}, "what is another's is not counted"
    assert len(app.control("GET", "effects")["value"]) == effects
    assert everyone.get("/tenants/fabrikam/virtual-machines").body["value"] == machines, "its owner keeps it"


def by_hand(app: Running, document: dict[str, Any]) -> None:
    """Write a row as an operator of an earlier version did."""

    async def write() -> None:
        storage = connect(app.storage)
        body = Tenant.model_validate(document).model_dump(mode="json", by_alias=True)
        await storage.table(TABLE).upsert({"PartitionKey": PARTITION, "RowKey": document["name"], "v": 1, **pieces("document", body)})
        await storage.close()

    asyncio.run(write())


GROUP = "77777777-0000-4000-8000-000000000007"
OF_MACHINES = "/tenants/{}/virtual-machines"


def restored(admin: Caller, name: str) -> dict[str, Any]:
    """Return a tenant's document, as a PUT takes it."""
    beside = {"createdAt", "lastUpdatedAt", "updatedBy"}
    return {member: value for member, value in admin.get(f"/tenants/{name}").body.items() if member not in beside}


def test_an_app_and_a_group_among_the_callers_of_a_tenant_reach_its_own_only(app: Running, admin: Caller) -> None:
    """Both are of contoso's Entra tenant, and have every role and `Admin`; contoso is a tenant like any other here."""
    before = restored(admin, "fabrikam")
    portal = app.token(*EVERY_ROLE, tenant="contoso", app="portal")
    claims = jwt.decode(portal, options={"verify_signature": False})
    callers = [{"tenantId": claims["tid"], "appId": claims["azp"]}, {"tenantId": claims["tid"], "groupId": GROUP}]
    assert put(admin, "/tenants/fabrikam", {**before, "callers": callers}, If_Match="*").status == 200
    for caller in (app.caller(*EVERY_ROLE, app="portal"), app.caller(*EVERY_ROLE, user="eve", groups=[GROUP])):
        assert [one["name"] for one in caller.get("/tenants").body["value"]] == ["fabrikam"]
        assert caller.get(OF_MACHINES.format("fabrikam")).status == 200
        for reply in (caller.get("/tenants/contoso"), caller.get(OF_MACHINES.format("contoso"))):
            assert (reply.status, reply.code) == (404, "NotFound")
        start = caller.post(f"{OF_MACHINES.format('contoso')}/contoso-web01/start")
        assert (start.status, start.code) == (404, "NotFound")
        copied = caller.post("/restore-point-copies", app.machine().copy())
        assert (copied.status, copied.code) == (404, "NotFound")
        assert caller.get("/readiness").status == 403
    assert [one["name"] for one in app.caller(*EVERY_ROLE, user="adam").get("/tenants").body["value"]] == ["contoso"]
    many = app.caller(*EVERY_ROLE, user="eve", groups=[f"{number:08d}-0000-4000-8000-000000000001" for number in range(201)])
    assert every_answer(many) == {(401, "Unauthenticated")}
    assert put(admin, "/tenants/fabrikam", before, If_Match="*").status == 200


def every_answer(caller: Caller) -> set[tuple[int, str]]:
    """Ask for one read and one write of every capability, and return the answers."""
    routes = [endpoint.route for one in load(NAMES) for reads in (True, False) for endpoint in some(one.endpoints, reads=reads)]
    assert len(routes) == 2 * len(NAMES)
    replies = [caller.call(route.method, PATH_PARAMETER.sub("contoso", route.path)) for route in routes]
    return {(reply.status, reply.code) for reply in replies}


def some(endpoints: Sequence[Endpoint], *, reads: bool) -> list[Endpoint]:
    """Return the first endpoint that reads, or that writes."""
    return [one for one in endpoints if (one.route.method == "GET") is reads and one.route.owner is not Owner.OPEN][:1]


def test_an_entra_tenant_that_is_not_registered_or_of_a_deleted_tenant_reaches_nothing(app: Running, admin: Caller) -> None:
    before, caller = restored(admin, "fabrikam"), app.caller(*EVERY_ROLE, tenant="fabrikam")
    assert caller.get("/tenants/fabrikam").status == 200
    assert put(admin, "/tenants/fabrikam", {**before, "tenantId": None}, If_Match="*").status == 200
    assert every_answer(caller) == {(401, "Unauthenticated")}
    assert put(admin, "/tenants/former", {"tenantId": before["tenantId"]}).status == 409, "not for a minute"
    assert put(admin, "/tenants/fabrikam", before, If_Match="*").status == 200
    assert caller.get("/tenants/fabrikam").status == 200
    deleted = admin.call("DELETE", "/tenants/fabrikam?confirm=fabrikam")
    assert deleted.status == 204, deleted
    assert every_answer(caller) == {(401, "Unauthenticated")}
    estate, everyone = app.control("GET", "estate"), app.caller(*EVERY_ROLE, tenant="provider")
    unowned = [point["id"] for one in estate["restorePointCollections"] for point in one["restorePoints"] if "/fabrikam-" in one["id"]]
    body = {"source": {"restorePointId": unowned[0]}, "target": {"region": "northeurope", "resourceGroup": "fabrikam-recovery"}}
    for reply in (everyone.post("/restore-point-copies", body), everyone.get(OF_MACHINES.format("fabrikam"))):
        assert (reply.status, reply.code) == (404, "NotFound"), "what no tenant has, Admin has not either"


def test_the_provider_registers_itself_in_an_empty_registry(app: Running) -> None:
    """Only its Entra tenant, with both roles, and nothing else; once it is there, the setting has no effect."""
    founder, provider = app.caller("Tenants.Write", "Admin", tenant="provider"), {"kind": "provider", "tenantId": PROVIDERS_ENTRA}
    refused = put(founder, "/tenants/second", provider)
    assert (refused.status, refused.code) == (409, "ProviderExists")
    empty(app)
    for caller in (app.caller("Tenants.Write", tenant="provider"), app.caller("Admin", tenant="provider"), app.caller(*EVERY_ROLE)):
        assert put(caller, "/tenants/hoster", provider).status == 401
    for body in ({}, {"kind": "provider"}, {**provider, "tenantId": SUBSCRIPTION}, {**provider, "kind": "tenant"}):
        assert put(founder, "/tenants/hoster", body).status == 401, body
    assert every_answer(founder) == {(401, "Unauthenticated"), (400, "InvalidRequest")}, "400: the one route, sent without a body"
    assert put(founder, "/hosting-plans/gold", {}).status == 401
    assert founder.call("DELETE", "/tenants/hoster?confirm=hoster").status == 401
    made = put(founder, "/tenants/hoster", {**provider, "displayName": "Hoster"})
    assert (made.status, made.body["kind"], made.body["tenantId"]) == (201, "provider", PROVIDERS_ENTRA)
    assert [one["name"] for one in founder.get("/tenants").body["value"]] == ["hoster"]
    again = put(founder, "/tenants/other", provider)
    assert (again.status, again.code) == (409, "ProviderExists")
    assert put(founder, "/tenants/customer", {}).status == 201


def empty(app: Running) -> None:
    """Delete every row of the registry, as a new deployment has none, and start the app anew."""

    async def delete() -> None:
        storage = connect(app.storage)
        table = storage.table(TABLE)
        for partition in ("tenant", "plan", "claim", "use", "meta"):
            async for row in table.range("PartitionKey eq @partition", parameters={"partition": partition}):
                await table.delete(partition, str(row.entity["RowKey"]))
        await storage.close()

    asyncio.run(delete())
    app.restart()
