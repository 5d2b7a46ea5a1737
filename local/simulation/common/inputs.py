"""Members of a request's body, read as Resource Manager and Compute read them; each raises `ArmError` for what it cannot be."""

from collections.abc import Mapping
from typing import Any

from local.simulation.arm.call import Call
from local.simulation.arm.errors import ArmError, invalid_parameter
from local.simulation.arm.tables import Json, JsonValue
from local.simulation.ids import subscription
from local.simulation.resources.models import ResourcesState

_TAGS = 50


def text(body: Mapping[str, Any], member: str) -> str:
    """Return a text that must be there."""
    value = body.get(member)
    if not isinstance(value, str) or not value:
        raise ArmError(400, "LocationRequired", f"The {member} property is required for this definition.", target=member)
    return value


def location(call: Call, resource_type: str) -> str:
    """Return the location of a new resource: one that the subscription may use."""
    value = text(call.body, "location").lower().replace(" ", "")
    known = call.world.of(ResourcesState).subscriptions.get(call.names[0].lower())
    if known is not None and value not in known.locations:
        raise ArmError(
            400,
            "LocationNotAvailableForResourceType",
            f"The provided location '{value}' is not available for resource type '{resource_type}'. "
            f"List of available regions for the resource type is '{','.join(known.locations)}'.",
        )
    return value


def check_same_location(call: Call, name: str, there: str) -> None:
    """Refuse a PUT that gives a resource another location than it has."""
    given = text(call.body, "location").lower().replace(" ", "")
    if given != there:
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The resource '{name}' already exists in location '{there}' in resource group '{call.names[1]}'. "
            f"A resource with the same name cannot be created in location '{given}'. Please select a new resource name.",
        )


def tags(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags; none where the member is missing."""
    given = body.get("tags")
    if given is None:
        return {}
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise ArmError(400, "InvalidRequestContent", "The tags must be an object of texts.", target="tags")
    if len(given) > _TAGS:
        raise ArmError(400, "TooManyTags", f"A resource can have at most {_TAGS} tags; there are {len(given)}.", target="tags")
    return dict(given)


def zones(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the availability zones."""
    given = body.get("zones") or []
    if not isinstance(given, list) or not all(zone in ("1", "2", "3") for zone in given):
        raise ArmError(400, "InvalidAvailabilityZone", f"The zone(s) '{given}' for the resource is not supported.", target="zones")
    return tuple(given)


def inner(body: Mapping[str, Any], *members: str) -> Json:
    """Return an object within a body; empty where a member before it is missing or null; raises `ArmError` 400 for another type."""
    found: JsonValue = body
    for member in members:
        found = found.get(member)
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise invalid_parameter(f"The member '{member}' must be an object.", ".".join(members))
    return dict(found)


def items(body: Mapping[str, Any], member: str) -> list[Json]:
    """Return a list of objects; empty where it is missing or null."""
    given = body.get(member) or []
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise invalid_parameter(f"The member '{member}' must be a list of objects.", member)
    return given


def reference(value: JsonValue, where: str) -> str | None:
    """Return the id of a reference such as `{"id": …}`, with a leading slash; None where there is none."""
    if value is None:
        return None
    found = value.get("id") if isinstance(value, dict) else None
    if found is None:
        return None
    if not isinstance(found, str) or not subscription(found):
        raise invalid_parameter(f"'{found}' is not a resource id.", where)
    return "/" + found.strip("/")


def whole(value: JsonValue, where: str, least: int, most: int) -> int:
    """Return a whole number within bounds, refused as Compute refuses it."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid_parameter(f"Required parameter '{where}' is missing (null) or not a whole number.", where)
    if not least <= value <= most:
        raise invalid_parameter(
            f"The value '{value}' of parameter '{where}' is out of range. The value must be between '{least}' and '{most}', inclusive.",
            where,
        )
    return value
