"""Policies, mappings, protected machines and recovery plans: made, changed, refused, deleted; the sample's vaults; small estates."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from local.simulation.client import SimulationError
from tests.local.site_recovery import PLANNED, VERSION, Vaults, a_test, shown, vaults_running


@pytest.fixture
async def vaults() -> AsyncIterator[Vaults]:
    async with vaults_running() as running:
        yield running


async def put(vaults: Vaults, resource: str, properties: dict[str, Any], method: str = "PUT", wait: str = "PT5M") -> Any:
    """Write something, let the time pass, and return the answer to the write."""
    reply = await vaults.azure.call(method, resource, {"properties": properties}, version=VERSION)
    await vaults.azure.control.advance(wait)
    return reply


def hyper_v_policy(**given: Any) -> dict[str, Any]:
    return {"providerSpecificInput": {"instanceType": "HyperVReplicaAzure", **given}}


async def test_the_sample_is_as_in_the_contract(vaults: Vaults) -> None:
    listed = (await vaults.get(f"{vaults.provider}/replicationProtectedItems")).body["value"]
    assert len({item["id"] for item in listed}) == 14
    in_vmm = [item for item in listed if "/vmm01/" in item["id"]]
    assert len(in_vmm) == 10
    assert len({item["id"].rsplit("/", 2)[0] for item in in_vmm}) == 2
    shop = await vaults.properties(vaults.plan("shop"))
    in_plan = {each["id"] for group in shop["groups"] for each in group["replicationProtectedItems"]}
    assert [len(group["replicationProtectedItems"]) for group in shop["groups"]] == [1, 1, 1]
    ready = [
        item
        for item in in_vmm
        if item["properties"]["replicationHealth"] == "Normal" and "TestFailover" in item["properties"]["allowedOperations"]
    ]
    tested = {item["id"] for item in ready if "lastSuccessfulTestFailoverTime" in item["properties"]}
    assert len(tested - in_plan) == 4
    assert in_plan <= tested
    assert len([item for item in in_vmm if item["properties"]["replicationHealth"] != "Normal"]) == 1
    assert len([item for item in in_vmm if "lastSuccessfulTestFailoverTime" not in item["properties"]]) == 1
    assert len([item for item in in_vmm if item["properties"]["currentScenario"]["scenarioName"] != "None"]) == 1
    kinds = [item["properties"]["providerSpecificDetails"]["instanceType"] for item in listed if "/vmm01/" not in item["id"]]
    assert sorted(kinds) == ["HyperVReplica2012R2", "HyperVReplicaAzure", "HyperVReplicaAzure", "InMageRcm"]
    for vault in vaults.estate["vaults"][1:3]:
        own = (await vaults.get(f"{vault['id']}/replicationProtectedItems")).body["value"]
        assert [item["properties"]["providerSpecificDetails"]["instanceType"] for item in own] == ["A2A"] * 3
        assert not any("lastSuccessfulTestFailoverTime" in item["properties"] for item in own)
        assert [len(group["members"]) for group in vault["plans"][0]["groups"]] == [2, 1]
        source = own[0]["properties"]["providerSpecificDetails"]["primaryFabricLocation"]
        assert vault["location"] != source, "the vault is in any region except the source's"


async def test_vaults_are_read_and_listed(vaults: Vaults) -> None:
    group = vaults.provider.split("/vaults/")[0]
    subscription = "/".join(vaults.provider.split("/")[:3])
    assert (await vaults.get(vaults.provider)).body["location"] == "northeurope"
    for path in (f"{group}/vaults", f"{subscription}/providers/Microsoft.RecoveryServices/vaults"):
        assert [vault["id"] for vault in (await vaults.get(path)).body["value"]] == [vaults.provider]
    assert (await vaults.get(f"{group}/vaults/none")).status == 404
    health = await vaults.properties(f"{vaults.provider}/replicationVaultHealth")
    assert health["protectedItemsHealth"]["categorizedResourceCounts"]["Critical"] == 1
    assert (await vaults.get(f"{vaults.provider}/replicationEvents")).body["value"] == []


@pytest.mark.parametrize(
    ("given", "member"),
    [
        ({"replicationInterval": 60}, "replicationInterval"),
        ({"recoveryPointHistoryDuration": 25}, "recoveryPointHistoryDuration"),
        (
            {"recoveryPointHistoryDuration": 2, "applicationConsistentSnapshotFrequencyInHours": 3},
            "applicationConsistentSnapshotFrequencyInHours",
        ),
        ({"onlineReplicationStartTime": "25:00"}, "onlineReplicationStartTime"),
        ({"replicationInterval": "300"}, "replicationInterval"),
    ],
)
async def test_policies_that_azure_does_not_take(vaults: Vaults, given: dict[str, Any], member: str) -> None:
    policy = f"{vaults.provider}/replicationPolicies/new"
    reply = await put(vaults, policy, hyper_v_policy(**given))
    assert (reply.status, reply.body["error"]["target"]) == (400, f"properties.providerSpecificInput.{member}")
    assert (await vaults.get(policy)).status == 404


async def test_a_policy_is_made_changed_and_deleted(vaults: Vaults) -> None:
    policy = f"{vaults.provider}/replicationPolicies/new"
    made = await put(vaults, policy, hyper_v_policy(replicationInterval=900, onlineReplicationStartTime="22:30"), wait="PT0S")
    assert made.status == 202
    assert "/replicationOperationStatus/" in made.headers["Azure-AsyncOperation"]
    assert (await vaults.get(policy)).status == 404, "not before its job has ended"
    assert (await vaults.get(made.headers["Azure-AsyncOperation"])).body["status"] == "InProgress"
    await vaults.azure.control.advance("PT1M")
    assert (await vaults.get(made.headers["Azure-AsyncOperation"])).body["status"] == "Succeeded"
    assert (await vaults.properties(policy))["providerSpecificDetails"]["replicationInterval"] == 900
    change = {"replicationProviderSettings": {"instanceType": "HyperVReplicaAzure", "replicationInterval": 30}}
    await put(vaults, policy, change, "PATCH")
    details = (await vaults.properties(policy))["providerSpecificDetails"]
    assert (details["replicationInterval"], details["onlineReplicationStartTime"]) == (30, "22:30")
    used = await vaults.azure.call("DELETE", f"{vaults.provider}/replicationPolicies/every-5-minutes", version=VERSION)
    assert (used.status, used.code) == (409, "PolicyInUse")
    assert (await vaults.azure.call("DELETE", policy, version=VERSION)).status == 202
    await vaults.azure.control.advance("PT1M")
    assert (await vaults.get(policy)).status == 404
    assert (await vaults.azure.call("DELETE", policy, version=VERSION)).status == 204


def protection(vaults: Vaults, machine: str, **given: Any) -> dict[str, Any]:
    target = {"targetAzureVmName": "intranet", "targetAzureNetworkId": vaults.network("provider-northeurope"), **given}
    return {
        "policyId": f"{vaults.provider}/replicationPolicies/every-5-minutes",
        "protectableItemId": machine,
        "providerSpecificDetails": {"instanceType": "HyperVReplicaAzure", **target},
    }


async def machine(vaults: Vaults, friendly: str) -> str:
    cloud = vaults.item("new01").rsplit("/", 2)[0]
    found = (await vaults.get(f"{cloud}/replicationProtectableItems")).body["value"]
    return next(str(each["id"]) for each in found if each["properties"]["friendlyName"] == friendly)


async def test_a_machine_is_protected_changed_and_given_up(vaults: Vaults) -> None:
    found = await machine(vaults, "intranet01")
    item = vaults.item("new01").rsplit("/", 1)[0] + "/intranet01"
    assert (await vaults.properties(found))["protectionStatus"] == "Unprotected"
    assert (await put(vaults, item, protection(vaults, found))).status == 202
    seen = await vaults.properties(found)
    assert (seen["protectionStatus"], seen["replicationProtectedItemId"]) == ("Protected", item)
    state = await vaults.properties(item)
    assert (state["protectionState"], state["allowedOperations"]) == ("InitialReplicationInProgress", ["DisableProtection"])
    progress = int(state["providerSpecificDetails"]["initialReplicationDetails"]["initialReplicationProgressPercentage"])
    assert 0 <= progress < 100
    await vaults.azure.control.advance("PT1H")
    assert "PlannedFailover" in await vaults.allowed(item)
    again = await put(vaults, item + "-again", protection(vaults, found))
    assert (again.status, again.code) == (409, "VirtualMachineAlreadyProtected")
    await put(vaults, item, {"recoveryAzureVMName": "renamed", "recoveryAzureVMSize": "Standard_D4s_v3"}, "PATCH")
    details = (await vaults.properties(item))["providerSpecificDetails"]
    assert (details["recoveryAzureVmName"], details["recoveryAzureVMSize"]) == ("renamed", "Standard_D4s_v3")
    long = await put(vaults, item, {"recoveryAzureVMName": "x" * 64}, "PATCH")
    assert (long.status, long.body["error"]["target"]) == (400, "properties.recoveryAzureVMName")
    await vaults.done(item, "remove", {"properties": {"disableProtectionReason": "NotSpecified"}})
    assert (await vaults.get(item)).status == 404
    given_up = await vaults.properties(found)
    assert (given_up["protectionStatus"], given_up.get("replicationProtectedItemId")) == ("Unprotected", None)
    assert (await vaults.post(item, "remove", {"properties": {}})).status == 204


async def test_a_machine_of_vmwares_newer_kind_has_its_name_and_size_in_its_own_details(vaults: Vaults) -> None:
    item = vaults.item("files01")
    details = {"instanceType": "InMageRcm", "targetVmName": "files-dr", "targetVmSize": "Standard_D8s_v3"}
    assert (await put(vaults, item, {"providerSpecificDetails": details}, "PATCH")).status == 202
    await vaults.azure.control.advance("PT5M")
    found = (await vaults.properties(item))["providerSpecificDetails"]
    assert (found["targetVmName"], found["targetVmSize"]) == ("files-dr", "Standard_D8s_v3")


async def test_machines_that_cannot_be_protected(vaults: Vaults) -> None:
    item = vaults.item("new01").rsplit("/", 1)[0] + "/cluster01"
    reply = await put(vaults, item, protection(vaults, await machine(vaults, "cluster01")))
    job = await vaults.properties(vaults.job_of(reply, item))
    assert (job["state"], "shared virtual hard disk" in job["errors"][0]["serviceErrorDetails"]["message"]) == ("Failed", True)
    assert (await vaults.get(item)).status == 404
    found = await machine(vaults, "intranet02")
    for given, member in (
        ({"targetAzureVmName": "a_b"}, "targetAzureVmName"),
        ({"targetAzureNetworkId": vaults.network("provider-westeurope")}, "targetAzureNetworkId"),
    ):
        reply = await put(vaults, item, protection(vaults, found, **given))
        assert (reply.status, reply.body["error"]["target"]) == (400, f"properties.providerSpecificDetails.{member}")
    other = protection(vaults, found) | {"policyId": f"{vaults.provider}/replicationPolicies/every-30-seconds"}
    assert (await put(vaults, item, other)).code == "PolicyNotAssociated"


async def test_an_item_that_is_busy_cannot_be_given_up(vaults: Vaults) -> None:
    for method, path in (("POST", "/remove"), ("DELETE", "")):
        reply = await vaults.azure.call(method, vaults.item("busy01") + path, {"properties": {}}, version=VERSION)
        assert (reply.status, reply.code) == (409, "AnotherJobInProgress")


async def test_a_recovery_plan_is_made_changed_and_deleted(vaults: Vaults) -> None:
    plan = f"{vaults.provider}/replicationRecoveryPlans/fresh"
    one, two = ({"id": vaults.item(name), "virtualMachineId": ""} for name in ("erp01", "erp02"))
    body: dict[str, Any] = {
        "primaryFabricId": f"{vaults.provider}/replicationFabrics/vmm01",
        "recoveryFabricId": "Microsoft Azure",
        "failoverDeploymentModel": "ResourceManager",
        "groups": [
            {"groupType": "Shutdown", "replicationProtectedItems": [], "startGroupActions": [], "endGroupActions": []},
            {"groupType": "Failover", "replicationProtectedItems": []},
            {"groupType": "Boot", "replicationProtectedItems": [one]},
        ],
    }
    assert (await put(vaults, plan, body)).status == 202
    assert [group["groupType"] for group in (await vaults.properties(plan))["groups"]] == ["Shutdown", "Failover", "Boot"]
    body["groups"].append({"groupType": "Boot", "replicationProtectedItems": [two]})
    await put(vaults, plan, {"groups": body["groups"]}, "PATCH")
    assert await vaults.allowed(plan) == {"PlannedFailover", "UnplannedFailover", "TestFailover"}
    await vaults.done(vaults.item("erp02"), "testFailover", a_test("HyperVReplicaAzure"))
    assert await vaults.allowed(plan) == {"TestFailoverCleanup"}
    await vaults.start(plan, "testFailoverCleanup", {"properties": {}})
    busy = await put(vaults, plan, {"groups": body["groups"]}, "PATCH", wait="PT0S")
    assert (busy.status, busy.code) == (409, "AnotherJobInProgress")
    await vaults.azure.control.advance("PT1H")
    assert (await vaults.azure.call("DELETE", plan, version=VERSION)).status == 202
    await vaults.azure.control.advance("PT1M")
    assert (await vaults.get(plan)).status == 404


async def test_recovery_plans_that_azure_does_not_take(vaults: Vaults) -> None:
    def groups(*members: str, kind: str = "Boot") -> dict[str, Any]:
        return {"groupType": kind, "replicationProtectedItems": [{"id": each} for each in members]}

    here, item = f"{vaults.provider}/replicationFabrics/vmm01", vaults.item("erp01")
    for wanted, words in (
        ([], "at least one group"),
        ([groups(item), groups(item)], "one group of a recovery plan only"),
        ([groups(item, kind="Shutdown")], "no members"),
        ([groups(vaults.item("branch01"))], "not replicated from"),
        ([groups(vaults.item("contoso-web01"))], "not found in the vault"),
        ([groups(*(f"{item}{number}" for number in range(101)))], "100 members"),
        ([groups() for _ in range(8)], "7 groups"),
    ):
        body = {"primaryFabricId": here, "recoveryFabricId": "Microsoft Azure", "groups": wanted}
        reply = await put(vaults, f"{vaults.provider}/replicationRecoveryPlans/fresh", body)
        assert reply.status == 400
        assert words in reply.body["error"]["message"]


async def test_a_network_mapping(vaults: Vaults) -> None:
    network = (await vaults.get(f"{vaults.provider}/replicationNetworks")).body["value"][0]["id"]
    mapping = f"{network}/replicationNetworkMappings/fresh"
    wrong = await put(vaults, mapping, {"recoveryNetworkId": vaults.network("provider-westeurope")})
    assert (wrong.status, wrong.body["error"]["target"]) == (400, "properties.recoveryNetworkId")
    wanted = vaults.network("drill-provider-northeurope")
    assert (await put(vaults, mapping, {"recoveryNetworkId": wanted})).status == 202
    assert (await vaults.properties(mapping))["recoveryNetworkId"] == wanted
    assert (await vaults.azure.call("DELETE", mapping, version=VERSION)).status == 202


async def test_a_mapping_of_virtual_networks(vaults: Vaults) -> None:
    found = (await vaults.azure.control.estate())["vaults"]
    vault = next(one["id"] for one in found if one["id"].endswith("/contoso-vault"))
    west, east = (f"{vault}/replicationFabrics/contoso-{region}" for region in ("westeurope", "northeurope"))
    mapping = f"{west}/replicationNetworks/azureNetwork/replicationNetworkMappings/fresh"
    there, here = vaults.network("contoso-northeurope"), vaults.network("contoso-westeurope")
    kind = {"instanceType": "AzureToAzure", "primaryNetworkId": here}
    wanted = {"recoveryFabricName": "contoso-northeurope", "recoveryNetworkId": there, "fabricSpecificDetails": kind}
    for change, member in (
        ({"recoveryFabricName": "contoso-westeurope"}, "recoveryFabricName"),
        ({"recoveryFabricName": None}, "recoveryFabricName"),
        ({"recoveryNetworkId": here}, "recoveryNetworkId"),
        ({"fabricSpecificDetails": {**kind, "primaryNetworkId": there}}, "fabricSpecificDetails.primaryNetworkId"),
        ({"fabricSpecificDetails": {"instanceType": "AzureToAzure"}}, "fabricSpecificDetails.primaryNetworkId"),
        ({"fabricSpecificDetails": {"instanceType": "VmmToAzure"}}, "instanceType"),
    ):
        reply = await put(vaults, mapping, wanted | change)
        assert (reply.status, reply.body["error"]["target"]) == (400, f"properties.{member}"), change
    assert (await put(vaults, mapping.replace("azureNetwork", "another"), wanted)).status == 404
    assert (await put(vaults, mapping, wanted, "PATCH")).status == 404
    assert (await put(vaults, mapping, wanted)).status == 202
    made = await vaults.properties(mapping)
    assert (made["primaryNetworkId"], made["recoveryNetworkId"], made["recoveryFabricArmId"]) == (here, there, shown(east))
    assert made["fabricSpecificSettings"] == {
        "instanceType": "AzureToAzure", "primaryFabricLocation": "westeurope", "recoveryFabricLocation": "northeurope",
    }  # fmt: skip
    drill = vaults.network("drill-contoso-northeurope")
    assert (await put(vaults, mapping, {"recoveryNetworkId": drill, "fabricSpecificDetails": kind}, "PATCH")).status == 202
    assert (await vaults.properties(mapping))["recoveryNetworkId"] == drill
    listed = (await vaults.get(f"{vault}/replicationNetworkMappings")).body["value"]
    assert [one["id"] for one in listed] == [shown(mapping)]
    assert (await vaults.azure.call("DELETE", mapping, version=VERSION)).status == 202


async def test_a_small_estate_is_completed(vaults: Vaults) -> None:
    subscription = "00000000-0000-0000-0000-00000000000a"
    ids = [f"/subscriptions/{subscription}/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v{n}" for n in range(3)]
    item = "/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/i"
    small: dict[str, Any] = {
        "tenants": [],
        "subscriptions": [{"id": subscription, "tenantId": subscription, "locations": ["westeurope"]}],
        "vaults": [{"id": each, "location": "westeurope", "items": [{"id": f"{each}{item}{n}"} for n in range(5)]} for each in ids],
    }
    small["vaults"][0]["plans"] = [{"id": f"{ids[0]}/replicationRecoveryPlans/p", "groups": [{"members": [f"{ids[0]}{item}0"]}]}]
    estate = await vaults.azure.control.put_estate(small)
    assert await vaults.azure.control.put_estate(estate) == estate
    assert (await vaults.done(f"{ids[2]}{item}4", "plannedFailover", PLANNED))["state"] == "Succeeded"
    out = {"properties": {"failoverDirection": "PrimaryToRecovery", "sourceSiteOperations": "NotRequired"}}
    assert (await vaults.done(f"{ids[0]}/replicationRecoveryPlans/p", "unplannedFailover", out))["state"] == "Succeeded"
    assert len((await vaults.get(f"{ids[0]}/replicationFabrics")).body["value"]) == 1


async def test_a_vault_that_cannot_be_read_changes_nothing(vaults: Vaults) -> None:
    for broken in ({"id": vaults.provider}, {"id": vaults.provider, "location": "x", "items": [{"id": "/short"}]}, {"location": "x"}):
        with pytest.raises(SimulationError) as refused:
            await vaults.azure.control.put_estate({**vaults.estate, "vaults": [broken]})
        assert refused.value.status == 400
        assert "vaults" in str(refused.value)
    assert await vaults.azure.control.estate() == vaults.estate


async def test_a_change_of_the_set_up_names_its_job_in_azure_async_operation_only(vaults: Vaults) -> None:
    policy = f"{vaults.provider}/replicationPolicies/another"
    body = {"properties": {"providerSpecificInput": {"instanceType": "HyperVReplicaAzure", "replicationInterval": 300}}}
    for method, path, sent in (
        ("PUT", policy, body),
        ("PATCH", vaults.plan("shop"), {"properties": {"groups": (await vaults.properties(vaults.plan("shop")))["groups"]}}),
        ("DELETE", policy, None),
    ):
        reply = await vaults.azure.call(method, path, sent, version=VERSION)
        assert (reply.status, reply.body, "Location" in reply.headers) == (202, None, False)
        job = vaults.job_of(reply, path)
        await vaults.azure.control.advance("PT1S")
        assert (await vaults.properties(job))["state"] == "InProgress"
        await vaults.azure.control.advance("PT5M")
        assert (await vaults.get(reply.headers["Azure-AsyncOperation"])).body["status"] == "Succeeded"
    await vaults.azure.control.add_fault("failJob", method="PUT", path="replicationPolicies/", code="28000")
    failed = await vaults.azure.call("PUT", policy, body, version=VERSION)
    await vaults.azure.control.advance("PT5M")
    ended = (await vaults.get(failed.headers["Azure-AsyncOperation"])).body
    assert (ended["status"], ended["error"]["code"]) == ("Failed", "28000")


async def test_instance_types_that_the_specification_does_not_know_are_refused(vaults: Vaults) -> None:
    item = vaults.item("new01")
    cloud = item.rsplit("/", 2)[0]
    mapping = f"{cloud}/replicationProtectionContainerMappings/another"
    policy = f"{vaults.provider}/replicationPolicies/every-5-minutes"
    wanted = {"policyId": policy, "targetProtectionContainerId": "Microsoft Azure"}
    for kind, status in (("HyperVReplicaAzure", 400), ("A2A", 400), ("ReplicationProviderSpecificContainerMappingInput", 202)):
        body = {"properties": wanted | {"providerSpecificInput": {"instanceType": kind}}}
        assert (await vaults.azure.call("PUT", mapping, body, version=VERSION)).status == status, kind
    for kind, status in (("HyperVReplicaAzure", 400), ("A2A", 400), ("DisableProtectionProviderSpecificInput", 202)):
        body = {"properties": {"replicationProviderInput": {"instanceType": kind}}}
        assert (await vaults.post(item, "remove", body)).status == status, kind


async def test_things_of_a_vault_have_the_recorded_members(vaults: Vaults) -> None:
    for kind in ("replicationFabrics", "replicationProtectionContainers", "replicationPolicies", "replicationNetworks"):
        for thing in (await vaults.get(f"{vaults.provider}/{kind}")).body["value"]:
            assert set(thing) == {"id", "name", "type", "properties"}, thing
    mappings = (await vaults.get(f"{vaults.provider}/replicationProtectionContainerMappings")).body["value"]
    assert mappings
    assert not [each for each in mappings if "providerSpecificDetails" in each["properties"]], "Hyper-V and VMware have none"
    mappings = (await vaults.get(f"{vaults.tenant}/replicationProtectionContainerMappings")).body["value"]
    assert {each["properties"]["providerSpecificDetails"]["instanceType"] for each in mappings} == {"A2A"}


async def test_the_recovery_side_in_azure_is_a_fabric_and_a_container_with_ids(vaults: Vaults) -> None:
    item = await vaults.properties(vaults.item("erp01"))
    assert item["recoveryFabricId"].startswith(f"{shown(vaults.provider)}/replicationFabrics/")
    assert item["recoveryContainerId"].startswith(f"{item['recoveryFabricId']}/replicationProtectionContainers/")
    assert item["recoveryFabricFriendlyName"] == "Microsoft Azure"
    (mapping, *_) = (await vaults.get(f"{vaults.provider}/replicationNetworkMappings")).body["value"]
    assert mapping["properties"]["recoveryFabricFriendlyName"] == "Microsoft Azure"


async def test_the_list_of_machines_ends_with_an_empty_page(vaults: Vaults) -> None:
    cloud = vaults.item("new01").rsplit("/", 2)[0]
    first = (await vaults.get(f"{cloud}/replicationProtectableItems")).body
    assert first["value"]
    last = (await vaults.azure.call("GET", first["nextLink"])).body
    assert last == {"value": []}


async def test_a_policy_with_an_interval_of_24_is_taken(vaults: Vaults) -> None:
    body = {"properties": {"providerSpecificInput": {"instanceType": "HyperVReplicaAzure", "replicationInterval": 24}}}
    policy = f"{vaults.provider}/replicationPolicies/odd"
    assert (await vaults.azure.call("PUT", policy, body, version=VERSION)).status == 202


async def test_ids_in_a_vault_begin_with_a_capital(vaults: Vaults) -> None:
    item = (await vaults.get(vaults.item("erp01").lower())).body
    assert item["id"].startswith("/Subscriptions/")
    assert item["properties"]["policyId"].startswith("/Subscriptions/")
    assert item["properties"]["currentScenario"]["jobId"].startswith("/Subscriptions/")
    assert (await vaults.get(vaults.provider)).body["id"].startswith("/subscriptions/"), "the vault itself is no thing of Site Recovery"
    network = item["properties"]["providerSpecificDetails"]["selectedRecoveryAzureNetworkId"]
    assert network.startswith("/subscriptions/"), "ids of other providers are as they were given"
