"""What data centers are called in storage, queues and answers."""

from enum import StrEnum
from typing import Final

from shared.access.roles import Role
from shared.operations.model.kinds import Kind
from shared.operations.model.models import Operation
from shared.tenant_queues import CHECKS, STEPS

TABLE: Final = "dataCenters"


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
    step_queue=STEPS,
    check_queue=CHECKS,
    read=Role.TENANTS_READ,
    write=Role.TENANTS_WRITE,
    path=_path,
    needs_admin=True,
)
