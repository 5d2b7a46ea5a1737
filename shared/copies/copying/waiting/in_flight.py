"""Limits the copies that run at one time to a subscription and region, where `FARSHORE_COPIES_IN_FLIGHT` asks for that.

PartitionKey `in-flight-` and the hash of subscription and region, in the table of chains: `h|{operation}` runs, `w|{moment}|{operation}`
waits, and `head` changes whenever one starts, so that of two instances one does it. A copy that waits removes the rows of operations that
have ended.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.clock import to_text
from shared.copies.copying.rules.chain import Waiter
from shared.operations.model.identity import short_hash
from shared.operations.model.store import Store
from shared.storage.tables import Change, Conflict, Table

_HEAD, _HOLDS, _WAITS = "head", "h|", "w|"
_ROUNDS = 12
NEXT_LOOK: Final = timedelta(minutes=5)
"""After how long a copy that waits looks again."""


@dataclass(frozen=True, slots=True)
class _Counted:
    """The operations that run, the rows of those that wait, by the moment of their sources, and the ETag of the head, None without one."""

    holders: frozenset[str]
    waiting: tuple[str, ...]
    version: str | None


@dataclass(frozen=True, slots=True)
class InFlight:
    """Lets copies start, those of the oldest sources first, up to `most` at one time; with 0 all start."""

    table: Table
    store: Store
    most: int

    async def take(self, subscription_id: str, region: str, me: Waiter) -> bool:
        """Return whether a copy may start now; one that may counts until it has ended."""
        if self.most == 0:
            return True
        place = f"in-flight-{short_hash(subscription_id, region)}"
        own = _row_of(me.taken_at, me.operation_id)
        for _ in range(_ROUNDS):
            counted = await self._read(place)
            if me.operation_id in counted.holders:
                return True
            if own not in counted.waiting:
                await self.table.upsert({"PartitionKey": place, "RowKey": own, "v": 1})
            ahead = [row for row in counted.waiting if row < own]
            if len(counted.holders) + len(ahead) >= self.most:
                if not await self._remove_ended(place, counted.holders, ahead):
                    return False
            elif await self._let_in(place, counted.version, own, me.operation_id):
                return True
        return False

    async def _read(self, place: str) -> _Counted:
        rows = {
            str(row.entity["RowKey"]): row.etag async for row in self.table.range("PartitionKey eq @place", parameters={"place": place})
        }
        holders = frozenset(key.removeprefix(_HOLDS) for key in rows if key.startswith(_HOLDS))
        return _Counted(holders, tuple(sorted(key for key in rows if key.startswith(_WAITS))), rows.get(_HEAD))

    async def _let_in(self, place: str, version: str | None, own: str, operation: str) -> bool:
        head = {"PartitionKey": place, "RowKey": _HEAD, "v": 1, "last": operation}
        changes = [
            Change("merge", head, version) if version is not None else Change("insert", head),
            Change("insert", {"PartitionKey": place, "RowKey": f"{_HOLDS}{operation}", "v": 1}),
            Change("delete", {"PartitionKey": place, "RowKey": own}),
        ]
        try:
            await self.table.transact(changes)
        except Conflict:
            return False
        return True

    async def _remove_ended(self, place: str, holders: Iterable[str], ahead: Sequence[str]) -> bool:
        """Remove the rows of operations that have ended; return whether there were any."""
        rows = {f"{_HOLDS}{holder}": holder for holder in holders} | {row: row.rpartition("|")[2] for row in ahead}
        live = {row.id for row in await self.store.batch(sorted(set(rows.values()))) if not row.announce}
        ended = [row for row, operation in rows.items() if operation not in live]
        for row in ended:
            await self.table.delete(place, row)
        return bool(ended)


def _row_of(taken_at: datetime, operation: str) -> str:
    return f"{_WAITS}{to_text(taken_at)}|{operation}"
