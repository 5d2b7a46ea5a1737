"""Jobs of recovery plans: their groups one after another, members side by side, success in part."""

from collections.abc import AsyncIterator

import pytest

from tests.local.site_recovery import (
    GUID,
    NO_NETWORK,
    PLAN_OUT,
    PLANNED,
    Vaults,
    a_test,
    members,
    states,
    vaults_running,
)


@pytest.fixture
async def vaults() -> AsyncIterator[Vaults]:
    async with vaults_running() as running:
        yield running


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
