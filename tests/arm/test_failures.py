"""What each kind of failure means: whether anything can have begun, whose message is shown, and for how long to wait."""

import asyncio
import io
import json
from datetime import UTC, datetime

import aiohttp
import pytest
from azure.core.exceptions import IncompleteReadError, ServiceRequestError, ServiceResponseError
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from shared.arm.clients import AzureClients
from shared.arm.failures import classify, failure_of, parse_date, parse_retry_after
from shared.errors import CallFailure, ErrorCode, FailureKind, azure_code
from tests.arm.conftest import DATE, SUBSCRIPTION, LoopbackAzure, answering

ERROR = {
    "error": {
        "code": "VMRestorePointClientError",
        "message": "The restore point cannot be created.",
        "target": "restorePoint",
        "details": [{"code": "SharedDisk", "message": "Disk data-1 is shared.", "details": [{"code": "Inner", "message": "deep"}]}, "odd"],
    }
}


def answer(status: int, body: object = "", **headers: str) -> CallFailure:
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return failure_of(status, named, body if isinstance(body, str) else json.dumps(body))


@pytest.mark.parametrize(
    ("status", "code", "headers", "kind"),
    [
        (400, "BadRequest", {}, FailureKind.REFUSED),
        (401, "InvalidAuthenticationToken", {}, FailureKind.THROTTLED),
        (401, "ExpiredAuthenticationToken", {}, FailureKind.THROTTLED),
        (403, "AuthorizationFailed", {}, FailureKind.REFUSED),
        (404, "ResourceNotFound", {}, FailureKind.NOT_FOUND),
        (408, "RequestTimeout", {}, FailureKind.IN_DOUBT),
        (409, "Conflict", {}, FailureKind.REFUSED),
        (409, "OperationNotAllowed", {}, FailureKind.REFUSED),
        (409, "OperationNotAllowed", {"Retry_After": "600"}, FailureKind.THROTTLED),
        (409, "TooManyRequests", {}, FailureKind.THROTTLED),
        (412, "PreconditionFailed", {}, FailureKind.THROTTLED),
        (409, "AnotherOperationInProgress", {}, FailureKind.THROTTLED),
        (409, "OperationPreempted", {}, FailureKind.THROTTLED),
        (400, "CanceledAndSupersededDueToAnotherOperation", {}, FailureKind.THROTTLED),
        (500, "anotheroperationinprogress", {}, FailureKind.THROTTLED),
        (429, "SubscriptionRequestsThrottled", {"Retry_After": "7"}, FailureKind.THROTTLED),
        (500, "InternalExecutionError", {}, FailureKind.IN_DOUBT),
        (503, "ServerBusy", {"Retry_After": "5"}, FailureKind.THROTTLED),
        (503, "ServerBusy", {}, FailureKind.IN_DOUBT),
        (500, "InternalError", {"Retry_After": "5"}, FailureKind.IN_DOUBT),
        (504, "GatewayTimeout", {}, FailureKind.IN_DOUBT),
        (307, "Moved", {}, FailureKind.REFUSED),
    ],
)
def test_an_answer_shows_whether_anything_began(status: int, code: str, headers: dict[str, str], kind: FailureKind) -> None:
    failure = answer(status, {"error": {"code": code, "message": "no"}}, **headers)
    assert (failure.kind, failure.code, failure.status) == (kind, code, status)
    assert failure.definite is (kind is not FailureKind.IN_DOUBT)


@pytest.mark.parametrize(
    ("status", "code", "headers", "busy"),
    [
        (409, "AnotherOperationInProgress", {}, True),
        (412, "PreconditionFailed", {}, True),
        (409, "OperationNotAllowed", {"Retry_After": "600"}, True),
        (503, "ServerBusy", {"Retry_After": "5"}, True),
        (429, "AnotherOperationInProgress", {"Retry_After": "5"}, False),
        (401, "ExpiredAuthenticationToken", {}, False),
        (409, "Conflict", {}, False),
    ],
)
def test_only_a_throttled_call_is_waited_for_without_a_limit(status: int, code: str, headers: dict[str, str], busy: bool) -> None:
    failure = answer(status, {"error": {"code": code, "message": "no"}}, **headers)
    assert failure.busy is busy
    assert failure.asks_to_wait is (status == 429)


def test_the_policy_that_denied_is_named_in_the_details() -> None:
    info = {"policyAssignmentDisplayName": "Every thing has a cost centre", "policyAssignmentId": "/policies/7", "parameters": {"tag": 1}}
    error = {"code": "RequestDisallowedByPolicy", "message": "no", "additionalInfo": [{"type": "PolicyViolation", "info": info}, "odd"]}
    failure = answer(403, {"error": error})
    [detail] = failure.problem.details
    assert (detail.code, detail.target) == ("PolicyViolation", "/policies/7")
    assert "Every thing has a cost centre" in detail.message


