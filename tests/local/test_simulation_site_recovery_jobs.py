"""Jobs of Site Recovery: their bodies, failures and cancellation, and those of recovery plans."""

import re
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError

from tests.local.site_recovery import NO_NETWORK, PLANNED, Vaults, a_test, failback, shown, unplanned, vaults_running

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PLAN_OUT = {"properties": {"failoverDirection": "PrimaryToRecovery", "sourceSiteOperations": "NotRequired", "providerSpecificDetails": []}}


@pytest.fixture
async def vaults() -> AsyncIterator[Vaults]:
    async with vaults_running() as running:
        yield running


def states(job: dict[str, Any]) -> dict[str, str]:
    """Return the states of a job's tasks by name, of a recovery plan's by id."""
    return {task["taskId"] if task["name"] == "Unknown" else task["name"]: task["state"] for task in job["tasks"]}


def status_of(job: str) -> str:
    """Return the path at which `Azure-AsyncOperation` shows a job."""
    return job.replace("/replicationJobs/", "/replicationOperationStatus/")


def members(job: dict[str, Any], group: int) -> dict[str, dict[str, Any]]:
    """Return the members' tasks of a plan's group by the machine's name."""
    found = [task for task in job["tasks"] if task["taskId"] == f"Group{group}"]
    return {child["friendlyName"]: child for child in found[0]["groupTaskCustomDetails"]["childTasks"]}


async def test_the_traffic_is_as_recorded(vaults: Vaults) -> None:
    item = vaults.item("erp01")
    reply = await vaults.post(item, "plannedFailover", PLANNED, request_id="0bcc90bf-08b9-4f81-afe9-e3388bd47463")
    assert (reply.status, reply.body, reply.headers["Content-Length"], reply.headers["Retry-After"]) == (202, None, "0", "30")
    job = vaults.job_of(reply, item)
    name = job.rsplit("/", 1)[-1]
    regional = vaults.azure.url.replace("127.0.0.1", "localhost")
    assert reply.headers["Location"] == f"{regional}{item}/operationresults/{name}?api-version=2025-08-01"
    assert reply.headers["Azure-AsyncOperation"] == f"{regional}{status_of(job)}?api-version=2025-08-01"
    await vaults.azure.control.advance("PT1M")
    running = (await vaults.get(job)).body
    seen = running["properties"]
    assert seen["activityId"].startswith("0bcc90bf-08b9-4f81-afe9-e3388bd47463 ActivityId: ")
    assert (seen["state"], seen["allowedActions"], seen["targetObjectId"]) == ("InProgress", ["Cancel"], "erp01")
    assert list(states(seen).values()) == ["Succeeded", "Succeeded", "Succeeded", "InProgress", "NotStarted"]
    assert (seen["tasks"][3]["endTime"], seen["tasks"][4]["startTime"]) == ("0001-01-01T00:00:00", "0001-01-01T00:00:00")
    assert set(running) == {"id", "name", "type", "properties"}, "recorded in 2021; 2017 had more"
    status = (await vaults.get(status_of(job))).body
    assert (status["status"], status["error"], status["endTime"]) == ("InProgress", None, None)
    pending = await vaults.get(reply.headers["Location"])
    assert (pending.status, pending.body) == (202, None)
    await vaults.azure.control.advance("PT10M")
    seen = await vaults.properties(job)
    assert (seen["state"], seen["stateDescription"], seen["allowedActions"]) == ("Succeeded", "Completed", [])
    (detail,) = seen["customDetails"]["protectedItemDetails"]
    assert (await vaults.properties(item))["failoverRecoveryPointId"] == f"{item}/recoveryPoints/{detail['recoveryPointId']}"
    took = datetime.fromisoformat(seen["endTime"]) - datetime.fromisoformat(seen["startTime"])
    assert 9 * 60 < took.total_seconds() < 11 * 60
    result = await vaults.get(reply.headers["Location"])
    assert (result.status, result.body["id"]) == (200, item)
    idle = (await vaults.properties(item))["currentScenario"]
    assert (idle["scenarioName"], idle["jobId"].rsplit("/", 1)[-1], idle["startTime"]) == ("None", "None", "1753-01-01T01:01:01Z")


