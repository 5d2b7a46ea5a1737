"""Availability sets: made at once, deleted only when they are empty."""

from dataclasses import replace
from typing import Any

from local.simulation.arm.call import Answer, Call, page
from local.simulation.arm.errors import ArmError, invalid_parameter, not_allowed, not_found
from local.simulation.arm.tables import Change, Json
from local.simulation.common import inputs
from local.simulation.common.document import Document
from local.simulation.common.listing import within
from local.simulation.common.locks import check_locks, check_write_locks
from local.simulation.compute.sizes.catalogue import FAULT_DOMAINS
from local.simulation.compute.state import ComputeState
from local.simulation.ids import key, name

SET = "Microsoft.Compute/availabilitySets"
_UPDATE_DOMAINS = 20


def get_set(call: Call) -> Answer:
    """`AvailabilitySets_Get`."""
    found = _there(call)
    if found is None:
        raise not_found(SET, name(call.path), call.names[1])
    return Answer(200, body(found, call))


def list_sets(call: Call) -> Answer:
    """`AvailabilitySets_List` and `AvailabilitySets_ListBySubscription`."""
    rows = [row for row in within(call, call.world.of(ComputeState).availability_sets.values()) if not row.gone(call.now)]
    return page(call, rows, lambda row: body(row, call))


def _there(call: Call) -> Document | None:
    found = call.world.of(ComputeState).availability_sets.get(key(call.path))
    return None if found is None or found.gone(call.now) else found


def put_set(call: Call) -> Answer:
    """`AvailabilitySets_CreateOrUpdate`: the counts of domains can never change."""
    check_write_locks(call, call.path)
    properties, there = inputs.inner(call.body, "properties"), _there(call)
    counts = {
        "platformFaultDomainCount": _count(properties, "platformFaultDomainCount", FAULT_DOMAINS, 2),
        "platformUpdateDomainCount": _count(properties, "platformUpdateDomainCount", _UPDATE_DOMAINS, 5),
    }
    sku = {"name": inputs.inner(call.body, "sku").get("name", "Classic")}
    if sku["name"] not in ("Aligned", "Classic"):
        raise invalid_parameter(
            f"The value '{sku['name']}' of parameter 'availabilitySet.sku.name' is invalid.", "availabilitySet.sku.name"
        )
    if there is not None:
        inputs.check_same_location(call, name(there.id), there.location)
        for member, count in counts.items():
            if properties.get(member) is not None and there.properties[member] != count:
                raise ArmError(
                    409,
                    "PropertyChangeNotAllowed",
                    f"Changing property 'availabilitySet.{member}' is not allowed.",
                    target=f"availabilitySet.{member}",
                )
        row = replace(there, tags=inputs.tags(call.body), revision=there.revision + 1)
    else:
        row = Document(call.path, inputs.location(call, SET), counts, inputs.tags(call.body), sku)
    return Answer(200, body(row, call), changes=(Change(call.world.of(ComputeState).availability_sets, key(row.id), row),))


def _count(properties: Json, member: str, most: int, default: int) -> int:
    given: Any = properties.get(member)
    return default if given is None else inputs.whole(given, f"availabilitySet.{member}", 1, most)


def delete_set(call: Call) -> Answer:
    """`AvailabilitySets_Delete`: refused while it has a machine."""
    found = _there(call)
    if found is None:
        return Answer(204)
    check_locks(call, found.id)
    members = call.world.of(ComputeState).attached_to(found.id, call.now)
    if members:
        raise not_allowed(
            f"Availability Set '{name(found.id)}' cannot be deleted. Before deleting an Availability Set please ensure that it does not "
            f"contain any VM: '{members[0].id}'."
        )
    return Answer(200, None, changes=(Change(call.world.of(ComputeState).availability_sets, key(found.id), None),))


def body(row: Document, call: Call) -> Json:
    """Return an `AvailabilitySet`."""
    members = call.world.of(ComputeState).attached_to(row.id, call.now)
    return {
        "id": row.id,
        "name": name(row.id),
        "type": SET,
        "location": row.location,
        "tags": dict(row.tags),
        "sku": dict(row.sku or {"name": "Classic"}),
        "properties": {**row.properties, "virtualMachines": [{"id": each.id} for each in members]},
    }
