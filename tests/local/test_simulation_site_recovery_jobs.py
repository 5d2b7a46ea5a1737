"""Jobs of Site Recovery: their bodies, failures and cancellation."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
from aiohttp import ClientError

from tests.local.site_recovery import PLANNED, Vaults, a_test, failback, shown, states, status_of, unplanned, vaults_running


@pytest.fixture
async def vaults() -> AsyncIterator[Vaults]:
    async with vaults_running() as running:
        yield running


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
