"""Azure Pack as a service of the simulated Azure: it has no path of Resource Manager, only its state."""

from local.simulation.arm.service import Service
from local.simulation.azure_pack.state import AzurePackState

SERVICE = Service("WindowsAzurePack", (), AzurePackState, lists=("azurePack",))
