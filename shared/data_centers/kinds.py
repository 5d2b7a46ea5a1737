"""What data centers are called in storage, queues and answers."""

from enum import StrEnum
from typing import Final

from shared.access.roles import Role
from shared.operations.model.kinds import Kind
from shared.operations.model.models import Operation

TABLE: Final = "dataCenters"
REQUESTS: Final = "tenant-requests"
"""The queue that takes other systems' messages, shared with a tenant's machines."""


class Action(StrEnum):
    """What can be asked of a data center."""

    CREATE = "create"
    CHANGE = "change"
    SUSPEND = "suspend"
    RESUME = "resume"
    DELETE = "delete"
    NEW_SECRET = "newSecret"  # noqa: S105  # a name, not a secret


def _path(operation: Operation) -> str:
    return f"/tenants/{operation.tenant}/data-centers/{operation.body.get('target', '')}"


DATA_CENTER: Final = Kind(
    name="dataCenter",
    resource="data-centers",
    noun="data center",
    step_queue="tenant-steps",
    check_queue="tenant-checks",
    read=Role.TENANTS_READ,
    write=Role.TENANTS_WRITE,
    path=_path,
    needs_admin=True,
)
