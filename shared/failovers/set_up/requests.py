"""The bodies of the set-up requests. Members have the names that they have in the answers of the inventory.

An invalid body raises `pydantic.ValidationError`. Null counts as absent.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, StrictBool, StrictInt, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from shared.arm.ids import ResourceId, resource_id_of
from shared.failovers.kinds import SetUpKind
from shared.failovers.vault.fields import NetworkId, ProtectedItemId, VmName, VmSize, refuse
from shared.failovers.vault.limits import MAX_BOOT_GROUPS, MAX_RECOVERY_POINT_HOURS, MAX_SNAPSHOT_HOURS
from shared.failovers.vault.names import GroupType, Provider
from shared.values.documents import Request

T = TypeVar("T")
Kind = SetUpKind
CONTAINER_TYPE = "Microsoft.RecoveryServices/vaults/replicationFabrics/replicationProtectionContainers"
PROTECTABLE_ITEM_TYPE = f"{CONTAINER_TYPE}/replicationProtectableItems"
FABRIC_TYPE = "Microsoft.RecoveryServices/vaults/replicationFabrics"
POLICY_TYPE = "Microsoft.RecoveryServices/vaults/replicationPolicies"
VIRTUAL_MACHINE_TYPE = "Microsoft.Compute/virtualMachines"
STORAGE_ACCOUNT_TYPE = "Microsoft.Storage/storageAccounts"
PROXIMITY_PLACEMENT_GROUP_TYPE = "Microsoft.Compute/proximityPlacementGroups"
DISK_ENCRYPTION_SET_TYPE = "Microsoft.Compute/diskEncryptionSets"
AZURE = "Microsoft Azure"
"""The recovery side of everything that is replicated from Hyper-V to Azure, in place of an ARM id."""
MAX_MEMBERS = 100
MAX_AT_ONCE = 100
LEGACY_FREQUENCY = 900
IMMEDIATELY = "immediately"
"""The `startAt` that clears a time of the day."""

_NETWORK_PROVIDER = "microsoft.network"

_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", re.ASCII)
_ZONE = re.compile(r"[1-9][0-9]?", re.ASCII)
_DISK_TYPE = re.compile(r"[A-Za-z0-9]{1,20}_[A-Za-z]{1,10}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", re.ASCII)
_GROUP_ID = re.compile(r"/subscriptions/[0-9a-fA-F-]{36}/resourceGroups/[A-Za-z0-9_.()-]{1,90}", re.ASCII | re.IGNORECASE)


class Change(StrEnum):
    """What is done to a thing of the vault."""

    PUT = "put"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


def thing_name(text: str) -> str:
    """Return a name that a thing of a vault may have; raises `ValueError`."""
    if _NAME.fullmatch(text) is None or text.endswith("."):
        raise ValueError("a name has 1 to 80 letters, digits, hyphens, underscores and full stops, and begins with a letter or digit")
    return text


def _time_of_day(text: str) -> str:
    if text.lower() == IMMEDIATELY:
        return IMMEDIATELY
    if _TIME_OF_DAY.fullmatch(text) is None:
        raise refuse(f"'{text[:20]}' is not a time of the day, such as 22:30, or {IMMEDIATELY}")
    return text


def _zone(text: str) -> str:
    if _ZONE.fullmatch(text) is None:
        raise refuse(f"'{text[:20]}' is not an availability zone, such as 1, 2 or 3")
    return text


def _disk_type(text: str) -> str:
    if _DISK_TYPE.fullmatch(text) is None:
        raise refuse(f"'{text[:40]}' is not a type of managed disks, such as Premium_LRS, StandardSSD_ZRS or PremiumV2_LRS")
    return text


def _frequency(seconds: int) -> int:
    if seconds not in {30, 300, LEGACY_FREQUENCY}:
        raise refuse("changes are copied every 30 or 300 seconds (or 900, which Azure no longer offers)")
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


class CloudRequest(Request):
    """A cloud that a policy is to be associated with; `target` is the container on the other side, by default Azure."""

    cloud: CloudId
    target: Annotated[str, AfterValidator(_azure_or_cloud)] = AZURE


def faults_of(model: str, found: Sequence[tuple[str, str]]) -> ValidationError:
    """Return the error that names each wrong field of a body with its reason; `found` holds pairs of both, the fields as sent."""
    errors = [
        InitErrorDetails(type=PydanticCustomError("farshore_field", "{text}", {"text": message}), loc=(field,), input=None)
        for field, message in found
    ]
    return ValidationError.from_exception_data(model, errors)


class PolicyRequest(Request):
    """A replication policy as requested. What is left out keeps its value where the policy exists.

    `clouds` are all those that it is to be associated with.
    """

    provider: Literal["HyperVReplicaAzure", "A2A"] | None = Field(None, description="Default for a new policy: HyperVReplicaAzure.")
    copy_frequency_seconds: Annotated[StrictInt, AfterValidator(_frequency)] | None = Field(
        None, description="30 or 300; 900 is legacy. Default for a new policy: 300."
    )
    recovery_point_hours: Annotated[StrictInt, Field(ge=0, le=max(MAX_RECOVERY_POINT_HOURS.values()))] | None = Field(
        None, description="At most 24 for HyperVReplicaAzure, 360 for A2A. Default for a new policy: 24."
    )
    application_consistent_snapshot_hours: Annotated[StrictInt, Field(ge=0)] | None = Field(
        None, description="The hours between them; 0 makes none. Default for a new policy: 0."
    )
    start_at: Annotated[str, AfterValidator(_time_of_day)] | None = Field(
        None, description="A time of the day, or immediately. Default for a new policy: immediately."
    )
    storage_account_id: Annotated[str, resource_id_of(STORAGE_ACCOUNT_TYPE)] | None = None
    clouds: Annotated[tuple[CloudRequest, ...], Field(max_length=50)] | None = None

    @model_validator(mode="after")
    def _fits_the_provider(self) -> Self:
        found = self.faults(Provider(self.provider)) if self.provider is not None else []
        hours, between = self.recovery_point_hours, self.application_consistent_snapshot_hours
        if hours is not None and between is not None and between > hours:
            found.append(("applicationConsistentSnapshotHours", f"{between} hours are more than the {hours} of recoveryPointHours."))
        if found:
            raise faults_of("PolicyRequest", found)
        return self

    def faults(self, provider: Provider) -> list[tuple[str, str]]:
        """Return each field that a policy of a provider cannot have, with the reason."""
        found = []
        hours, longest = self.recovery_point_hours, MAX_RECOVERY_POINT_HOURS[provider]
        if hours is not None and hours > longest:
            found.append(("recoveryPointHours", f"A policy of {provider} keeps recovery points for {longest} hours at most, not {hours}."))
        between, most = self.application_consistent_snapshot_hours, MAX_SNAPSHOT_HOURS.get(provider)
        if between is not None and most is not None and between > most:
            message = f"Application-consistent recovery points of {provider} are {most} hours apart at most, not {between}."
            found.append(("applicationConsistentSnapshotHours", message))
        if provider is Provider.A2A:
            given = {
                "copyFrequencySeconds": self.copy_frequency_seconds,
                "startAt": self.start_at,
                "storageAccountId": self.storage_account_id,
            }
            message = "A policy of A2A has no such setting: its machines are replicated continuously."
            found += [(field, message) for field, value in given.items() if value is not None]
        return found


class NetworkMappingRequest(Request):
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


class ProtectionOptions(Request):
    """The settings with which machines are protected; `policy` is the replication policy's name or ARM id.

    `osType` is used for machines of Hyper-V hosts whose operating system Azure does not report. `availabilityZone`,
    `proximityPlacementGroupId`, `diskEncryptionSetId` and `diskType` are those of the machine that a failover makes.
    """

    policy: Annotated[str, AfterValidator(_policy)]
    target_vm_size: VmSize | None = None
    network: NetworkId | None = None
    resource_group_id: Annotated[str, AfterValidator(_resource_group)] | None = None
    storage_account_id: Annotated[str, resource_id_of(STORAGE_ACCOUNT_TYPE)] | None = None
    os_type: Literal["Windows", "Linux"] | None = None
    availability_zone: Annotated[str, AfterValidator(_zone)] | None = None
    proximity_placement_group_id: Annotated[str, resource_id_of(PROXIMITY_PLACEMENT_GROUP_TYPE)] | None = None
    disk_encryption_set_id: Annotated[str, resource_id_of(DISK_ENCRYPTION_SET_TYPE)] | None = None
    disk_type: Annotated[str, AfterValidator(_disk_type)] | None = Field(None, description="Such as PremiumV2_LRS.")

    @property
    def targets(self) -> dict[str, str | None]:
        """The ARM ids of what the protection leads to, by their fields."""
        return {
            "network": self.network,
            "resourceGroupId": self.resource_group_id,
            "storageAccountId": self.storage_account_id,
            "proximityPlacementGroupId": self.proximity_placement_group_id,
            "diskEncryptionSetId": self.disk_encryption_set_id,
        }


class ProtectRequest(ProtectionOptions):
    """A machine to protect: one of a Hyper-V host (`protectableItemId`), or one in Azure (`virtualMachineId`).

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
            if self.os_type:
                raise refuse("osType is for machines of Hyper-V hosts: Azure knows that of a machine in Azure")
            if not (self.resource_group_id and self.storage_account_id):
                raise refuse("a machine in Azure needs resourceGroupId, where it is made, and storageAccountId, which gathers its changes")
        return self


