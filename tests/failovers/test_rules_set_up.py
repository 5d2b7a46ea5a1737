"""The bodies of set-up writes, and what needs no write."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from shared.arm.ids import ResourceId
from shared.errors import Refused
from shared.failovers.drills.models import DrillPolicyRequest
from shared.failovers.protection.models import ProtectionPolicyRequest
from shared.failovers.set_up import plan_rules, policy_rules, rules
from shared.failovers.set_up.requests import (
    GroupRequest,
    NetworkMappingRequest,
    PolicyRequest,
    ProtectManyRequest,
    ProtectRequest,
    RecoveryPlanRequest,
)
from shared.failovers.vault.names import Provider
from shared.failovers.vault.views import cloud_view, network_mapping_view, policy_view
from shared.web.documents import parse
from tests.failovers.samples import CONTAINER, GROUP, ITEM, PLAN, VAULT, item
from tests.failovers.test_rules_payloads import fits

POLICY = f"{VAULT}/replicationPolicies/gold"
MACHINE = f"{CONTAINER}/replicationProtectableItems/11"
COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
TARGET = {
    "availabilityZone": "2",
    "proximityPlacementGroupId": f"{COMPUTE}/proximityPlacementGroups/close",
    "diskEncryptionSetId": f"{COMPUTE}/diskEncryptionSets/keys",
    "diskType": "PremiumV2_LRS",
}


def policy_json(**details: Any) -> dict[str, Any]:
    return {"id": POLICY, "name": "gold", "properties": {"providerSpecificDetails": {"instanceType": "HyperVReplicaAzure", **details}}}


def test_an_association_has_one_name_whatever_the_case() -> None:
    assert rules.mapping_id(CONTAINER, POLICY).lower() == rules.mapping_id(CONTAINER.upper(), POLICY.upper()).lower()
    assert rules.mapping_id(CONTAINER, POLICY) != rules.mapping_id(CONTAINER, f"{POLICY}2")


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


@pytest.mark.parametrize(("reported", "requested", "sent"), [(None, "Linux", "Linux"), ("Windows", "Linux", "Windows"), (None, None, None)])
def test_the_os_type_is_requested_where_the_host_does_not_report_it(reported: str | None, requested: str | None, sent: str | None) -> None:
    machine = {"id": MACHINE, "properties": {"friendlyName": "web", "customDetails": {"osDetails": reported and {"osType": reported}}}}
    request = ProtectRequest.model_validate({"protectableItemId": MACHINE, "policy": "gold", "osType": requested})
    write = rules.protect_hyper_v(ITEM, request, machine, POLICY)
    assert properties(write)["providerSpecificDetails"].get("osType") == sent


def test_a_machine_goes_where_the_request_states() -> None:
    account = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/a"
    azure = {"virtualMachineId": f"{COMPUTE}/virtualMachines/web", "resourceGroupId": GROUP, "storageAccountId": account}
    request = ProtectRequest.model_validate({**azure, "policy": "a2a", **TARGET})
    given = properties(rules.protect_azure(ITEM, request, ["d1", "d2"], CONTAINER, POLICY))["providerSpecificDetails"]
    assert given["recoveryAvailabilityZone"] == "2"
    assert given["recoveryProximityPlacementGroupId"] == TARGET["proximityPlacementGroupId"]
    assert [disk["diskId"] for disk in given["vmManagedDisks"]] == ["d1", "d2"]
    for disk in given["vmManagedDisks"]:
        assert disk["recoveryDiskEncryptionSetId"] == TARGET["diskEncryptionSetId"]
        assert disk["recoveryTargetDiskAccountType"] == TARGET["diskType"]
    plain = ProtectRequest.model_validate({**azure, "policy": "a2a"})
    given = properties(rules.protect_azure(ITEM, plain, ["d1"], CONTAINER, POLICY))["providerSpecificDetails"]
    assert not {"recoveryAvailabilityZone", "recoveryProximityPlacementGroupId", "recoveryAzureNetworkId"} & set(given)
    assert set(given["vmManagedDisks"][0]) == {"diskId", "primaryStagingAzureStorageAccountId", "recoveryResourceGroupId"}


@pytest.mark.parametrize("change", [{"availabilityZone": "north"}, {"availabilityZone": ""}, {"diskType": "fast"}, {"osType": "BeOS"}])
def test_a_target_that_cannot_be_is_no_request(change: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match=next(iter(change))):
        ProtectRequest.model_validate({"protectableItemId": MACHINE, "policy": "gold", **change})


def test_two_machines_of_one_name_are_protected_under_two() -> None:
    here, there = (ResourceId.parse(f"{group}/providers/Microsoft.Compute/virtualMachines/web01") for group in (GROUP, f"{GROUP}2"))
    names = [rules.item_name(one) for one in (here, there, ResourceId.parse(str(here).upper()))]
    assert names[0] != names[1]
    assert names[0].lower() == names[2].lower()
    assert all(name.lower().startswith("web01-") for name in names)


def test_null_counts_as_absent_but_for_what_is_required() -> None:
    absent = dict.fromkeys(("targetVmName", "targetVmSize", "network", "osType", "cloud", "virtualMachineId", "diskType"))
    one = {"protectableItemId": MACHINE, "policy": "gold"}
    assert ProtectManyRequest.model_validate({**one, **absent}) == ProtectManyRequest.model_validate(one)
    groups = [{"members": [ITEM]}]
    nulls = {"primary": None, "recovery": None, "dropActions": None, "groups": [{"members": [ITEM], "type": None}, {"members": None}]}
    assert RecoveryPlanRequest.model_validate(nulls) == RecoveryPlanRequest.model_validate({"groups": [*groups, {}]})
    clouds = [{"cloud": CONTAINER, "target": None}]
    assert PolicyRequest.model_validate({"provider": None, "recoveryPointHours": None, "startAt": None}) == PolicyRequest()
    assert PolicyRequest.model_validate({"clouds": clouds}) == PolicyRequest.model_validate({"clouds": [{"cloud": CONTAINER}]})
    policy = {"cloud": CONTAINER, "protection": {"policy": "gold"}}
    optional = dict.fromkeys(("include", "exclude", "enabled"))
    assert ProtectionPolicyRequest.model_validate({**policy, **optional}) == ProtectionPolicyRequest.model_validate(policy)
    drill = {"protectedItemIds": [ITEM], "every": "P30D", "network": None}
    optional = dict.fromkeys(("recoveryPlanIds", "firstAt", "keepFor", "late", "enabled"))
    assert DrillPolicyRequest.model_validate({**drill, **optional}) == DrillPolicyRequest.model_validate(drill)
    del drill["network"]
    for wrong in (drill, {**drill, "network": None, "every": None}):
        with pytest.raises(ValidationError):
            DrillPolicyRequest.model_validate(wrong)


def test_an_unknown_field_of_a_machine_is_refused_with_those_of_a_machine() -> None:
    one = {"protectableItemId": MACHINE, "policy": "gold", "colour": "red"}
    bodies: list[tuple[dict[str, Any], str]] = [(one, "colour"), ({"items": [one]}, "items[0].colour")]
    for body, target in bodies:
        with pytest.raises(Refused) as refused:
            parse(ProtectManyRequest, body)
        assert [detail.target for detail in refused.value.problem.details] == [target]
        for field in ("protectableItemId", "targetVmName", "availabilityZone"):
            assert field in refused.value.problem.details[0].message


def test_a_plan_has_seven_boot_groups_at_most() -> None:
    groups = [{"members": [f"{ITEM}{number}"]} for number in range(8)]
    ends = [{"type": "Shutdown"}, {"type": "Failover"}]
    assert RecoveryPlanRequest.model_validate({"groups": [*ends, *groups[:7]]})
    with pytest.raises(Refused) as refused:
        parse(RecoveryPlanRequest, {"groups": groups})
    assert refused.value.problem.target == "groups"


def test_one_machine_or_many_are_asked_for() -> None:
    one = {"protectableItemId": MACHINE, "policy": "gold"}
    assert ProtectManyRequest.model_validate(one).items == ProtectManyRequest.model_validate({"items": [one]}).items
    vm = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web"
    bodies: tuple[dict[str, Any], ...] = (
        {"items": []},
        {"items": [one, one]},
        {"items": [one] * 101},
        {"policy": "gold"},
        {**one, "virtualMachineId": vm},
        {"virtualMachineId": vm, "policy": "gold"},
        {**one, "policy": "no/policy"},
    )
    for wrong in bodies:
        with pytest.raises(ValidationError):
            ProtectManyRequest.model_validate(wrong)


def test_a_plan_has_a_hundred_members_at_most() -> None:
    members = [f"{ITEM}{number}" for number in range(100)]
    assert RecoveryPlanRequest.model_validate({"groups": [{"members": members}]})
    with pytest.raises(ValidationError, match="100 members at most; there are 101"):
        RecoveryPlanRequest.model_validate({"groups": [{"members": members}, {"members": [f"{ITEM}x"]}]})


def test_clouds_and_policies_show_of_each_other() -> None:
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
    hyper_v = PolicyRequest.model_validate({"recoveryPointHours": 6, "startAt": "22:00", "storageAccountId": storage})
    for request, model in ((hyper_v, "HyperVReplicaAzurePolicyInput"), (a2a, "A2APolicyCreationInput")):
        made = properties(policy_rules.put_policy(POLICY, request, Provider(request.provider or "HyperVReplicaAzure"), None))
        fits(spec, "CreatePolicyInputProperties", made)
        fits(spec, model, made["providerSpecificInput"])
    fits(
        spec,
        "UpdatePolicyInputProperties",
        properties(policy_rules.put_policy(POLICY, hyper_v, Provider.HYPER_V_REPLICA_AZURE, policy_json())),
    )
    for provider, model in (("A2A", "A2AContainerMappingInput"), ("HyperVReplicaAzure", rules.MAPPING_INPUT)):
        associated = properties(rules.associate(CONTAINER, "Microsoft Azure", POLICY, provider, POLICY, 0))
        fits(spec, "CreateProtectionContainerMappingInputProperties", associated)
        assert associated["providerSpecificInput"]["instanceType"] == spec["models"][model].get("discriminator_value", model)
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
    wanted = ProtectRequest.model_validate({**one, "protectableItemId": MACHINE, "targetVmSize": "Standard_B2s", **TARGET})
    enabled = properties(rules.protect_hyper_v(ITEM, wanted, machine, POLICY))
    fits(spec, "EnableProtectionInputProperties", enabled)
    fits(spec, "HyperVReplicaAzureEnableProtectionInput", enabled["providerSpecificDetails"])
    vm = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web"
    azure = ProtectRequest.model_validate({**one, "virtualMachineId": vm, **TARGET})
    enabled = properties(rules.protect_azure(ITEM, azure, ["d"], CONTAINER, POLICY))
    fits(spec, "A2AEnableProtectionInput", enabled["providerSpecificDetails"])
    fits(spec, "A2AVmManagedDiskInputDetails", enabled["providerSpecificDetails"]["vmManagedDisks"][0])
    disabled = properties(rules.stop_protecting(item("web")))
    fits(spec, "DisableProtectionInputProperties", disabled)
    assert disabled["replicationProviderInput"] == {"instanceType": rules.DISABLE_INPUT}
    assert rules.DISABLE_INPUT in spec["models"]

    member = item("web")
    groups, _ = plan_rules.plan_groups([GroupRequest(members=(ITEM,))], {member.key: member}, None)
    fits(spec, "CreateRecoveryPlanInputProperties", properties(plan_rules.put_plan(PLAN, "p", "r", groups, None)))
    fits(spec, "UpdateRecoveryPlanInputProperties", properties(plan_rules.put_plan(PLAN, "p", "r", groups, {"id": PLAN})))
    for group in groups:
        fits(spec, "RecoveryPlanGroup", group)
