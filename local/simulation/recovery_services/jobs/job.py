"""Jobs: their targets and effects, fixed at the start, and their state at a moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from local.simulation.arm.tables import Json
from local.simulation.ids import name
from local.simulation.recovery_services.jobs.tasks import Task
from local.simulation.times import moment, text_or_none


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of a job on an item: its members after the start, success, failure or cancellation; `$end` is the time of that.

    `moves` is the item that it becomes under another id.
    """

    item: str
    then: Mapping[str, Any]
    failed: Mapping[str, Any]
    cancelled: Mapping[str, Any]
    begun: Mapping[str, Any] = field(default_factory=dict)
    moves: Mapping[str, Any] | None = None

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "Effect":
        """Read it."""
        return Effect(
            str(body["item"]),
            then=dict(body.get("then") or {}),
            failed=dict(body.get("failed") or {}),
            cancelled=dict(body.get("cancelled") or {}),
            begun=dict(body.get("begun") or {}),
            moves=body.get("moves"),
        )

    def as_json(self) -> Json:
        """Write it."""
        body: Json = {"item": self.item, "then": dict(self.then), "failed": dict(self.failed), "cancelled": dict(self.cancelled)}
        if self.begun:
            body["begun"] = dict(self.begun)
        return body if self.moves is None else body | {"moves": dict(self.moves)}


#: How long a job is a placeholder, in Azure's time.
PLACEHOLDER = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Job:
    """A job of a vault; `target` is the ARM id of what it works on, `object_id` its `targetObjectId` where that is not its name.

    `ends_at` is None while its end is unknown: it waits to be resumed. `actions` are what it allows while it runs. `awaits_cleanup`: once
    its tasks are done it stays suspended until the test is cleaned up. `description` is the `stateDescription` of its end where that is
    not `Completed`; `readable_from` is when it can be read first.
    """

    id: str
    scenario: str
    friendly_name: str
    activity_id: str
    target: str
    target_name: str
    target_type: str
    started_at: datetime
    ends_at: datetime | None
    tasks: tuple[Task, ...]
    effects: tuple[Effect, ...] = ()
    details: Mapping[str, Any] | None = None
    actions: tuple[str, ...] = ()
    description: str | None = None
    cancelled_at: datetime | None = None
    readable_from: datetime | None = None
    awaits_cleanup: bool = False
    object_id: str | None = None

    @property
    def target_object_id(self) -> str:
        """Azure's `targetObjectId`: a GUID of a recovery plan and of an item of Azure to Azure, else the name of the target."""
        return self.object_id or name(self.target)

    @property
    def name(self) -> str:
        """The job's name."""
        return name(self.id)

    def failed(self) -> bool:
        """Whether it ends, or has ended, with a failure."""
        return any(task.fails() for task in self.tasks)

    def readable(self, now: datetime) -> bool:
        """Whether it can be read: the fault `hideJob` delays that."""
        return self.readable_from is None or self.readable_from <= now

    def placeholder(self, now: datetime) -> bool:
        """Whether it shows neither scenario, target nor tasks yet, as recorded 0.3 s after a start."""
        return now < self.started_at + PLACEHOLDER

    def running(self, now: datetime) -> bool:
        """Whether it has not ended, suspended or not."""
        return self.ends_at is None or now < self.ends_at

    def suspended(self, now: datetime) -> bool:
        """Whether it waits for a person."""
        return self.ends_at is None and any(
            task.waits and task.end is None and task.start is not None and task.start <= now for top in self.tasks for task in top.tree()
        )

    def state(self, now: datetime) -> str:
        """Return Azure's `state`."""
        if self.placeholder(now) and self.running(now):
            return "NotStarted"
        if self.suspended(now):
            return "Suspended"
        if self.running(now):
            return "InProgress"
        if self.cancelled_at is not None:
            return "Cancelled"
        if self.failed():
            return "Failed"
        return "Suspended" if self.awaits_cleanup else "Succeeded"

    def state_description(self, now: datetime) -> str:
        """Return its `stateDescription`: under `Succeeded` it distinguishes full from partial success."""
        state = self.state(now)
        if state == "Suspended":
            return "WaitingForUserInput" if self.running(now) else "WaitingForStopTestFailover"
        if state != "Succeeded":
            return state
        return self.description or "Completed"

    def allowed_actions(self, now: datetime) -> list[str]:
        """Return what it allows: `Cancel`, `Resume`, `Restart`."""
        state = self.state(now)
        if state == "Suspended":
            return ["Resume", *self.actions] if self.running(now) else []
        if state == "InProgress":
            return list(self.actions)
        return ["Restart"] if state == "Failed" else []

    def with_times(self, tasks: tuple[Task, ...], ends_at: datetime | None) -> "Job":
        """Return it with its tasks laid down anew."""
        return replace(self, tasks=tasks, ends_at=ends_at)

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "Job":
        """Read a job of the estate; Azure's own names for some members are taken as well."""
        body = {**body, **(body.get("properties") or {})}
        started = moment(body, "startedAt") or moment(body, "startTime")
        if started is None:
            raise KeyError("startedAt")
        scenario = str(body.get("scenario") or body["scenarioName"])
        target = str(body.get("target") or body.get("targetObjectId") or "")
        return Job(
            id=str(body["id"]),
            scenario=scenario,
            friendly_name=str(body.get("friendlyName") or scenario),
            activity_id=str(body.get("activityId") or ""),
            target=target,
            target_name=str(body.get("targetName") or body.get("targetObjectName") or name(target)),
            target_type=str(body.get("targetType") or body.get("targetInstanceType") or "ProtectionEntity"),
            started_at=started,
            ends_at=moment(body, "endsAt") or moment(body, "endTime"),
            tasks=tuple(Task.from_json(each) for each in body.get("tasks") or []),
            effects=tuple(Effect.from_json(each) for each in body.get("effects") or []),
            details=body.get("details"),
            actions=tuple(body.get("actions") or ()),
            description=body.get("description"),
            cancelled_at=moment(body, "cancelledAt"),
            readable_from=moment(body, "readableFrom"),
            object_id=body.get("objectId"),
            awaits_cleanup=bool(body.get("awaitsCleanup", False)),
        )

    def as_json(self) -> Json:
        """Write it as the estate has it."""
        body: Json = {
            "id": self.id,
            "scenario": self.scenario,
            "friendlyName": self.friendly_name,
            "activityId": self.activity_id,
            "target": self.target,
            "targetName": self.target_name,
            "targetType": self.target_type,
            "startedAt": text_or_none(self.started_at),
            "endsAt": text_or_none(self.ends_at),
            "tasks": [task.as_json() for task in self.tasks],
        }
        optional = {
            "effects": [effect.as_json() for effect in self.effects] or None,
            "details": None if self.details is None else dict(self.details),
            "actions": list(self.actions) or None,
            "description": self.description,
            "cancelledAt": text_or_none(self.cancelled_at),
            "objectId": self.object_id,
            "awaitsCleanup": self.awaits_cleanup or None,
            "readableFrom": text_or_none(self.readable_from),
        }
        return body | {member: value for member, value in optional.items() if value is not None}
