"""What Azure allows of restore points and collections. Pure; raises `ArmError`. Rules and codes: docs/azure/restore-points.md.

Where no code is documented, Compute's general codes are used: 400 `InvalidParameter` for what can never be,
409 `OperationNotAllowed` for what cannot be now.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from local.simulation.arm.buckets import last_hour
from local.simulation.arm.errors import ArmError, invalid_parameter, not_allowed, not_found
from local.simulation.compute.disks.disk import Disk
from local.simulation.compute.machines import VirtualMachine
from local.simulation.compute.models import COLLECTION, MACHINE, Collection, RestorePoint, collection_key
from local.simulation.compute.replication import State, state_of
from local.simulation.compute.state import ComputeState
from local.simulation.ids import is_type, key, name, resource_group, subscription

PER_HOUR = 3
POINTS_PER_MACHINE = 500
COLLECTIONS_PER_REGION = 10_000

_APPLICATION_ONLY = {"ultrassd_lrs", "premiumv2_lrs"}


def check_collection_source(state: ComputeState, source_id: str, location: str, now: datetime) -> None:
    """Refuse a new collection whose source is not there, is of another type, or lies where it must not."""
    if is_type(source_id, MACHINE):
        machine = state.machine(source_id, now)
        if machine is None:
            raise not_found(MACHINE, name(source_id), resource_group(source_id))
        if machine.location != location:
            raise invalid_parameter(
                f"The collection must be in the region of its source virtual machine, '{machine.location}', not '{location}'.",
                "location",
            )
        return
    if not is_type(source_id, COLLECTION):
        raise invalid_parameter(
            "The source of a restore point collection must be a virtual machine or a restore point collection.", "properties.source.id"
        )
    source = state.collection(source_id, now)
    if source is None or source.deleted_at is not None:
        raise not_found(COLLECTION, name(source_id), resource_group(source_id))
    if source.is_target:
        raise invalid_parameter(
            "A restore point collection that holds copies cannot be the source of another one: copying a copy is not supported.",
            "properties.source.id",
        )
    if source.location == location:
        raise invalid_parameter(
            f"Source and target restore point collection must be in different regions; both are in '{location}'.", "location"
        )


def check_collection_quota(state: ComputeState, collection_id: str, location: str, now: datetime) -> None:
    """Refuse the collection that would be one too many in its subscription and region."""
    known = state.collections.of_subscription(subscription(collection_id))
    there = sum(1 for each in known if each.location == location and not each.gone(now))
    if there >= COLLECTIONS_PER_REGION:
        raise not_allowed(f"A subscription can have at most {COLLECTIONS_PER_REGION} restore point collections in a region.")


def check_machine(machine: VirtualMachine, disks: Sequence[Disk], mode: str) -> None:
    """Refuse a restore point of a machine that Azure does not support; `disks` are those that are not excluded."""
    if (machine.scale_set or "").lower() == "uniform":
        raise not_allowed("Restore points are not supported for virtual machine scale sets with uniform orchestration.")
    if (machine.security_type or "").lower() == "confidentialvm":
        raise not_allowed("Restore points are not supported for confidential virtual machines.")
    for disk in disks:
        _check_disk(disk, mode)
    if mode == "ApplicationConsistent" and not machine.agent:
        raise ArmError(
            409,
            "VMAgentStatusCommunicationError",
            "The VM agent does not answer, which an application-consistent restore point needs. Is the VM running and the agent installed?",
        )


def _check_disk(disk: Disk, mode: str) -> None:
    where, crash = name(disk.id), mode == "CrashConsistent"
    if disk.max_shares > 1:
        raise ArmError(
            409, "VMRestorePointClientError", f"Disk '{where}' is a shared disk, which restore points do not support. Exclude it."
        )
    if disk.ephemeral:
        raise not_allowed(f"Disk '{where}' is an ephemeral OS disk, which restore points do not support. Exclude it.", "excludeDisks")
    if disk.network_access.lower() == "allowprivate":
        raise not_allowed(f"Disk '{where}' is reached through private links, which restore points do not support.")
    if disk.write_accelerator and crash:
        raise not_allowed(f"Disk '{where}' uses Write Accelerator, which crash-consistent restore points do not support.")
    if disk.sku.lower() in _APPLICATION_ONLY and crash:
        raise not_allowed(f"Disk '{where}' is of type {disk.sku}, which only application-consistent restore points support.")


def check_creation(state: ComputeState, machine: VirtualMachine, mode: str, now: datetime) -> None:
    """Refuse a creation while another one of the machine runs, beyond 500 restore points, and beyond three an hour of its kind."""
    points = list(state.points_of_machine(machine.id, now))
    if any(now < point.ready_at for point in points):
        raise ArmError(
            409, "VMRestorePointClientError", f"Another restore point of the virtual machine '{name(machine.id)}' is being created."
        )
    if len(points) >= POINTS_PER_MACHINE:
        raise ArmError(
            409,
            "VMRestorePointClientError",
            f"The virtual machine '{name(machine.id)}' has reached the limit of {POINTS_PER_MACHINE} restore points.",
        )
    check_allowance(state.allowance(creation_allowance(machine.id, mode)), now, f"{mode} restore points of '{name(machine.id)}'")


def creation_allowance(machine_id: str, mode: str) -> str:
    """Return the key under which creations of a machine are counted: those with crash consistency apart from all others."""
    return f"{'crash' if mode == 'CrashConsistent' else 'app'}|{key(machine_id)}"


def copy_allowance(collection_id: str) -> str:
    """Return the key under which copies into a target collection are counted."""
    return f"copies|{key(collection_id)}"


def check_allowance(times: tuple[datetime, ...], now: datetime, what: str) -> None:
    """Refuse the fourth within an hour with 429 and the seconds until it would be allowed."""
    recent = last_hour(times, now)
    if len(recent) >= PER_HOUR:
        wait = (sorted(recent)[-PER_HOUR] + timedelta(hours=1) - now).total_seconds()
        raise ArmError(
            429,
            "TooManyRequests",
            f"No more than {PER_HOUR} requests an hour are allowed for {what}. Please try again after {int(wait) + 1} seconds.",
            retry_after=wait,
        )


def check_copy(state: ComputeState, target: Collection, source: RestorePoint, now: datetime) -> None:
    """Refuse a copy that Azure does not allow, in the order: can never be, is there already, is out of turn, too many an hour."""
    where = "properties.sourceRestorePoint.id"
    if source.source_point is not None:
        raise invalid_parameter(f"Restore point '{name(source.id)}' is itself a copy: copying a copy is not supported.", where)
    if collection_key(source.id) != key(target.source):
        raise invalid_parameter(
            f"Restore point '{name(source.id)}' is not in the source collection '{name(target.source)}' of the target collection "
            f"'{name(target.id)}': copies of several source collections cannot share one target collection.",
            where,
        )
    if source.deleted_at is not None or now < source.ready_at or source.error is not None:
        raise not_allowed(f"The source restore point '{name(source.id)}' is not in the provisioning state Succeeded.", where)
    for disk in source.disks:
        if disk.network_access.lower() == "allowprivate":
            raise not_allowed(f"Disk restore point '{disk.name}' is reached through private links, which copies do not support.", where)
    _check_turn(state, target, source, now)
    check_allowance(state.allowance(copy_allowance(target.id)), now, f"copies to the restore point collection '{name(target.id)}'")


def _check_turn(state: ComputeState, target: Collection, source: RestorePoint, now: datetime) -> None:
    """Refuse a copy that is there already, is older than the newest one, or comes while another is in progress."""
    where = "properties.sourceRestorePoint.id"
    for other in state.copies_of(source.id, now):
        home = state.collection(collection_key(other.id), now)
        if home is not None and home.location == target.location:
            raise not_allowed(
                f"Restore point '{name(source.id)}' has been copied to '{target.location}' already, as '{other.id}'. "
                "A restore point can be copied to a region once.",
                where,
            )
    if target.newest_source is not None and source.time_created < target.newest_source:
        raise not_allowed(
            f"Restore point '{name(source.id)}' is older than one that has been copied to the collection '{name(target.id)}': "
            "restore points must be copied in the order of their creation.",
            where,
        )
    for other in state.points_in(target.id, now):
        if state_of(other, now) is State.IN_PROGRESS:
            raise not_allowed(
                f"The copy of restore point '{name(other.id)}' to the collection '{name(target.id)}' is still in progress: one at a time.",
                where,
            )


def check_no_access(point: RestorePoint, now: datetime) -> None:
    """Refuse the deletion of a restore point while one of its disks can be accessed."""
    for disk in point.disks:
        if disk.sas_until is not None and disk.sas_until > now:
            raise ArmError(
                409,
                "DiskRestorePointUsedByCustomer",
                f"Disk restore point '{disk.name}' of '{name(point.id)}' has an active shared access signature. Revoke it first.",
            )


def check_no_other_copy(state: ComputeState, point: RestorePoint, now: datetime) -> None:
    """Refuse the deletion of a copy while another copy to its collection is in progress; one that is in progress itself can be deleted."""
    if point.source_point is None:
        return
    for other in state.points_in(collection_key(point.id), now):
        if other.id != point.id and other.deleted_at is None and state_of(other, now) is State.IN_PROGRESS:
            raise not_allowed(
                f"The restore point '{name(point.id)}' cannot be deleted while the copy of '{name(other.id)}' to its collection "
                "is in progress."
            )


def needs_full_copy(state: ComputeState, target: Collection, source: Collection, now: datetime) -> bool:
    """Return whether the next copy is a full one: there is no earlier copy, or the source's base has been deleted."""
    arrived = [point for point in state.points_in(target.id, now) if state_of(point, now) is State.SUCCEEDED]
    return not arrived or source.base_lost
