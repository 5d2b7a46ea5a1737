"""Reads what the readiness checks of a tenant need (docs/azure/site-recovery.md); what cannot be read is unknown."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from shared.access.ownership import owner_of
from shared.access.records.tenant import Backend, Shape, Tenant
from shared.access.registry import Registry
from shared.access.vaults import cloud_key, vault_key
from shared.arm.ids import ResourceId
from shared.arm.reading import id_key, own_id, resource_id
from shared.capability import Memo, ReadinessCheck, ReadinessReport
from shared.clock import Clock
from shared.errors import CallFailure, Refused
from shared.failovers.readiness import rules
from shared.failovers.vault.facts import PlanFacts, ProtectedItemFacts, ProviderFacts
from shared.failovers.vault.gateway import SiteRecoveryGateway
from shared.failovers.vault.inventory import Inventory
from shared.failovers.vault.limits import machine_of
from shared.failovers.vault.listing import Vault
from shared.failovers.vault.names import Provider
from shared.failovers.vault.owners import owner_of_plan
from shared.failovers.vault.views import fabric_view
from shared.values.reading import Json, an_object, text, whole

T = TypeVar("T")
_AZURE_FABRIC = "azure"
_LISTS = (
    "replicationFabrics",
    "replicationRecoveryServicesProviders",
    "replicationPolicies",
    "replicationRecoveryPlans",
    "replicationProtectionContainers",
    "replicationProtectedItems",
    "replicationProtectionContainerMappings",
)


_NAMED = {
    "clouds": "replicationProtectionContainers",
    "providers": "replicationRecoveryServicesProviders",
    "policies": "replicationPolicies",
    "plans": "replicationRecoveryPlans",
    "machines": "protectable",
}
"""What the rules call the lists, for the codes of those that were not read."""
SECONDS = 15.0


@dataclass(slots=True)
class Reads:
    """Reads of Azure for one tenant, until a moment of the machine's monotonic clock; a read that fails is None, and its code is kept."""

    memo: Memo
    clock: Clock
    until: float
    codes: dict[str, str] = field(default_factory=dict)

    async def of(self, key: str, read: Callable[[], Awaitable[T]]) -> T | None:
        """Return what a read returns, from the memo where another tenant of the same answer has read it."""
        try:
            found: T = await asyncio.wait_for(self.memo.get(key, read), max(self.until - self.clock.monotonic(), 0.001))
        except TimeoutError:
            self.codes[key] = "NotReadInTime"
        except (CallFailure, Refused) as failure:  # the inventory reports what Azure has refused
            self.codes[key] = str(failure.code)
        else:
            return found
        return None

    def unread(self, keys: Mapping[str, str]) -> dict[str, str]:
        """Return the code of each thing that was not read, by name; others by their keys."""
        return {name: self.codes[key] for name, key in keys.items() if key in self.codes} | self.codes


