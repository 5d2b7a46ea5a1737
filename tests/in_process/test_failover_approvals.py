"""The two-person rule and the commit window: another person approves this plan, in time, or nothing is started."""

import json
import uuid

import pytest

from tests.support.api import Caller
from tests.support.sites import REQUESTS, Json, Sites, of_item, start

KIND = "farshore.failover"
APPROVER = "Failovers.Approve"
EVERYTHING = ("Failovers.Execute", "Failovers.Read", APPROVER)


@pytest.fixture
def ann(sites: Sites) -> Caller:
    """A person of fabrikam's, where the two-person rule is on, who may do everything."""
    return sites.caller("fabrikam", *EVERYTHING, user="ann")


@pytest.fixture
def bob(sites: Sites) -> Caller:
    """Another person there."""
    return sites.caller("fabrikam", *EVERYTHING, user="bob")


def asked(sites: Sites, caller: Caller, **more: object) -> tuple[str, str, Json]:
    """Ask for a failover that waits for approval; return its item, its id and itself."""
    item = sites.a2a("fabrikam")
    failover = start(caller, of_item(item, "UnplannedFailover", **more))
    found = sites.until_step(caller, failover, "awaitingApproval", by="PT1M")
    assert (found["status"], found["approval"]["state"], found["plan"]["approval"]) == ("Running", "pending", "required"), found
    assert found["approval"]["planHash"] == found["plan"]["hash"]
    assert sites.posts(item) == []
    return item, failover, found


def refused(caller: Caller, failover: str, word: str, body: Json | None, status: int, code: str) -> Json:
    reply = caller.post(f"/failovers/{failover}/{word}", body)
    assert (reply.status, reply.code) == (status, code), reply
    return dict(reply.error)


def test_another_person_approves_this_plan(sites: Sites, ann: Caller, bob: Caller) -> None:
    item, failover, found = asked(sites, ann, thenCommit=True)
    given = {"planHash": found["plan"]["hash"]}
    (event,) = sites.stack.events(subject=failover)
    assert (event["type"], event["id"]) == (f"{KIND}.awaitingApproval", f"{failover}/awaitingApproval")

    refused(ann, failover, "approve", given, 403, "OwnApproval")
    app = sites.caller("fabrikam", *EVERYTHING, app="robot")
    refused(app, failover, "approve", given, 403, "MissingRole")
    without = sites.caller("fabrikam", "Failovers.Execute", "Failovers.Read", user="bob")
    refused(without, failover, "approve", given, 403, "MissingRole")
    refused(bob, failover, "approve", {"planHash": "0" * 64}, 409, "PlanChanged")
    refused(bob, failover, "approve", {}, 400, "InvalidRequest")
    sites.stack.advance("PT1M")
    assert sites.posts(item) == []

    approved = bob.post(f"/failovers/{failover}/approve", given)
    assert approved.status == 202, approved
    ended = sites.ended(ann, failover)
    assert (ended["status"], ended["approval"]["state"]) == ("Succeeded", "approved")
    assert "bob" in ended["approval"]["by"]["name"]
    assert sites.posts(item) == ["unplannedFailover", "failoverCommit"]
    trail = ann.get(f"/failovers/{failover}/audit").body
    assert trail["verified"] is True
    (entry,) = [entry for entry in trail["value"] if entry["event"] == "approved"]
    assert (entry["actor"]["kind"], entry["actor"]["id"]) == ("user", ended["approval"]["by"]["id"])
    assert entry["detail"]["planHash"] == given["planHash"]
    refused(bob, failover, "approve", given, 409, "NotAwaitingApproval")


def test_a_test_needs_no_second_person(sites: Sites, ann: Caller) -> None:
    failover = start(ann, of_item(sites.a2a("fabrikam"), "TestFailover", options={"network": None}, thenCleanup=True))
    ended = sites.ended(ann, failover)
    assert (ended["status"], ended["approval"]["state"]) == ("Succeeded", "notRequired")


