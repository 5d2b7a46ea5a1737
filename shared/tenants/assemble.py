"""Assembles the capability `tenants` from the core."""

from collections.abc import Sequence

from shared.access.plans import HostingPlans
from shared.access.records.azure_pack_subscriptions import TABLE, AzurePackSubscriptions
from shared.access.records.rows import TenantRows
from shared.access.registrar import Registrar
from shared.arm.api_versions import SUBSCRIPTIONS
from shared.capability import Core, Parts
from shared.quotas.reservations import reservations_in
from shared.quotas.table import TABLE as QUOTAS
from shared.quotas.usage import UsageReader
from shared.readiness import ReadinessCheck
from shared.tenants.documents import TenantDocuments
from shared.tenants.hosting_plans import HostingPlanDocuments
from shared.tenants.locations import Locations
from shared.tenants.mappings.estate import Estate
from shared.tenants.mappings.reader import OwnershipMappings
from shared.tenants.readiness.runner import ReadinessRunner
from shared.tenants.shapes import VaultShapes
from shared.values.reading import Json


def assemble(core: Core, checks: Sequence[ReadinessCheck]) -> Parts:
    """Return what writes the registry, and what runs readiness checks.

    `checks` are those that an app has which serves no other capability.
    """
    rows, plans = TenantRows(core.registry_table, core.ids), HostingPlans(core.registry_table, core.clock, core.ids)
    registrar = Registrar(core.registry_table, core.clock, core.ids)

    async def locations(subscription_id: str) -> Sequence[Json]:
        return await core.clients.read_all(f"/subscriptions/{subscription_id}/locations", api_version=SUBSCRIPTIONS)

    azure_pack, settings = AzurePackSubscriptions(core.storage.table(TABLE)), core.settings
    estate = Estate(core.clients)
    usage = UsageReader(core.clients, core.clock, reservations_in(core.storage.table(QUOTAS), core.ids, core.store))
    tenants = TenantDocuments(
        registrar, core.registry, rows, plans, core.store, azure_pack, Locations(locations),
        settings.key_vault_suffix, settings.key_vault_url, usage, VaultShapes(estate.fabrics),
    )  # fmt: skip
    mappings = OwnershipMappings(estate, core.registry, rows, core.clock)
    runner = ReadinessRunner(core.registry, rows, core.clock)
    return Parts(
        services=(tenants, HostingPlanDocuments(plans, core.registry), runner, mappings),
        readiness=tuple(checks),
        timers=(registrar.claim_existing,),
    )