@dataclass(frozen=True, slots=True)
class ReadinessReader:
    """Checks whether tenants can be protected."""

    gateway: SiteRecoveryGateway
    inventory: Inventory
    registry: Registry
    clock: Clock

    async def report(self, tenant: Tenant, memo: Memo) -> ReadinessReport:
        """Run the nine checks for a tenant, within 15 seconds; what was not read by then is unknown."""
        provider = await self.registry.provider()
        vault = tenant.default_vault or (provider.vault_id if tenant.backend is not Backend.AZURE_PACK else None)
        if vault is None:
            setup = rules.Setup(
                tenant=_owner(tenant),
                provider=_owner(provider),
                vault_subscription=None,
                registered=tenant.shape,
                backend=tenant.backend,
                claimed_elsewhere=await self._claimed_elsewhere(tenant),
            )
        else:
            setup = await self._setup(tenant, provider, ResourceId.parse(vault), Reads(memo, self.clock, self.clock.monotonic() + SECONDS))
        return ReadinessReport(rules.assess(setup), setup.shape)

    async def _setup(self, tenant: Tenant, provider: Tenant, vault: ResourceId, reads: Reads) -> rules.Setup:
        own = await reads.of(f"{vault.key}", lambda: self.gateway.vault(vault))
        reading = (reads.of(f"{vault.key}/{kind}", partial(self.gateway.children, vault, kind)) for kind in _LISTS)
        lists: list[Sequence[Json] | None] = [*await asyncio.gather(*reading)]
        fabrics, agents, policies, plans, clouds, items, mappings = lists
        bodies = partial(self.inventory.protectable_bodies, Vault(vault, tenant.name))
        found = await self._owned(tenant, await reads.of(f"{vault.key}/protectable", bodies))
        its_clouds, shared = await self._owned(tenant, clouds), tenant.vault_id is None and tenant.name != provider.name
        if shared:
            # of servers that several tenants share, only those of its own machines
            servers = {own_id(cloud).rsplit("/", 2)[0].lower() for cloud in its_clouds or ()}
            fabrics = _below(fabrics, servers) if servers else fabrics
            agents = _below(agents, servers) if its_clouds is not None else None
            policies = _associated(policies, await self._owned(tenant, mappings))
        facts = [ProtectedItemFacts.from_arm(item) for item in await self._owned(tenant, items) or ()]
        vmm = [cloud for cloud in its_clouds or () if text(an_object(cloud, "properties"), "fabricType") == "VMM"]
        return rules.Setup(
            tenant=_owner(tenant),
            provider=_owner(provider),
            vault_subscription=vault.subscription_id,
            vault_region=_region(own),
            shape=_shape(fabrics, shared=shared),
            registered=tenant.shape,
            backend=tenant.backend,
            claimed_elsewhere=await self._claimed_elsewhere(tenant),
            targets=await self._targets(tenant, facts, items or (), reads),
            source_regions=_source_regions(await self._owned(tenant, items) or ()),
            clouds=None if clouds is None or found is None else tuple(_cloud(cloud, found) for cloud in vmm),
            lost_clouds=() if clouds is None else _lost(tenant, vault, clouds),
            providers=None if agents is None else tuple(ProviderFacts.from_arm(agent) for agent in agents),
            frequencies=None if policies is None else tuple(_frequencies(policies)),
            machines=None if found is None else tuple(machine_of(item) for item in found),
            plans=None if plans is None else await self._plans(tenant, plans),
            unread=reads.unread({name: f"{vault.key}/{kind}" for name, kind in _NAMED.items()}),
        )

    async def _claimed_elsewhere(self, tenant: Tenant) -> frozenset[str]:
        """Return those of a tenant's ids that another tenant has claimed, or that have no owner because two list them."""
        found = {}
        for subscription in tenant.subscriptions:
            found[subscription.lower()] = await self.registry.owner_of_subscription(subscription)
        if tenant.tenant_id:
            found[tenant.tenant_id.lower()] = await self.registry.by_entra_tenant(tenant.tenant_id)
        return frozenset(id_ for id_, owner in found.items() if owner is None or owner.name != tenant.name)

    async def _owned(self, tenant: Tenant, found: Sequence[Json] | None) -> Sequence[Json] | None:
        """Return the members of a list that belong to the tenant: in a shared vault those in its clouds."""
        return None if found is None else [body for body in found if await owner_of(self.registry, own_id(body)) == tenant.name]

    async def _plans(self, tenant: Tenant, plans: Sequence[Json]) -> int:
        owners = [await owner_of_plan(self.registry, PlanFacts.from_arm(plan)) for plan in plans]
        return owners.count(tenant.name)

    async def _targets(
        self, tenant: Tenant, its_items: Iterable[ProtectedItemFacts], items: Sequence[Json], reads: Reads
    ) -> tuple[rules.Placed, ...]:
        """Read the networks and storage accounts that are targets of the tenant, each once, with the other tenants that use them."""
        named: dict[str, tuple[ResourceId, str]] = {}
        listed = [(account, "storage account") for account in tenant.storage_accounts]
        for item in its_items:
            listed += [(id_, "virtual network") for id_ in (item.target.network_id,) if id_]
            listed += [(id_, "storage account") for id_ in (item.target.storage_account_id,) if id_]
        for id_, kind in listed:
            if (found := _id(id_)) is not None:
                named.setdefault(found.key, (found, kind))
        users = await self._users([ProtectedItemFacts.from_arm(item) for item in items])
        return tuple(
            await asyncio.gather(*(self._placed(found, kind, users.get(key, frozenset()), reads) for key, (found, kind) in named.items()))
        )

    async def _users(self, items: Iterable[ProtectedItemFacts]) -> dict[str, frozenset[str]]:
        """Return which tenants' items of the vault name each storage account, by its key."""
        users: dict[str, frozenset[str]] = {}
        for item in items:
            account, owner = _id(item.target.storage_account_id), await owner_of(self.registry, item.id)
            if account is not None and owner is not None:
                users[account.key] = users.get(account.key, frozenset()) | {owner}
        return users

    async def _placed(self, found: ResourceId, kind: str, users: frozenset[str], reads: Reads) -> rules.Placed:
        if kind == "virtual network":
            body = await reads.of(found.key, lambda: self.gateway.network(found))
        else:
            body = await reads.of(found.key, lambda: self.gateway.storage_account(found))
            claimant = await self.registry.owner_of_storage(str(found))
            users |= {claimant.name} if claimant is not None else set()
        sku = text(an_object(body or {}, "sku"), "name")
        classic = found.provider.lower().startswith("microsoft.classic")
        return rules.Placed(str(found), kind, found.subscription_id, _region(body), tuple(sorted(users)), sku, classic)


