"""What Microsoft.Resources keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.simulation.arm.tables import Json, Table
from local.simulation.ids import key


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription, the Entra tenant it belongs to, and the locations it may use (lower-case names).

    `denied_types` are the resource types that a policy of it does not let be created.
    """

    id: str
    tenant_id: str
    locations: tuple[str, ...]
    display_name: str
    state: str = "Enabled"
    trusted_launch_by_default: bool = False
    denied_types: tuple[str, ...] = ()

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "Subscription":
        """Read a subscription of the estate; its id is the GUID, or `/subscriptions/{GUID}`."""
        guid = str(body["id"]).rsplit("/", 1)[-1]
        return Subscription(
            id=guid,
            tenant_id=str(body["tenantId"]),
            locations=tuple(str(item).lower() for item in body["locations"]),
            display_name=str(body.get("displayName", guid)),
            state=str(body.get("state", "Enabled")),
            trusted_launch_by_default=bool(body.get("trustedLaunchByDefault", False)),
            denied_types=tuple(str(item) for item in body.get("deniedTypes") or ()),
        )

    def as_json(self) -> Json:
        """Write a subscription as the estate has it."""
        body: Json = {"id": self.id, "tenantId": self.tenant_id, "locations": list(self.locations), "displayName": self.display_name}
        optional = {
            "state": None if self.state == "Enabled" else self.state,
            "trustedLaunchByDefault": self.trusted_launch_by_default or None,
            "deniedTypes": list(self.denied_types) or None,
        }
        return body | {member: value for member, value in optional.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Lock:
    """A management lock: `CanNotDelete`, or `ReadOnly`, which blocks every write."""

    name: str
    level: str


@dataclass(frozen=True, slots=True)
class ResourceGroup:
    """A resource group; each lock blocks deletions below it. `managed_by` is the resource that Azure made it for."""

    id: str
    location: str
    tags: Mapping[str, str] = field(default_factory=dict)
    locks: tuple[Lock, ...] = ()
    managed_by: str | None = None

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "ResourceGroup":
        """Read a resource group of the estate."""
        return ResourceGroup(
            id=str(body["id"]),
            location=str(body["location"]).lower(),
            tags=dict(body.get("tags") or {}),
            locks=tuple(_lock(item) for item in body.get("locks") or []),
            managed_by=body.get("managedBy"),
        )

    def as_json(self) -> Json:
        """Write a resource group as the estate has it."""
        body: Json = {"id": self.id, "location": self.location}
        if self.tags:
            body["tags"] = dict(self.tags)
        if self.locks:
            body["locks"] = [lock.level if lock.name == lock.level else {"name": lock.name, "level": lock.level} for lock in self.locks]
        if self.managed_by:
            body["managedBy"] = self.managed_by
        return body


def _lock(item: str | Mapping[str, Any]) -> Lock:
    """Read a lock of the estate: a level, or an object with a name too."""
    return Lock(item, item) if isinstance(item, str) else Lock(str(item["name"]), str(item["level"]))


class ResourcesState:
    """Subscriptions by GUID, resource groups by id."""

    def __init__(self) -> None:
        self.subscriptions: Table[Subscription] = Table("subscriptions", Subscription.from_json, Subscription.as_json)
        self.groups: Table[ResourceGroup] = Table("resourceGroups", ResourceGroup.from_json, ResourceGroup.as_json)

    def tables(self) -> tuple[Table[Any], ...]:
        """Return every table, for the store."""
        return (self.subscriptions, self.groups)

    def load(self, estate: Mapping[str, Any], _: datetime, __: int) -> None:
        """Take over subscriptions and resource groups of an estate."""
        for item in estate.get("subscriptions", []):
            row = Subscription.from_json(item)
            self.subscriptions.put(row.id.lower(), row)
        for item in estate.get("resourceGroups", []):
            group = ResourceGroup.from_json(item)
            self.groups.put(key(group.id), group)

    def dump(self, _: datetime) -> Json:
        """Write them as the estate has them."""
        return {
            "subscriptions": [row.as_json() for row in self.subscriptions.values()],
            "resourceGroups": [row.as_json() for row in self.groups.values()],
        }
