"""Readers of the resource ids in Azure's JSON documents; other members are read by `shared.values.reading`."""

from shared.arm.ids import ResourceId
from shared.values.reading import Json, text

ArmDocument = Json
"""A JSON object in the form in which Azure Resource Manager returned it."""


def resource_id(holder: Json, *names: str) -> str | None:
    """Return the first of the named members that is a text, in the form in which ARM writes ids if it is one."""
    found = text(holder, *names)
    try:
        return str(ResourceId.parse(found)) if found is not None else None
    except ValueError:
        return found


def own_id(resource: Json) -> str:
    """Return the id of a resource in the form in which ARM writes ids; empty where it has none."""
    return resource_id(resource, "id") or ""


def region_of(resource: Json) -> str:
    """Return ARM's name of the region of a resource, empty where it has none."""
    return "".join((text(resource, "location") or "").split()).lower()


def id_key(id_: str | None) -> str | None:
    """Return the form by which ids are compared, or None for a text that is not an id."""
    try:
        return ResourceId.parse(id_).key if id_ is not None else None
    except ValueError:
        return None
