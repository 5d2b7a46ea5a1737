"""Reads what the readiness checks of a tenant need (docs/azure/site-recovery.md); what cannot be read is unknown."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence, Set
from dataclasses import dataclass
from typing import TypeVar

from shared.access.ownership import owner_of
from shared.access.records.tenant import Tenant
from shared.access.registry import Registry
from shared.access.vaults import cloud_key, vault_key
from shared.arm.ids import ResourceId
from shared.arm.reading import id_key, own_id, resource_id
from shared.capability import ReadinessCheck, ReadinessFinding
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


@dataclass(frozen=True, slots=True)
class ReadinessReader:
    """Checks whether tenants can be protected."""

    gateway: SiteRecoveryGateway
    inventory: Inventory
    registry: Registry

    async def findings(self, tenant: Tenant) -> tuple[ReadinessFinding, ...]:
        """Run the nine checks for a tenant; none where neither it nor the provider has a vault."""
        provider, tenants = await self.registry.provider(), [tenant async for tenant in self.registry.each()]
        vault = tenant.default_vault or provider.vault_id
        others = tuple(_owner(one) for one in tenants if one.name not in {tenant.name, provider.name})
        if vault is None:
            return ()
        shared = tenant.vault_id is None and tenant.name != provider.name
        return rules.assess(await self._setup(tenant, _owner(provider), others, ResourceId.parse(vault), shared=shared))

    async def _setup(
        self, tenant: Tenant, provider: rules.Owner, others: tuple[rules.Owner, ...], vault: ResourceId, *, shared: bool
    ) -> rules.Setup:
        own = await _unless_unread(self.gateway.vault(vault))
        fabrics, agents, policies, plans, clouds, items, mappings = await asyncio.gather(*(self._list(vault, kind) for kind in _LISTS))
        found = await self._owned(tenant, await _unless_unread(self.inventory.protectable_bodies(Vault(vault, tenant.name))))
        its_clouds = await self._owned(tenant, clouds)
        if shared:
            # of servers that several tenants share, only those of its own machines
            servers = {own_id(cloud).rsplit("/", 2)[0].lower() for cloud in its_clouds or ()}
            fabrics = _below(fabrics, servers) if servers else fabrics
            agents = _below(agents, servers) if its_clouds is not None else None
            policies = _associated(policies, await self._owned(tenant, mappings))
        kinds = {(fabric_view(fabric).type or "").lower() for fabric in fabrics or ()}
        facts = [ProtectedItemFacts.from_arm(item) for item in await self._owned(tenant, items) or ()]
        vmm = [cloud for cloud in its_clouds or () if text(an_object(cloud, "properties"), "fabricType") == "VMM"]
        return rules.Setup(
            tenant=_owner(tenant),
            provider=provider,
            others=others,
            vault_subscription=vault.subscription_id,
            vault_region=_region(own),
            shared=shared,
            vmm="vmm" in kinds,
            targets=await self._targets(tenant, facts),
            clouds=None if clouds is None or found is None else tuple(_cloud(cloud, tenant, found) for cloud in vmm),
            lost_clouds=() if clouds is None else _lost(tenant, vault, clouds),
            providers=None if agents is None else tuple(ProviderFacts.from_arm(agent) for agent in agents),
            frequencies=None if policies is None else tuple(_frequencies(policies)),
            machines=None if found is None else tuple(machine_of(item) for item in found),
            plans=None if plans is None else await self._plans(tenant, plans),
            on_premises=fabrics is None or bool(kinds - {_AZURE_FABRIC}),
        )

    async def _owned(self, tenant: Tenant, found: Sequence[Json] | None) -> Sequence[Json] | None:
        """Return the members of a list that belong to the tenant: in a shared vault those in its clouds."""
        return None if found is None else [body for body in found if await owner_of(self.registry, own_id(body)) == tenant.name]

    async def _plans(self, tenant: Tenant, plans: Sequence[Json]) -> int:
        owners = [await owner_of_plan(self.registry, PlanFacts.from_arm(plan)) for plan in plans]
        return owners.count(tenant.name)

    async def _list(self, vault: ResourceId, kind: str) -> Sequence[Json] | None:
        return await _unless_unread(self.gateway.children(vault, kind))

    async def _targets(self, tenant: Tenant, items: Iterable[ProtectedItemFacts]) -> tuple[rules.Placed, ...]:
        """Read the networks and storage accounts that are targets of the tenant's items, each once."""
        named: dict[str, tuple[ResourceId, str]] = {}
        for item in items:
            for id_, kind in ((item.target.network_id, "virtual network"), (item.target.storage_account_id, "storage account")):
                found = _id(id_)
                if found is not None:
                    named.setdefault(found.key, (found, kind))
        return tuple(await asyncio.gather(*(self._placed(tenant, found, kind) for found, kind in named.values())))

    async def _placed(self, tenant: Tenant, found: ResourceId, kind: str) -> rules.Placed:
        if kind == "virtual network":
            body = await _unless_unread(self.gateway.network(found))
        else:
            body = await _unless_unread(self.gateway.storage_account(found))
        sku = text(an_object(body or {}, "sku"), "name")
        classic = found.provider.lower().startswith("microsoft.classic")
        return rules.Placed(str(found), kind, found.subscription_id, _region(body), (tenant.name,), sku, classic)


def readiness_check(gateway: SiteRecoveryGateway, inventory: Inventory, registry: Registry) -> ReadinessCheck:
    """Return the nine checks for hosters as what a capability contributes."""
    return ReadinessCheck("siteRecovery", ReadinessReader(gateway, inventory, registry).findings)


async def _unless_unread(read: Awaitable[T]) -> T | None:
    try:
        return await read
    except (CallFailure, Refused):  # the inventory reports what Azure has refused
        return None


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


def _cloud(cloud: Json, tenant: Tenant, machines: Iterable[Json]) -> rules.Cloud:
    """Return a cloud of the tenant's vault; Site Recovery reports its machines only, not host groups and hosts."""
    below = f"{own_id(cloud).lower()}/"
    inside = sum(own_id(machine).lower().startswith(below) for machine in machines)
    return rules.Cloud(text(an_object(cloud, "properties"), "friendlyName") or own_id(cloud), tenant.name, machines=inside)


def _frequencies(policies: Iterable[Json]) -> list[int]:
    details = [an_object(an_object(policy, "properties"), "providerSpecificDetails") for policy in policies]
    hyper_v = [one for one in details if text(one, "instanceType") == Provider.HYPER_V_REPLICA_AZURE]
    return sorted({seconds for one in hyper_v if (seconds := whole(one, "replicationInterval")) is not None})
