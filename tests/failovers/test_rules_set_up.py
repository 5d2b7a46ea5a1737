"""The bodies of set-up writes, and what needs no write."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from shared.failovers.set_up import rules
from shared.failovers.set_up.requests import (
    GroupRequest,
    NetworkMappingRequest,
    PolicyRequest,
    ProtectManyRequest,
    ProtectRequest,
    RecoveryPlanRequest,
)
from shared.failovers.vault.inventory_views import cloud_view, network_mapping_view, policy_view
from tests.failovers.samples import CONTAINER, GROUP, ITEM, PLAN, VAULT, item
from tests.failovers.test_rules_payloads import fits

POLICY = f"{VAULT}/replicationPolicies/gold"
MACHINE = f"{CONTAINER}/replicationProtectableItems/11"


def policy_json(**details: Any) -> dict[str, Any]:
    return {"id": POLICY, "name": "gold", "properties": {"providerSpecificDetails": {"instanceType": "HyperVReplicaAzure", **details}}}


def asked(**more: Any) -> PolicyRequest:
    return PolicyRequest.model_validate({"copyFrequencySeconds": 30, "recoveryPointHours": 6, **more})


THERE = {"replicationInterval": 30, "recoveryPointHistoryDurationInHours": 6, "applicationConsistentSnapshotFrequencyInHours": 0}


def test_a_policy_is_created_changed_or_left_as_it_is() -> None:
    made = rules.put_policy(POLICY, asked(startAt="22:00"), None)
    assert made is not None
    assert (made.method, made.path) == ("PUT", POLICY)
    assert made.body == {
        "properties": {
            "providerSpecificInput": {
                "instanceType": "HyperVReplicaAzure",
                "replicationInterval": 30,
                "recoveryPointHistoryDuration": 6,
                "applicationConsistentSnapshotFrequencyInHours": 0,
                "onlineReplicationStartTime": "22:00",
            }
        }
    }
    assert rules.put_policy(POLICY, asked(), policy_json(**THERE)) is None
    for change in (
        {"copyFrequencySeconds": 300},
        {"recoveryPointHours": 7},
        {"applicationConsistentSnapshotHours": 1},
        {"startAt": "01:00"},
    ):
        changed = rules.put_policy(POLICY, asked(**change), policy_json(**THERE))
        assert changed is not None
        assert changed.method == "PATCH"


def test_hours_become_the_minutes_of_azure_to_azure() -> None:
    request = PolicyRequest.model_validate({"provider": "A2A", "recoveryPointHours": 24, "applicationConsistentSnapshotHours": 4})
    settings = rules.policy_settings(request)
    assert (settings["recoveryPointHistory"], settings["appConsistentFrequencyInMinutes"]) == (1440, 240)
    there = {"recoveryPointHistory": 1440, "appConsistentFrequencyInMinutes": 240}
    policy = policy_json()
    policy["properties"]["providerSpecificDetails"] = {"instanceType": "A2A", **there}
    assert rules.put_policy(POLICY, request, policy) is None
    view = policy_view(policy, [])
    assert (view.recovery_point_hours, view.application_consistent_snapshot_hours, view.copy_frequency_seconds) == (24, 4, None)


def test_an_association_has_one_name_whatever_the_case() -> None:
    assert rules.mapping_id(CONTAINER, POLICY).lower() == rules.mapping_id(CONTAINER.upper(), POLICY.upper()).lower()
    assert rules.mapping_id(CONTAINER, POLICY) != rules.mapping_id(CONTAINER, f"{POLICY}2")


@pytest.mark.parametrize(
    "body",
    [
        {"copyFrequencySeconds": 31},
        {"copyFrequencySeconds": "30"},
        {"recoveryPointHours": 4, "applicationConsistentSnapshotHours": 5},
        {"provider": "A2A", "copyFrequencySeconds": 30},
        {"provider": "HyperVReplica2012R2"},
        {"startAt": "24:00"},
    ],
)
def test_a_policy_that_azure_does_not_take_is_no_request(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PolicyRequest.model_validate(body)


def test_a_machine_is_protected_with_its_own_disks_and_what_was_chosen() -> None:
    details = {
        "sourceItemId": "vm-1",
        "osDetails": {"osType": "Linux"},
        "diskDetails": [{"vhdId": "data", "vhdType": "DataDisk"}, {"vhdId": "os", "vhdType": "OperatingSystem"}],
    }
    machine = {"id": MACHINE, "properties": {"friendlyName": "web", "customDetails": details}}
    request = ProtectRequest.model_validate({"protectableItemId": MACHINE, "policy": "gold", "targetVmName": "web-dr"})
    write = rules.protect_hyper_v(ITEM, request, machine, POLICY)
    assert write.body is not None
    given = write.body["properties"]["providerSpecificDetails"]
    assert (given["vhdId"], given["osType"], given["hvHostVmId"]) == ("os", "Linux", "vm-1")
    assert (given["targetAzureVmName"], given["disksToInclude"]) == ("web-dr", ["data", "os"])
    assert "targetVmSize" not in given
    assert (write.method, write.path, write.scope) == ("PUT", ITEM, ITEM)


def test_one_machine_or_many_are_asked_for() -> None:
    one = {"protectableItemId": MACHINE, "policy": "gold"}
    assert ProtectManyRequest.model_validate(one).items == ProtectManyRequest.model_validate({"items": [one]}).items
    vm = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web"
    for wrong in (
        {"items": []},
        {"items": [one, one]},
        {"items": [one] * 101},
        {"policy": "gold"},
        {**one, "virtualMachineId": vm},
        {"virtualMachineId": vm, "policy": "gold"},
        {**one, "policy": "no/policy"},
    ):
        with pytest.raises(ValidationError):
            ProtectManyRequest.model_validate(wrong)


def test_a_plan_gets_the_groups_that_azure_needs_and_keeps_its_actions() -> None:
    script = {"actionName": "warm up", "customDetails": {"instanceType": "ManualActionDetails"}}
    there = {"id": PLAN, "properties": {"groups": [{"groupType": "Boot", "startGroupActions": [script]}]}}
    member = item("web")
    groups = [GroupRequest(members=(ITEM,)), GroupRequest()]
    made = rules.plan_groups(groups, {member.key: member}, there)
    assert [group["groupType"] for group in made] == ["Shutdown", "Failover", "Boot", "Boot"]
    assert [entry["id"] for entry in made[2]["replicationProtectedItems"]] == [member.id]
    assert (made[2]["startGroupActions"], made[3]["startGroupActions"]) == ([script], [])


def test_a_plan_has_a_hundred_members_at_most() -> None:
    members = [f"{ITEM}{number}" for number in range(100)]
    assert RecoveryPlanRequest.model_validate({"groups": [{"members": members}]})
    with pytest.raises(ValidationError, match="100 members at most; there are 101"):
        RecoveryPlanRequest.model_validate({"groups": [{"members": members}, {"members": [f"{ITEM}x"]}]})


def test_clouds_and_policies_tell_of_each_other() -> None:
    mapping = {
        "id": f"{CONTAINER}/replicationProtectionContainerMappings/m",
        "properties": {"policyId": POLICY.upper(), "targetProtectionContainerId": "Microsoft Azure", "state": "Paired"},
    }
    other = {**mapping, "id": f"{CONTAINER}2/replicationProtectionContainerMappings/m"}
    cloud = cloud_view({"id": CONTAINER, "properties": {"friendlyName": "gold"}}, [mapping, other])
    assert [(one.target, one.state) for one in cloud.policies] == [("Microsoft Azure", "Paired")]
    assert [one.cloud for one in policy_view(policy_json(), [mapping, other]).clouds] == [CONTAINER, f"{CONTAINER}2"]
    assert policy_view(policy_json(replicationInterval=900), []).warnings != ()
    assert policy_view(policy_json(replicationInterval=30), []).warnings == ()


def test_a_network_that_is_mapped_so_already_needs_no_write() -> None:
    mapping, vnet = (
        f"{VAULT}/replicationFabrics/site/replicationNetworks/n/replicationNetworkMappings/m",
        f"{GROUP}/providers/Microsoft.Network/virtualNetworks/v",
    )
    there = {"id": mapping, "properties": {"recoveryNetworkId": vnet.upper()}}
    assert rules.put_network_mapping(mapping, vnet, "Microsoft Azure", there) is None
    changed = rules.put_network_mapping(mapping, f"{vnet}2", "Microsoft Azure", there)
    made = rules.put_network_mapping(mapping, vnet, f"{VAULT}/replicationFabrics/west", None)
    assert changed is not None
    assert made is not None
    assert (changed.method, made.method) == ("PATCH", "PUT")
    assert made.body is not None
    assert made.body["properties"]["recoveryFabricName"] == "west"
    assert network_mapping_view(there).primary_network == mapping.rsplit("/", 2)[0]


def test_a_virtual_network_is_mapped_below_the_fabric_of_its_region() -> None:
    fabrics = [f"{VAULT}/replicationFabrics/{region}" for region in ("west", "north")]
    here, there, other = (f"{GROUP}/providers/Microsoft.Network/virtualNetworks/{name}" for name in ("a", "b", "c"))
    mapping = rules.azure_mapping_id(fabrics[0], "m")
    assert mapping == f"{fabrics[0]}/replicationNetworks/azureNetwork/replicationNetworkMappings/m"
    made = rules.map_virtual_network(mapping, here, there, fabrics[1], None)
    assert made is not None
    assert (made.method, made.path, made.scope) == ("PUT", mapping, mapping)
    assert made.body == {
        "properties": {
            "recoveryFabricName": "north",
            "recoveryNetworkId": there,
            "fabricSpecificDetails": {"instanceType": "AzureToAzure", "primaryNetworkId": here},
        }
    }
    so = {"id": mapping, "properties": {"primaryNetworkId": here.upper(), "recoveryNetworkId": there, "recoveryFabricArmId": fabrics[1]}}
    assert rules.map_virtual_network(mapping, here, there, fabrics[1], so) is None
    for primary, recovery in ((here, other), (other, there)):
        changed = rules.map_virtual_network(mapping, primary, recovery, fabrics[1], so)
        assert changed is not None
        assert changed.method == "PATCH"
    view = network_mapping_view(so)
    assert (view.primary_fabric, view.recovery_network, view.recovery_fabric) == (fabrics[0], there, fabrics[1])
    assert (view.primary_network or "").lower() == here.lower()


def test_a_virtual_network_is_not_mapped_to_one_of_a_vmm_server() -> None:
    vnet, vmm = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/v", f"{VAULT}/replicationFabrics/vmm/replicationNetworks/n"
    for primary, recovery, between in ((vnet, vnet, True), (vmm, vnet, False), (vmm, vmm, False)):
        asked_for = NetworkMappingRequest.model_validate({"primaryNetwork": primary, "recoveryNetwork": recovery})
        assert asked_for.is_between_azure is between
    with pytest.raises(ValidationError, match="recoveryNetwork"):
        NetworkMappingRequest.model_validate({"primaryNetwork": vnet, "recoveryNetwork": vmm})


@pytest.fixture(scope="module")
def spec() -> Any:
    if "FARSHORE_SHARED" not in os.environ:
        pytest.skip("the specification lies in the shared folder: set FARSHORE_SHARED")
    return json.loads((Path(os.environ["FARSHORE_SHARED"]) / "spec/contract_siterecovery_2025-08-01_from_sdk.json").read_text())


def properties(write: rules.Write | None) -> dict[str, Any]:
    assert write is not None
    assert write.body is not None
    found: dict[str, Any] = write.body["properties"]
    return found


def test_each_body_is_what_the_specification_takes(spec: Any) -> None:
    a2a = PolicyRequest.model_validate({"provider": "A2A"})
    storage = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/a"
    hyper_v = asked(startAt="22:00", storageAccountId=storage)
    for request, model in ((hyper_v, "HyperVReplicaAzurePolicyInput"), (a2a, "A2APolicyCreationInput")):
        made = properties(rules.put_policy(POLICY, request, None))
        fits(spec, "CreatePolicyInputProperties", made)
        fits(spec, model, made["providerSpecificInput"])
    fits(spec, "UpdatePolicyInputProperties", properties(rules.put_policy(POLICY, hyper_v, policy_json())))
    associated = rules.associate(CONTAINER, "Microsoft Azure", POLICY, "A2A", POLICY, 0)
    fits(spec, "CreateProtectionContainerMappingInputProperties", properties(associated))
    fits(spec, "RemoveProtectionContainerMappingInputProperties", properties(rules.dissociate({"id": f"{CONTAINER}/m/1"}, POLICY, 0)))
    network = f"{VAULT}/replicationFabrics/site/replicationNetworks/n/replicationNetworkMappings/m"
    fits(spec, "CreateNetworkMappingInputProperties", properties(rules.put_network_mapping(network, "v", "Microsoft Azure", None)))
    fits(
        spec, "UpdateNetworkMappingInputProperties", properties(rules.put_network_mapping(network, "v", "Microsoft Azure", {"id": network}))
    )
    between = properties(rules.map_virtual_network(network, "v", "w", "f", None))
    fits(spec, "CreateNetworkMappingInputProperties", between)
    fits(spec, "AzureToAzureCreateNetworkMappingInput", between["fabricSpecificDetails"])
    changed = properties(rules.map_virtual_network(network, "v", "w", "f", {"id": network}))
    fits(spec, "AzureToAzureUpdateNetworkMappingInput", changed["fabricSpecificDetails"])

    one = {"policy": "gold", "storageAccountId": storage, "resourceGroupId": GROUP}
    machine = {"id": MACHINE, "properties": {"friendlyName": "web", "customDetails": {"diskDetails": [{"vhdId": "os"}]}}}
    wanted = ProtectRequest.model_validate({**one, "protectableItemId": MACHINE, "targetVmSize": "Standard_B2s"})
    enabled = properties(rules.protect_hyper_v(ITEM, wanted, machine, POLICY))
    fits(spec, "EnableProtectionInputProperties", enabled)
    fits(spec, "HyperVReplicaAzureEnableProtectionInput", enabled["providerSpecificDetails"])
    azure = ProtectRequest.model_validate({**one, "virtualMachineId": f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web"})
    enabled = properties(rules.protect_azure(ITEM, azure, ["d"], CONTAINER, POLICY))
    fits(spec, "A2AEnableProtectionInput", enabled["providerSpecificDetails"])
    fits(spec, "A2AVmManagedDiskInputDetails", enabled["providerSpecificDetails"]["vmManagedDisks"][0])
    fits(spec, "DisableProtectionInputProperties", properties(rules.stop_protecting(item("web"))))

    member = item("web")
    groups = rules.plan_groups([GroupRequest(members=(ITEM,))], {member.key: member}, None)
    fits(spec, "CreateRecoveryPlanInputProperties", properties(rules.put_plan(PLAN, "p", "r", groups, None)))
    fits(spec, "UpdateRecoveryPlanInputProperties", properties(rules.put_plan(PLAN, "p", "r", groups, {"id": PLAN})))
    for group in groups:
        fits(spec, "RecoveryPlanGroup", group)
