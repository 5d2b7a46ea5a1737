"""The rights that the templates give are enough for every journey, and each of them is used by one.

The simulated Azure refuses a call whose action no role gives. Here the app's principal has, for each kind of journey, what
infra/roles/*.json say that the app of that capability may do, where infra/main.bicep assigns it, and nothing else.
"""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from local.simulation.key_vault.rules import ROUTES as SECRETS
from tests.infra.bicep import tool
from tests.infra.rights import as_simulated, refused, role_assignments, simulated_routes
from tests.infra.test_roles import ROLES
from tests.support.accounts import Accounts
from tests.support.api import Caller, Reply
from tests.support.in_process import in_process
from tests.support.running import READ_WRITE, Machine, Running


@pytest.fixture(scope="module")
def narrow(accounts: Accounts) -> Iterator[Running]:
    """A stack whose app has no right until a test gives it exactly those of one of three apps (`as_app`)."""
    tool()
    with accounts.lend() as account, in_process(account) as stack:
        give_rights(stack, [])
        yield stack


@pytest.fixture
def caller(narrow: Running) -> Caller:
    """A caller who may read and write copies."""
    return narrow.caller(*READ_WRITE)


def as_app(stack: Running, app: str) -> list[dict[str, Any]]:
    """Let the app have the rights that a deployment gives one of three apps, and return them."""
    assignments = role_assignments(stack.control("GET", "estate"), app)
    give_rights(stack, assignments)
    return assignments


def give_rights(stack: Running, assignments: list[dict[str, Any]]) -> None:
    """Let the app's principal have these role assignments and no other."""
    estate = stack.control("GET", "estate")
    for principal in estate["principals"]:
        if principal["name"] == "farshore":
            principal["roleAssignments"] = assignments
    stack.control("PUT", "estate", estate)


def start(caller: Caller, body: dict[str, object]) -> str:
    """Start a copy and return where it is."""
    reply = caller.post("/restore-point-copies", body, key=str(uuid.uuid4()))
    assert reply.status == 202, reply
    return reply.headers["location"]


def test_every_kind_of_copy_needs_all_of_its_role_and_nothing_else(narrow: Running, caller: Caller) -> None:
    as_app(narrow, "copies")
    machines: list[Machine] = [narrow.machine() for _ in range(4)]
    of_point = start(caller, machines[0].copy())
    of_machine = start(caller, {"source": {"virtualMachineId": machines[1].id}, "target": machines[1].target()})
    for location in (of_point, of_machine):
        assert narrow.until_ended(caller, location).body["status"] == "Succeeded"
    narrow.fault("failCopy", method="PUT", path="restorePoints/")
    failing = start(caller, machines[2].copy())
    assert narrow.until_ended(caller, failing).body["status"] == "Failed"
    policy = {
        "selector": {"virtualMachineIds": [machines[3].id]},
        "schedule": {"every": "PT6H"},
        "targets": [machines[3].target()],
        "retention": {"keepLast": 3},
        "enabled": False,
    }
    written = caller.call("PUT", "/copy-policies/rights", json.dumps(policy).encode(), {"Content-Type": "application/json"})
    assert (written.status, written.body["warnings"]) == (201, []), written
    run = caller.post("/copy-policies/rights/run").headers["location"]
    assert narrow.until_ended(caller, run).body["status"] == "Succeeded"
    again = caller.post(f"{failing}/redo", key=str(uuid.uuid4()))
    assert again.status == 202, again
    assert narrow.until_ended(caller, again.headers["location"]).body["status"] == "Succeeded"
    assert refused(narrow) == []
    assert unused(narrow, "copies") == []


def test_a_copy_is_refused_where_an_action_is_missing(narrow: Running, caller: Caller) -> None:
    without = "Microsoft.Compute/restorePointCollections/restorePoints/write"
    whole = as_app(narrow, "copies")
    give_rights(narrow, [{**each, "actions": [action for action in each["actions"] if action != without]} for each in whole])
    try:
        reply = narrow.until_ended(caller, start(caller, narrow.machine().copy()))
        assert reply.body["status"] == "Failed"
        assert without in reply.body["error"]["message"]
    finally:
        give_rights(narrow, whole)


