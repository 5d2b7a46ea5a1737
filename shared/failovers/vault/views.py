"""The vault's things as callers see them: one reading for lists and single reads (contracts/failovers.md, "Inventory")."""

from shared.failovers.vault.answers import (
    Job,
    LastTest,
    PlanAction,
    PlanGroup,
    ProtectedItem,
    RecoveryPlan,
    RecoveryPoint,
    RecoveryServicesProvider,
    Target,
)
from shared.failovers.vault.facts import PlanActionFacts, PlanFacts, ProtectedItemFacts, ProviderFacts, RecoveryPointFacts
from shared.failovers.vault.job_facts import JobFacts
from shared.failovers.vault.limits import version_check


def item_view(item: ProtectedItemFacts, tenant: str, vault_id: str) -> ProtectedItem:
    """Return a protected item; `tenant` is its owner. Azure shows the time of successful test failovers only."""
    tested, target = item.last_test_failover_at, item.target
    return ProtectedItem(
        id=item.id,
        name=item.friendly_name or item.name,
        tenant=tenant,
        vault_id=vault_id,
        provider=item.instance_type,
        protection_state=item.protection_state,
        active_location=item.active_location,
        test_failover_state=item.test_failover_state,
        replication_health=item.health,
        health_errors=item.health_errors,
        allowed_operations=item.allowed_operations or (),
        recovery_point_objective_seconds=item.rpo_seconds,
        last_test_failover=LastTest(time=tested, result="Succeeded") if tested is not None else None,
        current_job=(item.scenario.job or None) if item.scenario is not None and item.scenario.occupies(()) else None,
        policy=item.policy_name or item.policy_id,
        target=Target(
            vm_name=target.vm_name,
            vm_size=target.vm_size,
            network=target.network_id,
            storage_account=target.storage_account_id,
            encrypted=target.encrypted,
        ),
    )


def point_view(point: RecoveryPointFacts) -> RecoveryPoint:
    """Return a recovery point."""
    return RecoveryPoint(id=point.id, time=point.time, type=point.type)


def plan_view(plan: PlanFacts) -> RecoveryPlan:
    """Return a recovery plan; `primary` and `recovery` are the ids of its fabrics."""
    groups = tuple(
        PlanGroup(
            type=group.type, members=group.members, start_actions=_actions(group.start_actions), end_actions=_actions(group.end_actions)
        )
        for group in plan.groups
    )
    return RecoveryPlan(id=plan.id, name=plan.name, primary=plan.primary_fabric_id, recovery=plan.recovery_fabric_id, groups=groups)


def job_row(job: JobFacts) -> Job:
    """Return a job as it stands in a list."""
    return Job(
        id=job.id,
        name=job.name,
        state=job.state,
        state_description=job.description,
        scenario=job.scenario,
        target=job.target_name or job.target_id,
        start_time=job.started_at,
        end_time=job.ended_at,
        allowed_actions=job.allowed_actions,
    )


def provider_view(provider: ProviderFacts) -> RecoveryServicesProvider:
    """Return a Recovery Services provider with the rule of its least version."""
    result, words = version_check(provider)
    return RecoveryServicesProvider(
        id=provider.id,
        name=provider.name,
        fabric=provider.fabric,
        version=provider.version,
        connected=provider.connected,
        version_check=result,
        message=words,
    )


def _actions(actions: tuple[PlanActionFacts, ...]) -> tuple[PlanAction, ...]:
    return tuple(PlanAction(name=action.name, type=action.type, instructions=action.instructions) for action in actions)
