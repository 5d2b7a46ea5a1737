"""Answers: every code has a status, long-running operations their headers, errors no insides."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError

from shared.copies.kinds import COPY
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, Refused
from shared.operations.model.kinds import Kinds
from shared.operations.model.models import Actor, Attention, Operation, Status
from shared.operations.outside.events import as_json
from shared.web.answers import STATUS, HttpAnswer, accepted, failure, refusal, to_http
from shared.web.operations import OperationBody
from tests.web.kit import body_of

MOMENT = datetime(2025, 6, 1, 12, tzinfo=UTC)
RUNNING = Operation(
    id="ab12xyz",
    kind="restorePointCopy",
    tenant="fabrikam",
    status=Status.RUNNING,
    step="copying",
    percent_complete=40,
    attention=None,
    cancel_requested=False,
    created_at=MOMENT,
    last_updated_at=MOMENT,
    completed_at=None,
    actor=Actor("app", "oid", "app"),
    body={},
    detail={},
    error=None,
    data={},
)
COPIES = Kinds.of([COPY])


def test_every_code_has_a_status() -> None:
    assert set(STATUS) == set(ErrorCode)


@pytest.mark.parametrize("status", list(Status))
def test_accepted_or_ended_under_the_same_headers(status: Any) -> None:
    answer = accepted(replace(RUNNING, status=status), "/restore-point-copies/ab12xyz", "https://farshore.test", {"id": "ab12xyz"})
    assert answer.status == (200 if status.ended else 202)
    assert answer.headers == {
        "Operation-Location": "https://farshore.test/api/operations/ab12xyz",
        "Location": "https://farshore.test/api/restore-point-copies/ab12xyz",
        "Retry-After": "5",
    }


def test_a_refusal_in_the_guidelines_shape() -> None:
    answer = refusal(Refused(ErrorCode.SCOPE_BUSY, "busy", target="scope", details=[Problem("X", "y")], retry_after=0.2))
    assert (answer.status, answer.headers) == (409, {"x-ms-error-code": "ScopeBusy", "Retry-After": "1"})
    detail: dict[str, object] = {"code": "X", "message": "y", "target": None, "details": []}
    assert answer.body == {"error": {"code": "ScopeBusy", "message": "busy", "target": "scope", "details": [detail]}}
    assert refusal(Refused(ErrorCode.NOT_FAILED, "no")).body == {
        "error": {"code": "NotFailed", "message": "no", "target": None, "details": []}
    }, "a caller finds each member, whatever the refusal"


@pytest.mark.parametrize("code", [ErrorCode.TOO_MANY_REQUESTS, ErrorCode.SERVICE_UNAVAILABLE])
def test_a_refusal_for_the_rate_names_the_wait(code: ErrorCode) -> None:
    assert refusal(Refused(code, "later")).headers["Retry-After"] == "5"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyError("secret"), 500),
        (TimeoutError("secret"), 503),
        (ConnectionResetError("secret"), 503),
        (ServiceRequestError("secret"), 503),
        (HttpResponseError("secret"), 503),
        (CallFailure(FailureKind.THROTTLED, code="secret", message="secret"), 503),
        (CallFailure(FailureKind.IN_DOUBT, code="secret", message="secret"), 503),
        (CallFailure(FailureKind.REFUSED, code="secret", message="secret"), 500),
    ],
)
def test_an_internal_error_shows_nothing_of_its_cause(error: Exception, status: Any) -> None:
    answer = failure(error)
    assert answer.status == status
    assert "secret" not in str(answer)


def test_storage_that_refuses_us_is_a_defect_not_an_outage() -> None:
    error = HttpResponseError("secret")
    error.status_code = 403
    assert failure(error).status == 500


def test_texts_are_written_as_utf_8() -> None:
    response = to_http(HttpAnswer(200, {"name": "Zürich ✓"}))
    assert body_of(response) == {"name": "Zürich ✓"}
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert to_http(HttpAnswer(204)).get_body() == b""


def test_an_operation_reads_as_its_model_states() -> None:
    attention = Attention("OutcomeUnknown", "look", "2025-06-01T12:00:00.000000Z")
    failed = replace(RUNNING, status=Status.FAILED, attention=attention, error=Problem("CopyFailed", "why", details=(Problem("A", "b"),)))
    for operation in (RUNNING, failed):
        body = as_json(operation, COPIES, "https://farshore.test")
        assert OperationBody.model_validate(body).model_dump(by_alias=True, mode="json").keys() == body.keys()
        assert body["resourceLocation"] == "https://farshore.test/api/restore-point-copies/ab12xyz"
        assert body["createdAt"] == "2025-06-01T12:00:00.000000Z"
    detail: dict[str, object] = {"code": "A", "message": "b", "target": None, "details": []}
    assert body["error"] == {"code": "CopyFailed", "message": "why", "target": None, "details": [detail]}
