"""Operations on one data center take turns: the queue in its record, the step that waits, and who is woken next."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from shared.clock import to_text
from shared.data_centers.kinds import Action
from shared.data_centers.records.record import DataCenter, DataCenterState, Pending
from shared.data_centers.records.state import OperationState
from shared.data_centers.rules import turns as rules
from shared.data_centers.steps.claim import DataCenterClaim, Tools
from shared.errors import ErrorCode, Problem, Refused
from shared.operations.model.rows import Active
from shared.operations.running.outcomes import Next, Outcome, Wait
from shared.operations.timings import FREE_LOCK_AFTER
from shared.storage.tables import Conflict

_FALLBACK: Final = timedelta(minutes=10)
"""When a waiter looks by itself, should the one that wakes it be lost."""
_TRIES: Final = 20
FIRST_STEPS: Final = {
    Action.CREATE: "checking",
    Action.CHANGE: "checkingChange",
    Action.SUSPEND: "recording",
    Action.RESUME: "activating",
    Action.DELETE: "checkingDeletion",
    Action.NEW_SECRET: "renewingSecret",
}


@dataclass(frozen=True, slots=True)
class Turns:
    """The queue of each data center."""

    tools: Tools

    async def join(self, tenant: str, data_center: str, operation: str, action: Action) -> None:
        """Add an operation at the end; refuses with `TooManyPending`, `NotFound` and `DataCenterGone`."""
        for _ in range(_TRIES):
            stored = await self.tools.store.get(tenant, data_center)
            if stored is None:
                raise Refused(ErrorCode.NOT_FOUND, f"Data center '{data_center}' was not found.")
            record = stored.document
            if record.state.gone:
                raise gone(record)
            joined = rules.join(record.pending, operation, action, self.tools.clock.wall())
            if isinstance(joined, rules.Full):
                raise too_many(record)
            if joined == record.pending:
                return
            try:
                await self.tools.store.replace(stored, record.model_copy(update={"pending": joined}))
            except Conflict:
                continue
            return
        raise Refused(ErrorCode.SERVICE_UNAVAILABLE, "The data center is being changed by others. Send the request again.", retry_after=1)

    async def leave(self, tenant: str, data_center: str, operation: str) -> DataCenter | None:
        """Remove an operation, and return the record; None where there is none."""
        if await self.tools.store.get(tenant, data_center) is None:
            return None

        def change(record: DataCenter) -> DataCenter:
            return record.model_copy(update={"pending": rules.leave(record.pending, operation)})

        return await self.tools.store.change(tenant, data_center, change)

    async def waiting(self, dc: DataCenterClaim) -> Outcome:
        """Wait for the turn; then begin, or end where the order before it has failed."""
        record = dc.record
        if record.attempt != dc.state.attempt:  # the order before it failed, and the data center was ordered anew
            return self._not_found(dc)
        if rules.has_turn(record.pending, dc.id):
            return self._begin(dc)
        live = [one.operation_id for one in record.pending if await self._is_live(one.operation_id)]
        dropped = rules.droppable(record.pending, live, self.tools.clock.wall())
        if dropped:
            dc.record = record = await self.tools.store.change(
                record.tenant, record.id, lambda now: now.model_copy(update={"pending": _without(now, dropped)})
            )
            if rules.has_turn(record.pending, dc.id):
                return self._begin(dc)
        if not any(one.operation_id == dc.id for one in record.pending):
            await self.join(record.tenant, record.id, dc.id, dc.state.action)
        near = FREE_LOCK_AFTER if len(live) < len(record.pending) else _FALLBACK
        return Wait(self.tools.clock.now() + near)

    def _begin(self, dc: DataCenterClaim) -> Outcome:
        there = dc.record.state in {DataCenterState.ACTIVE, DataCenterState.SUSPENDED}
        if not there and dc.state.action is not Action.CREATE:
            return self._not_found(dc)
        return Next(FIRST_STEPS[dc.state.action])

    def _not_found(self, dc: DataCenterClaim) -> Outcome:
        message = f"The data center '{dc.record.id}' was not found: it is {dc.record.state}."
        return dc.ended(Problem(ErrorCode.NOT_FOUND, message, "target"))

    async def on_finished(self, row: Active) -> None:
        """Remove an operation that has ended from the queue, and wake the next; harmless to repeat."""
        state = OperationState.of(dict(row.data))
        record = await self.leave(row.tenant, state.target, row.id)
        if record is not None and record.pending:
            await self._wake(record.pending[0].operation_id)

    async def _is_live(self, operation: str) -> bool:
        row = await self.tools.operations.active(operation)
        return row is not None and not row.announce

    async def _wake(self, operation: str) -> None:
        """Have a waiter looked at now, if it sleeps or is just deciding to."""
        now = to_text(self.tools.clock.now())
        for _ in range(_TRIES):
            row = await self.tools.operations.active(operation)
            if row is None or row.announce or (row.next_at <= now and not row.lease_until):
                return
            try:
                await self.tools.operations.save(replace(row, next_at=now))
            except Conflict:
                continue
            return


def _without(record: DataCenter, dropped: tuple[str, ...]) -> tuple[Pending, ...]:
    return tuple(one for one in record.pending if one.operation_id not in dropped)


def gone(record: DataCenter) -> Refused:
    """Return the refusal of a write on a data center of which nothing is left."""
    if record.state is DataCenterState.DELETED:
        message = f"The data center '{record.id}' was deleted."
    else:
        message = f"The order of the data center '{record.id}' failed. Order it again with PUT."
    return Refused(ErrorCode.DATA_CENTER_GONE, message, target="target")


def too_many(record: DataCenter) -> Refused:
    """Return the refusal of one more operation than can wait."""
    message = f"{len(record.pending)} operations of the data center '{record.id}' have not ended. Wait until some have."
    return Refused(ErrorCode.TOO_MANY_PENDING, message, target="target")
