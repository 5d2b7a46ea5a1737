"""The network interfaces of a machine: whether it may have them, and for whom those of a failed machine are kept."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from local.simulation.arm.access import linked_authorization_failed
from local.simulation.arm.call import Call
from local.simulation.arm.errors import ArmError, invalid_parameter
from local.simulation.arm.tables import Change
from local.simulation.common import inputs
from local.simulation.common.document import Document
from local.simulation.compute.machines import AttachedInterface, VirtualMachine
from local.simulation.compute.models import MACHINE
from local.simulation.compute.state import ComputeState
from local.simulation.compute.virtual_machines.storage import choice
from local.simulation.ids import key, name
from local.simulation.network.models import KINDS, NetworkState
from local.simulation.times import from_text, to_text

#: How long the interfaces of a machine whose creation failed are kept for it.
RESERVED = timedelta(seconds=180)
_JOIN = f"{KINDS['networkInterfaces']}/join/action"


def attached_interfaces(call: Call, properties: Mapping[str, Any], location: str) -> tuple[AttachedInterface, ...]:
    """Return the interfaces that a body names; raises `ArmError` where the machine cannot have one."""
    items = inputs.items(inputs.inner(properties, "networkProfile"), "networkInterfaces")
    if not items:
        raise invalid_parameter("Required parameter 'networkProfile.networkInterfaces' is missing (null).", "networkProfile")
    found = []
    for item in items:
        interface_id = inputs.reference(item, "networkProfile.networkInterfaces.id")
        if interface_id is None:
            raise invalid_parameter("Required parameter 'networkInterfaces.id' is missing (null).", "networkProfile.networkInterfaces.id")
        _check(call, interface_id, location)
        given = inputs.inner(item, "properties")
        primary = bool(given.get("primary", len(items) == 1))
        found.append(
            AttachedInterface(interface_id, primary, choice(given.get("deleteOption"), ("Delete", "Detach"), "Detach", "deleteOption"))
        )
    if sum(each.primary for each in found) != 1:
        raise invalid_parameter("Exactly one network interface must be the primary one.", "networkProfile.networkInterfaces")
    return tuple(found)


def _check(call: Call, interface_id: str, location: str) -> None:
    if not call.may(_JOIN, interface_id):
        raise linked_authorization_failed(call.principal.id, f"{MACHINE}/write", call.path, _JOIN, interface_id)
    found = call.world.of(NetworkState).there("networkInterfaces", interface_id, call.now)
    if found is None or found.deleted_at is not None:
        raise ArmError(
            400,
            "InvalidResourceReference",
            f"Resource {interface_id} referenced by resource {call.path} was not found. Please make sure that the referenced "
            "resource exists, and that both resources are in the same region.",
            target="networkProfile",
        )
    if found.location != location:
        raise ArmError(
            400,
            "InvalidResourceReference",
            f"Resource {interface_id} is in '{found.location}', and {call.path} in '{location}': both must be in the same region.",
            target="networkProfile",
        )
    others = [each for each in call.world.of(ComputeState).attached_to(interface_id, call.now) if key(each.id) != key(call.path)]
    if others:
        raise ArmError(
            400, "NicInUse", f"Network Interface {interface_id} is used by existing resource {others[0].id}.", target="networkProfile"
        )
    check_not_reserved(found, call.now, by=call.path)
    if found.provisioning_state(call.now) == "Failed":
        raise ArmError(409, "OperationNotAllowed", f"The network interface '{name(found.id)}' is in the provisioning state Failed.")


def check_not_reserved(interface: Document, now: datetime, *, by: str = "") -> None:
    """Refuse the use, or the deletion, of an interface that is kept for a machine whose creation failed."""
    until, owner = interface.notes.get("reservedUntil"), str(interface.notes.get("reservedFor", ""))
    if until is not None and now < from_text(str(until)) and key(owner) != key(by):
        raise ArmError(
            400,
            "NicReservedForAnotherVm",
            f"Nic(s) in request is reserved for another Virtual Machine for {int(RESERVED.total_seconds())} seconds. Please provide "
            f"another nic(s) or retry after {int(RESERVED.total_seconds())} seconds. Reserved VM: {owner}.",
        )


def reservations(call: Call, machine: VirtualMachine, failed_at: datetime) -> list[Change]:
    """Return the changes by which the interfaces of a machine are kept for it after its creation has failed."""
    table, changes = call.world.of(NetworkState).interfaces, []
    for each in machine.interfaces:
        row = table.get(key(each.id))
        if row is not None:
            notes = {**row.notes, "reservedFor": machine.id, "reservedUntil": to_text(failed_at + RESERVED)}
            changes.append(Change(table, key(row.id), replace(row, notes=notes)))
    return changes
