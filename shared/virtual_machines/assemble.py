"""Assembles the capability `virtual_machines` from the core."""

from shared.access.plans import HostingPlans
from shared.access.records.tenant import Backend
from shared.capability import Core, Parts
from shared.virtual_machines.kinds import VIRTUAL_MACHINE
from shared.virtual_machines.messages import MESSAGES
from shared.virtual_machines.reading.machines import MachineReader
from shared.virtual_machines.resource_manager.machines import ResourceManagerMachines
from shared.virtual_machines.service import MachineChanges
from shared.virtual_machines.steps.power import PowerSteps
from shared.virtual_machines.workflow import MachineChecks, machine_workflow


def assemble(core: Core) -> Parts:
    """Return the services, the workflow and the messages of virtual machines."""
    gateways = {Backend.RESOURCE_MANAGER: ResourceManagerMachines(core.clients)}
    plans = HostingPlans(core.registry_table, core.clock, core.ids)
    changes = MachineChanges(core.acceptance, core.commands, core.locks, gateways)
    return Parts(
        services=(MachineReader(gateways, plans, core.locks, core.store), changes),
        workflows={
            VIRTUAL_MACHINE.name: machine_workflow(PowerSteps(gateways, core.clock, core.timings), MachineChecks(gateways, core.clock))
        },
        messages=MESSAGES,
        resolvers={VIRTUAL_MACHINE.name: changes.resolve},
    )
