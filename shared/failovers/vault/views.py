"""The things of a vault as callers see them, one form for lists and single reads (docs/design/inventory.md).

Members are those of the specification of 2024-04-01; a replication policy has other members for each provider.
"""

from collections.abc import Sequence

from shared.arm.reading import id_key, own_id, resource_id
from shared.failovers.vault.answers import (
    Cloud,
    CloudPolicy,
    Fabric,
    Job,
    LastTest,
    NetworkMapping,
    PlanAction,
    PlanGroup,
    PolicyCloud,
    ProtectableDisk,
    ProtectableItem,
    ProtectedItem,
    RecoveryPlan,
    RecoveryPoint,
    RecoveryServicesProvider,
    ReplicationPolicy,
    Target,
)
from shared.failovers.vault.facts import PlanActionFacts, PlanFacts, ProtectedItemFacts, ProviderFacts, RecoveryPointFacts
from shared.failovers.vault.job_facts import JobFacts
from shared.failovers.vault.limits import frequency_check, version_check
from shared.values.checks import CheckResult
from shared.values.reading import Json, an_object, last_segment, objects, text, texts, whole


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
    """Return a job as a list shows it."""
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
    result, message = version_check(provider)
    return RecoveryServicesProvider(
        id=provider.id,
        name=provider.name,
        fabric=provider.fabric,
        version=provider.version,
        connected=provider.connected,
        version_check=result,
        message=message,
    )


def fabric_view(fabric: Json) -> Fabric:
    """Read a replicationFabric."""
    properties = an_object(fabric, "properties")
    details = an_object(properties, "customDetails")
    return Fabric(
        id=own_id(fabric),
        name=_name(fabric),
        type=text(details, "instanceType"),
        state=text(properties, "bcdrState"),
        health=text(properties, "health"),
        location=text(details, "location"),
    )


def cloud_view(cloud: Json, mappings: Sequence[Json]) -> Cloud:
    """Read a replicationProtectionContainer, with those of the vault's container mappings that begin in it."""
    properties = an_object(cloud, "properties")
    return Cloud(
        id=own_id(cloud),
        name=_name(cloud),
        fabric=_above(own_id(cloud)),
        fabric_type=text(properties, "fabricType"),
        role=text(properties, "role"),
        pairing_status=text(properties, "pairingStatus"),
        protected_item_count=whole(properties, "protectedItemCount"),
        policies=tuple(_cloud_policy(mapping) for mapping in mappings if _same(_above(own_id(mapping)), own_id(cloud))),
    )


def protectable_view(item: Json) -> ProtectableItem:
    """Read a replicationProtectableItem."""
    properties = an_object(item, "properties")
    details = an_object(properties, "customDetails")
    return ProtectableItem(
        id=own_id(item),
        name=_name(item),
        cloud=_above(own_id(item)),
        protection_status=text(properties, "protectionStatus"),
        protected_item_id=resource_id(properties, "replicationProtectedItemId"),
        providers=texts(properties, "supportedReplicationProviders") or (),
        readiness_errors=texts(properties, "protectionReadinessErrors") or (),
        os_type=text(an_object(details, "osDetails"), "osType"),
        generation=text(details, "generation"),
        disks=tuple(_disk(disk) for disk in objects(details, "diskDetails")),
    )


def policy_view(policy: Json, mappings: Sequence[Json]) -> ReplicationPolicy:
    """Read a replicationPolicy, with the clouds that the vault's container mappings associate with it."""
    details = an_object(an_object(policy, "properties"), "providerSpecificDetails")
    seconds = whole(details, "replicationInterval", "replicationFrequencyInSeconds")
    own = [mapping for mapping in mappings if _same(resource_id(an_object(mapping, "properties"), "policyId"), own_id(policy))]
    return ReplicationPolicy(
        id=own_id(policy),
        name=text(policy, "name") or last_segment(own_id(policy)),
        provider=text(details, "instanceType") or "",
        copy_frequency_seconds=seconds,
        recovery_point_hours=_hours(
            whole(details, "recoveryPointHistoryDurationInHours", "recoveryPoints"),
            whole(details, "recoveryPointHistory", "recoveryPointHistoryInMinutes"),
        ),
        application_consistent_snapshot_hours=_hours(
            whole(details, "applicationConsistentSnapshotFrequencyInHours"), whole(details, "appConsistentFrequencyInMinutes")
        ),
        start_at=text(details, "onlineReplicationStartTime"),
        encryption=text(details, "encryption"),
        clouds=tuple(_policy_cloud(mapping) for mapping in own),
        warnings=frequency_warnings(seconds),
    )


def frequency_warnings(seconds: int | None) -> tuple[str, ...]:
    """Return the warnings about the copy frequency of a policy, in seconds."""
    if seconds is None:
        return ()
    result, message = frequency_check(seconds)
    return () if result is CheckResult.PASS else (message,)


def network_mapping_view(mapping: Json) -> NetworkMapping:
    """Read a replicationNetworkMapping."""
    properties = an_object(mapping, "properties")
    network = _above(own_id(mapping))
    return NetworkMapping(
        id=own_id(mapping),
        name=text(mapping, "name") or last_segment(own_id(mapping)),
        state=text(properties, "state"),
        primary_network=resource_id(properties, "primaryNetworkId") or network,
        recovery_network=resource_id(properties, "recoveryNetworkId"),
        primary_fabric=_above(network) or None,
        recovery_fabric=resource_id(properties, "recoveryFabricArmId") or text(properties, "recoveryFabricFriendlyName"),
    )


def _actions(actions: tuple[PlanActionFacts, ...]) -> tuple[PlanAction, ...]:
    return tuple(PlanAction(name=action.name, type=action.type, instructions=action.instructions) for action in actions)


def _cloud_policy(mapping: Json) -> CloudPolicy:
    properties = an_object(mapping, "properties")
    return CloudPolicy(
        policy_id=resource_id(properties, "policyId"),
        target=resource_id(properties, "targetProtectionContainerId") or text(properties, "targetProtectionContainerFriendlyName"),
        state=text(properties, "state"),
    )


def _policy_cloud(mapping: Json) -> PolicyCloud:
    properties = an_object(mapping, "properties")
    return PolicyCloud(
        cloud=_above(own_id(mapping)),
        target=resource_id(properties, "targetProtectionContainerId") or text(properties, "targetProtectionContainerFriendlyName"),
        state=text(properties, "state"),
    )


def _disk(disk: Json) -> ProtectableDisk:
    return ProtectableDisk(
        id=text(disk, "vhdId") or "", name=text(disk, "vhdName"), type=text(disk, "vhdType"), size_mb=whole(disk, "maxSizeMB")
    )


def _hours(hours: int | None, minutes: int | None) -> float | None:
    if hours is not None:
        return hours
    return minutes / 60 if minutes is not None else None


def _name(resource: Json) -> str:
    return text(an_object(resource, "properties"), "friendlyName") or text(resource, "name") or last_segment(own_id(resource))


def _above(id_: str) -> str:
    return id_.rsplit("/", 2)[0]


def _same(a: str | None, b: str | None) -> bool:
    return a is not None and (id_key(a) or a.lower()) == (id_key(b) or b)
