"""Stores the runs of drill policies in the table `drills`, beside the policies (`shared.failovers.policies`).

PartitionKey is the policy's key, RowKey the inverted slot and a hash of the scope, so that the newest come first and one drill of a slot
is one row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.arm.ids import ResourceId
from shared.failovers.drills.models import KeptPolicy, KeptRun
from shared.failovers.policies import policy_key
from shared.operations.model.identity import inverted, short_hash
from shared.storage.pieces import from_pieces, pieces
from shared.storage.tables import Conflict, Entity, Table
from shared.values.documents import without_null


@dataclass(frozen=True, slots=True)
class DrillStore:
    """Reads and writes runs; errors of storage are raised as the SDK raises them."""

    table: Table

    async def runs(self, policy: KeptPolicy, limit: int) -> list[KeptRun]:
        """Return the newest runs of a policy, newest first."""
        partition = policy_key(policy.vault_id, policy.name)
        rows = self.table.range("PartitionKey eq @partition", parameters={"partition": partition}, limit=limit)
        return [_run(row.entity) async for row in rows]

    async def since(self, policy: KeptPolicy, slot: datetime) -> list[KeptRun]:
        """Return the runs of a policy of a slot and later; the cost depends on the drills of this slot only."""
        rows = self.table.range(
            "PartitionKey eq @partition and RowKey lt @end",
            parameters={"partition": policy_key(policy.vault_id, policy.name), "end": f"{inverted(slot)}~"},
        )
        return [_run(row.entity) async for row in rows]

    async def open(self, policy: KeptPolicy) -> list[KeptRun]:
        """Return the runs of a policy that have not ended, or are not cleaned up."""
        partition = policy_key(policy.vault_id, policy.name)
        rows = self.table.range("PartitionKey eq @partition and settled eq false", parameters={"partition": partition})
        return [_run(row.entity) async for row in rows]

    async def begin(self, policy: KeptPolicy, run: KeptRun) -> None:
        """Insert a run; an existing one remains."""
        try:
            await self.table.insert(_entity(policy, run))
        except Conflict:
            return

    async def change(self, policy: KeptPolicy, run: KeptRun) -> None:
        """Write a run over the stored one."""
        await self.table.upsert(_entity(policy, run))


def _entity(policy: KeptPolicy, run: KeptRun) -> Entity:
    return {
        "PartitionKey": policy_key(policy.vault_id, policy.name),
        "RowKey": f"{inverted(run.slot)}|{short_hash(ResourceId.parse(run.scope).key)}",
        "v": 1,
        "settled": run.settled,
        **pieces("document", without_null(run.as_json(), "absent")),
    }


def _run(entity: Mapping[str, object]) -> KeptRun:
    return KeptRun.model_validate(from_pieces("document", entity))
