"""Drills over real HTTP: begun once per slot, always cleaned up, with a result per item."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.api import Caller, Reply
from tests.support.running import Running

pytestmark = pytest.mark.usefixtures("full_bucket")

ROLES = ("Failovers.Read", "Failovers.Execute")


@pytest.fixture
def provider(stack: Running) -> Caller:
    """A caller of the provider's who may drill."""
    return stack.caller(*ROLES, tenant="provider")


def put(caller: Caller, name: str, body: object, **query: str) -> Reply:
    path = f"/drill-policies/{name}" + "".join(f"?{key}={value}" for key, value in query.items())
    return caller.call("PUT", path, json.dumps(body).encode(), {"Content-Type": "application/json"})


def item(caller: Caller, name: str) -> dict[str, Any]:
    return next(one for one in caller.get("/protected-items").body["value"] if one["name"] == name)


def network(stack: Running, tenant: str = "provider") -> str:
    networks = stack.control("GET", "estate")["virtualNetworks"]
    return str(next(one["id"] for one in networks if f"drill-{tenant}-northeurope" in one["id"]))


def now(stack: Running) -> datetime:
    return datetime.fromisoformat(stack.control("GET", "clock")["now"])


def policy(stack: Running, caller: Caller, *names: str, **more: object) -> dict[str, Any]:
    return {
        "protectedItemIds": [item(caller, name)["id"] for name in names],
        "every": "P7D",
        "network": network(stack),
        "firstAt": (now(stack) + timedelta(minutes=10)).isoformat(),
        **more,
    }


def report(caller: Caller, name: str) -> dict[str, Any]:
    reply = caller.get(f"/drill-policies/{name}/report")
    assert reply.status == 200, reply
    found: dict[str, Any] = reply.body
    return found


def pass_time(stack: Running, times: int, step: str = "PT10M") -> None:
    for _ in range(times):
        stack.advance(step)


def deeds(stack: Running, name: str, since: int) -> list[str]:
    """What was done to an item in Azure after a moment, in order."""
    found = stack.control("GET", f"effects?since={since}")["value"]
    return [effect["path"].rpartition("/")[2] for effect in found if f"/replicationprotecteditems/{name}/" in effect["path"].lower()]


def last_effect(stack: Running) -> int:
    return max((effect["sequence"] for effect in stack.control("GET", "effects")["value"]), default=0)


def test_items_are_drilled_once_in_each_slot_and_cleaned_up(stack: Running, provider: Caller) -> None:
    since = last_effect(stack)
    never = [one["name"] for one in provider.get("/protected-items", neverTested="true").body["value"]]
    assert "new01" in never
    body = policy(stack, provider, "mail01", "new01", keepFor="PT30M")
    made = put(provider, "weekly", body)
    assert made.status == 200, made
    assert made.body["nextSlot"] == made.body["firstAt"]
    assert [one["never"] for one in made.body["scopes"]] == [True, True]
    assert report(provider, "weekly")["value"] == []
    stack.advance("PT5M")
    assert deeds(stack, "mail01", since) == []  # its time has not come

    pass_time(stack, 12)
    told = report(provider, "weekly")
    assert (told["succeeded"], told["failed"], len(told["value"])) == (2, 0, 2), told
    for run in told["value"]:
        assert (run["status"], run["cleanedUp"], run["slot"]) == ("Succeeded", True, made.body["firstAt"])
        assert run["items"] == [run["scope"]]
        failover = provider.get(f"/failovers/{run['failoverId']}").body
        assert (failover["status"], failover["requestedBy"]["kind"]) == ("Succeeded", "system")
    for name in ("mail01", "new01"):
        assert deeds(stack, name, since) == ["testFailover", "testFailoverCleanup"]
    assert [one["never"] for one in told["scopes"]] == [False, False]
    assert "new01" not in [one["name"] for one in provider.get("/protected-items", neverTested="true").body["value"]]

    pass_time(stack, 1, "P7D")
    pass_time(stack, 12)
    assert len(report(provider, "weekly")["value"]) == 4
    assert deeds(stack, "mail01", since) == ["testFailover", "testFailoverCleanup"] * 2
    assert provider.call("DELETE", "/drill-policies/weekly").status == 204
    assert provider.get("/drill-policies/weekly").status == 404
    pass_time(stack, 2, "P4D")
    assert deeds(stack, "mail01", since) == ["testFailover", "testFailoverCleanup"] * 2


