"""Stores the notes on a cloud's machines in the table `protections`, beside the policies (`shared.failovers.policies`).

A machine: PartitionKey a hash of its cloud, RowKey a hash of its id; the policies of a cloud share them, so that none protects again a
machine that was released. The time at which a policy's cloud was listed: PartitionKey `looks`, RowKey the policy's key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.arm.ids import ResourceId
from shared.clock import from_text, to_text
from shared.failovers.policies import policy_key
from shared.failovers.protection.models import KeptNote, KeptPolicy
from shared.operations.model.identity import short_hash
from shared.storage.pieces import from_pieces, pieces
from shared.storage.tables import MAX_BATCH, Change, Conflict, Entity, Table

_LOOKS = "looks"


@dataclass(frozen=True, slots=True)
class Noted:
    """A note with the ETag of its row; None for one that is not stored yet."""

    note: KeptNote
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class NoteStore:
    """Reads and writes notes; errors of storage are raised as the SDK raises them."""

    table: Table

    async def of_cloud(self, cloud: str) -> dict[str, Noted]:
        """Return the notes of a cloud's machines by the keys of their ids."""
        rows = self.table.range("PartitionKey eq @partition", parameters={"partition": _partition(cloud)})
        found = [Noted(_read(row.entity), row.etag) async for row in rows]
        return {ResourceId.parse(one.note.machine).key: one for one in found}

    async def keep(self, cloud: str, notes: Sequence[Noted]) -> None:
        """Write notes conditionally; a note that was changed meanwhile keeps that change."""
        for start in range(0, len(notes), MAX_BATCH):
            await self._keep(cloud, notes[start : start + MAX_BATCH])

    async def _keep(self, cloud: str, notes: Sequence[Noted]) -> None:
        try:
            await self.table.transact([_change(cloud, one) for one in notes])
        except Conflict:
            # a transaction is all or none: one conflict must not prevent the others
            for one in notes:
                await self.claim(cloud, one)

    async def claim(self, cloud: str, noted: Noted) -> Noted | None:
        """Write one note conditionally and return it with its new ETag; None where it was changed meanwhile."""
        try:
            (etag,) = await self.table.transact([_change(cloud, noted)])
        except Conflict:
            return None
        return Noted(noted.note, etag)

    async def looked_at(self, policy: KeptPolicy) -> datetime | None:
        """Return when the machines of a policy's cloud were last listed completely."""
        found = await self.table.get(_LOOKS, policy_key(policy.vault_id, policy.name))
        return from_text(str(found.entity["at"])) if found is not None else None

    async def look_done(self, policy: KeptPolicy, at: datetime) -> None:
        """Note that the machines of a policy's cloud were listed completely."""
        await self.table.upsert({"PartitionKey": _LOOKS, "RowKey": policy_key(policy.vault_id, policy.name), "v": 1, "at": to_text(at)})


def _partition(cloud: str) -> str:
    return short_hash(ResourceId.parse(cloud).key)


def _change(cloud: str, noted: Noted) -> Change:
    entity: Entity = {
        "PartitionKey": _partition(cloud),
        "RowKey": short_hash(ResourceId.parse(noted.note.machine).key),
        "v": 1,
        **pieces("document", noted.note.as_json()),
    }
    return Change("insert", entity) if noted.etag is None else Change("merge", entity, noted.etag)


def _read(entity: Mapping[str, object]) -> KeptNote:
    return KeptNote.model_validate(from_pieces("document", entity))
