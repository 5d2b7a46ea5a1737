"""ARM ids: compared without case, with or without the leading slash (docs/azure/restore-points.md)."""

import uuid
from functools import lru_cache

_NAMESPACE = uuid.UUID("6f2c9a1e-6f0b-4c53-9f5a-3d1a40d1b0a7")


@lru_cache(maxsize=65536)
def key(resource_id: str) -> str:
    """Return the form of an id under which things are kept: lower case, one leading slash, none at the end."""
    return "/" + resource_id.strip("/").lower()


def name(resource_id: str) -> str:
    """Return the last segment of an id."""
    return resource_id.rstrip("/").rsplit("/", 1)[-1]


def parent(resource_id: str) -> str:
    """Return the id without its last type and name."""
    return resource_id.rstrip("/").rsplit("/", 2)[0]


def subscription(resource_id: str) -> str:
    """Return the subscription's GUID, lower case; empty where the id has none."""
    parts = key(resource_id).split("/")
    return parts[2] if len(parts) > 2 and parts[1] == "subscriptions" else ""


def resource_group(resource_id: str) -> str:
    """Return the resource group's name as written; empty where the id has none."""
    parts = ("/" + resource_id.strip("/")).split("/")
    return parts[4] if len(parts) > 4 and parts[3].lower() == "resourcegroups" else ""


def group_id(resource_id: str) -> str:
    """Return the id of the resource group that holds a thing."""
    return "/" + "/".join(resource_id.strip("/").split("/")[:4])


def is_type(resource_id: str, resource_type: str) -> bool:
    """Return whether an id is of a type such as `Microsoft.Compute/virtualMachines`."""
    return type_of(resource_id).lower() == resource_type.lower()


def type_of(resource_id: str) -> str:
    """Return `Namespace/type[/child…]` as written; empty where the id is not of a provider's resource."""
    parts = resource_id.strip("/").split("/")
    lowered = [part.lower() for part in parts]
    if "providers" not in lowered:
        return ""
    rest = parts[lowered.index("providers") + 1 :]
    return "/".join([rest[0], *rest[1::2]]) if len(rest) >= 3 and len(rest) % 2 == 1 else ""


@lru_cache(maxsize=4_096)
def derived(*parts: str) -> str:
    """Return the GUID derived from these texts: ids of simulated resources are the same after a restart."""
    return str(uuid.uuid5(_NAMESPACE, "\n".join(part.lower() for part in parts)))
