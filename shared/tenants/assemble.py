"""Assembles the capability `tenants` from the core."""

from shared.capability import Core, Parts
from shared.failovers.vault.gateway import SiteRecoveryGateway
from shared.failovers.vault.inventory import Inventory
from shared.tenants.readiness.reader import ReadinessReader


def assemble(core: Core) -> Parts:
    """Return what reads whether tenants can be protected."""
    gateway = SiteRecoveryGateway(core.clients, core.clock)
    return Parts(services=(ReadinessReader(gateway, Inventory(gateway, core.registry), core.registry),))
