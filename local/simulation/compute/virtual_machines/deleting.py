"""A machine deleted, and with it what has the delete option `Delete`."""

from dataclasses import replace
from datetime import datetime, timedelta

from local.simulation.arm.call import Answer, Call
from local.simulation.arm.tables import Change
from local.simulation.common import conditions
from local.simulation.common.activity import DELETING, Activity
from local.simulation.common.locks import check_locks
from local.simulation.compute import operations
from local.simulation.compute.machines import VirtualMachine
from local.simulation.compute.state import ComputeState
from local.simulation.ids import key
from local.simulation.network.models import NetworkState

_LASTS = timedelta(seconds=30)
_STALLED = timedelta(days=365)


def delete_machine(call: Call) -> Answer:
    """`VirtualMachines_Delete`: 204 where there is none; it overtakes whatever runs on the machine."""
    state = call.world.of(ComputeState)
    found = state.machine(call.path, call.now)
    if found is None:
        return Answer(204)
    conditions.check(call, found.etag)
    check_locks(call, found.id)
    lasts, error, fault = _LASTS, None, call.fault
    if fault is not None and fault.kind == "stallMachine":
        lasts = _STALLED
    elif fault is not None and fault.kind == "failMachine":
        code = fault.text("code", "InternalExecutionError")
        error = {"code": code, "message": fault.text("message", f"The virtual machine could not be deleted: {code}.")}
    ends_at = found.deleted_at or call.now + lasts
    power = found.power(call.now) or "stopped"
    row = replace(
        found,
        power_before=power,
        power_state=power,
        activity=Activity(DELETING, call.now, ends_at, error=error),
        deleted_at=None if error else ends_at,
        revision=found.revision + 1,
    )
    operation, headers = operations.accepted(call, found.location, ends_at - call.now, error=error)
    changes = [] if error else _gone_with_it(call, found, ends_at)
    return Answer(202, None, headers, (*changes, Change(state.machines, key(row.id), row), operation), uses_faults=True)


def _gone_with_it(call: Call, row: VirtualMachine, at: datetime) -> list[Change]:
    state, interfaces = call.world.of(ComputeState), call.world.of(NetworkState).interfaces
    changes: list[Change] = []
    for disk in row.disks:
        found = state.disks.get(key(disk.id))
        if found is not None and (disk.delete_option == "Delete" or found.ephemeral):
            changes.append(Change(state.disks, key(disk.id), replace(found, deleted_at=at)))
    for each in row.interfaces:
        interface = interfaces.get(key(each.id))
        if interface is not None and each.delete_option == "Delete":
            changes.append(Change(interfaces, key(each.id), replace(interface, deleted_at=at)))
    return changes
