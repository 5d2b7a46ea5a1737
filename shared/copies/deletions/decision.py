"""The rules of a caller's deletion, on the facts of a copy and of its place, and their messages."""

from collections.abc import Sequence

from shared.copies.copying.state import CopyDetail
from shared.copies.deletions.request import StoredDeletion, point_of, vm_id_of
from shared.copies.retention.facts import CopyFacts, CopyState
from shared.copies.retention.places import LedgerCopy
from shared.copies.retention.requests import DeletionRefusal, refusal_of_deletion
from shared.errors import ErrorCode, Problem
from shared.operations.model.models import Operation, Status

_MESSAGES = {
    DeletionRefusal.NOT_FINISHED: (
        ErrorCode.NOT_FINISHED,
        "The copy waits or is being copied. Cancel it before it starts, or wait for its end.",
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
    state = CopyState.USABLE if copy.status is Status.SUCCEEDED else CopyState.FAILED if copy.status.ended else CopyState.COPYING
    return CopyFacts(
        id=point.key if point is not None else copy.id, taken_at=taken_at or copy.created_at, vm_id=vm_id_of(copy), state=state
    )


def refusal_for(copy: Operation, others: Sequence[LedgerCopy], request: StoredDeletion) -> Problem | None:
    """Return why a copy cannot be deleted, None where it can; `others` are the other usable copies of its place."""
    own = facts_of(copy)
    place = [own, *(other.facts for other in others)]
    refusal = refusal_of_deletion(own, place, accept_last=request.accept_last, accept_full_copy=request.accept_full_copy)
    if refusal is None:
        return None
    code, message = _MESSAGES[refusal]
    return Problem(code, message, copy.id)
