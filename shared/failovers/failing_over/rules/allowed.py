"""Which actions are allowed when: the actions of Farshore against Azure's `allowedOperations` (docs/azure/site-recovery.md).

The gate is `allowedOperations` of the item or plan, never its free-text state. Before that comes what a kind of replication has at all,
because Azure's operations do not show that, for example, an A2A item never has a planned failover.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from shared.failovers.vault.facts import PlanFacts, ProtectedItemFacts, ScenarioFacts
from shared.failovers.vault.names import Action, AllowedOperation, Direction, Provider

_ALL = frozenset(Provider) - {Provider.IN_MAGE_RCM_FAILBACK}
_TO_AZURE = _ALL - {Provider.HYPER_V_REPLICA_2012_R2}

_PROVIDERS: dict[Action, frozenset[Provider]] = {
    Action.TEST_FAILOVER: _ALL,
    Action.TEST_FAILOVER_CLEANUP: _ALL,
    Action.PLANNED_FAILOVER: frozenset({Provider.HYPER_V_REPLICA_AZURE, Provider.HYPER_V_REPLICA_2012_R2}),
    Action.UNPLANNED_FAILOVER: _ALL,
    Action.FAILBACK: frozenset({Provider.HYPER_V_REPLICA_AZURE}),
    Action.COMMIT: _ALL,
    Action.CANCEL: frozenset({Provider.A2A, Provider.HYPER_V_REPLICA_2012_R2}),
    Action.REPROTECT: frozenset({Provider.A2A}),
    Action.REVERSE_REPLICATE: _ALL - {Provider.A2A, Provider.IN_MAGE_RCM},
    Action.APPLY_RECOVERY_POINT: _TO_AZURE,
}

_OPERATIONS: dict[Action, tuple[AllowedOperation, ...]] = {
    Action.CANCEL: (AllowedOperation.CANCEL_FAILOVER,),
    Action.APPLY_RECOVERY_POINT: (AllowedOperation.CHANGE_PIT,),
    Action.REPROTECT: (AllowedOperation.SWITCH_PROTECTION, AllowedOperation.REVERSE_REPLICATE),
}

_VMWARE_WAY_BACK = (
    "VMware and physical machines of a replication appliance (InMageRcm) are reprotected and failed back in the Azure portal only: "
    "the call needs the reprotect agent of the appliance and a datastore, which no option can give"
)

_INSTEAD: dict[tuple[Action, Provider], str] = {
    (Action.PLANNED_FAILOVER, Provider.A2A): "Azure to Azure has no planned failover: ask for UnplannedFailover",
    (
        Action.PLANNED_FAILOVER,
        Provider.IN_MAGE_RCM,
    ): "VMware and physical machines have no planned failover to Azure: ask for UnplannedFailover",
    (
        Action.PLANNED_FAILOVER,
        Provider.IN_MAGE_AZURE_V2,
    ): "VMware and physical machines have no planned failover to Azure: ask for UnplannedFailover",
    (Action.FAILBACK, Provider.A2A): "Azure to Azure has no Failback: ask for Reprotect, and then for UnplannedFailover",
    (Action.FAILBACK, Provider.HYPER_V_REPLICA_2012_R2): "between VMM clouds the way back is ReverseReplicate and a planned failover",
    (Action.REVERSE_REPLICATE, Provider.IN_MAGE_RCM): _VMWARE_WAY_BACK,
    (Action.REPROTECT, Provider.IN_MAGE_RCM): _VMWARE_WAY_BACK,
    (Action.FAILBACK, Provider.IN_MAGE_RCM): _VMWARE_WAY_BACK,
    (Action.REVERSE_REPLICATE, Provider.A2A): "of Azure to Azure it is called Reprotect",
    (Action.REPROTECT, Provider.HYPER_V_REPLICA_AZURE): "of Hyper-V it is Failback, Commit and then ReverseReplicate",
    (Action.CANCEL, Provider.HYPER_V_REPLICA_AZURE): (
        "a failover of Hyper-V to Azure that has begun cannot be cancelled without harm: the VM would not replicate again, "
        "and a failback that synchronises would corrupt the machine"
    ),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """The target of an action: the item or plan by name, its allowed operations (None: unknown), and the replication of its members."""

    name: str
    allowed: tuple[str, ...] | None
    providers: tuple[Provider | None, ...]
    is_plan: bool = False
    busy_with: str | None = None


def subject_of_item(item: ProtectedItemFacts) -> Subject:
    """Return an item as the subject of actions."""
    busy = _occupied_by(item.scenario)
    return Subject(item.friendly_name or item.name, item.allowed_operations, (item.provider,), busy_with=busy)


def subject_of_plan(plan: PlanFacts, members: Sequence[ProtectedItemFacts]) -> Subject:
    """Return a recovery plan as the subject of actions; without operations of its own it has those that every member has."""
    by_name = {provider.lower(): provider for provider in Provider}
    providers = {member.provider for member in members} or {by_name.get(name.lower()) for name in plan.providers}
    busy = _occupied_by(plan.scenario)
    allowed = plan.allowed_operations if plan.allowed_operations is not None else _common(members)
    return Subject(plan.friendly_name or plan.name, allowed, tuple(sorted(providers, key=str)), is_plan=True, busy_with=busy)


def _occupied_by(scenario: ScenarioFacts | None) -> str | None:
    if scenario is None or not scenario.occupies(()):
        return None
    return f"{scenario.name} (job {scenario.job})" if scenario.job else scenario.name


def operations_for(action: Action) -> tuple[AllowedOperation, ...]:
    """Return the operations of Azure of which one must be allowed for an action (docs/design/failovers.md)."""
    return _OPERATIONS.get(action) or (AllowedOperation(action.value),)


def exists(action: Action, providers: Collection[Provider | None], *, is_plan: bool) -> bool:
    """Return whether an action exists for items of some kinds of replication; an unsupported kind has none."""
    if is_plan and action is Action.APPLY_RECOVERY_POINT:
        return False
    if is_plan and action is Action.REPROTECT:
        return bool(providers) and not {None, Provider.IN_MAGE_RCM, Provider.IN_MAGE_RCM_FAILBACK} & set(providers)
    return bool(providers) and all(provider is not None and provider in _PROVIDERS[action] for provider in providers)


def is_allowed(action: Action, subject: Subject) -> bool | None:
    """Return whether an action may be started now; None where the allowed operations are unknown."""
    if not exists(action, subject.providers, is_plan=subject.is_plan):
        return False
    if subject.allowed is None:
        return None
    allowed = {operation.lower() for operation in subject.allowed}
    return any(operation.lower() in allowed for operation in operations_for(action))


def allowed_actions(subject: Subject) -> tuple[Action, ...]:
    """Return every action that may be started now, in a fixed order."""
    return tuple(action for action in Action if is_allowed(action, subject))


def why_not(action: Action, subject: Subject) -> str:
    """Return the message why an action may not be started now, and which may be."""
    if not exists(action, subject.providers, is_plan=subject.is_plan):
        return f"{action} is not possible for {subject.name}: {_why_none(action, subject)}.{_instead(subject)}"
    if subject.allowed is None:
        return f"what Azure allows for {subject.name} now is unknown"
    busy = f", which is busy with {subject.busy_with}" if subject.busy_with else ""
    return f"Azure does not allow {action} for {subject.name}{busy} now.{_instead(subject)}"


def reprotecting(action: Action, providers: Collection[Provider | None], *, is_plan: bool) -> Action:
    """Return the action that protects again after `action`: Reprotect for Azure to Azure and plans, else ReverseReplicate."""
    if action is Action.FAILBACK:
        return Action.REVERSE_REPLICATE
    return Action.REPROTECT if is_plan or set(providers) == {Provider.A2A} else Action.REVERSE_REPLICATE


def direction_for(action: Action, item: ProtectedItemFacts) -> Direction:
    """Return the `failoverDirection` of an action on an item.

    A failback goes to the primary. Hyper-V's reverse replication comes after it, and goes from the primary to the recovery side again;
    between VMM clouds and of VMware it comes after the failover, and turns the way round (Azure's own PowerShell module,
    Update-AzRecoveryServicesAsrProtectionDirection).
    """
    if action is Action.FAILBACK:
        return Direction.RECOVERY_TO_PRIMARY
    if action in {Action.REVERSE_REPLICATE, Action.REPROTECT} and item.provider is Provider.HYPER_V_REPLICA_AZURE:
        return Direction.PRIMARY_TO_RECOVERY
    return item.direction


def _common(members: Sequence[ProtectedItemFacts]) -> tuple[str, ...] | None:
    if not members or any(member.allowed_operations is None for member in members):
        return None
    first, *others = [member.allowed_operations or () for member in members]
    return tuple(operation for operation in first if all(operation in other for other in others))


def _why_none(action: Action, subject: Subject) -> str:
    if subject.is_plan and action is Action.APPLY_RECOVERY_POINT:
        return "a recovery plan has none, ask for it item by item"
    for provider in subject.providers:
        if provider is None:
            return "its kind of replication is not supported"
        if provider is Provider.IN_MAGE_RCM_FAILBACK:
            return _VMWARE_WAY_BACK
        if (reason := _INSTEAD.get((action, provider))) is not None:
            return reason
    kinds = ", ".join(str(provider) for provider in subject.providers) or "a plan without members"
    return f"{kinds} has no {action}"


def _instead(subject: Subject) -> str:
    allowed = ", ".join(allowed_actions(subject))
    return f" Allowed now: {allowed}." if allowed else " Nothing is allowed now."
