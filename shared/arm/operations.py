"""Azure's long-running operations: what the URL that a start gave shows of its progress, and why it failed.

Terminal states are Succeeded, Failed and Canceled (docs/azure/resource-manager.md). The operation of a copy's PUT shows nothing of the
copy's progress (docs/azure/restore-points.md), but its error where the copy failed.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from shared.arm.answers import READ_TIMEOUT, ArmResponse
from shared.arm.failures import problem_of
from shared.errors import CallFailure, FailureKind, Problem
from shared.values.reading import an_object, text

_log = logging.getLogger(__name__)


class LinkReader(Protocol):
    """Reads a URL that an answer of Azure gave, as `AzureClients` does."""

    async def read_link(self, url: str, *, timeout: float = READ_TIMEOUT) -> ArmResponse:
        """GET the URL; raises `CallFailure`."""
        ...


class OperationState(StrEnum):
    """The state of an operation of Azure's."""

    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


_STATES = {
    "succeeded": OperationState.SUCCEEDED,
    "failed": OperationState.FAILED,
    "canceled": OperationState.CANCELED,
    "cancelled": OperationState.CANCELED,
}


@dataclass(frozen=True, slots=True)
class OperationStatus:
    """One look at an operation: `error` where it failed, `retry_after` in seconds of Azure's time, `date` Azure's own."""

    state: OperationState
    error: Problem | None
    body: dict[str, Any]
    retry_after: float | None
    date: datetime | None


async def read_operation(clients: LinkReader, url: str, *, timeout: float = READ_TIMEOUT) -> OperationStatus:
    """Read an `Azure-AsyncOperation` or `Location` URL once.

    Raises `CallFailure`: REFUSED for a URL of another host, NOT_FOUND for an operation that Azure no longer knows.
    """
    answer = await clients.read_link(url, timeout=timeout)
    state = _state_of(answer)
    return OperationStatus(
        state=state,
        error=_error_of(answer.body) if state in (OperationState.FAILED, OperationState.CANCELED) else None,
        body=answer.body,
        retry_after=answer.retry_after,
        date=answer.date,
    )


async def status_of_operation(clients: LinkReader, url: str | None, *, timeout: float = READ_TIMEOUT) -> OperationStatus | None:
    """Return the status of a long-running write by the URL that its start gave; None where there is no URL, or it can no longer be read.

    Raises `CallFailure` THROTTLED and IN_DOUBT, so that the read is repeated.
    """
    if url is None:
        return None
    try:
        return await read_operation(clients, url, timeout=timeout)
    except CallFailure as failure:
        own_error = failure.status is not None and failure.code != f"Http{failure.status}"
        if failure.kind is FailureKind.THROTTLED or (failure.kind is FailureKind.IN_DOUBT and not own_error):
            raise
        if failure.kind is not FailureKind.NOT_FOUND and own_error:  # a Location answers with the error itself
            return OperationStatus(OperationState.FAILED, failure.problem, {}, None, failure.date)
        _log.info("the operation of a write cannot be read", extra={"code": failure.code})
        return None


async def error_of_operation(clients: LinkReader, url: str | None, *, timeout: float = READ_TIMEOUT) -> Problem | None:
    """Return Azure's own error of a long-running write that has failed, by the URL that its start gave.

    None where there is no URL, or where the operation has no error or can no longer be read: the failure itself is known from the resource.
    Raises as `status_of_operation` does.
    """
    status = await status_of_operation(clients, url, timeout=timeout)
    return status.error if status is not None else None


def last_segment(url: str) -> str:
    """Return a URL's last path segment: the job's id, in the `Location` of a failover's answer (docs/azure/site-recovery.md)."""
    return unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])


def _state_of(answer: ArmResponse) -> OperationState:
    state = text(answer.body, "status") or text(an_object(answer.body, "properties"), "provisioningState")
    if state is None:  # a Location answers 202 until the end, and then with the result
        unshown = answer.status == 202 or any(name.lower() == "status" for name in answer.body)
        return OperationState.IN_PROGRESS if unshown else OperationState.SUCCEEDED
    return _STATES.get(state.strip().lower(), OperationState.IN_PROGRESS)


def _error_of(body: Mapping[str, Any]) -> Problem:
    for error in (an_object(body, "error"), an_object(an_object(body, "properties"), "error")):
        if error:
            problem = problem_of(error)
            return problem if problem.code else Problem("OperationFailed", problem.message, problem.target, problem.details)
    return Problem("OperationFailed", "Azure gave no reason.")
