"""`ReplicationVaultHealth_Get`: how many items of a vault are well."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from local.simulation.arm.tables import Json
from local.simulation.faults.fault import Fault
from local.simulation.recovery_services.items.health import health
from local.simulation.recovery_services.names import CONTAINER, FABRIC
from local.simulation.recovery_services.state import RecoveryServicesState


def body(vault_id: str, state: RecoveryServicesState, faults: Sequence[Fault], now: datetime) -> Json:
    """Return a `VaultHealthDetails`."""
    items = state.items_of(vault_id, now)
    counts = Counter(health(item, state.thing(item.policy, now), faults, now).state for item in items)
    issues = [
        {
            "summaryCode": "32002" if state_ == "Critical" else "32001",
            "category": "Replication",
            "severity": "Error" if state_ == "Critical" else "Warning",
            "summaryMessage": f"{counts[state_]} protected items with the replication health {state_}",
            "affectedResourceType": "ProtectionEntity",
        }
        for state_ in ("Critical", "Warning")
        if counts[state_]
    ]
    return {
        "id": f"{vault_id}/replicationVaultHealth/default",
        "name": "default",
        "type": "Microsoft.RecoveryServices/vaults/replicationVaultHealth",
        "properties": {
            "vaultErrors": [],
            "protectedItemsHealth": {"resourceCount": len(items), "issues": issues, "categorizedResourceCounts": dict(counts)},
            "fabricsHealth": _well(len(state.things_of(vault_id, FABRIC, now))),
            "containersHealth": _well(len(state.things_of(vault_id, CONTAINER, now))),
        },
    }


def _well(count: int) -> Json:
    return {"resourceCount": count, "issues": [], "categorizedResourceCounts": {"Normal": count} if count else {}}
