"""A hosting plan as the registry stores it: what the provider sells (docs/design/tenants.md, "Hosting plans")."""

from pydantic import Field

from shared.access.records.fields import DISK_SKUS, NAME_PATTERN, StoredModel
from shared.access.records.tenant import Backend, Quotas, Shape


class PlanSize(StoredModel):
    """A size that the plan offers under a name of its own."""

    name: str
    size: str


class PlanImage(StoredModel):
    """An image that the plan offers: a marketplace image, or a version of a gallery image by its id."""

    name: str
    label: str = ""
    reference: dict[str, str]


class HostingPlan(StoredModel):
    """What the provider sells: the clouds, regions, sizes, images, disks and quotas of the tenants that are on it."""

    name: str = Field(pattern=NAME_PATTERN)
    display_name: str = ""
    description: str = ""
    backend: Backend = Backend.RESOURCE_MANAGER
    shape: Shape | None = None
    clouds: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    sizes: tuple[PlanSize, ...] = ()
    images: tuple[PlanImage, ...] = ()
    disk_skus: tuple[str, ...] = DISK_SKUS
    ports: bool = True
    quotas: Quotas = Field(default_factory=Quotas)
