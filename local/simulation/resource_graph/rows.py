"""The rows of the table `resources`, as they were some time ago."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from local.simulation.arm.call import Call
from local.simulation.arm.tables import Json
from local.simulation.compute import bodies as restore_point_bodies
from local.simulation.compute.disks.bodies import disk as disk_body
from local.simulation.compute.disks.disk import DISK
from local.simulation.compute.models import COLLECTION, MACHINE
from local.simulation.compute.state import ComputeState
from local.simulation.compute.virtual_machines.bodies import machine
from local.simulation.ids import name, resource_group, subscription
from local.simulation.network.documents import body as document_body
from local.simulation.network.interfaces import INTERFACES
from local.simulation.network.models import NetworkState
from local.simulation.resources.models import ResourcesState
from local.simulation.times import from_text


@dataclass(slots=True)
class Row:
    """A row of the table: what its id says is at hand, the rest is written when a query needs it."""

    id: str
    kind: str
    tenant_id: str
    write: Callable[[], Json]
    _body: Json | None = None

    def at(self, path: str) -> Any:  # noqa: ANN401  # whatever JSON can hold
        """Return a value by its path; None where there is none."""
        match path:
            case "id":
                return self.id
            case "type":
                return self.kind.lower()
            case "name":
                return name(self.id)
            case "subscriptionId":
                return subscription(self.id)
            case "resourceGroup":
                return resource_group(self.id).lower()
        found: Any = self.columns()
        for member in path.split("."):
            found = found.get(member) if isinstance(found, Mapping) else None
        return found

    def columns(self) -> Json:
        """Return every column that the table has."""
        if self._body is None:
            self._body = self.write()
        body = self._body
        optional = {member: body.get(member) for member in ("sku", "plan", "identity", "zones", "extendedLocation")}
        return {
            "id": self.id,
            "name": name(self.id),
            "type": self.kind.lower(),
            "tenantId": self.tenant_id,
            "kind": "",
            "location": body["location"],
            "resourceGroup": resource_group(self.id).lower(),
            "subscriptionId": subscription(self.id),
            "managedBy": body.get("managedBy", ""),
            "properties": body["properties"],
            "tags": body.get("tags") or None,
            **optional,
        }


def rows_at(call: Call, subscriptions: set[str], then: datetime) -> list[Row]:
    """Return the rows of some subscriptions as Resource Graph knows them: what was made since `then` is missing, what was deleted is there.

    What the caller may not read is left out.
    """
    seen = replace(call, now=then)
    tenants = {row.id.lower(): row.tenant_id for row in call.world.of(ResourcesState).subscriptions.values()}
    allowed: dict[tuple[str, str], bool] = {}
    found = []
    for kind, resource_id, write in _resources(seen, subscriptions):
        of = subscription(resource_id)
        if (kind, of) not in allowed:
            allowed[kind, of] = call.may(f"{kind}/read", f"/subscriptions/{of}")
        if allowed[kind, of] or call.may(f"{kind}/read", resource_id):
            found.append(Row(resource_id, kind, tenants.get(of, ""), write))
    return found


def _resources(call: Call, subscriptions: set[str]) -> Iterator[tuple[str, str, Callable[[], Json]]]:
    compute, now = call.world.of(ComputeState), call.now
    for row in compute.machines.values():
        if subscription(row.id) in subscriptions and not row.gone(now) and (row.created_at is None or row.created_at <= now):
            yield MACHINE, row.id, partial(machine, row, compute, now)
    for disk in compute.disks.values():
        if subscription(disk.id) in subscriptions and not disk.gone(now) and (disk.created_at is None or disk.created_at <= now):
            yield DISK, disk.id, partial(disk_body, disk, compute.attached_to(disk.id, now), now)
    for collection in compute.collections.values():
        if subscription(collection.id) in subscriptions and not collection.gone(now):
            yield COLLECTION, collection.id, partial(restore_point_bodies.collection, collection, compute, now)
    for interface in call.world.of(NetworkState).live("networkInterfaces", now):
        made = interface.notes.get("createdAt")
        if subscription(interface.id) in subscriptions and (made is None or from_text(str(made)) <= now):
            yield INTERFACES.type, interface.id, partial(document_body, INTERFACES, interface, call)
