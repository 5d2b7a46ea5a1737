"""Finds what Azure would refuse, before it is called (docs/azure/restore-points.md).

Each function returns every reason at once, so that a caller mends a request in one go. An unknown value is no reason: Azure then
decides.
"""

from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum

from shared.arm.reading import id_key
from shared.copies.copying.models import ConsistencyMode
from shared.copies.facts import DiskFacts, RestorePointFacts, VirtualMachineFacts
from shared.errors import ErrorCode, Problem

MAX_RESTORE_POINTS_PER_VM = 500
"""docs/azure/restore-points.md: "500 restore points per VM over all its collections"."""

_ONLY_APPLICATION_CONSISTENT = {"ultrassd_lrs": "an Ultra disk", "premiumv2_lrs": "a Premium SSD v2 disk"}


class Reason(StrEnum):
    """Why a VM or a restore point cannot be copied."""

    PRIVATE_LINK = "PrivateLinkNotSupported"
    CONFIDENTIAL_VM = "ConfidentialVirtualMachineNotSupported"
    UNIFORM_SCALE_SET = "UniformScaleSetNotSupported"
    UNMANAGED_DISK = "UnmanagedDiskNotSupported"
    SHARED_DISK = "SharedDiskNotSupported"
    EPHEMERAL_OS_DISK = "EphemeralOsDiskNotSupported"
    WRITE_ACCELERATOR = "WriteAcceleratorNotSupported"
    ONLY_APPLICATION_CONSISTENT = "CrashConsistencyNotSupported"
    NO_DISKS = "NoDisksLeft"
    NOT_A_DISK_OF_THE_VM = "NotADiskOfTheVirtualMachine"
    TOO_MANY_RESTORE_POINTS = "TooManyRestorePoints"
    COPY_OF_A_COPY = "CopyOfACopy"
    RESTORE_POINT_FAILED = "RestorePointFailed"
    RESTORE_POINT_DELETED = "RestorePointBeingDeleted"


def region_problem(source: str, target: str, known: Collection[str] | None = None) -> Problem | None:
    """Return what is wrong with a target region, or None.

    Regions are ARM's names; `known` are the locations of the target's subscription, None when they could not be read. The
    codes are `SameRegion` (a copy within the source's region is refused: docs/azure/restore-points.md) and `UnknownRegion`.
    """
    if known is not None and target not in known:
        return Problem(ErrorCode.UNKNOWN_REGION, f"'{target}' is not a region of the target's subscription", "target.region")
    if source == target:
        return Problem(
            ErrorCode.SAME_REGION, f"the source is in {source} too; Azure copies restore points to another region only", "target.region"
        )
    return None


def reasons(
    vm: VirtualMachineFacts,
    *,
    consistency: ConsistencyMode | None = None,
    exclude: Iterable[str] = (),
    restore_points: int | None = None,
) -> tuple[Problem, ...]:
    """Return every reason why a restore point of the VM cannot be made and copied; none means that nothing is known against it.

    `consistency` None is Azure's default, application-consistent. `exclude` are ids of disks to leave out. `restore_points`
    is how many the VM has over all its collections, None when that was not read. Rules: docs/azure/restore-points.md, "Not
    supported"; unmanaged disks: "Support matrix for VM restore points".
    """
    excluded = {id_key(disk) or disk.lower() for disk in exclude}
    kept = [disk for disk in vm.disks if not disk.key or disk.key not in excluded]
    crash = consistency is ConsistencyMode.CRASH_CONSISTENT
    return (
        *_of_the_machine(vm),
        *(reason for disk in kept for reason in _of_a_disk(disk, crash=crash)),
        *_of_the_exclusion(vm, excluded, kept),
        *_of_the_limit(restore_points),
    )


def reasons_against_point(point: RestorePointFacts, vm: VirtualMachineFacts | None = None) -> tuple[Problem, ...]:
    """Return every reason why an existing restore point cannot be copied.

    `vm` is the VM as it is now, where it still exists: it shows what the restore point does not (private link). A restore
    point that is still `Creating` is no reason: it is worth waiting for.
    """
    return (*_of_the_point(point), *(_of_captured_disks(point, vm) if vm is not None else ()))


def consistency_to_send(mode: ConsistencyMode | None) -> str | None:
    """Return the `consistencyMode` of the restore point's PUT, None to leave it out.

    Azure accepts only `CrashConsistent`, and makes application-consistent ones (of Linux: file-system-consistent) when it is
    left out (REST specification, 2024-07-01, `consistencyMode`).
    """
    return mode.value if mode is ConsistencyMode.CRASH_CONSISTENT else None


