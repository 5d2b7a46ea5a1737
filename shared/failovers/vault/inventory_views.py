"""A vault's set-up as ARM tells it, read for callers: fabrics, clouds, policies, network mappings, machines that can be protected.

Members are those of the REST specification, 2024-04-01; a policy's are each provider's own.
"""

from collections.abc import Sequence

from shared.arm.reading import id_key, own_id, resource_id
from shared.failovers.vault.inventory_answers import (
    Cloud,
    CloudPolicy,
    Fabric,
    NetworkMapping,
    PolicyCloud,
    ProtectableDisk,
    ProtectableItem,
    ReplicationPolicy,
)
from shared.failovers.vault.limits import frequency_check
from shared.failovers.vault.names import CheckResult
from shared.values.reading import Json, an_object, last_segment, objects, text, texts, whole


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
    """Say in words what is wrong with a copy frequency that a vault has, if anything."""
    if seconds is None:
        return ()
    result, words = frequency_check(seconds)
    return () if result is CheckResult.PASS else (words,)


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
