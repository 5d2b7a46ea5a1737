"""What a caller may delete: fewer rules than a policy's retention, because the caller names the copy."""

from collections.abc import Iterable
from enum import StrEnum

from shared.copies.retention.buckets import newest_first
from shared.copies.retention.facts import CopyFacts, CopyState


class DeletionRefusal(StrEnum):
    """The code with which the deletion of a copy is refused (409)."""

    NOT_FINISHED = "NotFinished"
    SCOPE_BUSY = "ScopeBusy"
    LAST_USABLE_COPY = "LastUsableCopy"
    CHAIN_NEEDS_IT = "ChainNeedsIt"


def refusal_of_deletion(
    copy: CopyFacts, copies: Iterable[CopyFacts], *, accept_last: bool, accept_full_copy: bool, abandon: bool = False
) -> DeletionRefusal | None:
    """Return why a copy cannot be deleted, None where it can; `copies` are those of its place in the ledger, itself among them.

    A failed copy can go. `accept_last` allows the last usable copy of the place, `accept_full_copy` the newest of a chain that has older
    ones: the next copy then is whole; `abandon` ends a copy that Azure is making. What the ledger does not know is no copy here, so that
    it never counts as the last usable one.
    """
    if copy.state is CopyState.WAITING or (copy.state is CopyState.COPYING and not abandon):
        return DeletionRefusal.NOT_FINISHED
    if copy.in_use:
        return DeletionRefusal.SCOPE_BUSY
    if copy.state is not CopyState.USABLE:
        return None
    usable = newest_first(other for other in copies if other.state is CopyState.USABLE and other.vm_id == copy.vm_id)
    if len(usable) == 1:
        return None if accept_last else DeletionRefusal.LAST_USABLE_COPY
    return DeletionRefusal.CHAIN_NEEDS_IT if usable[0] == copy and not accept_full_copy else None
