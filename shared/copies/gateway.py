"""Reads and writes restore points in Azure: the only module of this capability that knows the SDK and the paths of Resource Manager.

Reads use no models, because the status read is the most frequent call. Writes go through azure-mgmt-compute, once, with the client request
id of the intent. Every failure is a `CallFailure`. Times are Azure's.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.arm.answers import READ_TIMEOUT, AnswerHook
from shared.arm.api_versions import COMPUTE, COMPUTE_RESTORE_POINTS, DISKS, NETWORKS, RESOURCE_GRAPH, RESOURCE_GROUPS, SUBSCRIPTIONS
from shared.arm.clients import AzureClients, Locations
from shared.arm.ids import ResourceId
from shared.arm.operations import error_of_operation
from shared.arm.reading import id_key, own_id, region_of, resource_id
from shared.clock import Clock
from shared.copies.copying.models import ConsistencyMode
from shared.copies.copying.rules.eligibility import consistency_to_send
from shared.copies.facts import RestorePointFacts, VirtualMachineFacts
from shared.copies.provisioning import ProvisioningState, provisioning_state
from shared.errors import CallFailure, FailureKind, Problem
from shared.values.reading import Json, an_object, objects, same_text, text, whole

_MOST_COLLECTIONS = 50
_MOST_RESOURCES = 200_000
_GRAPH_PAGE = 1000
_ROUNDED_DOWN = 1
"""Resource Graph shows the time until its quota resets in whole seconds: up to one more is left."""
_LONGEST_PAUSE = 5.0
"""Resource Graph counts queries in windows of five seconds."""


class ListedResource(StrEnum):
    """The types of resources that an inventory lists by subscription."""

    VIRTUAL_MACHINES = "Microsoft.Compute/virtualMachines"
    DISKS = "Microsoft.Compute/disks"
    COLLECTIONS = "Microsoft.Compute/restorePointCollections"
    INTERFACES = "Microsoft.Network/networkInterfaces"


_VERSIONS = {
    ListedResource.VIRTUAL_MACHINES: COMPUTE,
    ListedResource.DISKS: DISKS,
    ListedResource.COLLECTIONS: COMPUTE_RESTORE_POINTS,
    ListedResource.INTERFACES: NETWORKS,
}


@dataclass(frozen=True, slots=True)
class Collection:
    """A restore point collection: its region, the id of its source, and its restore points where they were requested."""

    id: str
    region: str
    source_id: str
    points: tuple[RestorePointFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """A restore point as its own GET, or the answer to its PUT, shows it.

    `date` is Azure's time of the answer. `operation_url` is the URL of the long-running operation, where a PUT returned one.
    """

    id: str
    state: ProvisioningState | None
    source_point_id: str | None
    date: datetime
    operation_url: str | None = None


@dataclass(frozen=True, slots=True)
class GraphPage:
    """A page of a query: its rows, the number of all rows, the token of the next page, and whether the result was cut off.

    `pause` is how many seconds to wait before the next query, where the quota is used up.
    """

    rows: tuple[Json, ...]
    total: int | None
    next: str | None
    truncated: bool
    pause: float | None


class RestorePointGateway:
    """Restore points, their collections and their VMs in Azure."""

    def __init__(self, clients: AzureClients, clock: Clock) -> None:
        self._clients = clients
        self._clock = clock
        self._locations = Locations(clients, clock)

    async def source_point(self, point_id: ResourceId) -> RestorePointFacts:
        """Read a restore point and its collection; raises `CallFailure` NOT_FOUND where Azure shows no such restore point.

        A 404 of the restore point itself counts only if its collection does not list it either.
        """
        collection_id = _collection_of(point_id)
        body, collection = await asyncio.gather(self._read_or_none(point_id), self._read(collection_id))
        if body is None:
            collection = await self._read(collection_id, expand="restorePoints")
            listed = objects(an_object(collection, "properties"), "restorePoints")
            body = next((one for one in listed if id_key(own_id(one)) == point_id.key), None)
        if body is None:
            raise CallFailure(FailureKind.NOT_FOUND, code="ResourceNotFound", message=f"{point_id} was not found", status=404)
        return RestorePointFacts.from_arm(body, collection)

    async def virtual_machine(self, vm_id: ResourceId) -> VirtualMachineFacts:
        """Read a VM and its disks; raises `CallFailure` NOT_FOUND for the VM, a disk that cannot be read stays unknown."""
        vm = (await self._clients.read(vm_id, api_version=COMPUTE)).body
        storage = an_object(an_object(vm, "properties"), "storageProfile")
        attached = [an_object(storage, "osDisk"), *objects(storage, "dataDisks")]
        ids = [disk_id for disk in attached if (disk_id := text(an_object(disk, "managedDisk"), "id")) is not None]
        disks = await asyncio.gather(*(self._disk(disk) for disk in ids))
        return VirtualMachineFacts.from_arm(vm, {name: disk for name, disk in zip(ids, disks, strict=True) if disk})

    async def restore_points_of(self, vm_id: ResourceId) -> int:
        """Count a VM's restore points over all its collections in its subscription."""
        path = f"/subscriptions/{vm_id.subscription_id}/providers/Microsoft.Compute/restorePointCollections"
        found = await self._clients.read_all(path, api_version=COMPUTE_RESTORE_POINTS)
        of_vm = [own_id(item) for item in found if id_key(_source_of(item)) == vm_id.key]
        parsed = [ResourceId.parse(item) for item in of_vm[:_MOST_COLLECTIONS] if id_key(item) is not None]
        collections = await asyncio.gather(*(self.collection(item, with_points=True) for item in parsed))
        return sum(len(collection.points) for collection in collections if collection is not None)

    async def listed(self, subscription_id: str, resource: ListedResource) -> Sequence[Json]:
        """Return all resources of a type in a subscription, to the end of the list."""
        path = f"/subscriptions/{subscription_id}/providers/{resource.value}"
        return await self._clients.read_all(path, api_version=_VERSIONS[resource], limit=_MOST_RESOURCES)

    async def graph_page(self, query: str, subscriptions: Sequence[str], token: str | None) -> GraphPage:
        """Return a page of a query of Azure Resource Graph, in the order of ids, and how many rows there are in all."""
        options = {"resultFormat": "objectArray", "$top": _GRAPH_PAGE, **({"$skipToken": token} if token is not None else {})}
        body = {"query": query, "subscriptions": list(subscriptions), "options": options}
        path = "/providers/Microsoft.ResourceGraph/resources"
        answer = await self._clients.write("POST", path, api_version=RESOURCE_GRAPH, body=body, timeout=READ_TIMEOUT)
        remaining, resets = answer.headers.get("x-ms-user-quota-remaining"), answer.headers.get("x-ms-user-quota-resets-after")
        return GraphPage(
            rows=tuple(objects(answer.body, "data")),
            total=whole(answer.body, "totalRecords"),
            next=text(answer.body, "$skipToken"),
            truncated=same_text(text(answer.body, "resultTruncated"), "true"),
            pause=_seconds(resets) + _ROUNDED_DOWN if remaining == "0" else None,
        )

    async def machine(self, vm_id: ResourceId) -> Json | None:
        """Read a VM, or return None for Resource Manager's own 404."""
        try:
            return (await self._clients.read(vm_id, api_version=COMPUTE)).body
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise

    async def disk(self, disk_id: str) -> Json | None:
        """Read a disk, or return None where it cannot be read."""
        return await self._disk(disk_id) or None

    async def enabled_subscriptions(self) -> frozenset[str]:
        """Return the GUIDs, in lower case, of the subscriptions that the identity sees and that are enabled."""
        found = await self._clients.read_all("/subscriptions", api_version=SUBSCRIPTIONS, limit=_MOST_RESOURCES)
        enabled = [one for one in found if same_text(text(one, "state"), "Enabled")]
        return frozenset(subscription.lower() for one in enabled if (subscription := text(one, "subscriptionId")) is not None)

    async def has_resource_group(self, subscription_id: str, name: str) -> bool:
        """Return whether a resource group is there."""
        try:
            await self._clients.read(f"/subscriptions/{subscription_id}/resourceGroups/{name}", api_version=RESOURCE_GROUPS)
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return False
            raise
        return True

    async def regions(self, subscription_id: str) -> frozenset[str]:
        """Return the names of a subscription's locations; kept for an hour."""
        return await self._locations.of(subscription_id)

    async def collection(self, collection_id: ResourceId, *, with_points: bool = False) -> Collection | None:
        """Read a collection, or return None for a 404."""
        body = await self._read_or_none(collection_id, expand="restorePoints" if with_points else None)
        if body is None:
            return None
        points = objects(an_object(body, "properties"), "restorePoints")
        facts = tuple(RestorePointFacts.from_arm(point, body) for point in points)
        return Collection(text(body, "id") or str(collection_id), region_of(body), _source_of(body), facts)

    async def find_collection(self, collection_id: ResourceId) -> Collection | None:
        """Read a collection without its restore points, by its id or else from the list of its resource group; None where neither shows it.

        A PUT of a collection that exists would replace the tags that others have set on it.
        """
        found = await self.collection(collection_id)
        if found is not None:
            return found
        path = f"/subscriptions/{collection_id.subscription_id}/resourceGroups/{collection_id.resource_group}"
        listed = await self._clients.read_all(
            f"{path}/providers/Microsoft.Compute/restorePointCollections", api_version=COMPUTE_RESTORE_POINTS
        )
        body = next((one for one in listed if id_key(own_id(one)) == collection_id.key), None)
        return Collection(own_id(body), region_of(body), _source_of(body)) if body is not None else None

    async def lists(self, point_id: ResourceId) -> bool:
        """Return whether a restore point's collection lists it; a 404 of the collection lists nothing."""
        collection = await self.collection(_collection_of(point_id), with_points=True)
        return collection is not None and any(id_key(point.id) == point_id.key for point in collection.points)

    async def point(self, point_id: ResourceId) -> Point | None:
        """Read a restore point's state, or return None for a 404."""
        try:
            answer = await self._clients.read(point_id, api_version=COMPUTE_RESTORE_POINTS)
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise
        properties = an_object(answer.body, "properties")
        return Point(
            id=text(answer.body, "id") or str(point_id),
            state=provisioning_state(text(properties, "provisioningState")),
            source_point_id=resource_id(an_object(properties, "sourceRestorePoint"), "id"),
            date=answer.date or self._clock.now(),
        )

    async def instance_view(self, point_id: ResourceId) -> Json:
        """Read a restore point with its instance view: the status read, the only source of a copy's progress."""
        return await self._read(point_id, expand="instanceView")

    async def error_of_operation(self, url: str) -> Problem | None:
        """Return the error of a failed long-running write, by the URL that its start returned; see `shared.arm.operations`."""
        return await error_of_operation(self._clients, url)

    async def create_collection(
        self, collection_id: ResourceId, region: str, source_id: str, tags: Mapping[str, str], request_id: str, timeout: float
    ) -> None:
        """PUT a collection of a VM, or of a source collection: a target for copies."""
        compute = await self._clients.compute(collection_id.subscription_id)  # imports the SDK, in a thread
        from azure.mgmt.compute.models import (
            RestorePointCollection,
            RestorePointCollectionProperties,
            RestorePointCollectionSourceProperties,
        )

        properties = RestorePointCollectionProperties(source=RestorePointCollectionSourceProperties(id=source_id))
        body = RestorePointCollection(location=region, properties=properties, tags=dict(tags))
        call = compute.restore_point_collections.create_or_update(
            collection_id.resource_group, collection_id.name, body, request_id=request_id, retry_total=0, timeout=timeout
        )
        await self._clients.call(call, timeout=timeout)

    async def create_point(
        self, point_id: ResourceId, consistency: ConsistencyMode | None, exclude: Sequence[str], request_id: str, timeout: float
    ) -> Point:
        """PUT a restore point of the collection's VM."""
        await self._clients.compute(point_id.subscription_id)  # imports the SDK, in a thread
        from azure.mgmt.compute.models import ApiEntityReference, RestorePoint, RestorePointProperties

        properties = RestorePointProperties(
            exclude_disks=[ApiEntityReference(id=disk) for disk in exclude] or None, consistency_mode=consistency_to_send(consistency)
        )
        hook = await self._begin_create(point_id, RestorePoint(properties=properties), request_id, timeout)
        return Point(str(point_id), ProvisioningState.CREATING, None, hook.date or self._clock.now(), hook.operation_url)

    async def start_copy(self, target_id: ResourceId, source_point_id: str, request_id: str, timeout: float) -> Point:
        """PUT a restore point that is a copy of another: the start of the copy."""
        await self._clients.compute(target_id.subscription_id)  # imports the SDK, in a thread
        from azure.mgmt.compute.models import ApiEntityReference, RestorePoint, RestorePointProperties

        properties = RestorePointProperties(source_restore_point=ApiEntityReference(id=source_point_id))
        hook = await self._begin_create(target_id, RestorePoint(properties=properties), request_id, timeout)
        date = hook.date or self._clock.now()
        return Point(str(target_id), ProvisioningState.CREATING, source_point_id, date, hook.operation_url)

    async def delete_point(self, point_id: ResourceId, request_id: str, timeout: float) -> str | None:
        """DELETE a restore point and return the URL of the operation, if there is one; a restore point that is absent is deleted."""
        compute = await self._clients.compute(point_id.subscription_id)
        hook = AnswerHook()
        call = compute.restore_points.begin_delete(
            point_id.resource_group,
            point_id.names[0],
            point_id.name,
            polling=False,
            request_id=request_id,
            raw_response_hook=hook,
            retry_total=0,
            timeout=timeout,
        )
        try:
            await self._clients.call(call, timeout=timeout)
        except CallFailure as failure:
            if failure.kind is not FailureKind.NOT_FOUND:
                raise
            return None
        return hook.operation_url

    async def _begin_create(self, point_id: ResourceId, body: Any, request_id: str, timeout: float) -> AnswerHook:  # noqa: ANN401  # an SDK model
        compute = await self._clients.compute(point_id.subscription_id)
        hook = AnswerHook()
        call = compute.restore_points.begin_create(
            point_id.resource_group,
            point_id.names[0],
            point_id.name,
            body,
            polling=False,
            request_id=request_id,
            raw_response_hook=hook,
            retry_total=0,
            timeout=timeout,
        )
        await self._clients.call(call, timeout=timeout)
        return hook

    async def _disk(self, disk_id: str) -> Json:
        try:
            return (await self._clients.read(ResourceId.parse(disk_id), api_version=DISKS)).body
        except (CallFailure, ValueError):
            return {}

    async def _read(self, resource: ResourceId, expand: str | None = None) -> Json:
        params = {"$expand": expand} if expand is not None else None
        return (await self._clients.read(resource, api_version=COMPUTE_RESTORE_POINTS, params=params)).body

    async def _read_or_none(self, resource: ResourceId, expand: str | None = None) -> Json | None:
        try:
            return await self._read(resource, expand)
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise


def _collection_of(point_id: ResourceId) -> ResourceId:
    collection = point_id.parent
    if collection is None:
        raise ValueError(f"'{point_id}' is not the id of a restore point.")
    return collection


def _seconds(text: str | None) -> float:
    """Return the seconds of a `hh:mm:ss`, as Resource Graph writes when its quota resets; five for any other text."""
    parts = (text or "").split(":")
    if len(parts) == len(("h", "m", "s")) and all(part.isdigit() for part in parts):
        hours, minutes, seconds = (int(part) for part in parts)
        return min(hours * 3600 + minutes * 60 + seconds, _LONGEST_PAUSE)
    return _LONGEST_PAUSE


def _source_of(collection: Json) -> str:
    return resource_id(an_object(an_object(collection, "properties"), "source"), "id") or ""
