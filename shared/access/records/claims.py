"""Claims: what a tenant's document lists, as keys of which each belongs to one tenant at a time (docs/design/tenants.md, "Storage").

Rules only; `shared.access.records.claim_rows` reads and writes the rows.
"""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.access.records.tenant import Tenant, TenantKind
from shared.access.vaults import cloud_key, vault_key
from shared.arm.ids import ResourceId
from shared.operations.model.identity import short_hash

MOST_CLAIMS = 90
"""Of one tenant: they are written in one transaction."""
RELEASE_HOLDS = timedelta(seconds=60)
"""So long after its release a claim is not another tenant's: until then a cache may name the former owner."""
STALE_AFTER = timedelta(minutes=2)
"""A claim that its tenant's document does not list is free once both are this old: its writer did not survive."""


class ClaimKind(StrEnum):
    """What is claimed."""

    NAME = "name"
    PROVIDER = "provider"
    ENTRA = "entra"
    APP = "app"
    GROUP = "group"
    SUBSCRIPTION = "subscription"
    VAULT = "vault"
    CLOUD = "cloud"
    STORAGE = "storage"
    KEY_VAULT = "keyVault"


@dataclass(frozen=True, slots=True)
class ClaimKey:
    """One thing that can be claimed: its kind, its value in its one form, and what it lies in (an Entra tenant, a vault)."""

    kind: ClaimKind
    value: str
    within: str = ""

    @property
    def row_key(self) -> str:
        """The key of its row; what lies in one thing is one range."""
        return f"{range_of(self.kind, self.within) if self.within else f'{self.kind}|'}{short_hash(self.value)}"


@dataclass(frozen=True, slots=True)
class Claim:
    """A row: which tenant has claimed something, by which write, and when it was taken and released (wall time).

    `apps` and `groups` are set on the row of an Entra tenant of which some tenant has registered apps or groups as callers, `contested`
    are the tenants that all listed something when it was to be claimed: such rows may have no tenant.
    """

    row_key: str
    tenant: str
    nonce: str
    taken_at: datetime | None
    released_at: datetime | None
    apps: bool
    groups: bool
    etag: str
    contested: tuple[str, ...] = ()
    value: str = ""

    @property
    def held(self) -> bool:
        """Whether a tenant has it."""
        return bool(self.tenant) and self.released_at is None


def range_of(kind: ClaimKind, within: str) -> str:
    """Return the beginning of the row keys of what is claimed within a vault or an Entra tenant."""
    return f"{kind}|{short_hash(within)}|"


def name_claim(name: str) -> ClaimKey:
    """Return the claim of a tenant's name: names are unique without regard to case."""
    return ClaimKey(ClaimKind.NAME, name.lower())


PROVIDER_CLAIM = ClaimKey(ClaimKind.PROVIDER, "provider")


def entra_claim(tenant_id: str) -> ClaimKey:
    """Return the claim of an Entra tenant."""
    return ClaimKey(ClaimKind.ENTRA, tenant_id.lower())


def app_claim(tenant_id: str, app_id: str) -> ClaimKey:
    """Return the claim of an app as a caller."""
    return ClaimKey(ClaimKind.APP, app_id.lower(), tenant_id.lower())


def group_claim(tenant_id: str, group_id: str) -> ClaimKey:
    """Return the claim of a group as a caller."""
    return ClaimKey(ClaimKind.GROUP, group_id.lower(), tenant_id.lower())


def subscription_claim(subscription_id: str) -> ClaimKey:
    """Return the claim of a subscription."""
    return ClaimKey(ClaimKind.SUBSCRIPTION, subscription_id.lower())


def vault_claim(resource_id: str | None) -> ClaimKey | None:
    """Return the claim of the vault that an ARM id names or lies in, or None."""
    key = vault_key(resource_id)
    return ClaimKey(ClaimKind.VAULT, key) if key else None


def cloud_claim(resource_id: str | None) -> ClaimKey | None:
    """Return the claim of the cloud that an ARM id names or lies in, or None."""
    key, vault = cloud_key(resource_id), vault_key(resource_id)
    return ClaimKey(ClaimKind.CLOUD, key, vault) if key and vault else None


