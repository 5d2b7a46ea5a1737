"""A tenant's caller sees and touches nothing of another's: not its items, plans, failovers, operations or audit, by no route."""

import json
import uuid
from collections.abc import Iterator

import pytest

from functions.failovers import endpoints
from functions.serve import endpoints as declared_in
from tests.support.api import Caller, Reply
from tests.support.sites import REQUESTS, Json, Sites, of_item, of_plan, start

EVERYTHING = ("Failovers.Execute", "Failovers.Read", "Failovers.Approve")
BODIES: dict[str, Json] = {"approve": {"planHash": "0" * 64}, "reject": {"reason": "mine"}, "resolve": {"outcome": "notStarted"}}


@pytest.fixture
def stranger(sites: Sites) -> Caller:
    """A person of contoso's with every role that a tenant's caller can have; Admin counts for nothing there."""
    return sites.caller("contoso", *EVERYTHING, "Admin", user="eve")


@pytest.fixture
def theirs(sites: Sites) -> Iterator[tuple[str, str]]:
    """An item of fabrikam's, and a failover of it that waits for approval."""
    fabrikam, item = sites.caller("fabrikam"), sites.a2a("fabrikam")
    failover = start(fabrikam, of_item(item, "UnplannedFailover"))
    sites.until_step(fabrikam, failover, "awaitingApproval", by="PT1M")
    yield item, failover
    fabrikam.post(f"/failovers/{failover}/cancel")
    sites.stack.advance()


ROUTES = [one.route for one in declared_in(endpoints)]


def of_one() -> list[tuple[str, str]]:
    """Every route about one failover, as the app declares them."""
    return [(route.method, route.path) for route in ROUTES if "{id}" in route.path]


@pytest.mark.parametrize(("method", "path"), of_one())
def test_anothers_failover_is_not_there(sites: Sites, stranger: Caller, theirs: tuple[str, str], method: str, path: str) -> None:
    before = sites.stack.writes("fabrikam")
    mine, never = path.replace("{id}", theirs[1]), path.replace("{id}", "a" * 26)
    body = BODIES.get(path.rsplit("/", 1)[-1])
    answers = [ask(stranger, method, where, body) for where in (mine, never)]
    assert [(reply.status, reply.code) for reply in answers] == [(404, "NotFound")] * 2
    words = [reply.error["message"].replace(theirs[1], "").replace("a" * 26, "") for reply in answers]
    assert words[0] == words[1], "the answer tells whether it is there"
    sites.stack.advance()
    seen = sites.caller("fabrikam").get(f"/failovers/{theirs[1]}").body
    assert (seen["step"], seen["approval"]["state"]) == ("awaitingApproval", "pending")
    assert sites.stack.writes("fabrikam") == before


def ask(caller: Caller, method: str, path: str, body: Json | None = None) -> Reply:
    return caller.get(path) if method == "GET" else caller.post(path, body)


def test_every_route_about_one_failover_is_tried() -> None:
    tried = {path.rsplit("/", 1)[-1] for _, path in of_one()}
    assert tried == {"{id}", "audit", "approve", "reject", "resume", "cancel", "resolve"}
    assert {(route.method, route.path) for route in ROUTES} - set(of_one()) == {("POST", "/failovers"), ("GET", "/failovers")}


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/operations/{id}"), ("POST", "/operations/{id}/cancel"), ("POST", "/operations/{id}/retry")]
)
def test_anothers_operation_is_not_there(stranger: Caller, theirs: tuple[str, str], method: str, path: str) -> None:
    reply = ask(stranger, method, path.replace("{id}", theirs[1]))
    assert (reply.status, reply.code) == (404, "NotFound")


def test_lists_hold_ones_own_only(sites: Sites, stranger: Caller, theirs: tuple[str, str]) -> None:
    mine = start(sites.caller("contoso"), of_item(sites.a2a(), "TestFailover", options={"network": None}, thenCleanup=True))
    for path in ("/failovers", "/operations"):
        listed = stranger.get(path, top=1000).body["value"]
        assert {one["tenant"] for one in listed} == {"contoso"}
        assert mine in {one["id"] for one in listed}
        everything = sites.stack.caller("Admin", tenant="provider").get(path, top=1000).body["value"]
        assert {mine, theirs[1]} <= {one["id"] for one in everything}
    assert (stranger.get("/operations", tenant="fabrikam").status, stranger.get("/failovers", tenant="fabrikam").status) == (404, 400)
    sites.ended(sites.caller("contoso"), mine)


