"""What the rules need to know of a job of Site Recovery, read from ARM's JSON (facts/site-recovery.md, "Jobs")."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from shared.arm.reading import own_id, resource_id
from shared.failovers.vault.answers import ErrorView
from shared.failovers.vault.names import JobState
from shared.failovers.vault.reading import job_errors
from shared.values.reading import Json, an_object, last_segment, moment, objects, text, texts

_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """A task of a job; one of a recovery plan's groups has `children`. `of` is the machine that it works on, where it says so."""

    name: str
    state: JobState
    description: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    errors: tuple[ErrorView, ...] = ()
    children: tuple["TaskFacts", ...] = ()
    of: str | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took, None while that cannot be told."""
        if self.started_at is None or self.ended_at is None or self.ended_at < self.started_at:
            return None
        return (self.ended_at - self.started_at).total_seconds()

    def leaves(self, path: tuple[str, ...] = ()) -> Iterator[tuple[str, "TaskFacts"]]:
        """Yield the tasks that have no tasks of their own, each with its name, after those that it lies in: `group/task`."""
        here = (*path, f"{self.name} ({self.of})" if self.of else self.name)
        if not self.children:
            yield "/".join(here), self
        for child in self.children:
            yield from child.leaves(here)

    def tree(self) -> Iterator["TaskFacts"]:
        """Yield it and all tasks in it."""
        yield self
        for child in self.children:
            yield from child.tree()


@dataclass(frozen=True, slots=True)
class JobMemberFacts:
    """What a job did to one item: the recovery point that it used."""

    name: str
    friendly_name: str = ""
    recovery_point_id: str | None = None
    recovery_point_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobFacts:
    """A job. `target_id` is the name, or the ARM id, of what it works on, `target_type` Azure's word for what that is.

    `activity_id` begins with the client request id of its start.
    """

    id: str
    name: str
    state: JobState
    description: str | None = None
    activity_id: str | None = None
    scenario: str | None = None
    friendly_name: str | None = None
    target_id: str | None = None
    target_name: str | None = None
    target_type: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    allowed_actions: tuple[str, ...] = ()
    tasks: tuple[TaskFacts, ...] = ()
    errors: tuple[ErrorView, ...] = ()
    members: tuple[JobMemberFacts, ...] = ()
    new_item_id: str | None = None

    @property
    def leaves(self) -> tuple[tuple[str, TaskFacts], ...]:
        """All tasks that have none of their own, each with its full name."""
        return tuple(leaf for task in self.tasks for leaf in task.leaves())

    @property
    def all_errors(self) -> tuple[ErrorView, ...]:
        """The job's errors and those of its tasks, each once."""
        inner = (error for task in self.tasks for one in task.tree() for error in one.errors)
        return tuple(dict.fromkeys([*self.errors, *inner]))

    @classmethod
    def from_arm(cls, job: Json) -> Self:
        """Read the JSON of a replicationJob."""
        properties = an_object(job, "properties")
        custom = an_object(properties, "customDetails")
        id_ = own_id(job)
        return cls(
            id=id_,
            name=text(job, "name") or last_segment(id_),
            state=job_state(text(properties, "state")),
            description=text(properties, "stateDescription"),
            activity_id=text(properties, "activityId"),
            scenario=text(properties, "scenarioName"),
            friendly_name=text(properties, "friendlyName"),
            target_id=text(properties, "targetObjectId"),
            target_name=text(properties, "targetObjectName"),
            target_type=text(properties, "targetInstanceType"),
            started_at=moment(properties, "startTime"),
            ended_at=moment(properties, "endTime"),
            allowed_actions=texts(properties, "allowedActions") or (),
            tasks=_tasks(properties, "tasks", 0),
            errors=job_errors(properties),
            members=tuple(_member(member) for member in objects(custom, "protectedItemDetails")),
            new_item_id=resource_id(custom, "newReplicationProtectedItemId"),
        )


def job_state(found: str | None) -> JobState:
    """Read a state; one that is not known is Other. Azure writes both Cancelled and Canceled."""
    if (found or "").lower() == "canceled":
        return JobState.CANCELLED
    return next((state for state in JobState if found is not None and state.lower() == found.lower()), JobState.OTHER)


def _tasks(holder: Json, name: str, depth: int) -> tuple[TaskFacts, ...]:
    return tuple(_task(task, depth) for task in objects(holder, name)) if depth < _DEEPEST else ()


def _task(task: Json, depth: int) -> TaskFacts:
    group, custom = an_object(task, "groupTaskCustomDetails"), an_object(task, "customDetails")
    return TaskFacts(
        name=text(task, "name", "taskId", "friendlyName") or "task",
        state=job_state(text(task, "state")),
        description=text(task, "stateDescription"),
        started_at=moment(task, "startTime"),
        ended_at=moment(task, "endTime"),
        errors=job_errors(task),
        children=_tasks(group, "childTasks", depth + 1) or _tasks(custom, "childTasks", depth + 1),
        of=text(an_object(custom, "jobTask"), "targetObjectName"),
    )


def _member(member: Json) -> JobMemberFacts:
    return JobMemberFacts(
        name=text(member, "name") or "",
        friendly_name=text(member, "friendlyName") or "",
        recovery_point_id=resource_id(member, "recoveryPointId"),
        recovery_point_at=moment(member, "recoveryPointTime"),
    )
