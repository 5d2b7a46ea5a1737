"""The audit trail: entries chained by hash, so that none can be changed, taken out or put in between unseen.

The last entry can be taken off a chain unseen; that is what the anchored head is for.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.audit.answers import AuditDetail, AuditEntry
from shared.clock import to_text
from shared.operations.model.models import Actor
from shared.values.canonical import canonical

FIRST = "0" * 64
"""The previous hash of the first entry."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a trail is whole; `broken_at` is the sequence of the first entry that does not fit, `message` names the fault."""

    ok: bool
    head: str
    broken_at: int | None = None
    message: str | None = None


def append(previous: AuditEntry | None, *, time: datetime, actor: Actor, event: str, detail: AuditDetail | None = None) -> AuditEntry:
    """Return the entry that comes after `previous`, hashed; `detail` is JSON, without secrets."""
    entry = AuditEntry(
        sequence=1 if previous is None else previous.sequence + 1,
        time=time,
        actor=actor,
        event=event,
        detail=detail or AuditDetail(),
        previous_hash=FIRST if previous is None else previous.hash,
        hash="",
    )
    return entry.model_copy(update={"hash": entry_hash(entry)})


def entry_hash(entry: AuditEntry) -> str:
    """Return the SHA-256, in hexadecimal, of an entry's canonical JSON without its own hash.

    It can be checked from the answer of `GET /failovers/{id}/audit`: members sorted, no blanks, UTF-8, the time as it is written there.
    """
    body = {
        "sequence": entry.sequence,
        "time": to_text(entry.time),
        "actor": entry.actor.as_json(),
        "event": entry.event,
        "detail": entry.as_json()["detail"],
        "previousHash": entry.previous_hash,
    }
    return hashlib.sha256(canonical(body)).hexdigest()


def verify(entries: Sequence[AuditEntry], anchored: str | None = None, previous: AuditEntry | None = None) -> Verification:
    """Check a trail from its first entry, or from the one after `previous`, to its last.

    `anchored` is the head's hash as it was put away, None where there is none.
    """
    head, first = (FIRST, 1) if previous is None else (previous.hash, previous.sequence + 1)
    for expected, entry in enumerate(entries, start=first):
        if entry.sequence != expected:
            return Verification(False, head, expected, f"entry {expected} is missing, or out of its place")
        if entry.previous_hash != head:
            return Verification(False, head, expected, f"entry {expected} does not follow from the one before it")
        if entry.hash != entry_hash(entry):
            return Verification(False, head, expected, f"entry {expected} was changed")
        head = entry.hash
    if anchored is not None and anchored != head:
        last = len(entries)
        return Verification(
            False, head, last + 1, f"the anchored head is not that of entry {last}: entries were taken off, or all written anew"
        )
    return Verification(True, head)
