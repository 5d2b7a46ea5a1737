"""How well an item is replicated: its health with the faults that are on, and how old its data would be. Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from local.simulation.arm.tables import Json
from local.simulation.faults.fault import Fault
from local.simulation.recovery_services.items.item import Item
from local.simulation.recovery_services.names import Phase
from local.simulation.recovery_services.vaults.models import Thing
from local.simulation.times import to_text

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

#: Age of the data, in seconds, of an item whose replication is slow or stopped.
_LAGS = {"Warning": 2700, "Critical": 26_000}

_TEXTS = {
    "Warning": (
        "32001",
        "Replication of the virtual machine is slower than its policy wants.",
        "The data changes faster than it is sent, or the connection is slow.",
        "Look at the churn of the machine and at the bandwidth between its host and the target.",
    ),
    "Critical": (
        "32002",
        "Replication of the virtual machine has stopped.",
        "The host is not reached, or the replica needs to be synchronised again.",
        "Restore the connection of the host; if the state persists, repair the replication.",
    ),
}


@dataclass(frozen=True, slots=True)
class Health:
    """An item's health as it shows, and the age of its data in seconds: None where nothing is replicated."""

    state: str
    lag: int | None


def health(item: Item, policy: Thing | None, faults: Sequence[Fault], now: datetime) -> Health:
    """Return how an item is replicated, with the faults `unhealthy` that are for it."""
    if item.phase in (Phase.FAILED_OVER, Phase.COMMITTED, Phase.FAILING_BACK, Phase.FAILED_BACK, Phase.FAILBACK_COMMITTED):
        return Health(item.health if item.health == "Critical" else "Normal", None)
    if item.phase is Phase.BROKEN:
        return Health("Critical", None)
    state = next((_turned(fault) for fault in faults if _meets(fault, item)), item.health)
    if item.phase is Phase.ENABLING:
        return Health("None" if state == "Normal" else state, None)
    if item.lag is not None and state == item.health:
        return Health(state, item.lag)
    interval = _interval(policy)
    fresh = 5 + int((now - _EPOCH).total_seconds()) % interval
    return Health(state, _LAGS.get(state, fresh))


def _meets(fault: Fault, item: Item) -> bool:
    if fault.kind != "unhealthy" or fault.method not in (None, "GET") or not fault.path.search(item.id):
        return False
    return fault.rate is None or random.Random(f"{fault.seed}:{item.id}").random() < fault.rate  # noqa: S311  # not a secret


def _turned(fault: Fault) -> str:
    given = fault.definition.get("health") or fault.definition.get("replicationHealth") or fault.definition.get("to")
    return str(given) if given in ("Warning", "Critical", "Normal", "None") else "Critical"


def _interval(policy: Thing | None) -> int:
    details = dict((policy.properties.get("providerSpecificDetails") if policy else None) or {})
    seconds = details.get("replicationInterval") or details.get("replicationFrequencyInSeconds")
    return max(30, int(seconds or 300))


def errors(item: Item, state: str, now: datetime) -> list[Json]:
    """Return Azure's `healthErrors` of a state of health."""
    if item.phase is Phase.BROKEN:
        texts = (
            "32050",
            "The virtual machine does not replicate any more, because a failover or a failback was cancelled while it ran.",
            "The cancellation left the machine between its two sites.",
            "Disable the protection, see to the machine, and protect it again.",
        )
    elif state in _TEXTS:
        texts = _TEXTS[state]
    else:
        return []
    code, message, causes, action = texts
    return [
        {
            "errorSource": "Provider",
            "errorType": "VirtualMachine",
            "errorLevel": "Warning" if state == "Warning" else "Error",
            "errorCategory": "Replication",
            "errorCode": code,
            "summaryMessage": message,
            "errorMessage": message,
            "possibleCauses": causes,
            "recommendedAction": action,
            "creationTimeUtc": to_text(now - timedelta(seconds=_LAGS.get(state, 0))),
            "errorId": code,
            "customerResolvability": "NotAllowed",
            "innerHealthErrors": [],
        }
    ]
