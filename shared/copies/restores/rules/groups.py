"""The order of a restore: which machines are begun when, how many disks are filled at a time, and how a restore ends."""

from collections import Counter
from collections.abc import Sequence

from shared.copies.restores.request import WaitFor
from shared.copies.restores.state import MachineDetail, Part, ResourceDetail, RestoredState, Verified
from shared.errors import ErrorCode, Problem

FILLED_PER_POINT = 5
"""How many Ultra and Premium SSD v2 disks Azure fills from one disk restore point at a time (docs/azure/restore-points.md)."""
FILLED_PER_SUBSCRIPTION = 50
"""How many of them are filled at a time in a subscription: a careful bound, which Azure does not document for restore points."""


def due_group(machines: Sequence[MachineDetail]) -> int | None:
    """Return the group that is made now: the lowest that is not settled; None where none is left or an earlier one has a failure.

    A machine that could not be made stops the groups after its own; one that is not ready in time stops none.
    """
    open_groups = [machine.group or 1 for machine in machines if not machine.settled]
    if not open_groups:
        return None
    failed = [machine.group or 1 for machine in machines if machine.failed]
    due = min(open_groups)
    return due if not failed or due <= min(failed) else None


def may_fill(source: str, filling: Sequence[str]) -> bool:
    """Return whether another slowly filled disk may be made from a disk restore point; `filling` are the sources of those in the making."""
    return Counter(filling)[source] < FILLED_PER_POINT and len(filling) < FILLED_PER_SUBSCRIPTION


def is_ready(wait_for: WaitFor, power: str | None, agent: str | None) -> bool:
    """Return whether a machine is ready by its power state and by the state of its agent."""
    runs = (power or "").lower() == "running"
    return runs and (wait_for is WaitFor.RUNNING or (agent or "").lower() == "succeeded")


def verified(machines: Sequence[MachineDetail], wait_for: WaitFor, *, boots: bool) -> Verified:
    """Return what the checks have shown of all machines."""
    disks = all(disk.ready for machine in machines for disk in machine.parts(Part.DISK))
    if boots and machines and all(machine.state is RestoredState.READY for machine in machines):
        return Verified.AGENT if wait_for is WaitFor.AGENT else Verified.RUNNING
    return Verified.DISKS if disks and machines else Verified.NONE


def problem_at_end(machines: Sequence[MachineDetail]) -> Problem | None:
    """Return why a restore has failed, with each machine that is not ready in `details`; None where all are."""
    unready = [machine for machine in machines if machine.state is not RestoredState.READY]
    if not unready:
        return None
    details = tuple(_detail(machine) for machine in unready)
    if all(machine.state is RestoredState.NOT_READY for machine in unready):
        message = f"{len(unready)} of {len(machines)} machines were not ready in time. They stand as they are."
        return Problem(ErrorCode.MACHINES_NOT_READY, message, None, details)
    message = f"{len(unready)} of {len(machines)} machines could not be restored whole. The details name each."
    return Problem(ErrorCode.PARTIALLY_RESTORED, message, None, details)


def may_be_deleted(machine: MachineDetail, resource: ResourceDetail, *, drill: bool) -> bool:
    """Return whether a clean-up may delete a resource: of a drill all, of a real restore never a VM, nor what one that is there may use."""
    if drill:
        return True
    there = any(one.state != "intended" for one in machine.parts(Part.MACHINE))
    return machine.failed and resource.part is not Part.MACHINE and not there


def _detail(machine: MachineDetail) -> Problem:
    if machine.error is not None:
        error = machine.error
        return Problem(error.code, error.message, f"machines[{machine.index}]", error.details)
    message = f"'{machine.name}' was not begun." if machine.state is RestoredState.WAITING else f"'{machine.name}' was not ready in time."
    return Problem(ErrorCode.MACHINES_NOT_READY, message, f"machines[{machine.index}]")
