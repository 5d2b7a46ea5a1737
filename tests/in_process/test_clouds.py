"""A vault that tenants share: what lies in a tenant's cloud is its own, for every call, and nothing else of the vault is there for it."""

import json
from collections.abc import Iterator

import pytest

from tests.support.api import Caller, Reply
from tests.support.in_process import in_process
from tests.support.running import Running, new_key
from tests.support.sharing import BLUE, GREEN, RED, Shared
from tests.support.sites import REQUESTS, Json, of_item, of_plan
from tests.support.storage import AzuritePool

ROLES = ("Failovers.Execute", "Failovers.Read", "Failovers.Approve", "Tenants.Read")
LISTS = (
    *("/fabrics", "/clouds", "/recovery-services-providers", "/protected-items", "/protectable-items", "/recovery-plans", "/jobs"),
    *("/replication-policies", "/network-mappings"),
)
_WHOLE_VAULT = ("/fabrics", "/recovery-services-providers", "/replication-policies", "/network-mappings")


class Place:
    """The running stack, with what is in the vault."""

    def __init__(self, stack: Running, shared: Shared) -> None:
        self.stack, self.shared = stack, shared

    def person(self, tenant: str = BLUE) -> Caller:
        return self.stack.caller(*ROLES, "Admin", tenant=tenant, user=f"eve-{tenant}")

    def operator(self) -> Caller:
        """Somebody of the provider's without Admin: the provider's own things only."""
        return self.stack.caller(*ROLES, tenant="provider")

    def others(self, tenant: str) -> list[str]:
        """What an answer to a tenant must never hold."""
        found = ["cloud-blue", "cloud-green", "cloud-gold", "cloud-silver", "plan-mixed", "plan-idle", "shop", self.shared.jobs["mixed"]]
        other = GREEN if tenant == BLUE else BLUE
        found += [f"{other}0", f"{other}1", f"{other}-bare", f"plan-{other}", self.shared.jobs[other]]
        return [one for one in found if one != f"cloud-{tenant}"]

    def ended(self, caller: Caller, location: str, step: str = "PT5M") -> Json:
        body: Json = self.stack.until_ended(caller, location, step=step).body
        return body

    def effects(self) -> list[Json]:
        found: list[Json] = self.stack.control("GET", "effects")["value"]
        return found

    def rejected(self, message: object) -> Json:
        sent = self.stack.send(json.dumps(message), REQUESTS)
        rows = self.stack.caller("Admin", tenant="provider").get("/rejected-messages", top=100).body["value"]
        return next(row["reason"] for row in rows if row["messageId"] == sent)


@pytest.fixture(scope="module")
def started(azurites: AzuritePool) -> Iterator[Place]:
    shared = Shared()
    with azurites.lend() as azurite, in_process(azurite, change=shared.fill) as stack:
        yield Place(stack, shared)


@pytest.fixture
def place(started: Place) -> Place:
    """The stack; Azure lets so many reads through and no more while its clock stands still."""
    started.stack.advance("PT2M")
    return started


@pytest.fixture
def blue(place: Place) -> Caller:
    """A person of a tenant's that has nothing but a cloud in the provider's vault; Admin counts for nothing there."""
    return place.person()


def send(caller: Caller, method: str, path: str, body: object = None) -> Reply:
    headers = {"Content-Type": "application/json"} if body is not None else {}
    return caller.call(method, path, None if body is None else json.dumps(body).encode(), headers)


def start(caller: Caller, body: Json) -> str:
    reply = caller.post("/failovers", body, key=new_key())
    assert reply.status == 202, reply
    return str(reply.body["id"])


def last(id_: str) -> str:
    return id_.rpartition("/")[2]


def ids(reply: Reply) -> set[str]:
    assert reply.status == 200, reply
    return {one["id"] for one in reply.body["value"]}


def test_the_registry_tells_the_clouds(place: Place, blue: Caller) -> None:
    shown = blue.get("/tenants/blue").body
    assert (shown["clouds"], shown["vaultId"]) == ([place.shared.clouds[BLUE]], None)
    assert blue.get("/tenants/green").status == 404
    assert place.stack.caller("Admin", tenant="provider").get("/tenants/provider").body["clouds"] == []


