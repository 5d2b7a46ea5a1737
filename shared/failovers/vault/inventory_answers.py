"""What goes out of a vault's set-up beside its items, plans and jobs: fabrics, clouds, policies, mappings, what can be protected."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.failovers.vault.names import CheckResult


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    def as_json(self) -> dict[str, Any]:
        """Return the answer's JSON, members in camelCase."""
        return self.model_dump(mode="json", by_alias=True)


class Fabric(_Answer):
    """A fabric: a VMM server, a Hyper-V site, a region of Azure; `type` is Azure's `instanceType` of it."""

    id: str
    name: str
    type: str | None = None
    state: str | None = None
    health: str | None = None
    location: str | None = None


class CloudPolicy(_Answer):
    """A replication policy that is associated with a cloud; `target` is the protection container on the other side."""

    policy_id: str | None = None
    target: str | None = None
    state: str | None = None


class Cloud(_Answer):
    """A cloud: Azure's protection container; `fabric` is the ARM id of its fabric."""

    id: str
    name: str
    fabric: str
    fabric_type: str | None = None
    role: str | None = None
    pairing_status: str | None = None
    protected_item_count: int | None = None
    policies: tuple[CloudPolicy, ...] = ()


class ProtectableDisk(_Answer):
    """A disk of a machine that can be protected."""

    id: str
    name: str | None = None
    type: str | None = None
    size_mb: int | None = Field(None, alias="sizeMB")


class ProtectableItem(_Answer):
    """A machine that can be protected, or is; `cloud` is the ARM id of the protection container that it was found in."""

    id: str
    name: str
    cloud: str
    protection_status: str | None = None
    protected_item_id: str | None = None
    providers: tuple[str, ...] = ()
    readiness_errors: tuple[str, ...] = ()
    os_type: str | None = None
    generation: str | None = None
    disks: tuple[ProtectableDisk, ...] = ()


class PolicyCloud(_Answer):
    """A cloud with which a policy is associated."""

    cloud: str
    target: str | None = None
    state: str | None = None


class ReplicationPolicy(_Answer):
    """A replication policy. `startAt` is the time of day at which initial replication begins, null for immediately.

    `copyFrequencySeconds` is null where the kind of replication has none (A2A copies all the time). `warnings` are for people.
    """

    id: str
    name: str
    provider: str
    copy_frequency_seconds: int | None = None
    recovery_point_hours: float | None = None
    application_consistent_snapshot_hours: float | None = None
    start_at: str | None = None
    encryption: str | None = None
    clouds: tuple[PolicyCloud, ...] = ()
    warnings: tuple[str, ...] = ()


class NetworkMapping(_Answer):
    """A network of the primary side and the one on the recovery side that its machines are put into; ARM ids."""

    id: str
    name: str
    state: str | None = None
    primary_network: str | None = None
    recovery_network: str | None = None
    primary_fabric: str | None = None
    recovery_fabric: str | None = None


class ReadinessFinding(_Answer):
    """One of the nine checks for hosters (docs/azure/site-recovery.md), with what it found."""

    number: int
    name: str
    target: str
    result: CheckResult
    message: str


class Readiness(_Answer):
    """Whether a tenant can be protected; `result` is the worst that a check found, failure before unknown before warning."""

    tenant: str
    vault_id: str | None = None
    result: CheckResult
    checks: tuple[ReadinessFinding, ...] = ()