LINKED_ACTIONS = frozenset(action for action in ROLES["tenant-machines"]["actions"] if action.endswith("/join/action"))
"""What is asked for of a resource that another one refers to: the simulated Azure counts no operation of them."""
WITH_OTHERS = frozenset(
    (
        "Microsoft.Compute/virtualMachines/instanceView/read",
        "Microsoft.Resources/subscriptions/read",
        "Microsoft.Storage/storageAccounts/read",
    )
)
"""What Azure may ask for with a machine's `$expand=instanceView`, for a subscription to be listed, and with the import of a blob; no
operation of the simulated Azure is counted for them."""
OF_THE_TIMER = "RestorePointCollections_Get"
"""What the ledger of copies is compared with once a day, by an app that has the rights of failovers alone in its test."""


INVENTORY = ("fabrics", "clouds", "recovery-services-providers", "protected-items", "protectable-items", "jobs", "recovery-plans",
             "replication-policies", "network-mappings")  # fmt: skip


def test_every_kind_of_failover_needs_all_of_its_roles_and_nothing_else(narrow: Running) -> None:
    as_app(narrow, "failovers")
    operators = {name: narrow.caller("Failovers.Read", "Failovers.Execute", tenant=name) for name in ("contoso", "provider")}
    for what in INVENTORY:
        assert operators["provider"].get(f"/{what}").status == 200, what
    contoso, provider = vault_of(narrow, "contoso"), vault_of(narrow, "provider")
    planned = [item for plan in provider["plans"] for group in plan["groups"] for item in group["members"]]
    hyper_v = next(
        item["id"]
        for item in provider["items"]
        if item["provider"] == "HyperVReplicaAzure" and item["id"] not in planned and item.get("health", "Normal") == "Normal"
    )
    network = next(
        each["id"] for each in narrow.control("GET", "estate")["virtualNetworks"] if each["id"].endswith("drill-contoso-northeurope")
    )
    first, third = ({"protectedItemId": contoso["items"][index]["id"]} for index in (0, 2))
    plan_a2a, plan_hyper_v = ({"recoveryPlanId": vault["plans"][0]["id"]} for vault in (contoso, provider))
    item_hyper_v = {"protectedItemId": hyper_v}
    without = {"options": {"network": None}}
    journeys: list[tuple[str, dict[str, str], str, dict[str, object]]] = [
        ("contoso", first, "TestFailover", {"options": {"network": network}, "thenCleanup": True}),
        ("contoso", third, "UnplannedFailover", {}),
        ("contoso", third, "Cancel", {}),
        ("contoso", third, "UnplannedFailover", {}),
        ("contoso", third, "ApplyRecoveryPoint", {}),
        ("contoso", third, "Commit", {}),
        ("contoso", third, "Reprotect", {}),
        ("contoso", plan_a2a, "TestFailover", {**without, "thenCleanup": True}),
        ("contoso", plan_a2a, "UnplannedFailover", {}),
        ("contoso", plan_a2a, "Cancel", {}),
        ("provider", item_hyper_v, "PlannedFailover", {"thenCommit": True}),
        ("provider", item_hyper_v, "Failback", {}),
        ("provider", item_hyper_v, "Commit", {}),
        ("provider", item_hyper_v, "ReverseReplicate", {}),
        ("provider", plan_hyper_v, "PlannedFailover", {"thenCommit": True}),
        ("provider", plan_hyper_v, "Failback", {"options": {"dataSync": "ForDownTime"}}),
        ("provider", plan_hyper_v, "Commit", {}),
        ("provider", plan_hyper_v, "ReverseReplicate", {}),
    ]
    for tenant, scope, action, more in journeys:
        chosen = {"options": {"recoveryPoint": newest_point(operators[tenant], scope)}} if action == "ApplyRecoveryPoint" else more
        fail_over(narrow, operators[tenant], {"scope": scope, "action": action, **chosen})
    between_clouds = next(item["id"] for item in provider["items"] if item["provider"] == "HyperVReplica2012R2")
    network_of_cloud = f"{between_clouds.split('/replicationProtectionContainers/')[0]}/replicationNetworks/any"
    asked = {"scope": {"protectedItemId": between_clouds}, "action": "TestFailover", "options": {"network": network_of_cloud}}
    undescribed = Caller(narrow.api, operators["provider"].token)  # a plan is another answer than the one that the path is described with
    assert undescribed.post("/failovers?dryRun=true", asked).status == 200
    set_up(narrow, operators["provider"], operators["contoso"], contoso["id"])
    assert [row for row in refused(narrow) if row["operation"] != OF_THE_TIMER] == []
    assert unused(narrow, "failover-networks") == []
    assert unused(narrow, "failovers") == []


