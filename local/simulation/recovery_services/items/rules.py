"""Allowed operations of items and plans, by provider and state (docs/azure/site-recovery.md, "Allowed operations"). Pure."""

from collections.abc import Sequence
from datetime import datetime

from local.simulation.arm.errors import ArmError
from local.simulation.recovery_services.items.item import Item
from local.simulation.recovery_services.names import Operation, Phase, Provider
from local.simulation.recovery_services.plans.plan import Plan

_O = Operation

_HYPER_V_TO_AZURE: dict[Phase, tuple[Operation, ...]] = {
    Phase.PROTECTED: (_O.PLANNED_FAILOVER, _O.UNPLANNED_FAILOVER, _O.DISABLE_PROTECTION, _O.TEST_FAILOVER),
    Phase.FAILED_OVER: (_O.COMPLETE_MIGRATION, _O.COMMIT, _O.DISABLE_PROTECTION, _O.CHANGE_PIT),
    Phase.COMMITTED: (_O.COMPLETE_MIGRATION, _O.DISABLE_PROTECTION, _O.FAILBACK),
    Phase.FAILED_BACK: (_O.COMMIT, _O.DISABLE_PROTECTION),
    Phase.FAILBACK_COMMITTED: (_O.REVERSE_REPLICATE, _O.DISABLE_PROTECTION),
}
_A2A: dict[Phase, tuple[Operation, ...]] = {
    Phase.PROTECTED: (_O.UNPLANNED_FAILOVER, _O.TEST_FAILOVER, _O.DISABLE_PROTECTION),
    Phase.FAILED_OVER: (_O.COMMIT, _O.CHANGE_PIT, _O.CANCEL_FAILOVER, _O.DISABLE_PROTECTION),
    Phase.COMMITTED: (_O.SWITCH_PROTECTION, _O.DISABLE_PROTECTION),
}
_HYPER_V: dict[Phase, tuple[Operation, ...]] = {
    Phase.PROTECTED: (_O.PLANNED_FAILOVER, _O.UNPLANNED_FAILOVER, _O.TEST_FAILOVER, _O.DISABLE_PROTECTION),
    Phase.FAILED_OVER: (_O.COMMIT, _O.CANCEL_FAILOVER),
    Phase.COMMITTED: (_O.REVERSE_REPLICATE,),
}
_IN_MAGE: dict[Phase, tuple[Operation, ...]] = {
    Phase.PROTECTED: (_O.UNPLANNED_FAILOVER, _O.TEST_FAILOVER, _O.DISABLE_PROTECTION),
    Phase.FAILED_OVER: (_O.COMMIT, _O.CHANGE_PIT),
    Phase.COMMITTED: (_O.REVERSE_REPLICATE,),
    Phase.REVERSED: (_O.FAILBACK, _O.DISABLE_PROTECTION),
    Phase.FAILED_BACK: (_O.COMMIT, _O.DISABLE_PROTECTION),
    Phase.FAILBACK_COMMITTED: (_O.REVERSE_REPLICATE, _O.DISABLE_PROTECTION),
}
_TABLE = {
    Provider.HYPER_V_TO_AZURE: _HYPER_V_TO_AZURE,
    Provider.A2A: _A2A,
    Provider.HYPER_V: _HYPER_V,
    Provider.RCM: {**_IN_MAGE, Phase.REVERSED: (_O.PLANNED_FAILOVER, _O.DISABLE_PROTECTION)},
    Provider.IN_MAGE_V2: {**_IN_MAGE, Phase.REVERSED: (_O.DISABLE_PROTECTION,)},
}

#: A plan allows these where one member does, and then they concern such members only; the others where every member allows them.
FOR_SOME = frozenset({_O.COMMIT, _O.TEST_FAILOVER_CLEANUP, _O.CANCEL_FAILOVER})

#: What a plan can be asked for.
_OF_PLANS = frozenset(_O) - {_O.DISABLE_PROTECTION, _O.CHANGE_PIT, _O.REPAIR_REPLICATION, _O.COMPLETE_MIGRATION}

#: A cancelled failover, or one that broke, leaves nothing to do but to give the protection up.
_ANYWHERE: dict[Phase, tuple[Operation, ...]] = {Phase.BROKEN: (_O.DISABLE_PROTECTION,), Phase.ENABLING: (_O.DISABLE_PROTECTION,)}


def allowed(item: Item, health: str) -> list[Operation]:
    """Return an item's `allowedOperations`; `health` is its replication health as it shows."""
    if item.job is not None:
        return []
    if item.test_failover == "WaitingForCompletion":
        return [_O.TEST_FAILOVER_CLEANUP]
    found = list(_TABLE[item.provider].get(item.phase) or _ANYWHERE.get(item.phase, ()))
    if item.provider is Provider.HYPER_V_TO_AZURE and item.phase is Phase.PROTECTED and health == "Critical":
        found.append(_O.REPAIR_REPLICATION)
    return found


def allowed_of_plan(plan: Plan, members: Sequence[list[Operation]]) -> list[Operation]:
    """Return a plan's `allowedOperations`, from those of its members."""
    if plan.job is not None or not members:
        return []
    return [
        operation
        for operation in Operation
        if operation in _OF_PLANS and (any if operation in FOR_SOME else all)(operation in each for each in members)
    ]


def check_allowed(operation: Operation, found: Sequence[Operation], what: str, job: str | None) -> None:
    """Refuse an operation that is not allowed now; a running job and a wrong state have codes of their own."""
    if operation in found:
        return
    if job is not None:
        raise ArmError(
            409,
            "AnotherJobInProgress",
            f"The operation '{operation}' cannot be started on '{what}' because the job '{job}' is in progress. Wait for it to complete.",
        )
    raise ArmError(
        409,
        "OperationNotAllowed",
        f"The operation '{operation}' is not allowed on '{what}' in its current state. Allowed operations: {', '.join(found) or 'none'}.",
    )


def protection_state(item: Item, now: datetime) -> str:
    """Return Azure's free text for the state of an item; clients must not decide by it."""
    if item.phase is Phase.ENABLING:
        if item.replicated_at is None or (item.replication_from is not None and now < item.replication_from):
            return "EnablingProtection"
        return "InitialReplicationInProgress"
    if item.phase is Phase.FAILED_OVER:
        return "UnplannedFailoverCommitPendingStatesBegin" if item.unplanned else "PlannedFailoverCommitRequired"
    return {
        Phase.COMMITTED: "PlannedFailoverStatesBegin",
        Phase.FAILING_BACK: "FailbackInProgress",
        Phase.FAILED_BACK: "FailbackCommitRequired",
        Phase.FAILBACK_COMMITTED: "FailbackCommitted",
        Phase.BROKEN: "FailoverCancelled",
    }.get(item.phase, "Protected")
