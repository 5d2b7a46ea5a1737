"""The names of Site Recovery as Azure writes them, and those of the answers about failovers (docs/design/failovers.md)."""

from enum import StrEnum

PROTECTED_ITEM_TYPE = "Microsoft.RecoveryServices/vaults/replicationFabrics/replicationProtectionContainers/replicationProtectedItems"
RECOVERY_PLAN_TYPE = "Microsoft.RecoveryServices/vaults/replicationRecoveryPlans"
RECOVERY_POINT_TYPE = f"{PROTECTED_ITEM_TYPE}/recoveryPoints"
JOB_TYPE = "Microsoft.RecoveryServices/vaults/replicationJobs"
VIRTUAL_NETWORK_TYPE = "Microsoft.Network/virtualNetworks"
VMM_NETWORK_TYPE = "Microsoft.RecoveryServices/vaults/replicationFabrics/replicationNetworks"


class Action(StrEnum):
    """What a failover operation does; each leg of one is an action too."""

    TEST_FAILOVER = "TestFailover"
    TEST_FAILOVER_CLEANUP = "TestFailoverCleanup"
    PLANNED_FAILOVER = "PlannedFailover"
    UNPLANNED_FAILOVER = "UnplannedFailover"
    FAILBACK = "Failback"
    COMMIT = "Commit"
    CANCEL = "Cancel"
    REPROTECT = "Reprotect"
    REVERSE_REPLICATE = "ReverseReplicate"
    APPLY_RECOVERY_POINT = "ApplyRecoveryPoint"

    @property
    def is_test(self) -> bool:
        """Whether production is left as it is: a test failover, or its cleanup."""
        return self in {Action.TEST_FAILOVER, Action.TEST_FAILOVER_CLEANUP}

    @property
    def leaves_primary(self) -> bool:
        """Whether it moves production from the primary to the recovery side."""
        return self in {Action.PLANNED_FAILOVER, Action.UNPLANNED_FAILOVER}

    @property
    def moves_production(self) -> bool:
        """Whether it moves production at all, out or back: it is committed afterwards."""
        return self.leaves_primary or self is Action.FAILBACK


class Provider(StrEnum):
    """How an item is replicated: the `instanceType` of its provider-specific details (docs/azure/site-recovery.md)."""

    HYPER_V_REPLICA_AZURE = "HyperVReplicaAzure"
    HYPER_V_REPLICA_2012_R2 = "HyperVReplica2012R2"
    A2A = "A2A"
    IN_MAGE_RCM = "InMageRcm"
    IN_MAGE_AZURE_V2 = "InMageAzureV2"
    IN_MAGE_RCM_FAILBACK = "InMageRcmFailback"
    """A VMware item on its way back; no action of it is supported."""


class AllowedOperation(StrEnum):
    """Azure's `allowedOperations` (ReplicationProtectedItemOperation of the specification)."""

    REVERSE_REPLICATE = "ReverseReplicate"
    COMMIT = "Commit"
    PLANNED_FAILOVER = "PlannedFailover"
    UNPLANNED_FAILOVER = "UnplannedFailover"
    DISABLE_PROTECTION = "DisableProtection"
    TEST_FAILOVER = "TestFailover"
    TEST_FAILOVER_CLEANUP = "TestFailoverCleanup"
    FAILBACK = "Failback"
    FINALIZE_FAILBACK = "FinalizeFailback"
    CANCEL_FAILOVER = "CancelFailover"
    CHANGE_PIT = "ChangePit"
    REPAIR_REPLICATION = "RepairReplication"
    SWITCH_PROTECTION = "SwitchProtection"
    COMPLETE_MIGRATION = "CompleteMigration"


class Direction(StrEnum):
    """Which way a failover goes (FailoverDirection of the specification)."""

    PRIMARY_TO_RECOVERY = "PrimaryToRecovery"
    RECOVERY_TO_PRIMARY = "RecoveryToPrimary"


class Health(StrEnum):
    """Azure's `replicationHealth`."""

    NONE = "None"
    NORMAL = "Normal"
    WARNING = "Warning"
    CRITICAL = "Critical"


