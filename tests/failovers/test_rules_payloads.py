"""What is sent, against the specification."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from shared.failovers.failing_over.requests import FailoverOptions
from shared.failovers.failing_over.rules.payloads import (
    SwitchTo,
    named_otherwise,
    rename_target,
    start_item,
    start_plan,
    switch_protection,
)
from shared.failovers.vault.names import Action, Provider
from tests.failovers.samples import GROUP, NETWORK, POINT, item, plan

NONE = FailoverOptions.model_validate({})
STARTS = [action for action in Action if action not in {Action.REPROTECT, Action.COMMIT, Action.CANCEL}]


def options(**sent: Any) -> FailoverOptions:
    return FailoverOptions.model_validate(sent)


def body(
    action: Action, provider: str = "HyperVReplicaAzure", *, point: str | None = None, state: dict[str, Any] | None = None, **sent: Any
) -> Any:
    call = start_item(action, item(provider=provider, **(state or {})), options(**sent), point)
    assert call.body is not None
    return call.body["properties"]


def test_a_planned_failover_is_that_of_the_recording() -> None:
    assert start_item(Action.PLANNED_FAILOVER, item(), NONE).segment == "plannedFailover"
    assert body(Action.PLANNED_FAILOVER) == {
        "failoverDirection": "PrimaryToRecovery",
        "providerSpecificDetails": {"instanceType": "HyperVReplicaAzure"},
    }, "no recovery point is the latest"


def test_a_failback_is_a_planned_failover_home() -> None:
    away = {"activeLocation": "Recovery"}
    assert start_item(Action.FAILBACK, item(**away), NONE).segment == "plannedFailover"
    assert body(Action.FAILBACK, state=away) == {
        "failoverDirection": "RecoveryToPrimary",
        "providerSpecificDetails": {
            "instanceType": "HyperVReplicaAzureFailback",
            "dataSyncOption": "ForSynchronization",
            "recoveryVmCreationOption": "CreateVmIfNotFound",
        },
    }
    other = body(Action.FAILBACK, state=away, dataSync="ForDownTime", createVmIfMissing=False)["providerSpecificDetails"]
    assert (other["dataSyncOption"], other["recoveryVmCreationOption"]) == ("ForDownTime", "NoAction")


def test_an_unplanned_failover_states_whether_the_source_is_shut_down() -> None:
    assert body(Action.UNPLANNED_FAILOVER, "A2A", point=POINT) == {
        "failoverDirection": "PrimaryToRecovery",
        "sourceSiteOperations": "Required",
        "providerSpecificDetails": {"instanceType": "A2A", "recoveryPointId": POINT},
    }
    rcm = body(Action.UNPLANNED_FAILOVER, "InMageRcm", sourceSiteOperations="NotRequired")
    assert (rcm["sourceSiteOperations"], rcm["providerSpecificDetails"]["performShutdown"]) == ("NotRequired", "false")


def test_a_test_failover_is_attached_where_it_was_said_and_nowhere_else() -> None:
    attached = body(Action.TEST_FAILOVER, network=NETWORK)
    assert (attached["networkType"], attached["networkId"]) == ("VmNetworkAsInput", NETWORK)
    alone = body(Action.TEST_FAILOVER, network=None)
    assert alone["networkType"] == "NoNetworkAttachAsInput"
    assert "networkId" not in alone
    assert body(Action.TEST_FAILOVER, "InMageRcm", network=NETWORK)["providerSpecificDetails"]["networkId"] == NETWORK


def test_between_vmm_clouds_nothing_is_said_that_the_specification_does_not_know() -> None:
    for action in (Action.TEST_FAILOVER, Action.PLANNED_FAILOVER, Action.UNPLANNED_FAILOVER, Action.REVERSE_REPLICATE):
        assert "providerSpecificDetails" not in body(action, "HyperVReplica2012R2")
    assert body(Action.REVERSE_REPLICATE, "HyperVReplica2012R2", state={"activeLocation": "Recovery"}) == {
        "failoverDirection": "RecoveryToPrimary"
    }
    with pytest.raises(ValueError, match="named by its id"):
        start_item(Action.APPLY_RECOVERY_POINT, item(provider="HyperVReplica2012R2"), NONE, POINT)


@pytest.mark.parametrize("action", [Action.COMMIT, Action.CANCEL])
def test_what_has_no_body(action: Action) -> None:
    call = start_item(action, item(), NONE)
    assert (call.segment, call.body) == ({"Commit": "failoverCommit", "Cancel": "failoverCancel"}[action], None)


def test_hyper_v_replicates_again_from_what_the_item_shows() -> None:
    details = {
        "vmId": "vm-1",
        "oSDetails": {"osType": "Windows"},
        "recoveryAzureStorageAccount": f"{GROUP}/providers/Microsoft.Storage/storageAccounts/a",
        "azureVmDiskDetails": [{"vhdType": "DataDisk", "vhdId": "d"}, {"vhdType": "OperatingSystem", "vhdId": "os"}],
    }
    sent = body(Action.REVERSE_REPLICATE, state={"details": details})
    assert sent["failoverDirection"] == "PrimaryToRecovery"
    assert sent["providerSpecificDetails"]["vHDId"] == "os"
    assert sent["providerSpecificDetails"]["hvHostVmId"] == "vm-1"


def test_an_a2a_item_is_switched_through_its_container() -> None:
    disk = f"{GROUP}/providers/Microsoft.Compute/disks/"
    details = {
        "protectedManagedDisks": [
            {"diskId": f"{disk}old", "recoveryTargetDiskId": f"{disk}new", "recoveryReplicaDiskAccountType": "Premium_LRS"}
        ]
    }
    call = switch_protection(item(provider="A2A", details=details), SwitchTo("container", "group", "policy", "account"))
    assert (call.segment, call.body["properties"]["replicationProtectedItemName"] if call.body else None) == ("switchprotection", "web")
    assert call.body is not None
    assert call.body["properties"]["providerSpecificDetails"]["vmManagedDisks"] == [
        {
            "diskId": f"{disk}new",
            "primaryStagingAzureStorageAccountId": "account",
            "recoveryResourceGroupId": "group",
            "recoveryReplicaDiskAccountType": "Premium_LRS",
        }
    ]
    with pytest.raises(ValueError, match="switched"):
        start_item(Action.REPROTECT, item(provider="A2A"), NONE)


def test_a_name_alone_leaves_the_size_and_the_network_as_they_are() -> None:
    known = {"recoveryAzureVmName": "old", "recoveryAzureVMSize": "Standard_D2s_v5", "selectedRecoveryAzureNetworkId": NETWORK}
    assert rename_target(item(details=known), "new", None)["properties"] == {
        "recoveryAzureVMName": "new",
        "recoveryAzureVMSize": "Standard_D2s_v5",
        "selectedRecoveryAzureNetworkId": NETWORK,
        "providerSpecificDetails": {"instanceType": "HyperVReplicaAzure"},
    }
    assert rename_target(item(provider="InMageRcm"), "new", None)["properties"]["providerSpecificDetails"]["targetVmName"] == "new"


NIC = {
    "nicId": "n1",
    "ipConfigs": [
        {"name": "ip1", "subnetName": "here", "isPrimary": True, "recoverySubnetName": "there", "recoveryStaticIPAddress": "10.0.0.4"}
    ],
    "selectionType": "SelectedByUser",
    "recoveryNetworkSecurityGroupId": "/nsg",
    "tfoRecoveryNicName": "test-nic",
    "vMNetworkName": "lan",
}


@pytest.mark.parametrize(
    ("provider", "details", "properties", "specific"),
    [
        (
            "HyperVReplicaAzure",
            {
                "licenseType": "WindowsServer",
                "recoveryAvailabilitySetId": "/set",
                "targetAvailabilityZone": "2",
                "targetVmTags": {"a": "b"},
            },
            {"licenseType": "WindowsServer", "recoveryAvailabilitySetId": "/set"},
            {"targetAvailabilityZone": "2", "targetVmTags": {"a": "b"}},
        ),
        (
            "A2A",
            {"recoveryAvailabilitySet": "/set", "recoveryAvailabilityZone": "3", "recoveryAzureResourceGroupId": "/g", "licenseType": ""},
            {"recoveryAvailabilitySetId": "/set"},
            {"recoveryAvailabilityZone": "3", "recoveryResourceGroupId": "/g"},
        ),
    ],
)
def test_an_update_repeats_the_settings_that_it_does_not_change(
    specification: Any, provider: str, details: dict[str, Any], properties: dict[str, Any], specific: dict[str, Any]
) -> None:
    body = rename_target(item(provider=provider), "new", None, {**details, "vmNics": [NIC]})["properties"]
    fits(specification, "UpdateReplicationProtectedItemInputProperties", body)
    fits(specification, f"{provider}UpdateReplicationProtectedItemInput", body["providerSpecificDetails"])
    assert {name: body[name] for name in properties} == properties
    assert {name: body["providerSpecificDetails"][name] for name in specific} == specific
    (nic,) = body["vmNics"]
    fits(specification, "VMNicInputDetails", nic)
    fits(specification, "IPConfigInputDetails", nic["ipConfigs"][0])
    assert (nic["nicId"], nic["recoveryNetworkSecurityGroupId"], nic["tfoNicName"]) == ("n1", "/nsg", "test-nic")
    assert nic["ipConfigs"] == [
        {"ipConfigName": "ip1", "isPrimary": True, "recoverySubnetName": "there", "recoveryStaticIPAddress": "10.0.0.4"}
    ]


def test_an_update_of_vmware_repeats_its_settings_in_the_input_of_its_own(specification: Any) -> None:
    details = {
        "testNetworkId": "/test",
        "targetAvailabilityZone": "1",
        "vmNics": [{"nicId": "n", "isPrimaryNic": "true", "targetIPAddress": "10.0.0.4"}],
    }
    body = rename_target(item(provider="InMageRcm"), "new", None, details)["properties"]
    given = body["providerSpecificDetails"]
    fits(specification, "InMageRcmUpdateReplicationProtectedItemInput", given)
    fits(specification, "InMageRcmNicInput", given["vmNics"][0])
    assert (given["testNetworkId"], given["vmNics"][0]["targetStaticIPAddress"]) == ("/test", "10.0.0.4")


@pytest.mark.parametrize(
    ("name", "size", "otherwise"),
    [(None, None, False), ("web", None, False), ("WEB", "standard_d2s_v3", False), ("web2", None, True), ("web", "Standard_B2s", True)],
)
def test_a_machine_is_named_otherwise_where_name_or_size_differ(name: str | None, size: str | None, otherwise: bool) -> None:
    known = item(details={"recoveryAzureVmName": "web", "recoveryAzureVMSize": "Standard_D2s_v3"})
    assert named_otherwise(known, name, size) is otherwise


def test_a_plan_has_details_for_each_kind_of_replication_in_it() -> None:
    mixed = (item("web"), item("db", "A2A"), item("mail", "HyperVReplica2012R2"), item("app", "A2A"))
    call = start_plan(Action.UNPLANNED_FAILOVER, plan([["web"]]), mixed, options(recoveryPoint="LatestProcessed"))
    assert call.body == {
        "properties": {
            "failoverDirection": "PrimaryToRecovery",
            "sourceSiteOperations": "Required",
            "providerSpecificDetails": [
                {"instanceType": "A2A", "recoveryPointType": "LatestProcessed"},
                {"instanceType": "HyperVReplicaAzure", "recoveryPointType": "LatestProcessed"},
            ],
        }
    }
    failback = start_plan(Action.FAILBACK, plan([["web"]]), (item(activeLocation="Recovery"),), NONE)
    assert failback.body is not None
    assert failback.body["properties"]["failoverDirection"] == "RecoveryToPrimary"
    assert [start_plan(action, plan([["web"]]), mixed, NONE).body for action in (Action.COMMIT, Action.CANCEL, Action.REPROTECT)] == [
        None
    ] * 3
    with pytest.raises(ValueError, match="ApplyRecoveryPoint"):
        start_plan(Action.APPLY_RECOVERY_POINT, plan([["web"]]), mixed, NONE)


@pytest.fixture(scope="module")
def specification() -> Any:
    if "FARSHORE_SHARED" not in os.environ:
        pytest.skip("the specification lies in the shared folder: set FARSHORE_SHARED")
    return json.loads((Path(os.environ["FARSHORE_SHARED"]) / "spec/contract_siterecovery_2025-08-01_from_sdk.json").read_text())


INPUTS = {
    Action.TEST_FAILOVER: ("TestFailoverInput", "TestFailoverInput"),
    Action.TEST_FAILOVER_CLEANUP: ("TestFailoverCleanupInput", ""),
    Action.PLANNED_FAILOVER: ("PlannedFailoverInput", "PlannedFailoverProviderInput"),
    Action.UNPLANNED_FAILOVER: ("UnplannedFailoverInput", "UnplannedFailoverInput"),
    Action.FAILBACK: ("PlannedFailoverInput", "FailbackProviderInput"),
    Action.REVERSE_REPLICATE: ("ReverseReplicationInput", "ReprotectInput"),
    Action.APPLY_RECOVERY_POINT: ("ApplyRecoveryPointInput", "ApplyRecoveryPointInput"),
}
IMPOSSIBLE = {
    (Action.PLANNED_FAILOVER, Provider.A2A),
    (Action.PLANNED_FAILOVER, Provider.IN_MAGE_RCM),
    (Action.PLANNED_FAILOVER, Provider.IN_MAGE_AZURE_V2),
    (Action.REVERSE_REPLICATE, Provider.A2A),
    (Action.REVERSE_REPLICATE, Provider.IN_MAGE_RCM),
    *((Action.FAILBACK, provider) for provider in Provider if provider is not Provider.HYPER_V_REPLICA_AZURE),
    (Action.APPLY_RECOVERY_POINT, Provider.HYPER_V_REPLICA_2012_R2),
}


def fields_of(specification: Any, model: str) -> dict[str, Any]:
    found = specification["models"][model]
    own = dict(next(value for value in found.values() if isinstance(value, dict)) if "fields" not in found else found["fields"])
    return {name: field for name, field in own.items() if isinstance(field, dict)}


def fits(specification: Any, model: str, sent: dict[str, Any]) -> None:
    """Each member that is sent is one of the model's, and each that it requires is sent."""
    known = fields_of(specification, model)
    plain = {re.sub("_", "", name).lower(): name for name in known}
    unknown = {name for name in sent if name.lower() not in plain}
    assert not unknown, f"{model} has no {unknown}"
    given = {plain[name.lower()] for name in sent}
    required = {name for name, field in known.items() if not field["type"].startswith("Optional")}
    assert not required - given, f"{model} requires {required - given}"


