"""What a failed call to Azure means: whether it can have begun, and whether to send it again.

Every capability classifies through this module. Source of the classes: docs/azure/resource-manager.md, docs/azure/restore-points.md and
docs/design/core.md, "Claims and effects".
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, azure_code, sentence
from shared.values.reading import an_object, member, objects

if TYPE_CHECKING:
    from azure.core.exceptions import HttpResponseError

_MAX_TEXT = 2000
_MAX_DETAILS = 50
_THROTTLED_CODES = frozenset({"toomanyrequests", "subscriptionrequeststhrottled", "resourcerequeststhrottled", "retryableerror"})
_BUSY_CODES = frozenset({"anotheroperationinprogress", "operationpreempted", "canceledandsupersededduetoanotheroperation"})


def classify(error: BaseException) -> CallFailure:
    """Return what an exception of azure-core, aiohttp or asyncio means; a `CallFailure` is returned as it is.

    An unrecognised error counts as an unknown outcome. A cancellation or the end of the process is raised again.
    """
    if not isinstance(error, Exception):
        raise error
    if isinstance(error, CallFailure):
        return error
    if isinstance(error, TimeoutError):
        return in_doubt("Timeout", "Azure did not answer in time")
    return _of_azure_core(error)


def in_doubt(code: str, message: str) -> CallFailure:
    """Return the failure of a call that Azure may have carried out, and of which no answer came."""
    return CallFailure(FailureKind.IN_DOUBT, code=code, message=message)


def not_sent(message: str) -> CallFailure:
    """Return the failure of a call that never left this process: nothing began, later it may."""
    return CallFailure(FailureKind.THROTTLED, code="NotSent", message=message)


def failure_of(status: int, headers: Mapping[str, str], body: bytes | str, *, conditional: bool = False) -> CallFailure:
    """Return what an answer without success means; `headers` must be readable in any case, `body` is as received.

    `conditional` is true for a call with If-Match or If-None-Match, whose 412 is about that.
    """
    problem = _problem_in(body)
    code = problem.code or f"Http{status}"
    date = parse_date(headers.get("Date"))
    retry_after = parse_retry_after(headers, date)
    busy = _is_busy(status, code, retry_after) and not (conditional and status == 412)
    return CallFailure(
        FailureKind.THROTTLED if busy else _kind_of(status, code),
        status=status,
        code=code,
        message=problem.message or f"Azure answered with status {status}",
        target=problem.target,
        details=problem.details,
        retry_after=retry_after,
        date=date,
        busy=busy,
    )


def problem_of(error: Mapping[str, object]) -> Problem:
    """Read an error object of Azure's; `additionalInfo`, such as the policy that denied, becomes part of `details`."""
    found = [problem_of(detail) for detail in objects(error, "details")]
    found += [_of_additional_info(info) for info in objects(error, "additionalInfo")]
    return Problem(
        code=_text(member(error, "code")),
        message=_text(member(error, "message")),
        target=_text(member(error, "target")) or None,
        details=tuple(found[:_MAX_DETAILS]),
    )


@lru_cache(maxsize=64)
def parse_date(value: str | None) -> datetime | None:
    """Read an HTTP date as aware UTC; None for what is missing or is none."""
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else None


def parse_retry_after(headers: Mapping[str, str], date: datetime | None) -> float | None:
    """Read how long Azure asks to wait, in seconds of its own time; a `Retry-After` that is a date counts from `date`."""
    milliseconds = headers.get("retry-after-ms") or headers.get("x-ms-retry-after-ms")
    value = headers.get("Retry-After")
    try:
        if milliseconds is not None:
            return max(0.0, int(milliseconds) / 1000)
        if value is None:
            return None
        return max(0.0, float(int(value)))
    except ValueError:
        until = parse_date(value)
        return max(0.0, (until - date).total_seconds()) if until is not None and date is not None else None


def _is_busy(status: int, code: str, retry_after: float | None) -> bool:
    """Whether another operation is in the way: nothing began. A 412 without a condition of the call's is Azure's own."""
    if status == 429:
        return False
    return code.lower() in _BUSY_CODES or status == 412 or (status in {409, 503} and retry_after is not None)


def _kind_of(status: int, code: str) -> FailureKind:
    if status >= 500 or status == 408:
        return FailureKind.IN_DOUBT
    if status == 404:
        return FailureKind.NOT_FOUND
    if status in {401, 429} or code.lower() in _THROTTLED_CODES:
        return FailureKind.THROTTLED
    return FailureKind.REFUSED


def _of_azure_core(error: Exception) -> CallFailure:
    import aiohttp  # not at a cold start
    from azure.core import exceptions  # not at a cold start

    if isinstance(error, exceptions.HttpResponseError):
        return _of_answer(error)
    if isinstance(error, exceptions.ServiceRequestTimeoutError):
        return not_sent("no connection to Azure could be made in time")
    if isinstance(error, exceptions.ServiceResponseTimeoutError):
        return in_doubt("Timeout", "Azure did not answer in time")
    # azure-core's ServiceRequestError claims "not sent", and is raised for connections lost after sending too
    cause = getattr(error, "inner_exception", None) or error
    if isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return not_sent("no connection to Azure could be made")
    if isinstance(cause, aiohttp.ClientHttpProxyError):
        return _of_proxy(cause.status)
    if isinstance(error, exceptions.AzureError | OSError | aiohttp.ClientError):
        return in_doubt("ConnectionLost", f"the answer of Azure was lost ({type(error).__name__})")
    return in_doubt("UnreadableAnswer", f"the answer of Azure could not be read ({type(error).__name__})")