async def test_jobs_are_listed_and_filtered(vaults: Vaults) -> None:
    first = await vaults.start(vaults.item("erp01"), "plannedFailover", PLANNED)
    await vaults.azure.control.advance("PT20M")
    second = await vaults.start(vaults.item("erp02"), "testFailover", a_test("HyperVReplicaAzure"))
    await vaults.azure.control.advance("PT1S")
    jobs = f"{vaults.provider}/replicationJobs"

    async def listed(text: str) -> list[str]:
        reply = await vaults.get(jobs, _filter=text)
        assert reply.status == 200, reply.body
        return [job["id"] for job in reply.body["value"]]

    busy = shown(vaults.estate["vaults"][0]["jobs"][0]["id"])
    assert [job["id"] for job in (await vaults.get(jobs)).body["value"]] == [second, first, busy]
    assert await listed("jobStatus eq 'InProgress'") == [second, busy]
    assert await listed("JobStatus eq 'Succeeded' and StartTime eq '2025-03-03T11:59:00Z'") == [first]
    assert await listed("startTime ge 2025-03-03T12:10:00Z") == [second]
    assert await listed("scenarioName eq 'PlannedFailover'") == [first]
    assert await listed("targetObjectId eq 'erp02'") == [second]
    refused = await vaults.get(jobs, _filter="colour eq 'red'")
    assert (refused.status, refused.code) == (400, "InvalidFilter")


async def test_a_job_that_fails_has_its_error_and_changes_nothing(vaults: Vaults) -> None:
    item = vaults.item("erp01")
    await vaults.azure.control.add_fault("failJob", path="erp01/plannedFailover", task="VmShutdownVmOnPrimary", code="28117")
    job = await vaults.start(item, "plannedFailover", PLANNED)
    await vaults.azure.control.advance("PT2H")
    seen = await vaults.properties(job)
    assert (seen["state"], seen["stateDescription"], seen["allowedActions"]) == ("Failed", "Failed", ["Restart"])
    assert list(states(seen).values()) == ["Succeeded", "Failed", "NotStarted", "NotStarted", "NotStarted"]
    (error,) = seen["errors"]
    assert error["serviceErrorDetails"]["code"] == "28117"
    assert error["providerErrorDetails"]["recommendedAction"]
    assert (error["taskId"], seen["tasks"][1]["errors"]) == ("ShutdownVmOnPrimary", [error])
    assert (await vaults.get(status_of(job))).body["error"]["code"] == "28117"
    state = await vaults.properties(item)
    assert (state["activeLocation"], state["protectionState"]) == ("Primary", "Protected")
    assert "PlannedFailover" in state["allowedOperations"]
    assert len(await vaults.points(item)) >= 24
    await vaults.start(job, "restart")
    await vaults.azure.control.advance("PT2H")
    assert (await vaults.properties(job))["state"] == "Succeeded"
    assert (await vaults.properties(item))["activeLocation"] == "Recovery"
    assert (await vaults.post(job, "restart")).status == 409


async def test_a_test_failover_that_fails_late_leaves_a_machine_behind(vaults: Vaults) -> None:
    for task, after in (("VmTfoPrerequisitesCheck", "MarkedForDeletion"), ("VmTfoBootTestVm", "WaitingForCompletion")):
        await vaults.azure.control.add_fault("failJob", task=task)
        job = await vaults.done(vaults.item("erp02"), "testFailover", a_test("HyperVReplicaAzure"))
        assert job["state"] == "Failed"
        assert (await vaults.properties(vaults.item("erp02")))["testFailoverState"] == after


async def test_success_can_be_less_than_it_seems(vaults: Vaults) -> None:
    await vaults.azure.control.add_fault("failJob", task="VmFoStartVmOnSecondary", stateDescription="CompletedWithInformation")
    job = await vaults.done(vaults.item("erp01"), "plannedFailover", PLANNED)
    assert (job["state"], job["stateDescription"]) == ("Succeeded", "CompletedWithInformation")
    assert [error["errorLevel"] for error in job["errors"]] == ["Warning"]
    assert (await vaults.properties(vaults.item("erp01")))["activeLocation"] == "Recovery"


