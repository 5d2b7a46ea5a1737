"""Faults that show what Azure does now and then: other codes, hidden resources, expired tokens, late failures, unusual forms."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from local.simulation.client import SimulationError
from tests.local.simulated import Azure, azure_running, no_resending
from tests.local.site_recovery import NO_NETWORK, VERSION, Vaults, a_test, vaults_running


@pytest.fixture
async def azure() -> AsyncIterator[Azure]:
    async with azure_running() as running:
        yield running


@pytest.fixture
async def vaults() -> AsyncIterator[Vaults]:
    async with vaults_running() as running:
        yield running


async def add(azure: Azure, fault: str, match: dict[str, str], **options: Any) -> None:
    """Add a fault with any match."""
    await azure.control.add_fault(fault, **match, **options)


async def test_an_error_has_the_code_message_headers_and_body_that_it_is_given(azure: Azure) -> None:
    source = await azure.collection()
    await add(
        azure,
        "error",
        {"method": "GET", "path": "restorePointCollections/"},
        status=409,
        code="AnotherOperationInProgress",
        message="Wait.",
        headers={"x-ms-failure-cause": "gateway"},
        retryAfter=7,
    )
    refused = await azure.call("GET", source["id"])
    assert (refused.status, refused.code, refused.body["error"]["message"]) == (409, "AnotherOperationInProgress", "Wait.")
    assert (refused.headers["x-ms-failure-cause"], refused.headers["Retry-After"]) == ("gateway", "7")
    details = {"error": {"code": "RequestDisallowedByPolicy", "message": "no", "additionalInfo": [{"type": "PolicyViolation", "info": {}}]}}
    await add(azure, "error", {"path": "restorePointCollections/"}, status=403, body=details)
    assert (await azure.call("GET", source["id"])).body == details


async def test_an_error_after_the_effect_has_the_code_that_it_is_given(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    await add(azure, "errorAfterEffect", {"path": "restorePoints/a$"}, status=409, code="OperationPreempted")
    refused = await azure.copy(target, "a", source["restorePoints"][0]["id"])
    assert (refused.status, refused.code) == (409, "OperationPreempted")
    assert (await azure.call("GET", f"{target}/restorePoints/a")).status == 200


async def test_the_query_is_matched_where_a_fault_names_one(azure: Azure) -> None:
    point = (await azure.collection())["restorePoints"][0]["id"]
    await add(azure, "error", {"method": "GET", "path": "/restorePoints/", "query": "instanceView"}, status=404, code="ResourceNotFound")
    assert (await azure.call("GET", point)).status == 200
    assert (await azure.call("GET", point, _expand="instanceView")).status == 404
    assert (await azure.call("GET", point, _expand="instanceView")).status == 200


async def test_reshape_changes_an_answer_after_its_effect(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    patch = {"properties": {"provisioningState": "succeeded", "timeCreated": None}}
    await add(azure, "reshape", {"method": "PUT", "path": "restorePoints/a$"}, headers={"Location": None, "X-New": "1"}, body=patch)
    made = await azure.copy(target, "a", source["restorePoints"][0]["id"])
    assert made.status == 201
    assert "Location" not in made.headers
    assert "Azure-AsyncOperation" in made.headers
    assert made.headers["X-New"] == "1"
    assert made.body["properties"]["provisioningState"] == "succeeded"
    assert "timeCreated" not in made.body["properties"]
    assert (await azure.call("GET", f"{target}/restorePoints/a")).body["properties"]["provisioningState"] == "Succeeded"


async def test_hide_answers_404_for_what_exists_a_number_of_times(azure: Azure) -> None:
    source = await azure.collection()
    await add(azure, "hide", {"path": "restorePointCollections/"}, times=2)
    missing = await azure.call("GET", f"{source['id']}-none")
    assert missing.status == 404
    statuses = [(await azure.call("GET", source["id"])).status for _ in range(3)]
    assert statuses == [404, 404, 200], "what does not exist uses none of them up"


async def test_hide_lasts_for_a_duration_from_its_first_use(azure: Azure) -> None:
    source = await azure.collection()
    await add(azure, "hide", {"path": "restorePointCollections/[^/]+$"}, duration="PT5M", code="ParentResourceNotFound")
    await azure.control.advance("PT1H")
    assert (await azure.call("GET", source["id"])).code == "ParentResourceNotFound"
    await azure.control.advance("PT4M59S")
    assert (await azure.call("GET", source["id"])).status == 404
    await azure.control.advance("PT2S")
    assert (await azure.call("GET", source["id"])).status == 200


async def test_hide_leaves_resources_out_of_lists_where_it_is_asked_to(azure: Azure) -> None:
    source = await azure.collection()
    point = source["restorePoints"][0]["id"]
    name = point.rsplit("/", 1)[1]
    await add(azure, "hide", {"path": f"/restorePoints/{name}$"}, duration="PT5M", lists=True)
    shown = (await azure.call("GET", source["id"], _expand="restorePoints")).body["properties"]["restorePoints"]
    assert [each["id"] for each in shown] == [each["id"] for each in source["restorePoints"][1:]]
    assert (await azure.call("GET", point)).status == 404
    await azure.control.advance("PT6M")
    shown = (await azure.call("GET", source["id"], _expand="restorePoints")).body["properties"]["restorePoints"]
    assert len(shown) == len(source["restorePoints"])


async def test_expire_token_refuses_a_token_until_the_caller_has_another(azure: Azure) -> None:
    source = await azure.collection()
    await azure.target(source)
    await add(azure, "expireToken", {"method": "PUT", "path": "restorePoints/"})
    target = f"{source['id'].split('/providers/')[0]}/providers/Microsoft.Compute/restorePointCollections/copies"
    first = await azure.copy(target, "a", source["restorePoints"][0]["id"])
    assert (first.status, first.code) == (401, "ExpiredAuthenticationToken")
    assert "invalid_token" in first.headers["WWW-Authenticate"]
    assert (await azure.call("GET", source["id"])).status == 401, "the same token stays invalid"
    assert not [effect for effect in await azure.control.effects() if "/restorePoints/" in effect["path"]]
    async with no_resending() as session:  # a caller that has no token yet
        renewed = Azure(azure.url, azure.control, session)
        assert (await renewed.copy(target, "a", source["restorePoints"][0]["id"])).status == 201


async def new_point(azure: Azure, name: str) -> tuple[str, Any]:
    """Ask for a restore point of a machine; return its id and the answer."""
    source = await azure.collection()
    point = f"{source['id']}/restorePoints/{name}"
    return point, await azure.call("PUT", point, {"properties": {"consistencyMode": "CrashConsistent"}})


async def test_a_restore_point_fails_after_its_201_with_the_code_in_its_operation(azure: Azure) -> None:
    await azure.control.advance("PT3H")
    await add(azure, "failRestorePoint", {"path": "restorePoints/new$"}, code="VMAgentStatusCommunicationError", message="No agent.")
    point, made = await new_point(azure, "new")
    assert made.status == 201
    operation = made.headers["Azure-AsyncOperation"]
    assert (await azure.call("GET", operation)).body["status"] == "InProgress"
    assert (await azure.call("GET", point)).body["properties"]["provisioningState"] == "Creating"
    await azure.control.advance("PT5M")
    ended = (await azure.call("GET", operation)).body
    assert (ended["status"], ended["error"]["code"]) == ("Failed", "VMAgentStatusCommunicationError")
    assert (await azure.call("GET", point)).body["properties"]["provisioningState"] == "Failed"
    assert (await azure.call("GET", made.headers["Location"])).code == "VMAgentStatusCommunicationError"


async def test_a_restore_point_that_fails_may_be_gone(azure: Azure) -> None:
    await azure.control.advance("PT3H")
    await add(azure, "failRestorePoint", {"path": "restorePoints/new$"}, code="OperationNotAllowed", after="PT10M", gone=True)
    point, made = await new_point(azure, "new")
    await azure.control.advance("PT9M")
    assert (await azure.call("GET", point)).status == 200
    await azure.control.advance("PT2M")
    assert (await azure.call("GET", point)).status == 404
    assert (await azure.call("GET", made.headers["Azure-AsyncOperation"])).body["error"]["code"] == "OperationNotAllowed"


async def test_a_copy_that_fails_later_is_failed_as_a_whole(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    await add(azure, "failRestorePoint", {"path": "restorePoints/a$"})
    await azure.copy(target, "a", source["restorePoints"][0]["id"])
    await azure.control.advance("PT5M")
    assert await azure.progress(f"{target}/restorePoints/a") == ("failed", [0, 0])


async def test_a_hidden_job_cannot_be_read_for_a_while(vaults: Vaults) -> None:
    item = vaults.item("erp01")
    await add(vaults.azure, "hideJob", {"method": "POST", "path": "/testFailover$"}, duration="PT1M")
    job = await vaults.start(item, "testFailover", a_test("HyperVReplicaAzure"))
    assert (await vaults.get(job)).status == 404
    listed = (await vaults.get(f"{vaults.provider}/replicationJobs")).body["value"]
    assert job.rsplit("/", 1)[1] not in [each["name"] for each in listed]
    await vaults.azure.control.advance("PT61S")
    assert (await vaults.properties(job))["state"] == "InProgress"
    listed = (await vaults.get(f"{vaults.provider}/replicationJobs")).body["value"]
    assert job.rsplit("/", 1)[1] in [each["name"] for each in listed]


async def test_a_recovery_plan_waits_at_a_manual_action_until_it_is_resumed(vaults: Vaults) -> None:
    plan = vaults.plan("shop")
    groups = (await vaults.properties(plan))["groups"]
    action = {
        "actionName": "switch the name service",
        "failoverTypes": ["PlannedFailover", "UnplannedFailover", "TestFailover"],
        "failoverDirections": ["PrimaryToRecovery"],
        "customDetails": {"instanceType": "ManualActionDetails", "description": "Point shop.contoso.com at the recovery site."},
    }
    first = next(group for group in groups if group["groupType"] == "Boot")
    first["endGroupActions"] = [action]
    changed = await vaults.azure.call("PATCH", plan, {"properties": {"groups": groups}}, version=VERSION)
    assert changed.status == 202
    await vaults.azure.control.advance("PT2M")
    body = {"properties": {"failoverDirection": "PrimaryToRecovery", **NO_NETWORK}}
    job = await vaults.start(plan, "testFailover", body)
    await vaults.azure.control.advance("P1D")
    waiting = await vaults.properties(job)
    assert (waiting["state"], waiting["allowedActions"][0]) == ("Suspended", "Resume")
    task = next(each for each in flat(waiting["tasks"]) if each["state"] == "Suspended" and each["taskType"] == "ManualActionTaskDetails")
    assert task["customDetails"]["instructions"] == "Point shop.contoso.com at the recovery site."
    resumed = await vaults.azure.call("POST", f"{job}/resume", {"properties": {"comments": "done"}}, version=VERSION)
    assert resumed.status == 202
    await vaults.azure.control.advance("PT2H")
    assert (await vaults.properties(job))["state"] == "Succeeded"
    members = [each["id"] for group in groups for each in group["replicationProtectedItems"]]
    assert members
    for member in members:
        assert (await vaults.properties(member))["testFailoverState"] == "WaitingForCompletion"
        assert (await vaults.allowed(member)) == {"TestFailoverCleanup"}


def flat(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return tasks with their children, at any depth."""
    found = []
    for task in tasks:
        found.append(task)
        found += flat((task["groupTaskCustomDetails"] or {}).get("childTasks") or [])
    return found