def _of_proxy(status: int) -> CallFailure:
    """Return the failure of a call that the proxy did not let through: nothing was sent to Azure. The proxy's address is left out."""
    if status == 407:
        message = "The proxy of HTTPS_PROXY asks for credentials. Put them into its URL: http://user:password@host:port."
        return CallFailure(FailureKind.THROTTLED, code="ProxyAuthenticationRequired", message=message)
    return not_sent(f"the proxy of HTTPS_PROXY answered with status {status}")


def _of_answer(error: "HttpResponseError") -> CallFailure:
    if error.response is None or error.status_code is None or 200 <= error.status_code < 300:
        return in_doubt("UnreadableAnswer", "the answer of Azure could not be read")
    headers: Mapping[str, str] = getattr(error.response, "headers", {})
    try:
        body = error.response.text()
    except Exception:  # a body that was not read costs the message, never the status
        body = ""
    return failure_of(error.status_code, headers, body)


def _problem_in(body: bytes | str) -> Problem:
    try:
        document = json.loads(body) if body else None
    except (ValueError, RecursionError):
        return Problem("", "")
    if not isinstance(document, Mapping):
        return Problem("", "")
    return problem_of(an_object(document, "error") or document)


def _of_additional_info(entry: Mapping[str, object]) -> Problem:
    """Return an entry of `additionalInfo` as a detail: its type as the code, the members of its `info` as the message."""
    info = member(entry, "info")
    members = info if isinstance(info, Mapping) else {"info": info}
    text = "; ".join(f"{name}: {_plain(value)}" for name, value in members.items() if value not in (None, "", [], {}))
    target = member(members, "policyAssignmentId")
    return Problem(_text(member(entry, "type")) or "AdditionalInfo", _text(text), _text(target) or None)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(value: object) -> str:
    return str(value)[:_MAX_TEXT] if value is not None else ""


_CODES: Final[Mapping[str, ErrorCode]] = {
    code.lower(): found
    for found, codes in (
        (
            ErrorCode.CAPACITY_UNAVAILABLE,
            ("AllocationFailed", "ZonalAllocationFailed", "OverconstrainedAllocationRequest", "SkuNotAvailable"),
        ),
        (ErrorCode.AZURE_QUOTA_EXCEEDED, ("QuotaExceeded", "PublicIPCountLimitReached")),
        (ErrorCode.RESOURCE_LOCKED, ("ScopeLocked",)),
        (ErrorCode.POLICY_REFUSED, ("RequestDisallowedByPolicy",)),
        (ErrorCode.SUBSCRIPTION_DISABLED, ("ReadOnlyDisabledSubscription",)),
        (ErrorCode.PROVISIONING_FAILED, ("VMStartTimedOut",)),
        (ErrorCode.AUTHORIZATION_FAILED, ("AuthorizationFailed", "LinkedAuthorizationFailed")),
    )
    for code in codes
}
_PROVISIONING = "osprovisioning"
_NOT_ALLOWED = "operationnotallowed"
_ANOTHER_CODES = frozenset({"attachdiskwhilebeingdetached", "anotheroperationinprogress", "retryableerror"})
_OTHER_OPERATION = "another operation is in progress"


def code_of(problem: Problem) -> ErrorCode:
    """Return Farshore's code for an error of Azure's; `AzureRefused` for one without a code of its own."""
    code = str(problem.code).lower()
    if code.startswith(_PROVISIONING):
        return ErrorCode.PROVISIONING_FAILED
    if code == _NOT_ALLOWED and "quota" in problem.message.lower():
        return ErrorCode.AZURE_QUOTA_EXCEEDED
    return _CODES.get(code, ErrorCode.AZURE_REFUSED)


def refusal_problem(problem: Problem, code: ErrorCode | None = None, target: str | None = None) -> Problem:
    """Return an error of Azure's as Farshore reports it: with its own code, and Azure's in `details`."""
    found = code or code_of(problem)
    return Problem(found, sentence(problem.message or f"Azure answered {problem.code}"), target, (problem,))


def problem_of_call(failure: CallFailure, target: str | None = None) -> Problem:
    """Return a definite refusal of a call as Farshore reports it."""
    code = code_of(failure.problem)
    return refusal_problem(failure.problem, azure_code(failure) if code is ErrorCode.AZURE_REFUSED else code, target)


def busy_where_another_works(failure: CallFailure) -> CallFailure:
    """Return a refusal because of another operation on the same resource as one to send again; any other as it is."""
    code, message = failure.code.lower(), failure.message.lower()
    another = code in _ANOTHER_CODES or (code in {"conflict", _NOT_ALLOWED} and _OTHER_OPERATION in message)
    return sent_again_for_a_while(failure) if failure.kind is FailureKind.REFUSED and another else failure


def passing_refusal(failure: CallFailure) -> CallFailure:
    """Return a refusal of a write that may pass as one to send again for a limited time; any other as it is.

    That is another operation on the same resource, and a 404: what the write is about was read before, and regions of Azure Resource
    Manager replicate behind one another.
    """
    return sent_again_for_a_while(failure) if failure.kind is FailureKind.NOT_FOUND else busy_where_another_works(failure)


@contextmanager
def passing_refusals() -> Iterator[None]:
    """Raise a refusal of a write that may pass as one to send again for a limited time (`passing_refusal`)."""
    try:
        yield
    except CallFailure as failure:
        raise passing_refusal(failure) from failure


def sent_again_for_a_while(failure: CallFailure) -> CallFailure:
    """Return a refusal after which nothing began as one to send again for a limited time."""
    problem = failure.problem
    return CallFailure(
        FailureKind.THROTTLED,
        code=problem.code,
        message=problem.message,
        status=failure.status,
        target=problem.target,
        details=problem.details,
        retry_after=failure.retry_after,
        date=failure.date,
        busy=True,
    )
