"""The services of the simulated Azure, in the order in which an estate is loaded: one line registers one."""

from local.simulation.arm.world import World
from local.simulation.azure_pack.service import SERVICE as AZURE_PACK
from local.simulation.compute.service import SERVICE as COMPUTE
from local.simulation.key_vault.service import SERVICE as KEY_VAULT
from local.simulation.network.service import SERVICE as NETWORK
from local.simulation.recovery_services.service import SERVICE as RECOVERY_SERVICES
from local.simulation.resource_graph.service import SERVICE as RESOURCE_GRAPH
from local.simulation.resources.locks import SERVICE as LOCKS
from local.simulation.resources.service import SERVICE as RESOURCES
from local.simulation.storage.service import SERVICE as STORAGE

SERVICES = (
    RESOURCES,
    LOCKS,
    NETWORK,
    STORAGE,
    COMPUTE,
    RESOURCE_GRAPH,
    RECOVERY_SERVICES,
    KEY_VAULT,
    AZURE_PACK,
)


def empty_world() -> World:
    """Return a world in which each service has an empty state."""
    return World(service.state() for service in SERVICES)