def test_a_recovery_plan_is_drilled_with_its_members(stack: Running, provider: Caller) -> None:
    plan = provider.get("/recovery-plans/shop").body
    body = policy(stack, provider) | {"recoveryPlanIds": [plan["id"]]}
    assert put(provider, "shop-drill", body).status == 200
    pass_time(stack, 16)
    (run,) = report(provider, "shop-drill")["value"]
    assert (run["status"], run["cleanedUp"], len(run["items"])) == ("Succeeded", True, 3)
    assert provider.call("DELETE", "/drill-policies/shop-drill").status == 204


def test_a_cleanup_that_failed_is_made_again(stack: Running, provider: Caller) -> None:
    since = last_effect(stack)
    stack.fault("failJob", method="POST", path="/mail02/testFailoverCleanup$", code="12345")
    assert put(provider, "unlucky", policy(stack, provider, "mail02")).status == 200
    pass_time(stack, 16)
    (run,) = report(provider, "unlucky")["value"]
    assert (run["status"], run["cleanedUp"]) == ("Succeeded", True)
    assert deeds(stack, "mail02", since) == ["testFailover", "testFailoverCleanup", "testFailoverCleanup"]
    assert item(provider, "mail02")["testFailoverState"] != "WaitingForCompletion"
    assert provider.call("DELETE", "/drill-policies/unlucky").status == 204


def test_a_drill_is_cleaned_up_after_a_crash(stack: Running, provider: Caller) -> None:
    since = last_effect(stack)
    assert put(provider, "crashing", policy(stack, provider, "mail01", stands="PT30M")).status == 200
    pass_time(stack, 2)
    assert deeds(stack, "mail01", since) == ["testFailover"]
    stack.restart()
    pass_time(stack, 16)
    (run,) = report(provider, "crashing")["value"]
    assert (run["status"], run["cleanedUp"]) == ("Succeeded", True)
    assert deeds(stack, "mail01", since) == ["testFailover", "testFailoverCleanup"]
    assert provider.call("DELETE", "/drill-policies/crashing").status == 204


def test_a_drill_that_failed_is_a_result_and_is_cleaned_up(stack: Running, provider: Caller) -> None:
    stack.fault("failJob", method="POST", path="/erp02/testFailover$", code="12345")
    assert put(provider, "failing", policy(stack, provider, "erp02")).status == 200
    pass_time(stack, 16)
    told = report(provider, "failing")
    (run,) = told["value"]
    assert (run["status"], run["cleanedUp"], told["failed"]) == ("Failed", True, 1)
    assert run["error"]["code"]
    assert told["scopes"][0]["never"] is True
    assert item(provider, "erp02")["testFailoverState"] != "WaitingForCompletion"
    assert provider.call("DELETE", "/drill-policies/failing").status == 204


def test_a_drill_that_azure_does_not_allow_is_a_result_too(stack: Running, provider: Caller) -> None:
    assert put(provider, "busy", policy(stack, provider, "busy01")).status == 200
    pass_time(stack, 2)
    (run,) = report(provider, "busy")["value"]
    assert (run["status"], run["failoverId"], run["error"]["code"]) == ("Failed", None, "ActionNotAllowed")
    assert provider.call("DELETE", "/drill-policies/busy").status == 204


