"""What comes in: the bodies of the set-up writes. Members are named as the inventory's answers name them.

A body that is wrong raises `pydantic.ValidationError`.
"""

import re
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, model_validator
from pydantic.alias_generators import to_camel

from shared.arm.ids import ResourceId, resource_id_of
from shared.failovers.kinds import SetUpKind
from shared.failovers.vault.fields import NetworkId, ProtectedItemId, VmName, VmSize, refuse
from shared.failovers.vault.names import GroupType

T = TypeVar("T")
Kind = SetUpKind
CONTAINER_TYPE = "Microsoft.RecoveryServices/vaults/replicationFabrics/replicationProtectionContainers"
PROTECTABLE_ITEM_TYPE = f"{CONTAINER_TYPE}/replicationProtectableItems"
FABRIC_TYPE = "Microsoft.RecoveryServices/vaults/replicationFabrics"
POLICY_TYPE = "Microsoft.RecoveryServices/vaults/replicationPolicies"
VIRTUAL_MACHINE_TYPE = "Microsoft.Compute/virtualMachines"
STORAGE_ACCOUNT_TYPE = "Microsoft.Storage/storageAccounts"
AZURE = "Microsoft Azure"
"""What stands for the recovery side of everything that is replicated from Hyper-V to Azure."""
MAX_MEMBERS = 100
MAX_AT_ONCE = 100
LEGACY_FREQUENCY = 900

_NETWORK_PROVIDER = "microsoft.network"

_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", re.ASCII)
_GROUP_ID = re.compile(r"/subscriptions/[0-9a-fA-F-]{36}/resourceGroups/[A-Za-z0-9_.()-]{1,90}", re.ASCII | re.IGNORECASE)


class Change(StrEnum):
    """What is done to a thing of the vault."""

    PUT = "put"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


def thing_name(text: str) -> str:
    """Return a name that a thing of a vault may have; raises `ValueError`, in words."""
    if _NAME.fullmatch(text) is None or text.endswith("."):
        raise ValueError("a name has 1 to 80 letters, digits, hyphens, underscores and full stops, and begins with a letter or digit")
    return text


def _time_of_day(text: str) -> str:
    if _TIME_OF_DAY.fullmatch(text) is None:
        raise refuse("this is a time of the day, such as 22:30, or null for immediately")
    return text


def _frequency(seconds: int) -> int:
    if seconds not in {30, 300, LEGACY_FREQUENCY}:
        raise refuse("changes are copied every 30 or 300 seconds (or 900, which Azure offers no more)")
    return seconds


def _azure_or_fabric(text: str) -> str:
    return AZURE if text.lower() == AZURE.lower() else resource_id_of(FABRIC_TYPE).check(text)


def _azure_or_cloud(text: str) -> str:
    return AZURE if text.lower() == AZURE.lower() else resource_id_of(CONTAINER_TYPE).check(text)


def _policy(text: str) -> str:
    return resource_id_of(POLICY_TYPE).check(text) if "/" in text else thing_name(text)


def _resource_group(text: str) -> str:
    if _GROUP_ID.fullmatch(text) is None:
        raise refuse("this is no resource group: /subscriptions/{id}/resourceGroups/{name} is expected")
    return text


def some(found: tuple[T, ...]) -> tuple[T, ...]:
    """Refuse a list without members."""
    # not by `min_length`: pydantic counts what is right only, and would refuse one wrong member as none at all
    if not found:
        raise refuse("it is empty: give one at least")
    return found


CloudId = Annotated[str, resource_id_of(CONTAINER_TYPE)]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class CloudRequest(_Request):
    """A cloud that a policy is to be associated with; `target` is the container on the other side, by default Azure."""

    cloud: CloudId
    target: Annotated[str, AfterValidator(_azure_or_cloud)] = AZURE


class PolicyRequest(_Request):
    """A replication policy as it is to be. `clouds`, where given, are all those that it is associated with; left out, they stay."""

    provider: Literal["HyperVReplicaAzure", "A2A"] = "HyperVReplicaAzure"
    copy_frequency_seconds: Annotated[StrictInt, AfterValidator(_frequency)] | None = Field(None, description="30 or 300; 900 is legacy.")
    recovery_point_hours: Annotated[StrictInt, Field(ge=0, le=24)] = 24
    application_consistent_snapshot_hours: Annotated[StrictInt, Field(ge=0, le=12)] = Field(
        0, description="Every so many hours; 0 makes none."
    )
    start_at: Annotated[str, AfterValidator(_time_of_day)] | None = Field(None, description="A time of the day; null: immediately.")
    storage_account_id: Annotated[str, resource_id_of(STORAGE_ACCOUNT_TYPE)] | None = None
    clouds: Annotated[tuple[CloudRequest, ...], Field(max_length=50)] | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.application_consistent_snapshot_hours > self.recovery_point_hours:
            raise refuse("applicationConsistentSnapshotHours must not be more than recoveryPointHours")
        if self.provider == "A2A" and (self.copy_frequency_seconds or self.start_at or self.storage_account_id):
            raise refuse("a policy of A2A has no copyFrequencySeconds, startAt or storageAccountId: changes are copied all the time")
        return self


