"""A job of Site Recovery with its tasks, read from Azure's JSON (docs/azure/site-recovery.md)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from shared.arm.reading import own_id, resource_id
from shared.failovers.vault.answers import ErrorView
from shared.failovers.vault.names import JobState
from shared.values.reading import Json, an_object, code, is_guid, last_segment, moment, objects, same_name, same_text, text, texts

_DEEPEST = 8
_PLAN_TYPE = "recoveryplan"
_ITEM_TYPES = frozenset({"protectionentity", "vm"})


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """A task of a job; a group of a recovery plan has `children`.

    `of` is the name of the machine that the task works on, `instructions` what a manual action asks a person to do; None where absent.
    """

    name: str
    state: JobState
    description: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    errors: tuple[ErrorView, ...] = ()
    children: tuple["TaskFacts", ...] = ()
    of: str | None = None
    instructions: str | None = None

    def leaves(self, path: tuple[str, ...] = ()) -> Iterator[tuple[str, "TaskFacts"]]:
        """Yield the tasks without children, each with its path of names: `group/task`."""
        here = (*path, f"{self.name} ({self.of})" if self.of and not same_text(self.of, self.name) else self.name)
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
    """A job.

    `target_id` is the last segment of the id of the item or plan that the job works on, its ARM id, or a GUID of Azure's own: of recovery
    plans and of A2A items it is such a GUID, and `target_name` names the plan, or the machine. `target_type` is Azure's name for the kind
    of the target. `activity_id` begins with the client request id of the start.
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
        """All tasks without children, each with its path of names; a path that occurs again has its number behind it: `a/b (2)`."""
        seen: Counter[str] = Counter()
        found: list[tuple[str, TaskFacts]] = []
        for path, leaf in (leaf for task in self.tasks for leaf in task.leaves()):
            seen[path] += 1
            found.append((path if seen[path] == 1 else f"{path} ({seen[path]})", leaf))
        return tuple(found)

    @property
    def all_errors(self) -> tuple[ErrorView, ...]:
        """The job's errors and those of its tasks, each once."""
        inner = (error for task in self.tasks for one in task.tree() for error in one.errors)
        return tuple(dict.fromkeys([*self.errors, *inner]))

    def works_on(self, name: str, *shown_names: str | None, is_plan: bool) -> bool:
        """Return whether the job works on an item or a plan, by the last segment of its id and by the names that Azure shows of it.

        The name counts only where Azure gives a GUID of its own as the id: two machines of one vault may have the same name.
        """
        kind = (self.target_type or "").lower()
        if (kind == _PLAN_TYPE) is not is_plan and kind in {_PLAN_TYPE, *_ITEM_TYPES}:
            return False
        if same_name(self.target_id, name):
            return True
        by_name = (self.target_id is None or is_guid(self.target_id)) and not is_guid(name)
        return by_name and any(same_text(self.target_name, shown) for shown in (name, *shown_names))

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


def _tasks(holder: Json, name: str, depth: int) -> tuple[TaskFacts, ...]:
    return tuple(_task(task, depth) for task in objects(holder, name)) if depth < _DEEPEST else ()


def _task(task: Json, depth: int) -> TaskFacts:
    group, custom = an_object(task, "groupTaskCustomDetails"), an_object(task, "customDetails")
    return TaskFacts(
        name=_task_name(task),
        state=job_state(text(task, "state")),
        description=text(task, "stateDescription"),
        started_at=moment(task, "startTime"),
        ended_at=moment(task, "endTime"),
        errors=job_errors(task),
        children=_tasks(group, "childTasks", depth + 1) or _tasks(custom, "childTasks", depth + 1),
        of=text(an_object(custom, "jobTask"), "targetObjectName"),
        instructions=text(custom, "instructions"),
    )


def _task_name(task: Json) -> str:
    """Return the name of a task; Azure names those of a recovery plan `Unknown` and describes them in `friendlyName`."""
    name = text(task, "name")
    if name is not None and name.strip().lower() not in {"", "unknown"}:
        return name
    return text(task, "friendlyName", "taskId") or "task"


def _member(member: Json) -> JobMemberFacts:
    return JobMemberFacts(
        name=text(member, "name") or "",
        friendly_name=text(member, "friendlyName") or "",
        recovery_point_id=resource_id(member, "recoveryPointId"),
        recovery_point_at=moment(member, "recoveryPointTime"),
    )


def health_error(error: Json) -> ErrorView:
    """Read one of an item's `healthErrors`."""
    return ErrorView(
        code=code(error, "errorCode") or "Unknown",
        message=text(error, "errorMessage", "summaryMessage", "recoveryProviderErrorMessage") or "Azure gives no message",
        possible_causes=text(error, "possibleCauses"),
        recommended_action=text(error, "recommendedAction"),
        source="provider" if text(error, "recoveryProviderErrorMessage") and not text(error, "errorMessage") else "service",
    )


def job_errors(holder: Json) -> tuple[ErrorView, ...]:
    """Read the `errors` of a job or a task: each may carry the service's error, the provider's, or both."""
    return tuple(view for error in objects(holder, "errors") for view in _both(error))


def _both(error: Json) -> list[ErrorView]:
    service, provider = an_object(error, "serviceErrorDetails"), an_object(error, "providerErrorDetails")
    found = []
    if service:
        found.append(
            ErrorView(
                code=code(service, "code") or "Unknown",
                message=text(service, "message") or "Azure gives no message",
                possible_causes=text(service, "possibleCauses"),
                recommended_action=text(service, "recommendedAction"),
                source="service",
            )
        )
    if provider:
        found.append(
            ErrorView(
                code=code(provider, "errorCode", "errorId") or "Unknown",
                message=text(provider, "errorMessage") or "The provider gives no message",
                possible_causes=text(provider, "possibleCauses"),
                recommended_action=text(provider, "recommendedAction"),
                source="provider",
            )
        )
    return found


def job_state(found: str | None) -> JobState:
    """Return the state of a job, a task or a plan's scenario; Other for an unknown one. Azure writes both Cancelled and Canceled."""
    squeezed = "".join((found or "").split()).lower()
    if squeezed == "canceled":
        return JobState.CANCELLED
    return next((state for state in JobState if state.lower() == squeezed), JobState.OTHER)
