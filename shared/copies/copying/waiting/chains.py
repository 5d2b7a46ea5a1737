"""The table of chains: which operations wait, which has the turn, what was started (docs/design/core.md, "Chains").

One partition per chain: `head`, and a row `w|{takenAt}|{id}` for each waiter. Every write of the head is conditional; taking the turn
is one transaction with the waiter's row. What the rules decide is in `rules.chain`. Thousands may wait in a chain: only the first of them
are read, those that are copied next.

A copy of a restore point joins before it is accepted, or one of a newer restore point, accepted after it, could be begun while it is still
being prepared, after which Azure never copies the older one. Where Azure does not answer in time when the restore point was taken, it joins
undated (`w||{id}`), and no copy of the chain begins until that is known.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.clock import Clock, from_text, to_text
from shared.copies.copying.rules.chain import (
    HASH_LENGTH,
    ChainHead,
    Start,
    Waiter,
    moved_on,
    next_allowed,
    next_waiter,
    release,
    take_turn,
)
from shared.operations.model.store import Store
from shared.operations.timings import FREE_LOCK_AFTER
from shared.storage.tables import Change, Conflict, Entity, Found, Table

_TRIES = 8
_IN_VIEW = 24
"""How many waiters are read of a chain: more than Azure starts in a working day."""
_UNDATED = "w||"
_WOKEN = 4


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain as it was read; `etag` is None while its head has not been written.

    `waiters` are the first that wait, all of them where `whole` is true: some that the chain has passed, and those that are copied next.
    `undated` are operations that joined before it was known when their restore points were taken; `joined` is when each joined, wall time.
    """

    key: str
    head: ChainHead
    waiters: tuple[Waiter, ...]
    etag: str | None
    undated: tuple[str, ...] = ()
    joined: Mapping[str, datetime] = field(default_factory=dict)
    whole: bool = True


class Chains:
    """Reads and writes chains. A lost race returns False; errors of storage are raised."""

    def __init__(self, table: Table, store: Store, clock: Clock) -> None:
        self._table = table
        self._store = store
        self._clock = clock

    async def read(self, key: str) -> Chain:
        """Read a chain's head and the first of its waiters: one range, and two more where many wait."""
        found = await self._range(key, "h", "w}", _IN_VIEW + 1)
        if len(found) <= _IN_VIEW:
            return _chain(key, found, whole=True)
        head = _chain(key, found, whole=False).head
        first = f"w|{to_text(head.last_taken_at)}" if head.last_taken_at is not None else "w|"
        next_ones, undated = await asyncio.gather(
            self._range(key, first, _UNDATED, _IN_VIEW), self._range(key, _UNDATED, f"{_UNDATED}}}", _IN_VIEW)
        )
        return _chain(key, [*found, *next_ones, *undated], whole=False)

    async def _range(self, key: str, first: str, last: str, limit: int) -> list[Found]:
        filters = "PartitionKey eq @key and RowKey ge @first and RowKey lt @last"
        return [row async for row in self._table.range(filters, parameters={"key": key, "first": first, "last": last}, limit=limit)]

    async def head(self, key: str) -> ChainHead:
        """Read a chain's head only."""
        found = await self._table.get(key, "head")
        return _read_head(found) if found else ChainHead()

    async def join(self, key: str, operation: str, taken_at: datetime | None, *, first: bool = False) -> None:
        """Wait in a chain, with or without knowing when the restore point was taken; harmless to repeat.

        `first` is true where it cannot have joined undated before, so that there is no such row to remove.
        """
        await self._table.upsert(self._waiter_entity(key, operation, taken_at))
        if taken_at is not None and not first:
            await self._table.delete(key, _waiter_key(operation, None))

    async def leave(self, chain: Chain, operation: str, taken_at: datetime | None = None) -> None:
        """Wait no longer; harmless to repeat.

        `taken_at` is when the operation's restore point was taken, where that is known: its row may be out of view.
        """
        moments = {waiter.taken_at for waiter in chain.waiters if waiter.operation_id == operation}
        rows = {_waiter_key(operation, moment) for moment in moments}
        if operation in chain.undated or not chain.whole:
            rows.add(_waiter_key(operation, None))
        if taken_at is not None and not chain.whole:
            rows.add(_waiter_key(operation, taken_at))
        for row in sorted(rows):
            await self._table.delete(chain.key, row)

    async def take_turn(self, chain: Chain, waiter: Waiter) -> bool:
        """Give the turn to a waiter and take its row away, in one transaction, unless the head changed since it was read."""
        changes = [self._head_change(chain, take_turn(chain.head, waiter.operation_id))]
        if waiter in chain.waiters:
            changes.append(Change("delete", self._waiter_entity(chain.key, waiter.operation_id, waiter.taken_at)))
        return await self._transact(changes)

    async def give_way(self, chain: Chain, waiter: Waiter) -> bool:
        """Give the turn back and wait again, in one transaction."""
        head = release(chain.head, waiter.operation_id)
        entity = self._waiter_entity(chain.key, waiter.operation_id, waiter.taken_at)
        return await self._transact([self._head_change(chain, head), Change("upsert", entity)])

    async def write_head(self, chain: Chain, head: ChainHead) -> Chain | None:
        """Write the head unless it changed since it was read, and return the chain as it is now."""
        change = self._head_change(chain, head)
        try:
            etag = (await self._table.transact([change]))[0]
        except Conflict:
            return None
        return replace(chain, head=head, etag=etag)

    async def change_head(self, key: str, change: Callable[[ChainHead], ChainHead]) -> Chain:
        """Write what `change` makes of the head, however often others write it meanwhile; it must do no harm when repeated."""
        for _ in range(_TRIES):
            chain = await self.read(key)
            head = change(chain.head)
            if head == chain.head:
                return chain
            written = await self.write_head(chain, head)
            if written is not None:
                return written
        raise Conflict

    async def is_live(self, operation: str) -> bool:
        """Return whether an operation still has a row that is not only to be announced."""
        row = await self._store.active(operation)
        return row is not None and not row.announce

    async def is_waiting(self, chain: Chain, operation: str) -> bool:
        """Return whether a waiter's operation is live, or was being accepted less than two minutes ago."""
        if await self.is_live(operation):
            return True
        joined = chain.joined.get(operation)
        if joined is None or self._clock.wall() - joined >= FREE_LOCK_AFTER:
            return False
        return await self._store.request(operation) is None or await self.is_live(operation)

    async def leave_and_wake_next(self, key: str, operation: str, taken_at: datetime | None) -> None:
        """Take the turn and the waiter's row back from an operation that has ended, and wake the next; harmless to repeat.

        Some that the chain has passed are woken too: each ends, and wakes others.
        """
        chain = await self.change_head(key, lambda head: release(head, operation))
        await self.leave(chain, operation, taken_at)
        others = [waiter for waiter in chain.waiters if waiter.operation_id != operation]
        passed = [waiter for waiter in others if moved_on(chain.head, waiter.taken_at) is not None]
        for waiter in passed[:_WOKEN]:
            await self.wake(waiter.operation_id, self._clock.now())
        following = next_waiter(chain.head, others)
        if following is not None and chain.head.current is None:
            await self.wake(following.operation_id, next_allowed(chain.head, self._clock.now()))

    async def wake(self, operation: str, at: datetime) -> None:
        """Have a waiter looked at from `at` on, if it sleeps longer or is just deciding to."""
        for _ in range(_TRIES):
            row = await self._store.active(operation)
            if row is None or row.announce or (row.next_at <= to_text(at) and not row.lease_until):
                return
            try:
                await self._store.save(replace(row, next_at=to_text(at)))
            except Conflict:
                continue
            return

    def _head_change(self, chain: Chain, head: ChainHead) -> Change:
        entity: Entity = {"PartitionKey": chain.key, "RowKey": "head", "v": 1, "head": written_head(head)}
        return Change("insert", entity) if chain.etag is None else Change("merge", entity, chain.etag)

    def _waiter_entity(self, key: str, operation: str, taken_at: datetime | None) -> Entity:
        row = _waiter_key(operation, taken_at)
        return {"PartitionKey": key, "RowKey": row, "v": 1, "joinedAt": to_text(self._clock.wall())}

    async def _transact(self, changes: list[Change]) -> bool:
        try:
            await self._table.transact(changes)
        except Conflict:
            return False
        return True