class ProtectManyRequest(Request):
    """Machines to protect. A body without `items` is that of one machine."""

    items: Annotated[tuple[ProtectRequest, ...], AfterValidator(some), Field(max_length=MAX_AT_ONCE, json_schema_extra={"minItems": 1})]

    @model_validator(mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:  # noqa: ANN401  # whatever was sent
        if not isinstance(value, dict) or "items" in value:
            return value
        known = {name for name, field in ProtectRequest.model_fields.items()} | set(machine_fields())
        unknown = [name for name in value if name not in known]
        if unknown:
            message = f"This field is unknown. The known fields are {', '.join(machine_fields())}, and items for several machines."
            raise faults_of("ProtectRequest", [(name, message) for name in unknown])
        return {"items": [value]}

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        named = [(one.protectable_item_id or one.virtual_machine_id or "").lower() for one in self.items]
        if len(set(named)) < len(named):
            raise refuse("a machine is named twice")
        return self


def machine_fields() -> list[str]:
    """Return the fields of a machine to protect, as they are sent."""
    return sorted(field.alias or name for name, field in ProtectRequest.model_fields.items())


class UpdateItemRequest(Request):
    """What a failover makes: the machine's name and size. What is left out stays."""

    target_vm_name: VmName | None = None
    target_vm_size: VmSize | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.target_vm_name is None and self.target_vm_size is None:
            raise refuse("give targetVmName, targetVmSize or both")
        return self


class ConfirmRequest(Request):
    """The confirmation of what cannot be undone: the thing's own name."""

    confirm: Annotated[str, Field(min_length=1, max_length=260)]


class GroupRequest(Request):
    """A group of a recovery plan; groups start in their order, the members of one in parallel."""

    type: GroupType = GroupType.BOOT
    members: tuple[ProtectedItemId, ...] = ()

    @model_validator(mode="after")
    def _boot_only(self) -> Self:
        if self.members and self.type is not GroupType.BOOT:
            raise refuse(f"a group of the type {self.type} has no members of its own: they are in groups of the type Boot")
        return self


def _boot_groups(groups: tuple[GroupRequest, ...]) -> tuple[GroupRequest, ...]:
    boot = sum(group.type is GroupType.BOOT for group in groups)
    if boot > MAX_BOOT_GROUPS:
        raise refuse(f"a recovery plan has {MAX_BOOT_GROUPS} groups of the type Boot at most; there are {boot}")
    return groups


class RecoveryPlanRequest(Request):
    """A recovery plan as requested. `primary` and `recovery` are fabric ids (or Microsoft Azure), by default those of its members.

    Scripts and manual actions of an existing plan stay with the group that has the members of theirs. Where an action would lose its
    group, the request is refused, unless `dropActions` is true.
    """

    primary: Annotated[str, resource_id_of(FABRIC_TYPE)] | None = None
    recovery: Annotated[str, AfterValidator(_azure_or_fabric)] | None = None
    groups: Annotated[
        tuple[GroupRequest, ...],
        AfterValidator(some),
        AfterValidator(_boot_groups),
        Field(max_length=MAX_BOOT_GROUPS + 2, json_schema_extra={"minItems": 1}),
    ]
    drop_actions: StrictBool = Field(False, description="Remove the scripts and manual actions whose group is no longer there.")

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
