"""Reads the mappings page by page: what Azure lists, by subscription, then what the registry names and Azure does not have, by tenant.

A page ends after 20 seconds, at the end of a subscription or of a tenant; what even the first of a page did not get is unknown.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from shared.access.ownership import owner_of
from shared.access.records.claims import ClaimKey, cloud_claim, storage_claim, subscription_claim, vault_claim
from shared.access.records.rows import TenantRecord, TenantRows
from shared.access.records.tenant import Tenant
from shared.access.registry import Registry
from shared.arm.api_versions import SITE_RECOVERY, STORAGE_ACCOUNTS, VAULTS
from shared.arm.reading import own_id
from shared.clock import Clock
from shared.reads.timed import Memo, TimedReads
from shared.tenants.mappings import rules
from shared.tenants.mappings.answers import MappingKind, MappingResult, OwnershipMapping
from shared.tenants.mappings.estate import Estate
from shared.values.reading import Json, is_guid, last_segment, text
from shared.web.lists import Page

PAGE_SECONDS = 20.0
_KEPT_SECONDS = 600.0
_SIDE_BY_SIDE = 8
_IN_AZURE, _IN_REGISTRY = "1", "2"
_ALL = "/subscriptions"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MappingFilter:
    """Which entries a list shows; None is any."""

    result: MappingResult | None = None
    kind: MappingKind | None = None

    def takes(self, entry: OwnershipMapping) -> bool:
        """Return whether an entry is shown."""
        return self.result in {None, entry.result} and self.kind in {None, entry.kind}


@dataclass(frozen=True, slots=True)
class _Group:
    """The entries of a subscription or of a tenant, in their order; `name` is the place of the group in the list."""

    name: str
    entries: Sequence[OwnershipMapping]
    is_late: bool

    def place(self, entry: OwnershipMapping) -> str:
        """Return the place of an entry in the whole list."""
        return f"{self.name}|{_order(entry)}"


@dataclass(frozen=True, slots=True)
class OwnershipMappings:
    """Compares what Azure lists with the registry."""

    estate: Estate
    registry: Registry
    rows: TenantRows
    clock: Clock

    async def page(self, page: Page, wanted: MappingFilter) -> tuple[list[OwnershipMapping], str | None]:
        """Return a page of entries, and the place after which the next page begins or None at the end."""
        reads = TimedReads(Memo(self.clock, _KEPT_SECONDS), self.clock, self.clock.monotonic() + PAGE_SECONDS)
        found: list[OwnershipMapping] = []
        last: str | None = None
        async for group in self._groups(page.after or "", reads):
            if group.is_late and last is not None:
                return found, last
            for entry in group.entries:
                place = group.place(entry)
                if page.after is not None and place <= page.after:
                    continue
                if wanted.takes(entry):
                    if len(found) == page.top:
                        return found, last
                    found.append(entry)
                last = place
            last = f"{group.name}~"
            if self.clock.monotonic() >= reads.until:
                return found, last
        return found, None

    async def _groups(self, after: str, reads: TimedReads) -> AsyncIterator[_Group]:
        """Yield the groups that end after a place."""
        if not after.startswith(_IN_REGISTRY):
            async for group in self._listed_by_azure(after, reads):
                yield group
        async for group in self._named_by_the_registry(after, reads):
            yield group

    async def _listed_by_azure(self, after: str, reads: TimedReads) -> AsyncIterator[_Group]:
        listed = await self._subscriptions(reads)
        if listed is None:
            entry = rules.unknown(_ALL, MappingKind.SUBSCRIPTION, "The subscriptions", reads.codes[_ALL])
            yield _Group(f"{_IN_AZURE}|", [entry], is_late=False)
            return
        for subscription in sorted(listed):
            name = f"{_IN_AZURE}|{subscription}"
            if f"{name}~" > after:
                entries = await self._of_subscription(subscription, reads)
                yield _Group(name, sorted(entries, key=_order), reads.late)

    async def _subscriptions(self, reads: TimedReads) -> frozenset[str] | None:
        """Read the subscriptions in which this app has any role, None where they were not read."""
        listed = await reads.of(_ALL, self.estate.subscriptions)
        if listed is None:
            return None
        return frozenset(found.lower() for one in listed if (found := text(one, "subscriptionId")) is not None and is_guid(found))

    async def _of_subscription(self, subscription: str, reads: TimedReads) -> list[OwnershipMapping]:
        scope = f"/subscriptions/{subscription}"
        owner = await self.registry.owner_of_subscription(subscription)
        name = owner.name if owner is not None else None
        listing = await self.registry.listed_by(subscription_claim(subscription))
        found = [rules.judge(scope, MappingKind.SUBSCRIPTION, name, listing)]
        vaults, accounts = await asyncio.gather(
            reads.of(f"{scope}/vaults", lambda: self.estate.vaults(subscription)),
            reads.of(f"{scope}/storageAccounts", lambda: self.estate.accounts(subscription)),
        )
        if vaults is None:
            found.append(rules.unknown(scope, MappingKind.VAULT, "Its vaults", reads.codes[f"{scope}/vaults"]))
        if accounts is None:
            found.append(rules.unknown(scope, MappingKind.STORAGE_ACCOUNT, "Its storage accounts", reads.codes[f"{scope}/storageAccounts"]))
        found += [await self._of_account(own_id(account), name) for account in accounts or ()]
        return found + await _each([own_id(vault) for vault in vaults or ()], lambda vault: self._of_vault(vault, reads))

    async def _of_account(self, account: str, subscription_owner: str | None) -> OwnershipMapping:
        owner = await self.registry.owner_of_storage(account)
        listing = await self._listing(storage_claim(account))
        return rules.judge(account, MappingKind.STORAGE_ACCOUNT, owner.name if owner is not None else subscription_owner, listing)

    async def _of_vault(self, vault: str, reads: TimedReads) -> list[OwnershipMapping]:
        found = [rules.judge(vault, MappingKind.VAULT, await owner_of(self.registry, vault), await self._listing(vault_claim(vault)))]
        key = f"{vault}/containers"
        containers = await reads.of(key, lambda: self.estate.containers(vault))
        if containers is None:
            return [*found, rules.unknown(vault, MappingKind.CLOUD, "Its protection containers", reads.codes[key])]
        shared = await self.registry.is_shared(vault)
        return found + [await self._of_cloud(own_id(one), shared=shared) for one in containers if rules.has_clouds(one)]

    async def _of_cloud(self, cloud: str, *, shared: bool) -> OwnershipMapping:
        if shared:  # the vault and its subscription do not decide whose a cloud is
            tenant = await self.registry.owner_of_cloud(cloud)
            owner = tenant.name if tenant is not None else None
        else:
            owner = await owner_of(self.registry, cloud)
        return rules.judge(cloud, MappingKind.CLOUD, owner, await self._listing(cloud_claim(cloud)))

    async def _read(self, named: "_Named") -> Json:
        if named.kind is MappingKind.SUBSCRIPTION:
            return await self.estate.subscription(last_segment(named.id))
        return await self.estate.resource(named.id, named.version)

    async def _listing(self, key: ClaimKey | None) -> tuple[str, ...]:
        return await self.registry.listed_by(key) if key is not None else ()

    async def _named_by_the_registry(self, after: str, reads: TimedReads) -> AsyncIterator[_Group]:
        name = after.split("|")[1] if after.startswith(f"{_IN_REGISTRY}|") else ""
        last: str | None = name.removesuffix("~") or None
        if last is not None and not name.endswith("~") and (first := await self.rows.get(last)) is not None:
            yield await self._of_record(first, reads)
        while True:
            records, last = await self.rows.page(_SIDE_BY_SIDE, last)
            for record in records:
                yield await self._of_record(record, reads)
            if last is None:
                return

    async def _of_record(self, record: TenantRecord, reads: TimedReads) -> _Group:
        tenant = record.tenant
        named = [] if record.deleted else _named(tenant)
        found = await _each(named, lambda one: self._of_named(tenant.name, one, reads))
        return _Group(f"{_IN_REGISTRY}|{tenant.name}", sorted(found, key=_order), reads.late)

    async def _of_named(self, tenant: str, named: "_Named", reads: TimedReads) -> list[OwnershipMapping]:
        """Return what is wrong with one thing that a tenant lists: it is another's, or Azure does not have it."""
        id_, kind = named.id, named.kind
        if named.claim is not None and tenant not in await self.registry.listed_by(named.claim):
            owner = await self.registry.owner_of(named.claim)
            if owner is not None and owner.name != tenant:
                return [rules.mapped_twice(id_, kind, (owner.name, tenant))]
        if kind is MappingKind.SUBSCRIPTION and last_segment(id_) in (await self._subscriptions(reads) or ()):
            return []
        if await reads.of(id_, partial(self._read, named)) is not None:
            return []
        noun = rules.noun_of(kind)
        if id_ in reads.missing:
            return [rules.missing(id_, tenant, noun)]
        return [rules.unknown(id_, MappingKind.REGISTRY_ROW, f"The {noun} of the tenant '{tenant}'", reads.codes[id_], (tenant,))]


