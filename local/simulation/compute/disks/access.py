"""Access to a disk by a shared access signature."""

from dataclasses import replace
from datetime import timedelta

from local.simulation.arm.call import Answer, Call
from local.simulation.arm.errors import ArmError, invalid_parameter, not_allowed
from local.simulation.arm.tables import Change
from local.simulation.common import inputs
from local.simulation.common.locks import check_write_locks
from local.simulation.compute import operations
from local.simulation.compute.disks.bodies import disk_state
from local.simulation.compute.disks.disk import Disk
from local.simulation.compute.disks.making import check_idle, existing
from local.simulation.compute.state import ComputeState
from local.simulation.ids import key, name, parent

_LASTS = timedelta(seconds=2)
#: 60 days, which Azure allows at most.
LONGEST = 60 * 24 * 3600


def begin_access(call: Call) -> Answer:
    """`Disks_GrantAccess`: for a disk that no running machine has; a second request gets the same signature until it ends."""
    check_write_locks(call, parent(f"{call.path}/-"), operation="beginGetAccess")
    row, state = existing(call, call.path.rsplit("/", 1)[0]), call.world.of(ComputeState)
    check_idle(row, call)
    if call.body.get("access") not in ("Read", "Write"):
        raise invalid_parameter("The parameter 'access' must be 'Read' or 'Write'.", "access")
    seconds = inputs.whole(call.body.get("durationInSeconds"), "durationInSeconds", 1, LONGEST)
    if row.network_access != "AllowAll":
        raise not_allowed(f"The network access policy of the disk '{name(row.id)}' is {row.network_access}: it cannot be exported.")
    shown = disk_state(row, state.attached_to(row.id, call.now), call.now)
    if shown not in ("Unattached", "Reserved", "ActiveSAS"):
        raise not_allowed(f"Access cannot be granted to the disk '{name(row.id)}' in the state {shown}.")
    until = row.sas_until if row.accessed(call.now) and row.sas_until else call.now + timedelta(seconds=seconds)
    granted = replace(row, sas_until=until)
    return _changed(call, granted, {"accessSAS": granted.signature()})


def end_access(call: Call) -> Answer:
    """`Disks_RevokeAccess`."""
    check_write_locks(call, parent(f"{call.path}/-"), operation="endGetAccess")
    row = existing(call, call.path.rsplit("/", 1)[0])
    if row.deleted_at is not None:
        raise ArmError(409, "Conflict", f"The disk '{name(row.id)}' is being deleted.")
    return _changed(call, replace(row, sas_until=None), None)


def _changed(call: Call, row: Disk, output: dict[str, str] | None) -> Answer:
    state = call.world.of(ComputeState)
    operation, headers = operations.accepted(call, row.location, _LASTS, output=output)
    return Answer(202, None, headers, (Change(state.disks, key(row.id), row), operation))
