"""Locks: two operations never work on one thing at once (docs/design/core.md, "Locks").

A row of the table `locks` names the operation that owns it. It is live while its owner's active row lists it and is not yet announced; else
it is free two minutes after it was taken, which covers a crash between lock and acceptance.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from shared.clock import Clock, Ids, from_text, to_text
from shared.operations.model.identity import short_hash
from shared.operations.model.store import Store
from shared.operations.timings import FREE_LOCK_AFTER
from shared.storage.tables import Change, Conflict, Found, Table

TABLE = "locks"


@dataclass(frozen=True, slots=True)
class Held:
    """A lock that is another operation's."""

    name: str
    owner: str


class Locks:
    """Takes and gives back locks by name (any text)."""

    def __init__(self, table: Table, store: Store, clock: Clock, ids: Ids) -> None:
        self._table = table
        self._store = store
        self._clock = clock
        self._ids = ids

    async def take(self, names: Sequence[str], owner: str) -> Held | None:
        """Take all locks for an operation, in sorted order, or none: then return the one in the way."""
        taken: list[str] = []
        for name in sorted(set(names)):
            held = await self._take_one(name, owner)
            if held is not None:
                await self.release(taken, owner)
                return held
            taken.append(name)
        return None

    async def holder(self, names: Sequence[str], owner: str | None = None) -> Held | None:
        """Return the first lock of these that is live and another's, changing nothing."""
        for name in sorted(set(names)):
            found = await self._table.get(*_key(name))
            if found is not None and found.entity["owner"] != owner and await self._live(name, found):
                return Held(name, str(found.entity["owner"]))
        return None

    async def release(self, names: Sequence[str], owner: str) -> None:
        """Give back the locks that are the operation's; harmless to repeat."""
        await asyncio.gather(*(self._release_one(name, owner) for name in sorted(set(names))))

    async def _take_one(self, name: str, owner: str) -> Held | None:
        partition, row = _key(name)
        nonce = self._ids.new()
        entity = {
            "PartitionKey": partition,
            "RowKey": row,
            "v": 1,
            "name": name,
            "owner": owner,
            "nonce": nonce,
            "takenAt": to_text(self._clock.wall()),
        }
        try:
            await self._table.insert(entity)
        except Conflict:
            found = await self._table.get(partition, row)
            if found is None:
                return await self._take_one(name, owner)
            if found.entity["nonce"] == nonce or found.entity["owner"] == owner:
                return None
            if await self._live(name, found):
                return Held(name, str(found.entity["owner"]))
            return await self._take_over(entity, found)
        return None

    async def _take_over(self, entity: dict[str, object], found: Found) -> Held | None:
        try:
            await self._table.transact([Change("merge", entity, found.etag)])
        except Conflict:
            return await self._take_one(str(entity["name"]), str(entity["owner"]))
        return None

    async def _live(self, name: str, found: Found) -> bool:
        owner = await self._store.active(str(found.entity["owner"]))
        if owner is not None and owner.announce:
            return False
        if owner is not None and name in owner.locks:
            return True
        # not accepted yet, or not written into its owner's row yet: for a while it counts all the same
        return self._clock.wall() - from_text(str(found.entity["takenAt"])) < FREE_LOCK_AFTER

    async def _release_one(self, name: str, owner: str) -> None:
        partition, row = _key(name)
        found = await self._table.get(partition, row)
        if found is not None and found.entity["owner"] == owner:
            await self._table.delete(partition, row, found.etag)


def _key(name: str) -> tuple[str, str]:
    digest = short_hash(name)
    return digest[:2], digest