@pytest.mark.parametrize("path", LISTS)
def test_a_list_holds_what_is_in_ones_own_cloud(place: Place, blue: Caller, path: str) -> None:
    shared = place.shared
    found = blue.get(path, vaultId=shared.vault, top=1000)
    if path in _WHOLE_VAULT:
        wanted: set[str] = set()
    elif path == "/clouds":
        wanted = {shared.clouds[BLUE]}
    elif path == "/recovery-plans":
        wanted = {shared.plans[BLUE]}
    elif path == "/jobs":
        wanted = {f"{shared.vault}/replicationJobs/{shared.jobs[BLUE]}"}
    else:
        everything = ids(place.stack.caller("Admin", tenant="provider").get(path, vaultId=shared.vault, top=1000))
        wanted = {one for one in everything if one.startswith(f"{shared.clouds[BLUE]}/")}
        assert wanted < everything
    assert wanted <= ids(found)
    if path != "/jobs":  # other tests leave jobs of blue's own behind
        assert ids(found) == wanted
    assert not [one for one in place.others(BLUE) if one in found.text_of_body()]
    assert blue.get(path, top=1000).body == found.body, "it is the default vault of who has clouds in one only"


@pytest.mark.parametrize("path", [path for path in LISTS if path != "/network-mappings"])
def test_a_single_read_is_as_the_list(place: Place, blue: Caller, path: str) -> None:
    vault = place.shared.vault
    mine = ids(blue.get(path, vaultId=vault, top=1000))
    everything = ids(place.stack.caller("Admin", tenant="provider").get(path, vaultId=vault, top=1000))
    never = blue.get(f"{path}/nobody-has-this", vaultId=vault)
    strange = sorted(everything - mine)
    assert strange
    for one in [*strange[:3], *strange[-3:]]:
        reply = blue.get(f"{path}/{last(one)}", vaultId=vault)
        assert (reply.status, reply.error["message"]) == (404, never.error["message"].replace("nobody-has-this", last(one)))
    for one in sorted(mine)[:2]:
        assert blue.get(f"{path}/{last(one)}", vaultId=vault).body["id"] == one


def test_recovery_points_are_those_of_ones_own_items(place: Place, blue: Caller) -> None:
    points = blue.get(f"/protected-items/{last(place.shared.items[BLUE][0])}/recovery-points")
    assert points.status == 200
    assert points.body["value"]
    for item in (place.shared.items[GREEN][0], place.shared.items["provider"][0]):
        assert blue.get(f"/protected-items/{last(item)}/recovery-points", vaultId=place.shared.vault).status == 404


def test_a_job_of_another_is_not_told_beside_ones_own_item(place: Place, blue: Caller) -> None:
    busy = {name: place.shared.items[BLUE][number] for number, name in ((2, "mixed"), (3, BLUE))}
    jobs = {name: blue.get(f"/protected-items/{last(item)}").body["currentJob"] for name, item in busy.items()}
    assert jobs == {"mixed": None, BLUE: place.shared.jobs[BLUE]}
    admin = place.stack.caller("Admin", tenant="provider")
    assert admin.get(f"/protected-items/{last(busy['mixed'])}").body["currentJob"] == place.shared.jobs["mixed"]
    refused = blue.post("/failovers", of_item(busy["mixed"], "TestFailover", options={"network": None}))
    assert (refused.status, place.shared.jobs["mixed"] in refused.text_of_body()) == (409, False)


def test_a_mixed_plan_is_the_vaults_owners(place: Place, blue: Caller) -> None:
    name = last(place.shared.plans["mixed"])
    assert blue.get(f"/recovery-plans/{name}").status == place.person(GREEN).get(f"/recovery-plans/{name}").status == 404
    shown = place.operator().get(f"/recovery-plans/{name}")
    assert (shown.status, [group["members"] for group in shown.body["groups"]]) == (200, [[], []])
    whole = place.stack.caller("Admin", tenant="provider").get(f"/recovery-plans/{name}").body
    assert [group["members"] for group in whole["groups"]] == [[place.shared.items[BLUE][2]], [place.shared.items[GREEN][2]]]


