"""Every route with every wrong tenant: what is another's is answered as what never was, and nothing happens in Azure.

The routes are those that the app declares. What is tried follows from the owner that a route declares; a route without an owner, or with a
body that is not in `BODIES`, fails. Whose each thing is, is the sample estate's: fabrikam owns, contoso calls.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import BaseModel

from functions.capabilities import NAMES
from functions.system import declared_routes
from shared.access.roles import Role
from shared.web.routes import Owner, Route
from tests.support.api import Caller, Reply
from tests.support.assembled import assembled
from tests.support.running import READ_WRITE, Running
from tests.support.sites import Json, Sites, of_item, start

ROUTES = declared_routes(NAMES)
GUARDED = [route for route in ROUTES if route.owner is not Owner.OPEN]
EVERYTHING = tuple(str(role) for role in Role if role is not Role.ADMIN)
NEVER = "never-was"
OWN_SERVICE = "contoso-production"


@dataclass(frozen=True, slots=True)
class Things:
    """What a tenant has in the estate, by the names that bodies and paths give it."""

    vault: str
    item: str
    machine: str
    point: str
    networks: tuple[str, str]
    cloud: str
    failover: str
    copy: str
    tenant: str

    @property
    def disk(self) -> str:
        """The OS disk of its machine."""
        return f"{self.machine.replace('virtualMachines', 'disks')}-os"

    @property
    def subscription(self) -> str:
        """Its subscription; of what never was one that Azure does not have."""
        return self.machine.split("/")[2] if self.tenant != NEVER else "99999999-0000-4000-8000-000000000000"

    def resource(self, kind: str, name: str) -> str:
        """Return the id of something in its group."""
        end = "" if self.tenant != NEVER else f"-{NEVER}"
        return f"{self.machine.partition('/providers/')[0]}/providers/{kind}/{name}{end}"

    def never(self) -> "Things":
        """Return ids of the same shape of things that never were."""
        networks = (f"{self.networks[0]}-{NEVER}", f"{self.networks[1]}-{NEVER}")
        return Things(
            f"{self.vault}-{NEVER}", f"{self.item}-{NEVER}", f"{self.machine}-{NEVER}", f"{self.point}-{NEVER}", networks,
            f"{self.cloud}-{NEVER}", "a" * 26, "b" * 26, NEVER,
        )  # fmt: skip

    def blanked(self, text: str, *more: str) -> str:
        """Return a text in lower case, without the ids and names that the caller itself has sent."""
        text = text.lower()
        own = [self.item, self.machine, self.point, *self.networks, self.cloud, self.vault, self.failover, self.copy, self.tenant]
        own += [self.disk, self.subscription, *more]
        for known in sorted((part for one in own for part in (one, one.rpartition("/")[2])), key=len, reverse=True):
            text = text.replace(known.lower(), "?")
        return text


def group(machine: str) -> str:
    return machine.partition("/providers/")[0].replace("production", "recovery")


BODIES: dict[str, Callable[[Things], Json]] = {
    "CopyRequest": lambda its: {"source": {"restorePointId": its.point}, "target": {"region": "northeurope", "resourceGroup": "a-group"}},
    "PolicyDocument": lambda its: {
        "selector": {"virtualMachineIds": [its.machine]},
        "schedule": {"every": "PT6H"},
        "targets": [{"region": "northeurope", "resourceGroup": "a-group"}],
        "retention": {"keepLast": 3},
    },
    "RestoreRequest": lambda its: {
        "kind": "disks", "machines": [{"source": {"restorePointId": its.point}}], "resourceGroup": "a-group", "reason": "mine"
    },
    "FailoverRequest": lambda its: of_item(its.item, "Commit"),
    "ApproveRequest": lambda _: {"planHash": "0" * 64},
    "RejectRequest": lambda _: {"reason": "mine"},
    "ResolveRequest": lambda _: {"outcome": "notStarted"},
    "PolicyRequest": lambda its: {
        "provider": "A2A", "recoveryPointHours": 24, "clouds": [{"cloud": its.cloud, "target": its.cloud}]
    },
    "NetworkMappingRequest": lambda its: {"primaryNetwork": its.networks[0], "recoveryNetwork": its.networks[1]},
    "ProtectManyRequest": lambda its: {
        "virtualMachineId": its.machine,
        "policy": "a2a-day",
        "resourceGroupId": group(its.machine),
        "storageAccountId": f"{group(its.machine)}/providers/Microsoft.Storage/storageAccounts/cache",
    },
    "UpdateItemRequest": lambda _: {"targetVmName": "stolen"},
    "RecoveryPlanRequest": lambda its: {"groups": [{"members": [its.item]}]},
    "DrillPolicyRequest": lambda its: {
        "protectedItemIds": [its.item],
        "every": "P7D",
        "network": its.networks[1],
        "firstAt": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
    },
    "CreateMachine": lambda _: {"name": "a", "service": "s", "size": "x", "osDisk": {"existing": "d"}},
    "DataDisk": lambda _: {"sizeGB": 1},
    "ModifyDataDisk": lambda _: {"sizeGB": 1},
    "Port": lambda _: {"name": "ssh", "protocol": "tcp", "port": 50_000, "localPort": 22},
    "UpdateMachine": lambda _: {"tags": {}},
    "CreateService": lambda _: {"name": "a-service"},
    "CreateImage": lambda its: {
        "name": "i", "osType": "Windows", "service": "s", "source": {"id": its.machine.replace("virtualMachines", "disks")}
    },
    "Capture": lambda _: {"imageName": "i", "after": "delete", "prepared": True, "confirm": "a"},
    "GrantAccess": lambda _: {"duration": "PT1H"},
    "ShutDown": lambda _: {"state": "stopped"},
    "CreateCheckpoint": lambda _: {"name": "a-name"},
    "ImportRequest": lambda _: {"publishSettings": {"value": "<PublishData/>"}},
    "ProtectionPolicyRequest": lambda its: {
        "cloud": its.cloud,
        "include": ["*"],
        "protection": {"policy": "every-5-minutes", "network": its.networks[1], "targetVmSize": "Standard_D4s_v3"},
    },
}  # fmt: skip
"""The body of each model, with the ids of a tenant's things."""


