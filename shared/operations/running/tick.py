"""The tick: finds what is due, and queues it (docs/design/core.md, "Dispatch").

    tick 1                        storage            tick 2 (fired twice)
    due: entry of 7 (etag 4)      etag 4             due: entry of 7 (etag 4)
    move entry and nextAt    ->   entry later
                                  404  <-            move entry and nextAt
    queue: step of 7                                 drops 7

Between the two lines of tick 1 a crash costs the time that the operation is held: then it comes due again.

Only entries that are due are read (`due.py`). What an older version wrote may have no entry: the first tick of a process, and then one in
each hold, ranges over the active rows and gives those that are due their entries.
"""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from shared import telemetry
from shared.clock import Clock, to_text
from shared.operations.crash_points import crash_point
from shared.operations.model.due import Due
from shared.operations.model.identity import all_partitions
from shared.operations.model.kinds import Kinds
from shared.operations.model.store import Store
from shared.operations.outside.messages import CheckMessage, send_check, send_step
from shared.operations.running.budgets import Budgets, calls_of
from shared.operations.running.order import affordable, most_urgent
from shared.operations.timings import dispatch_hold
from shared.storage.tables import Queues
from shared.telemetry import Metric

_log = logging.getLogger(__name__)
# all that is due, within reason: of those that the budget holds back the longest due must be found, and no step waits behind them
_DUE_PER_PARTITION = 20_000
_SIDE_BY_SIDE = 8
K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ticked:
    """What a tick did: rows that were due, steps and checks that it queued, checks that the budget held back."""

    due: int
    steps: int
    checks: int
    held_back: int


