"""Decides a deletion of retention anew, by the policy of this moment and by what Azure shows."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.arm.ids import ResourceId
from shared.clock import Clock
from shared.copies.deletions.request import Retained, StoredDeletion
from shared.copies.gateway import RestorePointGateway
from shared.copies.inventory.facts import machine_of
from shared.copies.policies.document import PolicyDocument
from shared.copies.policies.in_charge import in_charge
from shared.copies.policies.records.store import PolicyStore
from shared.copies.retention.copies import Place, decide_copies
from shared.copies.retention.places import LedgerCopy
from shared.errors import ErrorCode, Problem


@dataclass(frozen=True, slots=True)
class DueCopy:
    """A copy that retention would delete: itself and the other usable copies of its place as Azure shows them, and its region."""

    tenant: str
    region: str
    own: LedgerCopy
    others: Sequence[LedgerCopy]


@dataclass(frozen=True, slots=True)
class DueByRetention:
    """Decides whether a copy is still to be deleted."""

    policies: PolicyStore
    gateway: RestorePointGateway
    clock: Clock

    async def no_longer_due(self, request: StoredDeletion, retained: Retained, due: DueCopy) -> Problem | None:
        """Return why a copy is kept after all, None where it is still to be deleted; raises `CallFailure` where the VM cannot be read."""
        document = await self._document(request, retained, due)
        if document is None:
            return _kept(due, f"The policy '{retained.policy}' is not in charge of its place any more.")
        place = Place(
            copies=tuple(copy.facts for copy in (due.own, *due.others)),
            whole=True,
            vm_id=due.own.vm_id,
            retention=document.retention,
            zone=document.schedule.zone,
            deletions=retained.deletions_per_place,
            now=self.clock.now(),
        )
        decision = decide_copies(place)[due.own.point.key]
        return None if decision.deletes else _kept(due, f"It is kept by {', '.join(decision.names)}.")

    async def _document(self, request: StoredDeletion, retained: Retained, due: DueCopy) -> PolicyDocument | None:
        """Return the policy's document as it is now; None where the policy is gone, disabled, paused or not in charge of the place."""
        stored = {one.record.name.lower(): one.record for one in await self.policies.of_tenant(due.tenant)}
        record = stored.get(retained.policy.lower())
        if record is None or record.id != retained.policy_id or record.is_paused(self.clock.now()):
            return None
        body = await self.gateway.machine(ResourceId.parse(request.virtual_machine_id)) if request.virtual_machine_id else None
        found = machine_of(body, {}) if body is not None else None
        if found is None or found.vm_id != due.own.vm_id:
            return None
        charged = in_charge((one.named for one in stored.values()), found.machine, due.region)
        return record.document if charged is not None and charged.name == record.name else None


def _kept(due: DueCopy, why: str) -> Problem:
    return Problem(ErrorCode.NO_LONGER_DUE, f"The copy is not deleted. {why}", due.own.operation)