def test_without_admin_the_provider_sees_its_own_only(place: Place) -> None:
    operator = place.operator()
    for path in ("/clouds", "/protected-items", "/protectable-items", "/recovery-plans", "/jobs", "/replication-policies"):
        reply = operator.get(path, top=1000)
        assert reply.status == 200
        told = reply.text_of_body()
        assert not [name for name in ("cloud-blue", "cloud-green", "plan-blue", "plan-green", "blue00", "green-bare0") if name in told], (
            path
        )
    assert operator.get(f"/protected-items/{last(place.shared.items[BLUE][0])}").status == 404
    assert operator.post("/failovers", of_item(place.shared.items[BLUE][0], "Commit")).status == 404
    filtered = place.stack.caller("Admin", tenant="provider").get("/protected-items", vaultId=place.shared.vault, tenant=BLUE, top=1000)
    assert ids(filtered) == set(place.shared.items[BLUE])


def test_a_test_failover_in_anothers_vault(place: Place, blue: Caller) -> None:
    item = place.shared.items[BLUE][4]
    failover = start(blue, of_item(item, "TestFailover", options={"network": place.shared.networks[BLUE]}, thenCleanup=True))
    done = place.ended(blue, f"/failovers/{failover}")
    assert (done["status"], done["tenant"]) == ("Succeeded", BLUE)
    assert [(leg["action"], leg["status"]) for leg in done["legs"]] == [("TestFailover", "Succeeded"), ("TestFailoverCleanup", "Succeeded")]
    posts = [last(effect["path"]) for effect in place.stack.writes(f"{item}/") if effect["method"] == "POST"]
    assert posts == ["testFailover", "testFailoverCleanup"]
    assert blue.get(f"/failovers/{failover}/audit").body["verified"] is True
    assert done["job"]["id"] in {one["id"] for one in blue.get("/jobs", target=last(item)).body["value"]}
    for stranger in (place.person(GREEN), place.operator()):
        for path in (f"/failovers/{failover}", f"/failovers/{failover}/audit", f"/operations/{failover}"):
            assert stranger.get(path).status == 404
        assert failover not in {one["id"] for one in stranger.get("/failovers", top=1000).body["value"]}
    assert place.stack.caller("Admin", tenant="provider").get(f"/failovers/{failover}").body["tenant"] == BLUE
    strange = blue.post("/failovers", of_item(item, "TestFailover", options={"network": place.shared.networks["provider"]}))
    assert (strange.status, strange.error["details"][0]["message"]) == (
        409,
        f"{place.shared.networks['provider']}: the network was not found.",
    )


def test_the_rules_are_those_of_whose_item_it_is(place: Place, blue: Caller) -> None:
    admin = place.stack.caller(*ROLES, "Admin", tenant="provider", user="ann")
    failover = start(admin, of_item(place.shared.items[GREEN][4], "PlannedFailover"))
    place.stack.advance("PT1M")
    shown = place.person(GREEN).get(f"/failovers/{failover}").body
    assert (shown["tenant"], shown["step"]) == (GREEN, "awaitingApproval"), "green asks for a second person, the provider does not"
    assert admin.post(f"/failovers/{failover}/approve", {"planHash": shown["approval"]["planHash"]}).code == "OwnApproval"
    reply = place.person(GREEN).post(f"/failovers/{failover}/approve", {"planHash": shown["approval"]["planHash"]})
    assert reply.status == 202, reply
    assert place.ended(place.person(GREEN), f"/failovers/{failover}")["status"] == "Succeeded"

    moved = start(blue, of_plan(place.shared.plans[BLUE], "PlannedFailover"))
    done = place.ended(blue, f"/failovers/{moved}", "PT2M")
    assert (done["status"], done["tenant"], done["plan"]["approval"]) == ("Succeeded", BLUE, "none")
    refused = blue.post("/failovers", of_item(place.shared.items[BLUE][5], "PlannedFailover"))
    assert (refused.status, [detail["code"] for detail in refused.error["details"]]) == (409, ["blastRadius"])


