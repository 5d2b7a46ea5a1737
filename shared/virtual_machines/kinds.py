"""What virtual machines are called in storage, queues and answers: the kind of operation, its queues and its actions."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from shared.access.roles import Role
from shared.operations.model.kinds import Kind
from shared.operations.model.models import Operation
from shared.tenant_queues import CHECKS, STEPS

DISK_ACCESSES: Final = "diskAccesses"
"""The table of accesses to disks."""


class Action(StrEnum):
    """What an operation of the kind `virtualMachine` does."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    START = "start"
    SHUT_DOWN = "shutDown"
    RESTART = "restart"
    ADD_DATA_DISK = "addDataDisk"
    MODIFY_DATA_DISK = "modifyDataDisk"
    REMOVE_DATA_DISK = "removeDataDisk"
    ADD_PORT = "addPort"
    REMOVE_PORT = "removePort"
    CAPTURE = "capture"
    CREATE_SERVICE = "createService"
    CREATE_IMAGE = "createImage"
    DELETE_IMAGE = "deleteImage"
    DELETE_DISK = "deleteDisk"
    GRANT_ACCESS = "grantAccess"
    REVOKE_ACCESS = "revokeAccess"
    # of machines on Azure Pack alone
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"
    SAVE = "save"
    REPAIR = "repair"
    CREATE_CHECKPOINT = "createCheckpoint"
    RESTORE_CHECKPOINT = "restoreCheckpoint"
    DELETE_CHECKPOINT = "deleteCheckpoint"


_COLLECTIONS: Mapping[str, str] = {
    Action.CREATE_SERVICE: "services",
    Action.CREATE_IMAGE: "images",
    Action.DELETE_IMAGE: "images",
    Action.DELETE_DISK: "disks",
    Action.GRANT_ACCESS: "disks",
    Action.REVOKE_ACCESS: "disks",
}
"""The collection of what an action is about, where that is not a machine."""


def _path(operation: Operation) -> str:
    target = str(operation.body.get("target", ""))
    collection = _COLLECTIONS.get(operation.action or "", "virtual-machines")
    return f"/tenants/{operation.tenant}/{collection}/{target.rpartition('/')[2]}"


VIRTUAL_MACHINE: Final = Kind(
    name="virtualMachine",
    resource="virtual-machines",
    noun="operation on a virtual machine",
    step_queue=STEPS,
    check_queue=CHECKS,
    read=Role.TENANTS_READ,
    write=Role.TENANTS_WRITE,
    path=_path,
)