async def test_a_machine_that_does_not_shut_down(vaults: Vaults) -> None:
    for item in vaults.estate["vaults"][0]["items"]:
        item["shutsDown"] = False
    await vaults.azure.control.put_estate(vaults.estate)
    planned = await vaults.done(vaults.item("erp01"), "plannedFailover", PLANNED)
    assert (planned["state"], states(planned)["VmShutdownVmOnPrimary"]) == ("Failed", "Failed")
    forced = await vaults.done(vaults.item("erp01"), "unplannedFailover", unplanned("HyperVReplicaAzure", source="Required"))
    assert (forced["state"], forced["stateDescription"]) == ("Succeeded", "CompletedWithInformation")
    left = await vaults.done(vaults.item("erp02"), "unplannedFailover", unplanned("HyperVReplicaAzure"))
    assert (left["stateDescription"], "VmShutdownVmOnPrimary" in states(left)) == ("Completed", False)


async def test_cancelling_a_failover_does_harm(vaults: Vaults) -> None:
    item = vaults.item("erp01")
    job = await vaults.start(item, "plannedFailover", PLANNED)
    await vaults.azure.control.advance("PT2M")
    assert (await vaults.post(job, "cancel")).status == 202
    seen = await vaults.properties(job)
    assert seen["state"] == "Cancelled"
    assert list(states(seen).values()) == ["Succeeded", "Succeeded", "Succeeded", "Cancelled", "NotStarted"]
    assert (await vaults.get(status_of(job))).body["status"] == "Canceled"
    before = await vaults.points(item)
    await vaults.azure.control.advance("PT3H")
    state = await vaults.properties(item)
    assert (state["replicationHealth"], state["allowedOperations"]) == ("Critical", ["DisableProtection"])
    assert await vaults.points(item) == before
    assert (await vaults.post(job, "cancel")).status == 409


async def test_cancelling_a_failback_that_synchronises_does_harm(vaults: Vaults) -> None:
    item = vaults.item("erp01")
    await vaults.done(item, "plannedFailover", PLANNED)
    await vaults.done(item, "failoverCommit")
    job = await vaults.start(item, "plannedFailover", failback())
    await vaults.azure.control.advance("PT10M")
    await vaults.start(job, "cancel")
    state = await vaults.properties(item)
    assert (state["activeLocation"], state["replicationHealth"], state["allowedOperations"]) == (
        "Recovery",
        "Critical",
        ["DisableProtection"],
    )


async def test_only_what_waits_can_be_resumed(vaults: Vaults) -> None:
    job = await vaults.start(vaults.item("erp01"), "plannedFailover", PLANNED)
    refused = await vaults.post(job, "resume", {"properties": {}})
    assert (refused.status, refused.code) == (409, "OperationNotAllowed")


async def test_the_groups_of_a_plan_run_one_after_another(vaults: Vaults) -> None:
    plan = vaults.plan("shop")
    job = await vaults.start(plan, "unplannedFailover", PLAN_OUT)
    assert await vaults.allowed(plan) == set()
    assert (await vaults.post(vaults.item("shop-db01"), "plannedFailover", PLANNED)).code == "AnotherJobInProgress"
    await vaults.azure.control.advance("PT10M")
    seen = await vaults.properties(job)
    assert list(states(seen).values()) == ["Succeeded", "Succeeded", "InProgress", "NotStarted", "NotStarted"]
    assert (seen["targetInstanceType"], seen["targetObjectName"]) == ("RecoveryPlan", "shop")
    assert GUID.fullmatch(seen["targetObjectId"])
    (first,) = members(seen, 1).values()
    assert (first["state"], first["customDetails"]["jobTask"]["targetObjectId"]) == ("Succeeded", "shop-db01")
    assert [task["name"] for task in first["groupTaskCustomDetails"]["childTasks"]][-1] == "VmFoStartVmOnSecondary"
    assert (await vaults.properties(vaults.item("shop-db01")))["activeLocation"] == "Recovery"
    assert (await vaults.properties(vaults.item("shop-web01")))["activeLocation"] == "Primary"
    await vaults.azure.control.advance("PT1H")
    seen = await vaults.properties(job)
    assert seen["state"] == "Succeeded"
    assert [each["friendlyName"] for each in seen["customDetails"]["protectedItemDetails"]] == ["shop-db01", "shop-app01", "shop-web01"]
    assert await vaults.allowed(plan) == {"Commit"}
    await vaults.done(plan, "failoverCommit")
    assert await vaults.allowed(vaults.item("shop-web01")) == {"CompleteMigration", "DisableProtection", "Failback"}
    job = await vaults.start(
        plan,
        "plannedFailover",
        {
            "properties": {
                "failoverDirection": "RecoveryToPrimary",
                "providerSpecificDetails": [
                    {
                        "instanceType": "HyperVReplicaAzureFailback",
                        "dataSyncOption": "ForSynchronization",
                        "recoveryVmCreationOption": "NoAction",
                    }
                ],
            }
        },
    )
    await vaults.azure.control.advance("PT2H")
    assert (await vaults.properties(job))["state"] == "Suspended"
    await vaults.start(job, "resume", {"properties": {}})
    await vaults.azure.control.advance("PT2H")
    assert (await vaults.properties(job))["state"] == "Succeeded"
    await vaults.done(plan, "failoverCommit")
    await vaults.done(plan, "reProtect")
    assert await vaults.allowed(plan) == {"PlannedFailover", "UnplannedFailover", "TestFailover"}


