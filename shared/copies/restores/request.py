"""The request of a restore, over HTTP and queue alike (docs/design/restores.md, "Request")."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StrictBool, WithJsonSchema, field_validator

from shared.arm.ids import resource_id_of
from shared.copies.copying.models import (
    Region,
    ResourceGroupName,
    RestorePointId,
    SubscriptionId,
    VirtualMachineId,
    check_tag,
)
from shared.copies.policies.fields import DurationSchema, DurationText, SentMoment, duration_between, refuse, whole
from shared.errors import ProblemJson
from shared.moments import Moment
from shared.operations.model.models import Operation
from shared.values.documents import Document, Request

MAX_MACHINES = 50
MAX_TAGS = 10
LAST_GROUP = 20
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
RESOLVED: str = "resolved"
"""The member of a stored request that names the restore points, fixed when it was accepted; a request that is sent cannot have it."""


class RestoreKind(StrEnum):
    """What is made: disks only, or machines with them."""

    DISKS = "disks"
    VIRTUAL_MACHINE = "virtualMachine"


class WaitFor(StrEnum):
    """When a machine is ready: once it runs, or once its agent reports too."""

    AGENT = "agent"
    RUNNING = "running"


class OnFailure(StrEnum):
    """What becomes of the disks and the interface of a machine that could not be made."""

    CLEAN_UP = "cleanUp"
    KEEP = "keep"


SubnetId = Annotated[str, resource_id_of("Microsoft.Network/virtualNetworks/subnets")]
SecurityGroupId = Annotated[str, resource_id_of("Microsoft.Network/networkSecurityGroups")]
AvailabilitySetId = Annotated[str, resource_id_of("Microsoft.Compute/availabilitySets")]
EncryptionSetId = Annotated[str, resource_id_of("Microsoft.Compute/diskEncryptionSets")]
SizeName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,79}$")]
AddressSchema = WithJsonSchema({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]})
"""What an acceptance takes (`rules.fields`); a stored request may hold an address that none is, such as 10.0.0.300."""
DiskSku = Annotated[
    str,
    Field(pattern=r"^(Standard|StandardSSD|Premium|PremiumV2|UltraSSD)_(LRS|ZRS)$"),
    WithJsonSchema({"type": "string", "pattern": r"^((Standard|StandardSSD|Premium|PremiumV2|UltraSSD)_LRS|(StandardSSD|Premium)_ZRS)$"}),
]
"""Its schema is what an acceptance takes (`rules.fields`); a stored request may hold another, such as Standard_ZRS."""
MachineName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9_-])?$")]


class RestoreSource(Request):
    """What a machine is made from: exactly one of a copy, a restore point of a copy, and a VM with a region: its newest usable copy."""

    copy_id: Annotated[str, Field(max_length=26)] | None = None
    restore_point_id: RestorePointId | None = None
    virtual_machine_id: VirtualMachineId | None = None
    region: Region | None = None


class RestoredDisks(Request):
    """Which disks are made, and how; without `only` all that were captured, `os` is the OS disk and a number a LUN."""

    only: Annotated[tuple[Annotated[int, whole(0, 63)] | Literal["os"], ...], Field(min_length=1, max_length=65)] | None = None
    sku: DiskSku | None = None
    disk_encryption_set_id: EncryptionSetId | None = None


class RestoredMachine(Request):
    """One machine; what is not given is as captured."""

    source: RestoreSource
    name: MachineName | None = None
    group: Annotated[int, whole(1, LAST_GROUP)] | None = None
    size: SizeName | None = None
    zone: Literal["1", "2", "3"] | None = None
    availability_set_id: AvailabilitySetId | None = None
    subnet_id: SubnetId | None = None
    private_ip_address: Annotated[str, Field(max_length=45, pattern=r"^[0-9a-fA-F.:]+$"), AddressSchema] | None = None
    network_security_group_id: SecurityGroupId | None = None
    disks: RestoredDisks = Field(default_factory=RestoredDisks)
    tags: dict[str, str] = {}

    @field_validator("tags")
    @classmethod
    def _tags_fit(cls, tags: dict[str, str]) -> dict[str, str]:
        return _checked_tags(tags)


class RestoreNetwork(Request):
    """Where machines are connected; a machine's own subnet and security group win."""

    subnet_id: SubnetId
    network_security_group_id: SecurityGroupId | None = None


class RestoreRequest(Request):
    """A request to restore disks, machines or an application. The reserved members of a queue message are taken out before."""

    kind: RestoreKind
    machines: Annotated[tuple[RestoredMachine, ...], Field(min_length=1, max_length=MAX_MACHINES)]
    at: SentMoment | None = Field(None, description="Each virtualMachineId means its newest usable copy taken at or before it.")
    resource_group: ResourceGroupName
    subscription_id: SubscriptionId | None = Field(None, description="Default: the subscription of the first copy.")
    network: RestoreNetwork | None = None
    drill: StrictBool = False
    keep_for: Annotated[timedelta, duration_between(timedelta(), 7 * _DAY), DurationText, DurationSchema] | None = None
    wait_for: WaitFor = WaitFor.AGENT
    boot_timeout: Annotated[timedelta, duration_between(5 * _MINUTE, 240 * _MINUTE), DurationText, DurationSchema] = 30 * _MINUTE
    on_failure: OnFailure = OnFailure.CLEAN_UP
    accept_connected_network: StrictBool = False
    reason: Annotated[str, Field(max_length=1000)] | None = None
    tags: dict[str, str] = {}

    @field_validator("tags")
    @classmethod
    def _tags_fit(cls, tags: dict[str, str]) -> dict[str, str]:
        return _checked_tags(tags)

    @property
    def kept_for(self) -> timedelta:
        """How long a drill is kept after its checks."""
        return self.keep_for or timedelta()


def _checked_tags(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > MAX_TAGS:
        raise refuse(f"{len(tags)} tags are given. Give {MAX_TAGS} at most.")
    for name, value in tags.items():
        check_tag(name, value)
    if len({name.lower() for name in tags}) < len(tags):
        raise refuse("Two tags differ only in the case of their names, which Azure treats as equal.")
    return tags


class AcceptedRequest(RestoreRequest):
    """A request as it is stored: the record of a policy's drill for which no VM was found names none."""

    machines: tuple[RestoredMachine, ...]


class ResolvedSource(Document):
    """The restore point that a machine is made from, fixed when the request was accepted; `copy_id` is None for one that is no copy's."""

    model_config = ConfigDict(extra="ignore")

    copy_id: str | None = None
    restore_point_id: str
    virtual_machine_id: str | None = None
    taken_at: Moment | None = None


class StoredRestore(Document):
    """What is stored of a request beside it: the sources, the policy of a drill by timer, the failed restore that a clean-up is of.

    `refused` is why a drill by timer could not begin; it then has no sources, holds no locks, and ends in its first step.
    """

    model_config = ConfigDict(extra="ignore")

    sources: tuple[ResolvedSource, ...]
    policy: str | None = None
    policy_id: str | None = None
    clean_up_of: str | None = None
    refused: ProblemJson | None = None


def request_of(operation: Operation) -> RestoreRequest:
    """Read the request of an operation."""
    return AcceptedRequest.model_validate({name: value for name, value in operation.body.items() if name not in {"id", "tenant", RESOLVED}})


def stored_of(operation: Operation) -> StoredRestore:
    """Read what was fixed when a request was accepted."""
    return StoredRestore.model_validate(operation.body[RESOLVED])
