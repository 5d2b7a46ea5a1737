"""Every route with every wrong tenant: what is another's is answered as what never was, and nothing happens in Azure.

The routes are those that the app declares. What is tried follows from the owner that a route declares; a route without an owner, or with a
body that is not in `BODIES`, fails. Whose each thing is, is the sample estate's: fabrikam owns, contoso calls.
"""

import json
import uuid
from collections.abc import Callable, Iterable
from itertools import product
from urllib.parse import quote

import pytest
from pydantic import BaseModel

from functions.capabilities import NAMES
from functions.system import declared_routes
from shared.access.roles import Role
from shared.web.routes import Owner, Route
from tests.in_process.things import BODIES, EVERYTHING, NEVER, OWN_SERVICE, Things, long_texts
from tests.support.api import Caller, Reply
from tests.support.sites import Json, Sites

ROUTES = declared_routes(NAMES)
GUARDED = [route for route in ROUTES if route.owner is not Owner.OPEN]


@pytest.fixture(params=["a tenant's caller with every role and Admin", "the provider's with every role but Admin"])
def stranger(request: pytest.FixtureRequest, sites: Sites) -> Caller:
    """A person to whom nothing of fabrikam's is there: `Admin` counts in the provider's tenant only."""
    if request.param.startswith("the provider's"):
        return sites.caller("provider", *EVERYTHING, user="mallory")
    return sites.caller("contoso", *EVERYTHING, "Admin", user="eve")


def ask(caller: Caller, route: Route, path: str, body: Json | None) -> Reply:
    headers = {"Content-Type": "application/json"} | ({"Repeatability-Request-ID": str(uuid.uuid4())} if route.repeatable else {})
    return caller.call(route.method, path, None if body is None else json.dumps(body).encode(), headers)


def body_of(route: Route, its: Things) -> Json | None:
    return None if route.request is None else BODIES[route.request.__name__](its)


def operation(route: Route, its: Things) -> str:
    return its.copy if route.kind is not None and route.kind.resource == "restore-point-copies" else its.failover


def filled(route: Route, name: str, query: str = "") -> str:
    path = route.path
    for parameter in route.path_parameters:
        path = path.replace(f"{{{parameter}}}", name)
    confirm = f"confirm={name}" if any(one.name == "confirm" for one in route.query) else ""
    return path + ("?" + "&".join(part for part in (query, confirm) if part) if query or confirm else "")


def tries(route: Route, its: Things, name: str) -> list[str]:
    """Return the paths by which a caller can name another's thing; `name` is that of a thing in its vault."""
    if route.owner is Owner.OPERATION:
        return [filled(route, operation(route, its))]
    if route.owner in {Owner.TENANT, Owner.SERVICE}:
        of_tenant = any(one.name == "tenant" for one in route.query)
        return [filled(route, its.tenant)] + ([filled(route, "a-name", f"tenant={its.tenant}")] if of_tenant else [])
    if route.owner is Owner.BODY:
        return [route.path]
    assert route.owner is Owner.VAULT, f"{route.method} {route.path} declares no owner that is tried here"
    vaults = (its.vault, its.vault.upper().replace("/SUBSCRIPTIONS", "/subscriptions"))
    named = [filled(route, name)] if route.path_parameters and route.method != "PUT" else []
    return [filled(route, "a-name", f"vaultId={vault}") for vault in vaults] + named


def name_of_one(route: Route, owner: Caller, stranger: Caller) -> str:
    """Return the name of a thing of the owner's that the route could be about, and that the stranger has none of."""
    if route.owner is not Owner.VAULT or not route.path_parameters:
        return NEVER
    names, own = ([str(one.get("id", one["name"])).rpartition("/")[2] for one in listed(caller, route)] for caller in (owner, stranger))
    return next((name for name in names if name not in own), "theirs")


