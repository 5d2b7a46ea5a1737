"""Snapshots and disk encryption sets: read only, as the estate holds them."""

from local.simulation.arm.call import Answer, Call, page
from local.simulation.arm.errors import not_found
from local.simulation.arm.tables import Json, Table
from local.simulation.common.document import Document
from local.simulation.common.listing import within
from local.simulation.compute.state import ComputeState
from local.simulation.ids import key, name, type_of


def get_snapshot(call: Call) -> Answer:
    """`Snapshots_Get`."""
    return _get(call, call.world.of(ComputeState).snapshots)


def list_snapshots(call: Call) -> Answer:
    """`Snapshots_List` and `Snapshots_ListByResourceGroup`."""
    return page(call, within(call, call.world.of(ComputeState).snapshots.values()), _body)


def get_encryption_set(call: Call) -> Answer:
    """`DiskEncryptionSets_Get`."""
    return _get(call, call.world.of(ComputeState).encryption_sets)


def _get(call: Call, table: Table[Document]) -> Answer:
    found = table.get(key(call.path))
    if found is None:
        raise not_found(type_of(call.path), name(call.path), call.names[1])
    return Answer(200, _body(found))


def _body(row: Document) -> Json:
    return {
        "id": row.id,
        "name": name(row.id),
        "type": type_of(row.id),
        "location": row.location,
        "tags": dict(row.tags),
        "properties": {**row.properties, "provisioningState": "Succeeded"},
    }
