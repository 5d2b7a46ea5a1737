"""Accepts deletions of copies, for HTTP and queue alike."""

from dataclasses import dataclass, replace

from shared.access.ownership import require_still_owned
from shared.access.registry import Registry
from shared.arm.ids import ResourceId
from shared.copies.copying import admission
from shared.copies.copying.models import request_of
from shared.copies.copying.service import copy_lock, point_lock
from shared.copies.copying.state import CopyDetail
from shared.copies.deletions.decision import refusal_for, refusal_of_source
from shared.copies.deletions.request import Retained, StoredDeletion, is_deleted, machine_of, own_source_of, point_of
from shared.copies.kinds import DELETION
from shared.copies.ledger import Ledger
from shared.copies.retention.pictures import Pictures, facts_of_point, newest_copied
from shared.copies.retention.places import LedgerCopy, PlaceKey, Places
from shared.errors import ErrorCode, Refused, refusal_of
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.accepting.locks import Locks
from shared.operations.model.models import Accepted, Actor, NewOperation, Operation, Status
from shared.operations.model.store import Store


@dataclass(frozen=True, slots=True)
class StartDeletion:
    """A request to delete a copy, of a caller's; `key` is the repeatability key."""

    copy: Operation
    actor: Actor
    key: str | None
    accept_last: bool = False
    accept_full_copy: bool = False
    include_source: bool = False
    abandon: bool = False
    trace: str | None = None
    first_sent: str | None = None


@dataclass(frozen=True, slots=True)
class RetainedDeletion:
    """A deletion that retention asks for."""

    copy: Operation
    retained: Retained
    actor: Actor
    key: str


@dataclass(frozen=True, slots=True)
class RetainedPoint:
    """A deletion of a restore point of a VM, which retention asks for, or the caller who deletes its copy (`copy_id`)."""

    tenant: str
    virtual_machine_id: str
    point: ResourceId
    actor: Actor
    key: str
    copy_id: str = ""
    retained: Retained | None = None


@dataclass(frozen=True, slots=True)
class Deletions:
    """Accepts deletions."""

    acceptance: Acceptance
    store: Store
    locks: Locks
    places: Places
    pictures: Pictures
    ledger: Ledger
    registry: Registry

    async def start(self, start: StartDeletion) -> Accepted | None:
        """Accept a deletion, or find the one that runs; None where nothing is left to delete.

        Raises `Refused` (NotFinished, ScopeBusy, LastUsableCopy, ChainNeedsIt, OwnerChanged, RepeatabilityKeyReused).
        """
        copy, point = start.copy, point_of(start.copy)
        new = _new(start, point)
        known = await self.acceptance.known(new)
        if known is not None:
            return Accepted(known, created=False)
        if copy.status.ended and (point is None or is_deleted(copy)):
            return None
        running = await self._running(copy)
        if running is not None:
            return Accepted(running, created=False)
        await require_still_owned(self.registry, copy.tenant, subjects_of(new.body["restorePointId"], new.body["virtualMachineId"]))
        place = await others_of(self.places, copy)
        problem = refusal_for(copy, place, StoredDeletion.model_validate(new.body))
        if problem is not None:
            raise refusal_of(problem)
        await self._refuse_redone(copy)
        if start.include_source:
            await self._refuse_source(start)
        return await self.acceptance.accept(new)

    async def accept_retained(self, deletion: RetainedDeletion) -> Accepted:
        """Accept a deletion that retention asks for; the same key gives the same deletion. Raises `Refused` (ScopeBusy)."""
        retained = deletion.retained
        start = StartDeletion(deletion.copy, deletion.actor, deletion.key)
        filters = {"policy": retained.policy.lower(), "run": retained.run}
        new = replace(_new(start, point_of(deletion.copy), retained), compare_body=False, filters=filters)
        known = await self.acceptance.known(new)
        return Accepted(known, created=False) if known is not None else await self.acceptance.accept(new)

    async def accept_point(self, wanted: RetainedPoint) -> Accepted:
        """Accept the deletion of a restore point of a VM; the same key gives the same deletion. Raises `Refused` (ScopeBusy)."""
        request = StoredDeletion(
            copy_id=wanted.copy_id,
            restore_point_id=str(wanted.point),
            virtual_machine_id=wanted.virtual_machine_id,
            source_point=True,
            retained=wanted.retained,
        )
        filters = {"policy": wanted.retained.policy.lower(), "run": wanted.retained.run} if wanted.retained is not None else {}
        new = NewOperation(
            kind=DELETION.name,
            tenant=wanted.tenant,
            key=wanted.key,
            body=request.as_json(),
            actor=wanted.actor,
            first_step="deciding",
            locks=(point_lock(wanted.point),),
            filters=filters,
            compare_body=False,
        )
        known = await self.acceptance.known(new)
        return Accepted(known, created=False) if known is not None else await self.acceptance.accept(new)

    async def _refuse_source(self, start: StartDeletion) -> None:
        """Refuse with `ChainNeedsIt` a deletion of the source too, where the copy did not make it, or something needs it."""
        copy, source, vm = start.copy, own_source_of(start.copy), machine_of(start.copy)
        if source is None or vm is None:
            message = "The copy's operation did not make the restore point that it is of, so that includeSource cannot delete it."
            raise Refused(ErrorCode.CHAIN_NEEDS_IT, message, target="includeSource")
        picture = await self.pictures.of(copy.tenant, ResourceId.parse(vm))
        others = [one for one in picture.copies.usable if one.operation != copy.id]
        points = [facts_of_point(one, copy.tenant, picture.needed) for one in picture.points]
        disks = frozenset(disk for one in points for disk in one.disks)
        problem = refusal_of_source(source, points, disks, newest_copied(others))
        if problem is not None:
            raise refusal_of(problem)

    async def _running(self, copy: Operation) -> Operation | None:
        """Return the deletion of a copy that runs."""
        held = await self.locks.holder([copy_lock(copy.id)])
        operation = await self.store.get(held.owner) if held is not None else None
        return operation if operation is not None and operation.kind == DELETION.name and not operation.status.ended else None

    async def _refuse_redone(self, copy: Operation) -> None:
        redo = await redo_of(self.ledger, self.store, copy)
        if redo is not None:
            raise redone(redo)


