"""Assembles what machines on Azure Pack need from the core."""

from dataclasses import dataclass

from shared.access.records.azure_pack_subscriptions import TABLE as SUBSCRIPTIONS
from shared.access.records.azure_pack_subscriptions import AzurePackSubscriptions
from shared.capability import Core
from shared.installations.assemble import reach_of
from shared.operations.accepting.resolving import Resolution, Resolver
from shared.operations.model.models import Actor, Operation
from shared.virtual_machines.azure_pack.accepting import PackChanges
from shared.virtual_machines.azure_pack.gateway import PackGateways
from shared.virtual_machines.azure_pack.places import PackPlaces
from shared.virtual_machines.azure_pack.reading import PackReader
from shared.virtual_machines.azure_pack.steps.calling import Calls, CallSteps
from shared.virtual_machines.azure_pack.steps.creating import CreationSteps
from shared.virtual_machines.azure_pack.steps.deleting import DeletionSteps
from shared.virtual_machines.azure_pack.steps.workflow import PackSteps, is_on_azure_pack


@dataclass(frozen=True, slots=True)
class AzurePackParts:
    """The services and the steps of machines on Azure Pack."""

    reader: PackReader
    changes: PackChanges
    steps: PackSteps

    def resolver(self, of_resource_manager: Resolver) -> Resolver:
        """Return what resolves an operation of either backend."""

        async def resolve(operation: Operation, resolution: Resolution, by: Actor) -> Operation:
            chosen = self.changes.resolve if is_on_azure_pack(operation.data) else of_resource_manager
            return await chosen(operation, resolution, by)

        return resolve


def assemble_azure_pack(core: Core) -> AzurePackParts:
    """Return the services and the steps."""
    gateways = PackGateways(AzurePackSubscriptions(core.storage.table(SUBSCRIPTIONS)), reach_of(core))
    places, calls = PackPlaces(gateways), Calls(core.clock)
    steps = PackSteps(
        gateways,
        CallSteps(gateways, calls, core.clock),
        CreationSteps(gateways, calls, core.secrets, core.clock),
        DeletionSteps(gateways, calls, core.clock),
        core.clock,
    )
    changes = PackChanges(core.acceptance, core.commands, core.locks, places, core.secret_references)
    return AzurePackParts(PackReader(gateways, places, core.locks, core.store), changes, steps)