def listed(caller: Caller, route: Route) -> list[Json]:
    found: list[Json] = caller.get("/" + route.path.split("/")[1], top=1000).body["value"]
    return found


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: f"{route.method} {route.path}")
def test_what_is_anothers_is_answered_as_what_never_was(sites: Sites, theirs: Things, stranger: Caller, route: Route) -> None:
    before = len(sites.stack.control("GET", "effects")["value"])
    owner, never = sites.caller("fabrikam", *EVERYTHING, user="owner"), theirs.never()
    if route.owner is Owner.PROVIDER:
        reply = ask(stranger, route, filled(route, theirs.tenant), None)  # refused before a body is read
        assert (reply.status, reply.code) == (403, "MissingRole")
    elif route.owner is Owner.CALLER:
        assert "fabrikam" not in ask(stranger, route, f"{route.path}?top=1000", None).text_of_body()
        more = owner.get(route.path, top=1).body.get("nextLink")
        if more is not None:
            reply = stranger.get(more)
            assert (reply.status, reply.targets) == (400, {"continuation"}), "a page of fabrikam's"
    else:
        name = name_of_one(route, owner, stranger)
        for path, other in zip(tries(route, theirs, name), tries(route, never, NEVER), strict=True):
            found, none = ask(stranger, route, path, body_of(route, theirs)), ask(stranger, route, other, body_of(route, never))
            assert (found.status, found.code) == (404, "NotFound"), (path, found)
            assert (none.status, none.code) == (404, "NotFound"), (other, none)
            shown = (theirs.blanked(found.text_of_body(), name), never.blanked(none.text_of_body(), NEVER))
            assert shown[0] == shown[1], "the answer shows whether it is there"
    assert len(sites.stack.control("GET", "effects")["value"]) == before


@pytest.mark.parametrize(
    "route", [one for one in ROUTES if one.owner is Owner.VAULT and one.request], ids=lambda route: f"{route.method} {route.path}"
)
def test_an_id_of_anothers_in_a_body_is_refused_as_one_that_never_was(sites: Sites, theirs: Things, route: Route) -> None:
    """In the caller's own vault: whatever the body names there must be the caller's."""
    caller, never = sites.caller("contoso", *EVERYTHING, "Admin", user="eve"), theirs.never()
    before = len(sites.stack.control("GET", "effects")["value"])
    found, none = (ask(caller, route, filled(route, "a-name"), body_of(route, its)) for its in (theirs, never))
    assert (found.status, none.status) in {(400, 400), (404, 404)}, (found, none)
    assert theirs.blanked(found.text_of_body()) == never.blanked(none.text_of_body())
    assert len(sites.stack.control("GET", "effects")["value"]) == before


DISGUISES: dict[str, Callable[[str], str]] = {
    "in upper case": str.upper,
    "without its leading slash": lambda id_: id_.removeprefix("/"),
    "percent-encoded": lambda id_: "/" + quote(id_.removeprefix("/"), safe=""),
    "percent-encoded letters": lambda id_: id_.replace("fabrikam", "%66abrikam").replace(NEVER, "%6Eever-was"),
    "with dots": lambda id_: id_.replace("/resourceGroups/", "/resourceGroups/contoso-production/../"),
}
"""How an id of another's could be written so that a check does not know it."""


def disguised(value: object, disguise: Callable[[str], str]) -> object:
    """Return a body with its ids disguised."""
    if isinstance(value, dict):
        return {name: disguised(one, disguise) for name, one in value.items()}
    if isinstance(value, list):
        return [disguised(one, disguise) for one in value]
    return disguise(value) if isinstance(value, str) and value.startswith("/subscriptions/") else value


def test_no_spelling_of_an_id_or_name_reaches_what_is_anothers(sites: Sites, theirs: Things) -> None:
    """Every body that names ids, and every path that names a thing, each in two spellings, of a caller with every role and `Admin`."""
    eve, spellings = sites.caller("contoso", *EVERYTHING, "Admin", user="eve"), list(DISGUISES.values())
    before = len(sites.stack.control("GET", "effects")["value"])
    for turn, (number, route) in product(range(2), enumerate(GUARDED)):
        change = spellings[(number + 2 * turn) % len(spellings)]
        if route.owner not in {Owner.PROVIDER, Owner.CALLER} and route.request is not None:
            plain = BODIES[route.request.__name__](theirs)
            body = disguised(plain, change)
            if body != plain and isinstance(body, dict):
                path = filled(route, "a-name").replace("/tenants/a-name", "/tenants/contoso")
                assert ask(eve, route, path, body).status in {400, 404}, (route.method, route.path, body)
        if route.owner in {Owner.TENANT, Owner.SERVICE, Owner.VAULT} and set(route.path_parameters) - {"tenant"}:
            name = quote(change(theirs.machine), safe="")
            reply = ask(eve, route, filled(route, name).replace("/tenants/" + name, "/tenants/contoso"), body_of(route, theirs))
            assert reply.status in {400, 404, 409}, (route.method, route.path, reply)
    assert len(sites.stack.control("GET", "effects")["value"]) == before


