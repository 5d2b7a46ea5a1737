"""What each kind of job consists of: its names, its tasks, and the seconds of Azure's time that they take.

The planned failover is as recorded in 2017, the test failover and its clean-up as recorded in 2021; the others keep to their proportions.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from local.simulation.recovery_services.items.item import Item
from local.simulation.recovery_services.jobs.tasks import Task
from local.simulation.recovery_services.names import Provider


class Scenario(StrEnum):
    """A job's `scenarioName`."""

    PLANNED_FAILOVER = "PlannedFailover"
    UNPLANNED_FAILOVER = "UnplannedFailover"
    TEST_FAILOVER = "TestFailover"
    TEST_FAILOVER_CLEANUP = "TestFailoverCleanup"
    COMMIT = "CommitFailover"
    CANCEL = "CancelFailover"
    REVERSE = "ReverseReplication"
    SWITCH = "SwitchProtection"
    CHANGE_PIT = "ChangePointInTime"
    REPAIR = "RepairReplication"
    ENABLE = "EnableProtection"
    DISABLE = "DisableProtection"
    UPDATE = "UpdateVmProperties"
    SET_UP = "Configuration"


#: How each is called for people.
FRIENDLY = {
    Scenario.PLANNED_FAILOVER: "Planned failover",
    Scenario.UNPLANNED_FAILOVER: "Failover",
    Scenario.TEST_FAILOVER: "Test failover",
    Scenario.TEST_FAILOVER_CLEANUP: "Test failover cleanup",
    Scenario.COMMIT: "Commit",
    Scenario.CANCEL: "Cancel failover",
    Scenario.REVERSE: "Reverse replication",
    Scenario.SWITCH: "Re-protect",
    Scenario.CHANGE_PIT: "Change recovery point",
    Scenario.REPAIR: "Repair replication",
    Scenario.ENABLE: "Enable replication",
    Scenario.DISABLE: "Disable replication",
    Scenario.UPDATE: "Update the virtual machine",
    Scenario.SET_UP: "Configuration",
}

#: A job that can be cancelled while it runs, though that harms more than it helps.
CANCELLABLE = frozenset({Scenario.PLANNED_FAILOVER, Scenario.UNPLANNED_FAILOVER, Scenario.TEST_FAILOVER})

SHUTDOWN = "VmShutdownVmOnPrimary"
#: Once this task of a test failover is done there is a machine that must be cleaned up, whatever becomes of the rest.
TEST_MACHINE = "VmTfoPrepareTestVm"
START = "VmFoStartVmOnSecondary"


@dataclass(frozen=True, slots=True)
class _T:
    """A task in short: task id, name, friendly name, seconds."""

    id: str
    name: str
    friendly: str
    seconds: float
    waits: bool = False


_PLANNED = (
    _T("PlannedFailoverPreflightChecksTask", "VmPfoPrerequisitesCheck", "Prerequisites check for planned failover", 36),
    _T("ShutdownVmOnPrimary", SHUTDOWN, "Shut down the virtual machine", 7),
    _T("PrepareForFailoverTask", "VmPrepareForFailover", "Preparing for failover", 12),
    _T("FailoverTask", "VmFailover", "Start failover", 420),
    _T("StartVmOnSecondary", START, "Start the replica virtual machine", 105),
)
_UNPLANNED = (
    _T("UnplannedFailoverPreflightChecksTask", "VmUfoPrerequisitesCheck", "Prerequisites check for failover", 30),
    _T("ShutdownVmOnPrimary", SHUTDOWN, "Shut down the virtual machine", 60),
    _T("PrepareForFailoverTask", "VmPrepareForFailover", "Preparing for failover", 12),
    _T("FailoverTask", "VmFailover", "Start failover", 300),
    _T("StartVmOnSecondary", START, "Start the replica virtual machine", 105),
)
_TEST = (
    _T("TestFailoverPreflightChecksTask", "VmTfoPrerequisitesCheck", "Prerequisites check for test failover", 20),
    _T("BeginTestFailoverTask", "VmTfoInitiateFailover", "Starting test failover", 85),
    _T("PrepareTestProtectedEntitiesTask", TEST_MACHINE, "Creating test virtual machine", 180),
    _T("BootTestProtectedEntitiesTask", "VmTfoBootTestVm", "Start the virtual machine", 75),
)
_CLEANUP = (
    _T("TestFailoverCleanupPreflightChecksTask", "VmTfoCleanupPreflightsCheck", "Prerequisites check for test failover cleanup", 10),
    _T("EndTestFailoverTask", "VmTfoEndFailover", "Ending test failover", 20),
    _T("CleanupTestProtectedEntitiesTask", "VmTfoDeleteTestVm", "Clean up the test virtual machine", 90),
)
_COMMIT = (
    _T("CommitFailoverPreflightChecksTask", "VmCommitPrerequisitesCheck", "Prerequisites check for commit", 10),
    _T("CommitTask", "VmCommit", "Commit", 50),
)
_FAILBACK_BEGIN = (
    _T("FailbackPreflightChecksTask", "VmFailbackPrerequisitesCheck", "Prerequisites check for planned failover", 36),
    _T("PrepareForFailbackTask", "VmPrepareForFailback", "Preparing for failover", 24),
)
_SYNC = _T("DataSynchronizationTask", "VmDataSynchronization", "Data synchronization", 1500)
_WAIT = _T("WaitForCompleteFailoverTask", "WaitForCompleteFailover", "Waiting for user input to complete the failover", 0, waits=True)
_FAILBACK_END = (
    _T("ShutdownVmOnSecondary", "VmShutdownVmOnSecondary", "Shut down the virtual machine in Azure", 45),
    _T("FailbackTask", "VmFailback", "Start failover", 240),
    _T("StartVmOnPrimary", "VmStartVmOnPrimary", "Start the virtual machine on the primary site", 60),
)
_DOWN_TIME_COPY = _T("DataCopyTask", "VmDataCopy", "Copy the changes", 900)

