"""Reads and holds what is due, by its entries (`due.py`): the tick's part of the table of operations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.clock import Clock, Ids, to_text
from shared.operations.model import due, rows
from shared.operations.model.due import Due
from shared.operations.model.rows import Active
from shared.storage.tables import MAX_BATCH, Conflict, Table

_HELD_TOGETHER = MAX_BATCH // 3
"""Holding an operation takes three changes: its entry is deleted and written, its row is changed."""


@dataclass(frozen=True, slots=True)
class DueRows:
    """The entries of the table of operations. Errors of storage are raised as they are."""

    table: Table
    clock: Clock
    ids: Ids

    async def read(self, partition: str, limit: int) -> list[Due]:
        """Return the entries of a partition that are due, the longest due first: its cost is what is due, not what is active."""
        parameters = {"partition": partition, "first": due.FIRST, "last": f"{due.FIRST}{to_text(self.clock.now())}}}"}
        filters = "PartitionKey eq @partition and RowKey ge @first and RowKey lt @last"
        found = self.table.range(filters, select=due.COLUMNS, parameters=parameters, limit=limit)
        return [due.read(item) async for item in found]

    async def hold(self, entries: Sequence[Due], until: str, sent_at: str) -> list[Due]:
        """Hold due operations of one partition until a time, and return those whose entries were as they were read.

        `sent_at` is when their messages are sent, empty where none is. Entries of operations that have ended are deleted.
        """
        stamp = self.ids.new()
        left = [list(entries[start : start + _HELD_TOGETHER]) for start in range(0, len(entries), _HELD_TOGETHER)]
        done: list[Due] = []
        while left:
            group = left.pop()
            changes = [due.held(entry, until, sent_at, stamp) for entry in group]
            try:
                await self.table.transact([change for each in changes for change in each])
            except Conflict as conflict:
                if conflict.index is None:
                    left += [[entry] for entry in group] if len(group) > 1 else []
                    continue
                lost, part = divmod(conflict.index, len(changes[0]))
                if await self._is_held(group[lost], until, stamp):
                    done += group
                    continue
                if part:
                    await self.table.delete(group[lost].partition, group[lost].key, group[lost].etag)
                del group[lost]
                left += [group] if group else []
                continue
            done += group
        return done

    async def _is_held(self, entry: Due, until: str, stamp: str) -> bool:
        """Whether the transaction that lost the race is the one that was made: storage's SDK had repeated it."""
        found = await self.table.get(entry.partition, replace(entry, at=until).key)
        return found is not None and found.entity.get("stamp") == stamp

    async def late(self, partition: str, limit: int) -> list[Active]:
        """Return the active rows of a partition that are due but have no entry that is due: an older version wrote them.

        Its cost is what is active.
        """
        now = self.clock.now()
        filters = "PartitionKey eq @partition and RowKey ge 'a|' and RowKey lt 'a}' and nextAt le @now"
        found = self.table.range(filters, parameters={"partition": partition, "now": to_text(now)}, limit=limit)
        active = [rows.read_active(item.entity, item.etag) async for item in found]
        return [row for row in active if due.is_late(row, now)]
