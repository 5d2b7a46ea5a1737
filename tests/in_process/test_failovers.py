"""The journeys of a failover, by HTTP alone and by messages alone: there, looked at, and back."""

import json
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.api import Caller
from tests.support.sites import REQUESTS, Json, Sites, check_success, of_item, of_plan, start

KIND = "farshore.failover"
JOURNEY = ["testFailover", "testFailoverCleanup", "plannedFailover", "failoverCommit", "plannedFailover", "failoverCommit", "reProtect"]
"""What is asked of Azure on the way out and home: a failback is a planned failover to the primary."""


@pytest.fixture
def provider(sites: Sites) -> Caller:
    """A caller of the provider's who may start failovers and read them."""
    return sites.caller()


class ByMessage:
    """A sender that sees nothing but the queues."""

    def __init__(self, sites: Sites, *, cloud_events: bool) -> None:
        self._sites = sites
        self._cloud_events = cloud_events
        sites.stack.advance("PT2S")
        self._since = datetime.fromisoformat(sites.stack.control("GET", "clock")["now"]) - timedelta(seconds=1)
        self._seen: set[str] = set()

    def send(self, body: Json, operation: str = "create") -> str:
        """Send a message and return its id, by which later messages name what it created."""
        stack, key = self._sites.stack, f"order-{uuid.uuid4()}"
        if self._cloud_events:
            event = {"specversion": "1.0", "id": key, "source": "/runbook", "type": f"{KIND}.{operation}", "tenant": "provider"}
            stack.send(json.dumps(event | {"data": body}), REQUESTS)
            return key
        named = {} if operation == "create" else {"operation": operation}
        stack.send(json.dumps({**body, **named, "id": key, "tenant": "provider"}), REQUESTS)
        return key

    def next_event(self) -> Json:
        """Move the clock until there is an event of a failover that this sender began, and return it: other tests use this app too."""
        for _ in range(60):
            for event in self._sites.stack.events():
                if event["id"] not in self._seen and self._is_ours(event):
                    self._seen.add(event["id"])
                    return event
            self._sites.stack.advance("PT10M")
        raise AssertionError("no event came in ten hours of Azure's time")

    def _is_ours(self, event: Json) -> bool:
        return event["type"].startswith(f"{KIND}.") and datetime.fromisoformat(event["data"]["createdAt"]) >= self._since

    def done(self, body: Json) -> Json:
        """Send a request and wait until its success is published."""
        self.send(body)
        event = self.next_event()
        assert event["type"] == f"{KIND}.succeeded", event
        return event


@pytest.mark.parametrize("cloud_events", [False, True], ids=["plain", "cloudEvents"])
def test_out_and_home_again_by_messages(sites: Sites, cloud_events: bool) -> None:
    sender, item = ByMessage(sites, cloud_events=cloud_events), sites.item()
    network = sites.network("drill-provider-northeurope")
    sender.done(of_item(item, "TestFailover", options={"network": network}, thenCleanup=True))
    sender.done(of_item(item, "PlannedFailover"))
    sender.done(of_item(item, "Commit"))
    created = sender.send(of_item(item, "Failback"))
    waiting = sender.next_event()
    assert waiting["type"] == f"{KIND}.suspended", waiting
    sender.send({"target": created}, "resume")
    ended = sender.next_event()
    assert (ended["type"], ended["subject"]) == (f"{KIND}.succeeded", waiting["subject"])
    assert ended["data"]["status"] == "Succeeded"
    sender.done(of_item(item, "Commit"))
    sender.done(of_item(item, "ReverseReplicate"))
    assert sites.posts(item) == JOURNEY


def test_a_failback_with_down_time_waits_for_no_approval(sites: Sites, provider: Caller) -> None:
    item = sites.item()
    check_success(sites.ended(provider, start(provider, of_item(item, "PlannedFailover", thenCommit=True))), "PlannedFailover", "Commit")
    body = of_item(item, "Failback", options={"dataSync": "ForDownTime"}, thenCommit=True, thenReprotect=True)
    check_success(sites.ended(provider, start(provider, body)), "Failback", "Commit", "ReverseReplicate")
    assert sites.in_estate(item)["phase"] == "protected"


def test_a_job_goes_only_forward_for_its_readers_a_resumed_one_too(sites: Sites, provider: Caller) -> None:
    item = sites.item()
    check_success(sites.ended(provider, start(provider, of_item(item, "PlannedFailover", thenCommit=True))), "PlannedFailover", "Commit")
    back = start(provider, of_item(item, "Failback"))
    sites.until_step(provider, back, "suspended", by="PT2M")

    def ended() -> int:
        return sum(task["state"] == "Succeeded" for task in provider.get(f"/failovers/{back}").body["job"]["tasks"])

    before = ended()
    assert provider.post(f"/failovers/{back}/resume").status == 202
    seen = [before]
    for _ in range(4):
        sites.stack.advance("PT5S")
        seen.append(ended())
    assert seen == sorted(seen)
    assert seen[1] > before, "the wait is over"
    sites.ended(provider, back)


