"""The inbox of an operation: what commands and inputs arrive in its row while a worker holds it, and how both writes are merged.

Pure: a conditional write that failed is merged with the row that was found in its place, and written again.
"""

from dataclasses import dataclass, field, replace

from shared.operations.model.models import JsonObject
from shared.operations.model.rows import Active


@dataclass(frozen=True, slots=True)
class Inbox:
    """What a claim has read of its inbox: the input that the row held, and the ids of the commands that were delivered."""

    input_read: JsonObject | None = None
    delivered: frozenset[str] = field(default_factory=frozenset)

    def with_delivered(self, row: Active) -> "Inbox":
        """Return the inbox with every command of a row marked as delivered."""
        return replace(self, delivered=self.delivered | {command.id for command in row.pending_commands})


@dataclass(frozen=True, slots=True)
class Merged:
    """Two writes of one row put together.

    `pending` is the row to write again, `held` the row as the claim holds it now. `arrived` is true where the other write brought a
    command, an input or a cancellation.
    """

    pending: Active
    held: Active
    inbox: Inbox
    arrived: bool


def merge(pending: Active, held: Active, found: Active, inbox: Inbox, now: str) -> Merged:
    """Merge a row that could not be written with the row that was found: others write only cancellations, commands, inputs, retries.

    `now` is Azure's time as text: a row with new input is due at once.
    """
    commands = tuple(command for command in found.pending_commands if command.id not in inbox.delivered)
    new_input = found.pending_input != inbox.input_read
    arrived = bool(commands) or new_input or (found.cancel_requested and not held.cancel_requested)
    # a retry has written when the row is due: a step that decided to wait longer must not write over it
    next_at = min(pending.next_at, found.next_at, now) if arrived else min(pending.next_at, found.next_at)
    common = {
        "cancel_requested": found.cancel_requested,
        "etag": found.etag,
        "due": found.due,
        "attention_listed": found.attention_listed,
        "pending_input": found.pending_input if new_input else pending.pending_input,
        "pending_commands": commands,
        "has_detail": pending.has_detail or found.has_detail,
    }
    return Merged(
        pending=replace(pending, next_at=next_at, **common),  # type: ignore[arg-type]  # the fields that both rows share
        held=replace(held, next_at=found.next_at, **common),  # type: ignore[arg-type]  # as above
        inbox=replace(inbox, input_read=found.pending_input),
        arrived=arrived,
    )
