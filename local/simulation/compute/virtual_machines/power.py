"""Power: start, power off, deallocate, restart; and generalize, after which a machine never starts again."""

import random
from dataclasses import replace
from datetime import timedelta

from local.simulation.arm.call import Answer, Call
from local.simulation.arm.errors import not_allowed
from local.simulation.arm.tables import Change
from local.simulation.common.activity import DEALLOCATE, POWER_OFF, RESTART, START, Activity
from local.simulation.common.locks import check_write_locks
from local.simulation.compute import operations
from local.simulation.compute.disks.making import check_closed
from local.simulation.compute.machines import VirtualMachine
from local.simulation.compute.state import ComputeState
from local.simulation.compute.virtual_machines.changing import check_idle, existing
from local.simulation.ids import key, name, parent

_STALLED = timedelta(days=365)
_RESULTS = {START: "running", POWER_OFF: "stopped", DEALLOCATE: "deallocated", RESTART: "running"}
_SECONDS = {START: (30, 45), POWER_OFF: (20, 20), DEALLOCATE: (30, 45), RESTART: (30, 45)}
#: How long an action takes that finds the machine as it is to be.
_NOTHING_TO_DO = timedelta(seconds=2)


def start(call: Call) -> Answer:
    """`VirtualMachines_Start`."""
    row = _machine(call, START)
    _check_not_generalized(row, START)
    for _, disk in call.world.of(ComputeState).attached(row):
        check_closed(disk, call)
    return _begun(call, row, START)


def power_off(call: Call) -> Answer:
    """`VirtualMachines_PowerOff`; a deallocated machine stays so."""
    row = _machine(call, POWER_OFF)
    return _begun(call, row, POWER_OFF, nothing=row.power(call.now) == "deallocated")


def deallocate(call: Call) -> Answer:
    """`VirtualMachines_Deallocate`."""
    return _begun(call, _machine(call, DEALLOCATE), DEALLOCATE)


def restart(call: Call) -> Answer:
    """`VirtualMachines_Restart`: refused for a machine that does not run."""
    row = _machine(call, RESTART)
    _check_not_generalized(row, RESTART)
    if row.power(call.now) != "running":
        raise not_allowed(f"Cannot perform the operation 'restart' on VM '{name(row.id)}' because it is not running. Start it first.")
    return _begun(call, row, RESTART)


def generalize(call: Call) -> Answer:
    """`VirtualMachines_Generalize`: 200 at once; refused while it runs."""
    row = _machine(call, "generalize")
    if row.power(call.now) not in ("stopped", "deallocated"):
        raise not_allowed(f"The operation 'generalize' is not allowed on VM '{name(row.id)}' since it is running. Power it off first.")
    changed = row if row.generalized else replace(row, generalized=True, revision=row.revision + 1)
    return Answer(200, None, {}, (Change(call.world.of(ComputeState).machines, key(row.id), changed),))


def _machine(call: Call, action: str) -> VirtualMachine:
    machine_id = parent(f"{call.path}/-")
    check_write_locks(call, machine_id, operation=action)
    row = existing(call, machine_id)
    check_idle(row, call, action)
    return row


def _check_not_generalized(row: VirtualMachine, action: str) -> None:
    if row.generalized:
        raise not_allowed(f"Operation '{action}' is not allowed on VM '{name(row.id)}' since the VM is generalized.")


def _begun(call: Call, row: VirtualMachine, kind: str, *, nothing: bool = False) -> Answer:
    before, after = row.power(call.now) or "stopped", _RESULTS[kind]
    if nothing or (before == after and kind != RESTART):
        operation, headers = operations.accepted(call, row.location, _NOTHING_TO_DO)
        return Answer(202, None, headers, (operation,))
    chance = random.Random(f"{call.world.seed}:{row.id}:{call.now}")  # noqa: S311  # can be repeated, not a secret
    lasts, error = timedelta(seconds=chance.uniform(*_SECONDS[kind])), None
    fault = call.fault
    if fault is not None and fault.kind == "stallMachine":
        lasts = _STALLED
    elif fault is not None and fault.kind == "failMachine":
        code = fault.text("code", "AllocationFailed" if kind == START else "InternalExecutionError")
        error = {"code": code, "message": fault.text("message", f"The operation '{kind}' failed: {code}.")}
    changed = replace(
        row,
        power_before=before,
        power_state=after,
        hibernated=False,
        activity=Activity(kind, call.now, call.now + lasts, error=error),
        revision=row.revision + 1,
    )
    operation, headers = operations.accepted(call, row.location, lasts, error=error)
    changes = (Change(call.world.of(ComputeState).machines, key(row.id), changed), operation)
    return Answer(202, None, headers, changes, uses_faults=True)
