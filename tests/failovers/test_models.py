"""The refusal of a wrong request for a failover, and the reading of a right one."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.failovers.failing_over.requests import ApproveRequest, FailoverOptions, FailoverRequest, GivenOptions, RejectRequest
from shared.failovers.vault.names import Action, LatestPoint
from shared.values.durations import duration_text, parse_duration, readable_duration
from shared.web.operations import ResolveRequest
from tests.failovers.samples import CONTAINER, ITEM, NETWORK, NOW, PLAN, POINT

OTHER_POINT = f"{CONTAINER}/replicationProtectedItems/db/recoveryPoints/p1"
WINDOW = {"duration": "PT4H", "then": "Commit"}


def body(action: str, **more: Any) -> dict[str, Any]:
    return {"scope": {"protectedItemId": ITEM}, "action": action, "reason": "why", **more}


def of_plan(action: str, **more: Any) -> dict[str, Any]:
    return body(action, **{"scope": {"recoveryPlanId": PLAN}, **more})


def drill(**options: Any) -> dict[str, Any]:
    return body("TestFailover", options={"network": None, **options})


def as_given(options: FailoverOptions) -> Any:
    return TypeAdapter(GivenOptions).dump_python(options, mode="json")


def wrong(sent: Any, model: type[BaseModel] = FailoverRequest) -> dict[str, str]:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(sent)
    return {".".join(str(part) for part in error["loc"]): error["msg"] for error in refused.value.errors()}


@pytest.mark.parametrize(
    ("sent", "path", "word"),
    [
        ({}, "scope", "required"),
        (body("PlannedFailover", scope={}), "scope", "neither"),
        (body("PlannedFailover", scope={"protectedItemId": ITEM, "recoveryPlanId": PLAN}), "scope", "both"),
        (body("PlannedFailover", scope={"protectedItemId": PLAN}), "scope.protectedItemId", "replicationProtectedItems"),
        (body("PlannedFailover", scope={"protected_item_id": ITEM}), "scope.protected_item_id", "not permitted"),
        (body("FailOver"), "action", "PlannedFailover"),
        (body("PlannedFailover", reason=None), "reason", "needs a reason"),
        (body("Commit", reason="  "), "reason", "needs a reason"),
        (body("Commit", reason="x" * 1001), "reason", "1000"),
        (body("PlannedFailover", colour="red"), "colour", "not permitted"),
        (body("PlannedFailover", options={"colour": "red"}), "options.colour", "not permitted"),
        (body("TestFailover"), "options.network", "needs it"),
        (body("PlannedFailover", options={"network": NETWORK}), "options.network", "only TestFailover can"),
        (body("PlannedFailover", options={"network": None}), "options.network", "only TestFailover can"),
        (drill(network=ITEM), "options.network", "virtualNetworks"),
        (drill(network="drill"), "options.network", "ARM resource id"),
        (body("PlannedFailover", options={"dataSync": "ForDownTime"}), "options.dataSync", "only Failback can"),
        (body("UnplannedFailover", options={"createVmIfMissing": True}), "options.createVmIfMissing", "only Failback can"),
        (body("Failback", options={"dataSync": "Later"}), "options.dataSync", "ForDownTime"),
        (body("Failback", options={"createVmIfMissing": "yes"}), "options.createVmIfMissing", "boolean"),
        (
            body("PlannedFailover", options={"sourceSiteOperations": "Required"}),
            "options.sourceSiteOperations",
            "only UnplannedFailover can",
        ),
        (body("Commit", options={"recoveryPoint": "Latest"}), "options.recoveryPoint", "Commit cannot use it"),
        (body("Failback", options={"recoveryPoint": "Latest"}), "options.recoveryPoint", "Failback cannot use it"),
        (body("Commit", options={"targetVmName": "web"}), "options.targetVmName", "cannot use it"),
        (body("PlannedFailover", options={"targetVmName": "x" * 64}), "options.targetVmName", "1 to 63"),
        (body("PlannedFailover", options={"targetVmName": ""}), "options.targetVmName", "1 to 63"),
        (body("PlannedFailover", options={"targetVmName": "-web"}), "options.targetVmName", "begins and ends"),
        (body("PlannedFailover", options={"targetVmName": "web_1"}), "options.targetVmName", "hyphens"),
        (body("PlannedFailover", options={"targetVmName": "wéb"}), "options.targetVmName", "hyphens"),
        (body("PlannedFailover", options={"targetVmSize": "big one"}), "options.targetVmSize", "size"),
        (drill(recoveryPoint="Newest"), "options.recoveryPoint", "LatestProcessed"),
        (drill(recoveryPoint=7), "options.recoveryPoint", "dictionary"),
        (drill(recoveryPoint={}), "options.recoveryPoint", "id and at"),
        (drill(recoveryPoint={"id": POINT, "at": "2026-01-01T00:00:00Z"}), "options.recoveryPoint", "id and at"),
        (drill(recoveryPoint={"at": 7}), "options.recoveryPoint.at", "ISO 8601"),
        (drill(recoveryPoint={"at": "yesterday"}), "options.recoveryPoint.at", "ISO 8601"),
        (drill(recoveryPoint={"latest": "Latest"}), "options.recoveryPoint.latest", "not permitted"),
        (drill(recoveryPoint={"id": ITEM}), "options.recoveryPoint.id", "recoveryPoints"),
        (drill(recoveryPoint={"id": OTHER_POINT}), "options.recoveryPoint.id", "another item"),
        (of_plan("UnplannedFailover", options={"recoveryPoint": {"id": POINT}}), "options.recoveryPoint", "share no recovery point"),
        (of_plan("UnplannedFailover", options={"targetVmName": "web"}), "options.targetVmName", "makes several"),
        (of_plan("ApplyRecoveryPoint"), "action", "item by item"),
        (body("TestFailover", options={"network": None}, acceptUntested=True), "acceptUntested", "recent test"),
        (body("Commit", acceptUntested=True), "acceptUntested", "recent test"),
        (body("TestFailover", options={"network": None}, acceptWarnings=True), "acceptWarnings", "do not stop"),
        (body("UnplannedFailover", acceptWarnings="true"), "acceptWarnings", "boolean"),
        (body("Commit", commitWindow=WINDOW), "commitWindow", "nothing to commit"),
        (body("UnplannedFailover", commitWindow={"duration": "PT4H"}), "commitWindow.then", "required"),
        (body("UnplannedFailover", commitWindow={"duration": "4 hours", "then": "Alert"}), "commitWindow.duration", "PT4H"),
        (body("UnplannedFailover", commitWindow={"duration": "PT0S", "then": "Alert"}), "commitWindow.duration", "it is zero"),
        (body("UnplannedFailover", commitWindow={"duration": "P1Y", "then": "Alert"}), "commitWindow.duration", "years"),
        (body("UnplannedFailover", commitWindow={"duration": "P31D", "then": "Alert"}), "commitWindow.duration", "30 days"),
        (body("UnplannedFailover", commitWindow=WINDOW, thenCommit=True), "thenCommit", "not together"),
        (body("UnplannedFailover", commitWindow=WINDOW, thenReprotect=True), "thenReprotect", "not together"),
        (body("UnplannedFailover", thenReprotect=True), "thenReprotect", "thenCommit"),
        (body("TestFailover", options={"network": None}, thenCommit=True), "thenCommit", "not followed"),
        (body("Commit", thenCommit=True), "thenCommit", "not followed"),
        (body("ReverseReplicate", thenReprotect=True), "thenReprotect", "not followed"),
        (body("UnplannedFailover", thenCleanup=True), "thenCleanup", "only a TestFailover"),
        (body("TestFailover", options={"network": None}, thenCleanup={}), "thenCleanup.after", "required"),
        (body("TestFailover", options={"network": None}, thenCleanup="PT1H"), "thenCleanup", "dictionary"),
    ],
)
def test_a_wrong_combination_is_refused_with_its_field_and_the_reason(sent: dict[str, Any], path: str, word: str) -> None:
    refusals = wrong(sent)
    assert path in refusals
    assert word in refusals[path]


def test_every_fault_is_reported_at_once() -> None:
    sent = body("Commit", reason=None, thenCleanup=True, options={"network": None, "dataSync": "ForDownTime"}, commitWindow=WINDOW)
    assert set(wrong(sent)) == {"reason", "thenCleanup", "options.network", "options.dataSync", "commitWindow"}


def test_a_test_needs_no_reason_and_its_network_may_be_none() -> None:
    read = FailoverRequest.model_validate({"scope": {"protectedItemId": ITEM}, "action": "TestFailover", "options": {"network": None}})
    assert (read.reason, read.options.network, read.options.given) == (None, None, ("network",))
    assert as_given(read.options) == {"network": None}
    assert read.options.effective_point.latest is LatestPoint.LATEST


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("LatestApplicationConsistent", "LatestApplicationConsistent"),
        ({"id": POINT}, {"id": POINT}),
        ({"at": "2026-03-01T12:00:00Z"}, None),
    ],
)
def test_a_recovery_point_is_what_it_is_an_id_or_a_time(sent: Any, shown: Any) -> None:
    read = FailoverRequest.model_validate(drill(recoveryPoint=sent))
    assert read.options.recovery_point is not None
    assert read.options.recovery_point.at == (NOW if shown is None else None)
    assert as_given(read.options)["recoveryPoint"] == (shown or {"at": "2026-03-01T12:00:00.000000Z"})


def test_a_recovery_point_of_the_item_in_another_case_is_its_own() -> None:
    read = FailoverRequest.model_validate(drill(recoveryPoint={"id": POINT.upper().replace("/SUBSCRIPTIONS", "subscriptions", 1)}))
    assert read.options.recovery_point is not None


@pytest.mark.parametrize(("sent", "after"), [(True, timedelta()), ({"after": "PT30M"}, timedelta(minutes=30)), (False, None), (None, None)])
def test_a_cleanup_is_at_once_after_a_while_or_not_at_all(sent: Any, after: timedelta | None) -> None:
    read = FailoverRequest.model_validate({**drill(), "thenCleanup": sent})
    assert (read.then_cleanup.after if read.then_cleanup else None) == after


@pytest.mark.parametrize(
    "sent",
    [
        body("UnplannedFailover", options={"sourceSiteOperations": "NotRequired", "recoveryPoint": "LatestProcessed"}, acceptUntested=True),
        body("UnplannedFailover", commitWindow={"duration": "PT4H", "then": "Alert"}, acceptWarnings=True),
        body("PlannedFailover", options={"targetVmName": "x" * 63, "targetVmSize": "Standard_D2s_v5"}, thenCommit=True),
        body("UnplannedFailover", thenCommit=True, thenReprotect=True),
        body("Failback", options={"dataSync": "ForDownTime", "createVmIfMissing": False}, thenCommit=True, thenReprotect=True),
        body("Commit", thenReprotect=True),
        body("ApplyRecoveryPoint", options={"recoveryPoint": {"id": POINT}}),
        body("Cancel", acceptUntested=False, thenCommit=False),
        of_plan("Reprotect"),
        of_plan("TestFailover", options={"network": NETWORK, "recoveryPoint": "LatestProcessed"}),
    ],
)
def test_right_combinations_are_understood_and_read_the_same_again(sent: dict[str, Any]) -> None:
    read = FailoverRequest.model_validate(sent)
    again = read.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert FailoverRequest.model_validate(again) == read


def test_what_only_a_failback_can_use_no_other_action_can() -> None:
    for action in Action:
        sent = body(action, options={"dataSync": "ForSynchronization", **({"network": None} if action is Action.TEST_FAILOVER else {})})
        if action is Action.FAILBACK:
            FailoverRequest.model_validate(sent)
        else:
            assert "options.dataSync" in wrong(sent)


def test_the_inputs_of_a_failover() -> None:
    assert ApproveRequest.model_validate({"planHash": "ab"}).plan_hash == "ab"
    assert wrong({"reason": " "}, RejectRequest)["reason"]
    assert wrong({"outcome": "perhaps"}, ResolveRequest)["outcome"]
    assert wrong({"outcome": "notStarted", "jobId": "j"}, ResolveRequest)["jobId"]
    assert ResolveRequest.model_validate({"outcome": "started", "jobId": "j"}).job_id == "j"


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=9999)))
def test_a_duration_reads_as_it_was_written(span: timedelta) -> None:
    assert parse_duration(duration_text(span)) == span


@pytest.mark.parametrize("text", ["", "P", "PT", "P1M", "1H", "PT1H ", "-PT1H", "P1DT", "PT1.5H", "pt1h", "PT\u0661H"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid duration"):
        parse_duration(text)


def test_spans_are_written_in_the_unit_that_a_person_would_use() -> None:
    spans = [timedelta(seconds=1), timedelta(seconds=119), timedelta(minutes=119), timedelta(hours=47), timedelta(days=90)]
    assert [readable_duration(span) for span in spans] == ["1 second", "119 seconds", "119 minutes", "47 hours", "90 days"]
