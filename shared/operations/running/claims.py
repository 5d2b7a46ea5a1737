"""A claim: one worker's hold on one operation while it runs its steps, and the only way to start an effect from there.

The race of two workers for one row, drawn out:

    worker A                      storage                     worker B
    read a| (etag 1)              etag 1                      read a| (etag 1)
    merge lease, nonce A, If 1 -> etag 2
                                  412 <- merge lease, nonce B, If 1
    runs the step                                             concedes: the nonce there is not its own

A lease does not fence a paused process: what it may still send is harmless by name or by Azure's own gate; `Effect.harmless` says which.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from shared.clock import Clock, Ids, from_text, to_text
from shared.errors import CallFailure, ErrorCode, FailureKind
from shared.operations.crash_points import crash_point
from shared.operations.model.models import Intent, JsonObject, Operation
from shared.operations.model.rows import Active
from shared.operations.model.store import Store
from shared.operations.running.outcomes import Wait
from shared.operations.timings import Timings
from shared.storage.tables import Conflict

T = TypeVar("T")

LOOKS = tuple(timedelta(minutes=minutes) for minutes in (0.5, 2, 5, 10))
"""When to look again after an answer was lost, from the send on, Azure's time; after the last, every ten minutes."""


@dataclass(frozen=True, slots=True)
class Started(Generic[T]):
    """It began: what shows it."""

    evidence: T


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing shows that it began."""


@dataclass(frozen=True, slots=True)
class Effect(Generic[T]):
    """A call that changes the world outside, and how to find out whether it did.

    `send` gets the client request id and returns what the answer told; it raises `CallFailure`. `look` finds what an earlier send began.
    `repeatable` is true where sending again does no harm once nothing is found; `harmless` says why a late or second send can do none.
    `preparation` is true for what comes before the operation's own effect: it does not stop a cancellation.
    """

    name: str
    send: Callable[[str], Awaitable[T]]
    look: Callable[[Intent], Awaitable[Started[T] | Absent]]
    harmless: str
    repeatable: bool = True
    preparation: bool = False


class ClaimLost(Exception):  # noqa: N818  # another worker goes on, nothing is wrong
    """Another worker owns the operation now: nothing more may be written or sent."""


class CanceledFirst(Exception):  # noqa: N818  # a person's word, not a defect
    """A cancellation landed before the intent of the operation's own effect."""


class StepWaits(Exception):  # noqa: N818  # a way out of a step, not a defect
    """The step cannot go on now; `wait` says when it can be tried again."""

    def __init__(self, wait: Wait) -> None:
        super().__init__(f"wait until {wait.at}")
        self.wait = wait


