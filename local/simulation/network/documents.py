"""What all kinds of network resources have in common: PUT, PATCH of tags, GET, lists, DELETE; and their parts as child resources."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from local.simulation.arm.access import linked_authorization_failed
from local.simulation.arm.call import Answer, Call, page
from local.simulation.arm.errors import ArmError, not_found
from local.simulation.arm.tables import Change, Json
from local.simulation.common import conditions, inputs
from local.simulation.common.activity import DELETING, UPDATING, Activity
from local.simulation.common.document import Document
from local.simulation.common.listing import within
from local.simulation.common.locks import check_locks, check_write_locks
from local.simulation.ids import derived, key, name, parent
from local.simulation.network import operations
from local.simulation.network.models import KINDS, NetworkState


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource.

    `read` returns the properties of a body, completed and allowed, of a document whose properties are replaced by them; `show` the
    properties as they are read; `check_deletion` refuses one that is in use. `parts` are lists of its properties that are child
    resources, with the resource type of each.
    """

    name: str
    read: Callable[[Call, Document, Json], Json]
    show: Callable[[Call, Document], Json]
    check_deletion: Callable[[Call, Document], None]
    parts: Mapping[str, str]
    default_sku: str | None = None

    @property
    def type(self) -> str:
        """The resource type."""
        return KINDS[self.name]


def body(kind: Kind, row: Document, call: Call) -> Json:
    """Return a resource as it is read."""
    shown: Json = {
        "id": row.id,
        "name": name(row.id),
        "type": kind.type,
        "location": row.location,
        "tags": dict(row.tags),
        "etag": row.etag,
        "properties": {
            **kind.show(call, row),
            "resourceGuid": derived("network resource", row.id, str(row.notes.get("createdAt", ""))),
            "provisioningState": "Deleting" if row.deleted_at is not None else row.provisioning_state(call.now),
        },
    }
    if row.sku is not None:
        shown["sku"] = dict(row.sku)
    return shown | ({"zones": list(row.zones)} if row.zones else {})


def part_body(kind: Kind, row: Document, member: str, part: Mapping[str, Any], call: Call) -> Json:
    """Return a part of a resource, as it is listed there and read by itself."""
    return {
        "name": part["name"],
        "id": f"{row.id}/{member}/{part['name']}",
        "type": f"{kind.type}/{member}",
        "etag": row.etag,
        "properties": {**(part.get("properties") or {}), "provisioningState": row.provisioning_state(call.now)},
    }


def get(kind: Kind, call: Call) -> Answer:
    """Return one; raises `ArmError` 404."""
    row = existing(kind, call, call.path)
    return Answer(200, body(kind, row, call), {"ETag": row.etag})


def list_all(kind: Kind, call: Call) -> Answer:
    """Return those of a subscription or of a resource group."""
    rows = within(call, call.world.of(NetworkState).live(kind.name, call.now))
    return page(call, rows, lambda row: body(kind, row, call))


def existing(kind: Kind, call: Call, resource_id: str) -> Document:
    """Return a document; raises `ArmError` 404."""
    found = call.world.of(NetworkState).there(kind.name, resource_id, call.now)
    if found is None:
        raise not_found(kind.type, name(resource_id), call.names[1])
    return found


def put(kind: Kind, call: Call) -> Answer:
    """Make one, or replace all its properties: parts that the body leaves out are gone."""
    check_write_locks(call, call.path)
    there = call.world.of(NetworkState).there(kind.name, call.path, call.now)
    conditions.check(call, there.etag if there is not None else None)
    if there is not None:
        check_idle(there, call)
        inputs.check_same_location(call, name(there.id), there.location)
    sku = None if kind.default_sku is None else {"name": kind.default_sku, "tier": "Regional", **inputs.inner(call.body, "sku")}
    row = there or Document(
        id=call.path,
        location=inputs.location(call, kind.type),
        properties={},
        sku=sku,
        zones=inputs.zones(call.body),
        revision=0,
        notes={"createdAt": call.now.isoformat()},
    )
    row = replace(row, tags=inputs.tags(call.body))
    row = replace(row, properties=kind.read(call, row, inputs.inner(call.body, "properties")))
    return written(kind, call, row, 201 if there is None else 200)


def patch(kind: Kind, call: Call) -> Answer:
    """Change the tags."""
    check_write_locks(call, call.path)
    row = existing(kind, call, call.path)
    conditions.check(call, row.etag)
    check_idle(row, call)
    return written(kind, call, replace(row, tags=inputs.tags(call.body)), 200)


def written(kind: Kind, call: Call, row: Document, status: int, member: str | None = None) -> Answer:
    """Return the answer to a write of a document, or of the part of it that the path names."""
    row = replace(row, revision=row.revision + 1, activity=Activity(UPDATING, call.now, call.now + operations.LASTS))
    operation, headers = operations.begin(call, row.location)
    headers.pop("Location")
    shown = body(kind, row, call)
    if member is not None:
        shown = next(each for each in shown["properties"][member] if each["name"].lower() == name(call.path).lower())
    changes = (Change(call.world.of(NetworkState).documents[kind.name], key(row.id), row), operation)
    return Answer(status, shown, headers, changes)


def check_idle(row: Document, call: Call) -> None:
    """Refuse a write while another one of the same resource runs."""
    if row.busy(call.now) or row.deleted_at is not None:
        raise ArmError(
            409,
            "AnotherOperationInProgress",
            f"Another operation on this or dependent resource is in progress: '{row.id}'.",
            retry_after=operations.LASTS.total_seconds(),
        )


