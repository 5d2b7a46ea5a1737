"""A vault that tenants share: what lies in a tenant's cloud is its own, for every call, and nothing else of the vault is there for it."""

import json

import pytest

from tests.support.api import Caller
from tests.support.clouds import ROLES, Place, ids, last, send, start
from tests.support.running import new_key
from tests.support.sharing import BLUE, GREEN, RED
from tests.support.sites import REQUESTS, Json, of_item, of_plan

LISTS = (
    *("/fabrics", "/clouds", "/recovery-services-providers", "/protected-items", "/protectable-items", "/recovery-plans", "/jobs"),
    *("/replication-policies", "/network-mappings"),
)


_WHOLE_VAULT = ("/fabrics", "/recovery-services-providers", "/replication-policies", "/network-mappings")


def test_the_registry_shows_the_clouds(place: Place, blue: Caller) -> None:
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


def test_a_job_of_another_is_not_reported_beside_ones_own_item(place: Place, blue: Caller) -> None:
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


def test_a_mixed_plan_is_not_failed_over_and_shows_no_tenants_machines(place: Place) -> None:
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
