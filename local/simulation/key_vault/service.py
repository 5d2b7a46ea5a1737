"""The registration of Key Vault: its data plane is answered by `gate.py`, not by Resource Manager's paths."""

from local.simulation.arm.service import Service
from local.simulation.key_vault.models import KeyVaultState

SERVICE = Service("Microsoft.KeyVault", (), KeyVaultState, lists=("keyVaults",))