@dataclass(frozen=True, slots=True)
class _Named:
    """A thing that a tenant's document lists, the api-version to read it by (none for a subscription), and its claim."""

    id: str
    kind: MappingKind
    version: str
    claim: ClaimKey | None


def _named(tenant: Tenant) -> list[_Named]:
    found = [_Named(f"/subscriptions/{one}", MappingKind.SUBSCRIPTION, "", subscription_claim(one)) for one in tenant.subscriptions]
    if tenant.vault_id is not None:
        found.append(_Named(tenant.vault_id, MappingKind.VAULT, VAULTS, vault_claim(tenant.vault_id)))
    found += [_Named(one, MappingKind.CLOUD, SITE_RECOVERY, cloud_claim(one)) for one in tenant.clouds]
    return found + [_Named(one, MappingKind.STORAGE_ACCOUNT, STORAGE_ACCOUNTS, storage_claim(one)) for one in tenant.storage_accounts]


def _order(entry: OwnershipMapping) -> str:
    """Return the place of an entry within its group."""
    return f"{list(MappingKind).index(entry.kind)}{entry.id.lower()}"


async def _each(things: Sequence[T], call: Callable[[T], Awaitable[list[OwnershipMapping]]]) -> list[OwnershipMapping]:
    """Return what a call finds of each thing, in their order; at most 8 run at one time."""
    found: list[OwnershipMapping] = []
    for start in range(0, len(things), _SIDE_BY_SIDE):
        for entries in await asyncio.gather(*(call(thing) for thing in things[start : start + _SIDE_BY_SIDE])):
            found += entries
    return found
