"""Creation, copy, reading and deletion of restore points."""

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from local.simulation.arm.access import linked_authorization_failed
from local.simulation.arm.buckets import last_hour
from local.simulation.arm.call import Answer, Call
from local.simulation.arm.errors import ArmError, invalid_parameter, not_allowed, not_found
from local.simulation.arm.tables import Change, JsonValue
from local.simulation.common.locks import check_locks
from local.simulation.compute import bodies, operations, rules
from local.simulation.compute.loading import captured, copied
from local.simulation.compute.machines import VirtualMachine
from local.simulation.compute.models import MACHINE, POINT, Allowance, Collection, RestorePoint, collection_key
from local.simulation.compute.replication import is_coarse, scheduled
from local.simulation.compute.responses import DELETION, copies_without_source, existing_point, live_collection
from local.simulation.compute.state import ComputeState
from local.simulation.ids import is_type, key, name, parent, resource_group, subscription

_MODES = ("CrashConsistent", "FileSystemConsistent", "ApplicationConsistent")
_WRITE = "Microsoft.Compute/restorePointCollections/restorePoints/write"
_READ = "Microsoft.Compute/restorePointCollections/restorePoints/read"
#: Seconds after which the answer to a PUT asks for the next look.
_RETRY_AFTER = "15"

#: When the making of a restore point fails at the earliest, unless the fault gives `after`.
_FAILS_AFTER = timedelta(seconds=20)
_COPIED = "properties.sourceRestorePoint.id"


def get_point(call: Call) -> Answer:
    """`RestorePoints_Get`, with `$expand=instanceView`."""
    view = call.choice("$expand", "instanceView") is not None
    return Answer(200, bodies.point(existing_point(call, call.path), call.now, instance_view=view))


def put_point(call: Call) -> Answer:
    """`RestorePoints_Create`: of a machine, or as a copy of another one; 409 `Conflict` where it exists."""
    collection = live_collection(call, parent(call.path))
    if call.world.of(ComputeState).point(call.path, call.now) is not None:
        raise ArmError(409, "Conflict", f"The restore point '{name(call.path)}' exists already in the collection '{name(collection.id)}'.")
    properties = call.body.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    source = _reference(properties.get("sourceRestorePoint"), _COPIED)
    if collection.is_target:
        return _copy(call, collection, properties, source)
    if source is not None:
        raise invalid_parameter("A restore point can be copied only into a collection whose source is its own collection.", _COPIED)
    return _create(call, collection, properties)


def _create(call: Call, collection: Collection, properties: Mapping[str, Any]) -> Answer:
    state = call.world.of(ComputeState)
    machine = state.machine(collection.source, call.now)
    if machine is None:
        raise not_found(MACHINE, name(collection.source), resource_group(collection.source))
    if machine.busy(call.now) or machine.deleted_at is not None:
        raise not_allowed(f"Another operation on the virtual machine '{name(machine.id)}' is in progress.")
    mode = properties.get("consistencyMode")
    if mode is not None and mode not in _MODES:
        raise invalid_parameter(f"The consistency mode '{mode}' is not one of {', '.join(_MODES)}.", "properties.consistencyMode")
    mode = mode or ("ApplicationConsistent" if machine.os_type == "Windows" else "FileSystemConsistent")
    excluded = _excluded(properties, machine)
    left_out = {key(each) for each in excluded}
    disks = [(lun, disk) for lun, disk in state.attached(machine) if key(disk.id) not in left_out]
    rules.check_machine(machine, [disk for _, disk in disks], mode)
    rules.check_creation(state, machine, mode, call.now)
    seconds = machine.create_seconds if machine.create_seconds is not None else _chance(call).uniform(20, 90)
    row = RestorePoint(
        id=call.path,
        time_created=call.now,
        started_at=call.now,
        ready_at=call.now + timedelta(seconds=seconds),
        disks=captured(call.path, disks),
        machine=machine.snapshot(),
        consistency_mode=mode,
        excluded=excluded,
    )
    return _begun(call, row, collection, _counted(call, rules.creation_allowance(machine.id, mode)))