def readiness_check(gateway: SiteRecoveryGateway, inventory: Inventory, registry: Registry, clock: Clock) -> ReadinessCheck:
    """Return the nine checks for hosters as what a capability contributes."""
    return ReadinessCheck("siteRecovery", ReadinessReader(gateway, inventory, registry, clock).report)


def _owner(tenant: Tenant) -> rules.Owner:
    return rules.Owner(tenant.name, tenant.tenant_id, tenant.subscriptions)


def _region(body: Json | None) -> str | None:
    found = text(body or {}, "location")
    return found.replace(" ", "").lower() if found else None


def _id(text_: str | None) -> ResourceId | None:
    try:
        return ResourceId.parse(text_) if text_ is not None else None
    except ValueError:
        return None


def _below(found: Sequence[Json] | None, fabrics: Set[str]) -> Sequence[Json] | None:
    """Return the members of a list that are one of some fabrics, or lie in one."""
    return None if found is None else [body for body in found if any(f"{own_id(body).lower()}/".startswith(f"{one}/") for one in fabrics)]


def _associated(policies: Sequence[Json] | None, mappings: Sequence[Json] | None) -> Sequence[Json] | None:
    """Return the policies that some container mappings use."""
    if policies is None or mappings is None:
        return None
    used = {id_key(resource_id(an_object(mapping, "properties"), "policyId")) for mapping in mappings}
    return [policy for policy in policies if id_key(own_id(policy)) in used]


def _lost(tenant: Tenant, vault: ResourceId, clouds: Iterable[Json]) -> tuple[str, ...]:
    """Return the clouds that the registry maps to the tenant and its vault does not have."""
    known = {cloud_key(own_id(cloud)) for cloud in clouds}
    return tuple(cloud for cloud in tenant.clouds if vault_key(cloud) == vault.key and cloud_key(cloud) not in known)


def _cloud(cloud: Json, machines: Iterable[Json]) -> rules.Cloud:
    """Return a cloud of the tenant's vault; Site Recovery reports its machines only, not host groups and hosts."""
    below = f"{own_id(cloud).lower()}/"
    inside = sum(own_id(machine).lower().startswith(below) for machine in machines)
    return rules.Cloud(text(an_object(cloud, "properties"), "friendlyName") or own_id(cloud), inside)


def _shape(fabrics: Sequence[Json] | None, *, shared: bool) -> Shape | None:
    """Return how machines are protected, by the fabrics that they go through; None where there is none or they were not read."""
    kinds = {(fabric_view(fabric).type or "").lower() for fabric in fabrics or ()}
    if "vmm" in kinds:
        return Shape.SHARED if shared else Shape.DEDICATED
    if kinds - {_AZURE_FABRIC}:
        return Shape.SITE
    return Shape.AZURE if kinds else None


def _source_regions(items: Iterable[Json]) -> frozenset[str]:
    """Return the regions of protected machines in Azure."""
    details = (an_object(an_object(item, "properties"), "providerSpecificDetails") for item in items)
    locations = (text(one, "primaryFabricLocation") for one in details)
    return frozenset(location.replace(" ", "").lower() for location in locations if location)


def _frequencies(policies: Iterable[Json]) -> list[int]:
    details = [an_object(an_object(policy, "properties"), "providerSpecificDetails") for policy in policies]
    hyper_v = [one for one in details if text(one, "instanceType") == Provider.HYPER_V_REPLICA_AZURE]
    return sorted({seconds for one in hyper_v if (seconds := whole(one, "replicationInterval")) is not None})
