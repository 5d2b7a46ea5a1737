"""Assembles the capability `copies` from the core."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.arm.ids import ResourceId
from shared.audit import AUDIT
from shared.audit.trails import AuditTrails
from shared.capability import Core, Parts
from shared.copies.copying.service import Copies
from shared.copies.copying.sources import SourceSteps
from shared.copies.copying.waiting.chains import Chains
from shared.copies.copying.waiting.in_flight import InFlight
from shared.copies.copying.waiting.turns import Superseding, Turns
from shared.copies.copying.workflow import CopySteps, copy_workflow
from shared.copies.deletions.reading import DeletionReads
from shared.copies.deletions.service import Deletions
from shared.copies.deletions.subjects import CopySubject, PointSubject
from shared.copies.deletions.trail import DeletionTrail
from shared.copies.deletions.workflow import DeletionSteps, deletion_workflow
from shared.copies.gateway import RestorePointGateway
from shared.copies.inventory.graph import Graph
from shared.copies.inventory.listing import Listing
from shared.copies.inventory.reader import Inventories
from shared.copies.inventory.sources import InventorySource
from shared.copies.kinds import CHAINS, COPY, DELETION, LEDGER, POLICIES, PROTECTION, RESTORE, RUN, RUNS
from shared.copies.ledger import Ledger
from shared.copies.messages import MESSAGES
from shared.copies.policies.management.looks import Looks
from shared.copies.policies.management.service import Policies
from shared.copies.policies.management.trail import PolicyTrail
from shared.copies.policies.plans.chains import ChainForecasts
from shared.copies.policies.plans.retained import RetentionPlans
from shared.copies.policies.plans.service import Plans
from shared.copies.policies.records.store import PolicyStore
from shared.copies.policies.runs.children import Children
from shared.copies.policies.runs.items import RunItems
from shared.copies.policies.runs.reading import Deciding
from shared.copies.policies.runs.service import Runs
from shared.copies.policies.runs.slots import Slots
from shared.copies.policies.runs.workflow import RunSteps, run_workflow
from shared.copies.policy_messages import POLICY_MESSAGES
from shared.copies.protection.gauges import CopyGauges
from shared.copies.protection.newest import Newest
from shared.copies.protection.pages import ProtectionPages
from shared.copies.protection.records.store import ProtectionStore
from shared.copies.protection.rounds import UNTIL_WRITTEN, ProtectionRounds
from shared.copies.protection.usable import LedgerReader
from shared.copies.reconciling.service import Reconciling
from shared.copies.restores.accepting.messages import RESTORE_MESSAGES
from shared.copies.restores.assemble import RestoreParts, restores_of
from shared.copies.restores.drills.rounds import PolicyDrills
from shared.copies.retention.deciding import DueByRetention
from shared.copies.retention.machines import MachineRetention
from shared.copies.retention.pictures import Pictures
from shared.copies.retention.places import Places
from shared.copies.retention.pruning import Pruning
from shared.operations.model.amending import Amendments
from shared.operations.model.store import TABLE as OPERATIONS


def assemble(core: Core) -> Parts:
    """Return the services, the workflow and the gauges of copies."""
    gateway = RestorePointGateway(core.clients, core.clock)
    chains = Chains(core.storage.table(CHAINS), core.store, core.clock)
    ledger = Ledger(core.storage.table(LEDGER), core.store, core.clock, core.ids)
    superseding = Superseding(chains, core.store, core.commands)
    sources = SourceSteps(gateway, chains, ledger, core.locks, superseding, core.clock, core.timings)
    protection = ProtectionStore(core.storage.table(PROTECTION))

    async def copy_ended(tenant: str, operation: str) -> None:
        await protection.note_copy(tenant, operation, core.clock.now())

    in_flight = InFlight(core.storage.table(CHAINS), core.store, core.settings.copies_in_flight)
    steps = CopySteps(sources, gateway, chains, Turns(chains, gateway, core.clock), ledger, core.clock, core.timings, in_flight, copy_ended)
    gauges = CopyGauges(
        core.store,
        Newest(core.storage.table(LEDGER)),
        protection,
        PolicyStore(core.storage.table(POLICIES), core.ids),
        core.clock,
    )

    copies = Copies(core.acceptance, core.commands, gateway, chains, ledger, core.registry, core.locks)
    places = Places(core.storage.table(LEDGER))
    pictures = Pictures(places, ledger.points, core.store, chains)
    deletions = Deletions(core.acceptance, core.store, core.locks, places, pictures, ledger, core.registry)

    async def reconciled(tenant: str, vm_key: str) -> None:
        await protection.note_machine(tenant, vm_key, core.clock.now())
        await protection.note_reconciled(tenant, core.clock.now())

    async def collections_of(tenant: str, vm_key: str) -> list[ResourceId]:
        found = await protection.get(tenant, vm_key)
        return [ResourceId.parse(one) for one in found.record.collections] if found is not None else []

    reconciling = Reconciling(
        ledger.reconciling,
        pictures,
        places,
        ledger.points,
        Amendments(core.storage.table(OPERATIONS)),
        gateway,
        core.registry,
        core.clock,
        core.settings.reconcile,
        reconciled,
        collections_of,
    )
    restores = restores_of(core, places)
    forecasts = ChainForecasts(ledger, chains, core.store, core.clock)
    policies = _policies(core, gateway, copies, deletions, forecasts, protection, restores)

    async def record_gauges() -> None:
        await gauges.record(core.registry.each())

    return Parts(
        services=(copies, deletions, policies.documents, policies.runs, policies.plans, policies.pages, restores.service),
        workflows={
            COPY.name: copy_workflow(steps),
            RUN.name: run_workflow(policies.steps),
            DELETION.name: deletion_workflow(_deletion_steps(core, gateway, deletions, protection, copy_ended)),
            RESTORE.name: restores.workflow,
        },
        timers=(policies.slots.run, policies.rounds.run, reconciling.run),
        gauges=(record_gauges,),
        messages=MESSAGES | POLICY_MESSAGES | RESTORE_MESSAGES,
    )


def _deletion_steps(
    core: Core,
    gateway: RestorePointGateway,
    deletions: Deletions,
    protection: ProtectionStore,
    deleted: Callable[[str, str], Awaitable[None]],
) -> DeletionSteps:
    async def of_machine(tenant: str, vm_key: str) -> None:
        await protection.note_machine(tenant, vm_key, core.clock.now())

    reads, ledger, pictures = DeletionReads(gateway, core.store), deletions.ledger, deletions.pictures
    due = DueByRetention(PolicyStore(core.storage.table(POLICIES), core.ids), gateway, core.clock)
    amendments = Amendments(core.storage.table(OPERATIONS))
    trail = _trail(core)
    of_copies = CopySubject(
        reads, deletions.places, pictures, ledger, core.store, amendments, due, deletions, core.commands, deleted, trail
    )
    of_points = PointSubject(reads, pictures, ledger.points, due, of_machine)
    enabled = core.settings.retention == "on"
    return DeletionSteps(
        gateway, reads, of_copies, of_points, core.locks, core.clock, core.timings, enabled, DeletionTrail(core.store, trail)
    )


def _trail(core: Core) -> PolicyTrail:
    return PolicyTrail(AuditTrails(core.storage.table(AUDIT), core.blobs.write_once(AUDIT), core.clock))


@dataclass(frozen=True, slots=True)
class _PolicyParts:
    """What copy policies consist of."""

    documents: Policies
    runs: Runs
    steps: RunSteps
    plans: Plans
    slots: Slots
    pages: ProtectionPages
    rounds: ProtectionRounds


def _inventories(core: Core, gateway: RestorePointGateway) -> Inventories:
    by_graph = InventorySource(core.settings.inventory) is InventorySource.RESOURCE_GRAPH
    graph = Graph(gateway, core.clock) if by_graph else None
    return Inventories(core.registry, gateway, Listing(gateway, core.clock), graph)


def _policies(
    core: Core,
    gateway: RestorePointGateway,
    copies: Copies,
    deletions: Deletions,
    forecasts: ChainForecasts,
    protection: ProtectionStore,
    restores: RestoreParts,
) -> _PolicyParts:
    store, items = PolicyStore(core.storage.table(POLICIES), core.ids), RunItems(core.storage.table(RUNS))
    inventories = _inventories(core, gateway)
    deciding = Deciding(store, inventories, protection.near_limit)
    looks = Looks(gateway, core.registry, deciding, restores.gateway)
    drills = PolicyDrills(restores.service, protection, restores.evidence, core.clock)
    children = Children(copies, core.store)
    trail = _trail(core)
    enabled = core.settings.retention == "on"
    retention = MachineRetention(deletions.pictures, core.locks, core.clock)
    pruning = Pruning(store, items, retention, deletions, core.store, enabled)
    plans = Plans(
        deciding, forecasts, RetentionPlans(retention, core.clock, enabled), core.registry, core.clock, core.settings.budget_share
    )

    async def changed(tenant: str) -> None:
        await protection.note_tenant(tenant, core.clock.now() + UNTIL_WRITTEN, changed=True)

    return _PolicyParts(
        documents=Policies(store, looks, plans, trail, core.registry, core.store, core.clock, core.ids, changed),
        runs=Runs(store, items, deciding, core.acceptance, core.store, trail),
        steps=RunSteps(store, items, deciding, children, pruning, core.locks, core.budgets, core.clock, core.settings.budget_share),
        plans=plans,
        slots=Slots(store, core.acceptance, core.registry, core.clock, drills.begin),
        pages=ProtectionPages(protection, store, items, core.store, core.registry, core.clock, restores.evidence),
        rounds=ProtectionRounds(
            protection,
            LedgerReader(core.storage.table(LEDGER), deletions.ledger.points),
            store,
            inventories,
            core.registry,
            core.store,
            core.events,
            core.budgets,
            core.clock,
        ),
    )
