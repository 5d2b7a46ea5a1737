"""Which Recovery Services vault an ARM id lies in."""

import re

_VAULT = re.compile(
    r"/?(subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.RecoveryServices/vaults/[^/]+)(?=/|$)", re.IGNORECASE
)


def vault_key(resource_id: str | None) -> str | None:
    """Return the vault that an ARM id names or lies in, in lower case and with a leading slash, or None; ARM's ids have no case."""
    found = _VAULT.match(resource_id or "")
    return f"/{found[1].lower()}" if found else None