def _chain(key: str, found: Iterable[Found], *, whole: bool) -> Chain:
    """Return the chain of its rows, some of which may have been read twice."""
    head, etag, joined = ChainHead(), None, {}
    waiters: set[Waiter] = set()
    undated: set[str] = set()
    for item in found:
        row = str(item.entity["RowKey"])
        if row == "head":
            head, etag = _read_head(item), item.etag
            continue
        _, taken_at, operation = row.split("|")
        joined[operation] = from_text(str(item.entity["joinedAt"]))
        if taken_at:
            waiters.add(Waiter(from_text(taken_at), operation))
        else:
            undated.add(operation)
    return Chain(key, head, tuple(sorted(waiters)), etag, tuple(sorted(undated)), joined, whole)


def _read_head(found: Found) -> ChainHead:
    return read_head(found.entity["head"])


def read_head(stored: bytes) -> ChainHead:
    """Read the stored form of a head; an empty object is a chain that has not been used. Raises `ValueError` for anything else."""
    row = json.loads(stored)
    taken, current, foreign, started = (row.get(name) for name in ("lastTakenAt", "current", "foreign", "started"))
    seen = str(row.get("seen") or "")
    if not isinstance(started, list | None):
        raise ValueError("the starts of a chain are a list")
    return ChainHead(
        current=str(current) if current else None,
        started=tuple(Start(str(name), from_text(str(at))) for name, at in started or ()),
        last_taken_at=from_text(str(taken)) if taken else None,
        foreign=str(foreign) if foreign else None,
        seen=tuple(seen[at : at + HASH_LENGTH] for at in range(0, len(seen), HASH_LENGTH)),
    )


def written_head(head: ChainHead) -> bytes:
    """Return the stored form of a head; `seen` is one text of at most about 4,000 characters."""
    row = {
        "current": head.current,
        "started": [[start.name, to_text(start.at)] for start in head.started],
        "lastTakenAt": to_text(head.last_taken_at) if head.last_taken_at is not None else None,
        "foreign": head.foreign,
        "seen": "".join(head.seen),
    }
    return json.dumps(row).encode()


def _waiter_key(operation: str, taken_at: datetime | None) -> str:
    return f"w|{to_text(taken_at) if taken_at is not None else ''}|{operation}"