def test_after_a_reprotection_an_item_is_whose_it_was(place: Place) -> None:
    red, item = place.person(RED), place.shared.items[RED][0]
    accepting = {"acceptUntested": True, "acceptWarnings": True}
    failover = start(red, of_item(item, "UnplannedFailover", **accepting, thenCommit=True, thenReprotect=True))
    done = place.ended(red, f"/failovers/{failover}")
    assert (done["status"], done["tenant"]) == ("Succeeded", RED), done
    old, new = done["protectedItemIds"]
    assert (old, new.rsplit("/", 2)[0] != old.rsplit("/", 2)[0]) == (item, True)
    shown = {one["id"]: one["tenant"] for one in red.get("/protected-items").body["value"]}
    assert shown == {new: RED, place.shared.items[RED][1]: RED, place.shared.items[RED][2]: RED}
    place.stack.advance("PT2H")  # until it has a recovery point there
    test = of_item(new, "TestFailover", options={"network": None}, thenCleanup=True)
    assert place.person().post("/failovers", test).status == place.operator().post("/failovers", test).status == 404
    assert place.ended(red, f"/failovers/{start(red, test)}")["status"] == "Succeeded"


@pytest.mark.parametrize("query", ["", "?dryRun=true"])
@pytest.mark.parametrize("action", ["TestFailover", "UnplannedFailover", "Commit"])
def test_nothing_of_anothers_can_be_asked_for(place: Place, blue: Caller, action: str, query: str) -> None:
    shared, before = place.shared, len(place.effects())
    options: Json = {"options": {"network": None}} if action == "TestFailover" else {}
    shop = f"{shared.vault}/replicationRecoveryPlans/shop"
    asked = [of_item(item, action, **options) for item in (shared.items[GREEN][0], shared.items["provider"][0])]
    asked += [of_plan(plan, action, **options) for plan in (shared.plans[GREEN], shared.plans["mixed"], shop, f"{shop}-none")]
    for body in asked:
        reply = blue.post(f"/failovers{query}", body)
        assert (reply.status, reply.code) == (404, "NotFound"), reply
    assert len(place.effects()) == before


def test_a_mixed_plan_is_not_failed_over_and_tells_no_tenants_machines(place: Place) -> None:
    operator, before = place.operator(), len(place.effects())
    plan = place.shared.plans["idle"]
    dry = operator.post("/failovers?dryRun=true", of_plan(plan, "UnplannedFailover"))
    assert dry.status == 200
    owned = next(check for check in dry.body["checks"] if check["name"] == "ownership")
    assert owned["result"] == "failure"
    refused = operator.post("/failovers", of_plan(plan, "UnplannedFailover"))
    assert (refused.status, refused.code) == (409, "ChecksFailed")
    assert "ownership" in {detail["code"] for detail in refused.error["details"]}
    for reply in (dry, refused):
        assert not [one for one in ("cloud-blue", "cloud-green", "blue06", "green07") if one in reply.text_of_body()]
    assert len(place.effects()) == before


def test_messages_belong_to_whose_cloud_it_is(place: Place, blue: Caller) -> None:
    item, key = place.shared.items[BLUE][6], new_key()
    body = of_item(item, "TestFailover", options={"network": None}, thenCleanup=True)
    place.stack.send(json.dumps({**body, "id": key}), REQUESTS)
    made = blue.get("/failovers").body["value"][0]
    assert (made["tenant"], made["scope"]["protectedItemId"], made["requestedBy"]["kind"]) == (BLUE, item, "queue")
    for named in (GREEN, "provider"):
        assert place.rejected({**body, "id": new_key(), "tenant": named})["code"] == "NotFound"
        assert place.rejected({**of_plan(place.shared.plans[BLUE], "Commit"), "id": new_key(), "tenant": named})["code"] == "NotFound"
        assert place.rejected({"operation": "cancel", "target": key, "id": new_key(), "tenant": named})["code"] == "NotFound"
    place.ended(blue, f"/failovers/{made['id']}")


