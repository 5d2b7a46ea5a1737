"""Recovery plans: groups of protected items, and what time makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.simulation.arm.tables import Json
from local.simulation.ids import name
from local.simulation.recovery_services.vaults import staged
from local.simulation.recovery_services.vaults.models import Stage
from local.simulation.times import moment, text_or_none


@dataclass(frozen=True, slots=True)
class Group:
    """A group of a plan: its type, the ids of its members, and the actions before and after it in Azure's form."""

    type: str
    members: tuple[str, ...] = ()
    start_actions: tuple[Mapping[str, Any], ...] = ()
    end_actions: tuple[Mapping[str, Any], ...] = ()

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "Group":
        """Read a group of the estate, or of a request."""
        members = body.get("members")
        if members is None:
            members = body.get("replicationProtectedItems") or []
        return Group(
            type=str(body.get("type") or body.get("groupType") or "Boot"),
            members=tuple(str(each["id"]) if isinstance(each, Mapping) else str(each) for each in members),
            start_actions=tuple(body.get("startActions") or body.get("startGroupActions") or ()),
            end_actions=tuple(body.get("endActions") or body.get("endGroupActions") or ()),
        )

    def as_json(self) -> Json:
        """Write a group as the estate has it."""
        body: Json = {"type": self.type, "members": list(self.members)}
        if self.start_actions:
            body["startActions"] = [dict(each) for each in self.start_actions]
        if self.end_actions:
            body["endActions"] = [dict(each) for each in self.end_actions]
        return body


@dataclass(frozen=True, slots=True)
class Plan:
    """A recovery plan; `primary` and `recovery` are ids of fabrics, or `Microsoft Azure`.

    `last` is the scenario that it keeps after the job's end: `job`, `scenario`, `scenarioStart`. With `test_suspends` its test failover
    stays `Suspended` until the clean-up, as recorded in 2017; without it ends `Succeeded`.
    """

    id: str
    friendly_name: str
    primary: str
    recovery: str
    groups: tuple[Group, ...]
    deployment_model: str = "ResourceManager"
    job: str | None = None
    scenario: str | None = None
    scenario_start: datetime | None = None
    last: Mapping[str, Any] | None = None
    test_suspends: bool = False
    last_planned: datetime | None = None
    last_unplanned: datetime | None = None
    last_test: datetime | None = None
    appears_at: datetime | None = None
    deleted_at: datetime | None = None
    ahead: tuple[Stage, ...] = field(default=())

    @property
    def members(self) -> tuple[str, ...]:
        """The ids of all members, group by group."""
        return tuple(member for group in self.groups for member in group.members)

    there = staged.is_there
    at = staged.at
    becoming = staged.becoming
    then = staged.then

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "Plan":
        """Read a plan of the estate."""
        body = {**body, **(body.get("properties") or {})}
        return Plan(
            id=str(body["id"]),
            friendly_name=str(body.get("friendlyName") or name(str(body["id"]))),
            primary=str(body.get("primary") or body.get("primaryFabricId") or ""),
            recovery=str(body.get("recovery") or body.get("recoveryFabricId") or ""),
            groups=tuple(Group.from_json(each) for each in body.get("groups") or []),
            deployment_model=str(body.get("failoverDeploymentModel") or "ResourceManager"),
            job=body.get("job"),
            scenario=body.get("scenario"),
            scenario_start=moment(body, "scenarioStart"),
            last=body.get("lastScenario"),
            test_suspends=bool(body.get("testFailoverSuspends", False)),
            last_planned=moment(body, "lastPlannedFailover"),
            last_unplanned=moment(body, "lastUnplannedFailover"),
            last_test=moment(body, "lastTestFailover"),
            appears_at=moment(body, "appearsAt"),
            deleted_at=moment(body, "deletedAt"),
            ahead=tuple(Stage.from_json(stage) for stage in body.get("ahead") or []),
        )

    def as_json(self) -> Json:
        """Write it as the estate has it."""
        body: Json = {
            "id": self.id,
            "friendlyName": self.friendly_name,
            "primary": self.primary,
            "recovery": self.recovery,
            "groups": [group.as_json() for group in self.groups],
            "failoverDeploymentModel": self.deployment_model,
        }
        optional = {
            "job": self.job,
            "scenario": self.scenario,
            "scenarioStart": text_or_none(self.scenario_start),
            "lastScenario": None if self.last is None else dict(self.last),
            "testFailoverSuspends": self.test_suspends or None,
            "lastPlannedFailover": text_or_none(self.last_planned),
            "lastUnplannedFailover": text_or_none(self.last_unplanned),
            "lastTestFailover": text_or_none(self.last_test),
            "appearsAt": text_or_none(self.appears_at),
            "deletedAt": text_or_none(self.deleted_at),
            "ahead": [stage.as_json() for stage in self.ahead] or None,
        }
        return body | {member: value for member, value in optional.items() if value is not None}
