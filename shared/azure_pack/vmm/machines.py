"""Virtual machines as VMM has them, and what is sent to make or change one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import Field

from shared.azure_pack.odata.literals import Key
from shared.azure_pack.vmm.models import EMPTY, Entity
from shared.azure_pack.wire.model import Input, Model, Moment
from shared.values.hidden import Hidden

T = TypeVar("T")
Update = Literal["PUT", "MERGE"]
_CREATING: Final = "creating"


@dataclass(frozen=True, slots=True)
class Started(Generic[T]):
    """A job that began, as far as the answer names it, and the entity that it works on, where the answer has it."""

    job: Key | None
    entity: T | None = None


class Owner(Model):
    """Whose machine it is: the user, and the subscription as a role."""

    user_name: str | None = None
    role_name: str | None = None
    role_id: UUID | None = Field(default=None, alias="RoleID")


class NetworkAdapter(Entity):
    """A network adapter of a machine."""

    vm_network_name: str | None = Field(default=None, alias="VMNetworkName")
    addresses: tuple[str, ...] = Field(default=(), alias="IPv4Addresses")


class DiskDrive(Entity):
    """A disk of a machine."""

    lun: int | None = Field(default=None, alias="LUN")


class Machine(Entity):
    """A virtual machine; memory in MB, `total_size` in bytes. `role` is the VM role that it belongs to (inferred: the member's name)."""

    status_string: str | None = None
    cloud_id: UUID | None = None
    cpu_count: int | None = Field(default=None, alias="CPUCount")
    memory: int | None = None
    total_size: int | None = None
    computer_name: str | None = None
    operating_system: str | None = None
    description: str | None = None
    tag: str | None = None
    cost_center: str | None = None
    owner: Owner | None = None
    role: str | None = Field(default=None, alias="CloudVMRoleName")
    added_time: Moment | None = None
    modified_time: Moment | None = None
    most_recent_task: UUID | None = Field(default=None, alias="MostRecentTaskId")
    adapters: tuple[NetworkAdapter, ...] = Field(default=(), alias="VirtualNetworkAdapters")
    disks: tuple[DiskDrive, ...] = Field(default=(), alias="VirtualDiskDrives")

    @property
    def is_being_made(self) -> bool:
        """Whether it is not ready: a finished job of its creation is not the end."""
        status = (self.status_string or "").lower()
        return _CREATING in status


@dataclass(frozen=True, slots=True)
class MachineOwner:
    """The owner to give a new machine; without one a machine that an administrator makes is the administrator's."""

    user: str
    subscription: UUID

    def as_json(self) -> dict[str, str]:
        """Return VMM's Owner."""
        return {"UserName": self.user, "RoleName": f"{self.user}_{self.subscription}", "RoleID": str(self.subscription)}


@dataclass(frozen=True, slots=True)
class NewMachine:
    """A machine to create: of a template, or of a disk and a hardware profile. Memory in MB.

    `networks` are names: one for each adapter, None for an adapter without a network.
    """

    name: str
    stamp: UUID
    cloud: UUID
    template: UUID | None = None
    disk: UUID | None = None
    hardware_profile: UUID | None = None
    networks: Sequence[str | None] = ()
    computer_name: str | None = None
    admin_user: str | None = None
    admin_password: Hidden | None = None
    ssh_public_key: str | None = None
    cpu_count: int | None = None
    memory: int | None = None
    description: str | None = None
    tag: str | None = None
    cost_center: str | None = None
    owner: MachineOwner | None = None
    start: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the body; the one place that reveals the password."""
        given: dict[str, Any] = {
            "Name": self.name,
            "StampId": str(self.stamp),
            "CloudId": str(self.cloud),
            "VMTemplateId": _id(self.template),
            "VirtualHardDiskId": _id(self.disk),
            "HardwareProfileId": _id(self.hardware_profile),
            "ComputerName": self.computer_name,
            "LocalAdminUserName": self.admin_user,
            "LocalAdminPassword": None if self.admin_password is None else self.admin_password.reveal(),
            "LinuxAdministratorSSHKeyString": self.ssh_public_key,
            "CPUCount": self.cpu_count,
            "Memory": None if self.memory is None else str(self.memory),
            "Description": self.description,
            "Tag": self.tag,
            "CostCenter": self.cost_center,
            "Owner": None if self.owner is None else self.owner.as_json(),
        }
        body = {name: value for name, value in given.items() if value is not None}
        body["StartVM"] = self.start
        if self.networks:
            body["NewVirtualNetworkAdapterInput"] = [{} if each is None else {"VMNetworkName": each} for each in self.networks]
        return body


class MachineChange(Input):
    """What changes of a machine; None stays as it is. Memory in MB."""

    name: str | None = None
    description: str | None = None
    cpu_count: int | None = Field(default=None, alias="CPUCount")
    memory: int | None = None
    tag: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the body; VMM takes an Int64 as text."""
        body = super().as_json()
        if self.memory is not None:
            body["Memory"] = str(self.memory)
        return body


def _id(value: UUID | None) -> str | None:
    return None if value is None or value == EMPTY else str(value)
