"""What is read of Azure's JSON, the recording's and the odd, and that nothing odd is an error."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.failovers.vault import views
from shared.failovers.vault.facts import PlanFacts, ProtectedItemFacts, ProviderFacts, RecoveryPointFacts, moved_item
from shared.failovers.vault.job_facts import JobFacts
from shared.failovers.vault.names import Direction, GroupType, Health, JobState, Provider
from tests.failovers.samples import CONTAINER, ITEM, NOW, VAULT, item, item_json, job, plan, task

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = [
    "id",
    "properties",
    "providerSpecificDetails",
    "currentScenario",
    "allowedOperations",
    "tasks",
    "errors",
    "groups",
    "customDetails",
]
ODD = st.dictionaries(st.sampled_from(MEMBERS), ANYTHING | st.dictionaries(st.sampled_from(MEMBERS), ANYTHING, max_size=4), max_size=4)


@given(ODD)
def test_nothing_odd_is_an_error(body: dict[str, Any]) -> None:
    for read in (ProtectedItemFacts, JobFacts, PlanFacts, RecoveryPointFacts, ProviderFacts):
        read.from_arm(body)


def test_an_item_is_read() -> None:
    read = item(healthErrors=[{"errorCode": "70094", "errorMessage": "late", "recommendedAction": "wait"}], replicationHealth="Critical")
    assert (read.id, read.name, read.friendly_name, read.provider) == (ITEM, "web", "web-vm", Provider.HYPER_V_REPLICA_AZURE)
    assert (read.health, read.health_errors[0].code, read.health_errors[0].recommended_action) == (Health.CRITICAL, "70094", "wait")
    assert (read.rpo_seconds, read.scenario, read.direction) == (60, None, Direction.PRIMARY_TO_RECOVERY)


@pytest.mark.parametrize(
    ("details", "name", "size"),
    [
        ({"recoveryAzureVmName": "a", "recoveryAzureVMSize": "s"}, "a", "s"),
        ({"recoveryAzureVMName": "b", "recoveryAzureVMSize": "s"}, "b", "s"),
        ({"targetVmName": "c", "targetVmSize": "s"}, "c", "s"),
    ],
)
def test_the_target_is_read_under_each_providers_own_names(details: dict[str, str], name: str, size: str) -> None:
    assert (item(details=details).target.vm_name, item(details=details).target.vm_size) == (name, size)


@pytest.mark.parametrize(("found", "encrypted"), [("Disabled", False), ("Enabled", True), ("NotEncrypted", False), (None, None)])
def test_encryption_is_reported_or_unknown(found: str | None, encrypted: bool | None) -> None:
    assert item(details={"encryption": found}).target.encrypted is encrypted


@pytest.mark.parametrize(
    "scenario",
    [
        {"scenarioName": "None", "jobId": f"{VAULT}/replicationJobs/None", "startTime": "1753-01-01T01:01:01Z"},
        {"scenarioName": "None"},
        {"scenarioName": "PlannedFailover", "jobId": f"{VAULT}/replicationJobs/None"},
        {},
        None,
    ],
)
def test_an_idle_item_is_busy_with_nothing(scenario: Any) -> None:
    assert item(currentScenario=scenario).scenario is None


def test_a_busy_item_names_its_job() -> None:
    busy = item(currentScenario={"scenarioName": "Commit", "jobId": f"{VAULT}/replicationJobs/j1", "startTime": NOW.isoformat()}).scenario
    assert busy is not None
    assert (busy.name, busy.job, busy.started_at) == ("Commit", "j1", NOW)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00", "1753-01-01T01:01:01Z", "", "soon", None, 7])
def test_a_time_that_is_none_is_none(text: Any) -> None:
    assert job(endTime=text).ended_at is None


def test_times_are_aware_to_the_seventh_digit() -> None:
    assert job(startTime="2017-09-20T13:31:57.9225247Z").started_at == datetime(2017, 9, 20, 13, 31, 57, 922524, tzinfo=UTC)
    assert job(startTime="2017-09-20T13:31:57").started_at == datetime(2017, 9, 20, 13, 31, 57, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "state"), [("inprogress", "InProgress"), ("Canceled", "Cancelled"), ("Waiting", "Other"), (None, "Other")]
)
def test_a_state_that_is_not_known_is_other(text: Any, state: str) -> None:
    assert job(state=text).state is JobState(state)


def test_tasks_of_groups_are_found_however_deep_with_their_errors() -> None:
    error = {
        "serviceErrorDetails": {"code": "1", "message": "no"},
        "providerErrorDetails": {"errorCode": 31400, "errorMessage": "host gone"},
    }
    inner = task("Failover", "Failed", 5, errors=[error], customDetails={"jobTask": {"targetObjectName": "web-vm"}})
    read = job(tasks=[task("Group 1", "InProgress", children=[task("Machines", "InProgress", children=[inner])])], errors=[error])
    assert [name for name, _ in read.leaves] == ["Group 1/Machines/Failover (web-vm)"]
    assert [(one.source, one.code) for one in read.all_errors] == [("service", "1"), ("provider", "31400")], "each once"


def test_the_groups_of_a_plan_are_counted_as_the_portal_does() -> None:
    read = plan([["web", "db"], [], ["mail"]])
    assert [number for _, number in read.members] == [1, 1, 3]
    assert [group.type for group in read.groups][:2] == [GroupType.SHUTDOWN, GroupType.FAILOVER]


def test_an_a2a_item_is_followed_to_its_other_id() -> None:
    vm = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/dr/providers/Microsoft.Compute/virtualMachines"
    before = item("web", "A2A", details={"fabricObjectId": f"{vm}/web", "recoveryFabricObjectId": f"{vm}/web2", "lifecycleId": "L1"})

    def elsewhere(name: str, **details: str) -> ProtectedItemFacts:
        body = item_json(name, "A2A", details=details)
        return ProtectedItemFacts.from_arm({**body, "id": body["id"].replace("/cloud/", "/other/")})

    same_life, same_vm, other = (
        elsewhere("a", lifecycleId="l1"),
        elsewhere("b", fabricObjectId=f"{vm}/WEB2"),
        elsewhere("c", lifecycleId="L2"),
    )
    assert moved_item(before, [before, other, same_life, same_vm]) == same_life
    assert moved_item(before, [before, other, same_vm]) == same_vm
    assert moved_item(before, [before, same_life, other], other.id.upper().replace("/SUBSCRIPTIONS", "/subscriptions")) == other
    assert moved_item(before, [before, other]) is None


def test_a_list_and_a_single_read_show_the_same() -> None:
    read = views.item_view(item(details={"recoveryAzureVmName": "web-dr"}), "contoso", VAULT).as_json()
    assert read["lastTestFailover"] == {"time": "2026-02-24T12:00:00.000000Z", "result": "Succeeded"}
    assert read["target"] == {"vmName": "web-dr", "vmSize": None, "network": None, "storageAccount": None, "encrypted": None}
    assert read["allowedOperations"] == ["PlannedFailover", "UnplannedFailover", "DisableProtection", "TestFailover"]
    assert set(read) == {
        *("id", "name", "tenant", "vaultId", "provider", "protectionState", "activeLocation", "testFailoverState", "replicationHealth"),
        *("healthErrors", "allowedOperations", "recoveryPointObjectiveSeconds", "lastTestFailover", "currentJob", "policy", "target"),
    }
    row = views.job_row(job()).as_json()
    assert set(row) == {"id", "name", "state", "stateDescription", "scenario", "target", "startTime", "endTime", "allowedActions"}
    assert set(views.plan_view(plan([["web"]])).as_json()["groups"][0]) == {"type", "members", "startActions", "endActions"}


@pytest.mark.skipif("FARSHORE_SHARED" not in os.environ, reason="the recording lies in the shared folder: set FARSHORE_SHARED")
def test_the_recording_is_read() -> None:
    recorded = json.loads((Path(os.environ["FARSHORE_SHARED"]) / "spec/recordings_asr_h2a_planned_failover_shape.json").read_text())
    running = JobFacts.from_arm(recorded["planned_failover_2017"]["job_get_in_progress"])
    assert (running.state, running.target_id, running.ended_at, len(running.tasks)) == (JobState.IN_PROGRESS, "ITEM", None, 5)
    assert running.tasks[3].ended_at is None, "0001-01-01 is no time"
    done = JobFacts.from_arm(recorded["planned_failover_2017"]["job_get_final"])
    assert done.members[0].recovery_point_id == "801165f6-eef5-4245-8939-e11ff3e1d767"
    idle = ProtectedItemFacts.from_arm({"id": f"{CONTAINER}/replicationProtectedItems/x", "properties": recorded["item_before"]})
    assert idle.scenario is None
    assert "PlannedFailover" in (idle.allowed_operations or ())
