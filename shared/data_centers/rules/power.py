"""What to do with one machine of a data center: stop it, start it, delete it; by its state and the job before. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from shared.installations.document import AfterSuspension
from shared.installations.machine_states import PowerState

TRIES: Final = 3
RETRY_AFTER: Final = (timedelta(minutes=3), timedelta(minutes=7))
"""How long after a failed try the next one is made: three within ten minutes."""
_LAG: Final = timedelta(minutes=1)
"""How long after a good job a machine may still show its former state."""


class Goal(StrEnum):
    """What is to become of a machine."""

    STOPPED = "stopped"
    STARTED = "started"
    DELETED = "deleted"


class PowerCall(StrEnum):
    """A call that changes a machine."""

    START = "Start"
    RESUME = "Resume"
    STOP = "Stop"
    SHUTDOWN = "Shutdown"
    SAVE = "Save"
    DELETE = "Delete"


FIRST: Final = {
    AfterSuspension.STOP: PowerCall.STOP, AfterSuspension.SHUTDOWN: PowerCall.SHUTDOWN, AfterSuspension.SAVE: PowerCall.SAVE,
}  # fmt: skip
_NEXT: Final = {PowerCall.SAVE: PowerCall.SHUTDOWN, PowerCall.SHUTDOWN: PowerCall.STOP}
"""What is tried instead of a call that failed, or is not known to the installation."""


class JobState(StrEnum):
    """What became of the job that the last call began."""

    NONE = "none"
    OPEN = "open"
    GOOD = "good"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Work:
    """What was done with a machine so far: the last call and when it was sent, the state of its job, and how often the same call failed."""

    goal: Goal
    how: PowerCall
    since: datetime
    last: PowerCall | None = None
    sent_at: datetime | None = None
    job: JobState = JobState.NONE
    failed_at: datetime | None = None
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a guest may take to shut down, and a machine to leave a transition."""

    shutdown: timedelta
    machine: timedelta


@dataclass(frozen=True, slots=True)
class Done:
    """The machine is as it should be; `gone` where it is not there."""

    gone: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """Send this call."""

    call: PowerCall


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It was tried three times, or stayed in transition for too long."""

    stuck: bool = False


Decision = Done | Call | Hold | GiveUp


def decide(work: Work, state: PowerState | None, now: datetime, limits: Limits) -> Decision:
    """Return what to do with a machine; `state` is None where it is not there."""
    if state is None:
        return Done(gone=True)
    if _is_done(work.goal, state):
        return Done()
    if work.job is JobState.OPEN:
        return _job_open(work, now, limits)
    if state is PowerState.CHANGING:
        return GiveUp(stuck=True) if now - (work.sent_at or work.since) >= limits.machine else Hold()
    if work.job is JobState.FAILED:
        return _after_failure(work, state, now)
    if work.job is JobState.GOOD and work.last is not None and work.sent_at is not None and _wanted(work, state) is work.last:
        # the job ended well, and the machine is as before: what it shows may be late, or it was changed back
        return Hold() if now - work.sent_at < _LAG else _again(work, state)
    return Call(_wanted(work, state))


def _is_done(goal: Goal, state: PowerState) -> bool:
    if goal is Goal.STARTED:
        return state is PowerState.RUNNING
    # paused, saved and broken machines are left as they are
    return goal is Goal.STOPPED and state not in {PowerState.RUNNING, PowerState.CHANGING}


def _wanted(work: Work, state: PowerState) -> PowerCall:
    match work.goal:
        case Goal.STARTED:
            return PowerCall.RESUME if state is PowerState.PAUSED else PowerCall.START
        case Goal.DELETED:
            return PowerCall.STOP if state in {PowerState.RUNNING, PowerState.PAUSED} else PowerCall.DELETE
        case Goal.STOPPED:
            return work.last if work.last in {PowerCall.SHUTDOWN, PowerCall.STOP} else work.how


def _job_open(work: Work, now: datetime, limits: Limits) -> Decision:
    sent = work.sent_at or work.since
    if work.last is PowerCall.SHUTDOWN and work.goal is Goal.STOPPED and now - sent >= limits.shutdown:
        return Call(PowerCall.STOP)
    return GiveUp(stuck=True) if now - sent >= limits.machine else Hold()


def _after_failure(work: Work, state: PowerState, now: datetime) -> Decision:
    if work.goal is Goal.STOPPED and work.last in _NEXT:
        return Call(_NEXT[work.last])
    if work.tries >= TRIES:
        return GiveUp()
    delay = RETRY_AFTER[min(max(work.tries - 1, 0), len(RETRY_AFTER) - 1)]
    return Call(_wanted(work, state)) if work.failed_at is None or now - work.failed_at >= delay else Hold()


def _again(work: Work, state: PowerState) -> Decision:
    return GiveUp() if work.tries >= TRIES else Call(_wanted(work, state))
