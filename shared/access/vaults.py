"""Which Recovery Services vault, and which cloud in it, an ARM id lies in."""

import re

_VAULT = re.compile(
    r"/?(subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.RecoveryServices/vaults/[^/]+)(?=/|$)", re.IGNORECASE
)
_CLOUD = re.compile(rf"{_VAULT.pattern}/(replicationFabrics/[^/]+/replicationProtectionContainers/[^/]+)(?=/|$)", re.IGNORECASE)

CLOUD_TYPE = "Microsoft.RecoveryServices/vaults/replicationFabrics/replicationProtectionContainers"
"""A protection container: of VMM a cloud, which is what Azure's documentation calls it to people."""


def vault_key(resource_id: str | None) -> str | None:
    """Return the vault that an ARM id names or lies in, in lower case and with a leading slash, or None; ARM's ids have no case."""
    found = _VAULT.match(resource_id or "")
    return f"/{found[1].lower()}" if found else None


def cloud_key(resource_id: str | None) -> str | None:
    """Return the cloud (protection container) that an ARM id names or lies in, as `vault_key` writes it, or None."""
    found = _CLOUD.match(resource_id or "")
    return f"/{found[1].lower()}/{found[2].lower()}" if found else None
