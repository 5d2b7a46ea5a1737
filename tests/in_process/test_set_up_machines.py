"""Protecting machines and making recovery plans over real HTTP: each write once, followed to its job's end, and read back."""

import json
from typing import Any

import pytest

from shared.operations.model.identity import operation_id
from tests.support.api import Caller
from tests.support.running import Running, new_key
from tests.support.set_up import ROLES, done, machine, send, values, writes

pytestmark = pytest.mark.usefixtures("full_bucket")


@pytest.fixture
def provider(stack: Running) -> Caller:
    """A caller of the provider's who may set up protection."""
    return stack.caller(*ROLES, tenant="provider")


@pytest.fixture
def tenant(stack: Running) -> Caller:
    """A caller of contoso's who may set up protection."""
    return stack.caller(*ROLES)


def test_machines_are_protected_changed_and_let_go(stack: Running, provider: Caller) -> None:
    network = values(provider, "/network-mappings")[0]["recoveryNetwork"]
    wanted = [machine(provider, name) for name in ("intranet01", "intranet02")]
    body = {
        "items": [{"protectableItemId": one["id"], "policy": "every-5-minutes", "network": network} for one in wanted],
    }
    reply = send(provider, "POST", "/protected-items", body)
    assert reply.status == 202, reply
    busy = send(provider, "POST", "/protected-items", body["items"][0])
    assert (busy.status, busy.code) == (409, "ScopeBusy")
    ended = stack.until_ended(provider, reply.headers["operation-location"], step="PT1M").body
    assert ended["status"] == "Succeeded", ended
    for one in wanted:
        name = one["id"].rpartition("/")[2]
        item = provider.get(f"/protected-items/{name}").body
        assert (item["name"], item["provider"]) == (one["name"], "HyperVReplicaAzure")
        assert item["target"]["network"].lower() == network.lower()
        assert writes(stack, f"replicationProtectedItems/{name}") == ["PUT"]
    again = send(provider, "POST", "/protected-items", body["items"][0])
    assert (again.status, again.code) == (409, "ActionNotAllowed")

    stack.advance("PT2H")  # the first copy of the data
    path = f"/protected-items/{wanted[0]['id'].rpartition('/')[2]}"
    done(stack, provider, "PATCH", path, {"targetVmName": "intranet-dr", "targetVmSize": "Standard_D4s_v3"})
    target = provider.get(path).body["target"]
    assert (target["vmName"], target["vmSize"]) == ("intranet-dr", "Standard_D4s_v3")
    assert target["network"].lower() == network.lower()  # what was not named stays

    assert send(provider, "DELETE", path).targets == {"confirm"}
    refused = send(provider, "DELETE", f"{path}?confirm=intranet02")
    assert (refused.status, refused.targets) == (400, {"confirm"})
    assert provider.get(path).status == 200
    done(stack, provider, "DELETE", f"{path}?confirm=intranet01")
    assert provider.get(path).status == 404
    done(stack, provider, "DELETE", f"/protected-items/{wanted[1]['id'].rpartition('/')[2]}", {"confirm": "intranet02"})


def test_machines_that_cannot_be_protected_are_refused_with_the_reason(stack: Running, provider: Caller) -> None:
    unfit = machine(provider, "cluster01")
    reply = send(provider, "POST", "/protected-items", {"protectableItemId": unfit["id"], "policy": "every-5-minutes"})
    assert (reply.status, reply.code) == (409, "ChecksFailed")
    assert unfit["readinessErrors"][0] in reply.error["message"]
    fit = {"protectableItemId": machine(provider, "branch03")["id"], "policy": "every-5-minutes"}
    for change, field in (
        ({"policy": "nobody-has-this"}, "policy"),
        ({"policy": "vmware"}, "policy"),
        ({"policy": "every-30-seconds"}, "policy"),  # not associated with the site
        ({"targetVmName": "x" * 64}, "targetVmName"),
        ({"targetVmName": "under_score"}, "targetVmName"),
    ):
        for body, prefix in (({**fit, **change}, ""), ({"items": [{**fit, **change}]}, "items[0].")):
            reply = send(provider, "POST", "/protected-items", body)
            assert (reply.status, reply.targets) == (400, {f"{prefix}{field}"}), (change, reply)
    gone = send(provider, "POST", "/protected-items", {**fit, "protectableItemId": f"{fit['protectableItemId']}-not"})
    assert (gone.status, gone.code) == (404, "SourceNotFound")
    assert not writes(stack, fit["protectableItemId"].rpartition("/")[2])


