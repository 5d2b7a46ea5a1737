"""The tick: finds what is due, and queues it (CORE.md, "Dispatch").

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
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from shared.clock import Clock, to_text
from shared.operations.budgets import Budgets
from shared.operations.crash_points import crash_point
from shared.operations.identity import all_partitions
from shared.operations.messages import MAX_IDS, send_check, send_step
from shared.operations.rows import Active
from shared.operations.storage import Queues
from shared.operations.store import Store
from shared.operations.timings import dispatch_hold
from shared.operations.workflow import Workflows

_log = logging.getLogger(__name__)
_DUE_PER_PARTITION = 1000
_SIDE_BY_SIDE = 8
K = TypeVar("K")


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
    workflows: Workflows
    clock: Clock

    async def run(self) -> Ticked:
        """Look once through all partitions."""
        side_by_side = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def scan(partition: str) -> list[Active]:
            async with side_by_side:
                return await self.store.due(partition, _DUE_PER_PARTITION)

        due = [row for found in await asyncio.gather(*(scan(partition) for partition in all_partitions())) for row in found]
        steps = [row for row in due if not _is_check(row)]
        checks, held_back = await self._within_budget([row for row in due if _is_check(row)])
        pushed = await self._push([*steps, *checks])
        crash_point("tick.pushed")
        await self._queue(pushed)
        crash_point("tick.queued")
        done = sum(_is_check(row) for row in pushed)
        ticked = Ticked(len(due), len(pushed) - done, done, held_back)
        _log.info("tick", extra={"due": ticked.due, "steps": ticked.steps, "checks": ticked.checks, "heldBack": ticked.held_back})
        return ticked

    async def _within_budget(self, checks: Sequence[Active]) -> tuple[list[Active], int]:
        """Return the checks that each group's budget lets go now, the longest due first, and how many must wait."""
        released: list[Active] = []
        for group, rows in _by(checks, lambda row: row.group).items():
            count = await self.budgets.release(group.partition("#")[0], len(rows))
            released += sorted(rows, key=lambda row: row.next_at)[:count]
        return released, len(checks) - len(released)

    async def _push(self, due: Sequence[Active]) -> list[Active]:
        """Push `next_at` on under each row's ETag, and return the rows that were still as they were read."""
        until = to_text(self.clock.now() + dispatch_hold(self.clock.speed))
        pushed: list[Active] = []
        for rows in _by(due, lambda row: row.partition).values():
            pushed += await self.store.save_all([(replace(row, next_at=until, dispatched=True), None, False) for row in rows])
        return pushed

    async def _queue(self, pushed: Sequence[Active]) -> None:
        steps = [row for row in pushed if not _is_check(row)]
        for row in steps:
            await send_step(self.queues, self.workflows.of_kind(row.kind).step_queue, [row.id])
        for (kind, group), rows in _by([row for row in pushed if _is_check(row)], lambda row: (row.kind, row.group)).items():
            ids = sorted(row.id for row in rows)
            for start in range(0, len(ids), MAX_IDS):
                await send_check(self.queues, kind, group, ids[start : start + MAX_IDS])


def _is_check(row: Active) -> bool:
    return bool(row.group) and not row.announce and not row.tell and not row.cancel_requested


def _by(rows: Iterable[Active], key: Callable[[Active], K]) -> dict[K, list[Active]]:
    groups: dict[K, list[Active]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups
