"""Answers: the status of each error code, the error body, 202 and its headers (Azure REST API guidelines; docs/design/http.md,
"Responses")."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from shared.errors import CallFailure, ErrorCode, Problem, Refused
from shared.operations.model.models import JsonObject, Operation

if TYPE_CHECKING:
    import azure.functions as func

JSON = "application/json; charset=utf-8"
API = "/api"
RETRY_AFTER_SECONDS = 5
"""How long a caller does well to wait before it looks again, wall-clock seconds."""

STATUS: Mapping[ErrorCode, int] = {
    ErrorCode.INVALID_REQUEST: 400,
    ErrorCode.UNREADABLE_MESSAGE: 400,
    ErrorCode.SECRET_IN_MESSAGE: 400,
    ErrorCode.SAME_REGION: 400,
    ErrorCode.UNKNOWN_REGION: 400,
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.MISSING_ROLE: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.SOURCE_NOT_FOUND: 404,
    ErrorCode.REPEATABILITY_KEY_REUSED: 409,
    ErrorCode.COPY_NOT_SUPPORTED: 409,
    ErrorCode.RESTORE_POINT_ALREADY_COPIED: 409,
    ErrorCode.CHAIN_MOVED_ON: 409,
    ErrorCode.ALREADY_STARTED: 409,
    ErrorCode.ALREADY_ENDED: 409,
    ErrorCode.NOT_FAILED: 409,
    ErrorCode.SCOPE_BUSY: 409,
    ErrorCode.ALREADY_REPLAYED: 409,
    ErrorCode.NOT_REPLAYABLE: 409,
    ErrorCode.NOT_OFFERED: 409,
    ErrorCode.SECRET_NOT_READABLE: 409,
    ErrorCode.SECRET_GONE: 410,
    ErrorCode.ACTION_NOT_ALLOWED: 409,
    ErrorCode.CHECKS_FAILED: 409,
    ErrorCode.PLAN_CHANGED: 409,
    ErrorCode.NOT_AWAITING_APPROVAL: 409,
    ErrorCode.OWN_APPROVAL: 403,
    ErrorCode.PERSON_REQUIRED: 403,
    ErrorCode.NOT_SUSPENDED: 409,
    ErrorCode.NOT_IN_DOUBT: 409,
    ErrorCode.APPROVAL_LAPSED: 409,
    ErrorCode.REJECTED: 409,
    ErrorCode.FAILOVER_FAILED: 409,
    ErrorCode.PARTIALLY_SUCCEEDED: 409,
    ErrorCode.JOB_CANCELLED: 409,
    ErrorCode.COMMIT_WINDOW_OVER: 409,
    ErrorCode.SET_UP_FAILED: 409,
    ErrorCode.DRILL_SKIPPED: 409,
    ErrorCode.COPY_FAILED: 409,
    ErrorCode.AZURE_REFUSED: 409,
    ErrorCode.AUTHORIZATION_FAILED: 409,
    ErrorCode.OUTCOME_UNKNOWN: 409,
    ErrorCode.NO_PROGRESS: 409,
    ErrorCode.COPY_STUCK: 409,
    ErrorCode.ALREADY_MAPPED: 409,
    ErrorCode.JUST_RELEASED: 409,
    ErrorCode.PROVIDER_EXISTS: 409,
    ErrorCode.PROVIDER_CANNOT_BE_DELETED: 409,
    ErrorCode.KIND_FIXED: 409,
    ErrorCode.TENANT_BUSY: 409,
    ErrorCode.NAME_TAKEN: 409,
    ErrorCode.AMBIGUOUS_NAME: 409,
    ErrorCode.NAME_USED_BEFORE: 409,
    ErrorCode.PLAN_IN_USE: 409,
    ErrorCode.CLOUD_IN_USE: 409,
    ErrorCode.INSTALLATION_IN_USE: 409,
    ErrorCode.PLAN_NOT_SUITABLE: 409,
    ErrorCode.BELOW_PLAN: 409,
    ErrorCode.BELOW_USAGE: 409,
    ErrorCode.RESOURCE_NOT_SUPPORTED: 409,
    ErrorCode.MAX_SUBSCRIPTIONS_REACHED: 409,
    ErrorCode.USER_EXISTS: 409,
    ErrorCode.USER_NOT_AVAILABLE: 409,
    ErrorCode.DATA_CENTER_EXISTS: 409,
    ErrorCode.DATA_CENTER_DELETED: 409,
    ErrorCode.DATA_CENTER_GONE: 409,
    ErrorCode.DATA_CENTER_SUSPENDED: 409,
    ErrorCode.UNKNOWN_ENDPOINT: 400,
    ErrorCode.SUBSCRIPTION_NOT_AVAILABLE: 409,
    ErrorCode.NETWORK_WITHOUT_GATEWAY: 409,
    ErrorCode.BELONGS_TO_VM_ROLE: 409,
    ErrorCode.TOO_MANY_PENDING: 409,
    ErrorCode.MACHINES_EXIST: 409,
    ErrorCode.MACHINES_NOT_STOPPED: 409,
    ErrorCode.MACHINES_NOT_STARTED: 409,
    ErrorCode.ACTIVATION_STUCK: 409,
    ErrorCode.QUOTA_OUT_OF_SYNC: 409,
    ErrorCode.COMPENSATION_INCOMPLETE: 409,
    ErrorCode.DELETION_STUCK: 409,
    ErrorCode.SIGN_IN_FAILED: 409,
    ErrorCode.AZURE_PACK_REFUSED: 409,
    ErrorCode.AZURE_PACK_FORBIDDEN: 409,
    ErrorCode.AZURE_PACK_UNREACHABLE: 409,
    ErrorCode.TOO_MANY_POLICIES: 409,
    ErrorCode.NOT_COVERED: 409,
    ErrorCode.NOT_FINISHED: 409,
    ErrorCode.LAST_USABLE_COPY: 409,
    ErrorCode.CHAIN_NEEDS_IT: 409,
    ErrorCode.NO_LONGER_DUE: 409,
    ErrorCode.RETENTION_OFF: 409,
    ErrorCode.COPY_NOT_USABLE: 409,
    ErrorCode.COPY_GONE: 409,
    ErrorCode.RESTORE_NOT_SUPPORTED: 409,
    ErrorCode.SIZE_NOT_AVAILABLE: 409,
    ErrorCode.NETWORK_NOT_ISOLATED: 409,
    ErrorCode.NOT_A_DRILL: 409,
    ErrorCode.MACHINES_NOT_READY: 409,
    ErrorCode.PARTIALLY_RESTORED: 409,
    ErrorCode.CLEAN_UP_BLOCKED: 409,
    ErrorCode.SUPERSEDED: 409,
    ErrorCode.ABANDONED: 409,
    ErrorCode.SLOT_SKIPPED: 409,
    ErrorCode.SLOT_PASSED: 409,
    ErrorCode.POLICY_DELETED: 409,
    ErrorCode.OWNER_CHANGED: 409,
    ErrorCode.NOT_SUPPORTED_BY_BACKEND: 409,
    ErrorCode.GENERALIZED: 409,
    ErrorCode.NOT_RUNNING: 409,
    ErrorCode.NOT_STOPPED: 409,
    ErrorCode.DISK_ACCESS_ACTIVE: 409,
    ErrorCode.NOT_READY: 409,
    ErrorCode.DISK_IN_USE: 409,
    ErrorCode.DISK_NOT_EXPORTABLE: 409,
    ErrorCode.NEEDS_INTERRUPTION: 409,
    ErrorCode.NEEDS_DEALLOCATION: 409,
    ErrorCode.NEEDS_DETACH: 409,
    ErrorCode.LUN_TAKEN: 409,
    ErrorCode.TOO_MANY_DISKS: 409,
    ErrorCode.PORT_TAKEN: 409,
    ErrorCode.NOT_OURS: 409,
    ErrorCode.MANAGED_ELSEWHERE: 409,
    ErrorCode.CAPTURE_NOT_SUPPORTED: 409,
    ErrorCode.DEPLOYMENT_DIFFERS: 409,
    ErrorCode.DEPLOYMENT_FULL: 409,
    ErrorCode.SLOT_TAKEN: 409,
    ErrorCode.IMAGE_NEEDS_PLAN: 409,
    ErrorCode.NO_NETWORK: 409,
    ErrorCode.QUOTA_EXCEEDED: 409,
    ErrorCode.CAPACITY_UNAVAILABLE: 409,
    ErrorCode.AZURE_QUOTA_EXCEEDED: 409,
    ErrorCode.RESOURCE_LOCKED: 409,
    ErrorCode.POLICY_REFUSED: 409,
    ErrorCode.SUBSCRIPTION_DISABLED: 409,
    ErrorCode.PROVISIONING_FAILED: 409,
    ErrorCode.NOT_TIDIED: 409,
    ErrorCode.LENGTH_REQUIRED: 411,
    ErrorCode.PRECONDITION_FAILED: 412,
    ErrorCode.PAYLOAD_TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.PRECONDITION_REQUIRED: 428,
    ErrorCode.TOO_MANY_REQUESTS: 429,
    ErrorCode.INTERNAL_ERROR: 500,
    ErrorCode.SERVICE_UNAVAILABLE: 503,
}
"""The HTTP status of each code. `AuthorizationFailed` is Azure's answer to the app: 403 would point the caller to its own roles."""


class Shown(Protocol):
    """What an answer shows, which knows its JSON: an answer's model."""

    def as_json(self) -> JsonObject:
        """Return the JSON, members in camelCase."""
        ...


def json_of(body: Shown | JsonObject) -> JsonObject:
    """Return the JSON of what an answer shows."""
    return body if isinstance(body, dict) else body.as_json()


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a caller gets: a JSON object, or a text under a `Content-Type` of its own; None is an empty body."""

    status: int
    body: JsonObject | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_headers(self, headers: Mapping[str, str]) -> "HttpAnswer":
        """Return the answer with further headers; its own win."""
        return replace(self, headers={**headers, **self.headers})


def to_http(answer: HttpAnswer) -> "func.HttpResponse":
    """Write an answer as the platform's response."""
    import azure.functions as func

    body = json.dumps(answer.body, ensure_ascii=False) if isinstance(answer.body, dict) else answer.body
    headers = {"Content-Type": JSON, **answer.headers}
    mime = headers["Content-Type"].partition(";")[0]
    return func.HttpResponse((body or "").encode(), status_code=answer.status, headers=headers, mimetype=mime, charset="utf-8")


def error_answer(problem: Problem, status: int, retry_after: float | None = None) -> HttpAnswer:
    """Return the answer to a request that was refused; `retry_after` is in wall-clock seconds."""
    headers = {"x-ms-error-code": str(problem.code)}
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    return HttpAnswer(status, {"error": problem.as_json()}, headers)


def refusal(refused: Refused) -> HttpAnswer:
    """Return the answer to a refusal; 429 and 503 always have Retry-After."""
    status = STATUS[refused.code]
    wait = RETRY_AFTER_SECONDS if refused.retry_after is None and status in {429, 503} else refused.retry_after
    answer = error_answer(refused.problem, status, wait)
    return replace(answer, body={**answer.body, **refused.beside}) if refused.beside and isinstance(answer.body, dict) else answer


def failure(error: Exception) -> HttpAnswer:
    """Return the answer to an unexpected error, without its message: 503 where waiting helps, else 500."""
    if _passes(error):
        return refusal(Refused(ErrorCode.SERVICE_UNAVAILABLE, "A service that this request needs does not respond. Try again later."))
    return refusal(Refused(ErrorCode.INTERNAL_ERROR, "Internal error. Search the log for the x-ms-request-id of this answer."))


def absolute(base_url: str, path: str) -> str:
    """Return the address of a path of this API, such as `/operations/{id}`; `base_url` is scheme and host."""
    return f"{base_url}{API}{path}"


def accepted(operation: Operation, resource_path: str, base_url: str, body: Shown | JsonObject) -> HttpAnswer:
    """Return 202 for an operation that goes on, 200 for one that has ended, with the same headers.

    `resource_path` is where its resource is ("/restore-point-copies/{id}"), `body` the resource as it is now.
    """
    return HttpAnswer(
        200 if operation.status.ended else 202,
        json_of(body),
        {
            "Operation-Location": absolute(base_url, f"/operations/{operation.id}"),
            "Location": absolute(base_url, resource_path),
            "Retry-After": str(RETRY_AFTER_SECONDS),
        },
    )


def _passes(error: Exception) -> bool:
    if isinstance(error, CallFailure):
        return not error.is_refusal
    if isinstance(error, TimeoutError | ConnectionError):
        return True
    from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

    if isinstance(error, HttpResponseError):
        return error.status_code is None or error.status_code >= 500 or error.status_code in {408, 429}
    return isinstance(error, ServiceRequestError | ServiceResponseError)