def test_an_approval_is_of_the_plan_as_it_is(sites: Sites, ann: Caller, bob: Caller) -> None:
    item, failover, found = asked(sites, ann, acceptWarnings=True)
    sites.stack.fault("unhealthy", path=item.rsplit("/", 1)[-1], health="Critical")
    old = {"planHash": found["plan"]["hash"]}
    refused(bob, failover, "approve", old, 409, "PlanChanged")
    sites.stack.advance("PT1M")
    now = bob.get(f"/failovers/{failover}").body
    assert (now["step"], now["approval"]["state"]) == ("awaitingApproval", "pending")
    assert now["plan"]["hash"] != found["plan"]["hash"]
    assert {check["result"] for check in now["plan"]["checks"] if check["name"] == "health"} == {"warning"}
    refused(bob, failover, "approve", old, 409, "PlanChanged")
    sites.stack.advance("PT1M")
    assert bob.post(f"/failovers/{failover}/approve", {"planHash": now["plan"]["hash"]}).status == 202
    assert sites.ended(ann, failover)["status"] == "Succeeded"
    assert sites.posts(item) == ["unplannedFailover"]


def test_the_new_plan_can_be_approved_at_once(sites: Sites, ann: Caller, bob: Caller) -> None:
    item, failover, found = asked(sites, ann, acceptWarnings=True)
    sites.stack.fault("unhealthy", path=item.rsplit("/", 1)[-1], health="Critical")
    changed = bob.post(f"/failovers/{failover}/approve", {"planHash": found["plan"]["hash"]})
    assert (changed.status, changed.code) == (409, "PlanChanged")
    new = changed.body["plan"]
    assert new.keys() == found["plan"].keys()
    assert {check["result"] for check in new["checks"] if check["name"] == "health"} == {"warning"}
    assert bob.post(f"/failovers/{failover}/approve", {"planHash": new["hash"]}).status == 202
    assert sites.ended(ann, failover)["status"] == "Succeeded"


def test_without_an_approval_within_a_day(sites: Sites, ann: Caller, bob: Caller) -> None:
    item, failover, found = asked(sites, ann)
    sites.stack.advance("PT23H")
    assert ann.get(f"/failovers/{failover}").body["approval"]["state"] == "pending"
    sites.stack.advance("PT2H")
    ended = ann.get(f"/failovers/{failover}").body
    assert (ended["status"], ended["approval"]["state"], ended["error"]["code"]) == ("Canceled", "lapsed", "ApprovalLapsed")
    assert sites.posts(item) == []
    refused(bob, failover, "approve", {"planHash": found["plan"]["hash"]}, 409, "ApprovalLapsed")
    assert [event["type"] for event in sites.stack.events(subject=failover)] == [f"{KIND}.awaitingApproval", f"{KIND}.canceled"]
    trail = ann.get(f"/failovers/{failover}/audit").body
    assert (trail["verified"], trail["value"][-1]["event"]) == (True, "finished")


def test_a_person_rejects_it(sites: Sites, ann: Caller, bob: Caller) -> None:
    item, failover, _ = asked(sites, ann)
    app = sites.caller("fabrikam", *EVERYTHING, app="robot")
    refused(app, failover, "reject", {"reason": "no"}, 403, "MissingRole")
    refused(bob, failover, "reject", {}, 400, "InvalidRequest")
    assert bob.post(f"/failovers/{failover}/reject", {"reason": "wrong machine"}).status == 202
    ended = sites.ended(ann, failover, step="PT1M")
    assert (ended["status"], ended["approval"]["state"], ended["error"]["code"]) == ("Canceled", "rejected", "Rejected")
    assert "wrong machine" in ended["error"]["message"]
    assert sites.posts(item) == []
    again = start(ann, of_item(item, "TestFailover", options={"network": None}, thenCleanup=True))
    assert sites.ended(ann, again)["status"] == "Succeeded", "the item is free again"


@pytest.mark.parametrize("route", ["failovers", "operations", "message"])
def test_it_is_canceled_while_it_waits(sites: Sites, ann: Caller, bob: Caller, route: str) -> None:
    item, failover, _ = asked(sites, ann)
    for caller in (bob, ann):
        if route == "message":
            message = {"operation": "cancel", "target": failover, "id": str(uuid.uuid4())}
            sites.stack.send(json.dumps(message), REQUESTS)
        else:
            assert caller.post(f"/{route}/{failover}/cancel").status in {200, 202}
    ended = sites.ended(ann, failover, step="PT1M")
    assert (ended["status"], ended["step"]) == ("Canceled", "finished")
    assert sites.posts(item) == []
    trail = ann.get(f"/failovers/{failover}/audit").body
    assert trail["verified"] is True
    assert [entry["event"] for entry in trail["value"]] == ["requested", "planned", "canceled", "finished"]
    by = trail["value"][2]["actor"]
    assert (by["kind"], by["name"]) == (("queue", REQUESTS) if route == "message" else ("user", "bob@farshore.local"))
    assert by["id"] != ended["requestedBy"]["id"]


