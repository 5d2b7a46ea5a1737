"""Decides a deletion of retention anew, by the policy of this moment and by what Azure shows."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.arm.ids import ResourceId
from shared.clock import Clock
from shared.copies.deletions.request import Retained
from shared.copies.gateway import Collection, RestorePointGateway
from shared.copies.inventory.facts import InventoryMachine, machine_of
from shared.copies.policies.document import PolicyDocument
from shared.copies.policies.in_charge import in_charge, in_charge_of_source
from shared.copies.policies.records.store import PolicyStore
from shared.copies.provisioning import ProvisioningState
from shared.copies.retention.copies import Place, decide_copies
from shared.copies.retention.facts import CopyFacts, Decision, PointFacts, PointState
from shared.copies.retention.pictures import Picture
from shared.copies.retention.source_points import SourcePlace, decide_points
from shared.errors import ErrorCode, Problem


@dataclass(frozen=True, slots=True)
class DueCopy:
    """A copy that retention would delete: its operation, its region, itself and the other copies of its place as Azure shows them."""

    tenant: str
    virtual_machine_id: str | None
    region: str
    operation: str
    own: CopyFacts
    others: Sequence[CopyFacts]


@dataclass(frozen=True, slots=True)
class DuePoint:
    """A restore point of a VM that retention would delete, and its collection as Azure shows it.

    `picture` is what the ledger has of the VM; `copied` are the restore points, in lower case, of which Azure shows a copy that is the
    newest usable one of a region, or that runs.
    """

    tenant: str
    vm: ResourceId
    point: ResourceId
    collection: Collection
    picture: Picture
    copied: frozenset[str]


@dataclass(frozen=True, slots=True)
class DueByRetention:
    """Decides whether a restore point is still to be deleted; raises `CallFailure` where the VM cannot be read."""

    policies: PolicyStore
    gateway: RestorePointGateway
    clock: Clock

    async def copy_no_longer_due(self, retained: Retained, due: DueCopy) -> Problem | None:
        """Return why a copy is kept after all, None where it is still to be deleted."""
        vm = ResourceId.parse(due.virtual_machine_id) if due.virtual_machine_id else None
        found = await self._in_charge(due.tenant, retained, vm, due.region)
        if found is None or found[1].vm_id != due.own.vm_id:
            return _kept(f"The policy '{retained.policy}' is not in charge of its place any more.", due.operation)
        document, _ = found
        place = Place(
            copies=(due.own, *due.others),
            whole=True,
            vm_id=due.own.vm_id,
            retention=document.retention,
            zone=document.schedule.zone,
            deletions=retained.deletions_per_place,
            now=self.clock.now(),
        )
        return _unless_deleted(decide_copies(place)[due.own.id], due.operation)

    async def point_no_longer_due(self, retained: Retained, due: DuePoint) -> Problem | None:
        """Return why a restore point of a VM is kept after all, None where it is still to be deleted."""
        found = await self._in_charge(due.tenant, retained, due.vm, None)
        if found is None:
            return _kept(f"The policy '{retained.policy}' is not in charge of the VM's restore points any more.", str(due.point))
        document, machine = found
        place = SourcePlace(
            points=points_of(due, due.tenant),
            whole=all(one.taken_at is not None for one in due.collection.points),
            vm_id=machine.vm_id,
            disks=frozenset(disk.key for disk in machine.facts.disks if disk.key),
            newest_copied=due.copied,
            keep_last=document.retention.source.keep_last,
            deletions=retained.deletions_per_place,
            now=self.clock.now(),
        )
        decision = decide_points(place).get(due.point.key)
        if decision is None:
            return _kept("The collection does not list it.", str(due.point))
        return _unless_deleted(decision, str(due.point))

    async def machine(self, vm: ResourceId) -> InventoryMachine | None:
        """Return a VM as Azure shows it, None where it is gone."""
        body = await self.gateway.machine(vm)
        return machine_of(body, {}) if body is not None else None

    async def _in_charge(
        self, tenant: str, retained: Retained, vm: ResourceId | None, region: str | None
    ) -> tuple[PolicyDocument, InventoryMachine] | None:
        """Return the policy's document as it is now, and the VM; None where the policy is gone, disabled, paused or not in charge.

        A region of None are the restore points of the VM itself.
        """
        stored = {one.record.name.lower(): one.record for one in await self.policies.of_tenant(tenant)}
        record = stored.get(retained.policy.lower())
        if record is None or record.id != retained.policy_id or record.is_paused(self.clock.now()):
            return None
        found = await self.machine(vm) if vm is not None else None
        if found is None:
            return None
        named = [one.named for one in stored.values()]
        first = in_charge_of_source(named, found.machine) if region is None else in_charge(named, found.machine, region)
        return (record.document, found) if first is not None and first.name == record.name else None


def points_of(due: DuePoint, tenant: str) -> tuple[PointFacts, ...]:
    """Return what the rules read of a VM's collection as Azure shows it; what the ledger does not know is not the policies'."""
    made = {one.point.key: one for one in due.picture.points}
    found = []
    for point in due.collection.points:
        if point.taken_at is None or point.state is ProvisioningState.DELETING:
            continue
        id = ResourceId.parse(point.id).key
        known = made.get(id)
        found.append(
            PointFacts(
                id=id,
                taken_at=point.taken_at,
                vm_id=point.vm_id or (known.vm_id if known is not None else ""),
                disks=frozenset(disk.lower() for disk in point.captured_disks),
                state=_STATES.get(point.state, PointState.BEING_MADE),
                by_policy=known is not None and bool(known.policy_id) and known.tenant == tenant,
                needed=id in due.picture.needed,
                refused_at=known.refused_at if known is not None else None,
            )
        )
    return tuple(found)


_STATES = {None: PointState.MADE, ProvisioningState.SUCCEEDED: PointState.MADE, ProvisioningState.FAILED: PointState.FAILED}


def _unless_deleted(decision: Decision, target: str) -> Problem | None:
    return None if decision.deletes else _kept(f"It is kept by {', '.join(decision.names)}.", target)


def _kept(why: str, target: str) -> Problem:
    return Problem(ErrorCode.NO_LONGER_DUE, f"The restore point is not deleted. {why}", target)
