"""A claim: one worker's lease on one operation, and the only writer of its row while steps run.

The race of two workers for one row:

    worker A                      storage                     worker B
    read a| (etag 1)              etag 1                      read a| (etag 1)
    merge lease, nonce A, If 1 -> etag 2
                                  412 <- merge lease, nonce B, If 1
    runs the step                                             concedes: the nonce there is not its own

A lease does not fence a paused process: what it may still send is harmless by name or by Azure's own gate; `Effect.harmless` is the reason.
"""

from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from shared.clock import Clock, Ids, to_text
from shared.errors import Problem
from shared.operations.model.models import Attention, Busy, Intent, JsonObject, Operation
from shared.operations.model.rows import Active
from shared.operations.model.store import Store
from shared.operations.running import effects
from shared.operations.running.effects import Effect
from shared.operations.running.inbox import Inbox, merge
from shared.operations.timings import Timings
from shared.storage.tables import Conflict

T = TypeVar("T")


class ClaimLost(Exception):  # noqa: N818  # another worker continues, nothing is wrong
    """Another worker owns the operation now: nothing more may be written or sent."""


class CanceledFirst(Exception):  # noqa: N818  # a cancellation, not a defect
    """A cancellation was written before the intent of the operation's own effect."""


class Claim:
    """What a step works with: the row, the request, `data`, `detail`, `percent` and `filters`, which it may change, and the clock.

    The row itself changes only through methods. What a step changed is written with the write that ends it, or with an effect's intent.
    """

    def __init__(
        self,
        row: Active,
        operation: Operation,
        detail: JsonObject,
        *,
        store: Store,
        clock: Clock,
        ids: Ids,
        timings: Timings,
        held_since: float,
    ) -> None:
        self.operation = operation
        self.detail = detail
        self.data: JsonObject = dict(row.data)
        self.percent = row.percent
        self.locks: tuple[str, ...] = row.locks
        self.dropped: tuple[str, ...] = ()
        self.filters: dict[str, str] = {}
        self.has_new_input = False
        self.is_tidying = False
        self.clock = clock
        self.ids = ids
        self._row = row
        self._store = store
        self._timings = timings
        self._held_since = held_since
        self._inbox = Inbox(row.pending_input)
        self._written = row
        self._settled: Intent | None = None
        self._detail_written = repr(detail)

    @property
    def id(self) -> str:
        """The operation's id."""
        return self._row.id

    @property
    def row(self) -> Active:
        """The row as it is now, without what the step has changed in `data`, `percent` and `locks`."""
        return self._row

    @property
    def attention_written(self) -> Attention | None:
        """The attention of the row as it was last written, and as lists show it."""
        return self._written.attention

    # the row

    def current(self) -> Active:
        """Return the row with what the step has changed."""
        return replace(
            self._row,
            data=self.data,
            percent=self.percent,
            locks=self.locks,
            dropped_locks=tuple(dict.fromkeys((*self._row.dropped_locks, *self.dropped))),
            updated_at=to_text(self.clock.now()),
        )

    def without_progress(self) -> Active:
        """Return the row for a step without progress: an effect that it settled is searched again before it is sent again."""
        return replace(self.current(), intent=self._settled or self._row.intent)

    def as_written(self) -> Active:
        """Return the row as last written, with what others wrote meanwhile and without the changes of a step that raised."""
        row = self._row
        return replace(
            self._written,
            etag=row.etag,
            due=row.due,
            attention_listed=row.attention_listed,
            cancel_requested=row.cancel_requested,
            pending_input=self._inbox.input_read,
            pending_events=row.pending_events,
            pending_commands=row.pending_commands,
        )

    def move_to(self, step: str) -> None:
        """Continue with another step in the same claim: the one before had a result."""
        self._row = replace(self._row, step=step, throttled_since="")

    def hold(self, lock: str) -> None:
        """Add a lock that was taken to the row, with its next write: from then on the operation holds it."""
        if lock not in self.locks:
            self.locks = (*self.locks, lock)

    def drop(self, lock: str) -> None:
        """Remove a lock from the row, with its next write, after which it is released; one that is not held is ignored."""
        if lock not in self.locks:
            return
        self.locks = tuple(name for name in self.locks if name != lock)
        self.dropped = (*self.dropped, lock)

    async def commit(self, row: Active, *, listed: bool = False) -> None:
        """Write the row, merged with what others wrote meanwhile (a cancellation, a retry). Raises `ClaimLost`."""
        detail = self._changed_detail()
        while True:
            try:
                written = await self._store.save(row, detail=detail, listed=listed, filters=self.filters)
            except Conflict:
                row = await self._merge(row)
                continue
            self._note_written(written)
            self.filters = {}
            return

    async def finish(self, row: Active, error: Problem | None, result: JsonObject | None = None) -> Active:
        """Write the end of the operation, with its final detail, and return the row that is to be announced. Raises `ClaimLost`."""
        while True:
            try:
                return await self._store.finish(row, self.detail, error, result, self.filters)
            except Conflict:
                row = await self._merge(row)

    def _note_written(self, written: Active) -> None:
        self._row = self._written = written
        self._settled = None
        self._detail_written = repr(self.detail)

    def _changed_detail(self) -> JsonObject | None:
        return self.detail if repr(self.detail) != self._detail_written else None

    async def _merge(self, pending: Active) -> Active:
        """Return the row to write again after a conflict; raises `ClaimLost` where it is another worker's."""
        found = await self._store.active(self.id)
        if found is None or found.nonce != self._row.nonce:
            raise ClaimLost
        merged = merge(pending, self._row, found, self._inbox, to_text(self.clock.now()))
        self._row, self._inbox = merged.held, merged.inbox
        self.has_new_input = self.has_new_input or merged.arrived
        return merged.pending

    # commands, inputs and events

    def acknowledge_commands(self) -> None:
        """Mark every command so far as delivered to the workflow: the next write removes them."""
        self._inbox = self._inbox.with_delivered(self._row)
        self._row = replace(self._row, pending_commands=())

    def take_input(self) -> JsonObject | None:
        """Return the pending input (approve, resume, resolve, …), once; the next write removes it."""
        taken, self._row = self._row.pending_input, replace(self._row, pending_input=None)
        return taken

    def return_input(self, taken: JsonObject) -> None:
        """Leave an input to the next claim, because it could not be handled now."""
        self._row = replace(self._row, pending_input=taken)

    def acknowledge_events(self) -> None:
        """Mark every pending event as sent: the next write removes them."""
        self._row = replace(self._row, pending_events=())

    # effects

    async def perform(self, effect: Effect[T]) -> T:
        """Start an effect once, or find its earlier start, and return its evidence; see `effects.perform` for what is raised."""
        return await effects.perform(self, effect)

    def intends(self, effect: str) -> bool:
        """Whether an earlier claim wrote the intent of this effect, so that its start may exist already."""
        return self._row.intent is not None and self._row.intent.effect == effect

    def forget_intent(self, *, started: bool) -> None:
        """Settle an effect of unknown outcome as a person resolved it: it began, or it did not and may be sent anew."""
        intent = self._row.intent
        self._row = replace(
            self._row, intent=None, attention=None, started=started or (intent.was_started if intent else self._row.started)
        )

    @property
    def effect_timeout(self) -> float:
        """Seconds that an effect may take."""
        return self._timings.effect_timeout

    def may_send(self) -> bool:
        """Whether enough of the lease is left to send an effect."""
        return self.clock.monotonic() - self._held_since <= self._timings.lease - self._timings.least_left

    async def write_intent(self, effect: str, *, own: bool, keeps_request_id: bool = False) -> Intent:
        """Write the intent of an effect, and renew the lease by the same write; raises `CanceledFirst`, `ClaimLost`."""
        own = own and not self.is_tidying
        while True:
            row = self._row
            if row.cancel_requested and own and not row.started:
                raise CanceledFirst
            intent = self._next_intent(effect, own=own, keeps_request_id=keeps_request_id)
            held_since = self.clock.monotonic()
            lease_until = to_text(self.clock.wall() + timedelta(seconds=self._timings.lease))
            pending = replace(self.current(), intent=intent, lease_until=lease_until, started=row.started or own)
            try:
                written = await self._store.save(pending, detail=self._changed_detail())
            except Conflict:
                await self._merge(pending)
                continue
            self._note_written(written)
            self._held_since = held_since
            return intent

    def _next_intent(self, effect: str, *, own: bool, keeps_request_id: bool) -> Intent:
        now, before = to_text(self.clock.now()), self._row.intent
        if before is None or before.effect != effect:
            return Intent(effect, self.ids.new(), at=now, last=now, own=own, was_started=self._row.started)
        # each send counts as lost until it is answered: a crash between the two must not count as a first send
        request_id = before.client_request_id if keeps_request_id else self.ids.new()
        return replace(before, client_request_id=request_id, last=now, lost=before.lost + 1)

    def withdraw_intent(self, before: Intent | None) -> None:
        """Undo `write_intent`, because nothing was sent; `before` is the intent that it replaced."""
        intent = self._row.intent
        was_started = intent.was_started if intent is not None else self._row.started
        self._row = replace(self._row, intent=before, started=self._row.started if before else was_started)

    def settle_intent(self) -> None:
        """Clear the intent of an effect that began; written with the end of the step: until then a crash costs one more look."""
        self._settled = self._settled or self._row.intent
        self._row = replace(self._row, intent=None)

    def clear_intent(self) -> None:
        """Clear the intent of an effect that did not begin."""
        intent = self._row.intent
        self._row = replace(self._row, intent=None, started=intent.was_started if intent is not None else self._row.started)

    def note_refusal(self, refusal: Problem) -> None:
        """Keep a refusal in the intent while an earlier send may still land."""
        if self._row.intent is not None:
            self._row = replace(self._row, intent=replace(self._row.intent, refusal=refusal))

    def busy_with(self, effect: str) -> Busy | None:
        """Return since when and how often Azure refuses an effect as busy, or None."""
        busy = self._row.busy
        return busy if busy is not None and busy.effect == effect else None

    def note_busy(self, effect: str) -> None:
        """Note that Azure refuses an effect as busy, since now where it did not before."""
        before = self.busy_with(effect)
        now = Busy(effect, to_text(self.clock.now())) if before is None else replace(before, refusals=before.refusals + 1)
        self._row = replace(self._row, busy=now)

    def clear_busy(self) -> None:
        """Clear what `note_busy` noted."""
        self._row = replace(self._row, busy=None)