def event(kind: str, tenant: str | None = None, **data: object) -> Json:
    told: Json = {"specversion": "1.0", "id": new_key(), "source": "tests", "type": f"farshore.{kind}", "data": data}
    return told | ({"tenant": tenant} if tenant else {})


def protect(place: Place, machine: str, tenant: str = BLUE) -> Json:
    return {"protectableItemId": machine, "policy": "every-5-minutes", "network": place.shared.networks[tenant]}


def test_a_tenant_sets_up_what_is_in_its_own_cloud(place: Place, blue: Caller) -> None:
    shared, before = place.shared, len(place.effects())
    where = f"?vaultId={shared.vault}"
    calls: list[tuple[str, str, object]] = [
        ("PATCH", f"/protected-items/{last(shared.items[BLUE][7])}", {"targetVmName": "blue-dr"}),
        ("POST", "/protected-items", protect(place, shared.machines[BLUE][0])),
        ("PUT", "/recovery-plans/made", {"groups": [{"members": [shared.items[BLUE][7]]}]}),
        ("DELETE", "/recovery-plans/made", None),
        ("DELETE", f"/protected-items/{last(shared.items[BLUE][8])}?confirm={last(shared.items[BLUE][8])}", None),
    ]
    for method, path, body in calls:
        reply = send(blue, method, path + (where.replace("?", "&") if "?" in path else where), body)
        assert reply.status == 202, reply
        done = place.ended(blue, reply.headers["operation-location"], "PT1M")
        assert (done["status"], done["tenant"]) == ("Succeeded", BLUE), done
    assert blue.get(f"/protected-items/{last(shared.items[BLUE][7])}").body["target"]["vmName"] == "blue-dr"
    paths = [effect["path"] for effect in place.effects()[before:]]
    assert len(paths) == len(calls)
    assert all(f"{shared.clouds[BLUE]}/" in path or path.endswith("/replicationRecoveryPlans/made") for path in paths), paths
    # the default vault is the same
    reply = send(blue, "PATCH", f"/protected-items/{last(shared.items[BLUE][7])}", {"targetVmName": "blue-two"})
    assert place.ended(blue, reply.headers["operation-location"], "PT1M")["status"] == "Succeeded"


def test_a_tenant_sets_up_nothing_else_of_the_vault(place: Place, blue: Caller) -> None:
    shared, before = place.shared, len(place.effects())
    mine, greens, providers = shared.items[BLUE][9], shared.items[GREEN][5], shared.items["provider"][0]
    policy = {"copyFrequencySeconds": 30, "recoveryPointHours": 12, "clouds": [{"cloud": shared.clouds[BLUE]}]}
    network = {"primaryNetwork": f"{shared.fabric}/replicationNetworks/one", "recoveryNetwork": shared.networks[BLUE]}
    calls: list[tuple[str, str, object, int]] = [
        ("PUT", "/replication-policies/every-5-minutes", policy, 404),
        ("PUT", "/replication-policies/mine", policy, 404),
        ("DELETE", "/replication-policies/every-5-minutes", None, 404),
        ("PUT", "/network-mappings/mine", network, 404),
        ("DELETE", "/network-mappings/mine", None, 404),
        *(("PATCH", f"/protected-items/{last(item)}", {"targetVmName": "stolen"}, 404) for item in (greens, providers)),
        *(("DELETE", f"/protected-items/{last(item)}?confirm={last(item)}", None, 404) for item in (greens, providers)),
        ("POST", "/protected-items", protect(place, shared.machines[GREEN][0]), 404),
        ("POST", "/protected-items", protect(place, shared.machines[BLUE][1], GREEN), 404),
        ("POST", "/protected-items", {"items": [protect(place, shared.machines[one][1]) for one in (BLUE, GREEN)]}, 404),
        *(("PUT", f"/recovery-plans/{name}", {"groups": [{"members": [mine]}]}, 404) for name in ("plan-green", "plan-mixed", "shop")),
        *(("DELETE", f"/recovery-plans/{name}", None, 404) for name in ("plan-green", "plan-mixed", "shop")),
        *(("PUT", "/recovery-plans/new", {"groups": [{"members": [mine, item]}]}, 400) for item in (greens, providers)),
        ("PUT", "/recovery-plans/plan-blue", {"groups": [{"members": [mine, greens]}]}, 400),
    ]
    for method, path, body, status in calls:
        reply = send(blue, method, f"{path}{'&' if '?' in path else '?'}vaultId={shared.vault}", body)
        assert reply.status == status, (method, path, reply)
        asked = f"{path} {json.dumps(body)}"
        assert not [one for one in place.others(BLUE) if one in reply.text_of_body() and one not in asked], reply
        place.stack.advance("PT10S")
    place.stack.advance("PT5M")
    assert len(place.effects()) == before