def test_readiness_needs_all_of_its_roles_and_nothing_else(narrow: Running) -> None:
    as_app(narrow, "tenants")
    admin = narrow.caller("Admin", "Tenants.Read", tenant="provider")
    assert admin.get("/tenants").status == 200
    found = read_readiness(narrow)
    storage = [check for one in found.body["value"] for check in one["checks"] if check["name"] == "storage"]
    assert [check["result"] for check in storage if check["target"].endswith("/providerreplicas")] == ["pass"], storage
    assert refused(narrow) == []
    assert unused(narrow, "tenants") == []
    assert unused(narrow, "tenant-places") == []


def offer_gallery_image(stack: Running) -> str:
    """Put an image of a gallery of the provider's on contoso's plan, and return its name there."""
    estate = stack.control("GET", "estate")
    provider = next(each["subscriptions"][0] for each in estate["tenants"] if each["name"] == "provider")
    group = next(each["id"] for each in estate["resourceGroups"] if each["id"].startswith(f"/subscriptions/{provider}/"))
    image, where = f"{group}/providers/Microsoft.Compute/galleries/sold/images/ubuntu", {"location": "westeurope"}
    shown = {"storageProfile": {"osDiskImage": {"sizeInGB": 30}}, "publishingProfile": {"targetRegions": [{"name": "westeurope"}]}}
    estate["galleryImages"] = [{"id": image, **where, "properties": {"osType": "Linux", "hyperVGeneration": "V2"}}]
    estate["galleryImageVersions"] = [{"id": f"{image}/versions/1.0.0", **where, "properties": shown}]
    stack.control("PUT", "estate", estate)
    admin = stack.caller("Admin", "Tenants.Read", "Tenants.Write", tenant="provider")
    plan = admin.get("/hosting-plans/standard").body
    images = [*plan["images"], {"name": "sold", "reference": {"id": f"{image}/versions/1.0.0"}}]
    body = json.dumps({"sizes": plan["sizes"], "images": images}).encode()
    assert admin.call("PUT", "/hosting-plans/standard", body, {"Content-Type": "application/json", "If-Match": "*"}).status == 200
    return "sold"


def test_machines_need_no_more_than_their_role(narrow: Running) -> None:
    image = offer_gallery_image(narrow)
    as_app(narrow, "tenants")
    contoso = narrow.caller("Tenants.Read", "Tenants.Write")
    network = next(each["id"] for each in narrow.control("GET", "estate")["virtualNetworks"] if each["id"].endswith("/contoso-westeurope"))
    body: dict[str, object] = {
        "name": "rights01",
        "service": "contoso-production",
        "size": "Small",
        "image": "ubuntu-24",
        "deployment": {"name": "rights", "slot": "Staging"},
        "adminUsername": "azureuser",
        "adminPassword": {"value": "myAdminPwd1"},
        "dataDisks": [{"lun": 0, "sizeGB": 10}],
        "ports": [{"name": "ssh", "protocol": "tcp", "port": 59919, "localPort": 22}],
        "subnetId": f"{network}/subnets/default",
    }
    tenant, machines, one = "/tenants/contoso", "/tenants/contoso/virtual-machines", "/tenants/contoso/virtual-machines/rights01"
    blobs = next(each for each in narrow.control("GET", "estate")["storageAccounts"] if each["id"].endswith("/contosoblobs"))
    source = {"blobUri": blobs["blobs"][0]["uri"], "storageAccountId": blobs["id"]}
    journey: list[tuple[str, str, dict[str, object]]] = [
        ("POST", f"{tenant}/services", {"name": "rightsService"}),
        ("POST", machines, body),
        ("POST", f"{one}/restart", {}),
        ("POST", f"{one}/data-disks", {"lun": 3, "source": source}),
        ("PATCH", f"{one}/data-disks/3", {"caching": "ReadOnly", "acceptInterruption": True}),
        ("DELETE", f"{one}/data-disks/3", {"deleteDisk": False}),
        ("POST", f"{one}/ports", {"name": "web", "protocol": "tcp", "port": 59920, "localPort": 443}),
        ("DELETE", f"{one}/ports/web", {}),
        ("PATCH", one, {"size": "Medium", "acceptInterruption": True, "acceptDeallocation": True}),
        ("POST", f"{one}/shut-down", {"state": "stopped"}),
        ("POST", f"{one}/start", {}),
        ("POST", f"{one}/shut-down", {"state": "deallocated"}),
        ("POST", f"{one}/capture", {
            "imageName": "rights", "after": "delete", "prepared": True, "confirm": "rights01", "deleteDisks": "os",
        }),
        ("DELETE", f"{tenant}/images/rights", {"confirm": "rights"}),
    ]  # fmt: skip
    for method, path, asked in journey:
        run_machine(narrow, contoso, method, path, asked)
        if asked is body:
            assert contoso.get(one).status == contoso.get(machines).status == contoso.get(f"{tenant}/images").status == 200
    loose = contoso.get(f"{tenant}/disks", state="Unattached").body["value"]
    run_machine(narrow, contoso, "POST", f"{tenant}/disks/{loose[0]['name']}/access", {"duration": "PT1H"})
    run_machine(narrow, contoso, "DELETE", f"{tenant}/disks/{loose[0]['name']}/access", {})
    for disk in loose:
        run_machine(narrow, contoso, "DELETE", f"{tenant}/disks/{disk['name']}", {"confirm": disk["name"]})
    canceled = contoso.post(machines, {**body, "name": "rights02", "image": image}).headers["operation-location"]
    for _ in range(30):  # until its adapter is made
        if any("/rights02-nic-" in each["id"] for each in narrow.control("GET", "estate")["networkInterfaces"]):
            break
        narrow.advance("PT1S")
    narrow.advance("PT3S")
    assert contoso.post(f"/operations/{canceled.rpartition('/')[2]}/cancel").status == 202
    ended = narrow.until_ended(contoso, canceled, step="PT1M").body
    assert (ended["status"], ended["result"]["left"]) == ("Canceled", [])
    # a rule that is still being made is deleted at a later attempt
    assert [row for row in refused(narrow) if row["operation"] != "InboundNatRules_Delete"] == []
    assert set(unused(narrow, "tenant-machines")) - LINKED_ACTIONS - WITH_OTHERS == set()


