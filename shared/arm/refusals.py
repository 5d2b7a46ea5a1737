"""Azure's refusals in Farshore's codes; Azure's own code stays in `details` (docs/design/virtual-machines.md, "Refusals of Azure")."""

from collections.abc import Mapping
from typing import Final

from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, azure_code, sentence

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
_BUSY = frozenset({"attachdiskwhilebeingdetached", "anotheroperationinprogress", "retryableerror"})
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
    another = code in _BUSY or (code in {"conflict", _NOT_ALLOWED} and _OTHER_OPERATION in message)
    if failure.kind is not FailureKind.REFUSED or not another:
        return failure
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
