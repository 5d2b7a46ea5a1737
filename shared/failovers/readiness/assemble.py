"""Assembles the readiness checks of Site Recovery alone, for an app that does not serve failovers."""

from shared.access.records.azure_pack_subscriptions import TABLE, AzurePackSubscriptions
from shared.capability import Core
from shared.failovers.readiness.reader import readiness_check
from shared.failovers.vault.gateway import SiteRecoveryGateway
from shared.failovers.vault.inventory import Inventory
from shared.readiness import ReadinessCheck


def readiness_of(core: Core) -> tuple[ReadinessCheck, ...]:
    """Return the readiness checks of Site Recovery."""
    gateway = SiteRecoveryGateway(core.clients, core.clock)
    azure_pack = AzurePackSubscriptions(core.storage.table(TABLE))
    return (readiness_check(gateway, Inventory(gateway, core.registry), core.registry, azure_pack, core.clock),)
