"""The rules of a caller's deletion, on the facts of a copy and of its place, and their messages."""

from collections.abc import Collection, Sequence

from shared.arm.ids import ResourceId
from shared.copies.copying.following import COPYING
from shared.copies.copying.state import CopyDetail
from shared.copies.deletions.request import StoredDeletion, point_of, vm_id_of
from shared.copies.retention.facts import CopyFacts, CopyState, PointFacts
from shared.copies.retention.places import LedgerCopy
from shared.copies.retention.requests import DeletionRefusal, refusal_of_deletion
from shared.copies.retention.source_points import bases_of
from shared.errors import ErrorCode, Problem
from shared.operations.model.models import Operation, Status

_MESSAGES = {
    DeletionRefusal.NOT_FINISHED: (
        ErrorCode.NOT_FINISHED,
        "The copy waits or is being copied. Cancel it before it starts, wait for its end, or set abandon to end what Azure copies.",
    ),
    DeletionRefusal.SCOPE_BUSY: (ErrorCode.SCOPE_BUSY, "Another operation works with the copy. Wait until it has ended."),
    DeletionRefusal.LAST_USABLE_COPY: (
        ErrorCode.LAST_USABLE_COPY,
        "It is the only usable copy of its VM in this region. Set acceptLast to allow that.",
    ),
    DeletionRefusal.CHAIN_NEEDS_IT: (
        ErrorCode.CHAIN_NEEDS_IT,
        "It is the newest copy of its chain: without it Azure copies the next restore point whole. Set acceptFullCopy to allow that.",
    ),
}


def facts_of(copy: Operation) -> CopyFacts:
    """Return the facts of a copy by its operation."""
    point, source = point_of(copy), CopyDetail.of(dict(copy.detail)).source
    taken_at = source.taken_at if source is not None else None
    return CopyFacts(
        id=point.key if point is not None else copy.id, taken_at=taken_at or copy.created_at, vm_id=vm_id_of(copy), state=_state_of(copy)
    )


def _state_of(copy: Operation) -> CopyState:
    if copy.status.ended:
        return CopyState.USABLE if copy.status is Status.SUCCEEDED else CopyState.FAILED
    return CopyState.COPYING if copy.step == COPYING else CopyState.WAITING


def refusal_for(copy: Operation, others: Sequence[LedgerCopy], request: StoredDeletion) -> Problem | None:
    """Return why a copy cannot be deleted, None where it can; `others` are the other usable copies of its place."""
    own = facts_of(copy)
    place = [own, *(other.facts for other in others)]
    refusal = refusal_of_deletion(
        own, place, accept_last=request.accept_last, accept_full_copy=request.accept_full_copy, abandon=request.abandon
    )
    if refusal is None:
        return None
    code, message = _MESSAGES[refusal]
    return Problem(code, message, copy.id)


def refusal_of_source(point: ResourceId, points: Sequence[PointFacts], disks: frozenset[str], copied: Collection[str]) -> Problem | None:
    """Return why the restore point of a VM that a copy was of must stay, None where it may go.

    `points` are those of its collection, `disks` those that the VM has, `copied` the restore points whose copies are the newest usable
    ones of a region, or run; ids are in lower case.
    """
    if any(one.id == point.key and one.needed for one in points):
        return _source_needed(point, "a copy of it waits, is copied, or may be redone")
    if point.key in bases_of(points, disks):
        return _source_needed(point, "it is the oldest restore point of a disk, without which Azure copies the disk whole again")
    if point.key in copied:
        return _source_needed(point, "its copy is the newest usable one of a region, or is being copied")
    return None


def _source_needed(point: ResourceId, why: str) -> Problem:
    return Problem(ErrorCode.CHAIN_NEEDS_IT, f"The restore point {point} must stay: {why}.", str(point))
