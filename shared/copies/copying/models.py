"""Requests and answers of `/restore-point-copies`, over HTTP and queue alike (docs/design/copies.md).

A request that is wrong raises `pydantic.ValidationError`, whose errors carry the path of the field as the sender wrote it
(`source.vmId`) and a sentence that can be shown as it is.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from shared.arm.ids import resource_id_of
from shared.errors import ProblemJson
from shared.moments import Moment
from shared.operations.model.models import Actor, Attention, Operation, Status
from shared.values.documents import Document, Request
from shared.values.sent import SentBody

DISK_TYPE = "Microsoft.Compute/disks"
RESTORE_POINT_TYPE = "Microsoft.Compute/restorePointCollections/restorePoints"
VIRTUAL_MACHINE_TYPE = "Microsoft.Compute/virtualMachines"

MAX_RESOURCE_GROUP = 90
MAX_COLLECTION = 80
MAX_TAGS = 15
MAX_TAG_NAME = 512
MAX_TAG_VALUE = 256
ORIGIN = "policyRun"
"""The member of a stored request that names the run of a policy; a request that is sent cannot have it."""
RESERVED_TAG_PREFIX = "farshore-"
"""The prefix of the tags that Farshore writes on collections; a request cannot set them."""

_REGION = re.compile(r"[a-z][a-z0-9]{1,49}")
_RESOURCE_GROUP = r"^\.?[\w()-]+(\.[\w()-]+)*$"
_COLLECTION = r"^[A-Za-z0-9](([A-Za-z0-9_-]|\.[A-Za-z0-9_-])*\.?[A-Za-z0-9_])?$"
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NOT_IN_A_TAG_NAME = frozenset("<>%&\\?/")


class ConsistencyMode(StrEnum):
    """What a restore point promises of the data on its disks (Azure's ConsistencyModeTypes)."""

    CRASH_CONSISTENT = "CrashConsistent"
    FILE_SYSTEM_CONSISTENT = "FileSystemConsistent"
    APPLICATION_CONSISTENT = "ApplicationConsistent"


def normal_region(text: str) -> str:
    """Return the name that ARM uses for a region, from it or from its display name: `West Europe` → `westeurope`.

    Raises `ValueError` for what cannot be a region's name. Whether the region exists is not known here.
    """
    name = "".join(text.split()).lower()
    if not name:
        raise ValueError("it is empty; the name of an Azure region is expected, such as westeurope")
    if _REGION.fullmatch(name) is None:
        raise ValueError(f"'{text[:60]}' cannot be the name of an Azure region, such as westeurope or West Europe")
    return name


def _with_message(check: Callable[[str], str]) -> Callable[[str], str]:
    # pydantic puts "Value error, " before the message of a ValueError
    def checked(text: str) -> str:
        try:
            return check(text)
        except ValueError as wrong:
            raise PydanticCustomError("farshore", "{text}", {"text": str(wrong)}) from None

    return checked


def _resource_group(text: str) -> str:
    """Rules of Microsoft.Resources/resourceGroups: "Naming rules and restrictions for Azure resources"."""
    if len(text) > MAX_RESOURCE_GROUP or re.fullmatch(_RESOURCE_GROUP, text) is None:
        raise ValueError(
            "the name of a resource group has 1 to 90 letters, digits, underscores, hyphens, full stops and parentheses, "
            "no full stop at its end and no two in a row"
        )
    return text


def _collection(text: str) -> str:
    """Rules of names in Microsoft.Compute: "Naming rules and restrictions for Azure resources" (as for snapshots and images)."""
    if len(text) > MAX_COLLECTION or re.fullmatch(_COLLECTION, text) is None:
        raise ValueError(
            "the name of a restore point collection has 1 to 80 letters (a-z), digits, underscores, hyphens and full stops; "
            "it begins with a letter or digit, ends with one or an underscore, and has no two full stops in a row"
        )
    return text


def _subscription(text: str) -> str:
    if _GUID.fullmatch(text.lower()) is None:
        raise ValueError("a subscription's id is a GUID, such as 00000000-0000-0000-0000-000000000001")
    return text.lower()


def _text(check: Callable[[str], str], **schema: object) -> tuple[AfterValidator, WithJsonSchema]:
    return AfterValidator(_with_message(check)), WithJsonSchema({"type": "string", **schema})


_region_rule, _region_schema = _text(normal_region, pattern="^[A-Za-z][A-Za-z0-9 ]{0,48}[A-Za-z0-9]$", examples=["westeurope"])
_group_rule, _group_schema = _text(_resource_group, minLength=1, maxLength=MAX_RESOURCE_GROUP, pattern=_RESOURCE_GROUP)
_collection_rule, _collection_schema = _text(_collection, minLength=1, maxLength=MAX_COLLECTION, pattern=_COLLECTION)
_subscription_rule, _subscription_schema = _text(
    _subscription, pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", examples=["00000000-0000-0000-0000-000000000001"]
)

Region = Annotated[str, _region_rule, _region_schema]
"""A region's name or display name; the value is the name that ARM uses."""
ResourceGroupName = Annotated[str, _group_rule, _group_schema]
CollectionName = Annotated[str, _collection_rule, _collection_schema]
SubscriptionId = Annotated[str, _subscription_rule, _subscription_schema]
"""A GUID; the value is in lower case."""
DiskId = Annotated[str, resource_id_of(DISK_TYPE)]
RestorePointId = Annotated[str, resource_id_of(RESTORE_POINT_TYPE)]
VirtualMachineId = Annotated[str, resource_id_of(VIRTUAL_MACHINE_TYPE)]


def _refuse(message: str) -> PydanticCustomError:
    return PydanticCustomError("farshore", "{text}", {"text": message})


class CopySource(Request):
    """What to copy: a restore point, or a VM of which one is made first."""

    restore_point_id: RestorePointId | None = Field(None, description="The restore point to copy.")
    virtual_machine_id: VirtualMachineId | None = Field(None, description="The VM of which a restore point is made and copied.")
    consistency_mode: ConsistencyMode | None = Field(
        None, description="With virtualMachineId only; without it Azure's default, application-consistent."
    )
    exclude_disks: tuple[DiskId, ...] = Field(
        (), max_length=100, description="With virtualMachineId only: ids of the VM's disks that the restore point leaves out."
    )

    @field_validator("consistency_mode")
    @classmethod
    def _mode_is_fixed(cls, value: ConsistencyMode | None, info: ValidationInfo) -> ConsistencyMode | None:
        if value is not None and info.data.get("restore_point_id") is not None:
            raise _refuse("the consistency of a restore point is fixed when it is made: leave this out, or give virtualMachineId")
        return value

    @field_validator("exclude_disks")
    @classmethod
    def _disks_are_fixed(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """`excludeDisks` is possible at the creation only, never at the copy (docs/azure/restore-points.md)."""
        if value and info.data.get("restore_point_id") is not None:
            raise _refuse("disks can be left out only when a restore point is made: leave this out, or give virtualMachineId")
        return tuple({disk.lower(): disk for disk in value}.values())

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.restore_point_id is not None and self.virtual_machine_id is not None:
            raise _refuse("both restorePointId and virtualMachineId are given: give the one that is to be copied")
        if self.restore_point_id is None and self.virtual_machine_id is None:
            raise _refuse("neither restorePointId nor virtualMachineId is given: one of them is needed")
        return self


class CopyTarget(Request):
    """Where the copy goes. By default the subscription is the source's, and the collection's name is made from the source's."""

    region: Region = Field(description="An Azure region other than the source's, by name or display name.")
    resource_group: ResourceGroupName = Field(description="An existing resource group for the target collection.")
    subscription_id: SubscriptionId | None = Field(None, description="Default: the source's subscription.")
    collection: CollectionName | None = Field(None, description="The target restore point collection; created if it does not exist.")


class CopyRequest(Request):
    """A request to copy a restore point to another region. The reserved members of a queue message are taken out before."""

    source: CopySource
    target: CopyTarget
    tags: dict[str, str] = Field(
        default_factory=dict,
        description="Stored with the copy, and put on each collection that is created for it.",
        json_schema_extra={
            "maxProperties": MAX_TAGS,
            "propertyNames": {"minLength": 1, "maxLength": MAX_TAG_NAME, "pattern": r"^[^<>%&\\?/]+$"},
            "additionalProperties": {"type": "string", "maxLength": MAX_TAG_VALUE},
        },
    )

    @field_validator("tags")
    @classmethod
    def _tags_fit(cls, tags: dict[str, str]) -> dict[str, str]:
        """Limits of docs/design/copies.md; characters and case of ARM's tag names ("Use tags to organize your Azure resources")."""
        if len(tags) > MAX_TAGS:
            raise _refuse(f"{len(tags)} tags are given; at most {MAX_TAGS} are possible")
        for name, value in tags.items():
            check_tag(name, value)
        if len({name.lower() for name in tags}) < len(tags):
            raise _refuse("two tags differ only in the case of their names; Azure treats them as one")
        return tags


class CopyOrigin(Document):
    """The run of a policy that a copy was made by: a member of the stored request, `policyRun`.

    `point` is the name of the restore point, which all copies of the run and VM share; `vm_id` the VM's own id. `slot` is that of the run,
    None for one that a person started. `fallback`: a crash-consistent restore point is made where the guest fails.
    """

    model_config = ConfigDict(extra="ignore")

    policy: str
    policy_id: str
    run: str
    slot: Moment | None = None
    vm_id: str = ""
    point: str
    fallback: bool = False


def origin_of(operation: Operation) -> CopyOrigin | None:
    """Return the run that an operation's copy was made by, or None where a caller asked for it."""
    stored = operation.body.get(ORIGIN)
    return CopyOrigin.model_validate(stored) if isinstance(stored, dict) else None


def request_of(operation: Operation) -> CopyRequest:
    """Read the request of an operation."""
    return CopyRequest.model_validate(sent_of(operation).members)


def sent_of(operation: Operation) -> SentBody:
    """Return the request of an operation as it was sent, without the reserved members of a queue message and the run that made it."""
    return SentBody(operation.body).without("id", "tenant", ORIGIN)


def check_tag(name: str, value: str) -> None:
    """Raise pydantic's error of a value for a tag that Azure or Farshore refuses."""
    shown = name if len(name) <= 40 else f"{name[:40]}…"
    if not name.strip():
        raise _refuse("the name of a tag is empty")
    if len(name) > MAX_TAG_NAME:
        raise _refuse(f"the name of the tag '{shown}' has {len(name)} characters; at most {MAX_TAG_NAME} are possible")
    if not _NOT_IN_A_TAG_NAME.isdisjoint(name):
        raise _refuse(f"the name of the tag '{shown}' contains one of < > % & \\ ? / which Azure refuses")
    if name.lower().startswith(RESERVED_TAG_PREFIX):
        raise _refuse(f"the tag '{shown}' begins with {RESERVED_TAG_PREFIX}, which is reserved")
    if len(value) > MAX_TAG_VALUE:
        raise _refuse(f"the value of the tag '{shown}' has {len(value)} characters; at most {MAX_TAG_VALUE} are possible")


class DiskState(StrEnum):
    """How far the copy of one disk is."""

    REPLICATING = "Replicating"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


Percent = Annotated[int, Field(ge=0, le=100)]


class CopiedDisk(Document):
    """One disk of a copy: the disk restore point in the target region."""

    id: str
    state: DiskState
    percent_complete: Percent


class CopiedFrom(Document):
    """Where a copy comes from; `restorePointId` and `takenAt` are null until the restore point of a VM is made."""

    virtual_machine_id: str | None
    restore_point_id: str | None
    region: str | None
    taken_at: Moment | None
    vm_id: str | None = Field(None, description="The VM's own id, where a run of a policy copied it.")
    consistency_mode: ConsistencyMode | None = Field(None, description="What the restore point promises, once it is made.")


class CopiedTo(Document):
    """Where a copy goes; `restorePointId` is the copy's own id in Azure, there once it has been started."""

    restore_point_id: str | None
    region: str


class CopyDeletion(Document):
    """The operation that deleted a copy; `rule`, `policy` and `revision` are null where a caller asked for it."""

    operation_id: str
    rule: str | None = None
    policy: str | None = None
    revision: int | None = None


class Copy(Document):
    """A copy as callers see it. `usable` is true once every disk has arrived, until it is deleted."""

    id: str
    tenant: str
    status: Status
    step: str
    percent_complete: Percent = Field(description="The mean over the disks; 100 only when usable.")
    usable: bool
    source: CopiedFrom
    target: CopiedTo
    disks: tuple[CopiedDisk, ...] = ()
    created_at: Moment
    started_at: Moment | None = Field(None, description="When Azure began to copy.")
    completed_at: Moment | None = None
    error: ProblemJson | None = None
    checks: int = Field(0, ge=0, description="How often the replication status was read so far.")
    waiting_for: str | None = Field(None, description="Why it has not started yet, a clause for a person: what its chain waits for.")
    attention: Attention | None = None
    requested_by: Actor
    tags: dict[str, str] = Field(default_factory=dict)
    policy: str | None = Field(None, description="The copy policy that requested it, null where a caller did.")
    run: str | None = Field(None, description="The run of the policy that requested it.")
    slot: Moment | None = Field(None, description="The slot of that run.")
    superseded_by: str | None = Field(None, description="The newer copy of the chain that took its place before it started.")
    deleted_at: Moment | None = Field(None, description="When its restore point was deleted by Farshore; the copy stays in lists.")
    deleted_by: Actor | None = None
    deletion: CopyDeletion | None = None
