"""The tenant registry's read side: which tenants there are, and which callers, subscriptions, vaults and clouds are theirs.

Each question is one point read of a claim and one of the tenant's document, both kept for almost a minute of wall time, misses included.
A resource belongs to a tenant if its claim names the tenant, is not released, and the tenant's document lists it (docs/design/tenants.md,
"Storage"). Until the rows of earlier versions have been claimed, what has no claim is looked for in all of them.
"""

import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass

from shared.access.records.claim_rows import ClaimRows, side_by_side
from shared.access.records.claims import (
    PROVIDER_CLAIM,
    RESOURCES,
    Claim,
    ClaimKey,
    ClaimKind,
    app_claim,
    cloud_claim,
    entra_claim,
    group_claim,
    holding,
    range_of,
    storage_claim,
    subscription_claim,
    vault_claim,
)
from shared.access.records.fields import is_name
from shared.access.records.rows import RegistryError, TenantRecord, TenantRows
from shared.access.records.tenant import Tenant
from shared.access.vaults import vault_key
from shared.clock import Clock, RandomIds
from shared.reads.cache import ReadCache
from shared.storage.tables import Table

KEPT_SECONDS = 58.0
"""Less than the 60 seconds for which a released claim is kept from other tenants, by what the clocks of two machines may differ."""
_ALL = "*"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """The tenants of a registry whose rows are not claimed yet, with the names of those that list a thing."""

    by_key: Mapping[ClaimKey, tuple[str, ...]]

    def owner_of(self, key: ClaimKey) -> str | None:
        """Return the one tenant that lists a thing, or None; raises `RegistryError` where two do."""
        names = self.by_key.get(key, ())
        if len(names) > 1:
            both = " and ".join(names)
            raise RegistryError(f"the tenant registry gives the {key.kind} {key.value} to {both}; it can be one tenant's only")
        return names[0] if names else None


def unclaimed(records: Iterable[TenantRecord]) -> Unclaimed:
    """Index what the documents of live tenants list."""
    by_key: dict[ClaimKey, tuple[str, ...]] = {}
    for record in records:
        if not record.deleted:
            for key in record.keys:
                by_key[key] = (*by_key.get(key, ()), record.tenant.name)
    return Unclaimed(by_key)


