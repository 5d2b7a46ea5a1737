"""Assembles restores from the core."""

from dataclasses import dataclass

from shared.audit import AUDIT
from shared.audit.trails import AuditTrails
from shared.capability import Core
from shared.copies.kinds import LEDGER, RUNS
from shared.copies.policies.runs.items import RunItems
from shared.copies.restores.accepting.looking import Looking
from shared.copies.restores.accepting.service import Restores
from shared.copies.restores.accepting.sources import Sources
from shared.copies.restores.evidence import Evidence
from shared.copies.restores.gateway import RestoreGateway
from shared.copies.restores.reading import KeptMachines, RestoreReader
from shared.copies.restores.steps.booting import Booting
from shared.copies.restores.steps.cleaning import Cleaning
from shared.copies.restores.steps.making import Making
from shared.copies.restores.steps.workflow import RestoreSteps, restore_workflow
from shared.copies.restores.trail import RestoreTrail
from shared.copies.retention.places import Places
from shared.operations.model.amending import Amendments
from shared.operations.model.store import TABLE as OPERATIONS
from shared.operations.running.workflow import Workflow


@dataclass(frozen=True, slots=True)
class RestoreParts:
    """What restores consist of."""

    service: Restores
    workflow: Workflow
    evidence: Evidence
    gateway: RestoreGateway


def restores_of(core: Core, places: Places) -> RestoreParts:
    """Return the service and the workflow of restores."""
    gateway = RestoreGateway(core.clients)
    looking = Looking(RestoreReader(gateway, KeptMachines(core.store, RunItems(core.storage.table(RUNS)))))
    evidence = Evidence(core.storage.table(LEDGER))
    trail = RestoreTrail(AuditTrails(core.storage.table(AUDIT), core.blobs.write_once(AUDIT), core.clock))
    making = Making(gateway, core.clock, core.timings)
    steps = RestoreSteps(
        looking=looking,
        making=making,
        booting_steps=Booting(gateway, making, core.clock),
        cleaning=Cleaning(gateway, making, core.clock),
        evidence=evidence,
        trail=trail,
        store=core.store,
        amendments=Amendments(core.storage.table(OPERATIONS)),
        locks=core.locks,
        clock=core.clock,
    )
    service = Restores(
        core.acceptance, core.commands, Sources(core.store, places, core.registry), looking, core.registry, trail, core.clock
    )
    return RestoreParts(service, restore_workflow(steps), evidence, gateway)
