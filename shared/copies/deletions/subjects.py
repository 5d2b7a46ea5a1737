"""What a deletion deletes: a copy, or a restore point of a VM. Each decides by the ledger and by a fresh read of Azure.

A read that fails is raised as a `CallFailure`: then nothing is deleted.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from shared.arm.ids import ResourceId
from shared.clock import to_text
from shared.copies.copying.claim import ABANDONED_BY
from shared.copies.copying.following import COPYING
from shared.copies.copying.models import origin_of
from shared.copies.copying.service import copy_lock
from shared.copies.copying.state import CopyDetail, DetailOfDeletion
from shared.copies.deletions.claim import DeletionClaim
from shared.copies.deletions.decision import refusal_for, refusal_of_source
from shared.copies.deletions.reading import DeletionReads
from shared.copies.deletions.request import DeletionResult, Retained, own_source_of
from shared.copies.deletions.service import Deletions, RetainedPoint, others_of, place_of, redo_of, redone
from shared.copies.ledger import Ledger
from shared.copies.points.records import PointLedger
from shared.copies.policies.management.trail import AuditedDeletion, PolicyTrail
from shared.copies.policies.runs.items import DeletionOutcome
from shared.copies.retention.deciding import DueByRetention, DueCopy, DuePoint, points_of
from shared.copies.retention.facts import CopyFacts
from shared.copies.retention.pictures import Picture, Pictures, newest_copied
from shared.copies.retention.places import LedgerCopy, Places
from shared.errors import ErrorCode, Problem, Refused
from shared.operations.accepting.commands import Commands
from shared.operations.model.amending import Amendments
from shared.operations.model.models import Operation, Status
from shared.operations.model.rows import Active
from shared.operations.model.store import Store


class Subject(Protocol):
    """What a deletion deletes."""

    async def refusal(self, deletion: DeletionClaim) -> Problem | None:
        """Return why it must not be deleted now, None where it may."""

    async def before(self, deletion: DeletionClaim, /) -> None:
        """Announce the DELETE to whoever follows the restore point; harmless to repeat."""

    async def note_refused(self, deletion: DeletionClaim, at: datetime, code: str) -> None:
        """Record that Azure refused the DELETE; harmless to repeat."""

    async def has_ended(self, deletion: DeletionClaim, /) -> bool:
        """Return whether nothing follows the restore point any more, so that the deletion can be recorded."""

    async def record(self, deletion: DeletionClaim, at: datetime) -> DeletionResult:
        """Record the deletion in the ledger and in answers, and return its result; harmless to repeat."""


@dataclass(frozen=True, slots=True)
class CopySubject:
    """A copy. `deleted` is called with the tenant and the id of a copy once its deletion is in the ledger; again after a crash."""

    reads: DeletionReads
    places: Places
    pictures: Pictures
    ledger: Ledger
    store: Store
    amendments: Amendments
    due: DueByRetention
    deletions: Deletions
    commands: Commands
    deleted: Callable[[str, str], Awaitable[None]]
    trail: PolicyTrail

    async def refusal(self, deletion: DeletionClaim) -> Problem | None:
        """Return why the copy must not be deleted, by the ledger and by what Azure shows of the other copies; None where it may."""
        copy = await self._copy(deletion)
        redo = await redo_of(self.ledger, self.store, copy)
        if redo is not None:
            return redone(redo).problem
        if deletion.request.retained is not None:
            return await self._kept(deletion, deletion.request.retained, copy)
        if deletion.request.abandon and copy.status is Status.RUNNING and await self.reads.has_arrived(deletion.point, None):
            return Problem(ErrorCode.NOT_FINISHED, "Azure has finished the copy. Delete it once its operation has ended.", copy.id)
        others = await self.reads.usable(await others_of(self.places, copy)) if copy.status is Status.SUCCEEDED else []
        deletion.note_newest_other(next((str(one.point) for one in others), None))
        return refusal_for(copy, others, deletion.request)

    async def _kept(self, deletion: DeletionClaim, retained: Retained, copy: Operation) -> Problem | None:
        """Return why retention keeps the copy now, None where it is still due."""
        place = place_of(copy)
        if place.virtual_machine_id is None:
            return Problem(ErrorCode.NO_LONGER_DUE, "The VM of the copy is not known.", copy.id)
        picture = await self.pictures.of(copy.tenant, ResourceId.parse(place.virtual_machine_id))
        usable, going_on = picture.usable_in(place.region), picture.open_in(place.region)
        own = next((one.facts_for(copy.tenant) for one in usable if one.operation == copy.id), None)
        own = own or next((one.facts for one in going_on if one.operation == copy.id), None)
        if own is None:
            return Problem(ErrorCode.NO_LONGER_DUE, "The ledger has no copy of this operation.", copy.id)
        there = await self.reads.usable([one for one in usable if one.operation != copy.id])
        deletion.note_newest_other(next((str(one.point) for one in there), None))
        others = await self._with_use(copy.tenant, own, there)
        others += [one.facts for one in going_on if one.operation != copy.id]
        return await self.due.copy_no_longer_due(
            retained, DueCopy(copy.tenant, place.virtual_machine_id, place.region, copy.id, own, others)
        )

    async def _with_use(self, tenant: str, own: CopyFacts, others: Sequence[LedgerCopy]) -> list[CopyFacts]:
        """Return the other copies, newest first; those newer than `own` that another operation holds are in use, up to the first free one.

        Whether an older one is in use does not matter.
        """
        found = [one.facts_for(tenant) for one in others]
        for number, (copy, facts) in enumerate(zip(others, found, strict=True)):
            if facts.taken_at < own.taken_at or await self.deletions.locks.holder([copy_lock(copy.operation)]) is None:
                break
            found[number] = replace(facts, in_use=True)
        return found

    async def before(self, deletion: DeletionClaim) -> None:
        """Name the deletion to a copy that Azure makes, so that it ends as `Abandoned`."""
        await self._abandon(deletion, await self._copy(deletion))

    async def has_ended(self, deletion: DeletionClaim) -> bool:
        """Return whether the copy has ended; one that Azure made until now looks again."""
        copy = await self._copy(deletion)
        await self._abandon(deletion, copy)
        return copy.status.ended

    async def _abandon(self, deletion: DeletionClaim, copy: Operation) -> None:
        if not deletion.request.abandon or copy.status.ended:
            return
        with suppress(Refused):  # it has ended
            await self.commands.submit_input(copy, {ABANDONED_BY: deletion.id}, _is_copying)

    async def note_refused(self, deletion: DeletionClaim, at: datetime, code: str) -> None:
        """Record the refusal with the copy."""
        copy = await self._copy(deletion)
        place, source = place_of(copy), CopyDetail.of(dict(copy.detail)).source
        await self.places.mark_refused(place, copy.id, at, code)
        if place.virtual_machine_id is not None and source is not None and source.restore_point_id is not None:
            vm, point = ResourceId.parse(place.virtual_machine_id), ResourceId.parse(source.restore_point_id)
            await self.ledger.points.mark_copy_refused(vm, point, place.region, at)

    async def record(self, deletion: DeletionClaim, at: datetime) -> DeletionResult:
        """Record the deletion with the copy, and delete its source too where that was asked for."""
        copy, request = await self._copy(deletion), deletion.request
        await self.places.mark_deleted(place_of(copy), copy.id, copy.tenant, at, _columns(deletion))
        await self.deleted(copy.tenant, copy.id)
        shown = detail_of_deletion(deletion, at)
        await self.amendments.add_to_detail(copy.id, {"deletion": shown.model_dump(mode="json", by_alias=True)}, {"usable": "false"})
        await self._audit(deletion, copy)
        result = _result(deletion, at).model_copy(update={"copy_id": copy.id})
        source = own_source_of(copy) if request.include_source else None
        if source is None or request.virtual_machine_id is None:
            return result
        wanted = RetainedPoint(copy.tenant, request.virtual_machine_id, source, deletion.actor, f"{deletion.id}/source", copy_id=copy.id)
        return result.model_copy(update={"source_deletion": (await self.deletions.accept_point(wanted)).operation.id})

    async def _audit(self, deletion: DeletionClaim, copy: Operation) -> None:
        """Record the deletion by a caller of a policy's copy in the policy's trail; those of retention are recorded as they end."""
        origin = origin_of(copy)
        if deletion.request.retained is None and origin is not None:
            found = AuditedDeletion(
                virtual_machine_id=deletion.request.virtual_machine_id,
                copy_id=copy.id,
                restore_point_id=deletion.request.restore_point_id,
                outcome=DeletionOutcome.DONE,
                newest_other=deletion.state.newest_other,
            )
            await self.trail.copy_deleted(origin, copy.tenant, copy.id, deletion.actor, found)

    async def _copy(self, deletion: DeletionClaim) -> Operation:
        return await copy_of_deletion(self.store, deletion.request.copy_id)


@dataclass(frozen=True, slots=True)
class PointSubject:
    """A restore point of a VM, in the collection that Farshore has made for it."""

    reads: DeletionReads
    pictures: Pictures
    points: PointLedger
    due: DueByRetention
    deleted: Callable[[str, str], Awaitable[None]]
    """Called with the tenant and the VM's id in lower case once it is recorded; again after a crash."""

    async def refusal(self, deletion: DeletionClaim) -> Problem | None:
        """Return why the restore point must stay, by a fresh read of its collection and of the copies; None where it may be deleted."""
        vm, request = ResourceId.parse(deletion.request.virtual_machine_id or ""), deletion.request
        picture = await self.pictures.of(deletion.tenant, vm)
        collection = await self.reads.gateway.collection(deletion.collection, with_points=True)
        if collection is None:
            return Problem(ErrorCode.NO_LONGER_DUE, f"The collection {deletion.collection} was not found.", request.restore_point_id)
        others = [one for one in collection.points if ResourceId.parse(one.id).key != deletion.point.key]
        dated = [(one.taken_at, one.id) for one in others if one.taken_at is not None]
        deletion.note_newest_other(max(dated)[1] if dated else None)
        copied = newest_copied(picture.copies.usable) | await self._copied(picture, deletion.point)
        due = DuePoint(deletion.tenant, vm, deletion.point, collection, picture, copied)
        if request.retained is not None:
            return await self.due.point_no_longer_due(request.retained, due)
        found = await self.due.machine(vm)
        disks = frozenset(disk.key for disk in found.facts.disks if disk.key) if found is not None else frozenset()
        return refusal_of_source(deletion.point, points_of(due, deletion.tenant), disks, copied)

    async def _copied(self, picture: Picture, point: ResourceId) -> frozenset[str]:
        """Return the sources of the newest copies that Azure shows as usable, and of copies of the restore point that run unrecorded."""
        regions = sorted({copy.region for copy in picture.copies.usable})
        found: set[str] = set()
        for region in regions:
            newest = (await self.reads.usable(picture.usable_in(region)))[:1]
            found |= {copy.source_point.lower() for copy in newest}
        return frozenset(found | await self.reads.running_copies(_collections(picture.copies.usable), point))

    async def before(self, _deletion: DeletionClaim) -> None:
        """Do nothing: no operation follows the restore point."""

    async def has_ended(self, _deletion: DeletionClaim) -> bool:
        """Return true: no operation follows the restore point."""
        return True

    async def note_refused(self, deletion: DeletionClaim, at: datetime, code: str) -> None:
        """Record the refusal with the restore point."""
        vm = ResourceId.parse(deletion.request.virtual_machine_id or "")
        await self.points.mark_refused(vm, deletion.point, at, code)

    async def record(self, deletion: DeletionClaim, at: datetime) -> DeletionResult:
        """Record the deletion with the restore point."""
        vm = ResourceId.parse(deletion.request.virtual_machine_id or "")
        await self.points.mark_deleted(vm, deletion.point, at, _columns(deletion))
        await self.deleted(deletion.tenant, vm.key)
        return _result(deletion, at)