class NetworkMappingRequest(_Request):
    """A network of a VMM server, or a virtual network, and the one that its machines are put into on the recovery side."""

    primary_network: NetworkId
    recovery_network: NetworkId

    @model_validator(mode="after")
    def _azure_to_azure(self) -> Self:
        if self.is_between_azure and ResourceId.parse(self.recovery_network).provider.lower() != _NETWORK_PROVIDER:
            raise refuse("from a virtual network machines go into a virtual network: recoveryNetwork is one of a VMM server")
        return self

    @property
    def is_between_azure(self) -> bool:
        """Whether it maps a virtual network."""
        return ResourceId.parse(self.primary_network).provider.lower() == _NETWORK_PROVIDER


class ProtectionOptions(_Request):
    """With what machines are protected, whichever they are; `policy` is the replication policy's name or ARM id."""

    policy: Annotated[str, AfterValidator(_policy)]
    target_vm_size: VmSize | None = None
    network: NetworkId | None = None
    resource_group_id: Annotated[str, AfterValidator(_resource_group)] | None = None
    storage_account_id: Annotated[str, resource_id_of(STORAGE_ACCOUNT_TYPE)] | None = None


class ProtectRequest(ProtectionOptions):
    """A machine that is to be protected: one that a Hyper-V host has (`protectableItemId`), or one in Azure (`virtualMachineId`).

    `cloud` is the protection container of a machine in Azure, where its region has several.
    """

    protectable_item_id: Annotated[str, resource_id_of(PROTECTABLE_ITEM_TYPE)] | None = None
    virtual_machine_id: Annotated[str, resource_id_of(VIRTUAL_MACHINE_TYPE)] | None = None
    target_vm_name: VmName | None = None
    cloud: CloudId | None = None

    @model_validator(mode="after")
    def _one_machine(self) -> Self:
        if (self.protectable_item_id is None) == (self.virtual_machine_id is None):
            raise refuse("give one of protectableItemId (Hyper-V) and virtualMachineId (Azure)")
        if self.protectable_item_id is not None and self.cloud is not None:
            raise refuse("cloud cannot be chosen for a machine of a Hyper-V host: it is the one that the machine is in")
        if self.virtual_machine_id is not None:
            if self.target_vm_name or self.target_vm_size:
                raise refuse("targetVmName and targetVmSize of a machine in Azure are set once it is protected (PATCH)")
            if not (self.resource_group_id and self.storage_account_id):
                raise refuse("a machine in Azure needs resourceGroupId, where it is made, and storageAccountId, which gathers its changes")
        return self


class ProtectManyRequest(_Request):
    """Machines that are to be protected. A body without `items` is that of one machine."""

    items: Annotated[tuple[ProtectRequest, ...], AfterValidator(some), Field(max_length=MAX_AT_ONCE, json_schema_extra={"minItems": 1})]

    @model_validator(mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:  # noqa: ANN401  # whatever was sent
        return {"items": [value]} if isinstance(value, dict) and "items" not in value else value

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        named = [(one.protectable_item_id or one.virtual_machine_id or "").lower() for one in self.items]
        if len(set(named)) < len(named):
            raise refuse("a machine is named twice")
        return self


class UpdateItemRequest(_Request):
    """What a failover makes: the machine's name and size. What is left out stays."""

    target_vm_name: VmName | None = None
    target_vm_size: VmSize | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.target_vm_name is None and self.target_vm_size is None:
            raise refuse("give targetVmName, targetVmSize or both")
        return self


class ConfirmRequest(_Request):
    """The confirmation of what cannot be undone: the thing's own name."""

    confirm: Annotated[str, Field(min_length=1, max_length=260)]


class GroupRequest(_Request):
    """A group of a recovery plan; groups start in their order, the members of one side by side."""

    type: GroupType = GroupType.BOOT
    members: tuple[ProtectedItemId, ...] = ()

    @model_validator(mode="after")
    def _boot_only(self) -> Self:
        if self.members and self.type is not GroupType.BOOT:
            raise refuse(f"a group of the type {self.type} has no members of its own: they are in groups of the type Boot")
        return self


class RecoveryPlanRequest(_Request):
    """A recovery plan as it is to be. `primary` and `recovery` are fabric ids (or Microsoft Azure), by default those of its members."""

    primary: Annotated[str, resource_id_of(FABRIC_TYPE)] | None = None
    recovery: Annotated[str, AfterValidator(_azure_or_fabric)] | None = None
    groups: Annotated[tuple[GroupRequest, ...], AfterValidator(some), Field(max_length=9, json_schema_extra={"minItems": 1})]

    @model_validator(mode="after")
    def _members(self) -> Self:
        keys = [ResourceId.parse(member).key for group in self.groups for member in group.members]
        if not keys:
            raise refuse("a recovery plan has one member at least")
        if len(keys) > MAX_MEMBERS:
            raise refuse(f"a recovery plan has {MAX_MEMBERS} members at most; there are {len(keys)}")
        if len(set(keys)) < len(keys):
            raise refuse("an item can be in one group of a recovery plan only")
        for single in (GroupType.SHUTDOWN, GroupType.FAILOVER):
            if sum(group.type is single for group in self.groups) > 1:
                raise refuse(f"there is one group of the type {single} at most")
        return self