_TASKS: dict[Scenario, tuple[_T, ...]] = {
    Scenario.PLANNED_FAILOVER: _PLANNED,
    Scenario.UNPLANNED_FAILOVER: _UNPLANNED,
    Scenario.TEST_FAILOVER: _TEST,
    Scenario.TEST_FAILOVER_CLEANUP: _CLEANUP,
    Scenario.COMMIT: _COMMIT,
    Scenario.CANCEL: (_T("CancelFailoverTask", "VmCancelFailover", "Cancel the failover", 120),),
    Scenario.REVERSE: (
        _T("ReverseReplicationPreflightChecksTask", "VmReversePrerequisitesCheck", "Prerequisites check for reverse replication", 20),
        _T("ReverseReplicationTask", "VmReverseReplication", "Reverse the replication", 160),
    ),
    Scenario.SWITCH: (
        _T("SwitchProtectionPreflightChecksTask", "VmSwitchPrerequisitesCheck", "Prerequisites check for re-protection", 20),
        _T("SwitchProtectionTask", "VmSwitchProtection", "Prepare the virtual machine for replication", 240),
        _T("EnableReplicationTask", "VmEnableReplication", "Enable replication", 340),
    ),
    Scenario.CHANGE_PIT: (
        _T("ChangePitPreflightChecksTask", "VmChangePitPrerequisitesCheck", "Prerequisites check for the recovery point", 10),
        _T("ChangePitTask", "VmChangePit", "Apply the recovery point", 170),
    ),
    Scenario.REPAIR: (_T("RepairReplicationTask", "VmRepairReplication", "Repair the replication", 300),),
    Scenario.ENABLE: (
        _T("EnableProtectionPreflightChecksTask", "VmEnablePrerequisitesCheck", "Prerequisites check for enabling protection", 30),
        _T("ConfigureReplicationTask", "VmConfigureReplication", "Configure the replication", 90),
        _T("StartInitialReplicationTask", "VmStartInitialReplication", "Start the initial replication", 60),
    ),
    Scenario.DISABLE: (_T("DisableProtectionTask", "VmDisableProtection", "Disable the protection", 60),),
    Scenario.UPDATE: (_T("UpdateVmPropertiesTask", "VmUpdateProperties", "Update the properties", 20),),
}


def tasks_for(scenario: Scenario, item: Item, *, shut_down: bool = True) -> tuple[Task, ...]:
    """Return what a job has to do for an item, one task after another; `shut_down`: the source is shut down first.

    A machine that does not shut down ends a planned failover; an unplanned one goes on without (docs/azure/site-recovery.md).
    """
    found = []
    for each in _TASKS[scenario]:
        if each.name == SHUTDOWN and not shut_down:
            continue
        task = _task(each, item.pace)
        if each.name == SHUTDOWN and not item.shuts_down:
            task = replace(task, error=not_shut_down(item), mild=scenario is Scenario.UNPLANNED_FAILOVER)
        found.append(task)
    if item.provider is Provider.A2A and scenario in (Scenario.UNPLANNED_FAILOVER, Scenario.TEST_FAILOVER):
        return tuple(replace(task, seconds=task.seconds * 0.8) for task in found)
    return tuple(found)


def failback_tasks(item: Item, *, waits: bool) -> tuple[tuple[Task, ...], tuple[Task, ...]]:
    """Return the tasks of a failback before it waits for a person, and those after; without waiting they are all in the second."""
    begin, end = tuple(_task(each, item.pace) for each in _FAILBACK_BEGIN), tuple(_task(each, item.pace) for each in _FAILBACK_END)
    if waits:
        return (*begin, _task(_SYNC, item.pace)), end
    shutdown, *rest = end
    return (), (*begin, shutdown, _task(_DOWN_TIME_COPY, item.pace), *rest)


def wait_task() -> Task:
    """Return the task in which a failback stays suspended."""
    return _task(_WAIT, 1)


def set_up_task(friendly: str, seconds: float) -> Task:
    """Return the one task of a job that only changes the configuration."""
    return Task("ConfigurationTask", "Configuration", friendly, seconds)


def _task(short: _T, pace: float) -> Task:
    return Task(short.id, short.name, short.friendly, short.seconds * pace, waits=short.waits)


def not_shut_down(item: Item) -> dict[str, object]:
    """Return the error of a machine that would not shut down."""
    return {
        "code": "28031",
        "message": f"The virtual machine '{item.friendly_name}' could not be shut down.",
        "possibleCauses": "The integration services do not answer, or the host is not reached.",
        "recommendedAction": "Shut the machine down by hand and try again, or start an unplanned failover.",
        "providerErrorCode": 31408,
    }
