"""Puts the capability together from what the composition hands it."""

from dataclasses import dataclass

from shared.access.registry import Registry
from shared.arm.clients import AzureClients
from shared.clock import Clock
from shared.operations.acceptance import Acceptance
from shared.operations.blobs import WriteOnceBlobs
from shared.operations.commands import Commands
from shared.operations.locks import Locks
from shared.operations.storage import Storage
from shared.operations.timings import Timings
from shared.operations.workflow import Workflow
from shared.site_recovery import audit, moves
from shared.site_recovery.approvals import Approvals
from shared.site_recovery.audit import AuditTrails
from shared.site_recovery.gateway import SiteRecoveryGateway
from shared.site_recovery.inventory import Inventory
from shared.site_recovery.moves import Moves
from shared.site_recovery.service import Failovers
from shared.site_recovery.starts import Starts
from shared.site_recovery.surroundings import Surroundings
from shared.site_recovery.workflow import FailoverSteps, failover_workflow


@dataclass(frozen=True, slots=True)
class SiteRecovery:
    """The capability: its workflow, and what its service is made of."""

    workflow: Workflow
    gateway: SiteRecoveryGateway
    surroundings: Surroundings
    inventory: Inventory
    trails: AuditTrails
    locks: Locks
    clock: Clock

    def service(self, acceptance: Acceptance, commands: Commands) -> Failovers:
        """Return what entry points call."""
        return Failovers(acceptance, commands, self.surroundings, self.gateway, self.trails, self.locks, self.clock)


def capability(
    storage: Storage, blobs: WriteOnceBlobs, registry: Registry, locks: Locks, clients: AzureClients, clock: Clock, timings: Timings
) -> SiteRecovery:
    """Put the capability together; `blobs` takes the anchors of audit trails, `clients` reach Azure."""
    gateway = SiteRecoveryGateway(clients, clock)
    counted = Moves(storage.table(moves.TABLE), clock)
    surroundings = Surroundings(gateway, registry, counted, clock)
    trails = AuditTrails(storage.table(audit.TABLE), blobs, clock)
    starts = Starts(gateway, surroundings, counted, clock, timings)
    approvals = Approvals(surroundings, trails, clock)
    steps = FailoverSteps(gateway, surroundings, starts, approvals, trails, locks, clock)
    return SiteRecovery(failover_workflow(steps), gateway, surroundings, Inventory(gateway, registry), trails, locks, clock)