@pytest.fixture(scope="module")
def theirs(sites_stack: Sites) -> Iterator[Things]:
    """What fabrikam has; its failover waits for approval, its copy is running."""
    sites = sites_stack
    estate, item = sites.stack.control("GET", "estate"), sites.a2a("fabrikam")
    owner = sites.caller("fabrikam", *EVERYTHING, user="owner")
    failover = start(owner, of_item(item, "UnplannedFailover"))
    sites.until_step(owner, failover, "awaitingApproval", by="PT1M")
    points = [point["id"] for one in estate["restorePointCollections"] for point in one["restorePoints"] if "/fabrikam-" in one["id"]]
    subscription = next(one["subscriptions"][0] for one in estate["tenants"] if one["name"] == "fabrikam")
    points = [point for point in points if subscription in point]
    target = {"region": "northeurope", "resourceGroup": "fabrikam-recovery"}
    copies = [owner.post("/restore-point-copies", {"source": {"restorePointId": point}, "target": target}) for point in points[:2]]
    assert [reply.status for reply in copies] == [202, 202], copies
    known = {one["id"].rpartition("/")[2]: one["id"] for one in estate["virtualNetworks"]}
    things = Things(
        vault=item.partition("/replicationFabrics/")[0],
        item=item,
        machine=next(one["id"] for one in estate["virtualMachines"] if one["id"].endswith("/fabrikam-web01")),
        point=points[0],
        networks=(known["fabrikam-westeurope"], known["fabrikam-northeurope"]),
        cloud=item.partition("/replicationProtectedItems/")[0],
        failover=failover,
        copy=copies[0].body["id"],
        tenant="fabrikam",
    )
    drill = json.dumps(BODIES["DrillPolicyRequest"](things)).encode()
    assert owner.call("PUT", "/drill-policies/fabrikam-drill", drill, {"Content-Type": "application/json"}).status == 200
    policy = {**BODIES["PolicyDocument"](things), "targets": [target], "enabled": False}
    headers = {"Content-Type": "application/json", "If-None-Match": "*"}
    assert owner.call("PUT", "/copy-policies/fabrikam", json.dumps(policy).encode(), headers).status == 201
    provider = sites.stack.caller("Tenants.Write", "Admin", tenant="provider")
    assert provider.call("PUT", "/hosting-plans/fabrikam", b"{}", {"Content-Type": "application/json"}).status in {200, 201}
    yield things
    provider.call("DELETE", "/hosting-plans/fabrikam?confirm=fabrikam")
    owner.call("DELETE", "/drill-policies/fabrikam-drill")
    owner.call("DELETE", "/copy-policies/fabrikam", None, {"If-Match": "*"})
    owner.post(f"/failovers/{failover}/cancel")
    sites.stack.advance()


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


def long_texts(body: Json) -> list[str]:
    """Return the texts of a body that name something: short ones are too common to be blanked."""
    return [text for text in _texts(body) if len(text) > 8]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(one)


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


