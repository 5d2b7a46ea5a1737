"""Records the deletions that retention asked for in the trails of their policies, as each ends."""

from dataclasses import dataclass

from shared.copies.deletions.request import DeletionState, stored_deletion
from shared.copies.policies.management.trail import AuditedDeletion, PolicyTrail
from shared.copies.policies.runs.items import OUTCOMES
from shared.operations.model.rows import Active
from shared.operations.model.store import Store


@dataclass(frozen=True, slots=True)
class DeletionTrail:
    """Records how deletions ended; those by a caller are recorded as they are done (`CopySubject`)."""

    store: Store
    policies: PolicyTrail

    async def ended(self, row: Active) -> None:
        """Record how a deletion of retention ended, whatever has become of its run; once, however often its end is announced."""
        operation = await self.store.get(row.id)
        if operation is None:
            return
        request = stored_deletion(operation)
        if request.retained is None:
            return
        found = AuditedDeletion(
            virtual_machine_id=request.virtual_machine_id,
            copy_id=request.copy_id or None,
            restore_point_id=request.restore_point_id,
            rule=request.retained.rule,
            outcome=OUTCOMES.get(operation.status),
            code=operation.error.code if operation.error is not None else None,
            newest_other=DeletionState.of(dict(row.data)).newest_other,
        )
        await self.policies.retained(request.retained, row.tenant, row.id, operation.actor, found)
