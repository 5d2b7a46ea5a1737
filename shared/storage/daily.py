"""Work of once a day: of all instances of an app, the one that takes the day does it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from shared.clock import to_text
from shared.storage.tables import Table, write_over

_PARTITION: Final = "daily"


@dataclass(slots=True)
class DailyTurn:
    """The row of `table` that holds the day that was taken last; `row` names the work."""

    table: Table
    row: str
    _taken: str = field(default="", init=False)

    async def take(self, now: datetime) -> bool:
        """Take the day of a moment, and return whether it was not taken before; called each minute, it reads the row once a day."""
        day = to_text(now)[:10]
        if self._taken == day:
            return False
        is_first = await self._write(day)
        self._taken = day
        return is_first

    async def _write(self, day: str) -> bool:
        entity = {"PartitionKey": _PARTITION, "RowKey": self.row, "v": 1, "day": day}
        found = await self.table.get(_PARTITION, self.row)
        if found is not None and str(found.entity["day"]) >= day:
            return False
        return await write_over(self.table, found, entity)
