"""Times and waiters of chains, for tests of their rules."""

from datetime import UTC, datetime, timedelta

from shared.copies.copying.rules.chain import (
    Waiter,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


HOUR = timedelta(hours=1)


def taken(minutes: float) -> datetime:
    return NOON - timedelta(days=1) + timedelta(minutes=minutes)


def waiter(minutes: float, name: str) -> Waiter:
    return Waiter(taken(minutes), name)
