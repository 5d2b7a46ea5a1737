"""What a recovery plan shows of its scenarios, over several runs."""

from collections.abc import AsyncIterator

import pytest

from tests.local.site_recovery import NO_NETWORK, Vaults, vaults_running

TEST = {"properties": {"failoverDirection": "PrimaryToRecovery", **NO_NETWORK}}
CLEANUP = {"properties": {"comments": "done"}}


@pytest.fixture
async def vaults() -> AsyncIterator[Vaults]:
    async with vaults_running() as running:
        yield running


async def scenario(vaults: Vaults) -> tuple[str, str, str]:
    """Return the plan's scenario, the name of its job, and its status."""
    plan = await vaults.properties(vaults.plan("shop"))
    current = plan["currentScenario"]
    return current["scenarioName"], current["jobId"].rsplit("/", 1)[-1], plan["currentScenarioStatus"]


async def test_a_plan_keeps_its_last_scenario_and_its_status(vaults: Vaults) -> None:
    assert await scenario(vaults) == ("None", "None", "None")
    job = (await vaults.start(vaults.plan("shop"), "testFailover", TEST)).rsplit("/", 1)[-1]
    assert await scenario(vaults) == ("TestFailover", job, "InProgress")
    await vaults.azure.control.advance("PT2H")
    assert await scenario(vaults) == ("TestFailover", job, "Succeeded")
    assert "TestFailoverCleanup" in await vaults.allowed(vaults.plan("shop"))
    cleanup = (await vaults.start(vaults.plan("shop"), "testFailoverCleanup", CLEANUP)).rsplit("/", 1)[-1]
    await vaults.azure.control.advance("PT2H")
    assert await scenario(vaults) == ("TestFailoverCleanup", cleanup, "Succeeded")
    await vaults.azure.control.add_fault("failJob", path="testFailover$")
    failed = await vaults.done(vaults.plan("shop"), "testFailover", TEST)
    assert failed["state"] == "Failed"
    assert (await scenario(vaults))[2] == "Failed"


async def test_a_change_of_a_plan_keeps_its_last_scenario(vaults: Vaults) -> None:
    await vaults.done(vaults.plan("shop"), "testFailover", TEST)
    before = await scenario(vaults)
    groups = (await vaults.properties(vaults.plan("shop")))["groups"]
    body = {"properties": {"groups": groups}}
    assert (await vaults.azure.call("PATCH", vaults.plan("shop"), body, version="2025-08-01")).status == 202
    await vaults.azure.control.advance("PT10M")
    assert await scenario(vaults) == before


async def test_a_test_failover_of_a_plan_may_stay_suspended_until_its_cleanup(vaults: Vaults) -> None:
    vaults.estate["vaults"][0]["plans"][0]["testFailoverSuspends"] = True
    await vaults.azure.control.put_estate(vaults.estate)
    job = await vaults.start(vaults.plan("shop"), "testFailover", TEST)
    await vaults.azure.control.advance("P2D")
    waiting = await vaults.properties(job)
    assert (waiting["state"], waiting["stateDescription"], waiting["allowedActions"]) == ("Suspended", "WaitingForStopTestFailover", [])
    assert "endTime" not in waiting
    assert {task["state"] for task in waiting["tasks"]} == {"Succeeded"}
    assert await vaults.allowed(vaults.plan("shop")) == {"TestFailoverCleanup"}
    assert (await scenario(vaults))[2] == "Suspended"
    await vaults.done(vaults.plan("shop"), "testFailoverCleanup", CLEANUP)
    assert (await vaults.properties(job))["state"] == "Succeeded"
    assert (await scenario(vaults))[0::2] == ("TestFailoverCleanup", "Succeeded")
    assert "TestFailover" in await vaults.allowed(vaults.plan("shop"))
