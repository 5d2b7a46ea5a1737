"""Rules of jobs: the meaning of states, progress, the next read, the search for a start (docs/azure/site-recovery.md, "Jobs")."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.errors import ErrorCode, Problem
from shared.failovers.vault.answers import ErrorView
from shared.failovers.vault.facts import ScenarioFacts
from shared.failovers.vault.job_facts import JobFacts
from shared.failovers.vault.names import Action, JobState, Refusal
from shared.values.durations import readable_duration
from shared.values.reading import last_segment

CLOCKS_DIFFER = timedelta(seconds=5)
"""How much earlier than its intent a job may have begun by Azure's clock."""

PATIENCE = timedelta(hours=24)
"""How long a job may go on before its operation asks for attention, of Azure's time; a job that waits for a person is not counted."""

_GUID_FIRST = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_ROUNDS = ((timedelta(minutes=15), 30), (timedelta(hours=1), 60), (timedelta(hours=6), 120))
_LONGEST_ROUND = 300
"""Seconds between looks: a job of minutes is followed closely, one of hours loosely, one that waits for a person hardly."""

_RECOVERY_PLANS = "/replicationrecoveryplans/"
_SCENARIOS: dict[Action, frozenset[str]] = {
    Action.TEST_FAILOVER: frozenset({"testfailover"}),
    Action.TEST_FAILOVER_CLEANUP: frozenset({"testfailovercleanup", "cleanuptestfailover", "completetestfailover"}),
    Action.PLANNED_FAILOVER: frozenset({"plannedfailover"}),
    Action.UNPLANNED_FAILOVER: frozenset({"unplannedfailover", "failover"}),
    Action.FAILBACK: frozenset({"failback", "plannedfailover"}),
    Action.COMMIT: frozenset({"commit", "commitfailover", "failovercommit"}),
    Action.CANCEL: frozenset({"cancel", "cancelfailover", "failovercancel"}),
    Action.REPROTECT: frozenset({"reprotect", "switchprotection", "reversereplicate", "reversereplication"}),
    Action.REVERSE_REPLICATE: frozenset({"reprotect", "reversereplicate", "reversereplication"}),
    Action.APPLY_RECOVERY_POINT: frozenset({"applyrecoverypoint", "changepit", "changerecoverypoint"}),
}


