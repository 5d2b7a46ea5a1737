"""Accepts changes of a machine's data disks."""

from dataclasses import dataclass, replace

from shared.access.principal import not_found
from shared.arm.ids import ResourceId
from shared.errors import ErrorCode, refusal_of
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.model.models import JsonObject, Operation
from shared.quotas.admission import Claimed
from shared.quotas.counting import Dimension
from shared.virtual_machines.accepting.changes import ChangeRequest, MachineChanges
from shared.virtual_machines.accepting.creations import disk_lock
from shared.virtual_machines.admission import Admission
from shared.virtual_machines.creation.added_disks import AddedDisks
from shared.virtual_machines.creation.context import DiskFacts
from shared.virtual_machines.creation.reading import require_own_disk
from shared.virtual_machines.facts import AttachedDisk, MachineFacts
from shared.virtual_machines.reading.asking import reading_azure, unless_silent
from shared.virtual_machines.reading.machines import lock_of
from shared.virtual_machines.requests.changes import ModifyDataDisk, RemoveDataDisk
from shared.virtual_machines.requests.machine import DataDisk, DiskSource
from shared.virtual_machines.resource_manager.resources import ResourceManagerResources
from shared.virtual_machines.steps.disks import NOT_CONFIRMED, cache_problem, disk_id_of, growth_problem
from shared.web.documents import wrong

_COUNT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class DiskChanges:
    """Accepts data disks that are added, changed and removed."""

    acceptance: Acceptance
    changes: MachineChanges
    resources: ResourceManagerResources
    admission: Admission
    added: AddedDisks

    async def add(self, request: ChangeRequest, disk: DataDisk) -> Operation:
        """Accept a data disk; refuses with `TooManyDisks`, `LunTaken`, `DiskInUse`, `NotFound`, `ManagedElsewhere`, or 400."""
        require_own_disk(request.tenant, disk)
        known = await self.acceptance.known(request.as_operation())
        if known is not None:
            return known
        machine, facts = await self.changes.own(request)
        if facts is not None:
            with unless_silent():
                async with reading_azure():
                    await self.added.require(request.tenant, facts, disk)
        locks = [lock_of(machine)]
        named = disk.existing or (disk.source.id if isinstance(disk.source, DiskSource) else None)
        if named is not None:
            locks.append(disk_lock(disk_id_of(named, machine)))
        if disk.existing is None and disk.size_gb is not None:
            await self._require_room(request, "new", disk.size_gb)
        return await self._accept(request, machine, {}, locks)

    async def modify(self, request: ChangeRequest, lun: int, change: ModifyDataDisk) -> Operation:
        """Accept a change of a data disk; refuses with `NotFound`, `NeedsInterruption`, `NeedsDetach`, 400 for a smaller size."""
        known = await self.acceptance.known(request.as_operation())
        if known is not None:
            return known
        machine, facts = await self.changes.own(request)
        if facts is None:
            return await self._accept(request, machine, {"lun": lun}, [lock_of(machine)])
        disk = _on(facts, lun)
        with unless_silent():
            await self._require_change(request, facts, disk, change)
        return await self._accept(request, machine, {"lun": lun, "disk": disk.id}, [lock_of(machine)])

    async def _require_change(self, request: ChangeRequest, facts: MachineFacts, disk: AttachedDisk, change: ModifyDataDisk) -> None:
        standing = await self._disk(disk.id or "")
        now_gb = standing.size_gb if standing is not None else disk.size_gb or 0
        if change.size_gb is not None:
            problem = growth_problem(now_gb, change.size_gb)
            if problem is not None:
                raise wrong("sizeGB", problem.message) if problem.code == ErrorCode.INVALID_REQUEST else refusal_of(problem)
            await self._require_room(request, disk.id or "", change.size_gb)
        reason = cache_problem(facts, disk, change, now_gb)
        if reason is not None:
            raise wrong("caching", reason.message) if reason.code == ErrorCode.INVALID_REQUEST else refusal_of(reason)

    async def remove(self, request: ChangeRequest, lun: int, removal: RemoveDataDisk, *, confirmed: bool = False) -> Operation:
        """Accept the removal of a data disk; refuses with `NotFound`, and with 400 a confirmation that is not the disk's name.

        Messages are `confirmed`: they name the disk.
        """
        known = await self.acceptance.known(request.as_operation())
        if known is not None:
            return known
        machine, facts = await self.changes.own(request)
        if facts is None:
            return await self._accept(request, machine, {"lun": lun}, [lock_of(machine)])
        disk = _on(facts, lun)
        if removal.delete_disk and not confirmed and (removal.confirm or "").lower() != disk.name.lower():
            raise wrong("confirm", NOT_CONFIRMED)
        return await self._accept(request, machine, {"lun": lun, "disk": disk.id}, [lock_of(machine)])

    async def _require_room(self, request: ChangeRequest, disk: str, size_gb: int) -> None:
        await self.admission.require_room(request.tenant, [Claimed(disk, {Dimension.DISK_GB: float(size_gb)})], _COUNT_SECONDS)

    async def _disk(self, disk: str) -> DiskFacts | None:
        async with reading_azure():
            body = await self.resources.get_by_text(disk)
        return DiskFacts.from_arm(body) if body is not None else None

    async def _accept(self, request: ChangeRequest, machine: ResourceId, data: JsonObject, locks: list[str]) -> Operation:
        new = replace(request.as_operation(), data={"machine": str(machine), **data}, locks=tuple(locks))
        return (await self.acceptance.accept(new)).operation


def _on(facts: MachineFacts, lun: int) -> AttachedDisk:
    """Return the disk on a LUN; refuses with `NotFound`."""
    found = next((disk for disk in facts.data_disks if disk.lun == lun), None)
    if found is None:
        raise not_found(f"data disk '{lun}'", in_azure=True)
    return found