def test_who_had_it_looked_at_again_is_in_the_trail(sites: Sites, ann: Caller, bob: Caller) -> None:
    _, failover, _ = asked(sites, ann)
    for caller in (bob, ann, bob):
        assert caller.post(f"/operations/{failover}/retry").status == 202
        sites.stack.advance("PT1M")
    trail = ann.get(f"/failovers/{failover}/audit").body
    assert trail["verified"] is True
    retried = [entry["actor"]["name"].partition("@")[0] for entry in trail["value"] if entry["event"] == "retried"]
    assert retried == ["bob", "ann", "bob"]
    assert bob.post(f"/failovers/{failover}/cancel").status in {200, 202}
    assert sites.ended(ann, failover, step="PT1M")["status"] == "Canceled"


def test_a_command_that_is_refused_is_not_in_the_trail(sites: Sites, ann: Caller) -> None:
    failover = start(ann, of_item(sites.a2a("fabrikam"), "TestFailover", options={"network": None}, thenCleanup=True))
    sites.until_step(ann, failover, "running", by="PT10S")
    for route in ("failovers", "operations"):
        reply = ann.post(f"/{route}/{failover}/cancel")
        assert (reply.status, reply.code) == (409, "AlreadyStarted")
    assert sites.ended(ann, failover)["status"] == "Succeeded"
    for word in ("cancel", "retry"):
        assert ann.post(f"/operations/{failover}/{word}").code == "AlreadyEnded"
    assert not {"canceled", "retried"} & {entry["event"] for entry in ann.get(f"/failovers/{failover}/audit").body["value"]}


def test_what_a_message_asks_for_waits_for_a_person_too(sites: Sites, ann: Caller, bob: Caller) -> None:
    item = sites.a2a("fabrikam")
    sites.stack.send(json.dumps({**of_item(item, "UnplannedFailover"), "id": str(uuid.uuid4())}), "failover-requests")
    (found,) = [one for one in bob.get("/failovers", top=100).body["value"] if one["scope"] == {"protectedItemId": item}]
    assert (found["tenant"], found["step"], found["requestedBy"]["kind"]) == ("fabrikam", "awaitingApproval", "queue")
    assert ann.post(f"/failovers/{found['id']}/approve", {"planHash": found["plan"]["hash"]}).status == 202
    assert sites.ended(bob, found["id"])["status"] == "Succeeded"


@pytest.mark.parametrize("then", ["Commit", "Alert"])
def test_the_commit_window_ends_without_an_input(sites: Sites, then: str) -> None:
    provider, item = sites.caller(), sites.item()
    failover = start(provider, of_item(item, "PlannedFailover", commitWindow={"duration": "PT4H", "then": then}))
    open_ = sites.until_step(provider, failover, "commitWindow")
    assert (open_["status"], open_["attention"]) == ("Running", None)
    sites.stack.advance("PT3H")
    assert provider.get(f"/failovers/{failover}").body["step"] == "commitWindow"
    ended = sites.ended(provider, failover)
    assert ended["status"] == "Succeeded"
    committed = then == "Commit"
    assert sites.posts(item) == ["plannedFailover", *(["failoverCommit"] if committed else [])]
    alerts = [event for event in sites.stack.events(subject=failover) if event["type"] == f"{KIND}.attention"]
    assert [event["data"]["attention"]["code"] for event in alerts] == ([] if committed else ["CommitWindowOver"])


