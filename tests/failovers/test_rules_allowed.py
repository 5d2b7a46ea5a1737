"""Which action may be started when: every row of the facts' table against every action."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.failovers.failing_over.rules.allowed import (
    allowed_actions,
    direction_for,
    is_allowed,
    reprotecting,
    subject_of_item,
    subject_of_plan,
    why_not,
)
from shared.failovers.vault.names import Action, AllowedOperation, Direction, Provider
from tests.failovers.samples import item, plan

ROWS = [
    (
        "HyperVReplicaAzure",
        "PlannedFailover UnplannedFailover DisableProtection TestFailover",
        "TestFailover PlannedFailover UnplannedFailover",
    ),
    ("HyperVReplicaAzure", "TestFailoverCleanup", "TestFailoverCleanup"),
    ("HyperVReplicaAzure", "CompleteMigration Commit DisableProtection ChangePit", "Commit ApplyRecoveryPoint"),
    ("HyperVReplicaAzure", "CompleteMigration DisableProtection Failback", "Failback"),
    ("HyperVReplicaAzure", "", ""),
    ("HyperVReplicaAzure", "Commit DisableProtection", "Commit"),
    ("HyperVReplicaAzure", "ReverseReplicate DisableProtection", "ReverseReplicate"),
    ("A2A", "UnplannedFailover TestFailover DisableProtection", "TestFailover UnplannedFailover"),
    ("A2A", "Commit ChangePit CancelFailover DisableProtection", "Commit Cancel ApplyRecoveryPoint"),
    ("A2A", "SwitchProtection DisableProtection", "Reprotect"),
    (
        "HyperVReplica2012R2",
        "PlannedFailover UnplannedFailover TestFailover DisableProtection",
        "TestFailover PlannedFailover UnplannedFailover",
    ),
    ("HyperVReplica2012R2", "Commit CancelFailover", "Commit Cancel"),
    ("HyperVReplica2012R2", "ReverseReplicate", "ReverseReplicate"),
    ("InMageRcm", "UnplannedFailover TestFailover DisableProtection", "TestFailover UnplannedFailover"),
    ("InMageAzureV2", "Commit ChangePit", "Commit ApplyRecoveryPoint"),
    ("InMageRcm", "ReverseReplicate", ""),
    ("InMageRcmFailback", "PlannedFailover Commit ReverseReplicate", ""),
]


@pytest.mark.parametrize(("provider", "operations", "actions"), ROWS)
def test_each_state_allows_its_actions_and_refuses_all_others_with_a_reason(provider: str, operations: str, actions: str) -> None:
    subject = subject_of_item(item(provider=provider, allowed=operations.split()))
    assert [str(action) for action in allowed_actions(subject)] == actions.split()
    for action in set(Action) - set(allowed_actions(subject)):
        words = why_not(action, subject)
        assert action in words
        assert all(other in words for other in actions.split()), "what is allowed instead"


@pytest.mark.parametrize(
    ("provider", "action", "word"),
    [
        ("A2A", Action.PLANNED_FAILOVER, "no planned failover"),
        ("InMageRcm", Action.PLANNED_FAILOVER, "UnplannedFailover"),
        ("A2A", Action.REVERSE_REPLICATE, "Reprotect"),
        ("HyperVReplicaAzure", Action.REPROTECT, "Failback"),
        ("HyperVReplicaAzure", Action.CANCEL, "corrupt"),
        ("InMage", Action.UNPLANNED_FAILOVER, "not supported"),
        ("InMageRcm", Action.REVERSE_REPLICATE, "reprotect agent"),
        ("InMageRcmFailback", Action.PLANNED_FAILOVER, "portal"),
    ],
)
def test_what_a_replication_does_not_have_is_refused_whatever_azure_lists(provider: str, action: Action, word: str) -> None:
    subject = subject_of_item(item(provider=provider, allowed=list(AllowedOperation)))
    assert is_allowed(action, subject) is False
    assert word in why_not(action, subject)


@given(st.sampled_from(Provider), st.lists(st.sampled_from(AllowedOperation)), st.sampled_from(Action))
def test_nothing_is_allowed_that_azure_does_not_allow(provider: Provider, operations: list[AllowedOperation], action: Action) -> None:
    with_all = subject_of_item(item(provider=provider, allowed=operations))
    assert not is_allowed(action, subject_of_item(item(provider=provider, allowed=[])))
    assert is_allowed(action, subject_of_item(item(provider=provider, allowed=None))) is not True
    if is_allowed(action, with_all):
        assert operations


def test_a_busy_item_states_with_what() -> None:
    scenario = {"scenarioName": "Failback", "jobId": "/x/replicationJobs/j9"}
    assert "Failback (job j9)" in why_not(Action.COMMIT, subject_of_item(item(allowed=[], currentScenario=scenario)))


def test_a_plan_goes_by_its_own_state_or_by_its_members() -> None:
    members = [item("web"), item("db", allowed=["UnplannedFailover"])]
    assert is_allowed(Action.PLANNED_FAILOVER, subject_of_plan(plan([["web"], ["db"]]), members)) is True
    told_nothing = subject_of_plan(plan([["web"], ["db"]], allowed=None), members)
    assert allowed_actions(told_nothing) == (Action.UNPLANNED_FAILOVER,)
    assert is_allowed(Action.COMMIT, subject_of_plan(plan([["web"]], allowed=None), [item(allowed=None)])) is None


def test_a_plan_with_an_a2a_member_has_no_planned_failover_and_none_has_a_point_of_its_own() -> None:
    mixed = subject_of_plan(plan([["web"], ["db"]], allowed=list(AllowedOperation)), [item("web"), item("db", "A2A")])
    assert "Azure to Azure" in why_not(Action.PLANNED_FAILOVER, mixed)
    assert is_allowed(Action.UNPLANNED_FAILOVER, mixed)
    assert is_allowed(Action.REPROTECT, mixed)
    assert not is_allowed(Action.APPLY_RECOVERY_POINT, mixed)


@pytest.mark.parametrize("provider", ["InMageRcm", "InMageRcmFailback"])
def test_a_plan_with_a_vmware_member_is_not_reprotected(provider: str) -> None:
    mixed = subject_of_plan(plan([["web"], ["db"]], allowed=["ReverseReplicate"]), [item("web", "A2A"), item("db", provider)])
    assert is_allowed(Action.REPROTECT, mixed) is False
    assert "portal" in why_not(Action.REPROTECT, mixed)


@pytest.mark.parametrize("operation", ["SwitchProtection", "ReverseReplicate"])
def test_a_plan_is_reprotected_by_either_operation(operation: str) -> None:
    assert is_allowed(Action.REPROTECT, subject_of_plan(plan([["web"]], allowed=[operation]), [item("web")]))


def test_what_protects_again() -> None:
    assert reprotecting(Action.UNPLANNED_FAILOVER, {Provider.A2A}, is_plan=False) is Action.REPROTECT
    assert reprotecting(Action.UNPLANNED_FAILOVER, {Provider.HYPER_V_REPLICA_2012_R2}, is_plan=False) is Action.REVERSE_REPLICATE
    assert reprotecting(Action.COMMIT, {Provider.HYPER_V_REPLICA_AZURE}, is_plan=True) is Action.REPROTECT
    assert reprotecting(Action.FAILBACK, {Provider.HYPER_V_REPLICA_AZURE}, is_plan=True) is Action.REVERSE_REPLICATE


def test_the_direction_is_from_where_the_item_lives() -> None:
    away = item(activeLocation="Recovery")
    assert direction_for(Action.UNPLANNED_FAILOVER, item()) is Direction.PRIMARY_TO_RECOVERY
    assert direction_for(Action.FAILBACK, away) is Direction.RECOVERY_TO_PRIMARY
    assert direction_for(Action.REVERSE_REPLICATE, item()) is Direction.PRIMARY_TO_RECOVERY
    assert (
        direction_for(Action.REVERSE_REPLICATE, item(provider="HyperVReplica2012R2", activeLocation="Recovery"))
        is Direction.RECOVERY_TO_PRIMARY
    )
