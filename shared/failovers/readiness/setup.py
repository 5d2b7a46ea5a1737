"""What is known of a tenant when its readiness is judged: its ids, its targets, and what its vault holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.access.records.tenant import Backend, Shape
from shared.failovers.vault.facts import ProviderFacts
from shared.failovers.vault.limits import Machine

ACCOUNT, NETWORK = "storage account", "virtual network"
"""Kinds of targets, as messages name them."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A tenant of the registry: its Entra tenant and its subscriptions."""

    name: str
    tenant_id: str | None
    subscriptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """A resource that is a target: ARM id, subscription, region (ARM's name, None unknown); `used_by` are the tenants that name it.

    `sku` and `classic` are a storage account's. `code` is Azure's where it was not read, `missing` that Azure does not have it.
    """

    id: str
    kind: str
    subscription: str
    region: str | None
    used_by: tuple[str, ...] = ()
    sku: str | None = None
    classic: bool = False
    missing: bool = False
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A resource group of targets: its path and region; `code` is Azure's where it was not read, `missing` that Azure does not have it."""

    id: str
    region: str | None
    code: str | None = None
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Cloud:
    """A VMM cloud of the tenant, and how many machines Site Recovery lists in it; it lists neither host groups nor hosts."""

    name: str
    machines: int


@dataclass(frozen=True, slots=True)
class Setup:
    """The known set-up of a tenant; what is None was not read, and `unread` has Azure's code of it by its name here.

    `shape` is what the vault shows, `registered` what the registry has, `azure_pack` whether it has a subscription of Azure Pack,
    `certificates_ending` those whose certificate ends within 30 days, with the days that are left.
    `claimed_elsewhere` are those of the tenant's ids that another tenant has claimed, `unreadable` those of its subscriptions in which
    this app has no role. `accounts_unread` is Azure's code where it is not known who else uses the storage accounts. `lost_clouds` are ids
    of clouds that the registry maps to it and the vault has not. `source_regions` and `target_regions` are those of machines in Azure, and
    of where they would run. Without a vault (`vault_subscription` None) nothing of it is known.
    """

    tenant: Owner
    provider: Owner
    vault_subscription: str | None
    vault_region: str | None = None
    vault_missing: bool = False
    shape: Shape | None = None
    registered: Shape | None = None
    backend: Backend = Backend.RESOURCE_MANAGER
    azure_pack: bool = False
    certificates_ending: tuple[tuple[str, int], ...] = ()
    claimed_elsewhere: frozenset[str] = frozenset()
    unreadable: tuple[str, ...] | None = ()
    targets: tuple[Placed, ...] = ()
    accounts_unread: str | None = None
    groups: tuple[Group, ...] = ()
    target_regions: frozenset[str] = frozenset()
    source_regions: frozenset[str] = frozenset()
    clouds: tuple[Cloud, ...] | None = None
    lost_clouds: tuple[str, ...] = ()
    providers: tuple[ProviderFacts, ...] | None = None
    frequencies: tuple[int, ...] | None = None
    machines: tuple[Machine, ...] | None = None
    plans: int | None = None
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def in_azure(self) -> bool:
        """Whether its machines run in Azure."""
        return self.shape is Shape.AZURE

    @property
    def why_no_shape(self) -> str:
        """Why it is not known how its machines are protected, for a message; empty where that is known, or nothing is protected."""
        return self.why("fabrics") if self.shape is None else ""

    @property
    def vmm(self) -> bool:
        """Whether a VMM server manages its hosts."""
        return self.shape in {Shape.SHARED, Shape.DEDICATED}

    def why(self, what: str) -> str:
        """Return why something was not read, for a message."""
        return f" ({self.unread[what]})" if what in self.unread else ""
