"""A copy policy over real HTTP and storage, from its document to the copies of a run; every answer is held against the description."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest

from tests.support.api import Caller, Reply
from tests.support.running import READ_WRITE, Machine, Running, new_key

JSON = {"Content-Type": "application/json"}


def put(caller: Caller, path: str, body: Mapping[str, Any], **conditions: str) -> Reply:
    headers = JSON | {name.replace("_", "-"): value for name, value in conditions.items()}
    return caller.call("PUT", path, json.dumps(body).encode(), headers)


def document(*machines: Machine, **more: object) -> dict[str, object]:
    return {
        "selector": {"virtualMachineIds": [machine.id for machine in machines]},
        "schedule": {"every": "PT6H"},
        "targets": [machines[0].target()],
        "retention": {"keepLast": 3},
        "enabled": False,
        **more,
    }


@pytest.fixture
def machines(stack: Running, contoso: Caller) -> Iterator[tuple[Machine, Machine]]:
    """Two machines, of which a policy `nightly` is made; it is deleted at the end."""
    own = stack.machine(), stack.machine()
    made = put(contoso, "/copy-policies/nightly", document(*own), If_None_Match="*")
    assert (made.status, made.body["warnings"], made.headers["etag"]) == (201, [], made.body["etag"]), made
    yield own
    contoso.call("DELETE", "/copy-policies/nightly", None, {"If-Match": "*"})


def test_a_policy_runs_by_hand_to_its_last_copy(stack: Running, contoso: Caller, machines: tuple[Machine, Machine]) -> None:
    plan = contoso.get("/copy-policies/nightly/plan", top=1)
    assert (plan.status, plan.body["summary"]["copies"], len(plan.body["value"])) == (200, 2, 1)
    assert len(contoso.get(plan.body["nextLink"]).body["value"]) == 1
    accepted = contoso.post("/copy-policies/nightly/run", {"reason": "a test"}, key=new_key())
    assert accepted.status == 202, accepted
    location = accepted.headers["location"].removeprefix(stack.api)
    assert location == f"/copy-policies/nightly/runs/{accepted.body['id']}"
    run = stack.until_ended(contoso, location).body
    assert (run["status"], run["counts"]["copies"]["usable"]) == ("Succeeded", 2), run
    listed = contoso.get(f"{location}/machines", decision="copied").body["value"]
    assert {one["virtualMachineId"] for one in listed} == {machine.id for machine in machines}
    assert contoso.get(f"{location}/machines", decision="skipped").body["value"] == []
    copies = contoso.get("/restore-point-copies", policy="nightly", run=run["id"]).body["value"]
    assert {copy["id"] for copy in copies} == {target["copyId"] for one in listed for target in one["targets"]}
    (event,) = stack.events(subject=f"/copy-policies/nightly/runs/{run['id']}")
    assert event["type"] == "farshore.copyPolicy.succeeded"
    assert [one["id"] for one in contoso.get("/copy-policies/nightly/runs", trigger="manual").body["value"]] == [run["id"]]
    assert contoso.get("/copy-policies/nightly/runs", status="Failed").body["value"] == []


def test_a_slot_begins_by_the_timer(stack: Running, contoso: Caller, machines: tuple[Machine, Machine]) -> None:
    changed = put(contoso, "/copy-policies/nightly", document(*machines, enabled=True), If_Match="*")
    assert changed.status == 200, changed
    slot = datetime.fromisoformat(changed.body["nextSlot"])
    for _ in range(13):
        stack.advance("PT30M")
        if datetime.fromisoformat(stack.control("GET", "clock")["now"]) > slot:
            break
    for _ in range(2):
        stack.advance("PT30M")  # the timer fires again for the same slot
    runs = contoso.get("/copy-policies/nightly/runs", trigger="schedule").body["value"]
    assert [run["slot"] for run in runs] == [changed.body["nextSlot"]]


@pytest.mark.usefixtures("machines")
def test_documents_are_listed_audited_and_deleted_under_conditions(stack: Running, contoso: Caller) -> None:
    admin = stack.caller("Admin", tenant="provider")
    policy = contoso.get("/copy-policies/NIGHTLY").body
    assert ("contoso", "nightly") in {(one["tenant"], one["name"]) for one in admin.get("/copy-policies", top=1000).body["value"]}
    assert [one["name"] for one in admin.get("/copy-policies", tenant="contoso", enabled="false").body["value"]] == ["nightly"]
    assert stack.caller(*READ_WRITE, tenant="fabrikam").get("/copy-policies").body["value"] == []
    dry = put(contoso, "/copy-policies/nightly?dryRun=true", {**policy["document"], "priority": 7})
    assert (dry.status, dry.body["etag"]) == (200, policy["etag"])
    stale = contoso.call("DELETE", "/copy-policies/nightly", None, {"If-Match": '"old"'})
    assert (stale.status, stale.body["etag"]) == (412, policy["etag"])
    assert contoso.call("DELETE", "/copy-policies/nightly", None, {"If-Match": policy["etag"]}).status == 204
    trail = contoso.get("/copy-policies/nightly/audit", policyId=policy["id"]).body
    assert ([entry["event"] for entry in trail["value"]], trail["verified"]) == (["created", "deleted"], True)
