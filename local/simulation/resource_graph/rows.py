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
from local.simulation.compute.disks.disk import DISK, Disk
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
    """A row of the table: what follows from its id is at hand, the rest is written when a query needs it."""

    id: str
    kind: str
    tenant_id: str
    write: Callable[[], Json]
    _columns: Json | None = None

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
        if self._columns is None:
            self._columns = self._written(self.write())
        return self._columns

    def _written(self, body: Json) -> Json:
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


def rows_at(call: Call, types: frozenset[str], subscriptions: set[str], then: datetime) -> list[Row]:
    """Return the rows of some types and subscriptions as Resource Graph knows them, which is how they were at `then`.

    What was made since is missing, what was deleted since is there. What the caller may not read is left out.
    """
    seen = replace(call, now=then)
    tenants = {row.id.lower(): row.tenant_id for row in call.world.of(ResourcesState).subscriptions.values()}
    found = []
    for kind, resources in _KINDS.items():
        if kind.lower() not in types:
            continue
        whole = {each for each in subscriptions if call.may(f"{kind}/read", f"/subscriptions/{each}")}
        for of in sorted(subscriptions):
            for resource_id, write in resources(seen, of):
                if of in whole or call.may(f"{kind}/read", resource_id):
                    found.append(Row(resource_id, kind, tenants.get(of, ""), write))
    return found


_Rows = Iterator[tuple[str, Callable[[], Json]]]


def _machines(call: Call, subscription_id: str) -> _Rows:
    compute = call.world.of(ComputeState)
    for row in compute.machines.of_subscription(subscription_id):
        if not row.gone(call.now) and (row.created_at is None or row.created_at <= call.now):
            yield row.id, partial(machine, row, compute, call.now)


def _disks(call: Call, subscription_id: str) -> _Rows:
    for row in call.world.of(ComputeState).disks.of_subscription(subscription_id):
        if not row.gone(call.now) and (row.created_at is None or row.created_at <= call.now):
            yield row.id, partial(_disk, call, row)


def _collections(call: Call, subscription_id: str) -> _Rows:
    compute = call.world.of(ComputeState)
    for row in compute.collections.of_subscription(subscription_id):
        if not row.gone(call.now):
            yield row.id, partial(restore_point_bodies.collection, row, compute, call.now)


def _interfaces(call: Call, subscription_id: str) -> _Rows:
    for row in call.world.of(NetworkState).live("networkInterfaces", call.now):
        made = row.notes.get("createdAt")
        if subscription(row.id) == subscription_id and (made is None or from_text(str(made)) <= call.now):
            yield row.id, partial(document_body, INTERFACES, row, call)


#: The rows of each type in a subscription: the id, and what writes the body.
_KINDS: dict[str, Callable[[Call, str], _Rows]] = {
    MACHINE: _machines,
    DISK: _disks,
    COLLECTION: _collections,
    INTERFACES.type: _interfaces,
}


def _disk(call: Call, row: Disk) -> Json:
    return disk_body(row, call.world.of(ComputeState).attached_to(row.id, call.now), call.now)
