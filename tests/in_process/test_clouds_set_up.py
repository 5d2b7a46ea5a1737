"""Setting up what lies in a tenant's cloud, in a vault that tenants share: with its own things only, over HTTP and by queue."""

import json

import pytest

from tests.support.api import Caller
from tests.support.clouds import ROLES, Place, event, last, send
from tests.support.sharing import BLUE, GREEN
from tests.support.sites import REQUESTS, Json


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
