"""Which tenants have an operation that a message created under an id: the table `messageKeys` (docs/design/queues.md).

A later message can name it by that id alone, without its tenant. A row is written before the operation, so that none is missing where there
is an operation; one without an operation is found by reading that.
"""

from shared.operations.model.identity import short_hash
from shared.storage.tables import Table

TABLE = "messageKeys"
MOST_TENANTS = 20
"""How many tenants of one id are looked at: with two that have an operation, it is ambiguous."""


class MessageKeys:
    """Reads and writes the keys of messages. Errors of storage are raised as the SDK raises them."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def note(self, kind: str, key: str, tenant: str) -> None:
        """Note that a message with this key is about to become an operation of the kind and the tenant."""
        row = {"PartitionKey": short_hash(kind, key), "RowKey": short_hash(tenant), "v": 1, "kind": kind, "tenant": tenant}
        await self._table.upsert(row)

    async def tenants(self, kind: str, key: str) -> tuple[str, ...]:
        """Return the tenants of which messages with this key may have become operations of the kind: one read."""
        found = self._table.range(
            "PartitionKey eq @partition", select=["tenant"], parameters={"partition": short_hash(kind, key)}, limit=MOST_TENANTS
        )
        return tuple([str(row.entity["tenant"]) async for row in found])