def storage_claim(resource_id: str) -> ClaimKey | None:
    """Return the claim of a storage account, or None for a text that is no ARM id."""
    try:
        return ClaimKey(ClaimKind.STORAGE, ResourceId.parse(resource_id).key)
    except ValueError:
        return None


def key_vault_claim(url: str) -> ClaimKey:
    """Return the claim of a key vault."""
    return ClaimKey(ClaimKind.KEY_VAULT, url.lower().rstrip("/"))


def claims_of(tenant: Tenant, *, deleted: bool = False) -> dict[ClaimKey, str]:
    """Return what a tenant's document lists, each with the field that lists it; of a deleted tenant only the name stays claimed."""
    if deleted:
        return {name_claim(tenant.name): "name"}
    found: dict[ClaimKey, str] = {}
    for key, field in _listed(tenant):
        if key is not None:
            found.setdefault(key, field)
    return found


RESOURCES = frozenset({ClaimKind.SUBSCRIPTION, ClaimKind.VAULT, ClaimKind.CLOUD, ClaimKind.STORAGE, ClaimKind.KEY_VAULT})
"""Kinds of claims of what a tenant's document names as its resources."""


def holding(tenant: Tenant, keys: Set[ClaimKey]) -> Tenant:
    """Return a tenant with only those of its resources that are among some claims, and the networks in its subscriptions."""
    subscriptions = tuple(one for one in tenant.subscriptions if subscription_claim(one) in keys)
    return tenant.model_copy(
        update={
            "subscriptions": subscriptions,
            "vault_id": tenant.vault_id if vault_claim(tenant.vault_id) in keys else None,
            "clouds": tuple(one for one in tenant.clouds if cloud_claim(one) in keys),
            "storage_accounts": tuple(one for one in tenant.storage_accounts if storage_claim(one) in keys),
            "networks": tuple(one for one in tenant.networks if _subscription_of(one.subnet_id) in subscriptions),
            "key_vault_url": tenant.key_vault_url if tenant.key_vault_url and key_vault_claim(tenant.key_vault_url) in keys else None,
        }
    )


def _subscription_of(id_: str) -> str | None:
    try:
        return ResourceId.parse(id_).subscription_id
    except ValueError:
        return None


def _listed(tenant: Tenant) -> Iterator[tuple[ClaimKey | None, str]]:
    yield name_claim(tenant.name), "name"
    if tenant.kind is TenantKind.PROVIDER:
        yield PROVIDER_CLAIM, "kind"
    if tenant.tenant_id:
        yield entra_claim(tenant.tenant_id), "tenantId"
    for number, caller in enumerate(tenant.callers):
        if caller.app_id:
            yield app_claim(caller.tenant_id, caller.app_id), f"callers[{number}]"
        if caller.group_id:
            yield group_claim(caller.tenant_id, caller.group_id), f"callers[{number}]"
    for number, subscription in enumerate(tenant.subscriptions):
        yield subscription_claim(subscription), f"subscriptions[{number}]"
    yield vault_claim(tenant.vault_id), "vaultId"
    for number, cloud in enumerate(tenant.clouds):
        yield cloud_claim(cloud), f"clouds[{number}]"
    for number, account in enumerate(tenant.storage_accounts):
        yield storage_claim(account), f"storageAccounts[{number}]"
    if tenant.key_vault_url:
        yield key_vault_claim(tenant.key_vault_url), "keyVaultUrl"


def caller_flags(wanted: Mapping[ClaimKey, str]) -> dict[ClaimKey, set[str]]:
    """Return the Entra tenants of the apps and groups among some claims, each with the columns to set on its row."""
    flags: dict[ClaimKey, set[str]] = {}
    for key in wanted:
        if key.kind is ClaimKind.APP:
            flags.setdefault(entra_claim(key.within), set()).add("apps")
        elif key.kind is ClaimKind.GROUP:
            flags.setdefault(entra_claim(key.within), set()).add("groups")
    return flags