def test_an_a2a_item_fails_over_is_committed_and_protected_again(sites: Sites) -> None:
    contoso, item = sites.caller("contoso"), sites.a2a()
    body = of_item(item, "UnplannedFailover", thenCommit=True, thenReprotect=True)
    ended = check_success(sites.ended(contoso, start(contoso, body)), "UnplannedFailover", "Commit", "Reprotect")
    assert ended["recoveryPoint"]["id"].startswith(f"{item}/recoveryPoints/")
    assert 0 <= ended["recoveryPoint"]["ageSeconds"] < 24 * 3600
    old, new = ended["protectedItemIds"]
    assert (old, new != old) == (item, True)
    moved = sites.in_estate(new)
    assert moved["phase"] == "protected"
    assert "northeurope" in new.rsplit("/", 3)[-3], "it lives in the other region's container"
    assert sites.posts(item) == ["unplannedFailover", "failoverCommit"]
    # and home again, under the id that it has by then
    home = of_item(new, "UnplannedFailover", acceptUntested=True, thenCommit=True, thenReprotect=True)
    check_success(sites.ended(contoso, start(contoso, home)), "UnplannedFailover", "Commit", "Reprotect")


def test_a_leg_that_is_over_shows_how_it_ended_while_the_next_one_runs(sites: Sites, provider: Caller) -> None:
    body = of_item(sites.item(), "TestFailover", options={"network": None}, thenCleanup={"after": "PT30M"})
    failover = start(provider, body)
    sites.until_step(provider, failover, "commitWindow", by="PT1M")
    sites.stack.advance("PT25M")
    found = sites.until(provider, failover, lambda found: bool(found["legs"][1]["status"] == "Running"), step="PT10S")
    assert found["legs"][0]["job"]["state"] == "Succeeded"
    assert found["timings"]["startedToFinished"] is not None
    sites.ended(provider, failover)


def test_each_leg_can_be_asked_for_alone(sites: Sites) -> None:
    contoso, item = sites.caller("contoso"), sites.a2a()
    points = sites.in_estate(item)
    assert points["phase"] == "protected"
    check_success(sites.ended(contoso, start(contoso, of_item(item, "UnplannedFailover"))), "UnplannedFailover")
    at = {"recoveryPoint": {"at": _hours_ago(sites, 3)}}
    changed = check_success(sites.ended(contoso, start(contoso, of_item(item, "ApplyRecoveryPoint", options=at))), "ApplyRecoveryPoint")
    assert changed["recoveryPoint"]["time"] <= at["recoveryPoint"]["at"]
    check_success(sites.ended(contoso, start(contoso, of_item(item, "Cancel"))), "Cancel")
    assert sites.in_estate(item)["phase"] == "protected"
    check_success(sites.ended(contoso, start(contoso, of_item(item, "UnplannedFailover"))), "UnplannedFailover")
    check_success(sites.ended(contoso, start(contoso, of_item(item, "Commit"))), "Commit")
    again = check_success(sites.ended(contoso, start(contoso, of_item(item, "Reprotect"))), "Reprotect")
    assert len(again["protectedItemIds"]) == 2


def _hours_ago(sites: Sites, hours: int) -> str:
    now = datetime.fromisoformat(sites.stack.control("GET", "clock")["now"])
    return (now - timedelta(hours=hours)).isoformat()


def test_a_plan_of_three_groups_out_and_home(sites: Sites, provider: Caller) -> None:
    plan = sites.plan()
    dry = provider.post("/failovers?dryRun=true", of_plan(plan, "UnplannedFailover")).body
    assert [member["group"] for member in dry["members"]] == sorted({member["group"] for member in dry["members"]})
    assert len(dry["members"]) == 3
    out = check_success(
        sites.ended(provider, start(provider, of_plan(plan, "UnplannedFailover", thenCommit=True))), "UnplannedFailover", "Commit"
    )
    _in_groups(out)
    members = [member["protectedItemId"] for member in dry["members"]]
    assert {sites.in_estate(member)["phase"] for member in members} == {"committed"}
    back = of_plan(plan, "Failback", options={"dataSync": "ForDownTime"}, thenCommit=True, thenReprotect=True)
    check_success(sites.ended(provider, start(provider, back)), "Failback", "Commit", "ReverseReplicate")
    assert {sites.in_estate(member)["phase"] for member in members} == {"protected"}
    assert sites.posts(plan) == ["unplannedFailover", "failoverCommit", "plannedFailover", "failoverCommit", "reProtect"]