async def test_members_of_a_group_run_side_by_side(vaults: Vaults) -> None:
    plan = vaults.plan("contoso-plan")
    job = await vaults.start(plan, "unplannedFailover", PLAN_OUT)
    await vaults.azure.control.advance("PT1H")
    seen = await vaults.properties(job)
    one, two = members(seen, 1).values()
    assert one["startTime"] == two["startTime"]
    (three,) = members(seen, 2).values()
    assert three["startTime"] >= max(one["endTime"], two["endTime"])


async def test_a_member_that_fails_stops_the_plan_behind_its_group(vaults: Vaults) -> None:
    plan = vaults.plan("contoso-plan")
    await vaults.azure.control.add_fault("failJob", path="contoso-plan", task="VmFailover", item="contoso-web01")
    job = await vaults.start(plan, "unplannedFailover", PLAN_OUT)
    await vaults.azure.control.advance("PT1H")
    seen = await vaults.properties(job)
    assert (seen["state"], list(states(seen).values())) == ("Failed", ["Succeeded", "Failed", "NotStarted", "NotStarted"])
    assert {name: task["state"] for name, task in members(seen, 1).items()} == {"contoso-web01": "Failed", "contoso-vault01": "Succeeded"}
    active = {
        name: (await vaults.properties(vaults.item(name)))["activeLocation"]
        for name in ("contoso-web01", "contoso-vault01", "contoso-erp01")
    }
    assert active == {"contoso-web01": "Primary", "contoso-vault01": "Recovery", "contoso-erp01": "Primary"}
    await vaults.start(job, "restart")
    await vaults.azure.control.advance("PT1H")
    assert (await vaults.properties(job))["state"] == "Succeeded"
    for name in active:
        assert (await vaults.properties(vaults.item(name)))["activeLocation"] == "Recovery"


async def test_a_plan_can_succeed_in_part(vaults: Vaults) -> None:
    plan = vaults.plan("contoso-plan")
    await vaults.azure.control.add_fault("failJob", stateDescription="PartiallySucceeded", item="contoso-web01")
    job = await vaults.done(plan, "unplannedFailover", PLAN_OUT)
    assert (job["state"], job["stateDescription"]) == ("Succeeded", "PartiallySucceeded")
    assert (await vaults.properties(vaults.item("contoso-web01")))["activeLocation"] == "Primary"
    assert (await vaults.properties(vaults.item("contoso-erp01")))["activeLocation"] == "Recovery"
    assert await vaults.allowed(plan) == {"Commit", "CancelFailover"}
    await vaults.done(plan, "failoverCommit")
    assert (await vaults.properties(vaults.item("contoso-web01")))["protectionState"] == "Protected"


async def test_a_plan_of_azure_to_azure_follows_its_members(vaults: Vaults) -> None:
    plan = vaults.plan("contoso-plan")
    for operation, body in (("unplannedFailover", PLAN_OUT), ("failoverCommit", None), ("reProtect", None)):
        assert (await vaults.done(plan, operation, body))["state"] == "Succeeded"
    seen = await vaults.properties(plan)
    ids = [each["id"] for group in seen["groups"] for each in group["replicationProtectedItems"]]
    assert len(ids) == 3
    for each in ids:
        assert "contoso-northeurope" in each
        assert (await vaults.properties(each))["protectionState"] == "Protected"
    assert seen["primaryFabricId"].endswith("contoso-northeurope")
    assert (await vaults.get(vaults.item("contoso-web01"))).status == 404


