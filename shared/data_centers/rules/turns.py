"""Operations on one data center take turns, in the order of their acceptance. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from shared.clock import from_text, to_text
from shared.data_centers.kinds import Action
from shared.data_centers.records.record import MOST_PENDING, Pending
from shared.operations.timings import FREE_LOCK_AFTER


@dataclass(frozen=True, slots=True)
class Full:
    """There is no room for another."""


def join(pending: tuple[Pending, ...], operation: str, action: Action, now: datetime) -> tuple[Pending, ...] | Full:
    """Return the queue with an operation at its end; unchanged where it is in it. `now` is wall time."""
    if any(one.operation_id == operation for one in pending):
        return pending
    if len(pending) >= MOST_PENDING:
        return Full()
    return (*pending, Pending(operation_id=operation, action=action, joined_at=to_text(now)))


def leave(pending: tuple[Pending, ...], operation: str) -> tuple[Pending, ...]:
    """Return the queue without an operation."""
    return tuple(one for one in pending if one.operation_id != operation)


def has_turn(pending: tuple[Pending, ...], operation: str) -> bool:
    """Return whether an operation is the first."""
    return bool(pending) and pending[0].operation_id == operation


def droppable(pending: tuple[Pending, ...], live: Collection[str], now: datetime) -> tuple[str, ...]:
    """Return the operations to drop: those that are not live and joined two minutes ago (a crash before the acceptance). Wall time."""
    return tuple(one.operation_id for one in pending if one.operation_id not in live and now - from_text(one.joined_at) >= FREE_LOCK_AFTER)
