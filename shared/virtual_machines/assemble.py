"""Assembles the capability `virtual_machines` from the core."""

from shared.access.plans import HostingPlans
from shared.access.records.tenant import Backend
from shared.capability import Core, Parts
from shared.quotas.reservations import reservations_in
from shared.quotas.table import TABLE as QUOTAS
from shared.quotas.usage import SIZES_SECONDS, UsageReader
from shared.reads.timed import Memo
from shared.virtual_machines.accepting.changes import MachineChanges
from shared.virtual_machines.accepting.creations import MachineCreations
from shared.virtual_machines.accepting.disks import DiskChanges
from shared.virtual_machines.accepting.estate import EstateChanges
from shared.virtual_machines.accepting.ports import PortChanges
from shared.virtual_machines.accepting.update_checks import UpdateChecks
from shared.virtual_machines.accepting.updates import MachineUpdates
from shared.virtual_machines.access.accepting import DiskAccesses
from shared.virtual_machines.access.records import DiskAccessStore
from shared.virtual_machines.access.revealing import AccessRevealing
from shared.virtual_machines.access.steps import AccessSteps
from shared.virtual_machines.admission import Admission
from shared.virtual_machines.azure_pack.assemble import assemble_azure_pack
from shared.virtual_machines.azure_pack.messages import of_both_backends
from shared.virtual_machines.azure_pack.steps.workflow import with_azure_pack
from shared.virtual_machines.creation.added_disks import AddedDisks
from shared.virtual_machines.creation.reading import CreationReader
from shared.virtual_machines.kinds import DISK_ACCESSES, VIRTUAL_MACHINE
from shared.virtual_machines.messages import MESSAGES
from shared.virtual_machines.reading.estate import EstateReader
from shared.virtual_machines.reading.machines import MachineReader
from shared.virtual_machines.reading.ports import PortReader
from shared.virtual_machines.reprovisioning.checks import ReprovisioningChecks
from shared.virtual_machines.reprovisioning.steps import ReprovisioningSteps
from shared.virtual_machines.resource_manager.catalogue import Catalogue
from shared.virtual_machines.resource_manager.machines import ResourceManagerMachines
from shared.virtual_machines.resource_manager.resources import ResourceManagerResources
from shared.virtual_machines.steps.creating import CreationSteps
from shared.virtual_machines.steps.deleting import DeletionSteps
from shared.virtual_machines.steps.disks import DiskSteps
from shared.virtual_machines.steps.estate import EstateSteps
from shared.virtual_machines.steps.making import Making
from shared.virtual_machines.steps.ports import PortSteps
from shared.virtual_machines.steps.power import PowerSteps
from shared.virtual_machines.steps.tidying import TidyingSteps
from shared.virtual_machines.steps.updating import UpdateSteps
from shared.virtual_machines.workflow import MachineChecks, MachineSteps, machine_workflow


def assemble(core: Core) -> Parts:
    """Return the services, the workflow and the messages of virtual machines."""
    gateways = {Backend.RESOURCE_MANAGER: ResourceManagerMachines(core.clients)}
    plans = HostingPlans(core.registry_table, core.clock, core.ids)
    resources = ResourceManagerResources(core.clients)
    catalogue = Catalogue(core.clients, core.clock)
    reader = CreationReader(resources, catalogue, plans)
    machine_reader = MachineReader(gateways, plans, core.locks, core.store)
    port_reader = PortReader(gateways, resources, machine_reader)
    accesses = DiskAccessStore(core.storage.table(DISK_ACCESSES), core.ids)
    making = Making(resources, core.clock, core.timings)
    reservations = reservations_in(core.storage.table(QUOTAS), core.ids, core.store)
    usage = UsageReader(core.clients, core.clock, reservations, Memo(core.clock, SIZES_SECONDS))
    admission = Admission(core.registry, plans, usage, reservations, core.locks, core.clock)
    added, update_checks = AddedDisks(resources, catalogue, plans), UpdateChecks(catalogue, plans)
    steps = MachineSteps(
        power=PowerSteps(gateways, core.clock, core.timings),
        creation=CreationSteps(gateways, reader, admission, making, core.registry, core.locks, core.secrets, core.clock, core.timings),
        deletion=DeletionSteps(gateways, resources, core.clock, core.timings),
        tidying=TidyingSteps(making, core.locks, core.clock),
        disks=DiskSteps(gateways, admission, added, making, core.clock, core.timings),
        estate=EstateSteps(gateways, catalogue, admission, making, core.clock, core.timings),
        updates=UpdateSteps(gateways, catalogue, update_checks, admission, making, core.clock, core.timings),
        access=AccessSteps(resources, accesses, core.secrets, core.clock, core.timings),
        reprovisioning=ReprovisioningSteps(gateways, making, core.locks, core.clock),
        ports=PortSteps(gateways, port_reader, admission, making, core.locks, core.clock, core.timings),
    )
    changes = MachineChanges(core.acceptance, core.commands, core.locks, gateways)
    creations = MachineCreations(core.acceptance, core.locks, gateways, reader, admission, core.secret_references)
    estate = EstateReader(gateways, resources, catalogue, plans, accesses)
    estate_changes = EstateChanges(core.acceptance, changes, estate, ReprovisioningChecks(resources, core.secret_references))
    disk_accesses = DiskAccesses(core.acceptance, changes, estate, accesses, core.secrets, core.registry, core.clock)
    on_azure_pack = assemble_azure_pack(core)
    disk_changes = DiskChanges(core.acceptance, changes, resources, admission, added)
    return Parts(
        services=(
            machine_reader,
            changes,
            creations,
            estate,
            disk_changes,
            estate_changes,
            MachineUpdates(core.acceptance, changes, update_checks),
            port_reader,
            PortChanges(core.acceptance, changes, machine_reader, port_reader),
            disk_accesses,
            AccessRevealing(core.store, accesses, core.secrets, core.clock),
            on_azure_pack.reader,
            on_azure_pack.changes,
        ),
        timers=(disk_accesses.revoke_ended,),
        workflows={
            VIRTUAL_MACHINE.name: with_azure_pack(
                machine_workflow(steps, MachineChecks(gateways, core.clock), admission.release), on_azure_pack.steps
            )
        },
        messages=of_both_backends(MESSAGES),
        resolvers={VIRTUAL_MACHINE.name: on_azure_pack.resolver(changes.resolve)},
    )
