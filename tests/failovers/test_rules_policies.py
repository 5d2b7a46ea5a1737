"""Replication policies: limits of each provider, and values that a request leaves out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.errors import Refused
from shared.failovers.set_up.policy_rules import provider_of, put_policy, settings_of, spacing_fault
from shared.failovers.set_up.requests import PolicyRequest
from shared.failovers.set_up.rules import Write
from shared.failovers.vault.names import Provider
from shared.failovers.vault.views import policy_view
from shared.web.documents import parse
from tests.failovers.samples import CONTAINER, GROUP, VAULT

POLICY = f"{VAULT}/replicationPolicies/gold"
HYPER_V = {
    "instanceType": "HyperVReplicaAzure",
    "replicationInterval": 30,
    "recoveryPointHistoryDurationInHours": 6,
    "applicationConsistentSnapshotFrequencyInHours": 2,
    "onlineReplicationStartTime": "22:00",
    "activeStorageAccountId": f"{GROUP}/providers/Microsoft.Storage/storageAccounts/a",
}
FORTNIGHT = {
    "instanceType": "A2A",
    "recoveryPointHistory": 21600,
    "appConsistentFrequencyInMinutes": 240,
    "crashConsistentFrequencyInMinutes": 15,
    "multiVmSyncStatus": "Disabled",
}


def existing(details: dict[str, Any]) -> dict[str, Any]:
    return {"id": POLICY, "properties": {"providerSpecificDetails": details}}


def put(body: dict[str, Any], details: dict[str, Any] | None = None) -> Write | None:
    request = parse(PolicyRequest, body)
    there = existing(details) if details is not None else None
    provider = provider_of(request, there)
    assert provider is not None
    return put_policy(POLICY, request, provider, there)


def settings(write: Write | None) -> dict[str, Any]:
    assert write is not None
    assert write.body is not None
    (found,) = write.body["properties"].values()
    return dict(found)


def test_a_new_policy_has_the_defaults_of_its_provider() -> None:
    write = put({"startAt": "22:00"})
    assert write is not None
    assert write.method == "PUT"
    assert settings(write) == {
        "instanceType": "HyperVReplicaAzure",
        "replicationInterval": 300,
        "recoveryPointHistoryDuration": 24,
        "applicationConsistentSnapshotFrequencyInHours": 0,
        "onlineReplicationStartTime": "22:00",
    }
    assert settings(put({"provider": "A2A", "recoveryPointHours": 72})) == {
        "instanceType": "A2A",
        "recoveryPointHistory": 4320,
        "appConsistentFrequencyInMinutes": 0,
        "crashConsistentFrequencyInMinutes": 5,
        "multiVmSyncStatus": "Enable",
    }


@pytest.mark.parametrize("details", [HYPER_V, FORTNIGHT])
@pytest.mark.parametrize("body", [{}, {"clouds": [{"cloud": CONTAINER}]}, {"clouds": []}])
def test_a_request_that_names_no_setting_writes_nothing(details: dict[str, Any], body: dict[str, Any]) -> None:
    assert put(body, details) is None
    assert put({**body, "provider": details["instanceType"]}, details) is None


def test_a_policy_that_is_as_requested_is_not_written() -> None:
    assert put({"provider": "A2A", "recoveryPointHours": 360, "applicationConsistentSnapshotHours": 4}, FORTNIGHT) is None
    same = {
        "copyFrequencySeconds": 30,
        "recoveryPointHours": 6,
        "applicationConsistentSnapshotHours": 2,
        "startAt": "22:00",
        "storageAccountId": str(HYPER_V["activeStorageAccountId"]).upper(),
    }
    assert put(same, HYPER_V) is None


@pytest.mark.parametrize(
    ("body", "details", "changed"),
    [
        ({"recoveryPointHours": 72}, FORTNIGHT, {"recoveryPointHistory": 4320}),
        ({"applicationConsistentSnapshotHours": 0}, FORTNIGHT, {"appConsistentFrequencyInMinutes": 0}),
        ({"recoveryPointHours": 7}, HYPER_V, {"recoveryPointHistoryDuration": 7}),
        ({"copyFrequencySeconds": 300}, HYPER_V, {"replicationInterval": 300}),
        ({"startAt": "01:00"}, HYPER_V, {"onlineReplicationStartTime": "01:00"}),
        ({"startAt": "immediately"}, HYPER_V, {"onlineReplicationStartTime": None}),
    ],
)
def test_an_update_changes_what_it_names_and_keeps_the_rest(body: dict[str, Any], details: dict[str, Any], changed: dict[str, Any]) -> None:
    write = put(body, details)
    assert write is not None
    assert write.method == "PATCH"
    kept = {
        "A2A": {
            "instanceType": "A2A",
            "recoveryPointHistory": 21600,
            "appConsistentFrequencyInMinutes": 240,
            "crashConsistentFrequencyInMinutes": 15,
            "multiVmSyncStatus": "Disable",
        },
        "HyperVReplicaAzure": {
            "instanceType": "HyperVReplicaAzure",
            "replicationInterval": 30,
            "recoveryPointHistoryDuration": 6,
            "applicationConsistentSnapshotFrequencyInHours": 2,
            "onlineReplicationStartTime": "22:00",
            "storageAccounts": [HYPER_V["activeStorageAccountId"]],
        },
    }[details["instanceType"]]
    assert settings(write) == {**kept, **changed}


@given(st.sets(st.sampled_from(sorted(set(FORTNIGHT) - {"instanceType"}))), st.integers(1, 360))
def test_what_azure_does_not_report_is_not_invented(missing: set[str], hours: int) -> None:
    details = {name: value for name, value in FORTNIGHT.items() if name not in missing}
    write = put({"recoveryPointHours": hours}, details)
    if write is not None:
        sent = settings(write)
        assert ("appConsistentFrequencyInMinutes" in sent) == ("appConsistentFrequencyInMinutes" not in missing)
        assert ("crashConsistentFrequencyInMinutes" in sent) == ("crashConsistentFrequencyInMinutes" not in missing)


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({"provider": "A2A", "recoveryPointHours": 361}, "recoveryPointHours"),
        ({"recoveryPointHours": -1}, "recoveryPointHours"),
        ({"provider": "HyperVReplicaAzure", "recoveryPointHours": 72}, "recoveryPointHours"),
        ({"provider": "HyperVReplicaAzure", "recoveryPointHours": 25}, "recoveryPointHours"),
        ({"provider": "HyperVReplicaAzure", "applicationConsistentSnapshotHours": 13}, "applicationConsistentSnapshotHours"),
        ({"recoveryPointHours": 4, "applicationConsistentSnapshotHours": 5}, "applicationConsistentSnapshotHours"),
        ({"copyFrequencySeconds": 31}, "copyFrequencySeconds"),
        ({"copyFrequencySeconds": "30"}, "copyFrequencySeconds"),
        ({"provider": "A2A", "copyFrequencySeconds": 30}, "copyFrequencySeconds"),
        ({"provider": "A2A", "startAt": "22:00"}, "startAt"),
        ({"provider": "HyperVReplica2012R2"}, "provider"),
        ({"startAt": "24:00"}, "startAt"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_with_its_field(body: dict[str, Any], target: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(PolicyRequest, body)
    assert target in {detail.target for detail in refused.value.problem.details}


@pytest.mark.parametrize("body", [{"recoveryPointHours": 360}, {"recoveryPointHours": 360, "applicationConsistentSnapshotHours": 24}])
def test_a_policy_of_machines_in_azure_keeps_points_for_fifteen_days(body: dict[str, Any]) -> None:
    assert settings(put({"provider": "A2A", **body}))["recoveryPointHistory"] == 21600


def test_the_provider_of_an_existing_policy_decides_where_none_is_requested() -> None:
    request = PolicyRequest.model_validate({"recoveryPointHours": 72})
    assert provider_of(request, existing(FORTNIGHT)) is Provider.A2A
    assert request.faults(Provider.A2A) == []
    assert [field for field, _ in request.faults(provider_of(request, None) or Provider.A2A)] == ["recoveryPointHours"]
    assert provider_of(PolicyRequest(), existing({"instanceType": "InMageRcm"})) is None


def test_kept_values_count_for_the_spacing_of_recovery_points() -> None:
    for body, field in (({"recoveryPointHours": 1}, "recoveryPointHours"), ({"applicationConsistentSnapshotHours": 7}, None)):
        request = PolicyRequest.model_validate(body)
        found = spacing_fault(request, settings_of(request, Provider.HYPER_V_REPLICA_AZURE, existing(HYPER_V)))
        assert (found[0] if found else None) == (field or "applicationConsistentSnapshotHours")
    assert spacing_fault(PolicyRequest(), settings_of(PolicyRequest(), Provider.A2A, existing(FORTNIGHT))) is None


def test_hours_are_the_minutes_of_machines_in_azure() -> None:
    view = policy_view(existing(FORTNIGHT), [])
    assert (view.recovery_point_hours, view.application_consistent_snapshot_hours, view.copy_frequency_seconds) == (360, 4, None)


def test_a_wrong_field_is_refused_also_without_a_web_request() -> None:
    with pytest.raises(ValidationError):
        PolicyRequest.model_validate({"provider": "A2A", "recoveryPointHours": 361})
