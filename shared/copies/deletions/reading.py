"""Reads from Azure what a deletion is decided by: whether the restore point is there, and which other copies of its place are usable.

A read that fails is raised as the `CallFailure` that it is: then nothing is deleted.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.arm.ids import ResourceId
from shared.arm.reading import id_key
from shared.copies.copying.rules.replication import ReplicationState, read_replication, still_running
from shared.copies.copying.state import CopyDetail
from shared.copies.gateway import Collection, RestorePointGateway
from shared.copies.provisioning import ProvisioningState
from shared.copies.retention.places import LedgerCopy
from shared.errors import CallFailure, FailureKind
from shared.operations.model.store import Store


class Presence(StrEnum):
    """Whether Azure has a restore point."""

    THERE = "there"
    DELETING = "deleting"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class DeletionReads:
    """Reads for deletions."""

    gateway: RestorePointGateway
    store: Store

    async def presence(self, point: ResourceId) -> Presence:
        """Return whether Azure has a restore point; it is absent only where its collection does not list it either."""
        found = await self.gateway.point(point)
        if found is not None:
            return Presence.DELETING if found.state is ProvisioningState.DELETING else Presence.THERE
        return Presence.THERE if await self.gateway.lists(point) else Presence.ABSENT

    async def usable(self, copies: Sequence[LedgerCopy]) -> list[LedgerCopy]:
        """Return those copies, newest first, that Azure shows; of the newest of them every disk has arrived.

        Collections are read with their restore points, side by side; instance views one after another, until one is usable.
        """
        parents = {copy.point.parent.key: copy.point.parent for copy in copies if copy.point.parent is not None}
        collections = await asyncio.gather(*(self.gateway.collection(one, with_points=True) for one in parents.values()))
        listed = {key for collection in collections if collection is not None for key in _points_of(collection)}
        there = [copy for copy in copies if copy.point.key in listed]
        for number, copy in enumerate(there):
            if await self._is_usable(copy):
                return there[number:]
        return []

    async def running_copies(self, collections: Sequence[ResourceId], source: ResourceId) -> frozenset[str]:
        """Return the restore point, in lower case, where Azure shows a copy of it in one of these collections that has not ended."""
        read = await asyncio.gather(*(self.gateway.collection(one, with_points=True) for one in collections))
        for collection in read:
            for point in collection.points if collection is not None else ():
                if id_key(point.source_restore_point_id) != source.key:
                    continue
                if still_running(await self.gateway.instance_view(ResourceId.parse(point.id))):
                    return frozenset({source.key})
        return frozenset()

    async def _is_usable(self, copy: LedgerCopy) -> bool:
        operation = await self.store.get(copy.operation)
        disks = CopyDetail.of(dict(operation.detail)).disks if operation is not None else None
        return await self.has_arrived(copy.point, len(disks) if disks else None)

    async def has_arrived(self, point: ResourceId, disks: int | None) -> bool:
        """Return whether every disk of a copy has arrived; `disks` is how many there are, None where that is not known."""
        try:
            view = await self.gateway.instance_view(point)
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return False
            raise
        return read_replication(view, disks).state is ReplicationState.USABLE


def _points_of(collection: Collection) -> set[str]:
    """Return the keys of a collection's restore points, but those that are being deleted."""
    return {key for point in collection.points if point.state is not ProvisioningState.DELETING and (key := id_key(point.id)) is not None}
