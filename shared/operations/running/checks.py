"""Batched checks: pure reads of the outside that take no lease (docs/design/core.md, "Checks").

Many rows are read in one range, the capability reads their state in Azure side by side, and the results are written in ETag batches; a row
that changed meanwhile is left out and checked again when its hold is over.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.clock import Clock, to_text
from shared.errors import ErrorCode
from shared.operations.crash_points import crash_point
from shared.operations.model import listing
from shared.operations.model.kinds import Kinds
from shared.operations.model.models import JsonObject
from shared.operations.model.rows import Active
from shared.operations.model.store import Store
from shared.operations.outside.events import Events
from shared.operations.outside.messages import CheckMessage, send_step
from shared.operations.running.outcomes import Checked, Unread, throttled_message, throttled_since
from shared.operations.running.workflow import Check, Workflows
from shared.operations.timings import ATTEMPTS_BEFORE_ATTENTION, THROTTLED_DELAY, dispatch_hold, retry_delay
from shared.storage.tables import Conflict, Queues

_log = logging.getLogger(__name__)
_HANDED_TOGETHER = 10
"""How many operations that go on with a step one message names: they are run one after another."""
Written = tuple[Active, JsonObject | None, bool]


@dataclass(frozen=True, slots=True)
class Checks:
    """Carries out check messages."""

    store: Store
    queues: Queues
    events: Events
    kinds: Kinds
    workflows: Workflows
    clock: Clock

    async def run(self, message: CheckMessage) -> None:
        """Check the operations of a message that are still due; errors of storage are raised, the tick finds the rows again."""
        found = await self.store.batch(message.ids, due_in=message.groups)
        rows = [row for row in found if row.kind == message.kind and row.awaits_check and not row.is_newer]
        check = self.workflows[message.kind].check
        if check is None:
            return
        held = message.held if not any(row.is_newer for row in found) else None
        if rows:
            await self._check(check, rows, held, shared=message.held is not None)
        elif held:
            await self.store.due_rows.delete([held])

    async def _check(self, check: Check, rows: Sequence[Active], held: tuple[str, str] | None, *, shared: bool) -> None:
        results = await _look(check, rows)
        crash_point("check.read")
        after = [self._after(row, results.get(row.id, Unread("no answer."))) for row in rows]
        written = await self._write([(self._held(row), detail, listed) for row, detail, listed in after], held, shared=shared)
        crash_point("check.written")
        meant = {row.id: row.next_at for row, _, _ in after}
        written = [await self._publish(row, meant[row.id]) if row.pending_events else row for row in written]
        await self._hand_over([row for row in written if not row.group])
        crash_point("check.queued")

    def _after(self, row: Active, result: Checked | Unread) -> Written:
        """Decide what a row is written as."""
        now = self.clock.now()
        if isinstance(result, Unread):
            return self._unread(row, result)
        after = replace(
            row,
            attempts=0,
            throttled_since="",
            dispatched=False,
            data=row.data if result.data is None else result.data,
            percent=row.percent if result.percent is None else result.percent,
            next_at=to_text(result.at or now),
            seen_at=to_text(now),
            ends_at=to_text(result.ends_at) if result.ends_at else "",
        )
        if result.step is not None:
            hold = to_text(now + dispatch_hold(self.clock.speed))
            after = replace(after, step=result.step, group="", dispatched=True, next_at=hold)
        after = after.with_attention(*result.attention, to_text(now)) if result.attention else replace(after, attention=None)
        return self._changed(row, after, result.detail)

    def _changed(self, row: Active, after: Active, detail: JsonObject | None) -> Written:
        """Return what is to be written: only when to check next, where the result is that of the check before."""
        known = detail is not None and row.has_detail and listing.seen_as(detail, row) == row.seen_as
        if (known or detail is None) and listing.shown_as(after) == listing.shown_as(row):
            return after, None, False
        after = replace(after, updated_at=to_text(self.clock.now()))
        if detail is not None:
            after = replace(after, seen_as=listing.seen_as(detail, after))
        return after, None if known else detail, _code(after) != _code(row)

    def _unread(self, row: Active, result: Unread) -> Written:
        """Count a check without a result, unless Azure only asked it to wait; after the fifth, or after hours of these, the row gets
        attention.
        """
        if result.throttled:
            return self._throttled(row, result)
        now = self.clock.now()
        attempts = row.attempts + 1
        delay = max(retry_delay(attempts), timedelta(seconds=result.retry_after or 0))
        after = replace(row, attempts=attempts, dispatched=False, next_at=to_text(now + delay))
        if attempts >= ATTEMPTS_BEFORE_ATTENTION:
            message = f"Progress could not be read after {attempts} attempts: {result.reason} Retries continue with increasing delay."
            after = after.with_attention(ErrorCode.NO_PROGRESS, message, to_text(now))
        return after, None, _code(after) != _code(row)

    def _throttled(self, row: Active, result: Unread) -> Written:
        now = self.clock.now()
        since, too_long = throttled_since(row.throttled_since, now)
        least = THROTTLED_DELAY if too_long else retry_delay(row.attempts)
        delay = max(least, timedelta(seconds=result.retry_after or 0))
        after = replace(row, throttled_since=since, dispatched=False, next_at=to_text(now + delay))
        if too_long:
            after = after.with_attention(ErrorCode.NO_PROGRESS, throttled_message(result.reason, since), to_text(now))
        return after, None, _code(after) != _code(row)

    async def _write(self, written: Sequence[Written], held: tuple[str, str] | None, *, shared: bool) -> list[Active]:
        partitions: dict[str, list[Written]] = defaultdict(list)
        for item in written:
            partitions[item[0].partition].append(item)
        done: list[Active] = []
        for partition, items in partitions.items():
            done += await self.store.save_all(items, shared=shared, held=held if held and held[0] == partition else None)
        if len(done) < len(written):
            _log.info("rows changed while they were checked", extra={"rows": len(written) - len(done)})
        return done

    async def _hand_over(self, rows: Sequence[Active]) -> None:
        kinds = defaultdict(list)
        for row in rows:
            kinds[row.kind].append(row.id)
        for kind, ids in kinds.items():
            for start in range(0, len(ids), _HANDED_TOGETHER):
                await send_step(self.queues, self.kinds.named(kind).step_queue, ids[start : start + _HANDED_TOGETHER])

    def _held(self, row: Active) -> Active:
        """Return the row as it is until its events are sent: due soon, whenever it is to be checked again."""
        hold = to_text(self.clock.now() + dispatch_hold(self.clock.speed))
        return replace(row, next_at=min(row.next_at, hold)) if row.pending_events else row

    async def _publish(self, row: Active, next_at: str) -> Active:
        """Send the events of a row; a crash before they are removed sends them again, under the same ids."""
        operation = await self.store.get(row.id)
        for what in row.pending_events if operation else ():
            await self.events.publish(operation, what, row.trace)  # type: ignore[arg-type]  # the loop is empty without one
        try:
            return await self.store.save(replace(row, pending_events=(), next_at=next_at))
        except Conflict:
            return row


async def _look(check: Check, rows: Sequence[Active]) -> Mapping[str, Checked | Unread]:
    """Check rows side by side; where that fails, one by one: a row on which the check itself fails is counted and stops no other."""
    try:
        return await check(rows)
    except Exception as error:
        one = {"operation": rows[0].id, "tenant": rows[0].tenant} if len(rows) == 1 else {}
        _log.exception("a check of %d operations failed", len(rows), extra=one | {"kind": rows[0].kind, "group": rows[0].group})
        if len(rows) == 1:
            return {rows[0].id: Unread(f"the check failed with {type(error).__name__}.")}
    results: dict[str, Checked | Unread] = {}
    for row in rows:
        results |= await _look(check, [row])
    return results


def _code(row: Active) -> str:
    return row.attention.code if row.attention else ""