Foreign = Callable[[Things], tuple[Json, str]]
MACHINE_BODY: Json = {"name": "a", "service": OWN_SERVICE, "size": "Small", "osDisk": {"existing": "a-disk"}}
IMAGE_BODY: Json = {"name": "i", "osType": "Windows", "service": OWN_SERVICE}
MEMBERS_NAMED: dict[str, dict[str, Foreign]] = {
    "CreateMachine": {
        "image": lambda its: ({**_of_image(), "image": its.resource("Microsoft.Compute/images", "golden")}, "image"),
        "osDisk.existing": lambda its: ({**MACHINE_BODY, "osDisk": {"existing": its.disk}}, "osDisk.existing"),
        "existing": lambda its: ({**MACHINE_BODY, "dataDisks": [{"existing": its.disk}]}, "dataDisks[0].existing"),
        "disk": lambda its: ({**MACHINE_BODY, "dataDisks": [{"source": {"id": its.disk}}]}, "dataDisks[0].source.id"),
        "snapshot": lambda its: (
            {**MACHINE_BODY, "dataDisks": [{"source": {"id": its.resource("Microsoft.Compute/snapshots", "web01-before")}}]},
            "dataDisks[0].source.id",
        ),
        "blob": lambda its: ({**MACHINE_BODY, "dataDisks": [{"source": _blob(its)}]}, "dataDisks[0].source.storageAccountId"),
        "subnet": lambda its: ({**MACHINE_BODY, "subnetId": f"{its.networks[0]}/subnets/default"}, "subnetId"),
        "service": lambda its: ({**MACHINE_BODY, "service": f"{its.tenant}-production"}, "service"),
        "subscription": lambda its: ({**MACHINE_BODY, "subscriptionId": its.subscription}, "subscriptionId"),
        "secret": lambda its: ({**_of_image(), "adminPassword": _secret(its)}, "adminPassword"),
    },
    "DataDisk": {
        "existing": lambda its: ({"existing": its.disk}, "existing"),
        "disk": lambda its: ({"source": {"id": its.disk}}, "source.id"),
        "blob": lambda its: ({"source": _blob(its)}, "source.storageAccountId"),
    },
    "CreateImage": {
        "disk": lambda its: ({**IMAGE_BODY, "source": {"id": its.disk}}, "source.id"),
        "blob": lambda its: ({**IMAGE_BODY, "source": _blob(its)}, "source.storageAccountId"),
        "service": lambda its: ({**IMAGE_BODY, "service": f"{its.tenant}-production", "source": {"id": _own(its)}}, "service"),
        "subscription": lambda its: ({**IMAGE_BODY, "subscriptionId": its.subscription, "source": {"id": _own(its)}}, "subscriptionId"),
    },
    "ImportRequest": {"secret": lambda its: ({"publishSettings": _secret(its)}, "publishSettings.keyVaultSecretId")},
    "CreateService": {"subscription": lambda its: ({"name": "a-service", "subscriptionId": its.subscription}, "subscriptionId")},
}
"""Per model of a body the members that name a resource, each with a body in which another tenant's is named, and the refusal's target."""
NAMES_NOTHING = {"ModifyDataDisk", "Port", "UpdateMachine", "Capture", "ShutDown", "GrantAccess", "CreateCheckpoint"}
"""Models of tenants' routes whose members name no resource by an id."""
OWN_MACHINE = "contoso-web01"
OWN_IDS: dict[str, str] = {}


