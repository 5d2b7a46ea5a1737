"""The sweep: once a day, secrets of requests whose operation does not exist or has ended are deleted (docs/design/secrets.md)."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from shared.clock import Clock, to_text
from shared.errors import CallFailure
from shared.secrets.keeper import PREFIX, Secrets
from shared.storage.tables import Conflict, Table

_log = logging.getLogger(__name__)
_YOUNGEST = timedelta(hours=1)
_KEYS = ("daily", "secrets")
_ID_LENGTH = 26
IsRunning = Callable[[str], Awaitable[bool]]
"""Whether an operation exists and has not ended."""


@dataclass(slots=True)
class Sweep:
    """Deletes what acceptances and ends left behind. A row of `table` holds the day that was swept last, so that one instance does it."""

    secrets: Secrets
    table: Table
    clock: Clock
    is_running: IsRunning
    _done: str = field(default="", init=False)

    async def run(self) -> None:
        """Sweep unless this day was swept; called each minute, it reads the row once a day."""
        day = to_text(self.clock.now())[:10]
        if not self.secrets.own or self._done == day:
            return
        if await self._take(day):
            try:
                await self.sweep()
            except CallFailure as failure:
                _log.warning("the key vault could not be swept; the next day's sweep does it: %s", failure.code)
        self._done = day

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

    async def _take(self, day: str) -> bool:
        partition, row = _KEYS
        entity = {"PartitionKey": partition, "RowKey": row, "v": 1, "day": day}
        try:
            found = await self.table.get(partition, row)
            if found is None:
                await self.table.insert(entity)
                return True
            if str(found.entity["day"]) >= day:
                return False
            await self.table.merge(entity, found.etag)
        except Conflict:
            return False
        return True


def _operation_of(name: str) -> str | None:
    """Return the id of the operation that a secret was stored for, None for another secret."""
    operation, dash, random = name.removeprefix(PREFIX).partition("-")
    return operation if name.startswith(PREFIX) and dash and random and len(operation) == _ID_LENGTH else None