Members = Callable[[Things], Json]
MESSAGES: dict[tuple[str, str], Members] = {
    ("restorePointCopy", "create"): BODIES["CopyRequest"],
    **dict.fromkeys((("restorePointCopy", one) for one in ("cancel", "redo", "delete")), lambda its: {"target": its.copy}),
    ("copyPolicy", "create"): lambda its: {"name": "a-name", **BODIES["PolicyDocument"](its)},
    ("copyPolicy", "update"): lambda its: {"target": its.tenant, "ifMatch": "*", **BODIES["PolicyDocument"](its)},
    ("copyPolicy", "delete"): lambda its: {"target": its.tenant, "ifMatch": "*"},
    ("copyPolicy", "run"): lambda its: {"target": its.tenant},
    ("restore", "create"): BODIES["RestoreRequest"],
    ("restore", "cleanUp"): lambda its: {"target": its.copy},
    ("failover", "create"): BODIES["FailoverRequest"],
    **dict.fromkeys((("failover", one) for one in ("cancel", "resume")), lambda its: {"target": its.failover}),
    ("protectedItem", "create"): lambda its: {"vaultId": its.vault, **BODIES["ProtectManyRequest"](its)},
    ("protectedItem", "update"): lambda its: {"target": its.item, "targetVmName": "stolen"},
    ("protectedItem", "delete"): lambda its: {"target": its.item, "confirm": "fabrikam-web01"},
    ("recoveryPlan", "create"): lambda its: {"name": "a-name", "vaultId": its.vault, **BODIES["RecoveryPlanRequest"](its)},
    ("recoveryPlan", "update"): lambda its: {"target": "a-name", "vaultId": its.vault, **BODIES["RecoveryPlanRequest"](its)},
    ("recoveryPlan", "delete"): lambda its: {"target": "a-name", "vaultId": its.vault},
    ("drill", "create"): lambda its: {"name": "a-name", "vaultId": its.vault, **BODIES["DrillPolicyRequest"](its)},
    ("drill", "update"): lambda its: {"target": "fabrikam-drill", "vaultId": its.vault, **BODIES["DrillPolicyRequest"](its)},
    **dict.fromkeys((("drill", one) for one in ("run", "delete")), lambda its: {"target": "fabrikam-drill", "vaultId": its.vault}),
    **dict.fromkeys((("virtualMachine", one) for one in ("start", "restart")), lambda its: {"target": its.machine}),
    ("virtualMachine", "shutDown"): lambda its: {"target": its.machine, "state": "stopped"},
    **dict.fromkeys((("virtualMachine", one) for one in ("cancel", "retry")), lambda its: {"target": its.copy}),
    ("virtualMachine", "create"): lambda its: {"name": "a", "service": OWN_SERVICE, "size": "Small", "osDisk": {"existing": its.disk}},
    ("virtualMachine", "createService"): lambda its: {"name": "a-service", "subscriptionId": its.subscription},
    ("virtualMachine", "createImage"): lambda its: {"name": "i", "osType": "Windows", "service": OWN_SERVICE, "source": {"id": its.disk}},
    ("virtualMachine", "delete"): lambda its: {"target": its.machine, "deleteDisks": "all"},
    ("virtualMachine", "update"): lambda its: {"target": its.machine, "tags": {"mine": "yes"}},
    ("virtualMachine", "capture"): lambda its: {"target": its.machine, "imageName": "i", "after": "delete", "prepared": True},
    ("virtualMachine", "addDataDisk"): lambda its: {"target": its.machine, "sizeGB": 1},
    ("virtualMachine", "modifyDataDisk"): lambda its: {"target": its.machine, "lun": 0, "caching": "None"},
    ("virtualMachine", "removeDataDisk"): lambda its: {"target": its.machine, "lun": 0},
    ("virtualMachine", "addPort"): lambda its: {"target": its.machine, **BODIES["Port"](its)},
    ("virtualMachine", "removePort"): lambda its: {"target": its.machine, "port": "ssh"},
    ("virtualMachine", "deleteImage"): lambda its: {"target": its.resource("Microsoft.Compute/images", "golden")},
    **dict.fromkeys((("virtualMachine", one) for one in ("deleteDisk", "revokeAccess")), lambda its: {"target": its.disk}),
    **dict.fromkeys(
        (("virtualMachine", one) for one in ("stop", "pause", "resume", "save", "repair")), lambda its: {"target": its.machine}
    ),
    ("virtualMachine", "createCheckpoint"): lambda its: {"target": its.machine, "name": "a-name"},
    **dict.fromkeys(
        (("virtualMachine", one) for one in ("restoreCheckpoint", "deleteCheckpoint")),
        lambda its: {"target": its.machine, "checkpoint": "a-name"},
    ),
}
"""The members of each operation's message, with the ids of a tenant's things."""
OF_AZURE_PACK = {
    f"virtualMachine.{one}"
    for one in ("stop", "pause", "resume", "save", "repair", "createCheckpoint", "restoreCheckpoint", "deleteCheckpoint")
}
"""Operations on machines that contoso, on Resource Manager, is refused whatever they name."""
BY_NAME: dict[str, str] = {
    "azurePackSubscription": "a file of subscriptions lies within the tenant that a message names",
    "dataCenter": "an order number lies within the tenant that a message names, and the rest of it is the tenant's own",
}
"""Kinds whose messages name nothing by an id that could be another's, with the reason."""