def _of_image() -> Json:
    return {"name": "a", "service": OWN_SERVICE, "size": "Small", "image": "windows-2022", "adminUsername": "me",
            "adminPassword": {"value": "myAdminPwd1"}}  # fmt: skip


def _blob(its: Things) -> Json:
    account = its.resource("Microsoft.Storage/storageAccounts", "fabrikamblobs")
    host = account.rpartition("/")[2]
    return {"blobUri": f"https://{host}.blob.core.windows.net/vhds/data.vhd", "storageAccountId": account}


def _secret(its: Things) -> Json:
    return {"keyVaultSecretId": f"https://{its.tenant}.vault.azure.net/secrets/theirs"}


def _own(_: Things) -> str:
    return OWN_IDS["disk"]


def _named(route: Route) -> str:
    return filled(route, OWN_MACHINE).replace(f"/tenants/{OWN_MACHINE}", "/tenants/contoso")


OF_TENANTS = [route for route in ROUTES if route.owner is Owner.TENANT and route.request is not None]


@pytest.mark.parametrize(
    ("route", "member"),
    [
        pytest.param(route, member, id=f"{route.method} {route.path} {member}")
        for route in OF_TENANTS
        if route.request is not None
        for member in MEMBERS_NAMED.get(route.request.__name__, {})
    ],
)
def test_a_member_that_names_anothers_thing_is_answered_as_what_never_was(sites: Sites, theirs: Things, route: Route, member: str) -> None:
    """In the caller's own tenant: a disk, snapshot, image, subnet, blob, service, subscription or secret of another."""
    assert route.request is not None
    own = next(one for one in sites.stack.control("GET", "estate")["disks"] if one["id"].endswith(f"/{OWN_MACHINE}-os"))
    OWN_IDS["disk"] = own["id"]
    caller, never = sites.caller("contoso", *EVERYTHING, "Admin", user="eve"), theirs.never()
    before = len(sites.stack.control("GET", "effects")["value"])
    answers = []
    for its in (theirs, never):
        body, target = MEMBERS_NAMED[route.request.__name__][member](its)
        answer = ask(caller, route, _named(route), body)
        assert (answer.status, answer.code, answer.target) == (404, "NotFound", target), (its.tenant, answer)
        answers.append(its.blanked(answer.text_of_body(), *long_texts(body)))
    assert answers[0] == answers[1], "the answer shows whether it is there"
    assert len(sites.stack.control("GET", "effects")["value"]) == before


def unnamed(routes: Iterable[Route]) -> set[str]:
    """Return the models of tenants' routes of which it is not known what their members name."""
    return {route.request.__name__ for route in routes if route.request is not None} - MEMBERS_NAMED.keys() - NAMES_NOTHING


def test_every_body_of_a_tenants_route_has_its_members() -> None:
    assert unnamed(OF_TENANTS) == set()
    planted = Route("POST", "/tenants/{tenant}/planted", "Planted", owner=Owner.TENANT, request=PlantedRequest)
    assert unnamed([*OF_TENANTS, planted]) == {"PlantedRequest"}


def unguarded(routes: Iterable[Route]) -> list[str]:
    """Return the routes without a row here: they declare no owner, or take a body whose ids are not known."""
    return [
        f"{route.method} {route.path}"
        for route in routes
        if route.owner is None
        or (route.request and route.owner not in {Owner.PROVIDER, Owner.OPEN} and route.request.__name__ not in BODIES)
    ]


def test_every_route_declares_an_owner_and_its_body_has_a_row() -> None:
    assert unguarded(ROUTES) == []


class PlantedRequest(BaseModel):
    """A body that no row knows."""


@pytest.mark.parametrize(
    "route",
    [
        Route("GET", "/planted", "Planted", Role.COPIES_READ),
        Route("POST", "/planted", "Planted", owner=Owner.BODY, request=PlantedRequest),
    ],
)
def test_a_planted_route_without_a_row_is_found(route: Route) -> None:
    assert unguarded([*ROUTES, route]) == [f"{route.method} /planted"]
