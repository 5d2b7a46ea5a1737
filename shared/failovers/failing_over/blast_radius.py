"""The blast radius: how many machines were moved recently, counted over all instances in rows of the table `moves`."""

from dataclasses import dataclass
from datetime import timedelta

from shared.clock import Clock, to_text
from shared.operations.model.identity import short_hash
from shared.storage.tables import Table

WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """Counts moves of a tenant's machines. A move is recorded before it is started, so that two at once see each other."""

    table: Table
    clock: Clock

    async def recent(self, tenant: str, without: str) -> int:
        """Return how many machines were moved within the last hour, leaving out an operation's own."""
        since = to_text(self.clock.now() - WINDOW)
        rows = self.table.range("PartitionKey eq @tenant and at gt @since", parameters={"tenant": _key(tenant), "since": since})
        return sum([int(row.entity["machines"]) async for row in rows if row.entity["RowKey"] != without])

    async def record(self, tenant: str, operation: str, machines: int) -> None:
        """Count an operation's machines as moved now; repeated, it counts once."""
        await self.table.upsert(
            {"PartitionKey": _key(tenant), "RowKey": operation, "v": 1, "machines": machines, "at": to_text(self.clock.now())}
        )

    async def forget(self, tenant: str, operation: str) -> None:
        """Remove a move that was not made."""
        await self.table.delete(_key(tenant), operation)


def _key(tenant: str) -> str:
    return short_hash(tenant)