def of_queues() -> list[tuple[str, str, str]]:
    """Return the queue, kind and operation of every message that the app takes."""
    return [(queue, kind, str(operation)) for queue, dispatch in assembled().dispatches.items() for kind, operation in dispatch.messages]


def without_a_row(messages: Iterable[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """Return the operations of queues that have no row here."""
    return [(kind, operation) for _, kind, operation in messages if (kind, operation) not in MESSAGES and kind not in BY_NAME]


def test_every_operation_of_every_queue_has_a_row() -> None:
    messages = of_queues()
    assert without_a_row(messages) == []
    assert set(MESSAGES) == {(kind, operation) for _, kind, operation in messages if kind not in BY_NAME}
    assert without_a_row([*messages, ("failover-requests", "failover", "planted")]) == [("failover", "planted")]


def rejections(stack: Running) -> dict[str, Json]:
    """Return the rejected messages by the ids of the messages."""
    return {row["messageId"]: row for row in stack.caller("Admin", tenant="provider").get("/rejected-messages", top=1000).body["value"]}


def test_a_message_of_one_tenant_about_anothers_things_is_rejected_as_about_what_never_was(sites: Sites, theirs: Things) -> None:
    """Every operation of every queue, plain where the queue knows its kind, and as a CloudEvent: sent at once, and looked at together."""
    stack, never = sites.stack, theirs.never()
    stack.advance()  # what fabrikam itself has started
    before = len(stack.control("GET", "effects")["value"])
    sent: list[tuple[str, str, str]] = []
    for queue, kind, operation in of_queues():
        if kind in BY_NAME:
            continue
        forms = ["event", "plain"] if assembled().dispatches[queue].default_kind == kind else ["event"]
        for form in forms:
            of_theirs, of_none = (stack.put(message(kind, operation, its, form), queue) for its in (theirs, never))
            sent.append((f"{form} {kind}.{operation}", of_theirs, of_none))
    stack.advance()
    found = rejections(stack)
    for what, of_theirs, of_none in sent:
        reasons = [found[one]["reason"] for one in (of_theirs, of_none)]
        code = "NotSupportedByBackend" if what.partition(" ")[2] in OF_AZURE_PACK else "NotFound"
        assert [reason["code"] for reason in reasons] == [code, code], (what, reasons)
        assert reasons[0]["target"] == reasons[1]["target"], (what, reasons)
        kind, operation = what.partition(" ")[2].split(".")
        shown = [
            its.blanked(reason["message"], *long_texts(MESSAGES[kind, operation](its)))
            for its, reason in zip((theirs, never), reasons, strict=True)
        ]
        assert shown[0] == shown[1], what
    assert len(stack.control("GET", "effects")["value"]) == before


def message(kind: str, operation: str, its: Things, form: str) -> str:
    """Return a message of contoso's about the things of another."""
    members, id_ = MESSAGES[kind, operation](its), str(uuid.uuid4())
    if form == "plain":
        return json.dumps({**members, "id": id_, "tenant": "contoso", "operation": operation})
    event = {
        "specversion": "1.0",
        "id": id_,
        "source": "/eve",
        "type": f"farshore.{kind}.{operation}",
        "tenant": "contoso",
        "data": members,
    }
    return json.dumps(event)


def test_a_key_that_another_has_used_makes_an_operation_of_ones_own(sites: Sites, theirs: Things) -> None:
    key, machine = str(uuid.uuid4()), sites.stack.machine()
    owner, caller = sites.stack.caller(*READ_WRITE, tenant="fabrikam"), sites.stack.caller(*READ_WRITE)
    target = {"region": "northeurope", "resourceGroup": "fabrikam-recovery"}
    other = owner.post(
        "/restore-point-copies", {"source": {"restorePointId": theirs.point}, "target": target | {"collection": "again"}}, key=key
    )
    mine = caller.post("/restore-point-copies", machine.copy(), key=key)
    assert (mine.status, mine.body["tenant"]) == (202, "contoso")
    assert other.status in {202, 409}
    assert mine.body["id"] != other.body.get("id")
