"""A journey of each capability through every process: host, workers, storage and Azure; and what depends on there being two workers."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from tests.support.api import Caller
from tests.support.running import Running, new_key
from tests.support.sites import OPERATOR, Sites, check_success, of_item, start

JOURNEY = ["testFailover", "testFailoverCleanup", "plannedFailover", "failoverCommit", "plannedFailover", "failoverCommit", "reProtect"]
"""What is asked of Azure on the way out and home: a failback is a planned failover to the primary."""


def test_a_restore_point_is_copied_and_known_to_be_usable(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    accepted = contoso.post("/restore-point-copies", machine.copy(tags={"cost": "42"}))
    assert accepted.status == 202, accepted
    copy = accepted.body
    assert accepted.headers["operation-location"] == f"{stack.api}/operations/{copy['id']}"
    assert accepted.headers["location"] == f"{stack.api}/restore-point-copies/{copy['id']}"
    assert int(accepted.headers["retry-after"]) > 0
    assert (copy["status"], copy["percentComplete"], copy["usable"], copy["completedAt"]) == ("NotStarted", 0, False, None)
    assert (copy["tenant"], copy["requestedBy"]["kind"], copy["tags"]) == ("contoso", "app", {"cost": "42"})
    assert copy["source"]["restorePointId"] == machine.points[0]
    assert copy["target"] == {"restorePointId": None, "region": "northeurope"}

    seen = []
    for _ in range(40):
        before = contoso.get(accepted.headers["location"]).body
        operation = contoso.get(accepted.headers["operation-location"]).body
        copy = contoso.get(accepted.headers["location"]).body  # a step may end between two reads
        shown = [(one["status"], one["percentComplete"]) for one in (before, operation, copy)]
        assert shown[1] in {shown[0], shown[2]}
        assert (copy["percentComplete"] == 100) is copy["usable"]
        seen.append(copy["percentComplete"])
        if copy["usable"]:
            break
        stack.advance("PT5M")

    assert copy["status"] == "Succeeded"
    assert seen == sorted(seen)
    assert any(0 < percent < 100 for percent in seen), seen
    assert len(copy["disks"]) == len(machine.disks)
    assert {(disk["state"], disk["percentComplete"]) for disk in copy["disks"]} == {("Succeeded", 100)}
    assert 0 < copy["checks"] <= 8
    assert copy["source"]["virtualMachineId"] == machine.id
    assert copy["source"]["region"] == "westeurope"
    created, began, ended = (datetime.fromisoformat(copy[name]) for name in ("createdAt", "startedAt", "completedAt"))
    assert created.replace(microsecond=0) <= began < ended  # Azure gives its time in whole seconds
    assert (copy["error"], copy["attention"]) == (None, None)
    writes = stack.writes(f"/restorePoints/{copy['id']}")
    assert [(write["method"], write["path"].lower()) for write in writes] == [("PUT", copy["target"]["restorePointId"].lower())]


def test_two_at_once_on_two_workers_are_one_operation(stack: Running, contoso: Caller) -> None:
    for _ in range(5):
        machine, key = stack.machine(), new_key()
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _, m=machine, k=key: contoso.post("/restore-point-copies", m.copy(), key=k), range(8)))
        assert {reply.status for reply in replies} == {202}, [reply.body for reply in replies if reply.status != 202]
        assert len({reply.body["id"] for reply in replies}) == 1


def test_a_machine_fails_over_and_comes_home(sites: Sites) -> None:
    provider = sites.caller()
    item, network = sites.item(), sites.network("drill-provider-northeurope")
    tested = start(provider, of_item(item, "TestFailover", options={"network": network}))
    check_success(sites.ended(provider, tested), "TestFailover")
    assert sites.in_estate(item)["testFailoverState"] == "WaitingForCompletion"
    check_success(sites.ended(provider, start(provider, of_item(item, "TestFailoverCleanup"))), "TestFailoverCleanup")

    out = check_success(sites.ended(provider, start(provider, of_item(item, "PlannedFailover"))), "PlannedFailover")
    assert sites.in_estate(item)["activeLocation"] == "Recovery"
    assert out["recoveryPoint"]["ageSeconds"] == 0, "a planned failover loses nothing"
    job = out["job"]
    assert job["state"] == "Succeeded"
    assert {task["state"] for task in job["tasks"]} == {"Succeeded"}
    seconds = (datetime.fromisoformat(job["endTime"]) - datetime.fromisoformat(job["startTime"])).total_seconds()
    assert out["timings"]["startedToFinished"] == pytest.approx(seconds)
    assert sum(out["timings"]["perTask"].values()) == pytest.approx(seconds, abs=1), out["timings"]
    assert 0 <= out["timings"]["acceptedToStarted"] < 60

    check_success(sites.ended(provider, start(provider, of_item(item, "Commit"))), "Commit")
    back = start(provider, of_item(item, "Failback", options={"dataSync": "ForSynchronization"}))
    waiting = sites.until_step(provider, back, "suspended")
    assert (waiting["step"], waiting["status"], waiting["job"]["state"]) == ("suspended", "Running", "Suspended")
    sites.stack.advance("PT3H")
    assert provider.get(f"/failovers/{back}").body["step"] == "suspended", "it waits for a person, however long"
    assert [event["type"] for event in sites.stack.events(subject=back)] == ["farshore.failover.suspended"]
    resumed = provider.post(f"/failovers/{back}/resume")
    assert resumed.status == 202, resumed
    sites.stack.advance("PT1S")
    under_way = provider.get(f"/failovers/{back}").body
    assert (under_way["step"], under_way["job"]["state"]) == ("running", "InProgress")
    check_success(sites.ended(provider, back), "Failback")
    again = provider.post(f"/failovers/{back}/resume")
    assert (again.status, again.code) == (409, "NotSuspended")

    check_success(sites.ended(provider, start(provider, of_item(item, "Commit"))), "Commit")
    check_success(sites.ended(provider, start(provider, of_item(item, "ReverseReplicate"))), "ReverseReplicate")
    assert sites.in_estate(item)["phase"] == "protected"
    assert sites.posts(item) == JOURNEY
    assert len(sites.stack.writes(f"/{waiting['job']['id'].rpartition('/')[2]}/resume")) == 1


def test_a_change_of_what_is_protected_survives_the_death_of_all_workers(stack: Running) -> None:
    provider, path = stack.caller(*OPERATOR, tenant="provider"), "/replication-policies/nightly"
    wanted = {"copyFrequencySeconds": 30, "recoveryPointHours": 12, "applicationConsistentSnapshotHours": 4, "startAt": "22:30"}
    accepted = provider.call("PUT", path, json.dumps(wanted).encode(), {"Content-Type": "application/json"})
    assert accepted.status == 202, accepted
    stack.restart()
    ended = stack.until_ended(provider, accepted.headers["operation-location"], step="PT1M")
    assert ended.body["status"] == "Succeeded", ended
    made = provider.get(path).body
    assert {name: made[name] for name in wanted} == wanted
    assert [write["method"] for write in stack.writes("/replicationPolicies/nightly")] == ["PUT"]


def test_a_provider_sees_that_all_is_ready(stack: Running) -> None:
    found = stack.caller("Admin", tenant="provider").get("/readiness")
    assert found.status == 200, found
    assert {tenant["tenant"] for tenant in found.body["value"]} >= {"provider", "contoso", "fabrikam"}
