"""The kinds of operations of this capability, and the queues on which their steps and checks run."""

from enum import StrEnum

FAILOVER = "failover"
STEP_QUEUE = "failover-steps"
"""The queue of the steps of every kind here: failovers and set-up operations."""
CHECK_QUEUE = "failover-checks"


class SetUpKind(StrEnum):
    """The kinds of set-up operations."""

    POLICY = "replicationPolicy"
    NETWORK_MAPPING = "networkMapping"
    ITEM = "protectedItem"
    PLAN = "recoveryPlan"


SET_UP_RESOURCES = {
    SetUpKind.POLICY: "replication-policies",
    SetUpKind.NETWORK_MAPPING: "network-mappings",
    SetUpKind.ITEM: "protected-items",
    SetUpKind.PLAN: "recovery-plans",
}
"""The name of each kind's resource in paths of the API."""
