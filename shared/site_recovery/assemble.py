"""Puts the capability together from what the composition hands it."""

from dataclasses import dataclass

from shared.access.registry import Registry
from shared.arm.clients import AzureClients
from shared.clock import Clock
from shared.operations.acceptance import Acceptance
from shared.operations.blobs import WriteOnceBlobs
from shared.operations.commands import Commands
from shared.operations.locks import Locks
from shared.operations.storage import Storage, Table
from shared.operations.store import Store
from shared.operations.timings import Timings
from shared.operations.workflow import Workflow
from shared.site_recovery import audit, moves
from shared.site_recovery.approvals import Approvals
from shared.site_recovery.audit import AuditTrails
from shared.site_recovery.drills import store as drills
from shared.site_recovery.drills.models import KeptPolicy as DrillPolicy
from shared.site_recovery.drills.service import Drills
from shared.site_recovery.drills.store import DrillStore
from shared.site_recovery.gateway import SiteRecoveryGateway
from shared.site_recovery.inventory import Inventory
from shared.site_recovery.moves import Moves
from shared.site_recovery.naming import Naming
from shared.site_recovery.policies import PolicyStore
from shared.site_recovery.protection import store as protections
from shared.site_recovery.protection.models import KeptPolicy as ProtectionPolicy
from shared.site_recovery.protection.service import Protection
from shared.site_recovery.protection.store import NoteStore
from shared.site_recovery.readiness import ReadinessReader
from shared.site_recovery.service import Failovers
from shared.site_recovery.set_up.ownership import Ownership
from shared.site_recovery.set_up.planning import Planner
from shared.site_recovery.set_up.service import SetUp
from shared.site_recovery.set_up.workflow import SetUpSteps, set_up_workflows
from shared.site_recovery.starts import Starts
from shared.site_recovery.surroundings import Surroundings
from shared.site_recovery.workflow import FailoverSteps, failover_workflow


@dataclass(frozen=True, slots=True)
class SiteRecovery:
    """The capability: its workflow, and what its service is made of."""

    workflow: Workflow
    set_up_workflows: tuple[Workflow, ...]
    planner: Planner
    drill_table: Table
    protection_table: Table
    gateway: SiteRecoveryGateway
    surroundings: Surroundings
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

    @property
    def readiness(self) -> ReadinessReader:
        """What tells whether tenants can be protected."""
        return ReadinessReader(self.gateway, self.inventory, self.inventory.registry)

    def set_up(self, acceptance: Acceptance) -> SetUp:
        """Return what entry points of the set-up call."""
        return SetUp(acceptance, self.planner, Ownership(self.gateway, self.inventory.registry), self.locks)


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
    steps = FailoverSteps(gateway, surroundings, starts, Naming(gateway, clock, timings), approvals, trails, locks, clock)
    planner = Planner(gateway, registry)
    changes = set_up_workflows(SetUpSteps(gateway, planner, locks, clock, timings))
    inventory = Inventory(gateway, registry)
    kept = storage.table(drills.TABLE), storage.table(protections.TABLE)
    return SiteRecovery(failover_workflow(steps), changes, planner, *kept, gateway, surroundings, inventory, trails, locks, clock)