@dataclass(slots=True)
class Sweeps:
    """When this process is to sweep next, Azure's time; None: at once."""

    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Dispatches what is due; a group of checks names the budget that they draw on."""

    store: Store
    queues: Queues
    budgets: Budgets
    kinds: Kinds
    clock: Clock
    sweeps: Sweeps = field(default_factory=Sweeps)

    async def run(self) -> Ticked:
        """Dispatch once what is due in all partitions."""
        await self._sweep()
        found = await _a_few_at_a_time(self.store.due_rows.read(partition, _DUE_PER_PARTITION) for partition in all_partitions())
        # what another app serves, or only a newer version side by side with this one during a deployment, is left to its tick
        due = [entry for entries in found for entry in entries if self.kinds.serves(entry.kind) and not entry.is_newer]
        queued = await self._still_queued(due)
        # checks first: what runs is followed before more of the same budget is begun, and it takes few of the calls of a beginning
        checks, held_back = await self._within_budget([entry for entry in due if entry.awaits_check])
        steps = await self._within_calls([entry for entry in due if not entry.awaits_check and entry.id not in queued])
        await self._hold([entry for entry in due if not entry.awaits_check and entry.id in queued], queued=False)
        held_steps, held_checks = await asyncio.gather(self._hold(steps), self._hold_checks(checks))
        crash_point("tick.pushed")
        await self._queue(held_steps, held_checks)
        crash_point("tick.queued")
        ticked = Ticked(_count(due), len(held_steps), _count(held_checks), held_back)
        telemetry.count(Metric.TICK)
        _log.info("tick", extra={"due": ticked.due, "steps": ticked.steps, "checks": ticked.checks, "heldBack": ticked.held_back})
        return ticked

    async def _sweep(self) -> None:
        """Give rows of an older version what they lack, where that was not done for the time of a hold: the entries of those that are due,
        and the list rows of those that need attention.
        """
        now = self.clock.now()
        if self.sweeps.due_at is not None and now < self.sweeps.due_at:
            return
        found = await _a_few_at_a_time(self.store.due_rows.late(partition, _DUE_PER_PARTITION) for partition in all_partitions())
        late = [[row for row in rows if self.kinds.serves(row.kind) and not row.is_newer] for rows in found]
        await _a_few_at_a_time(self.store.save_all([(row, None, False) for row in rows]) for rows in late if rows)
        await _a_few_at_a_time(self.store.mend_attention_list(partition, self.kinds.serves) for partition in all_partitions())
        self.sweeps.due_at = now + dispatch_hold(self.clock.speed)
        if count := sum(map(len, late)):
            _log.info("rows without an entry were due", extra={"rows": count})

    async def _still_queued(self, due: Sequence[Due]) -> set[str]:
        """Return the ids of steps whose message is not lost but waits in its queue, behind one that is older still.

        Under a flood a queue may be longer than the hold: a second message for each row would make it longer yet.
        """
        sent = _by(
            [entry for entry in due if entry.sent_at and not entry.awaits_check], lambda entry: self.kinds.named(entry.kind).step_queue
        )
        fronts = await _a_few_at_a_time(self._front(queue) for queue in sent)
        return {
            entry.id
            for front, entries in zip(fronts, sent.values(), strict=True)
            for entry in entries
            if front is not None and front <= entry.sent_at
        }

    async def _front(self, queue: str) -> str | None:
        """Return when the message at the front of a queue was sent, Azure's time as text; None for an empty queue."""
        inserted = await self.queues.oldest(queue)
        if inserted is None:
            return None
        return to_text(self.clock.now() - (self.clock.wall() - inserted) * self.clock.speed)

    async def _within_budget(self, checks: Sequence[Due]) -> tuple[list[Due], int]:
        """Return the checks that each budget lets go now, the most urgent first, and how many must wait."""
        wanted = Counter(one.budget for entry in checks for one in entry.waiting)
        counts = await self.budgets.release_each(wanted)
        if all(counts[budget] >= count for budget, count in wanted.items()):
            return list(checks), 0
        chosen = most_urgent(checks, counts, self.clock.now().timestamp())
        released = [
            checks[number] if len(operations) == len(checks[number].ids) else await self.store.due_rows.cut(checks[number], operations)
            for number, operations in chosen.items()
        ]
        return released, _count(checks) - _count(released)

    async def _within_calls(self, steps: Sequence[Due]) -> list[Due]:
        """Return the steps that may go now: those that name no budget, and of the others those that each budget suffices for.

        The longest due go first; the others stay due. One goes wherever a budget lets anything go, however many calls it makes.
        """
        budgets = _by([entry for entry in steps if entry.writes], lambda entry: calls_of(entry.writes)[0])
        counts = await self.budgets.release_each({key: sum(calls_of(one.writes)[1] for one in found) for key, found in budgets.items()})
        calling = [entry for key, entries in budgets.items() for entry in affordable(entries, counts[key])]
        return [entry for entry in steps if not entry.writes] + calling

    async def _hold(self, due: Sequence[Due], *, queued: bool = True) -> list[Due]:
        """Hold steps, and return those whose entries were still as they were read.

        `queued` is false for those for which no new message is sent.
        """
        now = self.clock.now()
        until, sent = to_text(now + dispatch_hold(self.clock.speed)), to_text(now) if queued else ""
        held = await _a_few_at_a_time(
            self.store.due_rows.hold(entries, until, sent) for entries in _by(due, lambda entry: entry.partition).values()
        )
        return [entry for entries in held for entry in entries]

    async def _hold_checks(self, due: Sequence[Due]) -> list[Due]:
        """Hold checks, and return the entries that hold those which were still as they were read."""
        now = self.clock.now()
        until, sent = to_text(now + dispatch_hold(self.clock.speed)), to_text(now)
        partitions = _by(due, lambda entry: entry.partition).values()
        held = await _a_few_at_a_time(self.store.due_rows.hold_checks(entries, until, sent) for entries in partitions)
        return [entry for entries in held for entry in entries]

    async def _queue(self, steps: Sequence[Due], checks: Sequence[Due]) -> None:
        sends = [send_step(self.queues, self.kinds.named(entry.kind).step_queue, [entry.id]) for entry in steps]
        for entry in checks:
            queue = self.kinds.named(entry.kind).check_queue
            if queue is None:
                continue  # a newer version of this kind has checks
            held = (entry.partition, entry.key) if entry.is_shared else None
            message = CheckMessage(entry.kind, entry.message_groups, tuple(sorted(entry.ids)), held)
            sends.append(send_check(self.queues, queue, message))
        await _a_few_at_a_time(sends)


async def _a_few_at_a_time(calls: Iterable[Awaitable[T]]) -> list[T]:
    """Await calls to storage side by side, eight at a time, and return their results in order."""
    room = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def one(call: Awaitable[T]) -> T:
        async with room:
            return await call

    return await asyncio.gather(*(one(call) for call in calls))


def _count(entries: Iterable[Due]) -> int:
    return sum(len(entry.ids) for entry in entries)


def _by(entries: Iterable[Due], key: Callable[[Due], K]) -> dict[K, list[Due]]:
    groups: dict[K, list[Due]] = defaultdict(list)
    for entry in entries:
        groups[key(entry)].append(entry)
    return groups