@pytest.mark.parametrize("then", ["Commit", "Alert"])
def test_a_person_commits_now(sites: Sites, then: str) -> None:
    provider, item = sites.caller(), sites.item()
    person = sites.caller("provider", *EVERYTHING, user="carl")
    failover = start(provider, of_item(item, "PlannedFailover", commitWindow={"duration": "PT4H", "then": then}))
    sites.until_step(provider, failover, "commitWindow")
    refused(provider, failover, "approve", {}, 403, "MissingRole")
    assert person.post(f"/failovers/{failover}/approve", {}).status == 202
    ended = sites.ended(provider, failover)
    assert [(leg["action"], leg["status"]) for leg in ended["legs"]] == [("PlannedFailover", "Succeeded"), ("Commit", "Succeeded")]
    assert sites.posts(item) == ["plannedFailover", "failoverCommit"]
    assert not [event for event in sites.stack.events(subject=failover) if event["type"] == f"{KIND}.attention"]


def test_the_requester_cannot_commit_alone_under_the_two_person_rule(sites: Sites, ann: Caller, bob: Caller) -> None:
    _, failover, found = asked(sites, ann, commitWindow={"duration": "PT4H", "then": "Alert"})
    assert bob.post(f"/failovers/{failover}/approve", {"planHash": found["plan"]["hash"]}).status == 202
    sites.until_step(ann, failover, "commitWindow")
    refused(ann, failover, "approve", {}, 403, "OwnApproval")
    late = refused(ann, failover, "cancel", None, 409, "AlreadyStarted")
    assert {detail["code"] for detail in late["details"]} == {"Commit", "ApplyRecoveryPoint", "Cancel"}
    assert bob.post(f"/failovers/{failover}/approve", {}).status == 202
    assert sites.ended(ann, failover)["status"] == "Succeeded"


def test_a_cancellation_is_in_the_audit_trail_with_its_author_by_each_route(sites: Sites, ann: Caller, bob: Caller) -> None:
    _, failover, _ = asked(sites, ann)
    assert bob.post(f"/operations/{failover}/cancel").status == 202
    assert sites.ended(ann, failover)["status"] == "Canceled"
    trail = ann.get(f"/failovers/{failover}/audit").body["value"]
    (entry,) = [entry for entry in trail if entry["event"] == "canceled"]
    assert (entry["actor"]["kind"], "bob" in entry["actor"]["name"]) == ("user", True)


def test_a_job_that_the_vault_does_not_have_settles_no_doubt(sites: Sites) -> None:
    provider, person, item = sites.caller(), sites.caller("provider", *EVERYTHING, user="carl"), sites.item()
    sites.stack.fault("error", method="POST", path=f"{item.rsplit('/', 1)[-1]}/plannedFailover", status=503)
    failover = start(provider, of_item(item, "PlannedFailover"))
    found = sites.until(provider, failover, lambda found: found["attention"] is not None, step="PT2M")
    assert found["attention"]["code"] == "OutcomeUnknown"
    for job in (str(uuid.uuid4()), "no?job", f"{item.split('/replicationFabrics')[0]}/replicationJobs/{uuid.uuid4()}"):
        wrong = refused(person, failover, "resolve", {"outcome": "started", "jobId": job}, 400, "InvalidRequest")
        assert wrong["target"] == "jobId"
    sites.stack.advance("PT1M")
    assert provider.get(f"/failovers/{failover}").body["attention"]["code"] == "OutcomeUnknown", "it waits for a word that fits"
    assert person.post(f"/failovers/{failover}/resolve", {"outcome": "notStarted"}).status == 202
    assert sites.ended(provider, failover)["status"] == "Succeeded"
    assert sites.posts(item) == ["plannedFailover"]


def test_an_input_that_nothing_waits_for_is_refused(sites: Sites) -> None:
    provider, person = sites.caller(), sites.caller("provider", *EVERYTHING, user="carl")
    body = of_item(sites.item(), "TestFailover", options={"network": None}, thenCleanup={"after": "PT4H"})
    failover = start(provider, body)
    sites.until(provider, failover, lambda found: bool(found["legs"]) and found["legs"][0]["status"] == "Succeeded", step="PT10M")
    refused(person, failover, "approve", {"planHash": "0" * 64}, 409, "NotAwaitingApproval")
    refused(person, failover, "reject", {"reason": "no"}, 409, "NotAwaitingApproval")
    refused(person, failover, "resolve", {"outcome": "notStarted"}, 409, "NotInDoubt")
    refused(person, failover, "resume", None, 409, "NotSuspended")
    ended = sites.ended(provider, failover)
    assert [leg["action"] for leg in ended["legs"]] == ["TestFailover", "TestFailoverCleanup"]