@pytest.mark.parametrize("foreign", ["virtualMachineId", "resourceGroupId", "storageAccountId", "network"])
def test_a_machine_is_protected_with_ones_own_things_only(place: Place, foreign: str) -> None:
    machines = place.stack.control("GET", "estate")["virtualMachines"]
    vms = {tenant: next(vm["id"] for vm in machines if vm["id"].endswith(f"/{tenant}-app01")) for tenant in ("contoso", "fabrikam")}

    def named(tenant: str) -> dict[str, str]:
        group = vms[tenant].partition("/providers/")[0].replace("production", "recovery")
        return {
            "virtualMachineId": vms[tenant],
            "resourceGroupId": group,
            "storageAccountId": f"{group}/providers/Microsoft.Storage/storageAccounts/cache",
            "network": f"{group}/providers/Microsoft.Network/virtualNetworks/{tenant}-northeurope",
        }

    before = len(place.effects())
    body = {**named("contoso"), foreign: named("fabrikam")[foreign], "policy": "a2a-day"}
    reply = send(place.person("contoso"), "POST", "/protected-items", body)
    assert (reply.status, reply.error["target"]) == (404, foreign)
    assert len(place.effects()) == before


def test_the_provider_reaches_into_a_cloud_with_admin_only(place: Place) -> None:
    shared, operator, before = place.shared, place.operator(), len(place.effects())
    item = last(shared.items[GREEN][6])
    assert send(operator, "PATCH", f"/protected-items/{item}", {"targetVmName": "stolen"}).status == 404
    assert send(operator, "PUT", "/recovery-plans/plan-green", {"groups": [{"members": [shared.items["provider"][0]]}]}).status == 404
    assert send(operator, "POST", "/protected-items", protect(place, shared.machines[GREEN][0], "provider")).status == 404
    used = send(operator, "DELETE", "/replication-policies/every-5-minutes")
    assert (used.status, used.code, "cloud-" in used.text_of_body()) == (409, "ActionNotAllowed", False)
    assert len(place.effects()) == before
    admin = place.stack.caller(*ROLES, "Admin", tenant="provider")
    reply = send(admin, "PATCH", f"/protected-items/{item}", {"targetVmName": "green-dr"})
    done = place.ended(admin, reply.headers["operation-location"], "PT1M")
    assert (done["status"], done["tenant"]) == ("Succeeded", GREEN)
    both = {"items": [protect(place, shared.machines[one][1], one) for one in (BLUE, GREEN)]}
    assert (send(admin, "POST", "/protected-items", both).status, len(place.effects())) == (400, before + 1)