def delete(kind: Kind, call: Call) -> Answer:
    """Delete one; 204 where there is none."""
    row = call.world.of(NetworkState).there(kind.name, call.path, call.now)
    if row is None:
        return Answer(204)
    conditions.check(call, row.etag)
    check_locks(call, row.id)
    if row.deleted_at is None:
        check_idle(row, call)
    kind.check_deletion(call, row)
    ends_at = row.deleted_at or call.now + operations.LASTS
    row = replace(row, deleted_at=ends_at, activity=Activity(DELETING, call.now, ends_at), revision=row.revision + 1)
    operation, headers = operations.begin(call, row.location)
    return Answer(202, None, headers, (Change(call.world.of(NetworkState).documents[kind.name], key(row.id), row), operation))


# parts as child resources


def _owner(kind: Kind, call: Call, owner_id: str) -> Document:
    found = call.world.of(NetworkState).there(kind.name, owner_id, call.now)
    if found is None:
        raise ArmError(
            404,
            "ParentResourceNotFound",
            f"Failed to perform '{call.method.lower()}' on resource(s) of type '{kind.type}', because the parent resource '{owner_id}' "
            "could not be found.",
        )
    return found


def _member(kind: Kind, template: str) -> str:
    return next(each for each in kind.parts if each.lower() == template.lower())


def get_part(kind: Kind, call: Call) -> Answer:
    """Return one part; raises `ArmError` 404."""
    row, member = _owner(kind, call, parent(call.path)), _member(kind, call.path.rsplit("/", 2)[1])
    for each in body(kind, row, call)["properties"].get(member, []):
        if each["name"].lower() == name(call.path).lower():
            return Answer(200, each, {"ETag": row.etag})
    raise not_found(f"{kind.type}/{member}", f"{name(row.id)}/{name(call.path)}", call.names[1])


def list_parts(kind: Kind, call: Call) -> Answer:
    """Return all parts of a member."""
    row, member = _owner(kind, call, call.path.rsplit("/", 1)[0]), _member(kind, name(call.path))
    return page(call, body(kind, row, call)["properties"].get(member, []), lambda each: each)


def put_part(kind: Kind, call: Call) -> Answer:
    """Make a part, or replace it; the rest of the resource stays as it is."""
    check_write_locks(call, call.path)
    row, member = _owner(kind, call, parent(call.path)), _member(kind, call.path.rsplit("/", 2)[1])
    parts: list[Json] = list(row.properties.get(member, []))
    position = next((index for index, each in enumerate(parts) if each["name"].lower() == name(call.path).lower()), None)
    conditions.check(call, None if position is None else row.etag)
    check_idle(row, call)
    part: Json = {"name": name(call.path), "properties": inputs.inner(call.body, "properties")}
    if position is None:
        parts.append(part)
    else:
        parts[position] = {**part, "name": parts[position]["name"]}
    properties = kind.read(call, row, {**row.properties, member: parts})
    return written(kind, call, replace(row, properties=properties), 201 if position is None else 200, member)


def delete_part(kind: Kind, call: Call) -> Answer:
    """Delete a part; 204 where there is none."""
    state = call.world.of(NetworkState)
    row, member = state.there(kind.name, parent(call.path), call.now), _member(kind, call.path.rsplit("/", 2)[1])
    parts: list[Json] = list(row.properties.get(member, [])) if row is not None else []
    left = [each for each in parts if each["name"].lower() != name(call.path).lower()]
    if row is None or len(left) == len(parts):
        return Answer(204)
    conditions.check(call, row.etag)
    check_locks(call, row.id)
    check_idle(row, call)
    properties = kind.read(call, row, {**row.properties, member: left})
    row = replace(row, properties=properties, revision=row.revision + 1, activity=Activity(UPDATING, call.now, call.now + operations.LASTS))
    operation, headers = operations.begin(call, row.location)
    return Answer(202, None, headers, (Change(state.documents[kind.name], key(row.id), row), operation))


# what kinds share


def named(items: list[Json], where: str) -> list[Json]:
    """Return parts as they are kept: name and properties; raises `ArmError` for one without a name, or a name twice."""
    seen: set[str] = set()
    found = []
    for item in items:
        part = str(item.get("name") or "")
        if not part:
            raise ArmError(400, "InvalidRequestFormat", f"An element of '{where}' has no name.", target=where)
        if part.lower() in seen:
            raise ArmError(400, "InvalidRequestFormat", f"The name '{part}' occurs twice in '{where}'.", target=where)
        seen.add(part.lower())
        properties = {member: value for member, value in inputs.inner(item, "properties").items() if member not in _READ_ONLY}
        found.append({"name": part, "properties": properties})
    return found


#: Members of parts that only Azure writes.
_READ_ONLY = (
    "provisioningState",
    "backendIPConfigurations",
    "inboundNatRules",
    "loadBalancingRules",
    "outboundRules",
    "backendIPConfiguration",
)


def missing_reference(call: Call, resource_id: str) -> ArmError:
    """Return the refusal of a reference to what is not there, or lies elsewhere."""
    return ArmError(
        400,
        "InvalidResourceReference",
        f"Resource {resource_id} referenced by resource {call.path} was not found. Please make sure that the referenced resource exists, "
        "and that both resources are in the same region.",
    )


def check_join(call: Call, action: str, resource_id: str) -> None:
    """Refuse a reference to a resource that the caller may not join."""
    if not call.may(action, resource_id):
        written_type = call.path.split("/providers/", 1)[1].split("/")
        wanted = "/".join([written_type[0], *written_type[1::2]])
        raise linked_authorization_failed(call.principal.id, f"{wanted}/write", call.path, action, resource_id)
