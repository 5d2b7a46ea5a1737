"""What Microsoft.Compute does when it is asked for restore point collections and disk restore points."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from local.simulation.arm.call import Answer, Call, page
from local.simulation.arm.errors import ArmError, invalid_parameter, not_found
from local.simulation.arm.tables import Change
from local.simulation.common.inputs import tags, text, whole
from local.simulation.common.listing import within
from local.simulation.common.locks import check_locks
from local.simulation.compute import bodies, operations, rules
from local.simulation.compute.disks.access import LONGEST
from local.simulation.compute.models import COLLECTION, DISK_POINT, POINT, Collection, PointDisk, RestorePoint
from local.simulation.compute.replication import State, state_of, without_source
from local.simulation.compute.state import ComputeState
from local.simulation.ids import derived, key, name, parent, subscription
from local.simulation.resources.models import ResourcesState
from local.simulation.times import to_text

#: How long a deletion, and granting or revoking access, take.
DELETION = timedelta(seconds=10)
_ACCESS = timedelta(seconds=2)


# restore point collections


def put_collection(call: Call) -> Answer:
    """`RestorePointCollections_CreateOrUpdate`: 201 where it is new, 200 where only its tags change."""
    state, location, source = call.world.of(ComputeState), text(call.body, "location").lower().replace(" ", ""), _source(call.body)
    there = state.collection(call.path, call.now)
    if there is not None:
        return _update_collection(call, there, location, source)
    known = call.world.of(ResourcesState).subscriptions.get(call.names[0].lower())
    if known is not None and location not in known.locations:
        raise ArmError(
            400,
            "LocationNotAvailableForResourceType",
            f"The provided location '{location}' is not available for resource type '{COLLECTION}'. "
            f"List of available regions for the resource type is '{','.join(known.locations)}'.",
        )
    if source is None:
        raise invalid_parameter("Required parameter 'properties.source.id' is missing (null).", "properties.source.id")
    rules.check_collection_source(state, source, location, call.now)
    rules.check_collection_quota(state, call.path, location, call.now)
    row = Collection(id=call.path, location=location, source=source, tags=tags(call.body))
    return Answer(201, bodies.collection(row, state, call.now), changes=(Change(state.collections, key(row.id), row),))


def _update_collection(call: Call, there: Collection, location: str, source: str | None) -> Answer:
    if there.deleted_at is not None:
        raise ArmError(409, "Conflict", f"The restore point collection '{name(there.id)}' is being deleted.")
    if location != there.location:
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The resource '{name(there.id)}' already exists in location '{there.location}' in resource group '{call.names[1]}'. "
            f"A resource with the same name cannot be created in location '{location}'. Please select a new resource name.",
        )
    if source is not None and key(source) != key(there.source):
        raise ArmError(
            409,
            "PropertyChangeNotAllowed",
            "Changing property 'restorePointCollection.source.id' is not allowed.",
            target="properties.source.id",
        )
    row = replace(there, tags=tags(call.body))
    state = call.world.of(ComputeState)
    return Answer(200, bodies.collection(row, state, call.now), changes=(Change(state.collections, key(row.id), row),))


def patch_collection(call: Call) -> Answer:
    """`RestorePointCollections_Update`: tags only."""
    there, state = live_collection(call, call.path), call.world.of(ComputeState)
    source = _source(call.body)
    if source is not None and key(source) != key(there.source):
        raise ArmError(
            409,
            "PropertyChangeNotAllowed",
            "Changing property 'restorePointCollection.source.id' is not allowed.",
            target="properties.source.id",
        )
    row = replace(there, tags=tags(call.body)) if "tags" in call.body else there
    return Answer(200, bodies.collection(row, state, call.now), changes=(Change(state.collections, key(row.id), row),))


def get_collection(call: Call) -> Answer:
    """`RestorePointCollections_Get`, with `$expand=restorePoints`."""
    state = call.world.of(ComputeState)
    found = _collection(call, call.path)
    points = state.points_in(found.id, call.now) if call.choice("$expand", "restorePoints") else None
    return Answer(200, bodies.collection(found, state, call.now, points))


def list_collections(call: Call) -> Answer:
    """`RestorePointCollections_List` and `RestorePointCollections_ListAll`."""
    state = call.world.of(ComputeState)
    rows = [row for row in within(call, state.collections.of_subscription(call.names[0])) if not row.gone(call.now)]
    return page(call, rows, lambda row: bodies.collection(row, state, call.now))


def delete_collection(call: Call) -> Answer:
    """`RestorePointCollections_Delete`: with everything in it; 204 where there is nothing."""
    state = call.world.of(ComputeState)
    found = state.collection(call.path, call.now)
    if found is None:
        return Answer(204)
    check_locks(call, found.id)
    points = state.points_in(found.id, call.now)
    for each in points:
        rules.check_no_access(each, call.now)
    end = call.now + DELETION
    operation, headers = operations.begin(call, found.location, DELETION)
    gone = [Change(state.points, key(each.id), replace(each, deleted_at=each.deleted_at or end)) for each in points]
    collection = Change(state.collections, key(found.id), replace(found, deleted_at=found.deleted_at or end))
    return Answer(202, None, headers, (collection, *gone, operation, *copies_without_source(state, points, call.now)))


def copies_without_source(state: ComputeState, sources: list[RestorePoint], now: datetime) -> list[Change]:
    """Return the changes of the copies in progress whose source is deleted: they fail at the next refresh."""
    return [
        Change(state.points, key(copy.id), without_source(copy, now))
        for source in sources
        for copy in state.copies_of(source.id, now)
        if state_of(copy, now) is State.IN_PROGRESS
    ]


def _collection(call: Call, collection_id: str) -> Collection:
    found = call.world.of(ComputeState).collection(collection_id, call.now)
    if found is None:
        raise not_found(COLLECTION, name(collection_id), call.names[1])
    return found


def live_collection(call: Call, collection_id: str) -> Collection:
    """Return a collection that is not being deleted; raises `ArmError` 404 or 409."""
    found = _collection(call, collection_id)
    if found.deleted_at is not None:
        raise ArmError(409, "Conflict", f"The restore point collection '{name(found.id)}' is being deleted.")
    return found


# disk restore points


def list_disk_points(call: Call) -> Answer:
    """`DiskRestorePoint_ListByRestorePoint`."""
    point = existing_point(call, parent(call.path + "/-"))
    return page(call, point.disks, lambda disk: bodies.disk_point(point, disk, call.now))


def get_disk_point(call: Call) -> Answer:
    """`DiskRestorePoint_Get`."""
    point, disk = _disk_point(call, call.path)
    return Answer(200, bodies.disk_point(point, disk, call.now))


def begin_access(call: Call) -> Answer:
    """`DiskRestorePoint_GrantAccess`: a shared access signature, which blocks the deletion of the restore point while it lasts."""
    point, disk = _disk_point(call, call.path.rsplit("/", 1)[0])
    if call.body.get("access") not in ("Read", "None"):
        raise invalid_parameter("A disk restore point can be accessed with 'Read' only.", "access")
    seconds = whole(call.body.get("durationInSeconds"), "durationInSeconds", 1, LONGEST)
    until = call.now + timedelta(seconds=seconds)
    signature = derived("sas", bodies.disk_point_id(point, disk), to_text(until))
    blob = f"https://md-{derived('blob', disk.name)[:12]}.z1.blob.storage.azure.net/snapshot/abcd"
    sas = f"{blob}?sv=2018-03-28&sr=b&se={quote(to_text(until))}&sig={signature}"
    return _change_access(call, point, replace(disk, sas_until=until), {"accessSAS": sas})


def end_access(call: Call) -> Answer:
    """`DiskRestorePoint_RevokeAccess`."""
    point, disk = _disk_point(call, call.path.rsplit("/", 1)[0])
    return _change_access(call, point, replace(disk, sas_until=None), None)


def _change_access(call: Call, point: RestorePoint, disk: PointDisk, output: dict[str, str] | None) -> Answer:
    state = call.world.of(ComputeState)
    row = replace(point, disks=tuple(disk if each.name == disk.name else each for each in point.disks))
    operation, headers = operations.begin(call, _collection(call, parent(point.id)).location, _ACCESS, output=output)
    return Answer(202, None, headers, (Change(state.points, key(row.id), row), operation))


def existing_point(call: Call, point_id: str) -> RestorePoint:
    """Return a restore point; raises `ArmError` 404."""
    found = call.world.of(ComputeState).point(point_id, call.now)
    if found is None:
        raise not_found(POINT, f"{name(parent(point_id))}/{name(point_id)}", call.names[1])
    return found


def _disk_point(call: Call, disk_point_id: str) -> tuple[RestorePoint, PointDisk]:
    point = existing_point(call, parent(disk_point_id))
    wanted = name(disk_point_id).lower()
    for disk in point.disks:
        if disk.name.lower() == wanted:
            return point, disk
    raise not_found(DISK_POINT, "/".join(call.names[2:5]), call.names[1])


# what a body holds


def _source(body: dict[str, Any]) -> str | None:
    properties = body.get("properties")
    source = properties.get("source") if isinstance(properties, dict) else None
    found = source.get("id") if isinstance(source, dict) else None
    if found is not None and (not isinstance(found, str) or not subscription(found)):
        raise invalid_parameter(f"'{found}' is not a resource id.", "properties.source.id")
    return found