async def test_an_unhealthy_item_on_demand(vaults: Vaults) -> None:
    for turned in ("Warning", "Critical"):
        await vaults.azure.control.add_fault("unhealthy", path="/erp02$", health=turned)
        assert (await vaults.properties(vaults.item("erp02")))["replicationHealth"] == turned
        listed = (await vaults.get(f"{vaults.provider}/replicationProtectedItems")).body["value"]
        assert {item["name"] for item in listed if item["properties"]["replicationHealth"] == turned} >= {"erp02"}
        assert (await vaults.properties(vaults.item("erp01")))["replicationHealth"] == "Normal"
        await vaults.azure.control.clear_faults()
    assert (await vaults.properties(vaults.item("erp02")))["replicationHealth"] == "Normal"


async def test_a_lost_answer_still_began_a_job_that_can_be_found(vaults: Vaults) -> None:
    item = vaults.item("erp01")
    await vaults.azure.control.add_fault("lostResponse", path="plannedFailover")
    with pytest.raises(ClientError):
        await vaults.post(item, "plannedFailover", PLANNED, request_id="find-me")
    jobs = (await vaults.get(f"{vaults.provider}/replicationJobs")).body["value"]
    found = [job["id"] for job in jobs if job["properties"]["activityId"].startswith("find-me")]
    assert found == [(await vaults.properties(item))["currentScenario"]["jobId"]]
    (effect,) = await vaults.azure.control.effects()
    assert (effect["method"], effect["path"], effect["clientRequestId"]) == ("POST", f"{item}/plannedFailover", "find-me")


async def test_a_late_effect_is_dropped_when_it_is_not_allowed_any_more(vaults: Vaults) -> None:
    item = vaults.item("erp01")
    await vaults.azure.control.add_fault("lateEffect", path="plannedFailover", delay="PT5M")
    with pytest.raises(ClientError):
        await vaults.post(item, "plannedFailover", PLANNED, request_id="late")
    await vaults.start(item, "plannedFailover", PLANNED, request_id="second")
    await vaults.azure.control.advance("PT1H")
    assert [effect["clientRequestId"] for effect in await vaults.azure.control.effects()] == ["second"]


async def test_everything_survives_a_restart_and_the_estate_round_trip(tmp_path: Path) -> None:
    async with vaults_running(data=tmp_path) as vaults:
        item = vaults.item("erp01")
        job = await vaults.start(item, "plannedFailover", PLANNED)
        await vaults.azure.control.advance("PT1M")
        before = (await vaults.get(job)).body
    async with vaults_running(data=tmp_path) as vaults:
        assert states((await vaults.get(job)).body["properties"]) == states(before["properties"])
        estate = await vaults.azure.control.estate()
        assert await vaults.azure.control.put_estate(estate) == estate
        assert await vaults.allowed(item) == set()
        await vaults.azure.control.advance("PT1H")
        assert (await vaults.properties(job))["state"] == "Succeeded"
        assert (await vaults.properties(item))["activeLocation"] == "Recovery"
        estate = await vaults.azure.control.estate()
        assert await vaults.azure.control.put_estate(estate) == estate
        assert "Commit" in await vaults.allowed(item)


async def test_the_tasks_of_a_plan_are_named_unknown_and_described_by_their_friendly_name(vaults: Vaults) -> None:
    seen = await vaults.done(vaults.plan("contoso-plan"), "unplannedFailover", PLAN_OUT)
    names = [(task["name"], task["friendlyName"]) for task in seen["tasks"]]
    assert names[0] == ("RpSrsPrerequisitesCheck", "Prerequisites check for the recovery plan")
    assert names[1:3] == [("Unknown", "Group 1: Start (2)"), ("Unknown", "Group 2: Start (1)")]
    assert names[-1] == ("EndRecoveryPlanTask", "Finalizing the recovery plan")
    for machine, task in members(seen, 1).items():
        assert (task["name"], task["taskType"], GUID.fullmatch(task["taskId"]) is not None) == (
            "Unknown",
            "VirtualMachineTaskDetails",
            True,
        )
        entity = task["customDetails"]["jobTask"]
        assert (entity["targetObjectName"], entity["targetInstanceType"]) == (machine, "Vm")
        assert "/replicationJobs/" in entity["jobId"]


