"""Puts the capability together from what the composition hands it."""

from dataclasses import dataclass

from shared.access.registry import Registry
from shared.arm.clients import AzureClients
from shared.clock import Clock
from shared.failovers.approvals.service import Approvals
from shared.failovers.audit import trails as audit
from shared.failovers.audit.trails import AuditTrails
from shared.failovers.drills import store as drills
from shared.failovers.drills.models import KeptPolicy as DrillPolicy
from shared.failovers.drills.service import Drills
from shared.failovers.drills.store import DrillStore
from shared.failovers.failing_over import blast_radius as moves
from shared.failovers.failing_over.blast_radius import BlastRadius
from shared.failovers.failing_over.context import ContextReader
from shared.failovers.failing_over.service import Failovers
from shared.failovers.failing_over.starts import Starts
from shared.failovers.failing_over.target_machine import TargetMachines
from shared.failovers.failing_over.workflow import FailoverSteps, failover_workflow
from shared.failovers.policies import PolicyStore
from shared.failovers.protection import store as protections
from shared.failovers.protection.models import KeptPolicy as ProtectionPolicy
from shared.failovers.protection.service import Protection
from shared.failovers.protection.store import NoteStore
from shared.failovers.set_up.ownership import Ownership
from shared.failovers.set_up.planning import Planner
from shared.failovers.set_up.service import SetUp
from shared.failovers.set_up.workflow import SetUpSteps, set_up_workflows
from shared.failovers.vault.gateway import SiteRecoveryGateway
from shared.failovers.vault.inventory import Inventory
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.accepting.commands import Commands
from shared.operations.accepting.locks import Locks
from shared.operations.model.store import Store
from shared.operations.model.workflow import Workflow
from shared.operations.timings import Timings
from shared.storage.blobs import WriteOnceBlobs
from shared.storage.tables import Storage, Table


@dataclass(frozen=True, slots=True)
class SiteRecovery:
    """The capability: its workflow, and what its service is made of."""

    workflow: Workflow
    set_up_workflows: tuple[Workflow, ...]
    planner: Planner
    drill_table: Table
    protection_table: Table
    gateway: SiteRecoveryGateway
    surroundings: ContextReader
    inventory: Inventory
    trails: AuditTrails
    locks: Locks
    clock: Clock

    def service(self, acceptance: Acceptance, commands: Commands) -> Failovers:
        """Return what entry points call."""
        return Failovers(acceptance, commands, self.surroundings, self.gateway, self.trails, self.locks, self.clock)

    def drills(self, failovers: Failovers, operations: Store) -> Drills:
        """Return what entry points of drills and their timer call."""
        kept = self.drill_table
        registry = self.inventory.registry
        return Drills(PolicyStore(kept, DrillPolicy), DrillStore(kept), failovers, self.gateway, operations, self.clock, registry)

    def protection(self, set_up: SetUp, operations: Store) -> Protection:
        """Return what entry points of protection policies and their timer call."""
        kept = self.protection_table
        return Protection(PolicyStore(kept, ProtectionPolicy), NoteStore(kept), set_up, self.inventory, operations, self.clock)

    def set_up(self, acceptance: Acceptance) -> SetUp:
        """Return what entry points of the set-up call."""
        return SetUp(acceptance, self.planner, Ownership(self.gateway, self.inventory.registry), self.locks)


def capability(
    storage: Storage, blobs: WriteOnceBlobs, registry: Registry, locks: Locks, clients: AzureClients, clock: Clock, timings: Timings
) -> SiteRecovery:
    """Put the capability together; `blobs` takes the anchors of audit trails, `clients` reach Azure."""
    gateway = SiteRecoveryGateway(clients, clock)
    counted = BlastRadius(storage.table(moves.TABLE), clock)
    surroundings = ContextReader(gateway, registry, counted, clock)
    trails = AuditTrails(storage.table(audit.TABLE), blobs, clock)
    starts = Starts(gateway, surroundings, counted, clock, timings)
    approvals = Approvals(surroundings, trails, clock)
    steps = FailoverSteps(gateway, surroundings, starts, TargetMachines(gateway, clock, timings), approvals, trails, locks, clock)
    planner = Planner(gateway, registry)
    changes = set_up_workflows(SetUpSteps(gateway, planner, locks, clock, timings))
    inventory = Inventory(gateway, registry)
    kept = storage.table(drills.TABLE), storage.table(protections.TABLE)
    return SiteRecovery(failover_workflow(steps), changes, planner, *kept, gateway, surroundings, inventory, trails, locks, clock)
