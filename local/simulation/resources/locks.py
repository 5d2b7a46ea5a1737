"""Microsoft.Authorization: management locks of resource groups."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from local.simulation.arm.call import Answer, Call, Route, page
from local.simulation.arm.errors import ArmError, invalid_parameter
from local.simulation.arm.service import Service
from local.simulation.arm.tables import Change, Json, Table
from local.simulation.common.inputs import inner
from local.simulation.ids import group_id, key, name
from local.simulation.resources.models import Lock, ResourceGroup, ResourcesState

LOCK = "Microsoft.Authorization/locks"
_LEVELS = ("CanNotDelete", "ReadOnly")


def _group(call: Call) -> ResourceGroup:
    found = call.world.of(ResourcesState).groups.get(key(group_id(call.path)))
    if found is None:
        raise ArmError(404, "ResourceGroupNotFound", f"Resource group '{call.names[1]}' could not be found.")
    return found


def _body(group: ResourceGroup, lock: Lock) -> Json:
    return {"id": f"{group.id}/providers/{LOCK}/{lock.name}", "name": lock.name, "type": LOCK, "properties": {"level": lock.level}}


def list_locks(call: Call) -> Answer:
    """`ManagementLocks_ListAtResourceGroupLevel`."""
    group = _group(call)
    return page(call, group.locks, lambda lock: _body(group, lock))


def get_lock(call: Call) -> Answer:
    """`ManagementLocks_GetAtResourceGroupLevel`."""
    group = _group(call)
    for lock in group.locks:
        if lock.name.lower() == name(call.path).lower():
            return Answer(200, _body(group, lock))
    raise ArmError(404, "LockNotFound", f"The lock '{name(call.path)}' could not be found.")


def put_lock(call: Call) -> Answer:
    """`ManagementLocks_CreateOrUpdateAtResourceGroupLevel`."""
    level = inner(call.body, "properties").get("level")
    if level not in _LEVELS:
        raise invalid_parameter(f"The lock level '{level}' is not one of {', '.join(_LEVELS)}.", "properties.level")
    group, lock = _group(call), Lock(name(call.path), level)
    others = tuple(each for each in group.locks if each.name.lower() != lock.name.lower())
    row = replace(group, locks=(*others, lock))
    status = 201 if len(row.locks) > len(group.locks) else 200
    return Answer(status, _body(row, lock), changes=(Change(call.world.of(ResourcesState).groups, key(row.id), row),))


def delete_lock(call: Call) -> Answer:
    """`ManagementLocks_DeleteAtResourceGroupLevel`: 204 where there is none."""
    group = _group(call)
    left = tuple(each for each in group.locks if each.name.lower() != name(call.path).lower())
    if len(left) == len(group.locks):
        return Answer(204)
    return Answer(200, changes=(Change(call.world.of(ResourcesState).groups, key(group.id), replace(group, locks=left)),))


class LocksState:
    """It keeps nothing of its own: locks are kept with their resource groups."""

    def tables(self) -> tuple[Table[Any], ...]:
        """Return no table."""
        return ()

    def load(self, _: Mapping[str, Any], __: datetime, ___: int) -> None:
        """Take over nothing."""

    def dump(self, _: datetime) -> Json:
        """Write nothing."""
        return {}


_TEMPLATE = "/subscriptions/*/resourcegroups/*/providers/microsoft.authorization/locks"
_VERSIONS = ("2016-09-01", "2017-04-01", "2020-05-01")
ROUTES = tuple(
    Route(method, template, f"ManagementLocks_{operation}AtResourceGroupLevel", f"{LOCK}/{action}", handle, LOCK, _VERSIONS)
    for method, template, operation, action, handle in (
        ("PUT", f"{_TEMPLATE}/*", "CreateOrUpdate", "write", put_lock),
        ("GET", f"{_TEMPLATE}/*", "Get", "read", get_lock),
        ("DELETE", f"{_TEMPLATE}/*", "Delete", "delete", delete_lock),
        ("GET", _TEMPLATE, "List", "read", list_locks),
    )
)

SERVICE = Service("Microsoft.Authorization", ROUTES, LocksState, lists=())
