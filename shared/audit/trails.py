"""The audit trail as it is kept: a row per entry, inserted once, and each new head's hash in a write-once blob (`rules.audit`)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.audit import chain
from shared.audit.answers import AuditDetail, AuditEntry, AuditTrail
from shared.clock import Clock
from shared.operations.model.models import Actor
from shared.storage.blobs import WriteOnceBlobs
from shared.storage.pieces import PIECE, from_pieces, pieces
from shared.storage.tables import Conflict, Entity, Table

_WHOLE = "whole"
"""The columns of an entry that one column cannot hold, such as that of two long documents."""
_TRIES = 8


@dataclass(frozen=True, slots=True)
class AuditTrails:
    """Appends to and reads the audit trails of failovers."""

    table: Table
    blobs: WriteOnceBlobs
    clock: Clock

    async def append(self, operation: str, key: str, actor: Actor, event: str, detail: AuditDetail | None = None) -> None:
        """Add an entry, once for each `key`, however often the step that adds it is run."""
        for _ in range(_TRIES):
            kept = await self._read(operation)
            if any(known == key for known, _ in kept):
                return
            previous = kept[-1][1] if kept else None
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
        kept = await self._read(operation)
        if kept:
            await self._put_away(operation, kept[-1][1])

    async def _put_away(self, operation: str, head: AuditEntry) -> None:
        content = json.dumps({"operation": operation, "sequence": head.sequence, "hash": head.hash}).encode()
        await self.blobs.write(f"{operation}/{head.sequence:06d}", content)

    async def trail(self, operation: str) -> AuditTrail:
        """Return the whole trail, and whether it is whole and ends as it was anchored."""
        entries = tuple(entry for _, entry in await self._read(operation))
        names = await self.blobs.names(f"{operation}/")
        anchored = json.loads(await self.blobs.read(names[-1]) or b"{}") if names else {}
        sequence = int(anchored.get("sequence", 0))
        whole = chain.verify(entries)
        up_to_anchor = chain.verify(entries[:sequence], anchored.get("hash") if names else None)
        return AuditTrail(value=entries, head=whole.head, verified=whole.ok and up_to_anchor.ok)

    async def _read(self, operation: str) -> list[tuple[str, AuditEntry]]:
        rows = self.table.range("PartitionKey eq @operation", parameters={"operation": operation})
        return [(str(row.entity["key"]), _entry(row.entity)) async for row in rows]


def _entry(row: Mapping[str, Any]) -> AuditEntry:
    whole = from_pieces(_WHOLE, row)
    return AuditEntry.model_validate(whole) if whole is not None else AuditEntry.model_validate_json(row["entry"])


def _entity(operation: str, key: str, entry: AuditEntry) -> Entity:
    content = json.dumps(entry.as_json(), ensure_ascii=False).encode()
    return {
        "PartitionKey": operation,
        "RowKey": f"{entry.sequence:06d}",
        "v": 1,
        "key": key,
        **({"entry": content} if len(content) <= PIECE else pieces(_WHOLE, entry.as_json())),
    }