def _new(start: StartDeletion, point: ResourceId | None, retained: Retained | None = None) -> NewOperation:
    copy = start.copy
    request = StoredDeletion(
        copy_id=copy.id,
        restore_point_id=str(point or ""),
        virtual_machine_id=machine_of(copy),
        accept_last=start.accept_last,
        accept_full_copy=start.accept_full_copy,
        include_source=start.include_source,
        abandon=start.abandon,
        retained=retained,
    )
    return NewOperation(
        kind=DELETION.name,
        tenant=copy.tenant,
        key=start.key,
        body=request.as_json(),
        actor=start.actor,
        first_step="deciding",
        locks=(copy_lock(copy.id),),
        trace=start.trace,
        first_sent=start.first_sent,
    )


def subjects_of(*ids: object) -> list[str]:
    """Return the ARM ids among these, which the tenant of a deletion must still own."""
    return [str(one) for one in ids if one]


def place_of(copy: Operation) -> PlaceKey:
    """Return the place of a copy."""
    source = CopyDetail.of(dict(copy.detail)).source
    request = request_of(copy)
    known = source.restore_point_id if source is not None else None
    return PlaceKey(machine_of(copy), known or str(admission.source_id(request)), request.target.region)


async def others_of(places: Places, copy: Operation) -> list[LedgerCopy]:
    """Return the usable copies of a copy's place in the ledger, but itself, newest first."""
    return [one for one in await places.usable(place_of(copy)) if one.operation != copy.id]


async def redo_of(ledger: Ledger, store: Store, copy: Operation) -> str | None:
    """Return the redo that works on the restore point of a failed copy, or has made it its own copy; None where there is none."""
    source = CopyDetail.of(dict(copy.detail)).source
    if copy.status is Status.SUCCEEDED or source is None or source.restore_point_id is None:
        return None
    owner = await ledger.owner(ResourceId.parse(source.restore_point_id), request_of(copy).target.region)
    if owner is None or owner == copy.id:
        return None
    redo = await store.get(owner)
    if redo is None or (redo.status is Status.SUCCEEDED and point_of(redo) != point_of(copy)):
        return None
    return owner


def redone(redo: str) -> Refused:
    """Return the refusal of the deletion of a copy that another operation copies again."""
    return Refused(ErrorCode.SCOPE_BUSY, f"Operation {redo} copies it again. Wait until it has ended.", target=redo)