def test_a_busy_item_cannot_be_changed(stack: Running, provider: Caller) -> None:
    reply = send(provider, "DELETE", "/protected-items/busy01?confirm=busy01")
    assert (reply.status, reply.code) == (409, "ActionNotAllowed")
    assert not writes(stack, "replicationProtectedItems/busy01")


def test_a_failover_and_a_change_exclude_each_other(stack: Running, provider: Caller) -> None:
    item = next(one for one in values(provider, "/protected-items") if one["name"] == "branch02")
    body = {"scope": {"protectedItemId": item["id"]}, "action": "TestFailover", "options": {"network": None}, "thenCleanup": True}
    started = provider.post("/failovers", body)
    assert started.status == 202, started
    for method, path, change in (
        ("PATCH", "/protected-items/branch02", {"targetVmName": "other"}),
        ("DELETE", "/protected-items/branch02?confirm=branch02", None),
    ):
        reply = send(provider, method, path, change)
        assert (reply.status, reply.code) == (409, "ScopeBusy")
    stack.until_ended(provider, started.headers["location"], step="PT5M")
    changed = send(provider, "PATCH", "/protected-items/branch02", {"targetVmSize": "Standard_D4s_v3"})
    assert changed.status == 202
    busy = provider.post("/failovers", body)
    assert (busy.status, busy.code) == (409, "ScopeBusy")
    stack.until_ended(provider, changed.headers["operation-location"], step="PT1M")


def test_a_recovery_plan_is_made_reordered_and_deleted(stack: Running, provider: Caller) -> None:
    items = {one["name"]: one["id"] for one in values(provider, "/protected-items")}
    groups = [{"members": [items["erp01"]]}, {"members": [items["erp02"], items["mail01"]]}]
    path = "/recovery-plans/erp"
    done(stack, provider, "PUT", path, {"groups": groups})
    plan = provider.get(path).body
    boot = [group["members"] for group in plan["groups"] if group["type"] == "Boot"]
    assert boot == [group["members"] for group in groups]
    assert plan["primary"].endswith("/vmm01")
    done(stack, provider, "PUT", path, {"groups": groups[::-1]})
    boot = [group["members"] for group in provider.get(path).body["groups"] if group["type"] == "Boot"]
    assert boot == [group["members"] for group in groups[::-1]]
    other = send(provider, "PUT", path, {"groups": groups, "primary": plan["primary"].replace("vmm01", "site01")})
    assert other.targets == {"primary"}
    done(stack, provider, "DELETE", path)
    assert provider.get(path).status == 404
    assert writes(stack, "replicationRecoveryPlans/erp") == ["PUT", "PATCH", "DELETE"]


def test_plans_that_cannot_be_are_refused_with_the_field(stack: Running, provider: Caller) -> None:
    items = {one["name"]: one["id"] for one in values(provider, "/protected-items")}
    erp = items["erp01"]
    for groups, field in (
        ([], "groups"),
        ([{"members": [f"{erp}-not"]}], "groups[0].members[0]"),
        ([{"members": ["erp01"]}], "groups[0].members[0]"),
        ([{"type": "Nap", "members": [erp]}], "groups[0].type"),
        ([{"type": "Shutdown", "members": [erp]}], "groups[0]"),
        ([{"members": [f"{erp}{number}"]} for number in range(8)], "groups"),
    ):
        reply = send(provider, "PUT", "/recovery-plans/wrong", {"groups": groups})
        assert (reply.status, reply.targets) == (400, {field}), (groups, reply)
    for groups, words in (
        ([{"members": [erp]}, {"members": [erp]}], "one group"),
        ([{"members": [f"{erp}{number}" for number in range(101)]}], "100"),
        ([{"members": [erp, items["branch01"]]}], "fabric"),
    ):
        reply = send(provider, "PUT", "/recovery-plans/wrong", {"groups": groups})
        assert reply.status == 400, reply
        assert words in reply.error["message"]
    assert not writes(stack, "replicationRecoveryPlans/wrong")


