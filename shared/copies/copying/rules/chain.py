"""Which copy of a chain may start, and when: pure decisions (docs/design/core.md, "Chains").

A chain is one source collection and one target collection. Azure copies one restore point of it at a time and in the order in
which they were taken; once a newer one has been started an older one can never be copied; three copies may be started in an
hour (docs/azure/restore-points.md). Copies are started in the portal too, so what the target collection shows is merged into the
head before each start.

How a step uses this, with `head` and waiters read in one query and every write of them one conditional transaction:

    decide → TakeTurn  → write take_turn(head, me), decide again
           → Look      → read the target collection and the instance views of `to_read`, write merge_observed, decide again
           → StartNow  → intent, PUT; then write after_start with the answer's Date
           → GiveWay   → write release(head, me), wake the other
           → WaitUntil → set nextAt, keeping the turn where this copy has it;  MovedOn → release, end with ChainMovedOn

What the head remembers of the target collection is eight characters of a hash per restore point (`seen`), replaced by what is
there at each look: names that are gone are forgotten, so it stays as small as the collection, which Azure limits to 500 per VM
(4,000 characters, where the names might need 40,000). A count would not do: a copy deleted and another begun between two looks
leave it unchanged. Two names of one hash would hide a foreign copy from the three an hour; Azure then answers 429.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

STARTS_PER_HOUR = 3
"""docs/azure/restore-points.md: "3 copies per hour per target collection"."""
WINDOW = timedelta(hours=1)
MARGIN = timedelta(seconds=5)
"""Azure counts its receipt by its own clock: the `Date` of its answer has whole seconds, and the local clock differs."""
FALLBACK = timedelta(hours=1)
"""The longest that a waiter sleeps: then it looks by itself whether the turn is free. A lost wake costs an hour at most."""
HASH_LENGTH = 8
_MAY_STILL_RUN = 3

REFRESH = timedelta(minutes=10)
"""How often Azure refreshes what it shows of a copy (docs/azure/restore-points.md)."""


@dataclass(frozen=True, slots=True)
class Start:
    """A copy that was started, here (`name` is the operation's id) or elsewhere (the restore point's name)."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The state of a chain.

    `current` is the operation whose turn it is. `started` are the last three starts, oldest first, with Azure's time and a margin.
    `last_taken_at` is when the newest restore point that was ever started had been taken. `foreign` is a copy that was not
    started here and was still running at the last look. `seen` are short hashes of what the target collection held then.
    """

    current: str | None = None
    started: tuple[Start, ...] = ()
    last_taken_at: datetime | None = None
    foreign: str | None = None
    seen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Waiter:
    """A copy that waits for its turn; the order is that of the source points' times, then of the operations' ids."""

    taken_at: datetime
    operation_id: str


@dataclass(frozen=True, slots=True)
class TakeTurn:
    """The turn is free: write `take_turn(head, me)` and decide again."""


@dataclass(frozen=True, slots=True)
class Look:
    """This copy has the turn and the head allows a start: read the target collection, then decide again."""


@dataclass(frozen=True, slots=True)
class StartNow:
    """This copy has the turn, the target collection has just been read, and nothing prevents the start."""


@dataclass(frozen=True, slots=True)
class GiveWay:
    """This copy has the turn, nothing was sent, and an older restore point waits now: release the turn and wake `to`.

    When `to` has no live row, remove its waiter's row and decide again instead.
    """

    to: str


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Look again at `at` (Azure's time), within an hour.

    `reason` is for a person. `behind` is the operation in the way, if one is: when it has no live row, remove its waiter's row (or
    treat the turn as free) and decide again. `for_azure` is true where only Azure can end the wait, which therefore has a limit.
    """

    at: datetime
    reason: str
    behind: str | None = None
    for_azure: bool = False


@dataclass(frozen=True, slots=True)
class MovedOn:
    """Azure will never copy it: one taken later, at `newer`, has been started."""

    newer: datetime


@dataclass(frozen=True, slots=True)
class ObservedPoint:
    """A restore point in the target collection.

    `taken_at` is when its *source* was taken, None when the source is gone (its own `timeCreated` will not do: it may be the
    copy's). `started_at` is when its copy was started, where that is known. `replicating` is None until its instance view was
    read.
    """

    name: str
    taken_at: datetime | None = None
    started_at: datetime | None = None
    replicating: bool | None = None


Decision = TakeTurn | Look | StartNow | GiveWay | WaitUntil | MovedOn


def decide(
    head: ChainHead, waiters: Iterable[Waiter], me: Waiter, now: datetime, *, current_is_live: bool, looked: bool = False
) -> Decision:
    """Decide what a waiting copy does now.

    `waiters` are the rows of the chain, with or without `me`, in any order; the first of those that can be copied are enough.
    `current_is_live` is true where the operation that
    has the turn has a live row. `looked` is true where the target collection was read, and merged into `head`, in this step. Call it only
    while no effect of this copy has an unknown outcome: a copy that may have started keeps the turn.
    """
    if (newer := moved_on(head, me.taken_at)) is not None:
        return newer
    waiting = list(waiters)
    first = next_waiter(head, [*waiting, me]) or me
    later = now + FALLBACK
    if head.current == me.operation_id:
        return GiveWay(first.operation_id) if first != me else _with_the_turn(head, now, looked=looked)
    if head.current is not None and current_is_live:
        return WaitUntil(later, "another copy of the chain has its turn; Azure copies one at a time", head.current)
    if first != me:
        return WaitUntil(later, "a restore point taken earlier is copied first", first.operation_id)
    return _too_early(head, now) or TakeTurn()


