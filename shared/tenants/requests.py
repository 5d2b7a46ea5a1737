"""What `PUT /tenants/{tenant}` and `PUT /hosting-plans/{plan}` take: every field with its bounds (docs/design/tenants.md).

What a field alone shows is refused here; what depends on other fields, on the registry or on a plan is in `shared.tenants.rules`.
"""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, StrictBool, StrictInt, StrictStr, Tag, model_validator

from shared.access.records.fields import DISK_SKUS, QUOTA_LIMIT, DiskAccess, Objective
from shared.access.records.tenant import Backend, Shape, TenantKind
from shared.access.vaults import CLOUD_TYPE
from shared.arm.ids import resource_id_of
from shared.values.documents import Document
from shared.values.texts import guid, printable

VAULT_TYPE = "Microsoft.RecoveryServices/vaults"
STORAGE_TYPE = "Microsoft.Storage/storageAccounts"
SUBNET_TYPE = "Microsoft.Network/virtualNetworks/subnets"
GALLERY_IMAGE = "Microsoft.Compute/galleries/images/versions"


def _not_built(value: bool) -> bool:
    if value:
        raise ValueError("Observing only is not offered yet. Send false, or leave it out.")
    return value


def _known_sku(value: str) -> str:
    if value not in DISK_SKUS:
        raise ValueError(f"This must be one of {', '.join(DISK_SKUS)}.")
    return value


def _once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    seen = [value.lower() if isinstance(value, str) else value for value in values]
    twice = next((value for number, value in enumerate(seen) if value in seen[:number]), None)
    if twice is not None:
        raise ValueError(f"'{twice}' is given twice. Give each value once.")
    return values


Guid = Annotated[StrictStr, AfterValidator(guid)]
Region = Annotated[StrictStr, Field(pattern=r"^[a-z0-9]{1,64}$")]
Name = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
VaultId = Annotated[StrictStr, resource_id_of(VAULT_TYPE)]
CloudId = Annotated[StrictStr, resource_id_of(CLOUD_TYPE)]
StorageId = Annotated[StrictStr, resource_id_of(STORAGE_TYPE)]
SubnetId = Annotated[StrictStr, resource_id_of(SUBNET_TYPE)]
DisplayName = Annotated[StrictStr, Field(max_length=128), AfterValidator(printable)]
Quota = Annotated[StrictInt, Field(ge=0, le=QUOTA_LIMIT)]


class CallerRequest(Document):
    """An app or a group of one Entra tenant; without `tenantId` it is the provider's."""

    tenant_id: Guid | None = None
    app_id: Guid | None = None
    group_id: Guid | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "CallerRequest":
        if (self.app_id is None) == (self.group_id is None):
            raise ValueError("Give either appId or groupId.")
        return self


class NetworkRequest(Document):
    """The subnet for new machines in one region and subscription."""

    region: Region
    subnet_id: SubnetId


class QuotasRequest(Document):
    """Limits; a member that is left out is the plan's, null is no limit."""

    virtual_machines: Quota | None = None
    cores: Quota | None = None
    memory_gb: Quota | None = Field(None, alias="memoryGB")
    disk_gb: Quota | None = Field(None, alias="diskGB")
    public_addresses: Quota | None = None
    images: Quota | None = None


class DataCentersRequest(Document):
    """What happens to a tenant's machines when its data center is suspended and resumed."""

    operation_after_suspension: Literal["stop", "shutdown", "save"] = "stop"
    start_on_resume: StrictBool = False


class SettingsRequest(Document):
    """A tenant's own settings."""

    two_person_rule: StrictBool = True
    recovery_point_objective: Objective | None = None
    test_failover_max_age_days: Annotated[StrictInt, Field(ge=1, le=3_650)] = 90
    blast_radius: Annotated[StrictInt, Field(ge=1, le=100_000)] = 250
    disk_access_longest: DiskAccess | None = timedelta(days=1)
    data_centers: DataCentersRequest | None = None
    observe_only: Annotated[StrictBool, AfterValidator(_not_built)] = False


class TenantRequest(Document):
    """A tenant, whole: a member that is left out takes its default."""

    name: Name | None = None
    display_name: DisplayName = ""
    kind: TenantKind = TenantKind.TENANT
    backend: Backend = Backend.RESOURCE_MANAGER
    shape: Shape | None = None
    plan: Name | None = None
    tenant_id: Guid | None = None
    callers: Annotated[tuple[CallerRequest, ...], Field(max_length=20)] = ()
    subscriptions: Annotated[tuple[Guid, ...], Field(max_length=20), AfterValidator(_once)] = ()
    vault_id: VaultId | None = None
    clouds: Annotated[tuple[CloudId, ...], Field(max_length=20), AfterValidator(_once)] = ()
    storage_accounts: Annotated[tuple[StorageId, ...], Field(max_length=10), AfterValidator(_once)] = ()
    networks: Annotated[tuple[NetworkRequest, ...], Field(max_length=20)] = ()
    region: Region | None = None
    key_vault_url: Annotated[StrictStr, Field(max_length=2048)] | None = None
    quotas: QuotasRequest = Field(default_factory=QuotasRequest)
    settings: SettingsRequest = Field(default_factory=SettingsRequest)


class SizeRequest(Document):
    """A size that the plan offers under a name of its own."""

    name: Annotated[StrictStr, Field(min_length=1, max_length=64), AfterValidator(printable)]
    size: Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class MarketplaceImage(Document):
    """An image of the marketplace; `version` may be `latest`."""

    publisher: Annotated[StrictStr, Field(min_length=1, max_length=128)]
    offer: Annotated[StrictStr, Field(min_length=1, max_length=128)]
    sku: Annotated[StrictStr, Field(min_length=1, max_length=128)]
    version: Annotated[StrictStr, Field(min_length=1, max_length=64)]


class GalleryImage(Document):
    """A version of an image in a gallery; a managed image can only be used in its own subscription."""

    id: Annotated[StrictStr, resource_id_of(GALLERY_IMAGE)]


def _kind_of_image(value: object) -> str:
    has_id = "id" in value if isinstance(value, dict) else isinstance(value, GalleryImage)
    return "gallery" if has_id else "marketplace"


ImageReference = Annotated[
    Annotated[MarketplaceImage, Tag("marketplace")] | Annotated[GalleryImage, Tag("gallery")], Discriminator(_kind_of_image)
]


class ImageRequest(Document):
    """An image that the plan offers."""

    name: Annotated[StrictStr, Field(min_length=1, max_length=80), AfterValidator(printable)]
    label: Annotated[StrictStr, Field(max_length=128), AfterValidator(printable)] = ""
    reference: ImageReference


class HostingPlanRequest(Document):
    """A hosting plan, whole: a member that is left out takes its default; an empty list allows any."""

    name: Name | None = None
    display_name: DisplayName = ""
    description: Annotated[StrictStr, Field(max_length=1_000)] = ""
    backend: Backend = Backend.RESOURCE_MANAGER
    shape: Shape | None = None
    clouds: Annotated[tuple[CloudId, ...], Field(max_length=100), AfterValidator(_once)] = ()
    regions: Annotated[tuple[Region, ...], Field(max_length=60), AfterValidator(_once)] = ()
    sizes: Annotated[tuple[SizeRequest, ...], Field(max_length=200)] = ()
    images: Annotated[tuple[ImageRequest, ...], Field(max_length=200)] = ()
    disk_skus: Annotated[tuple[Annotated[StrictStr, AfterValidator(_known_sku)], ...], AfterValidator(_once)] = DISK_SKUS
    ports: StrictBool = True
    quotas: QuotasRequest = Field(default_factory=QuotasRequest)
