"""Reads what the readiness checks of a tenant need (docs/azure/site-recovery.md); what cannot be read is unknown."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial

from shared.access.ownership import owner_of
from shared.access.records.azure_pack_subscriptions import AzurePackSubscriptions
from shared.access.records.tenant import Backend, Shape, Tenant
from shared.access.registry import Registry
from shared.access.vaults import cloud_key, vault_key
from shared.arm.ids import ResourceId
from shared.arm.reading import id_key, own_id, resource_id
from shared.clock import Clock, from_text
from shared.failovers.readiness import rules
from shared.failovers.readiness.accounts import ITEMS
from shared.failovers.readiness.places import SUBSCRIPTIONS, Places, region_of
from shared.failovers.readiness.setup import Cloud, Owner, Setup
from shared.failovers.vault.facts import PlanFacts, ProtectedItemFacts, ProviderFacts
from shared.failovers.vault.gateway import SiteRecoveryGateway
from shared.failovers.vault.inventory import Inventory
from shared.failovers.vault.limits import machine_of
from shared.failovers.vault.names import Provider
from shared.failovers.vault.owners import owner_of_plan
from shared.failovers.vault.views import fabric_view
from shared.readiness import ReadinessCheck, ReadinessReport
from shared.reads.timed import Memo, TimedReads
from shared.values.reading import Json, an_object, same_text, text, whole

_AZURE_FABRIC = "azure"
_CERTIFICATE_DAYS = 30
_LISTS = (  # in the order in which they are unpacked
    "replicationFabrics",
    "replicationRecoveryServicesProviders",
    "replicationPolicies",
    "replicationRecoveryPlans",
    "replicationProtectionContainers",
    ITEMS,
    "replicationProtectionContainerMappings",
)


_NAMED = {
    "vault": ("vault",),
    "fabrics": ("replicationFabrics",),
    "clouds": ("replicationProtectionContainers", "protectable"),
    "providers": ("replicationRecoveryServicesProviders", "replicationProtectionContainers"),
    "policies": ("replicationPolicies", "replicationProtectionContainerMappings"),
    "plans": ("replicationRecoveryPlans",),
    "items": (ITEMS,),
    "machines": ("protectable", "replicationProtectionContainers"),
}
"""What the rules call what they look at, with the reads below the vault that it needs: for the codes of those that failed."""
SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class ReadinessReader:
    """Checks whether tenants can be protected."""

    gateway: SiteRecoveryGateway
    inventory: Inventory
    registry: Registry
    azure_pack: AzurePackSubscriptions
    clock: Clock

    async def report(self, tenant: Tenant, memo: Memo) -> ReadinessReport:
        """Run the nine checks for a tenant, within 15 seconds; what was not read by then is unknown."""
        provider = await self.registry.provider()
        vault = tenant.default_vault or (provider.vault_id if tenant.backend is not Backend.AZURE_PACK else None)
        reads = TimedReads(memo, self.clock, self.clock.monotonic() + SECONDS)
        if vault is None:
            setup = Setup(
                tenant=_owner(tenant),
                provider=_owner(provider),
                vault_subscription=None,
                registered=tenant.shape,
                backend=tenant.backend,
                azure_pack=await self._has_azure_pack(tenant),
                certificates_ending=await self._certificates_ending(tenant),
                claimed_elsewhere=await self._claimed_elsewhere(tenant),
                unreadable=await Places(self.gateway, self.registry, reads).unreadable(tenant),
                unread=_codes(None, reads.codes),
            )
        else:
            setup = await self._setup(tenant, provider, ResourceId.parse(vault), reads)
        return ReadinessReport(rules.assess(setup), setup.shape)

    async def _setup(self, tenant: Tenant, provider: Tenant, vault: ResourceId, reads: TimedReads) -> Setup:
        own = await reads.of(f"{vault.key}/vault", lambda: self.gateway.vault(vault))
        reading = (reads.of(f"{vault.key}/{kind}", partial(self.gateway.children, vault, kind)) for kind in _LISTS)
        lists: list[Sequence[Json] | None] = [*await asyncio.gather(*reading)]
        fabrics, agents, policies, plans, clouds, items, mappings = lists
        found = await self._machines(tenant, vault, clouds, reads)
        its_clouds, shared = await self._owned(tenant, clouds), tenant.vault_id is None and tenant.name != provider.name
        if shared:
            # of servers that several tenants share, only those of its own machines
            servers = {own_id(cloud).rsplit("/", 2)[0].lower() for cloud in its_clouds or ()}
            fabrics = _below(fabrics, servers) if servers else fabrics
            agents = _below(agents, servers) if its_clouds is not None else None
        policies = _associated(policies, await self._owned(tenant, mappings))
        its_items = await self._owned(tenant, items) or ()
        facts = [ProtectedItemFacts.from_arm(item) for item in its_items]
        vmm = [cloud for cloud in its_clouds or () if text(an_object(cloud, "properties"), "fabricType") == "VMM"]
        places = Places(self.gateway, self.registry, reads)
        targets, groups, unreadable, elsewhere = await asyncio.gather(
            places.targets(tenant, vault, facts), places.groups(facts), places.unreadable(tenant), self._claimed_elsewhere(tenant)
        )
        return Setup(
            tenant=_owner(tenant),
            provider=_owner(provider),
            vault_subscription=vault.subscription_id,
            vault_region=region_of(own),
            vault_missing=f"{vault.key}/vault" in reads.missing,
            shape=_shape(fabrics, shared=shared) or (_shape_of_clouds(vmm, shared=shared) if fabrics is None else None),
            registered=tenant.shape,
            backend=tenant.backend,
            azure_pack=await self._has_azure_pack(tenant),
            certificates_ending=await self._certificates_ending(tenant),
            claimed_elsewhere=elsewhere,
            unreadable=unreadable,
            targets=targets.places,
            accounts_unread=targets.unread,
            groups=groups,
            target_regions=frozenset(region for item in facts if (region := item.target.region) is not None),
            source_regions=_source_regions(its_items),
            clouds=None if clouds is None or found is None else tuple(_cloud(cloud, found) for cloud in vmm),
            lost_clouds=() if clouds is None else _lost(tenant, vault, clouds),
            providers=None if agents is None else tuple(ProviderFacts.from_arm(agent) for agent in agents),
            frequencies=None if policies is None else tuple(_frequencies(policies)),
            machines=None if found is None else tuple(machine_of(item) for item in found),
            plans=None if plans is None else await self._plans(tenant, plans),
            unread=_codes(vault, reads.codes),
        )

    async def _machines(self, tenant: Tenant, vault: ResourceId, clouds: Sequence[Json] | None, reads: TimedReads) -> Sequence[Json] | None:
        """Read the tenant's machines that can be protected, None where they or their containers were not read."""
        if clouds is None:
            return None
        return await self._owned(tenant, await reads.of(f"{vault.key}/protectable", partial(self.inventory.protectable_in, clouds)))

    async def _has_azure_pack(self, tenant: Tenant) -> bool:
        """Return whether a tenant on Azure Pack has a subscription there; not looked at for others."""
        return tenant.backend is Backend.AZURE_PACK and await self.azure_pack.any_of_tenant(tenant.name)

    async def _certificates_ending(self, tenant: Tenant) -> tuple[tuple[str, int], ...]:
        """Return a tenant's Azure Pack subscriptions whose certificate ends within 30 days, with the days that are left."""
        if tenant.backend is not Backend.AZURE_PACK:
            return ()
        found = [
            (row.id, (from_text(row.certificate.not_after) - self.clock.wall()).days)
            async for row in self.azure_pack.of_tenant(tenant.name)
            if row.certificate is not None
        ]
        return tuple((subscription, max(days, 0)) for subscription, days in found if days < _CERTIFICATE_DAYS)

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


