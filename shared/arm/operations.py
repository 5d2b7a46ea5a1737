"""Azure's long-running operations: what the URL that a start gave says of how far it is.

Terminal states are Succeeded, Failed and Canceled; URLs may be 4 KB long (docs/azure/resource-manager.md). The operation of a copy's PUT
says nothing of the copy's progress (docs/azure/restore-points.md), so this is for deletions, disks, access and the like.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import unquote, urlsplit

from shared.arm.answers import READ_TIMEOUT, ArmResponse
from shared.arm.clients import AzureClients
from shared.errors import Problem


class OperationState(StrEnum):
    """Where an operation of Azure stands."""

    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


@dataclass(frozen=True, slots=True)
class OperationStatus:
    """One look at an operation: `error` where it failed, `retry_after` in seconds of Azure's time, `date` Azure's own."""

    state: OperationState
    error: Problem | None
    body: dict[str, Any]
    retry_after: float | None
    date: datetime | None


async def read_operation(clients: AzureClients, url: str, *, timeout: float = READ_TIMEOUT) -> OperationStatus:
    """Read an `Azure-AsyncOperation` or `Location` URL once.

    Raises `CallFailure`: REFUSED for a URL of another host, NOT_FOUND for an operation that Azure has forgotten.
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


def operation_url(headers: Mapping[str, str]) -> str | None:
    """Return the URL to look at, from the headers of the answer that started an operation; None where it has none."""
    return headers.get("Azure-AsyncOperation") or headers.get("Location")


def last_segment(url: str) -> str:
    """Return a URL's last path segment: the job's id, in the `Location` of a failover's answer (docs/azure/site-recovery.md)."""
    return unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])


def _state_of(answer: ArmResponse) -> OperationState:
    properties = answer.body.get("properties")
    text = answer.body.get("status") or (properties.get("provisioningState") if isinstance(properties, Mapping) else None)
    if text is None:  # a Location answers 202 until the end, and then with the result
        return OperationState.IN_PROGRESS if answer.status == 202 else OperationState.SUCCEEDED
    known = {"succeeded": OperationState.SUCCEEDED, "failed": OperationState.FAILED}
    known |= dict.fromkeys(("canceled", "cancelled"), OperationState.CANCELED)
    return known.get(str(text).lower(), OperationState.IN_PROGRESS)


def _error_of(body: Mapping[str, Any]) -> Problem:
    error = body.get("error")
    if isinstance(error, Mapping):
        return Problem.from_json(error)
    return Problem("OperationFailed", "Azure gives no reason")
