"""A tenant as the registry stores it (docs/design/tenants.md).

Rows of earlier versions lack the newer members and are read with their defaults; members of a newer version are kept.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_serializer

from shared.access.records.fields import NAME_PATTERN, DiskAccess, LowerText, Objective, StoredModel, whole_or
from shared.access.vaults import CLOUD_TYPE, cloud_key, vault_key
from shared.arm.ids import ResourceId, resource_id_of


class TenantKind(StrEnum):
    """The provider runs Farshore; a tenant is a customer of the provider's."""

    PROVIDER = "provider"
    TENANT = "tenant"


class Backend(StrEnum):
    """Where a tenant's machines run."""

    RESOURCE_MANAGER = "resourceManager"
    AZURE_PACK = "azurePack"


class Shape(StrEnum):
    """How a tenant's machines are protected."""

    SHARED = "shared"
    """Its cloud is on a VMM server of many tenants."""
    DEDICATED = "dedicated"
    """It has a VMM server of its own."""
    SITE = "site"
    """Hyper-V hosts without VMM."""
    AZURE = "azure"
    """Its machines run in Azure."""


class DataCenterSettings(StoredModel):
    """What happens to a tenant's machines when its data center is suspended and resumed."""

    operation_after_suspension: Literal["stop", "shutdown", "save"] = "stop"
    start_on_resume: bool = False


class TenantSettings(StoredModel):
    """A tenant's own settings; those that this version does not know are kept."""

    two_person_rule: bool = Field(True, description="Whether a failover needs the approval of a second person.")
    recovery_point_objective: Objective | None = Field(
        None, description="How old the newest usable copy of a machine may be, from PT1M to P366D; null: there is no objective."
    )
    test_failover_max_age_days: Annotated[int, BeforeValidator(whole_or(90))] = Field(
        90, description="Days after which a machine's last test failover counts as old, 1 to 3,650."
    )
    blast_radius: Annotated[int, BeforeValidator(whole_or(250))] = Field(
        250, description="How many machines may be failed over in an hour, 1 to 100,000."
    )
    disk_access_longest: DiskAccess | None = Field(
        timedelta(days=1), description="How long a disk may be opened for access, PT1M to P60D; null: not at all."
    )
    data_centers: DataCenterSettings | None = Field(None, description="What suspension does; null: as the installation has it.")
    observe_only: bool = Field(False, description="Whether the tenant is only observed; not offered yet.")


class Quotas(StoredModel):
    """Limits of what a tenant may have; a member that is not set is the plan's, null is no limit."""

    virtual_machines: int | None = None
    cores: int | None = None
    memory_gb: int | None = Field(None, alias="memoryGB")
    disk_gb: int | None = Field(None, alias="diskGB")
    public_addresses: int | None = None
    images: int | None = None

    @model_serializer(mode="plain")
    def _set_members(self) -> dict[str, int | None]:
        """Write the members that are set: one that is left out is the plan's, null is no limit."""
        known = type(self).model_fields
        members = {known[name].alias or name: getattr(self, name) for name in known if name in self.model_fields_set}
        return members | (self.model_extra or {})


class RegisteredCaller(StoredModel):
    """An app or a group of users, of one Entra tenant, that acts for the tenant."""

    tenant_id: LowerText
    app_id: LowerText | None = None
    group_id: LowerText | None = None


class TenantNetwork(StoredModel):
    """The subnet for new machines in one region and subscription."""

    region: LowerText
    subnet_id: str


class Tenant(StoredModel):
    """A customer of the provider, or the provider: what is its own.

    `tenant_id` is the Entra tenant whose tokens act for it (None: only its `callers` and the provider's `Admin` call for it); GUIDs are
    in lower case. `clouds` are ARM ids of protection containers in a vault that is another's: a hoster's VMM server serves many tenants,
    each with a cloud of its own, and the vault is the provider's (docs/azure/site-recovery.md, "Hosters and CSP partners").
    """

    name: str = Field(pattern=NAME_PATTERN)
    display_name: str = ""
    kind: TenantKind = TenantKind.TENANT
    backend: Backend = Backend.RESOURCE_MANAGER
    shape: Shape | None = None
    plan: str | None = None
    tenant_id: str | None = None
    callers: tuple[RegisteredCaller, ...] = ()
    subscriptions: tuple[str, ...] = ()
    vault_id: str | None = None
    clouds: tuple[Annotated[str, resource_id_of(CLOUD_TYPE)], ...] = ()
    storage_accounts: tuple[str, ...] = ()
    networks: tuple[TenantNetwork, ...] = ()
    region: str | None = None
    key_vault_url: str | None = None
    quotas: Quotas = Field(default_factory=Quotas)
    settings: TenantSettings = Field(default_factory=TenantSettings)

    @field_validator("tenant_id")
    @classmethod
    def _lower(cls, value: str | None) -> str | None:
        return value.lower() if value else None

    @field_validator("subscriptions")
    @classmethod
    def _lower_each(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(subscription.lower() for subscription in value))

    @field_validator("clouds")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple({cloud_key(cloud): cloud for cloud in value}.values())

    @property
    def default_vault(self) -> str | None:
        """The vault that is meant where none is named: its own, else the one that all its clouds are in; None where that is not one."""
        if self.vault_id is not None:
            return self.vault_id
        vaults = {vault_key(cloud): _vault_of(cloud) for cloud in self.clouds}
        return next(iter(vaults.values())) if len(vaults) == 1 else None

    def shares(self, resource_id: str) -> bool:
        """Return whether one of its clouds lies in the vault that an ARM id names or lies in."""
        vault = vault_key(resource_id)
        return vault is not None and any(vault_key(cloud) == vault for cloud in self.clouds)


def _vault_of(cloud: str) -> str:
    found = ResourceId.parse(cloud)
    return str(ResourceId(found.subscription_id, found.resource_group, found.provider, found.types[:1], found.names[:1]))