def readiness_check(
    gateway: SiteRecoveryGateway, inventory: Inventory, registry: Registry, azure_pack: AzurePackSubscriptions, clock: Clock
) -> ReadinessCheck:
    """Return the nine checks for hosters as what a capability contributes."""
    return ReadinessCheck("siteRecovery", ReadinessReader(gateway, inventory, registry, azure_pack, clock).report, rules.unjudged)


def _owner(tenant: Tenant) -> Owner:
    return Owner(tenant.name, tenant.tenant_id, tenant.subscriptions)


def _codes(vault: ResourceId | None, codes: Mapping[str, str]) -> dict[str, str]:
    """Return the code of each thing that was not read, by its name in the rules."""
    within = vault.key if vault is not None else ""
    keys = {name: [f"{within}/{kind}" for kind in kinds] for name, kinds in _NAMED.items()} | {"subscriptions": [SUBSCRIPTIONS]}
    return {name: code for name, needed in keys.items() if (code := next((codes[key] for key in needed if key in codes), None))}


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


def _cloud(cloud: Json, machines: Iterable[Json]) -> Cloud:
    """Return a cloud of the tenant's vault; Site Recovery reports its machines only, not host groups and hosts."""
    below = f"{own_id(cloud).lower()}/"
    inside = sum(own_id(machine).lower().startswith(below) for machine in machines)
    return Cloud(text(an_object(cloud, "properties"), "friendlyName") or own_id(cloud), inside)


def _shape(fabrics: Sequence[Json] | None, *, shared: bool) -> Shape | None:
    """Return how machines are protected, by the fabrics that they go through; None where there is none or they were not read."""
    kinds = {(fabric_view(fabric).type or "").lower() for fabric in fabrics or ()}
    if "vmm" in kinds:
        return Shape.SHARED if shared else Shape.DEDICATED
    if kinds - {_AZURE_FABRIC}:
        return Shape.SITE
    return Shape.AZURE if kinds else None


def _shape_of_clouds(vmm: Sequence[Json], *, shared: bool) -> Shape | None:
    """Return the shape that clouds of a VMM server show, where the fabrics were not read."""
    return (Shape.SHARED if shared else Shape.DEDICATED) if vmm else None


def _source_regions(items: Iterable[Json]) -> frozenset[str]:
    """Return the regions of protected machines in Azure."""
    details = (an_object(an_object(item, "properties"), "providerSpecificDetails") for item in items)
    locations = (text(one, "primaryFabricLocation") for one in details)
    return frozenset(location.replace(" ", "").lower() for location in locations if location)


def _frequencies(policies: Iterable[Json]) -> list[int]:
    details = [an_object(an_object(policy, "properties"), "providerSpecificDetails") for policy in policies]
    hyper_v = [one for one in details if same_text(text(one, "instanceType"), Provider.HYPER_V_REPLICA_AZURE)]
    return sorted({seconds for one in hyper_v if (seconds := whole(one, "replicationInterval")) is not None})
