"""What the rules need to know of items, plans, recovery points, networks and providers, read from ARM's JSON.

The shapes are those of API version 2025-08-01; what is missing is read as unknown, and the rules decide what to do with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from shared.arm.reading import id_key, own_id, resource_id
from shared.failovers.vault.answers import ErrorView
from shared.failovers.vault.job_facts import JobFacts, health_error, job_state
from shared.failovers.vault.names import Direction, GroupType, Health, JobState, Provider
from shared.values.reading import Json, an_object, last_segment, moment, objects, same_text, text, texts, whole


@dataclass(frozen=True, slots=True)
class ScenarioFacts:
    """The last scenario that an item or a plan names: its name, the name of its job (not its id), when it began, and its state.

    A recovery plan goes on naming a scenario that has ended; `state` shows it, and is None where Azure writes none (of items). `job` is
    empty where Azure names none.
    """

    name: str
    job: str
    started_at: datetime | None
    state: JobState | None = None

    def occupies(self, jobs: Sequence[JobFacts] | None) -> bool:
        """Return whether the scenario keeps its item or plan busy: until its state is terminal and its job is not seen running.

        Without a state the job decides. `jobs` are jobs of the vault, None where they could not be read; what they do not show counts as
        running where there is no state.
        """
        job = next((job for job in jobs or () if same_text(job.name, self.job)), None)
        if self.state is None:
            return job is None or not job.state.ended
        return not self.state.ended or (job is not None and not job.state.ended)

    @classmethod
    def from_arm(cls, properties: Json) -> Self | None:
        """Read `currentScenario` and `currentScenarioStatus`.

        None where it is idle: the scenarioName is `None`, or the jobId ends in `/None`.
        """
        scenario, state = an_object(properties, "currentScenario"), text(properties, "currentScenarioStatus")
        name, job = text(scenario, "scenarioName") or "", last_segment(text(scenario, "jobId"))
        if name.lower() in {"", "none"} or job.lower() == "none" or (not job and state is None):
            return None
        return cls(name, job, moment(scenario, "startTime"), job_state(state) if state is not None else None)


@dataclass(frozen=True, slots=True)
class ManagedDiskFacts:
    """A disk of an A2A item, with what its way back needs; ids are ARM's."""

    disk_id: str
    target_disk_id: str | None = None
    staging_account_id: str | None = None
    replica_type: str | None = None
    target_type: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """Where an item would run; `encrypted` is None where unknown."""

    vm_name: str | None = None
    vm_size: str | None = None
    network_id: str | None = None
    storage_account_id: str | None = None
    log_storage_account_id: str | None = None
    resource_group_id: str | None = None
    region: str | None = None
    encrypted: bool | None = None


@dataclass(frozen=True, slots=True)
class ProtectedItemFacts:
    """A protected item. `provider` is None for an unsupported kind of replication; `instance_type` is Azure's name of it.

    `allowed_operations` is None where unknown. `last_synced_at` is when data last arrived, `rpo_seconds` the lag measured at
    `rpo_at`. `source_vm_id` is the VM that is protected: of A2A its ARM id, else the host's own id of it. `lifecycle_id` outlives a switch
    of protection. `hv_host_vm_id`, `os_type` and `os_vhd_id` are what Hyper-V's reverse replication asks for, `datastore` VMware's.
    """

    id: str
    name: str
    instance_type: str
    provider: Provider | None
    allowed_operations: tuple[str, ...] | None
    friendly_name: str = ""
    protection_state: str | None = None
    active_location: str | None = None
    test_failover_state: str | None = None
    health: Health | None = None
    health_errors: tuple[ErrorView, ...] = ()
    scenario: ScenarioFacts | None = None
    rpo_seconds: int | None = None
    rpo_at: datetime | None = None
    last_synced_at: datetime | None = None
    last_test_failover_at: datetime | None = None
    last_failover_at: datetime | None = None
    policy_id: str | None = None
    policy_name: str | None = None
    protectable_item_id: str | None = None
    recovery_container_id: str | None = None
    recovery_fabric_id: str | None = None
    failover_point_id: str | None = None
    source_vm_id: str | None = None
    recovery_vm_id: str | None = None
    lifecycle_id: str | None = None
    target: TargetFacts = TargetFacts()
    disks: tuple[ManagedDiskFacts, ...] = ()
    hv_host_vm_id: str | None = None
    os_type: str | None = None
    os_vhd_id: str | None = None
    datastore: str | None = None

    @property
    def key(self) -> str:
        """The form that the item's id is compared by."""
        return id_key(self.id) or self.id.lower()

    @property
    def direction(self) -> Direction:
        """The way that a failover from where the item lives now goes."""
        at_recovery = (self.active_location or "").lower() == "recovery"
        return Direction.RECOVERY_TO_PRIMARY if at_recovery else Direction.PRIMARY_TO_RECOVERY

    @classmethod
    def from_arm(cls, item: Json) -> Self:
        """Read the JSON of a replicationProtectedItem."""
        properties = an_object(item, "properties")
        details = an_object(properties, "providerSpecificDetails")
        instance = text(details, "instanceType") or ""
        id_ = own_id(item)
        return cls(
            id=id_,
            name=text(item, "name") or last_segment(id_),
            instance_type=instance,
            provider=next((one for one in Provider if one.lower() == instance.lower()), None),
            allowed_operations=texts(properties, "allowedOperations"),
            friendly_name=text(properties, "friendlyName") or "",
            protection_state=text(properties, "protectionState"),
            active_location=text(properties, "activeLocation"),
            test_failover_state=text(properties, "testFailoverState"),
            health=_health(text(properties, "replicationHealth")),
            health_errors=tuple(health_error(error) for error in objects(properties, "healthErrors")),
            scenario=ScenarioFacts.from_arm(properties),
            rpo_seconds=whole(details, "rpoInSeconds", "lastRpoInSeconds"),
            rpo_at=moment(details, "lastRpoCalculatedTime"),
            last_synced_at=moment(details, "lastReplicatedTime", "lastRecoveryPointReceived"),
            last_test_failover_at=moment(properties, "lastSuccessfulTestFailoverTime"),
            last_failover_at=moment(properties, "lastSuccessfulFailoverTime"),
            policy_id=resource_id(properties, "policyId"),
            policy_name=text(properties, "policyFriendlyName"),
            protectable_item_id=resource_id(properties, "protectableItemId"),
            recovery_container_id=resource_id(properties, "recoveryContainerId"),
            recovery_fabric_id=resource_id(properties, "recoveryFabricId"),
            failover_point_id=resource_id(properties, "failoverRecoveryPointId") or resource_id(details, "failoverRecoveryPointId"),
            source_vm_id=resource_id(
                details, "fabricObjectId", "fabricDiscoveryMachineId", "vmId", "infrastructureVmId", "internalIdentifier"
            ),
            recovery_vm_id=resource_id(details, "recoveryFabricObjectId", "targetVmId"),
            lifecycle_id=text(details, "lifecycleId"),
            target=_target(details),
            disks=tuple(_disk(disk) for disk in objects(details, "protectedManagedDisks") if text(disk, "diskId")),
            hv_host_vm_id=text(details, "vmId"),
            os_type=text(an_object(details, "oSDetails"), "osType") or text(details, "osType"),
            os_vhd_id=_os_vhd(details),
            datastore=next(
                iter(texts(an_object(details, "discoveredVmDetails"), "datastores") or texts(details, "datastores") or ()), None
            ),
        )