@pytest.mark.parametrize("action", ["TestFailover", "TestFailoverCleanup", "UnplannedFailover", "Commit", "Reprotect", "Cancel"])
@pytest.mark.parametrize("query", ["", "?dryRun=true"])
def test_nothing_of_anothers_can_be_asked_for(sites: Sites, stranger: Caller, action: str, query: str) -> None:
    estate = sites.stack.control("GET", "estate")
    vault = next(vault for vault in estate["vaults"] if vault["id"].endswith("/fabrikam-vault"))
    options: Json = {"options": {"network": None}} if action == "TestFailover" else {}
    before = sites.stack.writes("fabrikam")
    asked = [of_item(vault["items"][0]["id"], action, **options), of_plan(vault["plans"][0]["id"], action, **options)]
    for body in (*asked, of_item(vault["items"][0]["id"].upper().replace("/SUBSCRIPTIONS", "/subscriptions"), action, **options)):
        reply = stranger.post(f"/failovers{query}", body)
        assert (reply.status, reply.code) == (404, "NotFound"), reply
    assert sites.stack.writes("fabrikam") == before


def test_a_message_of_another_tenant_reaches_nothing(sites: Sites, theirs: tuple[str, str]) -> None:
    item, failover = theirs
    admin = sites.stack.caller("Admin", tenant="provider")
    sent = [
        {**of_item(item, "Commit"), "id": str(uuid.uuid4()), "tenant": "contoso"},
        {"operation": "cancel", "target": failover, "id": str(uuid.uuid4()), "tenant": "contoso"},
        {"operation": "approve", "target": failover, "planHash": "0" * 64, "id": str(uuid.uuid4()), "tenant": "fabrikam"},
    ]
    messages = [sites.stack.send(json.dumps(body), REQUESTS) for body in sent]
    rows = {row["messageId"]: row for row in admin.get("/rejected-messages", top=100).body["value"]}
    assert [rows[message]["reason"]["code"] for message in messages] == ["NotFound", "NotFound", "InvalidRequest"]
    assert sites.caller("fabrikam").get(f"/failovers/{failover}").body["step"] == "awaitingApproval"


def test_a_network_of_anothers_is_as_unknown_as_none(sites: Sites) -> None:
    contoso, item = sites.caller("contoso"), sites.a2a()
    strange, none = sites.network("drill-fabrikam-northeurope"), sites.network("drill-contoso-northeurope") + "-none"
    answers = [contoso.post("/failovers", of_item(item, "TestFailover", options={"network": network})) for network in (strange, none)]
    assert {(reply.status, reply.code) for reply in answers} == {(409, "ChecksFailed")}
    words = [reply.error["details"][0]["message"].replace(strange, "").replace(none, "") for reply in answers]
    assert words[0] == words[1]


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("POST", "/failovers", "Failovers.Execute"),
        ("GET", "/failovers", "Failovers.Read"),
        *((method, path, "Failovers.Read") for method, path in of_one() if method == "GET"),
        *((method, path, "Failovers.Execute") for method, path in of_one() if path.endswith(("resume", "cancel"))),
        *((method, path, "Failovers.Approve") for method, path in of_one() if path.endswith(("approve", "reject", "resolve"))),
    ],
)
def test_the_role_that_is_missing_is_named(sites: Sites, method: str, path: str, role: str) -> None:
    others = [one for one in (*EVERYTHING, "Copies.Read", "Copies.Write", "Tenants.Write") if one != role]
    caller = sites.caller("contoso", *others, user="eve")
    reply = ask(caller, method, path.replace("{id}", "a" * 26), BODIES.get(path.rsplit("/", 1)[-1]))
    assert (reply.status, reply.code) == (403, "MissingRole")
    assert role in reply.error["message"]
