"""Reconciles the ledger of a VM with Azure: its own collection, and those that its copies lie in.

A read that fails changes nothing: 403, 429 and 5xx are no absence. Only the 404 of a collection, or its list without the restore point,
counts, and only twice.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.access.registry import Registry
from shared.arm.ids import ResourceId
from shared.arm.reading import id_key
from shared.clock import Clock, to_text
from shared.copies.copying.rules.naming import source_collection_id
from shared.copies.copying.rules.replication import ReplicationState, read_replication
from shared.copies.facts import RestorePointFacts
from shared.copies.gateway import Collection as AzureCollection
from shared.copies.gateway import RestorePointGateway
from shared.copies.inventory.facts import InventoryMachine, machine_of
from shared.copies.points.records import PointLedger
from shared.copies.provisioning import ProvisioningState
from shared.copies.reconciling.records import DueMachine, OtherPoints, ReconcileStore
from shared.copies.reconciling.rules import BETWEEN_LOOKS, Drift, DriftKind, merge, missing
from shared.copies.retention.pictures import Picture, Pictures
from shared.copies.retention.places import LedgerCopy, PlaceKey, Places
from shared.errors import CallFailure, FailureKind
from shared.operations.crash_points import crash_point
from shared.operations.model.amending import Amendments
from shared.operations.model.identity import is_operation_id

_log = logging.getLogger(__name__)
_AT_ONCE = 50
"""How many VMs are reconciled in one round of the timer."""
_RETRY = timedelta(hours=1)
_MOST_VIEWS = 20
"""Of how many copies of others the progress is read in one reconciliation of a VM."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What Azure shows: the VM, and its collections by their ids in lower case, None for a 404."""

    machine: InventoryMachine | None
    collections: Mapping[str, AzureCollection | None]
    ids: Mapping[str, ResourceId]
    arrived: Mapping[str, bool] = field(default_factory=dict)

    def listed(self, collection: str) -> frozenset[str] | None:
        """Return the restore points of a collection, in lower case; None where it is gone."""
        found = self.collections.get(collection)
        return frozenset(key for point in found.points if (key := id_key(point.id)) is not None) if found is not None else None


@dataclass(frozen=True, slots=True)
class Reconciling:
    """Reconciles what is due, each VM once in `every`.

    `changed` is called with the tenant and the VM's id in lower case once its differences are written; again after a crash.
    `collections_of` returns, for the same, the VM's collections that others have made, as the last inventory shows them.
    """

    store: ReconcileStore
    pictures: Pictures
    places: Places
    points: PointLedger
    amendments: Amendments
    gateway: RestorePointGateway
    registry: Registry
    clock: Clock
    every: timedelta
    changed: Callable[[str, str], Awaitable[None]]
    collections_of: Callable[[str, str], Awaitable[Sequence[ResourceId]]]

    async def run(self) -> None:
        """Reconcile the VMs that are due; one that fails stops no other, and is tried again in an hour."""
        for due in await self.store.due(self.clock.now(), _AT_ONCE):
            try:
                following = await self.reconcile(due.tenant, due.vm)
            except CallFailure as failure:
                _log.warning("the ledger of %s was not reconciled; it is tried again in an hour: %s", due.vm, failure)
                following = self.clock.now() + _RETRY
            except Exception:
                _log.exception("the ledger of %s was not reconciled; it is tried again in an hour", due.vm)
                following = self.clock.now() + _RETRY
            await self._again(due, following)

    async def _again(self, due: DueMachine, at: datetime | None) -> None:
        if at is not None:
            await self.store.note(due.tenant, due.vm, at)
        await self.store.remove_due(due)

    async def reconcile(self, tenant: str, vm: ResourceId) -> datetime | None:
        """Compare a VM with Azure and record the differences; return when to look again, None once the VM is another tenant's.

        Raises `CallFailure` where Azure does not answer; then nothing is recorded.
        """
        owner = await self.registry.uncached().by_name(tenant)
        if owner is None or vm.subscription_id not in owner.subscriptions:
            return None
        picture, before = await asyncio.gather(self.pictures.of(tenant, vm), self.store.of_machine(vm))
        further = await self.collections_of(tenant, vm.key)
        read = await self._read(vm, picture, further)
        now = self.clock.now()
        drift = merge(before.by_key, _differences(vm, picture, read, now), now)
        of_vm = {one.key for one in (source_collection_id(vm), *further)}
        await self.store.write(vm, before, drift, _of_others(picture, read, of_vm), now)
        crash_point("reconcile.written")
        for one in drift:
            await self._record(tenant, vm, picture, one, now)
        await self.changed(tenant, vm.key)
        return now + (BETWEEN_LOOKS if any(not one.is_sure for one in drift) else self.every)

    async def _read(self, vm: ResourceId, picture: Picture, further: Sequence[ResourceId]) -> _Read:
        own = source_collection_id(vm)
        found = {one.key: one for one in (own, *picture.copies.collections)}
        reading = asyncio.gather(*(self.gateway.collection(one, with_points=True) for one in found.values()))
        body, read = await asyncio.gather(self.gateway.machine(vm), reading)
        collections: dict[str, AzureCollection | None] = {one.key: await self._of_others(one) for one in further}
        collections |= dict(zip(found, read, strict=True))
        shown = _Read(machine_of(body, {}) if body is not None else None, collections, found)
        foreign = [point for _, point in _foreign(picture, shown)][:_MOST_VIEWS]
        arrived = {point.id.lower(): await self._has_arrived(point) for point in foreign}
        return _Read(shown.machine, collections, found, arrived)

    async def _of_others(self, collection: ResourceId) -> AzureCollection | None:
        """Read a collection that others have made, None where it cannot be read: its restore points only are counted."""
        try:
            return await self.gateway.collection(collection, with_points=True)
        except CallFailure as failure:
            if failure.asks_to_wait:
                raise
            return None

    async def _has_arrived(self, point: RestorePointFacts) -> bool:
        try:
            view = await self.gateway.instance_view(ResourceId.parse(point.id))
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return False
            raise
        return read_replication(view, point.captured).state is ReplicationState.USABLE

    async def _record(self, tenant: str, vm: ResourceId, picture: Picture, drift: Drift, now: datetime) -> None:
        """Record in the ledger what is gone for sure."""
        if not drift.is_sure:
            return
        if drift.kind is DriftKind.SOURCE_GONE:
            await self.points.mark_deleted(vm, ResourceId.parse(drift.id), now, {"goneAt": to_text(now)})
        copy = next((one for one in picture.copies.usable if one.point.key == drift.id.lower()), None)
        if drift.kind is DriftKind.COPY_GONE and copy is not None:
            await self.amendments.add_to_detail(copy.operation, {"goneAt": to_text(now)}, {"usable": "false"})
            place = PlaceKey(str(vm), copy.source_point, copy.region)
            await self.places.mark_deleted(place, copy.operation, tenant, now, {"goneAt": to_text(now)})