def test_a_drill_can_be_made_now(stack: Running, provider: Caller) -> None:
    body = policy(stack, provider, "erp01") | {"firstAt": "2999-01-01T00:00:00Z"}
    assert put(provider, "by-hand", body).status == 200
    begun = provider.post("/drill-policies/by-hand/run")
    assert begun.status == 202, begun
    assert len(begun.body["value"]) == 1
    pass_time(stack, 12)
    (run,) = report(provider, "by-hand")["value"]
    assert (run["status"], run["cleanedUp"]) == ("Succeeded", True)
    assert provider.call("DELETE", "/drill-policies/by-hand").status == 204


def test_policies_are_kept_and_run_by_queue_too(stack: Running, provider: Caller) -> None:
    def tell(operation: str, **data: object) -> None:
        event = {"specversion": "1.0", "id": f"drill {operation} {now(stack)}", "source": "tests", "type": f"farshore.drill.{operation}"}
        stack.send(json.dumps({**event, "data": data}), "failover-requests")

    tell("create", name="queued", **(policy(stack, provider, "erp01") | {"firstAt": "2999-01-01T00:00:00Z"}))
    assert provider.get("/drill-policies/queued").status == 200
    tell("run", target="queued")
    pass_time(stack, 12)
    (run,) = report(provider, "queued")["value"]
    assert (run["status"], run["cleanedUp"]) == ("Succeeded", True)
    tell("delete", target="queued")
    assert provider.get("/drill-policies/queued").status == 404


def test_what_cannot_be_a_policy_is_refused_with_the_field(stack: Running, provider: Caller) -> None:
    good = policy(stack, provider, "erp01")
    for change, field in (
        ({"every": "PT5M"}, "every"),
        ({"every": "weekly"}, "every"),
        ({"protectedItemIds": [f"{good['protectedItemIds'][0]}-not"]}, "protectedItemIds[0]"),
        ({"network": "somewhere"}, "network"),
        ({"late": "Perhaps"}, "late"),
        ({"colour": "red"}, "colour"),
    ):
        reply = put(provider, "wrong", {**good, **change})
        assert (reply.status, reply.targets) == (400, {field}), reply
    lacking = {name: value for name, value in good.items() if name != "network"}
    assert put(provider, "wrong", lacking).targets == {"network"}  # an isolated network is the caller's decision
    assert put(provider, "wrong", {**good, "protectedItemIds": []}).status == 400
    assert provider.get("/drill-policies/wrong").status == 404


def test_policies_are_the_vaults_own(stack: Running, provider: Caller) -> None:
    good = policy(stack, provider, "erp01", enabled=False)
    made = put(provider, "own", good).body
    assert provider.get("/drill-policies/own").body == made
    assert made in provider.get("/drill-policies").body["value"]
    tenant = stack.caller(*ROLES)
    vault = made["vaultId"]
    assert "own" not in {one["name"] for one in tenant.get("/drill-policies").body["value"]}
    for path in ("/drill-policies/own", "/drill-policies/own/report"):
        assert tenant.get(path).status == 404
        assert tenant.get(path, vaultId=vault).status == 404
    assert put(tenant, "own", good, vaultId=vault).status == 404
    assert put(tenant, "own", good).targets == {"protectedItemIds[0]"}  # another's items
    assert tenant.call("DELETE", f"/drill-policies/own?vaultId={vault}").status == 404
    assert tenant.post(f"/drill-policies/own/run?vaultId={vault}").status == 404
    reader = stack.caller("Failovers.Read", tenant="provider")
    assert put(reader, "own", good).status == 403
    assert reader.call("DELETE", "/drill-policies/own").status == 403
    assert stack.caller("Failovers.Execute", tenant="provider").get("/drill-policies").status == 403
    admin = stack.caller("Admin", tenant="provider")
    assert admin.get("/drill-policies/own", vaultId=vault).status == 200
    assert provider.call("DELETE", "/drill-policies/own").status == 204