async def test_odd_answers_keep_their_meaning_in_another_form(vaults: Vaults) -> None:
    item = vaults.item("erp01")
    plain = await vaults.get(item)
    await add(vaults.azure, "odd", {"method": "GET", "path": "."}, rate=1, seed=3)
    bodies = [(await vaults.get(item)).body for _ in range(12)]
    ids = {body["id"] for body in bodies}
    assert len(ids) > 1
    assert {each.lower() for each in ids} == {plain.body["id"].lower()}
    assert any("availableFromTomorrow" in body["properties"] for body in bodies)
    words = {body["properties"]["protectionState"] for body in bodies}
    assert words <= {"Protected", "protected", "PROTECTED", "Reconciling"}
    assert len(words) > 2
    assert {body["name"] for body in bodies} == {plain.body["name"]}


async def test_odd_times_have_seven_digits(azure: Azure) -> None:
    point = (await azure.collection())["restorePoints"][0]["id"]
    await add(azure, "odd", {"method": "GET", "path": "restorePoints/"}, rate=1, kinds=["times"])
    times = {(await azure.call("GET", point)).body["properties"]["timeCreated"] for _ in range(10)}
    assert any(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", each) for each in times)


async def test_odd_answers_come_at_a_rate_and_the_same_for_the_same_seed(azure: Azure) -> None:
    point = (await azure.collection())["restorePoints"][0]["id"]
    runs = []
    for seed in (5, 5, 6):
        await azure.control.clear_faults()
        await add(azure, "odd", {"path": "restorePoints/"}, rate=0.5, seed=seed, kinds=["idCase"])
        runs.append([(await azure.call("GET", point)).body["id"] for _ in range(30)])
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert sum(each == point for each in runs[0]) > 3


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("odd", {"kinds": ["colour"]}),
        ("hide", {"duration": "soon"}),
        ("error", {"headers": {"a": 1}}),
        ("error", {"code": {"a": 1}}),
        ("error", {"query": "("}),
    ],
)
async def test_a_definition_that_cannot_be_used_is_refused(azure: Azure, fault: str, options: dict[str, Any]) -> None:
    with pytest.raises(SimulationError) as refused:
        await add(azure, fault, {}, **options)
    assert refused.value.status == 400
    assert await azure.control.faults() == []


async def test_progress_of_faults_survives_a_restart(tmp_path: Any) -> None:
    async with vaults_running(data=tmp_path) as vaults:
        await add(vaults.azure, "hide", {"path": "replicationProtectedItems/"}, duration="PT5M")
        assert (await vaults.get(vaults.item("erp01"))).status == 404
    async with vaults_running(data=tmp_path) as vaults:
        assert (await vaults.get(vaults.item("erp01"))).status == 404
        await vaults.azure.control.advance("PT6M")
        assert (await vaults.get(vaults.item("erp01"))).status == 200
