"""Reads and holds what is due, by its entries (`due.py`): the tick's part of the table of operations."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from shared.clock import Clock, Ids, to_text
from shared.operations.model import due, rows
from shared.operations.model.due import Due
from shared.operations.model.rows import Active
from shared.storage.tables import MAX_BATCH, Change, Conflict, Table

_OWN = 3
"""Holding an operation by itself takes three changes: its entry is deleted and written, its row is changed."""
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
        """Hold due operations of one partition until a time, each by itself, and return those whose entries were as they were read.

        `sent_at` is when their messages are sent, empty where none is. Entries of operations that have ended are deleted.
        """
        return await self._hold([[entry] for entry in entries], until, sent_at)

    async def hold_checks(self, entries: Sequence[Due], until: str, sent_at: str) -> list[Due]:
        """Hold due checks of one partition until a time, and return the entries that hold those which were as they were read.

        Each of these holds checks of one family, as many as a message names; one alone keeps an entry of its own.
        """
        groups: dict[tuple[str, str, int], list[Due]] = {}
        for entry in entries:
            groups.setdefault((entry.kind, due.family(entry.group), entry.version), []).append(entry)
        return await self._hold([bundle for group in groups.values() for bundle in _bundles(group)], until, sent_at)

    async def _hold(self, bundles: Sequence[list[Due]], until: str, sent_at: str) -> list[Due]:
        """Hold bundles of entries, several in a transaction: it is repeated without an entry that was not as it was read."""
        stamp = self.ids.new()
        left = _transactions(bundles)
        done: list[Due] = []
        while left:
            group = [bundle for bundle in left.pop() if bundle]
            parts = [due.held_as(bundle, until, sent_at, self.ids.new(), stamp) for bundle in group]
            if not parts:
                continue
            try:
                await self.table.transact([change for _, changes in parts for change in changes])
            except Conflict as conflict:
                if conflict.index is None:
                    left += [[bundle] for bundle in group] if len(group) > 1 else []
                    continue
                lost, index = _part_of(conflict.index, [changes for _, changes in parts])
                if await self._is_held(parts[lost][0], stamp):
                    done += [one for one, _ in parts]
                    continue
                if due.is_own(group[lost]) and index:  # its row is gone
                    await self.table.delete(group[lost][0].partition, group[lost][0].key, group[lost][0].etag)
                    index = 0
                del group[lost][index]
                left.append(group)
                continue
            done += [one for one, _ in parts]
        return done

    async def _is_held(self, entry: Due, stamp: str) -> bool:
        """Whether the transaction that lost the race is the one that was made: storage's SDK had repeated it."""
        found = await self.table.get(entry.partition, entry.key)
        return found is not None and found.entity.get("stamp") == stamp

    async def cut(self, entry: Due, chosen: Collection[str]) -> Due:
        """Return an entry of only the chosen operations of one; the others are written to an entry of their own first."""
        first, rest = due.cut(entry, chosen, self.ids.new())
        await self.table.transact([due.written(rest)])
        return first

    def share(self, found: Sequence[Active]) -> tuple[list[Active], list[Change]]:
        """Return rows of one partition that await checks with the marks of the entries that they share, and the writes of these."""
        marked, entries = due.together(found, self.clock.now(), iter(self.ids.new, ""))
        return marked, [due.written(entry) for entry in entries]

    async def delete(self, keys: Sequence[tuple[str, str]]) -> None:
        """Delete entries by partition and row key: what they held has been checked. Harmless to repeat."""
        for partition, key in keys:
            await self.table.delete(partition, key)

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
    """Split entries so that each part fits into a transaction, and has no more operations than one message names."""
    bundles: list[list[Due]] = []
    room = 0
    for entry in entries:
        if len(entry.ids) > room or len(bundles[-1]) == _JOINED:
            bundles.append([])
            room = due.MOST_IDS
        bundles[-1].append(entry)
        room -= len(entry.ids)
    return bundles


def _transactions(bundles: Sequence[list[Due]]) -> list[list[list[Due]]]:
    """Split bundles so that the changes of each part fit into a transaction."""
    parts: list[list[list[Due]]] = []
    room = 0
    for bundle in bundles:
        size = _OWN if due.is_own(bundle) else len(bundle) + 1
        if size > room:
            parts.append([])
            room = MAX_BATCH
        parts[-1].append(bundle)
        room -= size
    return parts


def _part_of(index: int, parts: Sequence[Sequence[Change]]) -> tuple[int, int]:
    """Return which part has the change of that index in all of them, and its index there."""
    for number, part in enumerate(parts):
        if index < len(part):
            return number, index
        index -= len(part)
    raise ValueError(f"a transaction has no change {index}")