def _of_the_machine(vm: VirtualMachineFacts) -> Iterator[Problem]:
    if vm.confidential:
        yield _problem(Reason.CONFIDENTIAL_VM, "the VM is a confidential VM, of which Azure copies no restore points", vm.id)
    if vm.uniform_scale_set_member:
        yield _problem(
            Reason.UNIFORM_SCALE_SET, "the VM belongs to a scale set with uniform orchestration, which has no restore points", vm.id
        )


def _of_a_disk(disk: DiskFacts, *, crash: bool) -> Iterator[Problem]:
    target = disk.id or disk.name
    if disk.private_link:
        yield _problem(
            Reason.PRIVATE_LINK,
            f"the disk '{disk.name}' is reached through a private link, which Azure does not copy: "
            "exclude it, or change its network access",
            target,
        )
    if disk.unmanaged:
        yield _problem(Reason.UNMANAGED_DISK, f"the disk '{disk.name}' is not a managed disk", target)
    if disk.shared:
        yield _problem(Reason.SHARED_DISK, f"the disk '{disk.name}' is a shared disk: exclude it", target)
    if disk.ephemeral:
        way = "exclude it" if disk.id is not None else "it has no id by which it could be excluded"
        yield _problem(
            Reason.EPHEMERAL_OS_DISK, f"the OS disk '{disk.name}' is ephemeral, and restore points cannot hold it: {way}", target
        )
    if crash and disk.write_accelerator:
        yield _problem(
            Reason.WRITE_ACCELERATOR,
            f"the disk '{disk.name}' uses Write Accelerator, which crash consistency does not support: "
            "exclude it, or ask for ApplicationConsistent",
            target,
        )
    kind = _ONLY_APPLICATION_CONSISTENT.get((disk.sku or "").lower())
    if crash and kind is not None:
        yield _problem(
            Reason.ONLY_APPLICATION_CONSISTENT,
            f"the disk '{disk.name}' is {kind}, which crash consistency does not support: exclude it, or ask for ApplicationConsistent",
            target,
        )


def _of_the_exclusion(vm: VirtualMachineFacts, excluded: set[str], kept: list[DiskFacts]) -> Iterator[Problem]:
    for stranger in sorted(excluded - {disk.key for disk in vm.disks}):
        yield _problem(
            Reason.NOT_A_DISK_OF_THE_VM, f"the excluded disk '{stranger.rpartition('/')[2]}' is no disk of the VM", "source.excludeDisks"
        )
    if vm.disks and not kept:
        yield _problem(Reason.NO_DISKS, "every disk of the VM is excluded: nothing is left to copy", "source.excludeDisks")


def _of_the_limit(restore_points: int | None) -> Iterator[Problem]:
    if restore_points is not None and restore_points >= MAX_RESTORE_POINTS_PER_VM:
        yield _problem(
            Reason.TOO_MANY_RESTORE_POINTS,
            f"the VM has {restore_points} restore points, and Azure keeps at most {MAX_RESTORE_POINTS_PER_VM}: delete old ones",
            "source.virtualMachineId",
        )


def _of_the_point(point: RestorePointFacts) -> Iterator[Problem]:
    if point.is_copy:
        of = f" (of {point.source_restore_point_id})" if point.source_restore_point_id else ""
        yield _problem(Reason.COPY_OF_A_COPY, f"the restore point is itself a copy{of}; Azure copies originals only", point.id)
    if point.state == "Failed":
        yield _problem(Reason.RESTORE_POINT_FAILED, "the making of the restore point has failed: there is nothing to copy", point.id)
    if point.state == "Deleting":
        yield _problem(Reason.RESTORE_POINT_DELETED, "the restore point is being deleted", point.id)
    if point.confidential:
        yield _problem(Reason.CONFIDENTIAL_VM, "the restore point is of a confidential VM, of which Azure copies none", point.id)


def _of_captured_disks(point: RestorePointFacts, vm: VirtualMachineFacts) -> Iterator[Problem]:
    captured = {id_key(disk) for disk in point.captured_disks}
    if vm.uniform_scale_set_member:
        yield from _of_the_machine(vm)
    for disk in vm.disks:
        if disk.private_link and disk.key in captured:
            yield _problem(
                Reason.PRIVATE_LINK,
                f"the disk '{disk.name}' is reached through a private link, which Azure does not copy: change its network access",
                disk.id or disk.name,
            )


def _problem(reason: Reason, message: str, target: str) -> Problem:
    return Problem(reason, message, target)
