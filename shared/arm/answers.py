"""What an answer of Azure Resource Manager carries besides success."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.arm.failures import parse_date, parse_retry_after

READ_TIMEOUT = 10.0
"""Seconds that a read may take in all, unless its caller sets another time."""
MAX_OPERATION_URL = 4096
"""Characters that Azure's URL of an operation may have (docs/azure/resource-manager.md)."""
WRITE_TIMEOUT = 30.0
"""Seconds that a write may take in all, unless its caller sets another time (docs/design/core.md, "Claims and effects")."""


@dataclass(frozen=True, slots=True)
class ArmResponse:
    """A 2xx answer: `body` is the JSON object, empty where the answer has none; `headers` can be read in any case."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def date(self) -> datetime | None:
        """The moment of Azure's clock at which it answered, to the second; None where it has no date."""
        return parse_date(self.headers.get("Date"))

    @property
    def retry_after(self) -> float | None:
        """How long Azure asks to wait before looking again, in seconds of its time."""
        return parse_retry_after(self.headers, self.date)

    @property
    def operation_url(self) -> str | None:
        """The URL of the long-running operation that the call started; see `shared.arm.operations`."""
        return _operation_url(self.headers)


class AnswerHook:
    """A `raw_response_hook=` for an SDK call: keeps the status and headers of its last answer, refusals included.

    A failover's answer has no body, and its job's id only in `Location` (docs/azure/site-recovery.md); a copy counts from the `Date`.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: Mapping[str, str] = {}

    def __call__(self, response: Any) -> None:  # noqa: ANN401  # azure-core's PipelineResponse, which is not imported here
        """Note an answer."""
        self.status = response.http_response.status_code
        self.headers = response.http_response.headers

    @property
    def date(self) -> datetime | None:
        """The moment of Azure's clock at which it answered, to the second; None without an answer."""
        return parse_date(self.headers.get("Date"))

    @property
    def operation_url(self) -> str | None:
        """The URL of the long-running operation that the call started; see `shared.arm.operations`."""
        return _operation_url(self.headers)


def _operation_url(headers: Mapping[str, str]) -> str | None:
    """Return `Azure-AsyncOperation`, which holds the status and the error, else `Location`; None where an answer has neither."""
    url = headers.get("Azure-AsyncOperation") or headers.get("Location")
    return url if url and len(url) <= MAX_OPERATION_URL else None
