"""What Azure Resource Manager shows of its call budget, read from the headers of its answers.

ARM keeps a bucket per principal, subscription, region and operation type; resource providers keep more of their own
(docs/azure/resource-manager.md). Nothing here waits: the observations feed the counters by which the tick releases work.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.arm.failures import parse_date, parse_retry_after

_RESOURCE = "x-ms-ratelimit-remaining-resource"


class OperationType(StrEnum):
    """The types of operation that ARM counts apart."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"


_HEADERS = {
    OperationType.READ: ("x-ms-ratelimit-remaining-subscription-reads", "x-ms-ratelimit-remaining-subscription-global-reads"),
    OperationType.WRITE: ("x-ms-ratelimit-remaining-subscription-writes", "x-ms-ratelimit-remaining-subscription-global-writes"),
    OperationType.DELETE: (
        "x-ms-ratelimit-remaining-subscription-deletes",
        "x-ms-ratelimit-remaining-subscription-global-deletes",
    ),
}
_TYPES = {"GET": OperationType.READ, "HEAD": OperationType.READ, "DELETE": OperationType.DELETE}


@dataclass(frozen=True, slots=True)
class BudgetKey:
    """Whose bucket it is: `principal` is the identity's client id or "system", the subscription a GUID in lower case."""

    principal: str
    subscription_id: str
    operation: OperationType


@dataclass(frozen=True, slots=True)
class Observation:
    """What the last answers showed of one bucket.

    `remaining`: calls left (None: unknown). `resources`: the resource provider's own buckets and what is left in each.
    `retry_after`: how long Azure asked to wait, in seconds of its time from `date` on; None unless it threw a call back.
    `date`: the moment in the answer (None: unknown).
    """

    key: BudgetKey
    remaining: int | None
    retry_after: float | None
    date: datetime | None
    resources: tuple[tuple[str, int], ...] = ()


def operation_type(method: str) -> OperationType:
    """Return the type that ARM counts a method as; POST, PUT and PATCH are writes."""
    return _TYPES.get(method, OperationType.WRITE)


def observe(key: BudgetKey, status: int, headers: Mapping[str, str]) -> Observation | None:
    """Read one answer; None where it shows nothing of a budget. `headers` must be readable in any case."""
    remaining = _smallest(headers.get(name) for name in _HEADERS[key.operation])
    resources = headers.get(_RESOURCE)
    if remaining is None and resources is None and status != 429:
        return None
    date = parse_date(headers.get("Date"))
    return Observation(
        key=key,
        remaining=0 if status == 429 and remaining is None else remaining,
        retry_after=parse_retry_after(headers, date) if status == 429 else None,
        date=date,
        resources=parse_resources(resources),
    )


def parse_resources(value: str | None) -> tuple[tuple[str, int], ...]:
    """Read `Microsoft.Compute/LowCostGet3Min;3997,…` as names and what is left; entries that cannot be read are left out."""
    found: list[tuple[str, int]] = []
    for entry in (value or "").split(","):
        name, _, left = entry.strip().rpartition(";")
        if name and _is_count(left):
            found.append((name, int(left)))
    return tuple(found)


def merge(old: Observation | None, new: Observation) -> Observation:
    """Return what holds after `new`: its figures, and of an older refusal the wait that is still left."""
    if old is None or old.retry_after is None or new.retry_after is not None:
        return new
    passed = (new.date - old.date).total_seconds() if new.date is not None and old.date is not None else 0.0
    left = old.retry_after - max(0.0, passed)
    return replace(new, retry_after=left) if left > 0 else new


def _smallest(values: Iterable[str | None]) -> int | None:
    counts = [int(value) for value in values if value is not None and _is_count(value)]
    return min(counts) if counts else None


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16
