"""Reads and holds what is due, by its entries (`due.py`): the tick's part of the table of operations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.clock import Clock, Ids, to_text
from shared.operations.model import due, rows
from shared.operations.model.due import Due
from shared.operations.model.rows import Active
from shared.storage.tables import MAX_BATCH, Conflict, Table

_HELD_TOGETHER = MAX_BATCH // 3
"""Holding a step takes three changes: its entry is deleted and written, its row is changed."""
_JOINED = MAX_BATCH - 1
"""How many entries of checks are held as one: each is deleted, and one is written."""


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
        """Hold operations of one partition until a time, each by itself, and return those whose entries were as they were read.

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

    async def hold_checks(self, entries: Sequence[Due], until: str, sent_at: str) -> list[Due]:
        """Hold due checks of one partition and one group until a time, and return the entries that hold those which were as they were read.

        Each of these holds as many as one message names; one alone keeps an entry of its own.
        """
        done: list[Due] = []
        for bundle in _bundles(entries):
            if len(bundle) == 1 and not bundle[0].is_shared:
                done += await self.hold(bundle, until, sent_at)
            elif (held := await self._join(bundle, until, sent_at)) is not None:
                done.append(held)
        return done

    async def _join(self, entries: list[Due], until: str, sent_at: str) -> Due | None:
        name = self.ids.new()
        while entries:
            one, changes = due.held_together(entries, until, sent_at, name)
            try:
                await self.table.transact(changes)
            except Conflict as conflict:
                if await self.table.get(one.partition, one.key) is not None:
                    return one  # the transaction that lost the race is the one that was made: storage's SDK had repeated it
                del entries[conflict.index or 0]
                continue
            return one
        return None

    async def cut(self, entry: Due, count: int) -> Due:
        """Return an entry of only the first `count` operations of one; the others are written to an entry of their own first."""
        first, rest = due.cut(entry, count, self.ids.new())
        await self.table.transact([due.written(rest)])
        return first

    async def share(self, found: Sequence[Active]) -> list[Active]:
        """Write the entries that rows of one partition which await checks are to share, and return the rows with their marks."""
        now, names = self.clock.now(), iter(self.ids.new, "")
        marked, entries = due.together(found, now, names)
        for start in range(0, len(entries), MAX_BATCH):
            await self.table.transact([due.written(entry) for entry in entries[start : start + MAX_BATCH]])
        return marked

    async def delete(self, keys: Sequence[tuple[str, str]]) -> None:
        """Delete entries by partition and row key: what they held has been checked. Harmless to repeat."""
        for partition, key in keys:
            await self.table.delete(partition, key)

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


def _bundles(entries: Sequence[Due]) -> list[list[Due]]:
    """Split entries so that each part is one transaction, and no more operations than one message names."""
    bundles: list[list[Due]] = []
    room = 0
    for entry in entries:
        if len(entry.ids) > room or len(bundles[-1]) == _JOINED:
            bundles.append([])
            room = due.MOST_IDS
        bundles[-1].append(entry)
        room -= len(entry.ids)
    return bundles