def test_an_error_is_read_in_any_case() -> None:
    """Some of Azure's services write their members with capitals."""
    detail = {"Code": "SharedDisk", "Message": "shared"}
    info = {"PolicyAssignmentId": "/policies/7"}
    for body in (
        {"Error": {"Code": "AnotherOperationInProgress", "Message": "no", "Target": "vm", "Details": [detail],
                   "AdditionalInfo": [{"Type": "PolicyViolation", "Info": info}]}},
        {"Code": "AnotherOperationInProgress", "Message": "no", "Target": "vm", "Details": [detail],
         "AdditionalInfo": [{"Type": "PolicyViolation", "Info": info}]},
    ):  # fmt: skip
        failure = answer(409, body)
        assert (failure.code, failure.message, failure.busy, failure.problem.target) == ("AnotherOperationInProgress", "no", True, "vm")
        assert [(one.code, one.target) for one in failure.problem.details] == [("SharedDisk", None), ("PolicyViolation", "/policies/7")]


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["code", "message", "details", "additionalInfo", "type", "info", "error"]), inner)
        ),
        max_leaves=15,
    )
)
def test_an_error_of_any_shape_is_read(body: object) -> None:
    failure = answer(400, {"error": body})
    assert failure.code
    assert failure.message


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "AuthorizationFailed", ErrorCode.AUTHORIZATION_FAILED),
        (403, "LinkedAuthorizationFailed", ErrorCode.AUTHORIZATION_FAILED),
        (403, "Forbidden", ErrorCode.AUTHORIZATION_FAILED),
        (400, "LinkedAuthorizationFailed", ErrorCode.AUTHORIZATION_FAILED),
        (403, "RequestDisallowedByPolicy", ErrorCode.AZURE_REFUSED),
        (409, "ScopeLocked", ErrorCode.AZURE_REFUSED),
    ],
)
def test_the_code_of_a_refusal(status: int, code: str, expected: ErrorCode) -> None:
    assert azure_code(answer(status, {"error": {"code": code, "message": "no"}})) is expected


def test_azures_text_are_kept_with_their_details() -> None:
    failure = answer(409, ERROR, Date=DATE)
    inner: dict[str, object] = {"code": "Inner", "message": "deep", "target": None, "details": []}
    assert failure.problem.as_json() == {
        "code": "VMRestorePointClientError",
        "message": "The restore point cannot be created.",
        "target": "restorePoint",
        "details": [{"code": "SharedDisk", "message": "Disk data-1 is shared.", "target": None, "details": [inner]}],
    }
    assert failure.date == datetime(2026, 3, 3, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "body", ["", "<html>gateway</html>", "[]", "null", '{"error": null}', '{"error": "text"}', '{"error": {"code": null}}']
)
def test_an_answer_without_text_has_its_status(body: str) -> None:
    failure = answer(502, body)
    assert (failure.code, failure.kind) == ("Http502", FailureKind.IN_DOUBT)
    assert "502" in failure.message


@given(st.integers(300, 599), st.binary(max_size=80), st.text(max_size=30))
def test_no_answer_breaks_it(status: int, body: bytes, retry_after: str) -> None:
    failure = failure_of(status, CIMultiDict({"Retry-After": retry_after, "Date": retry_after}), body)
    assert failure.retry_after is None or failure.retry_after >= 0
    if status >= 500:
        assert not failure.definite


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "17"}, 17),
        ({"retry-after": "0"}, 0),
        ({"Retry-After": "-5"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"x-ms-retry-after-ms": "250", "Retry-After": "9"}, 0.25),
        ({"Retry-After": "Tue, 03 Mar 2026 10:01:30 GMT"}, 90),
        ({"Retry-After": "Tue, 03 Mar 2026 09:00:00 GMT"}, 0),
    ],
)
def test_the_wait_that_azure_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(CIMultiDict(headers), parse_date(DATE)) == seconds


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        ServiceResponseError("lost"),
        ServiceRequestError("lost", error=aiohttp.ServerDisconnectedError()),
        ServiceRequestError("lost", error=aiohttp.ClientOSError(104, "reset")),
        IncompleteReadError("cut"),
        ConnectionResetError(),
        ValueError("no JSON"),
    ],
)
def test_a_lost_answer_is_in_doubt(error: Exception) -> None:
    failure = classify(error)
    assert failure.kind is FailureKind.IN_DOUBT
    assert failure.status is None


def test_a_failure_stays_what_it_is() -> None:
    failure = answer(404)
    assert classify(failure) is failure


@pytest.mark.parametrize("end", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_the_end_of_the_process_is_no_failure_of_azure(end: type[BaseException]) -> None:
    with pytest.raises(end):
        classify(end())


async def test_an_error_of_the_sdk_means_the_same_as_a_direct_calls(azure: LoopbackAzure, clients: AzureClients) -> None:
    azure.otherwise = answering(409, ERROR, Date=DATE, Retry_After="20")
    compute = await clients.compute(SUBSCRIPTION)
    path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Compute/restorePointCollections/c/restorePoints/p"
    with pytest.raises(CallFailure) as ours:
        await clients.write("PUT", path, api_version="1", body={})
    with pytest.raises(CallFailure) as of_model:
        await clients.call(compute.restore_point_collections.create_or_update("g", "c", io.BytesIO(b'{"location": "x"}')))
    with pytest.raises(CallFailure) as of_start:
        await clients.call(compute.restore_points.begin_create("g", "c", "p", io.BytesIO(b"{}"), polling=False))
    for caught in (of_model, of_start):
        assert caught.value.problem == ours.value.problem
        assert (caught.value.kind, caught.value.status, caught.value.retry_after) == (FailureKind.THROTTLED, 409, 20)
        assert caught.value.date == ours.value.date