@pytest.mark.parametrize("provider", sorted(set(Provider) - {Provider.IN_MAGE_RCM_FAILBACK}))
@pytest.mark.parametrize("action", STARTS)
def test_each_body_of_an_item_is_what_the_specification_takes(specification: Any, action: Action, provider: Provider) -> None:
    if (action, provider) in IMPOSSIBLE:
        return
    more: dict[str, Any] = {"network": NETWORK} if action is Action.TEST_FAILOVER else {}
    sent = body(action, provider, point=POINT, **more)
    envelope, suffix = INPUTS[action]
    fits(specification, f"{envelope}Properties", sent)
    details = sent.get("providerSpecificDetails")
    if details is not None:
        fits(specification, f"{provider}{suffix}", details)
        values = json.dumps(specification["models"][f"{provider}{suffix}"])
        assert details["instanceType"] in values


@pytest.mark.parametrize(
    ("action", "model"),
    [
        (Action.TEST_FAILOVER, "RecoveryPlanTestFailoverInput"),
        (Action.TEST_FAILOVER_CLEANUP, "RecoveryPlanTestFailoverCleanupInput"),
        (Action.PLANNED_FAILOVER, "RecoveryPlanPlannedFailoverInput"),
        (Action.UNPLANNED_FAILOVER, "RecoveryPlanUnplannedFailoverInput"),
        (Action.FAILBACK, "RecoveryPlanPlannedFailoverInput"),
    ],
)
@pytest.mark.parametrize("provider", ["HyperVReplicaAzure", "A2A", "InMageRcm", "InMageAzureV2"])
def test_each_body_of_a_plan_is_what_the_specification_takes(specification: Any, action: Action, model: str, provider: str) -> None:
    call = start_plan(
        action, plan([["web"]]), (item(provider=provider),), options(network=NETWORK) if action is Action.TEST_FAILOVER else NONE
    )
    assert call.body is not None
    fits(specification, f"{model}Properties", call.body["properties"])
    suffix = "FailbackInput" if action is Action.FAILBACK else "FailoverInput"
    of = "HyperVReplicaAzure" if action is Action.FAILBACK else provider
    for details in call.body["properties"].get("providerSpecificDetails", []):
        fits(specification, f"RecoveryPlan{of}{suffix}", details)