def _differences(vm: ResourceId, picture: Picture, read: _Read, now: datetime) -> list[Drift]:
    found = _of_machine(vm, picture, read, now)
    by_collection: dict[str, list[LedgerCopy]] = {}
    for copy in picture.copies.usable:
        if copy.point.parent is not None:
            by_collection.setdefault(copy.point.parent.key, []).append(copy)
    for key, copies in by_collection.items():
        listed = read.listed(key)
        found += missing(DriftKind.COPY_GONE, (str(copy.point) for copy in copies), listed, now)
        found += [Drift(DriftKind.COLLECTION_GONE, str(read.ids[key]), now, is_sure=False)] if listed is None else []
    own = source_collection_id(vm)
    of_vm = [made for made in picture.points if made.point.parent == own]
    found += missing(DriftKind.SOURCE_GONE, (str(made.point) for made in of_vm), read.listed(own.key), now)
    sources = {id_key(point.id): point.taken_at for one in read.collections.values() for point in (one.points if one is not None else ())}
    for region, point in _foreign(picture, read):
        taken_at = sources.get(id_key(point.source_restore_point_id)) or point.taken_at
        arrived = read.arrived.get(point.id.lower(), False)
        found.append(Drift(DriftKind.FOREIGN_COPY, point.id, now, region=region, taken_at=taken_at, usable=arrived))
    return found


def _of_machine(vm: ResourceId, picture: Picture, read: _Read, now: datetime) -> list[Drift]:
    """Return the difference where the VM is gone, or another one of its name; only of a VM that has copies."""
    if not picture.copies.usable:
        return []
    if read.machine is None:
        return [Drift(DriftKind.VIRTUAL_MACHINE_GONE, str(vm), now)]
    known = {copy.vm_id for copy in picture.copies.usable if copy.vm_id}
    replaced = bool(known) and bool(read.machine.vm_id) and read.machine.vm_id not in known
    return [Drift(DriftKind.VIRTUAL_MACHINE_REPLACED, str(vm), now)] if replaced else []


def _of_others(picture: Picture, read: _Read, of_vm: Collection[str]) -> OtherPoints:
    """Return the restore points in the collections of a VM that the ledger does not have, but those that are being made."""
    known = {made.point.key for made in picture.points}
    points = [point for key in of_vm if (found := read.collections.get(key)) is not None for point in found.points]
    unknown = [one for one in points if id_key(one.id) not in known and one.state is not ProvisioningState.CREATING]
    newest = max((one for one in unknown if one.taken_at is not None), key=lambda one: str(one.taken_at), default=None)
    if newest is None:
        return OtherPoints(len(unknown))
    return OtherPoints(len(unknown), newest.id, newest.taken_at, newest.consistency.value if newest.consistency is not None else "")


def _foreign(picture: Picture, read: _Read) -> list[tuple[str, RestorePointFacts]]:
    """Return the copies in the target collections that no operation of Farshore has made, each with its region."""
    targets = {one.key for one in picture.copies.collections}
    known = {one.facts.id for one in picture.open_copies} | picture.copies.points
    return [
        (collection.region, point)
        for key, collection in read.collections.items()
        if key in targets and collection is not None
        for point in collection.points
        if id_key(point.id) not in known and not is_operation_id(point.name)
    ]
