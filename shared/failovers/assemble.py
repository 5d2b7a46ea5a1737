"""Assembles the capability `failovers` from the core."""

from shared.access.records.azure_pack_subscriptions import TABLE, AzurePackSubscriptions
from shared.audit import AUDIT
from shared.audit.trails import AuditTrails
from shared.capability import Core, Parts
from shared.failovers import kinds
from shared.failovers.approvals.service import Approvals
from shared.failovers.drills.models import KeptPolicy as DrillPolicy
from shared.failovers.drills.service import Drills
from shared.failovers.drills.store import DrillStore
from shared.failovers.failing_over.blast_radius import BlastRadius
from shared.failovers.failing_over.context import ContextReader
from shared.failovers.failing_over.service import Failovers
from shared.failovers.failing_over.starts import Starts
from shared.failovers.failing_over.target_machine import TargetMachines
from shared.failovers.failing_over.workflow import FailoverSteps, failover_workflow
from shared.failovers.messages import MESSAGES
from shared.failovers.policies import PolicyStore
from shared.failovers.protection.models import KeptPolicy as ProtectionPolicy
from shared.failovers.protection.service import Protection
from shared.failovers.protection.store import NoteStore
from shared.failovers.readiness.reader import readiness_check
from shared.failovers.set_up.ownership import Ownership
from shared.failovers.set_up.planning import Planner
from shared.failovers.set_up.service import SetUp
from shared.failovers.set_up.workflow import SetUpSteps, set_up_workflow
from shared.failovers.vault.gateway import SiteRecoveryGateway
from shared.failovers.vault.inventory import Inventory


def assemble(core: Core) -> Parts:
    """Return the services, workflows and timers of failovers, set-up, drills and protection policies."""
    clock, registry = core.clock, core.registry
    gateway = SiteRecoveryGateway(core.clients, clock)
    inventory = Inventory(gateway, registry)
    moves = BlastRadius(core.storage.table(kinds.BLAST_RADIUS), clock)
    context = ContextReader(gateway, registry, moves, clock)
    trails = AuditTrails(core.storage.table(AUDIT), core.blobs.write_once(AUDIT), clock)
    starts = Starts(gateway, context, moves, clock, core.timings)
    approvals = Approvals(context, trails, clock)
    machines = TargetMachines(gateway, clock, core.timings)
    steps = FailoverSteps(gateway, context, starts, machines, approvals, trails, core.locks, clock)
    planner = Planner(gateway, registry)
    set_up_steps = SetUpSteps(gateway, planner, core.locks, clock, core.timings)
    failovers = Failovers(core.acceptance, core.commands, context, gateway, trails, core.locks, clock)
    set_up = SetUp(core.acceptance, planner, Ownership(gateway, registry), core.locks, core.commands, gateway, clock)
    drill_table, protection_table = core.storage.table(kinds.DRILLS), core.storage.table(kinds.PROTECTIONS)
    drills = Drills(PolicyStore(drill_table, DrillPolicy), DrillStore(drill_table), failovers, gateway, core.store, clock, registry)
    protection = Protection(
        PolicyStore(protection_table, ProtectionPolicy), NoteStore(protection_table), set_up, inventory, core.store, clock
    )
    return Parts(
        services=(failovers, inventory, set_up, drills, protection, gateway, context),
        workflows={
            kinds.FAILOVER.name: failover_workflow(steps),
            **{kind.name: set_up_workflow(set_up_steps) for kind in kinds.SET_UP},
        },
        timers=(drills.run, protection.run),
        resolvers={kind.name: set_up.resolve for kind in kinds.SET_UP},
        messages=MESSAGES,
        readiness=(readiness_check(gateway, inventory, registry, AzurePackSubscriptions(core.storage.table(TABLE)), clock),),
    )
