"""The answers about a vault: its items, plans, jobs and set-up (docs/design/inventory.md)."""

from typing import Annotated, Any

from pydantic import Field, PlainSerializer, SerializerFunctionWrapHandler, model_serializer

from shared.errors import Problem
from shared.failovers.vault.names import GroupType, JobState
from shared.moments import Moment
from shared.values.checks import CheckResult
from shared.values.documents import Document, without_null

Failure = Annotated[Problem, PlainSerializer(Problem.as_json, return_type=dict[str, Any])]
"""The error object of the Azure REST API guidelines; `target` and `details` only where there are any."""


class RecoveryPoint(Document):
    """A recovery point of an item; `type` is Azure's, such as CrashConsistent."""

    id: str
    time: Moment | None = None
    type: str | None = None


class ErrorView(Document):
    """An error of a job or a task, from Azure's service or from the provider on the machines' side."""

    code: str
    message: str
    possible_causes: str | None = None
    recommended_action: str | None = None
    source: str = Field("service", pattern="^(service|provider)$")


class LastTest(Document):
    """The last test failover of an item; `result` is Succeeded, or Unknown where Azure shows only that there was one."""

    time: Moment
    result: str


class Target(Document):
    """Where an item would run; `encrypted` is true where stored data is encrypted, null where unknown."""

    vm_name: str | None = None
    vm_size: str | None = None
    network: str | None = None
    storage_account: str | None = None
    encrypted: bool | None = None


class ProtectedItem(Document):
    """A protected item, in a list as in a single read."""

    id: str
    name: str
    tenant: str
    vault_id: str
    provider: str
    protection_state: str | None = None
    active_location: str | None = None
    test_failover_state: str | None = None
    replication_health: str | None = None
    health_errors: tuple[ErrorView, ...] = ()
    allowed_operations: tuple[str, ...] = ()
    recovery_point_objective_seconds: int | None = None
    last_test_failover: LastTest | None = None
    current_job: str | None = None
    policy: str | None = None
    target: Target = Field(default_factory=Target)


class PlanAction(Document):
    """A script, runbook or manual action before or after a group; `instructions` are those of a manual action."""

    name: str
    type: str | None = None
    instructions: str | None = None

    @model_serializer(mode="wrap")
    def _without_absent_instructions(self, handler: SerializerFunctionWrapHandler):  # type: ignore[no-untyped-def]  # noqa: ANN202  # a type would replace the schema
        return without_null(handler(self), "instructions")


class PlanGroup(Document):
    """A group of a recovery plan; its members run side by side."""

    type: GroupType
    members: tuple[str, ...] = ()
    start_actions: tuple[PlanAction, ...] = ()
    end_actions: tuple[PlanAction, ...] = ()


class RecoveryPlan(Document):
    """A recovery plan; `primary` and `recovery` are fabric ids."""

    id: str
    name: str
    primary: str | None = None
    recovery: str | None = None
    groups: tuple[PlanGroup, ...] = ()


class Job(Document):
    """A job of the vault; `target` is the name of what it works on."""

    id: str
    name: str
    state: JobState
    state_description: str | None = None
    scenario: str | None = None
    target: str | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None
    allowed_actions: tuple[str, ...] = ()


class RecoveryServicesProvider(Document):
    """A Recovery Services provider on a host; `versionCheck` is the result of the rule of the least version."""

    id: str
    name: str
    fabric: str | None = None
    version: str | None = None
    connected: bool | None = None
    version_check: CheckResult
    message: str


class Fabric(Document):
    """A fabric: a VMM server, a Hyper-V site, a region of Azure; `type` is Azure's `instanceType` of it."""

    id: str
    name: str
    type: str | None = None
    state: str | None = None
    health: str | None = None
    location: str | None = None


class CloudPolicy(Document):
    """A replication policy that is associated with a cloud; `target` is the protection container on the other side."""

    policy_id: str | None = None
    target: str | None = None
    state: str | None = None


class Cloud(Document):
    """A cloud: Azure's protection container; `fabric` is the ARM id of its fabric."""

    id: str
    name: str
    fabric: str
    fabric_type: str | None = None
    role: str | None = None
    pairing_status: str | None = None
    protected_item_count: int | None = None
    policies: tuple[CloudPolicy, ...] = ()


class ProtectableDisk(Document):
    """A disk of a machine that can be protected."""

    id: str
    name: str | None = None
    type: str | None = None
    size_mb: int | None = Field(None, alias="sizeMB")


class ProtectableItem(Document):
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


class PolicyCloud(Document):
    """A cloud with which a policy is associated."""

    cloud: str
    target: str | None = None
    state: str | None = None


class ReplicationPolicy(Document):
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


class NetworkMapping(Document):
    """A network of the primary side and the one on the recovery side that its machines are put into; ARM ids."""

    id: str
    name: str
    state: str | None = None
    primary_network: str | None = None
    recovery_network: str | None = None
    primary_fabric: str | None = None
    recovery_fabric: str | None = None
