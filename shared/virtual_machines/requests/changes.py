"""The bodies of changes: power, update, deletion, disks, images, access, capture and services."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictInt, StrictStr, WithJsonSchema, model_validator

from shared.secrets.requests import SecretInput
from shared.values.documents import Request
from shared.values.durations import duration_text, parse_duration
from shared.virtual_machines.requests.fields import (
    Confirmation,
    Description,
    Flag,
    GroupName,
    Label,
    MachineName,
    Path,
    RegionName,
    ResourceName,
    ServiceName,
    SizeName,
    SshKeys,
    SubscriptionId,
    TagChanges,
    Tags,
    refuse,
    refuse_fields,
)
from shared.virtual_machines.requests.machine import DiskContent, secret_problems, source_problems
from shared.virtual_machines.rules.disks import LARGEST_DISK_GB, LARGEST_OS_DISK_GB, Caching
from shared.virtual_machines.rules.names import OsType

LONGEST_ACCESS = timedelta(days=60)
SHORTEST_ACCESS = timedelta(minutes=1)
DeleteDisks = Literal["none", "os", "all"]
"""Which of a machine's disks are deleted with it; a capture takes `all` only from requests that an earlier version has accepted."""


class ShutDown(Request):
    """How far a machine is shut down; required, because a machine that is stopped but not deallocated is still billed."""

    state: Literal["stopped", "deallocated"]


class DeleteMachine(Request):
    """The deletion of a machine; `confirm` is its name."""

    confirm: Confirmation
    delete_disks: DeleteDisks = "none"


class UpdateOsDisk(Request):
    """What can be changed of a machine's OS disk."""

    size_gb: Annotated[StrictInt, Field(ge=1, le=LARGEST_OS_DISK_GB)] | None = Field(None, alias="sizeGB")
    caching: Caching | None = None


class UpdateMachine(Request):
    """What can be changed of a machine; what is left out stays as it is."""

    size: SizeName | None = None
    os_disk: UpdateOsDisk | None = None
    tags: TagChanges | None = None
    accept_interruption: Flag = False
    accept_deallocation: Flag = False


class ModifyDataDisk(Request):
    """What can be changed of a data disk."""

    caching: Caching | None = None
    size_gb: Annotated[StrictInt, Field(ge=1, le=LARGEST_DISK_GB)] | None = Field(None, alias="sizeGB")
    accept_interruption: Flag = False

    @model_validator(mode="after")
    def _changes_something(self) -> "ModifyDataDisk":
        if self.caching is None and self.size_gb is None:
            raise refuse("Give caching, sizeGB or both.")
        return self


class RemoveDataDisk(Request):
    """The removal of a data disk from its machine; with `deleteDisk`, `confirm` is the disk's name."""

    delete_disk: Flag = False
    confirm: Confirmation | None = None

    @model_validator(mode="after")
    def _is_confirmed(self) -> "RemoveDataDisk":
        if self.delete_disk and self.confirm is None:
            refuse_fields("removal", [(("confirm",), "The name of the disk is required where it is deleted.")])
        return self


class Confirmed(Request):
    """A deletion; `confirm` is the name."""

    confirm: Confirmation


class CreateService(Request):
    """A new service: a resource group for machines."""

    name: ServiceName
    region: RegionName | None = None
    label: Label | None = None
    description: Description = "Service host"
    subscription_id: SubscriptionId | None = None
    tags: Tags = Field(default_factory=dict)


class CreateImage(Request):
    """A new image, of a generalized disk, snapshot or blob; that it was generalized cannot be checked."""

    name: ResourceName
    source: DiskContent
    os_type: OsType
    generation: Literal["V1", "V2"] | None = None
    label: Label | None = None
    category: Label | None = None
    recommended_size: SizeName | None = None
    service: GroupName
    region: RegionName | None = None
    subscription_id: SubscriptionId | None = None

    @model_validator(mode="after")
    def _fits(self) -> "CreateImage":
        refuse_fields("image", source_problems(self.source))
        return self


def _access_duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    try:
        span = parse_duration(value) if isinstance(value, str) else None
    except ValueError:
        span = None
    if span is None or not SHORTEST_ACCESS <= span <= LONGEST_ACCESS:
        bounds = f"{duration_text(SHORTEST_ACCESS)} to {duration_text(LONGEST_ACCESS)}"
        raise refuse(f"The duration of an access is ISO 8601, from {bounds}, for example PT4H.")
    return span


class GrantAccess(Request):
    """Read access to a disk for a limited time."""

    duration: Annotated[
        timedelta, BeforeValidator(_access_duration), WithJsonSchema({"type": "string", "format": "duration", "examples": ["PT4H"]})
    ] = timedelta(hours=1)


class Reprovision(Request):
    """The administrator of the machine that is made anew from its image."""

    admin_username: Annotated[StrictStr, Field(min_length=1, max_length=64)]
    admin_password: SecretInput
    computer_name: MachineName | None = None
    ssh_public_keys: SshKeys = ()

    @model_validator(mode="after")
    def _fits(self) -> "Reprovision":
        refuse_fields("reprovision", secret_problems(("adminPassword",), self.admin_password))
        return self


class Capture(Request):
    """An image of a machine's OS disk; the machine can never start again, and is deleted or made anew."""

    image_name: ResourceName
    label: Label | None = None
    after: Literal["delete", "reprovision"]
    prepared: Any = Field(json_schema_extra={"type": "boolean", "const": True})
    confirm: Confirmation
    delete_disks: Annotated[DeleteDisks, WithJsonSchema({"type": "string", "enum": ["none", "os"]})] = "none"
    reprovision: Reprovision | None = None

    @model_validator(mode="after")
    def _fits(self) -> "Capture":
        refuse_fields("capture", self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Path, str]]:
        if self.prepared is not True:
            yield ("prepared",), "Send true once sysprep or waagent -deprovision has run in the machine."
        if self.after == "delete" and self.reprovision is not None:
            yield ("reprovision",), "The machine is deleted after the capture. Leave reprovision out."
        if self.after == "reprovision" and self.reprovision is None:
            yield ("reprovision",), "This field is required where the machine is made anew."
