"""What Azure is asked about restore points and told to do with them: the only module here that knows its SDK and its paths.

Reads go without models (a status read is the hot call); writes go through azure-mgmt-compute, once, with the client request id of the
intent. Every failure is a `CallFailure`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.arm.answers import AnswerHook
from shared.arm.api_versions import COMPUTE, COMPUTE_RESTORE_POINTS, DISKS, SUBSCRIPTIONS
from shared.arm.clients import AzureClients
from shared.arm.ids import ResourceId
from shared.clock import Clock
from shared.copies.copying.models import ConsistencyMode
from shared.copies.copying.rules.eligibility import consistency_to_send
from shared.copies.facts import RestorePointFacts, VirtualMachineFacts
from shared.errors import CallFailure, FailureKind

Json = dict[str, Any]
_KEPT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Collection:
    """A restore point collection: where it is, what it is of, and the JSON of its restore points where they were asked for."""

    id: str
    region: str
    source_id: str
    points: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """A restore point as the start of a copy is told by it: its state, what it is a copy of, and Azure's time of the answer."""

    id: str
    state: str
    source_point_id: str | None
    date: datetime


class RestorePointGateway:
    """Azure, as far as restore points are concerned. Times are Azure's."""

    def __init__(self, clients: AzureClients, clock: Clock) -> None:
        self._clients = clients
        self._clock = clock
        self._locations: dict[str, tuple[float, frozenset[str]]] = {}

    async def source_point(self, point_id: ResourceId) -> RestorePointFacts:
        """Read a restore point and the collection that it lies in; NOT_FOUND where it is not there."""
        collection_id = point_id.parent
        if collection_id is None:
            raise CallFailure(FailureKind.NOT_FOUND, code="NotFound", message=f"{point_id} lies in no collection")
        point, collection = await asyncio.gather(
            self._clients.read(point_id, api_version=COMPUTE_RESTORE_POINTS),
            self._clients.read(collection_id, api_version=COMPUTE_RESTORE_POINTS),
        )
        return RestorePointFacts.from_arm(point.body, collection.body)

    async def virtual_machine(self, vm_id: ResourceId) -> VirtualMachineFacts:
        """Read a VM and its disks; NOT_FOUND where the VM is not there, a disk that cannot be read is left unknown."""
        vm = (await self._clients.read(vm_id, api_version=COMPUTE)).body
        storage = vm.get("properties", {}).get("storageProfile", {})
        attached = [storage.get("osDisk") or {}, *(storage.get("dataDisks") or [])]
        ids = [
            str(disk["managedDisk"]["id"])
            for disk in attached
            if isinstance(disk.get("managedDisk"), dict) and disk["managedDisk"].get("id")
        ]
        disks = await asyncio.gather(*(self._disk(disk) for disk in ids))
        return VirtualMachineFacts.from_arm(vm, {name: disk for name, disk in zip(ids, disks, strict=True) if disk})

    async def _disk(self, disk_id: str) -> Json:
        try:
            return (await self._clients.read(ResourceId.parse(disk_id), api_version=DISKS)).body
        except (CallFailure, ValueError):
            return {}

    async def restore_points_of(self, vm_id: ResourceId) -> int:
        """Count a VM's restore points over all its collections in its subscription."""
        path = f"/subscriptions/{vm_id.subscription_id}/providers/Microsoft.Compute/restorePointCollections"
        found = await self._clients.read_all(path, api_version=COMPUTE_RESTORE_POINTS)
        of_vm = [str(item["id"]) for item in found if _same(_source_of(item), vm_id)]
        collections = await asyncio.gather(*(self.collection(ResourceId.parse(item), with_points=True) for item in of_vm[:50]))
        return sum(len(collection.points) for collection in collections if collection is not None)

    async def regions(self, subscription_id: str) -> frozenset[str]:
        """Return the names of a subscription's locations; kept for an hour."""
        kept = self._locations.get(subscription_id)
        if kept is not None and self._clock.monotonic() - kept[0] < _KEPT_SECONDS:
            return kept[1]
        found = await self._clients.read_all(f"/subscriptions/{subscription_id}/locations", api_version=SUBSCRIPTIONS)
        names = frozenset(str(item.get("name", "")).lower() for item in found)
        self._locations[subscription_id] = (self._clock.monotonic(), names)
        return names

    async def collection(self, collection_id: ResourceId, *, with_points: bool = False) -> Collection | None:
        """Read a collection, or None where it is not there."""
        params = {"$expand": "restorePoints"} if with_points else None
        try:
            body = (await self._clients.read(collection_id, api_version=COMPUTE_RESTORE_POINTS, params=params)).body
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise
        points = body.get("properties", {}).get("restorePoints") or []
        return Collection(str(body.get("id", collection_id)), _region(body), _source_of(body), tuple(points))

    async def point(self, point_id: ResourceId) -> Point | None:
        """Read a restore point's state, or None where it is not there."""
        try:
            answer = await self._clients.read(point_id, api_version=COMPUTE_RESTORE_POINTS)
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise
        properties = answer.body.get("properties", {})
        source = (properties.get("sourceRestorePoint") or {}).get("id")
        return Point(
            str(answer.body.get("id", point_id)), str(properties.get("provisioningState", "")), source, answer.date or self._clock.now()
        )

    async def instance_view(self, point_id: ResourceId) -> Json:
        """Read a restore point with its instance view: the status read, and the only thing that tells how far a copy is."""
        return (await self._clients.read(point_id, api_version=COMPUTE_RESTORE_POINTS, params={"$expand": "instanceView"})).body

    async def create_collection(
        self, collection_id: ResourceId, region: str, source_id: str, tags: Mapping[str, str], request_id: str, timeout: float
    ) -> None:
        """PUT a collection of a VM (of a source collection: a target for copies)."""
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
    ) -> datetime:
        """PUT a restore point of the collection's VM, and return Azure's time of the answer."""
        await self._clients.compute(point_id.subscription_id)  # imports the SDK, in a thread
        from azure.mgmt.compute.models import ApiEntityReference, RestorePoint, RestorePointProperties

        properties = RestorePointProperties(
            exclude_disks=[ApiEntityReference(id=disk) for disk in exclude] or None, consistency_mode=consistency_to_send(consistency)
        )
        body = RestorePoint(properties=properties)
        return await self._begin_create(point_id, body, request_id, timeout)

    async def start_copy(self, target_id: ResourceId, source_point_id: str, request_id: str, timeout: float) -> datetime:
        """PUT a restore point that is a copy of another: the start. Return Azure's time of the answer."""
        await self._clients.compute(target_id.subscription_id)  # imports the SDK, in a thread
        from azure.mgmt.compute.models import ApiEntityReference, RestorePoint, RestorePointProperties

        properties = RestorePointProperties(source_restore_point=ApiEntityReference(id=source_point_id))
        return await self._begin_create(target_id, RestorePoint(properties=properties), request_id, timeout)

    async def _begin_create(self, point_id: ResourceId, body: Any, request_id: str, timeout: float) -> datetime:  # noqa: ANN401  # an SDK model
        compute = await self._clients.compute(point_id.subscription_id)
        collection = point_id.names[0]
        hook = AnswerHook()
        call = compute.restore_points.begin_create(
            point_id.resource_group,
            collection,
            point_id.name,
            body,
            polling=False,
            request_id=request_id,
            raw_response_hook=hook,
            retry_total=0,
            timeout=timeout,
        )
        await self._clients.call(call, timeout=timeout)
        return hook.date or self._clock.now()

    async def delete_point(self, point_id: ResourceId, request_id: str, timeout: float) -> None:
        """DELETE a restore point; one that is not there is as good as deleted."""
        compute = await self._clients.compute(point_id.subscription_id)
        call = compute.restore_points.begin_delete(
            point_id.resource_group, point_id.names[0], point_id.name, polling=False, request_id=request_id, retry_total=0, timeout=timeout
        )
        try:
            await self._clients.call(call, timeout=timeout)
        except CallFailure as failure:
            if failure.kind is not FailureKind.NOT_FOUND:
                raise


def _source_of(collection: Json) -> str:
    source = (collection.get("properties", {}).get("source") or {}).get("id")
    return str(source or "")


def _region(resource: Json) -> str:
    return str(resource.get("location", "")).replace(" ", "").lower()


def _same(text: str, other: ResourceId) -> bool:
    try:
        return ResourceId.parse(text) == other
    except ValueError:
        return False
