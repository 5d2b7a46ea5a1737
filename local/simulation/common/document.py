"""A resource that is kept as ARM shows it: images, availability sets, and everything of Microsoft.Network but virtual networks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.simulation.arm.tables import Json
from local.simulation.common.activity import Activity
from local.simulation.ids import derived
from local.simulation.times import moment, text_or_none


@dataclass(frozen=True, slots=True)
class Document:
    """A resource with its `properties`, without what the simulation adds when it is read.

    `revision` counts changes, for the ETag. `notes` is what the service remembers beside what it shows.
    """

    id: str
    location: str
    properties: Mapping[str, Any]
    tags: Mapping[str, str] = field(default_factory=dict)
    sku: Mapping[str, Any] | None = None
    zones: tuple[str, ...] = ()
    revision: int = 1
    activity: Activity | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    deleted_at: datetime | None = None

    def gone(self, now: datetime) -> bool:
        """Return whether its deletion has ended."""
        return self.deleted_at is not None and self.deleted_at <= now

    def busy(self, now: datetime) -> bool:
        """Return whether a change of it, or its deletion, has not ended."""
        return self.activity is not None and self.activity.running(now)

    def provisioning_state(self, now: datetime) -> str:
        """Return ARM's provisioning state."""
        return "Succeeded" if self.activity is None else self.activity.provisioning_state(now)

    @property
    def etag(self) -> str:
        """The ETag as Microsoft.Network writes it."""
        return f'W/"{derived("etag", self.id, str(self.revision))}"'

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "Document":
        """Read a resource of the estate, in ARM's form."""
        activity = body.get("activity")
        return Document(
            id=str(body["id"]),
            location=str(body["location"]).lower(),
            properties=dict(body.get("properties") or {}),
            tags=dict(body.get("tags") or {}),
            sku=body.get("sku"),
            zones=tuple(str(zone) for zone in body.get("zones") or ()),
            revision=int(body.get("revision", 1)),
            activity=None if activity is None else Activity.from_json(activity),
            notes=dict(body.get("notes") or {}),
            deleted_at=moment(body, "deletedAt"),
        )

    def as_json(self) -> Json:
        """Write a resource as the estate has it."""
        body: Json = {
            "tags": dict(self.tags),
            "sku": None if self.sku is None else dict(self.sku),
            "zones": list(self.zones),
            "revision": None if self.revision == 1 else self.revision,
            "activity": None if self.activity is None else self.activity.as_json(),
            "notes": dict(self.notes),
            "deletedAt": text_or_none(self.deleted_at),
        }
        full: Json = {"id": self.id, "location": self.location, "properties": dict(self.properties)}
        return full | {member: value for member, value in body.items() if value not in (None, {}, [])}
