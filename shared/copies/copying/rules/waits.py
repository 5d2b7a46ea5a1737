"""How long an operation waits for Azure before it asks for attention (docs/operate.md names each wait)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.values.durations import readable_duration


class AzureWait(StrEnum):
    """What a copy can wait for in Azure."""

    RESTORE_POINT = "restorePoint"
    """The restore point of the VM is not finished."""
    SOURCE = "source"
    """The restore point that the request names is not finished, or has no creation time."""
    DELETION = "deletion"
    """The restore point of a failed copy is still there after its deletion."""
    OTHER_COPY = "otherCopy"
    """A copy that was not started here occupies the target collection."""
    RATE = "rate"
    """Azure answers 429 to the start of the copy or of the restore point."""


PATIENCE = {
    AzureWait.RESTORE_POINT: timedelta(hours=2),
    AzureWait.SOURCE: timedelta(hours=2),
    AzureWait.DELETION: timedelta(hours=2),
    AzureWait.OTHER_COPY: timedelta(hours=24),
    AzureWait.RATE: timedelta(hours=6),
}
"""The time after which each wait asks for attention, of Azure's time."""
SLOW_LOOK = timedelta(minutes=10)
"""The interval between two looks once the time is over."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is waited for, and since when, of Azure's time."""

    what: AzureWait
    since: datetime


def waiting(before: Waiting | None, what: AzureWait, now: datetime) -> Waiting:
    """Return the wait that goes on, or one that begins now where something else was waited for."""
    return before if before is not None and before.what is what else Waiting(what, now)


def is_overdue(wait: Waiting, now: datetime) -> bool:
    """Return whether a wait has lasted so long that a person must look."""
    return now - wait.since >= PATIENCE[wait.what]


def overdue_message(wait: Waiting, now: datetime, subject: str) -> str:
    """Return the message of the attention; `subject` is a clause with the resource's id and state."""
    return (
        f"{subject} for {readable_duration(now - wait.since)}. Check it in Azure. The copy continues once this changes; cancel it to stop."
    )
