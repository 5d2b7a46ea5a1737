"""The estate as JSON: read into a world, and written from one (docs/design/simulation.md).

Beyond the contract's members an estate may choose, all of them optional: `seed` of all chance; a disk's `sku`, `sizeGB`, `osType`,
`maxShares`, `networkAccessPolicy`, `writeAccelerator`, `ephemeral`, `diskEncryptionSet`, `copyMinutes` (of Azure's time, for its
copy to another region) and `coarse` (that copy shows only 0 and 100); a machine's `size`, `osType`, `powerState`, `securityType`,
`scaleSet`, `agent` and `createSeconds` (of a restore point); a resource group's `locks`. What a restore point leaves out is taken
from its machine or its source. What is in a vault: recovery_services/, models, items, plans and jobs.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from local.simulation.arm.access import Principal
from local.simulation.arm.tables import Json
from local.simulation.arm.world import World
from local.simulation.ids import group_id, key
from local.simulation.sample_estate import app_principal
from local.simulation.services import SERVICES, empty_world

_LISTS = (*(name for service in SERVICES for name in service.lists), "principals")


def read_estate(estate: Mapping[str, Any], now: datetime) -> World:
    """Return the world that an estate describes; raises `ValueError` with the reason where it cannot be read.

    Members that no service here knows are kept and written again as they are; so are `tenants`, of which only tokens are made.
    """
    _check_lists(estate)
    estate = _with_defaults(estate)
    world = empty_world()
    for name, value in estate.items():
        if name not in _LISTS:
            world.rest.put(name, {"value": value})
    part = "principals"
    try:
        for item in estate.get("principals", []):
            principal = Principal.from_json(item)
            world.principals.put(principal.id.lower(), principal)
        for service, state in zip(SERVICES, world.states(), strict=True):
            part = ", ".join(service.lists)
            state.load(estate, now, world.seed)
    except KeyError as missing:
        raise ValueError(f"{part}: the member {missing} is missing") from None
    except (TypeError, ValueError, AttributeError) as problem:
        raise ValueError(f"{part}: {problem}") from None
    return world


def _check_lists(estate: Mapping[str, Any]) -> None:
    if not isinstance(estate, Mapping):
        raise ValueError("the estate must be an object")
    for name in (*_LISTS, "tenants"):
        items = estate.get(name, [])
        if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
            raise ValueError(f"{name}: must be a list of objects")
    if not all("name" in tenant for tenant in estate.get("tenants", [])):
        raise ValueError("tenants: the member 'name' is missing")


def _with_defaults(estate: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add what an estate written by hand leaves out: the app's principal, and the resource groups that its resources name."""
    full = dict(estate)
    if "principals" not in full:
        full["principals"] = [
            app_principal([f"/subscriptions/{str(item['id']).rsplit('/', 1)[-1]}" for item in full.get("subscriptions", [])])
        ]
    groups = {key(str(item["id"])): item for item in full.get("resourceGroups", [])}
    for name in (name for service in SERVICES for name in service.lists if name not in ("subscriptions", "resourceGroups")):
        for item in full.get(name, []):
            scope = group_id(str(item.get("id", "")))
            if "id" in item and "location" in item and key(scope) not in groups:
                groups[key(scope)] = {"id": scope, "location": item["location"]}
    return full | {"resourceGroups": list(groups.values())}


def write_estate(world: World, now: datetime) -> Json:
    """Return the estate that a world is; `read_estate` makes the same world of it."""
    return {
        **{name: row["value"] for name, row in world.rest.items()},
        **{name: value for state in world.states() for name, value in state.dump(now).items()},
        "principals": [row.as_json() for row in world.principals.values()],
    }