def _copy(call: Call, target: Collection, properties: Mapping[str, Any], source_id: str | None) -> Answer:
    state = call.world.of(ComputeState)
    if source_id is None:
        raise invalid_parameter("Required parameter 'properties.sourceRestorePoint.id' is missing (null).", _COPIED)
    if not is_type(source_id, POINT):
        raise invalid_parameter(f"'{source_id}' is not the id of a restore point.", _COPIED)
    for member in ("excludeDisks", "consistencyMode"):
        if properties.get(member):
            raise invalid_parameter(
                f"'{member}' can be given when a restore point is created, not when it is copied.", f"properties.{member}"
            )
    if not call.principal.may(_READ, source_id):
        raise linked_authorization_failed(call.principal.id, _WRITE, call.path, _READ, source_id)
    source = state.point(source_id, call.now)
    if source is None:
        raise not_found(POINT, f"{name(parent(source_id))}/{name(source_id)}", resource_group(source_id))
    rules.check_copy(state, target, source, call.now)
    origin = state.collections.get(collection_key(source.id))
    full = origin is None or rules.needs_full_copy(state, target, origin, call.now)
    chance = _chance(call)
    row = RestorePoint(
        id=call.path,
        time_created=source.time_created,
        started_at=call.now,
        ready_at=call.now,
        disks=scheduled(copied(call.path, source), call.now, chance, full=full, fate=call.fate),
        machine=source.machine,
        consistency_mode=source.consistency_mode,
        source_point=source.id,
        coarse=is_coarse(source.disks, chance),
    )
    changes = [
        _counted(call, rules.copy_allowance(target.id)),
        Change(state.collections, key(target.id), replace(target, newest_source=source.time_created)),
    ]
    if origin is not None and origin.base_lost:
        changes.append(Change(state.collections, key(origin.id), replace(origin, base_lost=False)))
    return _begun(call, row, target, *changes)


def _begun(call: Call, row: RestorePoint, collection: Collection, *changes: Change) -> Answer:
    row = _failing(row, call)
    operation, headers = operations.begin(call, collection.location, row.ready_at - call.now, resource=row.id, error=row.error)
    body = bodies.point(row, call.now, state="Creating")
    headers["Retry-After"] = _RETRY_AFTER
    return Answer(201, body, headers, (Change(call.world.of(ComputeState).points, key(row.id), row), *changes, operation), uses_faults=True)


def _failing(row: RestorePoint, call: Call) -> RestorePoint:
    """Return the row as the fault `failRestorePoint` leaves it: it fails `after` a time, and with `gone` is not there from then on."""
    fault = call.fault
    if fault is None or fault.kind != "failRestorePoint":
        return row
    ready = call.now + fault.length("after", "PT1M") if "after" in fault.definition else max(row.ready_at, call.now + _FAILS_AFTER)
    code = fault.text("code", "VMRestorePointInternalError")
    error = {"code": code, "message": fault.text("message", f"The restore point could not be created: {code}.")}
    return replace(row, ready_at=ready, error=error, deleted_at=ready if fault.definition.get("gone") else None)


def delete_point(call: Call) -> Answer:
    """`RestorePoints_Delete`: refused by a lock, an active access, another copy of the collection that runs; 204 where there is none."""
    state = call.world.of(ComputeState)
    found = state.point(call.path, call.now)
    if found is None:
        return Answer(204)
    check_locks(call, found.id)
    rules.check_no_access(found, call.now)
    rules.check_no_other_copy(state, found, call.now)
    collection = live_collection(call, parent(found.id))
    operation, headers = operations.begin(call, collection.location, DELETION)
    row = replace(found, deleted_at=found.deleted_at or call.now + DELETION)
    changes = [Change(state.points, key(row.id), row), operation, *copies_without_source(state, [found], call.now)]
    if found.source_point is None and _is_base(found, state.points_in(collection.id, call.now)):
        changes.append(Change(state.collections, key(collection.id), replace(collection, base_lost=True)))
    return Answer(202, None, headers, tuple(changes))


def _is_base(point: RestorePoint, points: list[RestorePoint]) -> bool:
    return all(point.time_created <= each.time_created for each in points)


def _chance(call: Call) -> random.Random:
    return random.Random(f"{call.world.seed}:{key(call.path)}")  # noqa: S311  # chance that can be repeated, not a secret


def _counted(call: Call, allowance_key: str) -> Change:
    times = (*last_hour(call.world.of(ComputeState).allowance(allowance_key), call.now), call.now)
    return Change(call.world.of(ComputeState).allowances, allowance_key, Allowance(times))


def _reference(value: JsonValue, where: str) -> str | None:
    if value is None:
        return None
    found = value.get("id") if isinstance(value, dict) else None
    if not isinstance(found, str) or not subscription(found):
        raise invalid_parameter(f"'{found}' is not a resource id.", where)
    return "/" + found.strip("/")


def _excluded(properties: Mapping[str, Any], machine: VirtualMachine) -> tuple[str, ...]:
    given, where = properties.get("excludeDisks"), "properties.excludeDisks"
    if given is None:
        return ()
    if not isinstance(given, list):
        raise invalid_parameter("'excludeDisks' must be a list of references to disks.", where)
    known, found = {key(each.id) for each in machine.disks}, []
    for item in given:
        disk = _reference(item, where)
        if disk is None or key(disk) not in known:
            raise invalid_parameter(f"'{disk}' is not a disk of the virtual machine '{name(machine.id)}'.", where)
        found.append(disk)
    if len({key(each) for each in found}) == len(known):
        raise invalid_parameter("At least one disk must remain.", where)
    return tuple(found)
