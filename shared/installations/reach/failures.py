"""What an error of Azure Pack means to the core: an unknown outcome, a refusal, a call to repeat, or one that a person has to look at."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from shared.azure_pack.errors import AzurePackError, Cause, ErrorKind
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, sentence

_KINDS: Final = {
    ErrorKind.UNREACHABLE: FailureKind.THROTTLED,
    ErrorKind.SIGN_IN: FailureKind.THROTTLED,
    ErrorKind.FORBIDDEN: FailureKind.THROTTLED,
    ErrorKind.THROTTLED: FailureKind.THROTTLED,
    ErrorKind.NO_ANSWER: FailureKind.IN_DOUBT,
    ErrorKind.SERVER: FailureKind.IN_DOUBT,
    ErrorKind.UNREADABLE: FailureKind.IN_DOUBT,
    ErrorKind.NOT_FOUND: FailureKind.NOT_FOUND,
}
_CODES: Final = {
    ErrorKind.UNREACHABLE: ErrorCode.AZURE_PACK_UNREACHABLE,
    ErrorKind.SIGN_IN: ErrorCode.SIGN_IN_FAILED,
    ErrorKind.FORBIDDEN: ErrorCode.AZURE_PACK_FORBIDDEN,
}
ATTENTION: Final = frozenset({ErrorCode.SIGN_IN_FAILED, ErrorCode.AZURE_PACK_FORBIDDEN})
"""Codes of failures that a person has to look at, and that never fail an operation: the customer has done nothing wrong."""


def as_failure(error: AzurePackError) -> CallFailure:
    """Return an error of the library as the core's failure.

    A call that was not sent has no status, so that the core counts an attempt without progress; a refusal has Azure Pack's code.
    """
    kind = _KINDS.get(error.kind, FailureKind.REFUSED)
    status = {ErrorKind.THROTTLED: 429, ErrorKind.NOT_FOUND: 404}.get(error.kind, error.status)
    if error.kind in _CODES:
        status = None
    code = _CODES.get(error.kind, error.code)
    if error.cause is Cause.CLIENT_CERTIFICATE_EXPIRED:
        code = ErrorCode.SIGN_IN_FAILED  # a new file has to be imported
    return CallFailure(
        kind, code=str(code), message=sentence(error.message), status=status, details=details_of(error), retry_after=error.retry_after,
        date=error.date,
    )  # fmt: skip


@contextmanager
def translated() -> Iterator[None]:
    """Raise an error of the library as the core's failure."""
    try:
        yield
    except AzurePackError as error:
        raise as_failure(error) from error


def refusal_problem(failure: CallFailure, target: str | None = None) -> Problem:
    """Return what an operation ends with where Azure Pack refused: its code, message and recommended action are the details."""
    own = Problem(failure.code, failure.message)
    return Problem(ErrorCode.AZURE_PACK_REFUSED, failure.message, target, (own, *failure.problem.details))


def details_of(error: AzurePackError) -> tuple[Problem, ...]:
    """Return the details of an error, its recommended action last."""
    found = [Problem(detail.code, detail.message) for detail in error.details]
    if error.recommended_action:
        found.append(Problem("RecommendedAction", error.recommended_action))
    return tuple(found)