def _result(deletion: DeletionClaim, at: datetime) -> DeletionResult:
    result = DeletionResult(restore_point_id=deletion.request.restore_point_id, deleted_at=to_text(at))
    other = deletion.state.newest_other
    return result.model_copy(update={"newest_other": other}) if other is not None else result


def _is_copying(row: Active) -> None:
    if row.step != COPYING:
        raise Refused(ErrorCode.NOT_FINISHED, "Azure does not copy it.", target=row.id)


async def copy_of_deletion(store: Store, copy_id: str) -> Operation:
    """Return the operation that made the copy that is deleted; raises `LookupError` where it is missing."""
    copy = await store.get(copy_id)
    if copy is None:
        raise LookupError(f"the operation {copy_id} that made the copy is missing")
    return copy


def detail_of_deletion(deletion: DeletionClaim, at: datetime) -> DetailOfDeletion:
    """Return what an answer of a copy shows of its deletion."""
    retained = deletion.request.retained
    return DetailOfDeletion(
        operation_id=deletion.id,
        deleted_at=at,
        deleted_by=deletion.actor,
        rule=retained.rule if retained is not None else None,
        policy=retained.policy if retained is not None else None,
        revision=retained.revision if retained is not None else None,
    )


def _columns(deletion: DeletionClaim) -> dict[str, str]:
    retained = deletion.request.retained
    return {"deletedBy": deletion.id} | ({"deletedRule": retained.rule} if retained is not None else {})


def _collections(copies: Sequence[LedgerCopy]) -> list[ResourceId]:
    return list({copy.point.parent.key: copy.point.parent for copy in copies if copy.point.parent is not None}.values())