class JobEnd(StrEnum):
    """What a job's state means for the operation."""

    RUNNING = "running"
    SUSPENDED = "suspended"
    SUCCEEDED = "succeeded"
    INFORMED = "informed"
    """Succeeded, with information."""
    PARTIAL = "partial"
    """Azure calls it succeeded, but a part of it failed."""
    SKIPPED = "skipped"
    """Azure calls it succeeded, but nothing was done."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    AWAITS_CLEANUP = "awaitsCleanup"
    """A test failover of a recovery plan is done, and its job stays suspended until the cleanup."""
    UNKNOWN = "unknown"

    @property
    def is_over(self) -> bool:
        """Whether the job does nothing more."""
        return self not in {JobEnd.RUNNING, JobEnd.SUSPENDED, JobEnd.UNKNOWN}


_DESCRIBED = {"partiallysucceeded": JobEnd.PARTIAL, "skipped": JobEnd.SKIPPED, "completedwithinformation": JobEnd.INFORMED}
_AWAITS_CLEANUP = "waitingforstoptestfailover"
_ENDS = {
    JobState.NOT_STARTED: JobEnd.RUNNING,
    JobState.IN_PROGRESS: JobEnd.RUNNING,
    JobState.SUSPENDED: JobEnd.SUSPENDED,
    JobState.FAILED: JobEnd.FAILED,
    JobState.CANCELLED: JobEnd.CANCELLED,
    JobState.OTHER: JobEnd.UNKNOWN,
}


def end_of(job: JobFacts) -> JobEnd:
    """Return what the state of a job means; `stateDescription` can turn Succeeded and Suspended into something else."""
    described = "".join((job.description or "").split()).lower()
    if job.state is JobState.SUCCEEDED:
        return _DESCRIBED.get(described, JobEnd.SUCCEEDED)
    if job.state is JobState.SUSPENDED and described == _AWAITS_CLEANUP:
        return JobEnd.AWAITS_CLEANUP
    return _ENDS[job.state]


def succeeded(job: JobFacts, action: Action) -> bool:
    """Return whether a job that is over did its work; a cleanup that found nothing to clean up did."""
    end = end_of(job)
    good = {JobEnd.SUCCEEDED, JobEnd.INFORMED, JobEnd.AWAITS_CLEANUP}
    return end in good or (end is JobEnd.SKIPPED and action is Action.TEST_FAILOVER_CLEANUP)


def problem_of(job: JobFacts, action: Action) -> Problem | None:
    """Return why an operation failed by its job, with each error of Azure and its recommendation; None where it did not fail."""
    end = end_of(job)
    if not end.is_over or succeeded(job, action):
        return None
    failed = [name for name, task in job.leaves if task.state is JobState.FAILED]
    at = f" at {', '.join(failed)}" if failed else ""
    code, reason = {
        JobEnd.PARTIAL: (Refusal.PARTIALLY_SUCCEEDED, f"a part of it failed{at} and the rest was done. Check each machine"),
        JobEnd.SKIPPED: (Refusal.FAILOVER_FAILED, "Azure skipped it, nothing was done"),
        JobEnd.CANCELLED: (
            Refusal.JOB_CANCELLED,
            f"its job was cancelled in Azure{at}. Check the machine before the next start",
        ),
    }.get(end, (Refusal.FAILOVER_FAILED, f"its job failed in Azure{at}"))
    errors = job.all_errors
    first = f": {errors[0].message}" if errors and end is not JobEnd.SKIPPED else ""
    return Problem(code, f"{action}: {reason}{first}", job.name or None, tuple(_as_problem(error) for error in errors))


def percent(job: JobFacts) -> int:
    """Return how far a job is, 0 to 100, from its tasks: one that runs counts half; 100 only when it is over."""
    if job.state.ended:
        return 100
    tasks = [task for _, task in job.leaves]
    if not tasks:
        return 0
    done = sum(1.0 if task.state.ended else 0.5 if task.state in {JobState.IN_PROGRESS, JobState.SUSPENDED} else 0.0 for task in tasks)
    return min(99, math.floor(100 * done / len(tasks)))


def next_look(started_at: datetime, now: datetime, *, suspended: bool = False) -> datetime:
    """Return when to read a job next.

    Looks fall on full rounds of 30 seconds to 5 minutes, so that the jobs of a vault are looked at together, with one list.
    """
    age = now - started_at
    seconds = _LONGEST_ROUND if suspended else next((every for upto, every in _ROUNDS if age < upto), _LONGEST_ROUND)
    stamp = now.timestamp()
    following = (math.floor(stamp / seconds) + 1) * seconds
    if following - stamp < seconds / 2:
        following += seconds
    return now + timedelta(seconds=following - stamp)


def overdue(job: str | None, since: datetime | None, now: datetime) -> tuple[str, str] | None:
    """Return the attention for a job that has gone on since `since` for too long, as (code, message); None before that."""
    if since is None or now - since < PATIENCE:
        return None
    message = f"Job {job} has not ended for {readable_duration(now - since)}. Check it in Azure; the operation continues once it ends."
    return ErrorCode.NO_PROGRESS, message


@dataclass(frozen=True, slots=True)
class JobQuery:
    """What is known of a start: the client request id that was sent, the target's ARM id, the action, and when it was first intended.

    `target_name` is the name that Azure shows of the target: of the machine, or of the plan.
    """

    client_request_id: str
    target: str
    action: Action
    since: datetime
    target_name: str | None = None


@dataclass(frozen=True, slots=True)
class JobMatch:
    """The job of a start by name; `how` is activityId, target or currentScenario; `job` is None where only its name is known."""

    name: str
    how: str
    job: JobFacts | None = None


def started_by(client_request_id: str, jobs: Sequence[JobFacts]) -> JobFacts | None:
    """Find the job that a request started: its activity id begins with the client request id."""
    return next((job for job in jobs if _activity(job).startswith(client_request_id.lower())), None)


def find_job(query: JobQuery, jobs: Sequence[JobFacts], scenario: ScenarioFacts | None = None) -> JobMatch | None:
    """Find the job of a start: by its activity id, by target, scenario and start time, or by the scenario of its item or plan.

    An activity id begins with the client request id of its start; a job whose activity id begins with another GUID is never the job of this
    start, however well the rest fits: a person may have started the same action in the portal.
    """
    own = started_by(query.client_request_id, jobs)
    if own is not None:
        return JobMatch(own.name, "activityId", own)
    fitting = [job for job in jobs if _fits(query, job)]
    if fitting:
        first = min(fitting, key=lambda job: (job.started_at or query.since, job.name))
        return JobMatch(first.name, "target", first)
    if scenario is None or not _is_scenario(query.action, scenario.name) or not _begun_since(query, scenario.started_at):
        return None
    listed = next((job for job in jobs if job.name.lower() == scenario.job.lower()), None)
    return None if listed is not None and _is_of_another_start(query, listed) else JobMatch(scenario.job, "currentScenario", listed)


def _as_problem(error: ErrorView) -> Problem:
    recommended = f" Recommended: {error.recommended_action}" if error.recommended_action else ""
    return Problem(error.code, f"{error.message}{recommended}", error.source)


def _fits(query: JobQuery, job: JobFacts) -> bool:
    return (
        job.works_on(last_segment(query.target), query.target_name, is_plan=_RECOVERY_PLANS in query.target.lower())
        and _is_scenario(query.action, job.scenario or "")
        and _begun_since(query, job.started_at)
        and not _is_of_another_start(query, job)
    )


def _is_scenario(action: Action, scenario: str) -> bool:
    name = "".join(scenario.split()).lower()
    return name in _SCENARIOS[action] or name.removeprefix("rp").removeprefix("recoveryplan") in _SCENARIOS[action]


def _begun_since(query: JobQuery, started_at: datetime | None) -> bool:
    return started_at is not None and started_at >= query.since - CLOCKS_DIFFER


def _is_of_another_start(query: JobQuery, job: JobFacts) -> bool:
    activity = _activity(job)
    return _GUID_FIRST.match(activity) is not None and not activity.startswith(query.client_request_id.lower())


def _activity(job: JobFacts) -> str:
    return (job.activity_id or "").strip().lower()
