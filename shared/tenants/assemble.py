"""Assembles the capability `tenants` from the core."""

from collections.abc import Sequence

from shared.access.plans import HostingPlans
from shared.access.records.azure_pack_subscriptions import TABLE as AZURE_PACK_SUBSCRIPTIONS
from shared.access.records.azure_pack_subscriptions import AzurePackSubscriptions
from shared.access.records.rows import TenantRows
from shared.access.registrar import Registrar
from shared.arm.api_versions import SUBSCRIPTIONS
from shared.capability import Core, Parts, ReadinessCheck
from shared.tenants.documents import TenantDocuments
from shared.tenants.hosting_plans import HostingPlanDocuments
from shared.tenants.locations import Locations
from shared.tenants.mappings.estate import Estate
from shared.tenants.mappings.reader import OwnershipMappings
from shared.tenants.readiness.runner import ReadinessRunner
from shared.values.reading import Json


def assemble(core: Core, checks: Sequence[ReadinessCheck]) -> Parts:
    """Return what writes the registry, and what runs readiness checks.

    `checks` are those that an app has which serves no other capability.
    """
    rows, plans = TenantRows(core.registry_table, core.ids), HostingPlans(core.registry_table, core.clock, core.ids)
    registrar = Registrar(core.registry_table, core.clock, core.ids)

    async def locations(subscription_id: str) -> Sequence[Json]:
        return await core.clients.read_all(f"/subscriptions/{subscription_id}/locations", api_version=SUBSCRIPTIONS)

    key_vaults = (core.settings.key_vault_suffix, core.settings.key_vault_url)
    packs = AzurePackSubscriptions(core.storage.table(AZURE_PACK_SUBSCRIPTIONS))
    tenants = TenantDocuments(registrar, core.registry, rows, plans, core.store, Locations(locations), *key_vaults, packs)
    mappings = OwnershipMappings(Estate(core.clients), core.registry, rows, core.clock)
    runner = ReadinessRunner(core.registry, rows, core.clock)
    return Parts(
        services=(tenants, HostingPlanDocuments(plans, core.registry), runner, mappings),
        readiness=tuple(checks),
        timers=(registrar.claim_existing,),
    )