def test_the_other_bodies_are_what_the_specification_takes(specification: Any) -> None:
    switched = switch_protection(
        item(provider="A2A", details={"protectedManagedDisks": [{"diskId": "d"}]}), SwitchTo("c", "g", "p", "a")
    ).body
    assert switched is not None
    fits(specification, "SwitchProtectionInputProperties", switched["properties"])
    fits(specification, "A2ASwitchProtectionInput", switched["properties"]["providerSpecificDetails"])
    fits(specification, "A2AVmManagedDiskInputDetails", switched["properties"]["providerSpecificDetails"]["vmManagedDisks"][0])
    fits(specification, "UpdateReplicationProtectedItemInputProperties", rename_target(item(), "n", "s")["properties"])


def test_each_last_segment_is_one_of_the_specifications_paths(specification: Any) -> None:
    paths = {operation["url"] for operation in specification["operations"].values() if operation.get("url")}
    endings = {path.rpartition("/")[2] for path in paths if "replicationProtectedItems/" in path}
    plans = {path.rpartition("/")[2] for path in paths if "replicationRecoveryPlans/" in path}
    for action in set(Action) - {Action.REPROTECT, Action.APPLY_RECOVERY_POINT}:
        assert start_item(action, item(), NONE).segment in endings
        assert start_plan(action, plan([["web"]]), (item(),), NONE).segment in plans
    assert start_item(Action.APPLY_RECOVERY_POINT, item(), NONE, POINT).segment in endings
    assert any(path.endswith("/switchprotection") for path in paths)