@dataclass(frozen=True, slots=True)
class RecoveryPointFacts:
    """A recovery point of an item; `type` is Azure's, such as CrashConsistent."""

    id: str
    time: datetime | None
    type: str | None = None

    @property
    def application_consistent(self) -> bool:
        """Whether the machine's applications were asked to write everything down before it was made."""
        return "application" in (self.type or "").lower()

    @property
    def crash_consistent(self) -> bool:
        """Whether it is as after a power cut."""
        return "crash" in (self.type or "").lower()

    @classmethod
    def from_arm(cls, point: Json) -> Self:
        """Read the JSON of a recoveryPoint."""
        properties = an_object(point, "properties")
        return cls(own_id(point), moment(properties, "recoveryPointTime"), text(properties, "recoveryPointType"))


@dataclass(frozen=True, slots=True)
class PlanActionFacts:
    """A script, runbook or manual action of a group; `instructions` is what a manual action asks a person to do."""

    name: str
    type: str | None = None
    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class PlanGroupFacts:
    """A group of a recovery plan; `members` are the ARM ids of its items, side by side."""

    type: GroupType
    members: tuple[str, ...] = ()
    start_actions: tuple[PlanActionFacts, ...] = ()
    end_actions: tuple[PlanActionFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """A recovery plan; its groups run one after another, in their order. `allowed_operations` is None where unknown."""

    id: str
    name: str
    allowed_operations: tuple[str, ...] | None
    groups: tuple[PlanGroupFacts, ...] = ()
    friendly_name: str = ""
    primary_fabric_id: str | None = None
    recovery_fabric_id: str | None = None
    providers: tuple[str, ...] = ()
    scenario: ScenarioFacts | None = None

    @property
    def members(self) -> tuple[tuple[str, int], ...]:
        """Each member's ARM id with the number of its group, as the portal counts: from 1, boot groups only where they hold the members."""
        holding = [group for group in self.groups if group.type is GroupType.BOOT] or list(self.groups)
        if any(group.members and group not in holding for group in self.groups):
            holding = [group for group in self.groups if group.members]
        seen: dict[str, tuple[str, int]] = {}
        for number, group in enumerate(holding, start=1):
            for member in group.members:
                seen.setdefault(id_key(member) or member.lower(), (member, number))
        return tuple(seen.values())

    @classmethod
    def from_arm(cls, plan: Json) -> Self:
        """Read the JSON of a replicationRecoveryPlan."""
        properties = an_object(plan, "properties")
        id_ = own_id(plan)
        return cls(
            id=id_,
            name=text(plan, "name") or last_segment(id_),
            allowed_operations=texts(properties, "allowedOperations"),
            groups=tuple(_group(group) for group in objects(properties, "groups")),
            friendly_name=text(properties, "friendlyName") or "",
            primary_fabric_id=resource_id(properties, "primaryFabricId"),
            recovery_fabric_id=resource_id(properties, "recoveryFabricId"),
            providers=texts(properties, "replicationProviders") or (),
            scenario=ScenarioFacts.from_arm(properties),
        )


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """A network that a request names; `exists` is None where it could not be read, `region` is ARM's name of it.

    `owned` is true where it is the tenant's, None where unknown.
    """

    id: str
    exists: bool | None
    region: str | None = None
    owned: bool | None = None


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """A Recovery Services provider: its `version`, and `connected`, None where unknown."""

    id: str
    name: str
    fabric: str | None = None
    fabric_type: str | None = None
    version: str | None = None
    connected: bool | None = None

    @classmethod
    def from_arm(cls, provider: Json) -> Self:
        """Read the JSON of a replicationRecoveryServicesProvider."""
        properties = an_object(provider, "properties")
        status = text(properties, "connectionStatus")
        id_ = own_id(provider)
        return cls(
            id=id_,
            name=text(properties, "friendlyName") or text(provider, "name") or last_segment(id_),
            fabric=text(properties, "fabricFriendlyName"),
            fabric_type=text(properties, "fabricType"),
            version=text(properties, "providerVersion") or text(an_object(properties, "providerVersionDetails"), "version"),
            connected=None if status is None else status.lower() == "connected",
        )


def moved_item(before: ProtectedItemFacts, items: Sequence[ProtectedItemFacts], new_id: str | None = None) -> ProtectedItemFacts | None:
    """Find an A2A item after its protection was switched: it lives under another ARM id then (docs/design/failovers.md).

    `new_id` is the id in the job (SwitchProtectionJobDetails); else the item of the same life cycle, else the one that protects the
    VM which the old one made, or the same VM. `items` are those of the vault. None where there is not exactly one.
    """
    others = [item for item in items if item.key != before.key]
    if new_id is not None:
        return next((item for item in items if item.key == (id_key(new_id) or new_id.lower())), None)
    if before.lifecycle_id is not None:
        found = [item for item in others if (item.lifecycle_id or "").lower() == before.lifecycle_id.lower()]
        if found:
            return found[0] if len(found) == 1 else None
    machines = {id_key(vm) for vm in (before.source_vm_id, before.recovery_vm_id)} - {None}
    found = [item for item in others if item.provider is before.provider and id_key(item.source_vm_id) in machines]
    return found[0] if len(found) == 1 else None


def _health(found: str | None) -> Health | None:
    return next((health for health in Health if found is not None and health.lower() == found.lower()), None)


def _target(details: Json) -> TargetFacts:
    encryption = text(details, "encryption", "vmEncryptionType")
    return TargetFacts(
        vm_name=text(details, "recoveryAzureVmName", "recoveryAzureVMName", "targetVmName"),
        vm_size=text(details, "recoveryAzureVMSize", "recoveryAzureVmSize", "targetVmSize"),
        network_id=resource_id(details, "selectedRecoveryAzureNetworkId", "targetNetworkId"),
        storage_account_id=resource_id(details, "recoveryAzureStorageAccount", "storageAccountId"),
        log_storage_account_id=resource_id(details, "recoveryAzureLogStorageAccountId"),
        resource_group_id=text(details, "recoveryAzureResourceGroupId", "targetResourceGroupId"),
        region=_region(text(details, "recoveryFabricLocation", "targetLocation")),
        encrypted=None if encryption is None else encryption.lower() not in {"disabled", "notencrypted", "none", "false"},
    )


def _region(found: str | None) -> str | None:
    return "".join(found.split()).lower() if found else None


def _disk(disk: Json) -> ManagedDiskFacts:
    return ManagedDiskFacts(
        disk_id=resource_id(disk, "diskId") or "",
        target_disk_id=resource_id(disk, "recoveryTargetDiskId"),
        staging_account_id=resource_id(disk, "primaryStagingAzureStorageAccountId"),
        replica_type=text(disk, "recoveryReplicaDiskAccountType"),
        target_type=text(disk, "recoveryTargetDiskAccountType"),
        name=text(disk, "diskName"),
    )


def _os_vhd(details: Json) -> str | None:
    disks = objects(details, "azureVmDiskDetails")
    return next((text(disk, "vhdId") for disk in disks if (text(disk, "vhdType") or "").lower() == "operatingsystem"), None)


def _group(group: Json) -> PlanGroupFacts:
    type_ = (text(group, "groupType") or "").lower()
    return PlanGroupFacts(
        type=next((one for one in GroupType if one.lower() == type_), GroupType.BOOT),
        members=tuple(own_id(member) for member in objects(group, "replicationProtectedItems") if own_id(member)),
        start_actions=_actions(group, "startGroupActions"),
        end_actions=_actions(group, "endGroupActions"),
    )


def _actions(group: Json, name: str) -> tuple[PlanActionFacts, ...]:
    return tuple(
        PlanActionFacts(text(action, "actionName") or "", text(details, "instanceType"), text(details, "description"))
        for action in objects(group, name)
        for details in (an_object(action, "customDetails"),)
    )