async def test_jobs_of_plans_and_of_azure_to_azure_have_a_guid_as_target(vaults: Vaults) -> None:
    plan = vaults.plan("contoso-plan")
    seen = await vaults.done(plan, "testFailover", {"properties": {"failoverDirection": "PrimaryToRecovery", **NO_NETWORK}})
    assert GUID.fullmatch(seen["targetObjectId"])
    assert (seen["targetObjectName"], seen["targetInstanceType"]) == ("contoso-plan", "RecoveryPlan")
    listed = await vaults.get(f"{vaults.tenant}/replicationJobs", _filter=f"targetObjectId eq '{seen['targetObjectId']}'")
    assert [job["properties"]["targetObjectName"] for job in listed.body["value"]] == ["contoso-plan"]
    assert (await vaults.get(f"{vaults.tenant}/replicationJobs", _filter="targetObjectId eq 'contoso-plan'")).body["value"] == []
    await vaults.done(plan, "testFailoverCleanup", {"properties": {}})
    item = await vaults.done(vaults.item("contoso-web01"), "testFailover", a_test("A2A"))
    assert GUID.fullmatch(item["targetObjectId"])
    assert item["targetObjectName"] == "contoso-web01"
    hyper_v = await vaults.done(vaults.item("erp01"), "testFailover", a_test("HyperVReplicaAzure"))
    assert hyper_v["targetObjectId"] == vaults.item("erp01").rsplit("/", 1)[-1], "recorded: the item's own name"


async def test_a_test_failover_and_its_cleanup_have_the_recorded_tasks(vaults: Vaults) -> None:
    test = await vaults.done(vaults.item("erp01"), "testFailover", a_test("HyperVReplicaAzure"))
    assert [(task["taskId"], task["name"], task["friendlyName"]) for task in test["tasks"]] == [
        ("TestFailoverPreflightChecksTask", "VmTfoPrerequisitesCheck", "Prerequisites check for test failover"),
        ("BeginTestFailoverTask", "VmTfoInitiateFailover", "Starting test failover"),
        ("PrepareTestProtectedEntitiesTask", "VmTfoPrepareTestVm", "Creating test virtual machine"),
        ("BootTestProtectedEntitiesTask", "VmTfoBootTestVm", "Start the virtual machine"),
    ]
    assert test["customDetails"]["testFailoverStatus"] == "Active"
    cleanup = await vaults.done(vaults.item("erp01"), "testFailoverCleanup", {"properties": {"comments": ""}})
    assert cleanup["friendlyName"] == "Test failover cleanup"
    assert [task["name"] for task in cleanup["tasks"]] == ["VmTfoCleanupPreflightsCheck", "VmTfoEndFailover", "VmTfoDeleteTestVm"]


async def test_a_job_is_a_placeholder_for_its_first_second(vaults: Vaults) -> None:
    job = await vaults.start(vaults.item("erp01"), "testFailover", a_test("HyperVReplicaAzure"), request_id="just-begun")
    shown = await vaults.properties(job)
    assert (shown["state"], shown["stateDescription"], shown["tasks"], shown["allowedActions"]) == ("NotStarted", "NotStarted", [], [])
    assert [shown[member] for member in ("scenarioName", "friendlyName", "targetObjectId", "targetObjectName")] == [None] * 4
    assert "startTime" not in shown
    assert shown["activityId"].startswith("just-begun ActivityId: ")
    jobs = f"{vaults.provider}/replicationJobs"
    assert (await vaults.get(jobs, _filter="targetObjectId eq 'erp01'")).body["value"] == []
    assert (await vaults.get(status_of(job))).body["status"] == "InProgress"
    await vaults.azure.control.advance("PT1S")
    shown = await vaults.properties(job)
    assert (shown["state"], shown["scenarioName"], shown["targetObjectId"]) == ("InProgress", "TestFailover", "erp01")
    assert len((await vaults.get(jobs, _filter="targetObjectId eq 'erp01'")).body["value"]) == 1