def test_a_machine_in_azure_is_protected_to_the_other_region(stack: Running, tenant: Caller) -> None:
    vm = stack.machine()
    group = vm.id.partition("/providers/")[0].replace("production", "recovery")
    body = {
        "virtualMachineId": vm.id,
        "policy": "a2a-day",
        "availabilityZone": "2",
        "diskType": "PremiumV2_LRS",
        "diskEncryptionSetId": f"{group}/providers/Microsoft.Compute/diskEncryptionSets/keys",
        "resourceGroupId": group,
        "storageAccountId": f"{group}/providers/Microsoft.Storage/storageAccounts/cache",
    }
    done(stack, tenant, "POST", "/protected-items", body)
    name = vm.id.rpartition("/")[2]
    (listed,) = [one for one in values(tenant, "/protected-items") if one["name"] == name]
    item = tenant.get(f"/protected-items/{listed['id'].rpartition('/')[2]}").body
    assert (item["provider"], item["tenant"]) == ("A2A", "contoso")
    assert writes(stack, f"replicationProtectedItems/{name}-") == ["PUT"]
    again = send(tenant, "POST", "/protected-items", body)
    assert (again.status, again.code) == (409, "ActionNotAllowed")


def event(kind: str, tenant: str | None = None, **data: object) -> dict[str, object]:
    told: dict[str, object] = {"specversion": "1.0", "id": new_key(), "source": "tests", "type": f"farshore.{kind}", "data": data}
    return told | ({"tenant": tenant} if tenant else {})


def test_items_and_plans_are_set_up_by_queue_too(stack: Running, provider: Caller) -> None:
    items = {one["name"]: one["id"] for one in values(provider, "/protected-items")}
    queue = "failover-requests"

    def told(message: dict[str, object]) -> dict[str, Any]:
        stack.send(json.dumps(message), queue)
        name = str(message["type"]).split(".")[1]
        key = f"{message['source']} {message['id']}"
        ended = stack.until_ended(provider, f"/operations/{operation_id('provider', name, key)}", step="PT1M").body
        assert ended["status"] == "Succeeded", ended
        return dict(ended)

    groups = [{"members": [items["mail01"]]}, {"members": [items["mail02"]]}]
    assert told(event("recoveryPlan.create", name="queued", groups=groups))["tenant"] == "provider"
    assert provider.get("/recovery-plans/queued").status == 200
    told(event("recoveryPlan.delete", target="queued"))
    assert provider.get("/recovery-plans/queued").status == 404
    told(event("protectedItem.update", target=items["branch01"], targetVmName="branch-dr"))
    assert provider.get("/protected-items/branch01").body["target"]["vmName"] == "branch-dr"
    told(event("protectedItem.create", protectableItemId=machine(provider, "branch03")["id"], policy="every-5-minutes"))
    assert any(one["name"] == "branch03" for one in values(provider, "/protected-items"))


def test_a_message_that_cannot_be_carried_out_is_rejected_with_the_reason(stack: Running) -> None:
    admin = stack.caller("Admin", tenant="provider")
    item = values(stack.caller(*ROLES, tenant="provider"), "/protected-items")[0]["id"]
    for message, target in (
        (event("protectedItem.delete", target=item, confirm="another"), "confirm"),
        (event("protectedItem.delete", target=item), "confirm"),
        (event("protectedItem.update", tenant="contoso", target=item, targetVmName="stolen"), None),
        (event("recoveryPlan.create", groups=[]), "name"),
        (event("recoveryPlan.dance", target="shop"), "operation"),
    ):
        sent = stack.send(json.dumps(message), "failover-requests")
        rejected = next(one for one in values(admin, "/rejected-messages") if one["messageId"] == sent)
        assert target is None or rejected["reason"]["target"] == target, rejected