class Registry:
    """Reads the registry. Storage's errors come as the SDK raises them, `RegistryError` for a contradiction."""

    def __init__(self, table: Table, clock: Clock, kept_seconds: float = KEPT_SECONDS) -> None:
        self._table = table
        self._clock = clock
        self._tenants = TenantRows(table, RandomIds())
        self._claims = ClaimRows(table, clock)
        self._records: ReadCache[TenantRecord | None] = ReadCache(clock, kept_seconds)
        self._rows: ReadCache[Claim | None] = ReadCache(clock, kept_seconds)
        self._shared: ReadCache[bool] = ReadCache(clock, kept_seconds)
        self._unclaimed: ReadCache[Unclaimed | None] = ReadCache(clock, kept_seconds)
        self._all_claimed = False

    def uncached(self) -> "Registry":
        """Return the same registry without a cache, for what must not act on a former owner."""
        return Registry(self._table, self._clock, 0)

    def reread(self) -> "Registry":
        """Return the same registry with an empty cache: what it answers is no older than this call, and is read once."""
        return Registry(self._table, self._clock)

    def forget(self) -> None:
        """Read everything anew from now on, after a write by this process."""
        for cache in (self._records, self._rows, self._shared, self._unclaimed):
            cache.forget()

    # tenants

    async def by_name(self, name: str) -> Tenant | None:
        """The tenant of that name with what belongs to it, or None; a deleted one is none.

        What its document lists and it has not claimed is left out: two rows of an earlier version may list the same thing.
        """
        record = await self._live(name)
        if record is None:
            return None
        keys = [key for key in record.keys if key.kind in RESOURCES]
        kept = all(self._rows.keeps(key.row_key) for key in keys)
        rows = [await self._row(key) for key in keys] if kept else await side_by_side([self._row(key) for key in keys])
        owned = [await self._has(name, key, row) for key, row in zip(keys, rows, strict=True)]
        return record.tenant if all(owned) else holding(record.tenant, {key for key, is_owned in zip(keys, owned, strict=True) if is_owned})

    async def each(self) -> AsyncIterator[Tenant]:
        """Every tenant, the provider included, by name; read page by page and not kept."""
        async for record in self._tenants.each():
            if not record.deleted:
                yield record.tenant

    async def provider(self) -> Tenant:
        """The provider; raises `RegistryError` where there is none, or more than one."""
        found = await self._owner(PROVIDER_CLAIM)
        if found is None:
            raise RegistryError("the tenant registry must name exactly one provider; it names none")
        return found

    async def has_provider(self) -> bool:
        """Whether there is a provider."""
        return await self._owner(PROVIDER_CLAIM) is not None

    # callers

    async def by_entra_tenant(self, tenant_id: str) -> Tenant | None:
        """The tenant that an Entra tenant's tokens act for, or None."""
        return await self._owner(entra_claim(tenant_id))

    async def by_app(self, tenant_id: str, app_id: str) -> Tenant | None:
        """The tenant that an app of an Entra tenant is registered for as a caller, or None."""
        row = await self._row(entra_claim(tenant_id))
        return await self._owner(app_claim(tenant_id, app_id)) if row is not None and row.apps else None

    async def has_groups(self, tenant_id: str) -> bool:
        """Whether groups of an Entra tenant are registered as callers of any tenant."""
        row = await self._row(entra_claim(tenant_id))
        return row is not None and row.groups

    async def by_groups(self, tenant_id: str, groups: Iterable[str]) -> tuple[Tenant, ...]:
        """The tenants that groups of an Entra tenant are registered for as callers, each once."""
        if not await self.has_groups(tenant_id):
            return ()
        keys = dict.fromkeys(group_claim(tenant_id, group) for group in groups)
        found = [tenant for tenant in await side_by_side([self._owner(key) for key in keys]) if tenant is not None]
        return tuple({tenant.name: tenant for tenant in found}.values())

    # resources

    async def owner_of_subscription(self, subscription_id: str) -> Tenant | None:
        """The tenant that a subscription belongs to, or None."""
        return await self._owner(subscription_claim(subscription_id))

    async def owner_of_vault(self, vault_id: str) -> Tenant | None:
        """The tenant whose own vault that is, or None; the vault's subscription is not considered."""
        return await self._owner(vault_claim(vault_id))

    async def owner_of_cloud(self, resource_id: str) -> Tenant | None:
        """The tenant that the cloud which an ARM id names or lies in is mapped to, or None."""
        return await self._owner(cloud_claim(resource_id))

    async def owner_of_storage(self, account_id: str) -> Tenant | None:
        """The tenant that has registered a storage account, or None."""
        return await self._owner(storage_claim(account_id))

    async def owner_of(self, key: ClaimKey) -> Tenant | None:
        """The tenant that owns what a claim is about, or None; what the thing lies in is not considered."""
        return await self._owner(key)

    async def listed_by(self, key: ClaimKey) -> tuple[str, ...]:
        """The tenants that list a thing, by its row: the one that has claimed it, or those for which no claim could be made."""
        row = await self._row(key)
        listed = await self._not_claimed_yet()
        names = listed.by_key.get(key, ()) if listed is not None else ()
        if row is not None:
            names = (*([row.tenant] if row.held else []), *row.contested, *names)
        records = [await self._record(name) for name in dict.fromkeys(names)]
        return tuple(one.tenant.name for one in records if one is not None and not one.deleted and key in one.keys)

    async def vaults(self, limit: int) -> tuple[str, ...]:
        """Up to so many vaults that tenants have for their own, by id in lower case; one range of rows, not kept."""
        listed = await self._not_claimed_yet()
        if listed is not None:
            return tuple(key.value for key in listed.by_key if key.kind is ClaimKind.VAULT)[:limit]
        return tuple([row.value async for row in self._claims.within(f"{ClaimKind.VAULT}|", limit) if row.value])

    async def is_shared(self, resource_id: str) -> bool:
        """Whether clouds of the vault which an ARM id names or lies in are mapped to tenants."""
        vault = vault_key(resource_id)
        return vault is not None and await self._shared.get(vault, lambda: self._read_shared(vault))

    async def shares(self, name: str, resource_id: str) -> bool:
        """Whether a cloud of the vault which an ARM id names or lies in is mapped to that tenant."""
        tenant = await self.by_name(name)
        return tenant is not None and tenant.shares(resource_id)

    # what is read and kept

    async def _read_shared(self, vault: str) -> bool:
        async for _ in self._claims.within(range_of(ClaimKind.CLOUD, vault), limit=1):
            return True
        listed = await self._not_claimed_yet()
        return listed is not None and any(key.kind is ClaimKind.CLOUD and key.within == vault for key in listed.by_key)

    async def _owner(self, key: ClaimKey | None) -> Tenant | None:
        """Return the live tenant that has claimed a thing and whose document lists it, or None."""
        if key is None:
            return None
        row = await self._row(key)
        if row is not None and row.tenant:
            record = await self._record(row.tenant) if row.held else None
            return record.tenant if record is not None and not record.deleted and key in record.keys else None
        listed = await self._not_claimed_yet()
        name = listed.owner_of(key) if listed is not None else None
        found = await self._live(name) if name is not None else None
        return found.tenant if found is not None else None

    async def _has(self, name: str, key: ClaimKey, row: Claim | None) -> bool:
        """Return whether a thing that a tenant's document lists is its own, by the row of its claim."""
        if row is not None and row.tenant:
            return row.held and row.tenant == name
        listed = await self._not_claimed_yet()
        return listed is not None and listed.by_key.get(key, ()) == (name,)

    async def _live(self, name: str) -> TenantRecord | None:
        record = await self._record(name)
        return record if record is not None and not record.deleted else None

    async def _row(self, key: ClaimKey) -> Claim | None:
        return await self._rows.get(key.row_key, lambda: self._claims.get(key))

    async def _record(self, name: str) -> TenantRecord | None:
        return await self._records.get(name, lambda: self._tenants.get(name)) if is_name(name) else None

    async def _not_claimed_yet(self) -> Unclaimed | None:
        """Return what the rows of earlier versions list, None once they have been claimed."""
        return None if self._all_claimed else await self._unclaimed.get(_ALL, self._read_unclaimed)

    async def _read_unclaimed(self) -> Unclaimed | None:
        self._all_claimed = await self._claims.all_claimed()
        if self._all_claimed:
            return None
        _log.warning("the rows of the registry have not been claimed yet: the whole table is read")
        return unclaimed([record async for record in self._tenants.each()])
