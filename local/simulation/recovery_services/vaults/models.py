"""Vaults and the resources in them that do not change by themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.simulation.arm.tables import Json
from local.simulation.times import moment, text_or_none

_OWN = {"id", "location", "fabrics", "policies", "items", "plans", "jobs", "tags"}


@dataclass(frozen=True, slots=True)
class Vault:
    """A Recovery Services vault; `rest` are other members of the estate, kept as they are."""

    id: str
    location: str
    tags: Mapping[str, str] = field(default_factory=dict)
    rest: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "Vault":
        """Read a vault of the estate, without what is in it."""
        return Vault(
            id=str(body["id"]),
            location=str(body["location"]).lower(),
            tags=dict(body.get("tags") or {}),
            rest={name: value for name, value in body.items() if name not in _OWN},
        )

    def as_json(self) -> Json:
        """Write a vault as the estate has it, without what is in it."""
        body: Json = {"id": self.id, "location": self.location, **self.rest}
        if self.tags:
            body["tags"] = dict(self.tags)
        return body


@dataclass(frozen=True, slots=True)
class Thing:
    """A fabric, container, policy, network, mapping …: its id, and its properties in Azure's form.

    `appears_at` and `deleted_at` are when the jobs that make and remove it end.
    """

    id: str
    properties: Mapping[str, Any]
    appears_at: datetime | None = None
    deleted_at: datetime | None = None

    def there(self, now: datetime) -> bool:
        """Whether it can be read."""
        return (self.appears_at is None or self.appears_at <= now) and (self.deleted_at is None or now < self.deleted_at)

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "Thing":
        """Read it from the estate: the properties may be beside the id as well."""
        properties = body.get("properties")
        if properties is None:
            properties = {name: value for name, value in body.items() if name not in ("id", "appearsAt", "deletedAt")}
        return Thing(str(body["id"]), dict(properties), moment(body, "appearsAt"), moment(body, "deletedAt"))

    def as_json(self) -> Json:
        """Write it as the estate has it."""
        body: Json = {"id": self.id, "properties": dict(self.properties)}
        times = {"appearsAt": text_or_none(self.appears_at), "deletedAt": text_or_none(self.deleted_at)}
        return body | {name: value for name, value in times.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Stage:
    """What a row becomes when a moment comes: members in their JSON form, over those that it has."""

    at: datetime
    members: Mapping[str, Any]

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "Stage":
        """Read it."""
        return Stage(datetime.fromisoformat(str(body["at"])), dict(body["members"]))

    def as_json(self) -> Json:
        """Write it."""
        return {"at": text_or_none(self.at), "members": dict(self.members)}