def _in_groups(failover: Json) -> None:
    """Fail unless the first leg's tasks are those of the plan's groups, one after another."""
    names = [task["name"] for task in failover["legs"][0]["job"]["tasks"]]
    groups = [name.partition("/")[0] for name in names if "/" in name]
    assert len(set(groups)) >= 3, names


def test_a_plan_of_a_tenant_fails_over_is_committed_and_protected_again(sites: Sites) -> None:
    contoso, plan = sites.caller("contoso"), sites.plan("contoso")
    body = of_plan(plan, "UnplannedFailover", thenCommit=True, thenReprotect=True)
    ended = check_success(sites.ended(contoso, start(contoso, body)), "UnplannedFailover", "Commit", "Reprotect")
    assert len(ended["plan"]["members"]) == 3
    assert len(ended["protectedItemIds"]) == 6, "the ids of before and those of after"
    for moved in ended["protectedItemIds"][3:]:
        assert sites.in_estate(moved)["phase"] == "protected"
    home = of_plan(plan, "UnplannedFailover", acceptUntested=True, thenCommit=True)
    check_success(sites.ended(contoso, start(contoso, home)), "UnplannedFailover", "Commit")


def test_a_plan_of_three_groups_is_tested_and_cleaned_up_after_a_while(sites: Sites, provider: Caller) -> None:
    plan = sites.plan()
    body = of_plan(plan, "TestFailover", options={"network": sites.network("drill-provider-northeurope")}, thenCleanup={"after": "PT2H"})
    failover = start(provider, body)
    sites.until(provider, failover, lambda found: found["legs"] and found["legs"][0]["status"] == "Succeeded", step="PT10M")
    assert sites.posts(plan) == ["testFailover"]
    ended = check_success(sites.ended(provider, failover), "TestFailover", "TestFailoverCleanup")
    first, second = (leg["job"] for leg in ended["legs"])
    waited = datetime.fromisoformat(second["startTime"]) - datetime.fromisoformat(first["endTime"])
    assert 2 * 3600 <= waited.total_seconds() < 3 * 3600


def test_a_job_that_fails_gives_its_reason_and_what_azure_recommends(sites: Sites, provider: Caller) -> None:
    item = sites.item()
    told = {"code": "28031", "message": "The machine would not shut down.", "recommendedAction": "Shut it down by hand."}
    sites.stack.fault("failJob", method="POST", path=f"{item.rsplit('/', 1)[-1]}/plannedFailover", task="VmShutdownVmOnPrimary", **told)
    ended = sites.ended(provider, start(provider, of_item(item, "PlannedFailover", thenCommit=True)))
    assert (ended["status"], ended["step"]) == ("Failed", "finished")
    assert ended["error"]["code"] == "FailoverFailed"
    assert told["message"] in ended["error"]["message"]
    assert any(told["recommendedAction"] in detail["message"] for detail in ended["error"]["details"]), ended["error"]
    errors = [error for task in ended["job"]["tasks"] for error in task["errors"]] + ended["job"]["errors"]
    assert {"service"} <= {error["source"] for error in errors}
    assert {error["recommendedAction"] for error in errors if error["code"] == "28031"} == {told["recommendedAction"]}
    assert [(leg["action"], leg["status"]) for leg in ended["legs"]] == [("PlannedFailover", "Failed"), ("Commit", "Canceled")]
    assert sites.posts(item) == ["plannedFailover"]
    (event,) = sites.stack.events(subject=ended["id"])
    assert (event["type"], event["data"]["error"]["code"]) == (f"{KIND}.failed", "FailoverFailed")


def test_a_job_that_succeeded_in_part_only_is_no_success(sites: Sites, provider: Caller) -> None:
    plan = sites.plan()
    sites.stack.fault("failJob", method="POST", path=f"{plan.rsplit('/', 1)[-1]}/unplannedFailover", stateDescription="PartiallySucceeded")
    ended = sites.ended(provider, start(provider, of_plan(plan, "UnplannedFailover")))
    assert (ended["status"], ended["error"]["code"]) == ("Failed", "PartiallySucceeded")
    assert ended["job"]["stateDescription"] == "PartiallySucceeded"


def test_what_is_not_read_as_it_was_sent_is_rejected(sites: Sites) -> None:
    body: dict[str, Any] = of_item(sites.item(), "PlannedFailover") | {"id": f"order-{uuid.uuid4()}", "options": {"network": None}}
    message = sites.stack.send(json.dumps(body), REQUESTS)
    admin = sites.stack.caller("Admin", tenant="provider")
    (row,) = (row for row in admin.get("/rejected-messages", top=100).body["value"] if row["messageId"] == message)
    assert (row["queue"], row["reason"]["code"], row["reason"]["target"]) == (REQUESTS, "InvalidRequest", "options.network")