class Claim:
    """What a step works with: the row, the request, what was learned so far, and the clock."""

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
        self.row = row
        self.operation = operation
        self.detail = detail
        self.data: JsonObject = dict(row.data)
        self.percent = row.percent
        self.locks: tuple[str, ...] = row.locks
        self.dropped: tuple[str, ...] = ()
        self.filters: dict[str, str] = {}
        self.has_new_input = False
        self._written = row
        self._unwritten: Intent | None = None
        self.clock = clock
        self.ids = ids
        self._store = store
        self._timings = timings
        self._held_since = held_since
        self._detail_before = repr(detail)
        self._input_read = row.pending_input
        self._heard: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        """The operation's id."""
        return self.row.id

    def hold(self, lock: str) -> None:
        """Name a lock that was taken in the row, with its next write: from then on it is held for as long as it stands there."""
        if lock not in self.locks:
            self.locks = (*self.locks, lock)

    def drop(self, lock: str) -> None:
        """Take a lock out of the row, with its next write, after which it is released."""
        self.locks = tuple(name for name in self.locks if name != lock)
        self.dropped = (*self.dropped, lock)

    def current(self) -> Active:
        """Return the row with what the step has changed."""
        return replace(self.row, data=self.data, percent=self.percent, locks=self.locks, updated_at=to_text(self.clock.now()))

    def without_progress(self) -> Active:
        """Return the row for a step that got nowhere: an effect that was settled in it is looked for again before it is sent again."""
        return replace(self.current(), intent=self._unwritten or self.row.intent)

    def as_written(self) -> Active:
        """Return the row as it was last written, with what others wrote meanwhile: what a step that broke has changed is left out."""
        row = self.row
        return replace(
            self._written,
            etag=row.etag,
            cancel_requested=row.cancel_requested,
            pending_input=self._input_read,
            pending_events=row.pending_events,
            pending_commands=row.pending_commands,
        )

    def changed_detail(self) -> JsonObject | None:
        """Return the detail if the step changed it, else None."""
        return self.detail if repr(self.detail) != self._detail_before else None

    async def write(self, row: Active, *, listed: bool = False) -> None:
        """Write the row as ours; what others may write meanwhile (a cancellation, a retry) is taken over. Raises `ClaimLost`."""
        detail = self.changed_detail()
        while True:
            try:
                self.row = await self._store.save(row, detail=detail, listed=listed, filters=self.filters)
            except Conflict:
                row = await self.after_conflict(row)
                continue
            self._written, self._unwritten = self.row, None
            self._detail_before = repr(self.detail)
            self.filters = {}
            return

    async def after_conflict(self, row: Active) -> Active:
        """Return the row to write again, with what others wrote meanwhile taken over; raises `ClaimLost` when it is another worker's."""
        found = await self._store.active(self.id)
        if found is None or found.nonce != self.row.nonce:
            raise ClaimLost
        # who wants it looked at sooner has written when: a step that was just deciding to wait longer must not write over it
        next_at = min(row.next_at, found.next_at)
        word = row.pending_input if found.pending_input == self._input_read else found.pending_input
        said = tuple(one for one in found.pending_commands if one.id not in self._heard)
        if said or found.pending_input != self._input_read or (found.cancel_requested and not self.row.cancel_requested):
            self.has_new_input, next_at = True, min(next_at, to_text(self.clock.now()))
        self._input_read = found.pending_input
        canceled, has_detail = found.cancel_requested, row.has_detail or found.has_detail
        row, self.row = (
            replace(
                one,
                cancel_requested=canceled,
                etag=found.etag,
                next_at=at,
                pending_input=word,
                pending_commands=said,
                has_detail=has_detail,
            )
            for one, at in ((row, next_at), (self.row, found.next_at))
        )
        return row

    def acknowledge_commands(self) -> None:
        """Note that the workflow has heard of every command so far: the next write forgets them."""
        self._heard |= {one.id for one in self.row.pending_commands}
        self.row = replace(self.row, pending_commands=())

    def take_input(self) -> JsonObject | None:
        """Return what a person said of the operation since (approve, resume, resolve, …), once; the next write forgets it."""
        word, self.row = self.row.pending_input, replace(self.row, pending_input=None)
        return word

    def return_input(self, word: JsonObject) -> None:
        """Leave a person's word for the next claim, because nothing could be done about it now."""
        self.row = replace(self.row, pending_input=word)

    def forget_intent(self, *, started: bool) -> None:
        """Settle an effect in doubt by a person's word: it began, or it did not and may be sent anew."""
        intent = self.row.intent
        self.row = replace(self.row, intent=None, started=started or (intent.was_started if intent else self.row.started))

    async def perform(self, effect: Effect[T]) -> T:
        """Start an effect once, or find the start that an earlier claim made, and return what shows it.

        Raises `CallFailure` for a definite refusal (nothing began), `StepWaits` while it is in doubt, `CanceledFirst` and `ClaimLost`.
        """
        intent = self.row.intent
        if intent is not None and intent.effect == effect.name:
            found = await effect.look(intent)
            if isinstance(found, Started):
                return self._settled(found.evidence)
            self._still_absent(effect, intent)
        return await self._send(effect)

    def _settled(self, evidence: T) -> T:
        # written with the write that ends the step: until then a crash only makes us look once more
        self._unwritten = self._unwritten or self.row.intent
        self.row = replace(self.row, intent=None)
        return evidence

    def _still_absent(self, effect: Effect[T], intent: Intent) -> None:
        """Decide on an effect of which nothing shows: return where it may be sent (again), else say when to look next."""
        now, last = self.clock.now(), from_text(intent.last)
        waited_long_enough = now >= last + LOOKS[-1]
        if intent.refusal is not None and waited_long_enough:
            self.row = replace(self.row, intent=None, started=intent.was_started)
            refusal = intent.refusal
            raise CallFailure(FailureKind.REFUSED, code=refusal.code, message=refusal.message, details=refusal.details)
        if intent.refusal is None and effect.repeatable:
            return
        attention = None
        if intent.refusal is None and waited_long_enough:
            message = f"Nobody can tell whether {effect.name} began, and it must not be sent twice. Look, then say it with resolve."
            attention = (str(ErrorCode.OUTCOME_UNKNOWN), message)
        raise StepWaits(Wait(self._next_look(intent), attention=attention))

    def _next_look(self, intent: Intent) -> datetime:
        now, last = self.clock.now(), from_text(intent.last)
        # the more sends were lost, the longer until the next
        delays = LOOKS[min(intent.lost, len(LOOKS) - 1) :]
        return next((last + delay for delay in delays if last + delay > now), now + LOOKS[-1])

    async def _send(self, effect: Effect[T]) -> T:
        before = self.row.intent
        await self._intend(effect)
        crash_point("step.intended")
        if self.clock.monotonic() - self._held_since > self._timings.lease - self._timings.least_left:
            # too slow a write: too little of the lease is left to send anything, and nothing is sent
            self.row = replace(self.row, intent=before, started=self.row.started if before else self._was_started())
            raise StepWaits(Wait(self.clock.now()))
        assert self.row.intent is not None  # noqa: S101  # _intend has just written it
        try:
            async with asyncio.timeout(self._timings.effect_timeout):
                evidence = await effect.send(self.row.intent.client_request_id)
        except TimeoutError:
            raise self._in_doubt(effect) from None
        except CallFailure as failure:
            if not failure.definite:
                raise self._in_doubt(effect) from None
            return await self._refused(effect, failure)
        crash_point("step.sent")
        return self._settled(evidence)

    def _was_started(self) -> bool:
        return self.row.intent.was_started if self.row.intent is not None else self.row.started

    async def _intend(self, effect: Effect[T]) -> None:
        """Write what is about to be sent, and renew the lease by the same write; a cancellation that landed first wins."""
        if self.row.cancel_requested and not effect.preparation and not self.row.started:
            raise CanceledFirst
        now, before = to_text(self.clock.now()), self.row.intent
        if before is None or before.effect != effect.name:
            intent = Intent(effect.name, self.ids.new(), at=now, last=now, own=not effect.preparation, was_started=self.row.started)
        else:
            # each send counts as lost until its answer is here: a crash between the two must not look like a first send
            intent = replace(before, last=now, lost=before.lost + 1)
        held_since = self.clock.monotonic()
        lease_until = to_text(self.clock.wall() + timedelta(seconds=self._timings.lease))
        row = replace(self.current(), intent=intent, lease_until=lease_until, started=self.row.started or not effect.preparation)
        try:
            self.row = await self._store.save(row, detail=self.changed_detail())
        except Conflict:
            await self.after_conflict(row)
            return await self._intend(effect)
        self._written, self._unwritten = self.row, None
        self._detail_before = repr(self.detail)
        self._held_since = held_since
        return None

    def _in_doubt(self, effect: Effect[T]) -> StepWaits:
        intent = self.row.intent
        assert intent is not None  # noqa: S101  # an effect is never sent without one
        attention = None
        if intent.lost >= 4:
            message = f"{effect.name} was sent {intent.lost + 1} times, and Azure never told how it went. Each further try looks first."
            attention = (str(ErrorCode.OUTCOME_UNKNOWN), message)
        return StepWaits(Wait(self._next_look(intent), attention=attention))

    async def _refused(self, effect: Effect[T], failure: CallFailure) -> T:
        intent = self.row.intent
        assert intent is not None  # noqa: S101  # an effect is never sent without one
        if failure.status == 409:
            found = await effect.look(intent)
            if isinstance(found, Started):
                return self._settled(found.evidence)
        if intent.lost == 0:
            self.row = replace(self.row, intent=None, started=intent.was_started)
            raise failure
        # an earlier send may still land: the refusal counts only once that cannot be
        if failure.kind is not FailureKind.THROTTLED:
            self.row = replace(self.row, intent=replace(intent, refusal=failure.problem))
        later = timedelta(seconds=failure.retry_after or 0)
        raise StepWaits(Wait(max(self._next_look(intent), self.clock.now() + later)))