class JobState(StrEnum):
    """The state of a job or a task (JobProperties of the specification)."""

    NOT_STARTED = "NotStarted"
    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    SUSPENDED = "Suspended"
    OTHER = "Other"

    @property
    def ended(self) -> bool:
        """Whether Azure does nothing more of it."""
        return self in {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}


class LatestPoint(StrEnum):
    """A recovery point by what it is, not by which."""

    LATEST = "Latest"
    LATEST_PROCESSED = "LatestProcessed"
    LATEST_APPLICATION_CONSISTENT = "LatestApplicationConsistent"
    LATEST_CRASH_CONSISTENT = "LatestCrashConsistent"


class SourceSiteOperations(StrEnum):
    """Whether an unplanned failover tries to shut the source down first."""

    REQUIRED = "Required"
    NOT_REQUIRED = "NotRequired"


class DataSync(StrEnum):
    """How a failback copies the data (docs/azure/site-recovery.md): synchronise and then wait suspended, or shut down at once."""

    FOR_SYNCHRONIZATION = "ForSynchronization"
    FOR_DOWN_TIME = "ForDownTime"


class WindowEnd(StrEnum):
    """What happens at the end of a commit window without an approval."""

    COMMIT = "Commit"
    ALERT = "Alert"


class CheckName(StrEnum):
    """The checks of a plan."""

    ACTION_ALLOWED = "actionAllowed"
    NO_RUNNING_JOB = "noRunningJob"
    OWNERSHIP = "ownership"
    LIMITS = "limits"
    NETWORK = "network"
    BLAST_RADIUS = "blastRadius"
    HEALTH = "health"
    REPLICATION_LAG = "replicationLag"
    RECOVERY_POINT_AGE = "recoveryPointAge"
    LAST_TEST_FAILOVER = "lastTestFailover"


class Approval(StrEnum):
    """Whether a plan needs a second person."""

    NONE = "none"
    REQUIRED = "required"


class ApprovalState(StrEnum):
    """The state of the approval of a failover."""

    NOT_REQUIRED = "notRequired"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    LAPSED = "lapsed"


class Step(StrEnum):
    """Where a failover is, for its readers."""

    PLANNING = "planning"
    AWAITING_APPROVAL = "awaitingApproval"
    STARTING = "starting"
    RUNNING = "running"
    SUSPENDED = "suspended"
    COMMIT_WINDOW = "commitWindow"
    FINISHED = "finished"


class GroupType(StrEnum):
    """The groups of a recovery plan (RecoveryPlanGroupType of the specification)."""

    SHUTDOWN = "Shutdown"
    BOOT = "Boot"
    FAILOVER = "Failover"


class Refusal(StrEnum):
    """Why a failover is refused, or how it ended: the codes that are Site Recovery's own."""

    ACTION_NOT_ALLOWED = "ActionNotAllowed"
    CHECKS_FAILED = "ChecksFailed"
    PLAN_CHANGED = "PlanChanged"
    FAILOVER_FAILED = "FailoverFailed"
    PARTIALLY_SUCCEEDED = "PartiallySucceeded"
    JOB_CANCELLED = "JobCancelled"
    APPROVAL_LAPSED = "ApprovalLapsed"
    REJECTED = "Rejected"
    NOT_AWAITING_APPROVAL = "NotAwaitingApproval"
    OWN_APPROVAL = "OwnApproval"
    PERSON_REQUIRED = "PersonRequired"


class ProtectionReason(StrEnum):
    """Why a protection policy would protect a machine (`New`, `Retry`), or skips it."""

    NEW = "New"
    RETRY = "Retry"
    NOT_CHOSEN = "NotChosen"
    PROTECTED = "Protected"
    BEING_PROTECTED = "BeingProtected"
    LET_GO = "LetGo"
    CANCELED = "Canceled"
    NOT_READY = "NotReady"
    BEYOND_LIMITS = "BeyondLimits"
    FAILED_LATELY = "FailedLately"


class ProtectionState(StrEnum):
    """What is noted of a machine: it was seen protected; it is being protected; that failed; a person canceled it."""

    PROTECTED = "Protected"
    RUNNING = "Running"
    FAILED = "Failed"
    CANCELED = "Canceled"
