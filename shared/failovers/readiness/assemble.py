"""Assembles the readiness checks of Site Recovery alone, for an app that does not serve failovers."""

from shared.capability import Core, ReadinessCheck
from shared.failovers.readiness.reader import readiness_check
from shared.failovers.vault.gateway import SiteRecoveryGateway
from shared.failovers.vault.inventory import Inventory


def readiness_of(core: Core) -> tuple[ReadinessCheck, ...]:
    """Return the readiness checks of Site Recovery."""
    gateway = SiteRecoveryGateway(core.clients, core.clock)
    return (readiness_check(gateway, Inventory(gateway, core.registry), core.registry, core.clock),)
