"""The audit trail as it is kept: a row per entry, inserted once, and each new head's hash in a write-once blob (`rules.audit`).

An index, in a partition beside it, has the keys of a long trail's entries up to a place, so that an entry is added by reading those after
that place only. Only what the entries show counts: an index that is missing, or was changed, costs reads.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.audit import chain
from shared.audit.answers import AuditDetail, AuditEntry, AuditPage, AuditTrail
from shared.clock import Clock
from shared.operations.model.models import Actor
from shared.storage.blobs import WriteOnceBlobs
from shared.storage.pieces import PIECE, from_pieces, pieces
from shared.storage.tables import MAX_BATCH, Change, Conflict, Entity, Table

_WHOLE = "whole"
"""The columns of an entry that one column cannot hold, such as that of two long documents."""
_TRIES = 32
"""How often an entry is tried while others are added: of the writers at one moment one succeeds each time."""
_INDEXED_AT_ONCE = 50
"""After how many entries the index is written on."""
_LAST_OF_SIX_DIGITS = 999_999
_HEAD = "head"


@dataclass(frozen=True, slots=True)
class AuditTrails:
    """Appends to and reads the audit trails of failovers."""

    table: Table
    blobs: WriteOnceBlobs
    clock: Clock

    async def append(self, operation: str, key: str, actor: Actor, event: str, detail: AuditDetail | None = None) -> None:
        """Add an entry, once for each `key`, however often the step that adds it is run."""
        for _ in range(_TRIES):
            tail = await self._tail(operation)
            is_whole = not tail or tail[0][1].sequence == 1
            if any(known == key for known, _ in tail) or (not is_whole and await self._is_indexed(operation, key)):
                return
            if len(tail) > _INDEXED_AT_ONCE:
                await self._index(operation, tail)
            previous = tail[-1][1] if tail else None
            entry = chain.append(previous, time=self.clock.now(), actor=actor, event=event, detail=detail)
            try:
                await self.table.insert(_entity(operation, key, entry))
            except Conflict:
                continue
            await self._put_away(operation, entry)
            return
        raise Conflict

    async def anchor(self, operation: str) -> None:
        """Write the hash of the head to immutable storage; harmless to repeat."""
        tail = await self._tail(operation)
        if tail:
            await self._put_away(operation, tail[-1][1])

    async def _tail(self, operation: str) -> list[tuple[str, AuditEntry]]:
        """Return the entries after the last one of the index, in order; all where there is no index, or its entry is not in the trail."""
        found = await self.table.get(_index_of(operation), _HEAD)
        indexed = found.entity.get("sequence") if found is not None else None
        tail = await self._read(operation, indexed) if isinstance(indexed, int) else []
        return tail or await self._read(operation)

    async def _is_indexed(self, operation: str, key: str) -> bool:
        """Return whether the index has a key, and the trail the entry."""
        found = await self.table.get(_index_of(operation), _key_row(key))
        if found is None:
            return False
        entry = await self.table.get(operation, _row_of(int(found.entity["sequence"])))
        return entry is not None and entry.entity.get("key") == key

    async def _index(self, operation: str, tail: Sequence[tuple[str, AuditEntry]]) -> None:
        """Add the entries of a tail to the index, oldest first; harmless to repeat, also with that of another writer."""
        most = MAX_BATCH - 1
        for start in range(0, len(tail), most):
            part, partition = tail[start : start + most], _index_of(operation)
            rows = {_key_row(key): entry.sequence for key, entry in part} | {_HEAD: part[-1][1].sequence}
            await self.table.transact(
                [Change("upsert", {"PartitionKey": partition, "RowKey": row, "v": 1, "sequence": at}) for row, at in rows.items()]
            )

    async def _put_away(self, operation: str, head: AuditEntry) -> None:
        content = json.dumps({"operation": operation, "sequence": head.sequence, "hash": head.hash}).encode()
        await self.blobs.write(f"{operation}/{_row_of(head.sequence)}", content)

    async def trail(self, operation: str) -> AuditTrail:
        """Return the whole trail, and whether it is whole and ends as it was anchored."""
        entries = tuple(entry for _, entry in await self._read(operation))
        names = await self.blobs.names(f"{operation}/")
        anchored = json.loads(await self.blobs.read(names[-1]) or b"{}") if names else {}
        sequence = int(anchored.get("sequence", 0))
        whole = chain.verify(entries)
        up_to_anchor = chain.verify(entries[:sequence], anchored.get("hash") if names else None)
        return AuditTrail(value=entries, head=whole.head, verified=whole.ok and up_to_anchor.ok)

    async def page(self, operation: str, after: str | None, top: int) -> tuple[AuditPage, str | None]:
        """Return a page of a trail, verified for itself, and where the next one begins after or None."""
        before = int((after or "0").lstrip("a"))
        read = [entry for _, entry in await self._read(operation, max(before, 1), limit=top + 2)]
        previous = read.pop(0) if before and read else None
        entries, more = tuple(read[:top]), len(read) > top
        is_whole = (previous.sequence if previous is not None else 0) == before and chain.verify(entries, previous=previous).ok
        tail = await self._tail(operation)
        page = AuditPage(
            value=entries,
            head=tail[-1][1].hash if tail else chain.FIRST,
            verified=is_whole and await self._is_as_anchored(operation, entries, is_end=not more),
        )
        return page, _row_of(entries[-1].sequence) if more else None

    async def _is_as_anchored(self, operation: str, entries: Sequence[AuditEntry], *, is_end: bool) -> bool:
        """Return whether the last of some entries that is anchored is as it was, and at the end of the trail none is anchored beyond it."""
        if is_end and await self.blobs.read(f"{operation}/{_row_of(entries[-1].sequence + 1 if entries else 1)}") is not None:
            return False
        for entry in reversed(entries):
            anchor = await self.blobs.read(f"{operation}/{_row_of(entry.sequence)}")
            if anchor is not None:
                return bool(json.loads(anchor).get("hash") == entry.hash)
        return True

    async def _read(self, operation: str, first: int = 1, limit: int | None = None) -> list[tuple[str, AuditEntry]]:
        """Return the entries from a sequence on, with their keys."""
        parameters = {"operation": operation, "first": _row_of(first)}
        rows = self.table.range("PartitionKey eq @operation and RowKey ge @first", parameters=parameters, limit=limit)
        return [(str(row.entity["key"]), _entry(row.entity)) async for row in rows]


def _row_of(sequence: int) -> str:
    """Return the key of an entry's row, in the order of sequences: six digits, and beyond them twelve after a letter."""
    return f"{sequence:06d}" if sequence <= _LAST_OF_SIX_DIGITS else f"a{sequence:012d}"


def _index_of(operation: str) -> str:
    return f"{operation}|index"


def _key_row(key: str) -> str:
    return f"k|{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _entry(row: Mapping[str, Any]) -> AuditEntry:
    whole = from_pieces(_WHOLE, row)
    return AuditEntry.model_validate(whole) if whole is not None else AuditEntry.model_validate_json(row["entry"])


def _entity(operation: str, key: str, entry: AuditEntry) -> Entity:
    content = json.dumps(entry.as_json(), ensure_ascii=False).encode()
    return {
        "PartitionKey": operation,
        "RowKey": _row_of(entry.sequence),
        "v": 1,
        "key": key,
        **({"entry": content} if len(content) <= PIECE else pieces(_WHOLE, entry.as_json())),
    }