def test_set_up_by_queue_is_confined_alike(place: Place, blue: Caller) -> None:
    item = place.shared.items[BLUE][10]
    asked = (
        event("protectedItem.update", target=item, targetVmName="one"),
        event("protectedItem.update", tenant=BLUE, target=last(item), targetVmName="two"),
        event("protectedItem.update", tenant=BLUE, target=last(item), targetVmName="three", vaultId=place.shared.vault),
        event("recoveryPlan.create", name="told", vaultId=place.shared.vault, groups=[{"members": [item]}]),
    )
    for message in asked:
        place.stack.send(json.dumps(message), REQUESTS)
        place.stack.advance("PT2M")
        place.stack.advance("PT2M")
        made = blue.get("/operations", kind=str(message["type"]).split(".")[1], top=1).body["value"][0]
        assert (made["tenant"], made["status"]) == (BLUE, "Succeeded"), (message, made)
    assert blue.get(f"/protected-items/{last(item)}").body["target"]["vmName"] == "three"
    assert blue.get("/recovery-plans/told").status == 200
    before = len(place.effects())
    for message in (
        event("protectedItem.update", tenant=GREEN, target=item, targetVmName="stolen"),
        event("protectedItem.update", tenant=GREEN, target=last(item), targetVmName="stolen"),
        event("protectedItem.update", target=last(item), targetVmName="stolen", vaultId=place.shared.vault),
        event("recoveryPlan.create", name="both", groups=[{"members": [item, place.shared.items[GREEN][0]]}]),
        event("recoveryPlan.delete", tenant=GREEN, target="told"),
        event("drill.create", tenant=GREEN, name="d", protectedItemIds=[item], every="P7D", network=place.shared.networks[GREEN]),
    ):
        assert place.rejected(message)["code"] == "NotFound", message
    assert len(place.effects()) == before
    assert send(blue, "DELETE", "/recovery-plans/told").status == 202
    place.stack.advance("PT5M")


def test_drills_are_of_ones_own_items(place: Place, blue: Caller) -> None:
    shared, green = place.shared, place.person(GREEN)
    item = shared.items[BLUE][11]
    body = {"protectedItemIds": [item], "every": "P7D", "network": shared.networks[BLUE], "firstAt": "2199-01-01T00:00:00Z"}
    made = send(blue, "PUT", "/drill-policies/weekly", body)
    assert (made.status, made.body["tenant"]) == (200, BLUE), made
    for strange in (shared.items[GREEN][0], shared.items["provider"][0]):
        refused = send(blue, "PUT", "/drill-policies/other", {**body, "protectedItemIds": [strange]})
        assert (refused.status, refused.targets) == (400, {"protectedItemIds[0]"})
    for plan in (shared.plans[GREEN], shared.plans["mixed"]):
        assert send(blue, "PUT", "/drill-policies/other", {**body, "recoveryPlanIds": [plan]}).status == 400
    theirs = {**body, "protectedItemIds": [shared.items[GREEN][0]]}
    for method, path, sent in (
        ("GET", "/drill-policies/weekly", None),
        ("GET", "/drill-policies/weekly/report", None),
        ("PUT", "/drill-policies/weekly", theirs),
        ("POST", "/drill-policies/weekly/run", None),
        ("DELETE", "/drill-policies/weekly", None),
    ):
        assert send(green, method, path, sent).status == 404, (method, path)
        assert send(place.operator(), method, path, sent).status in {400, 404}, (method, path)
    assert green.get("/drill-policies").body["value"] == place.operator().get("/drill-policies").body["value"] == []
    assert [one["name"] for one in blue.get("/drill-policies").body["value"]] == ["weekly"]
    begun = send(blue, "POST", "/drill-policies/weekly/run")
    failover = begun.body["value"][0]["failoverId"]
    assert place.ended(blue, f"/failovers/{failover}")["tenant"] == BLUE
    assert send(blue, "DELETE", "/drill-policies/weekly").status == 204


def test_readiness_is_of_ones_own_cloud(place: Place, blue: Caller) -> None:
    reply = blue.get("/tenants/blue/readiness")
    assert reply.status == 200
    assert reply.body["vaultId"] == place.shared.vault
    checks = {(check["name"], check["target"]): check["result"] for check in reply.body["checks"]}
    assert checks["vault", BLUE] == "pass"
    assert checks["cloud", "cloud-blue"] == "pass", "it has a VM, and so a host"
    assert {target for name, target in checks if name == "providerVersion"} == {"vmm01.provider.example"}
    assert {target for name, target in checks if name == "machines"} >= {"blue00", "blue-bare1"}
    assert not [one for one in place.others(BLUE) if one in reply.text_of_body()]