def _with_the_turn(head: ChainHead, now: datetime, *, looked: bool) -> Decision:
    if (wait := _too_early(head, now)) is not None:
        return wait
    if not looked:
        return Look()
    if head.foreign is not None:
        return WaitUntil(now + REFRESH, f"the copy '{head.foreign}', which was not started here, is still running", for_azure=True)
    return StartNow()


def _too_early(head: ChainHead, now: datetime) -> WaitUntil | None:
    allowed = next_allowed(head, now)
    if allowed <= now:
        return None
    return WaitUntil(min(allowed, now + FALLBACK), f"Azure starts at most {STARTS_PER_HOUR} copies an hour into one collection")


def next_allowed(head: ChainHead, now: datetime) -> datetime:
    """Return the first moment from `now` on at which three an hour allow another start, as far as the head knows."""
    if len(head.started) < STARTS_PER_HOUR:
        return now
    return max(now, head.started[-STARTS_PER_HOUR].at + WINDOW)


def moved_on(head: ChainHead, taken_at: datetime) -> MovedOn | None:
    """Return whether the chain has passed a restore point taken at `taken_at`: the rule of acceptance, of waiting and of the redo.

    "Once RP1 and RP3 are copied, RP2 can never be" (docs/azure/restore-points.md). What counts is that a newer one was started, however
    it ended; the last one that was started has not been passed by itself, so it may be redone.
    """
    if head.last_taken_at is None or head.last_taken_at <= taken_at:
        return None
    return MovedOn(head.last_taken_at)


def next_waiter(head: ChainHead, waiters: Iterable[Waiter]) -> Waiter | None:
    """Return the waiter whose turn is next, None where none can be copied any more; those that the chain has passed are left out."""
    return min((waiter for waiter in waiters if moved_on(head, waiter.taken_at) is None), default=None)


def take_turn(head: ChainHead, operation_id: str) -> ChainHead:
    """Give the turn to an operation for which `decide` returned `TakeTurn`."""
    return replace(head, current=operation_id)


def release(head: ChainHead, operation_id: str) -> ChainHead:
    """Take the turn back from an operation; another operation keeps its turn, so that this may be repeated."""
    return replace(head, current=None) if head.current == operation_id else head


def after_start(head: ChainHead, operation_id: str, taken_at: datetime, date: datetime) -> ChainHead:
    """Record that Azure has begun a copy that was started here; repeated, it changes nothing.

    `taken_at` is when the source point was taken. `date` is Azure's time: the `Date` of the answer to the PUT, or of the GET that
    first showed the copy; `MARGIN` is added here.
    """
    started = head.started
    if all(start.name != operation_id for start in started):
        started = _latest((*started, Start(operation_id, date + MARGIN)))
    seen = head.seen if _hash(operation_id) in head.seen else (*head.seen, _hash(operation_id))
    return replace(head, started=started, last_taken_at=_newest(head.last_taken_at, taken_at), seen=seen)


def to_read(head: ChainHead, points: Sequence[ObservedPoint], mine: str) -> tuple[str, ...]:
    """Return the names, at most three, of the restore points whose instance view must be read before a start.

    These are copies not started here that appeared since the last look or were running then, newest source first. Azure copies in
    order, so only the newest can still be running, or one whose age is unknown.
    """
    return tuple(point.name for point in _maybe_running(head, points, mine) if point.replicating is None)


def merge_observed(head: ChainHead, points: Sequence[ObservedPoint], mine: str, now: datetime) -> ChainHead:
    """Merge what the target collection holds: copies that were not started here use turns and the three an hour too.

    `points` is all that is there, `mine` the name of the copy about to start, `now` when it was read. What appeared since
    the last look counts as started now, whatever its `timeCreated` is, unless its start is known; at the very first look that
    is everything, which can delay a chain that was used before by one hour, once. One that appeared and whose instance view was not
    read is taken to be running.
    """
    fresh = [point for point in points if point.name != mine and _hash(point.name) not in head.seen]
    known = {start.name for start in head.started}
    appeared = (Start(point.name, (point.started_at or now) + MARGIN) for point in fresh if point.name not in known)
    running = [point.name for point in _maybe_running(head, points, mine) if point.replicating is not False]
    return replace(
        head,
        started=_latest((*head.started, *appeared)),
        last_taken_at=_newest(head.last_taken_at, *(point.taken_at for point in fresh if point.taken_at is not None)),
        foreign=running[0] if running else None,
        seen=tuple(sorted({_hash(point.name) for point in points if point.name != mine})),
    )


def _maybe_running(head: ChainHead, points: Sequence[ObservedPoint], mine: str) -> list[ObservedPoint]:
    others = [point for point in points if point.name != mine and (point.name == head.foreign or _hash(point.name) not in head.seen)]
    newest = _newest(*(point.taken_at for point in others))
    # one that failed may have been begun anew from the same source, so equal ones are looked at too
    latest = [point for point in others if point.taken_at == newest]
    undated = [point for point in others if point.taken_at is None]
    return [*(latest if newest is not None else ()), *undated][:_MAY_STILL_RUN]


def _latest(starts: Iterable[Start]) -> tuple[Start, ...]:
    return tuple(sorted(starts, key=lambda start: start.at))[-STARTS_PER_HOUR:]


def _newest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _hash(name: str) -> str:
    return hashlib.sha256(name.lower().encode()).hexdigest()[:HASH_LENGTH]
