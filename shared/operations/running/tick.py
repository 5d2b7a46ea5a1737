"""The tick: finds what is due, and queues it (docs/design/core.md, "Dispatch").

    tick 1                     storage            tick 2 (fired twice)
    due: row 7 (etag 4)        etag 4             due: row 7 (etag 4)
    merge nextAt, If 4   ->    etag 5
                               412  <-            merge nextAt, If 4
    queue: look at 7                              drops row 7

Between the two lines of tick 1 a crash costs the time that the row is held: then it comes due again.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from shared import telemetry
from shared.clock import Clock, to_text
from shared.operations.crash_points import crash_point
from shared.operations.model.identity import all_partitions
from shared.operations.model.kinds import Kinds
from shared.operations.model.rows import Active
from shared.operations.model.store import Store
from shared.operations.outside.messages import MAX_IDS, send_check, send_step
from shared.operations.running.budgets import Budgets
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


@dataclass(frozen=True, slots=True)
class Tick:
    """Dispatches what is due; a group of checks names the budget that they draw on."""

    store: Store
    queues: Queues
    budgets: Budgets
    kinds: Kinds
    clock: Clock

    async def run(self) -> Ticked:
        """Look once through all partitions."""
        found = await _a_few_at_a_time(self.store.due(partition, _DUE_PER_PARTITION) for partition in all_partitions())
        # what another app serves, or only a newer version side by side with this one during a deployment, is left to its tick
        due = [row for rows in found for row in rows if self.kinds.serves(row.kind) and not row.is_newer]
        queued = await self._still_queued(due)
        steps = [row for row in due if not row.awaits_check and row.id not in queued]
        checks, held_back = await self._within_budget([row for row in due if row.awaits_check])
        await self._push([row for row in due if row.id in queued], queued=False)
        pushed = await self._push([*steps, *checks])
        crash_point("tick.pushed")
        await self._queue(pushed)
        crash_point("tick.queued")
        done = sum(row.awaits_check for row in pushed)
        ticked = Ticked(len(due), len(pushed) - done, done, held_back)
        telemetry.count(Metric.TICK)
        _log.info("tick", extra={"due": ticked.due, "steps": ticked.steps, "checks": ticked.checks, "heldBack": ticked.held_back})
        return ticked

    async def _still_queued(self, due: Sequence[Active]) -> set[str]:
        """Return the ids of steps whose message is not lost but waits in its queue, behind one that is older still.

        Under a flood a queue may be longer than the hold: a second message for each row would make it longer yet.
        """
        sent = _by([row for row in due if row.dispatched and not row.awaits_check], lambda row: self.kinds.named(row.kind).step_queue)
        fronts = await _a_few_at_a_time(self._front(queue) for queue in sent)
        return {
            row.id
            for front, rows in zip(fronts, sent.values(), strict=True)
            for row in rows
            if front is not None and front <= (row.dispatched_at or row.created_at)
        }

    async def _front(self, queue: str) -> str | None:
        """Return when the message at the front of a queue was sent, Azure's time as text; None for an empty queue."""
        inserted = await self.queues.oldest(queue)
        if inserted is None:
            return None
        return to_text(self.clock.now() - (self.clock.wall() - inserted) * self.clock.speed)

    async def _within_budget(self, checks: Sequence[Active]) -> tuple[list[Active], int]:
        """Return the checks that each budget lets go now, the longest due first, and how many must wait."""
        budgets = _by(checks, lambda row: row.group.partition("#")[0])
        counts = await _a_few_at_a_time(self.budgets.release(budget, len(rows)) for budget, rows in budgets.items())
        released: list[Active] = []
        for rows, count in zip(budgets.values(), counts, strict=True):
            released += sorted(rows, key=lambda row: row.next_at)[:count]
        return released, len(checks) - len(released)

    async def _push(self, due: Sequence[Active], *, queued: bool = True) -> list[Active]:
        """Push `next_at` on under each row's ETag, and return the rows that were still as they were read.

        `queued` is false for rows for which no new message is sent.
        """
        now = self.clock.now()
        until, sent = to_text(now + dispatch_hold(self.clock.speed)), to_text(now)
        written = await _a_few_at_a_time(
            self.store.save_all(
                [
                    (replace(row, next_at=until, dispatched=True, dispatched_at=sent if queued else row.dispatched_at), None, False)
                    for row in rows
                ]
            )
            for rows in _by(due, lambda row: row.partition).values()
        )
        return [row for rows in written for row in rows]

    async def _queue(self, pushed: Sequence[Active]) -> None:
        steps = [row for row in pushed if not row.awaits_check]
        sends = [send_step(self.queues, self.kinds.named(row.kind).step_queue, [row.id]) for row in steps]
        for (kind, group), rows in _by([row for row in pushed if row.awaits_check], lambda row: (row.kind, row.group)).items():
            ids = sorted(row.id for row in rows)
            queue = self.kinds.named(kind).check_queue
            if queue is None:
                continue  # a newer version of this kind has checks
            sends += [send_check(self.queues, queue, kind, group, ids[start : start + MAX_IDS]) for start in range(0, len(ids), MAX_IDS)]
        await _a_few_at_a_time(sends)


async def _a_few_at_a_time(calls: Iterable[Awaitable[T]]) -> list[T]:
    """Await calls to storage side by side, eight at a time, and return their results in order."""
    room = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def one(call: Awaitable[T]) -> T:
        async with room:
            return await call

    return await asyncio.gather(*(one(call) for call in calls))


def _by(rows: Iterable[Active], key: Callable[[Active], K]) -> dict[K, list[Active]]:
    groups: dict[K, list[Active]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups
