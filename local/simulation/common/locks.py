"""Management locks of resource groups, as Resource Manager applies them, and what a whole subscription forbids."""

from local.simulation.arm.call import Call
from local.simulation.arm.errors import ArmError
from local.simulation.ids import group_id, key
from local.simulation.resources.models import ResourcesState

READ_ONLY = "ReadOnly"


def check_locks(call: Call, resource_id: str) -> None:
    """Refuse a deletion below a resource group that is locked, with ARM's message."""
    _check(call, resource_id, "delete", deletion=True)


def check_write_locks(call: Call, resource_id: str, *, operation: str = "write") -> None:
    """Refuse a write, or an action, below a resource group with a read-only lock."""
    _check(call, resource_id, operation, deletion=False)


def _check(call: Call, resource_id: str, operation: str, *, deletion: bool) -> None:
    scope = group_id(resource_id)
    group = call.world.of(ResourcesState).groups.get(key(scope))
    if group is not None and any(deletion or lock.level == READ_ONLY for lock in group.locks):
        raise ArmError(
            409,
            "ScopeLocked",
            f"The scope '{resource_id}' cannot perform {operation} operation because following scope(s) are locked: '{scope}'. "
            "Please remove the lock and try again.",
        )
