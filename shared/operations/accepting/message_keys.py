"""Which tenants' operations a message's `id` made: a later message names it without its tenant (docs/design/queues.md, "Intake").

One row per kind, id and tenant, written before the operation is accepted: a row without an operation does no harm, an operation without a
row would not be found.
"""

from dataclasses import dataclass
from typing import Final

from shared.operations.model.identity import short_hash
from shared.operations.model.models import NewOperation
from shared.storage.tables import Table

TABLE: Final = "messageKeys"
_BY_QUEUE: Final = "queue"


@dataclass(frozen=True, slots=True)
class MessageKeys:
    """The rows."""

    table: Table

    async def note(self, new: NewOperation) -> None:
        """Note the key of a request that came by queue; of any other request nothing."""
        if new.actor.kind == _BY_QUEUE and new.key is not None:
            await self.table.upsert({"PartitionKey": short_hash(new.kind, new.key), "RowKey": new.tenant, "v": 1})

    async def tenants_of(self, kind: str, key: str) -> tuple[str, ...]:
        """Return the tenants for which a message of this kind and id was accepted."""
        found = self.table.range(
            "PartitionKey eq @partition", select=["PartitionKey", "RowKey"], parameters={"partition": short_hash(kind, key)}
        )
        return tuple([str(item.entity["RowKey"]) async for item in found])
