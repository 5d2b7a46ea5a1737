"""What protected items allow, by provider and state (docs/azure/site-recovery.md), and what is refused."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.local.site_recovery import HYPER_V, PLANNED, Vaults, a_test, failback, unplanned, vaults_running


@pytest.fixture
async def vaults() -> AsyncIterator[Vaults]:
    async with vaults_running() as running:
        yield running


PROTECTED = {"PlannedFailover", "UnplannedFailover", "DisableProtection", "TestFailover"}
FAILED_OVER = {"CompleteMigration", "Commit", "DisableProtection", "ChangePit"}

#: Every action of an item, with a body that is right for HyperVReplicaAzure, and the operation that it needs.
ACTIONS: dict[str, tuple[str, Any]] = {
    "PlannedFailover": ("plannedFailover", PLANNED),
    "UnplannedFailover": ("unplannedFailover", unplanned("HyperVReplicaAzure")),
    "TestFailover": ("testFailover", a_test("HyperVReplicaAzure")),
    "TestFailoverCleanup": ("testFailoverCleanup", {"properties": {}}),
    "Commit": ("failoverCommit", None),
    "CancelFailover": ("failoverCancel", None),
    "ReverseReplicate": ("reProtect", {"properties": {}}),
    "Failback": ("plannedFailover", failback()),
    "ChangePit": ("applyRecoveryPoint", {"properties": {"recoveryPointId": "x", "providerSpecificDetails": HYPER_V}}),
    "RepairReplication": ("repairReplication", None),
    "DisableProtection": ("remove", {"properties": {"disableProtectionReason": "NotSpecified"}}),
}


async def assert_refuses_all_but(vaults: Vaults, item: str, allowed: set[str]) -> None:
    """Assert that an item allows these operations, and that each other one is refused without any effect."""
    assert await vaults.allowed(item) == allowed
    before = await vaults.azure.control.effects()
    for operation, (action, body) in ACTIONS.items():
        if operation not in allowed:
            reply = await vaults.post(item, action, body)
            assert (reply.status, operation) == (409, operation), reply.body
            assert reply.code in ("OperationNotAllowed", "AnotherJobInProgress")
    assert await vaults.azure.control.effects() == before


async def test_the_way_out_and_back_of_hyper_v(vaults: Vaults) -> None:
    item = vaults.item("erp01")
    await assert_refuses_all_but(vaults, item, PROTECTED)
    await vaults.start(item, "testFailover", a_test("HyperVReplicaAzure"))
    await assert_refuses_all_but(vaults, item, set())
    await vaults.azure.control.advance("PT10M")
    assert (await vaults.properties(item))["testFailoverState"] == "WaitingForCompletion"
    await assert_refuses_all_but(vaults, item, {"TestFailoverCleanup"})
    await vaults.done(item, "testFailoverCleanup", {"properties": {}})
    await assert_refuses_all_but(vaults, item, PROTECTED)
    await vaults.done(item, "plannedFailover", PLANNED)
    state = await vaults.properties(item)
    assert (state["protectionState"], state["activeLocation"]) == ("PlannedFailoverCommitRequired", "Recovery")
    await assert_refuses_all_but(vaults, item, FAILED_OVER)
    await vaults.done(item, "failoverCommit")
    state = await vaults.properties(item)
    assert (state["protectionState"], state["activeLocation"]) == ("PlannedFailoverStatesBegin", "Recovery")
    await assert_refuses_all_but(vaults, item, {"CompleteMigration", "DisableProtection", "Failback"})
    job = await vaults.start(item, "plannedFailover", failback())
    await vaults.azure.control.advance("P1D")
    waiting = await vaults.properties(job)
    assert (waiting["state"], waiting["allowedActions"]) == ("Suspended", ["Resume", "Cancel"])
    await assert_refuses_all_but(vaults, item, set())
    await vaults.start(job, "resume", {"properties": {"comments": "now"}})
    await vaults.azure.control.advance("PT1H")
    assert (await vaults.properties(job))["state"] == "Succeeded"
    assert (await vaults.properties(item))["activeLocation"] == "Primary"
    await assert_refuses_all_but(vaults, item, {"Commit", "DisableProtection"})
    await vaults.done(item, "failoverCommit")
    await assert_refuses_all_but(vaults, item, {"ReverseReplicate", "DisableProtection"})
    assert await vaults.points(item) == []
    await vaults.done(item, "reProtect", {"properties": {}}, after="PT4M")
    await assert_refuses_all_but(vaults, item, PROTECTED)
    (first,) = await vaults.points(item)
    await vaults.azure.control.advance("PT2H")
    points = await vaults.points(item)
    assert (len(points), points[-1]) == (3, first), "the first with which the replication began anew, and one an hour since"


async def test_a_failback_for_down_time_runs_through(vaults: Vaults) -> None:
    item = vaults.item("branch01")
    await vaults.done(item, "unplannedFailover", unplanned("HyperVReplicaAzure"))
    assert (await vaults.properties(item))["protectionState"] == "UnplannedFailoverCommitPendingStatesBegin"
    await vaults.done(item, "failoverCommit")
    job = await vaults.done(item, "plannedFailover", failback("ForDownTime"))
    assert job["state"] == "Succeeded"
    assert await vaults.allowed(item) == {"Commit", "DisableProtection"}


async def test_azure_to_azure(vaults: Vaults) -> None:
    item = vaults.item("contoso-web01")
    assert await vaults.allowed(item) == {"UnplannedFailover", "TestFailover", "DisableProtection"}
    assert (await vaults.post(item, "plannedFailover", PLANNED)).status == 409
    await vaults.done(item, "unplannedFailover", unplanned("A2A"))
    assert await vaults.allowed(item) == {"Commit", "ChangePit", "CancelFailover", "DisableProtection"}
    await vaults.done(item, "failoverCancel")
    state = await vaults.properties(item)
    assert (state["activeLocation"], state["protectionState"]) == ("Primary", "Protected")
    assert await vaults.allowed(item) == {"UnplannedFailover", "TestFailover", "DisableProtection"}
    await vaults.done(item, "unplannedFailover", unplanned("A2A"))
    await vaults.done(item, "failoverCommit")
    assert await vaults.allowed(item) == {"SwitchProtection", "DisableProtection"}
    assert (await vaults.post(item, "reProtect", {"properties": {}})).status == 409


async def test_between_vmm_clouds(vaults: Vaults) -> None:
    item = vaults.item("vault01")
    plain = {"properties": {"failoverDirection": "PrimaryToRecovery"}}
    assert await vaults.allowed(item) == PROTECTED
    await vaults.done(item, "plannedFailover", plain)
    assert await vaults.allowed(item) == {"Commit", "CancelFailover"}
    await vaults.done(item, "failoverCommit")
    assert await vaults.allowed(item) == {"ReverseReplicate"}
    await vaults.done(item, "reProtect", {"properties": {}})
    assert (await vaults.properties(item))["activeLocation"] == "Recovery"
    wrong_way = await vaults.post(item, "plannedFailover", plain)
    assert (wrong_way.status, wrong_way.body["error"]["target"]) == (400, "properties.failoverDirection")
    await vaults.done(item, "plannedFailover", {"properties": {"failoverDirection": "RecoveryToPrimary"}})
    await vaults.done(item, "failoverCommit")
    await vaults.done(item, "reProtect", {"properties": {}})
    assert (await vaults.properties(item))["activeLocation"] == "Primary"
    assert await vaults.allowed(item) == PROTECTED


async def test_a_machine_of_vmware(vaults: Vaults) -> None:
    item = vaults.item("files01")
    assert await vaults.allowed(item) == {"UnplannedFailover", "TestFailover", "DisableProtection"}
    await vaults.done(item, "unplannedFailover", unplanned("InMageRcm"))
    assert await vaults.allowed(item) == {"Commit", "ChangePit"}
    await vaults.done(item, "failoverCommit")
    assert await vaults.allowed(item) == {"ReverseReplicate"}


RCM_REPROTECT = {
    "instanceType": "InMageRcm",
    "reprotectAgentId": "agent-1",
    "datastoreName": "datastore-1",
    "logStorageAccountId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/logs",
}


async def test_a_machine_of_vmware_comes_home(vaults: Vaults) -> None:
    item = vaults.item("files01")
    await vaults.done(item, "unplannedFailover", unplanned("InMageRcm"))
    await vaults.done(item, "failoverCommit")
    for member in ("reprotectAgentId", "datastoreName", "logStorageAccountId"):
        given = {name: value for name, value in RCM_REPROTECT.items() if name != member}
        refused = await vaults.post(item, "reProtect", {"properties": {"providerSpecificDetails": given}})
        assert (refused.status, refused.body["error"]["target"]) == (400, f"properties.providerSpecificDetails.{member}")
    assert (await vaults.post(item, "reProtect", {"properties": {}})).status == 400
    await vaults.done(item, "reProtect", {"properties": {"providerSpecificDetails": RCM_REPROTECT}})
    turned = await vaults.properties(item)
    assert turned["providerSpecificDetails"]["instanceType"] == "InMageRcmFailback"
    assert set(turned["allowedOperations"]) == {"PlannedFailover", "DisableProtection"}
    back = {"failoverDirection": "RecoveryToPrimary", "providerSpecificDetails": {"instanceType": "InMageRcm"}}
    assert (await vaults.post(item, "plannedFailover", {"properties": back})).status == 400
    details = {"instanceType": "InMageRcmFailback", "recoveryPointType": "ApplicationConsistent"}
    await vaults.done(item, "plannedFailover", {"properties": back | {"providerSpecificDetails": details}})
    assert (await vaults.properties(item))["activeLocation"] == "Primary"
    await vaults.done(item, "failoverCommit")
    assert (await vaults.post(item, "reProtect", {"properties": {"providerSpecificDetails": RCM_REPROTECT}})).status == 400
    again = {"instanceType": "InMageRcmFailback", "processServerId": "server-1", "policyId": turned["policyId"]}
    await vaults.done(item, "reProtect", {"properties": {"providerSpecificDetails": again}})
    assert "UnplannedFailover" in await vaults.allowed(item)


async def test_an_unhealthy_machine_can_be_repaired(vaults: Vaults) -> None:
    item = vaults.item("legacy01")
    state = await vaults.properties(item)
    assert state["replicationHealth"] == "Critical"
    assert state["healthErrors"][0]["recommendedAction"]
    assert state["providerSpecificDetails"]["rpoInSeconds"] > 3600
    assert set(state["allowedOperations"]) == PROTECTED | {"RepairReplication"}
    await vaults.done(item, "repairReplication")
    state = await vaults.properties(item)
    assert (state["replicationHealth"], state["healthErrors"]) == ("Normal", [])
    assert state["providerSpecificDetails"]["rpoInSeconds"] < 600


async def test_one_job_at_a_time(vaults: Vaults) -> None:
    item = vaults.item("erp01")
    job = await vaults.start(item, "plannedFailover", PLANNED)
    second = await vaults.post(item, "plannedFailover", PLANNED)
    assert (second.status, second.code) == (409, "AnotherJobInProgress")
    assert job.rsplit("/", 1)[-1] in second.body["error"]["message"]
    scenario = (await vaults.properties(item))["currentScenario"]
    assert (scenario["scenarioName"], scenario["jobId"]) == ("PlannedFailover", job)
    assert await vaults.allowed(vaults.item("busy01")) == set()


async def test_a_commit_deletes_every_other_recovery_point(vaults: Vaults) -> None:
    item = vaults.item("erp01")
    points = await vaults.points(item)
    assert len(points) >= 24
    assert {point["properties"]["recoveryPointType"] for point in points} == {"CrashConsistent", "ApplicationConsistent"}
    older = points[3]["id"]
    await vaults.done(item, "unplannedFailover", unplanned("HyperVReplicaAzure"))
    assert (await vaults.properties(item))["failoverRecoveryPointId"] == points[0]["id"]
    await vaults.done(item, "applyRecoveryPoint", {"properties": {"recoveryPointId": older, "providerSpecificDetails": HYPER_V}})
    assert (await vaults.properties(item))["failoverRecoveryPointId"] == older
    assert len(await vaults.points(item)) == len(points), "a machine that has failed over gets no new recovery points"
    await vaults.done(item, "failoverCommit")
    assert [point["id"] for point in await vaults.points(item)] == [older]


async def test_recovery_points_appear_and_go(vaults: Vaults) -> None:
    for friendly, every in (("erp01", "PT1H"), ("contoso-web01", "PT5M")):
        item = vaults.item(friendly)
        before = await vaults.points(item)
        assert (await vaults.get(before[0]["id"])).body == before[0]
        await vaults.azure.control.advance(every)
        after = await vaults.points(item)
        assert after[1] == before[0]
        await vaults.azure.control.advance("P2D")
        assert (await vaults.get(before[0]["id"])).status == 404


@pytest.mark.parametrize(
    ("friendly", "action", "body", "target"),
    [
        ("erp01", "plannedFailover", failback(), None),
        ("erp01", "plannedFailover", {"properties": {"failoverDirection": "Sideways"}}, "properties.failoverDirection"),
        (
            "erp01",
            "plannedFailover",
            {"properties": {"providerSpecificDetails": {"instanceType": "A2A"}}},
            "properties.providerSpecificDetails.instanceType",
        ),
        ("erp01", "unplannedFailover", {"properties": {"sourceSiteOperations": "Maybe"}}, "properties.sourceSiteOperations"),
        ("erp01", "testFailover", a_test("HyperVReplicaAzure", networkType="VmNetworkAsInput"), "properties.networkId"),
        (
            "erp01",
            "testFailover",
            a_test("HyperVReplicaAzure", networkType="VmNetworkAsInput", networkId="/subscriptions/x/nothing"),
            "properties.networkId",
        ),
        ("erp01", "testFailover", {"properties": {}}, "properties.providerSpecificDetails"),
    ],
)
async def test_a_wrong_input_is_refused_with_the_member(vaults: Vaults, friendly: str, action: str, body: Any, target: str | None) -> None:
    reply = await vaults.post(vaults.item(friendly), action, body)
    assert reply.status == (409 if target is None else 400), reply.body
    assert reply.body["error"].get("target") == target


async def test_points_and_networks_of_elsewhere_are_refused(vaults: Vaults) -> None:
    item, other = vaults.item("erp01"), vaults.item("erp02")
    foreign = (await vaults.points(other))[0]["id"]
    reply = await vaults.post(item, "unplannedFailover", unplanned("HyperVReplicaAzure", foreign))
    assert (reply.status, reply.code) == (400, "InvalidRecoveryPoint")
    elsewhere = vaults.network("drill-provider-westeurope")
    reply = await vaults.post(item, "testFailover", a_test("HyperVReplicaAzure", networkType="VmNetworkAsInput", networkId=elsewhere))
    assert (reply.status, reply.body["error"]["target"]) == (400, "properties.networkId")


async def test_names_have_no_case(vaults: Vaults) -> None:
    item = vaults.item("erp01")
    assert (await vaults.get(item.upper().replace("/SUBSCRIPTIONS", "/Subscriptions"))).body["id"] == item
    job = await vaults.start(item.lower(), "PLANNEDFAILOVER", PLANNED)
    await vaults.azure.control.advance("PT1S")
    assert (await vaults.properties(job.upper().replace("/SUBSCRIPTIONS", "/subscriptions")))["targetObjectId"] == "erp01"


async def test_what_is_not_there_and_who_may_not(vaults: Vaults) -> None:
    item = vaults.item("erp01")
    assert (await vaults.get(item + "x")).code == "ResourceNotFound"
    assert (await vaults.post(item + "x", "failoverCommit")).status == 404
    assert (await vaults.get(vaults.provider + "x/replicationJobs")).status == 404
    refused = await vaults.post(item, "plannedFailover", PLANNED, principal="reader")
    assert (refused.status, refused.code) == (403, "AuthorizationFailed")
    assert "replicationProtectedItems/plannedFailover/action" in refused.body["error"]["message"]
    assert (await vaults.get(item, principal="reader")).status == 200
    assert (await vaults.get(item, principal="stranger")).status == 403