def run_machine(stack: Running, caller: Caller, method: str, path: str, body: dict[str, object]) -> None:
    """Run an operation on a machine to its end."""
    reply = caller.call(method, path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    assert reply.status in {200, 202}, (path, reply)
    ended = stack.until_ended(caller, reply.headers["operation-location"], step="PT1M")
    assert ended.body["status"] == "Succeeded", (path, ended.body, refused(stack))


@pytest.mark.parametrize("without", [*ROLES["tenants"]["actions"], *ROLES["tenant-places"]["actions"]])
def test_readiness_is_not_known_where_an_action_is_missing(narrow: Running, without: str) -> None:
    whole = as_app(narrow, "tenants")
    missing = {without, as_simulated(without)}
    give_rights(narrow, [{**each, "actions": [action for action in each["actions"] if action not in missing]} for each in whole])
    read_readiness(narrow)
    actions = {route.operation: str(route.action) for route in simulated_routes()}
    assert {actions[row["operation"]].lower() for row in refused(narrow)} == {as_simulated(without).lower()}


def read_readiness(stack: Running) -> Reply:
    """Read all that the tenants' app reads of Azure: readiness, mappings, and the locations that a tenant's region is checked against."""
    admin = stack.caller("Admin", "Tenants.Read", "Tenants.Write", tenant="provider")
    assert admin.get("/readiness/mappings").status == 200
    contoso = admin.get("/tenants/contoso").body
    kept = ("displayName", "tenantId", "subscriptions", "vaultId", "settings", "plan", "storageAccounts")
    written = {name: contoso[name] for name in kept}
    body = json.dumps({**written, "region": "northeurope"}).encode()
    assert admin.call("PUT", "/tenants/contoso", body, {"Content-Type": "application/json", "If-Match": "*"}).status == 200
    found = admin.get("/readiness")
    assert found.status == 200
    return found


def set_up(stack: Running, caller: Caller, tenant: Caller, vault: str) -> None:
    """Set up each kind of thing in the provider's vault and take it away again; protect a machine in Azure of a tenant's."""
    clouds = {each["name"]: each["id"] for each in caller.get("/clouds").body["value"]}
    machine = next(each for each in caller.get("/protectable-items").body["value"] if each["name"] == "intranet01")
    mapping = caller.get("/network-mappings").body["value"][0]
    item = caller.get("/protected-items", health="Normal", provider="HyperVReplicaAzure").body["value"][0]["id"]
    mapped, protected = (
        f"/{what}/{each['id'].rsplit('/', 1)[-1]}" for what, each in (("network-mappings", mapping), ("protected-items", machine))
    )
    networks: dict[str, object] = {name: mapping[name] for name in ("primaryNetwork", "recoveryNetwork")}
    group = vault.partition("/providers/")[0]
    in_azure: dict[str, object] = {
        "virtualMachineId": stack.machine().id,
        "policy": "a2a-day",
        "resourceGroupId": group,
        "storageAccountId": f"{group}/providers/Microsoft.Storage/storageAccounts/cache",
    }
    of_contoso = [each["id"] for each in stack.control("GET", "estate")["virtualNetworks"] if "/contoso-" in each["id"]]
    virtual = {
        name: next(each for each in of_contoso if each.endswith(f"/contoso-{region}"))
        for name, region in zip(networks, ("westeurope", "northeurope"), strict=True)
    }
    changes: list[tuple[Caller, str, str, dict[str, object] | None]] = [
        (caller, "PUT", "/replication-policies/rights", {"copyFrequencySeconds": 30, "clouds": [{"cloud": clouds["cloud-gold"]}]}),
        (caller, "DELETE", "/replication-policies/rights", None),
        (caller, "DELETE", mapped, None),
        (caller, "PUT", mapped, networks),
        (caller, "PUT", "/recovery-plans/rights", {"groups": [{"members": [item]}]}),
        (caller, "DELETE", "/recovery-plans/rights", None),
        (caller, "POST", "/protected-items", {"protectableItemId": machine["id"], "policy": "every-5-minutes"}),
        (caller, "DELETE", f"{protected}?confirm=intranet01", None),
        (tenant, "POST", "/protected-items", in_azure),
        (tenant, "PUT", "/network-mappings/rights", virtual),
        (tenant, "DELETE", "/network-mappings/rights", None),
    ]
    for who, method, path, body in changes:
        content = None if body is None else json.dumps(body).encode()
        reply = who.call(method, path, content, {"Content-Type": "application/json"} if body is not None else {})
        assert reply.status == 202, (method, path, reply)
        ended = stack.until_ended(who, reply.headers["operation-location"])
        assert ended.body["status"] == "Succeeded", (method, path, ended.body)
    policy = {"cloud": clouds["cloud-silver"], "include": ["intranet02"], "protection": {"policy": "every-5-minutes"}}
    content = json.dumps(policy).encode()
    assert caller.call("PUT", "/protection-policies/rights", content, {"Content-Type": "application/json"}).status == 200
    for _ in range(5):
        stack.advance("PT1M")
    assert caller.get("/protection-policies/rights").body["protected"] == 1


def newest_point(caller: Caller, scope: dict[str, str]) -> dict[str, str]:
    """Return the newest recovery point of a protected item, by its id."""
    points = caller.get(f"/protected-items/{scope['protectedItemId'].rsplit('/', 1)[-1]}/recovery-points")
    return {"id": points.body["value"][0]["id"]}


def vault_of(stack: Running, tenant: str) -> dict[str, Any]:
    """Return a tenant's vault."""
    vaults = stack.control("GET", "estate")["vaults"]
    return dict(next(each for each in vaults if each["id"].endswith(f"/{tenant}-vault")))


def fail_over(stack: Running, caller: Caller, request: dict[str, object]) -> None:
    """Run a failover to its end; one that waits suspended is resumed."""
    real = {} if request["action"] == "TestFailover" else {"reason": "a drill", "acceptUntested": True, "acceptWarnings": True}
    if request["action"] not in {"PlannedFailover", "UnplannedFailover"}:
        real.pop("acceptUntested", None)
    reply = caller.post("/failovers", {**request, **real}, key=str(uuid.uuid4()))
    assert reply.status == 202, (request, reply)
    for _ in range(60):
        now = caller.get(reply.headers["location"]).body
        if now["step"] == "suspended":
            assert caller.post(f"{reply.headers['location']}/resume").status == 202
        if now["status"] in {"Succeeded", "Failed", "Canceled"}:
            break
        stack.advance("PT10M")
    assert now["status"] == "Succeeded", (request["action"], now["step"], now["attention"], now["error"], refused(stack))


def unused(stack: Running, role: str) -> list[str]:
    """Return the actions of a role that no operation needed so far."""
    asked = {action.lower() for action in used(stack)}
    return sorted(action for action in ROLES[role]["actions"] if as_simulated(action).lower() not in asked)


def used(stack: Running) -> set[str]:
    """Return the actions of every operation that was asked for so far."""
    actions = {(route.method, route.operation): route.action for route in simulated_routes()}
    actions |= {(route.method, route.operation): route.action for route in SECRETS}
    found = (actions[(row["method"], row["operation"])] for row in stack.control("GET", "requests")["value"])
    return {action for action in found if action}
