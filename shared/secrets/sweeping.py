"""The sweep: once a day, secrets of requests whose operation does not exist or has ended are deleted (docs/design/secrets.md)."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from shared.clock import Clock
from shared.errors import CallFailure
from shared.secrets.keeper import PREFIX, Secrets
from shared.storage.daily import DailyTurn

_log = logging.getLogger(__name__)
_YOUNGEST = timedelta(hours=1)
SWEEP = "secrets"
"""The row of the day of the sweep."""
_ID_LENGTH = 26
IsRunning = Callable[[str], Awaitable[bool]]
"""Whether an operation exists and has not ended."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Deletes what acceptances and ends left behind."""

    secrets: Secrets
    turn: DailyTurn
    clock: Clock
    is_running: IsRunning

    async def run(self) -> None:
        """Sweep unless this day was swept; called each minute."""
        if self.secrets.own and await self.turn.take(self.clock.now()):
            try:
                await self.sweep()
            except CallFailure as failure:
                _log.warning("the key vault could not be swept; the next day's sweep does it: %s", failure.code)

    async def sweep(self) -> int:
        """Delete what no running operation needs, and return how many secrets that were."""
        before = self.clock.now() - _YOUNGEST
        left = []
        async for listed in self.secrets.vaults.each(str(self.secrets.own)):
            operation = _operation_of(listed.id.name)
            if operation is not None and listed.created_at < before and not await self.is_running(operation):
                left.append(listed.id)
        for secret in left:
            await self.secrets.delete([secret])
        if left:
            _log.info("secrets without an operation were deleted", extra={"secrets": len(left)})
        return len(left)


def _operation_of(name: str) -> str | None:
    """Return the id of the operation that a secret was stored for, None for another secret."""
    operation, dash, random = name.removeprefix(PREFIX).partition("-")
    return operation if name.startswith(PREFIX) and dash and random and len(operation) == _ID_LENGTH else None
