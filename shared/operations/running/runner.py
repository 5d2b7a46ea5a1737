"""Runs the steps that are due under a claim, and announces the end (docs/design/core.md, "Claims and effects").

A message only names an id to look at: the row shows whether there is anything to do. A row whose `next_at` is still to come and for which
no message is on its way (`dispatched`) is left alone, so that a doubled message costs a read.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared import telemetry
from shared.clock import Clock, Ids, from_text, to_text
from shared.errors import CallFailure, ErrorCode, Problem
from shared.operations.accepting.locks import Locks
from shared.operations.crash_points import crash_point
from shared.operations.model.models import Attention, Operation, Status
from shared.operations.model.rows import Active
from shared.operations.model.store import Store
from shared.operations.outside.events import Events
from shared.operations.running.claims import CanceledFirst, Claim, ClaimLost
from shared.operations.running.effects import StepWaits, settled_at
from shared.operations.running.outcomes import End, Follow, Next, Outcome, Throttled, Wait, throttled_message, throttled_since
from shared.operations.running.workflow import Workflow, Workflows
from shared.operations.timings import ATTEMPTS_BEFORE_ATTENTION, THROTTLED_DELAY, Timings, dispatch_hold, retry_delay
from shared.storage.tables import Conflict
from shared.telemetry import Metric

_log = logging.getLogger(__name__)
_STEPS_IN_ONE_CLAIM = 20
RETRIES_CONTINUE = "Retries continue with increasing delay; call retry to run it now."


NotOwned = Callable[[str, Sequence[str]], Awaitable[str | None]]
"""Returns the first of some ARM ids that a tenant does not own now, by what is stored and not by what is remembered; else None."""


OnEnded = Callable[[Operation], Awaitable[None]]
"""What is done for an operation of any kind that has ended, before its end is announced; harmless to repeat."""


async def _nothing(_operation: Operation) -> None:
    return None


async def _all_owned(_tenant: str, _resource_ids: Sequence[str]) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Runner:
    """Carries operations forward."""

    store: Store
    locks: Locks
    events: Events
    workflows: Workflows
    clock: Clock
    ids: Ids
    timings: Timings
    not_owned: NotOwned = _all_owned
    on_ended: OnEnded = _nothing

    async def run(self, operation: str) -> None:
        """Run what is due of one operation; does nothing where nothing is, or where another worker is at it.

        Errors of storage are raised: the message shows again, the row holds what is known.
        """
        row = await self.store.active(operation)
        if row is None or row.is_newer or row.kind not in self.workflows or not self._is_due(row):
            return
        if row.announce:
            await self.announce(row)
            return
        claim = await self._claim(row)
        if claim is not None:
            await self._run_steps(claim)

    def _is_due(self, row: Active) -> bool:
        return row.dispatched or row.next_at <= to_text(self.clock.now())

    def _owned_by_another(self, row: Active) -> bool:
        if not row.lease_until:
            return False
        return self.clock.wall() < from_text(row.lease_until) + timedelta(seconds=self.timings.takeover)

    async def _claim(self, row: Active) -> Claim | None:
        """Take the row for this worker: a conditional write of a nonce and a lease; None where another has it."""
        if self._owned_by_another(row):
            return None
        held_since = self.clock.monotonic()
        attempts = row.attempts + 1
        claimed = replace(
            row,
            nonce=self.ids.new(),
            lease_until=to_text(self.clock.wall() + timedelta(seconds=self.timings.lease)),
            attempts=attempts,
            status=Status.RUNNING,
            next_at=to_text(self.clock.now() + max(retry_delay(attempts), dispatch_hold(self.clock.speed))),
        )
        if attempts > ATTEMPTS_BEFORE_ATTENTION:
            message = f"Step {row.step} has not completed after {row.attempts} attempts. {RETRIES_CONTINUE}"
            claimed = claimed.with_attention(ErrorCode.NO_PROGRESS, message, to_text(self.clock.now()))
        listed = claimed.status != row.status or claimed.attention != row.attention
        try:
            claimed = await self.store.save(claimed, listed=listed)
        except Conflict:
            return None
        crash_point("step.claimed")
        operation, detail = await self.store.documents(claimed)
        claim = Claim(
            claimed,
            operation,
            detail,
            store=self.store,
            clock=self.clock,
            ids=self.ids,
            timings=self.timings,
            held_since=held_since,
        )
        await self._deliver_commands(claimed)
        claim.acknowledge_commands()
        await self._publish(claim)
        return claim

    async def _deliver_commands(self, row: Active) -> None:
        """Deliver the commands that were taken to the workflow; again after a crash, until they are acknowledged in the row."""
        for command in row.pending_commands:
            await self.workflows[row.kind].on_command(row, command)

    async def _run_steps(self, claim: Claim) -> None:
        workflow = self.workflows[claim.row.kind]
        try:
            if claim.row.group and not claim.row.cancel_requested and claim.row.pending_input is None:
                await self._hand_over_to_checks(claim)
                return
            for _ in range(_STEPS_IN_ONE_CLAIM):
                outcome = await self._step(claim, workflow)
                if not isinstance(outcome, Next):
                    await self._end_step(claim, outcome)
                    return
                claim.move_to(outcome.step)
                if claim.dropped:
                    await self._release_dropped(claim)
            await self._end_step(claim, Wait(self.clock.now()))
        except ClaimLost:
            _log.warning("the claim was lost to another worker; nothing more is written", extra=_about(claim.row))

    async def _release_dropped(self, claim: Claim) -> None:
        """Release the locks that a step dropped before the next one starts an effect: a crash there would leave their rows behind."""
        await claim.commit(claim.current())
        await self.locks.release(claim.dropped, claim.id)
        claim.dropped = ()

    async def _hand_over_to_checks(self, claim: Claim) -> None:
        # only events were to be sent, or a person asked to look now: what is due is a check, and the tick dispatches it
        now = to_text(self.clock.now())
        await claim.commit(replace(claim.row, next_at=now, dispatched=False, attempts=0, lease_until=""))

    async def _step(self, claim: Claim, workflow: Workflow) -> "Outcome | Throttled | _NoProgress":
        """Run one step and return its outcome, whatever was raised; storage's own errors are raised on."""
        claim.is_tidying = claim.row.step == workflow.tidying
        if claim.row.cancel_requested and not claim.row.started and not claim.is_tidying:
            return self._canceled(claim, workflow)
        try:
            with telemetry.span(f"{claim.row.kind} {claim.row.step}", claim.row.trace, operation=claim.id, tenant=claim.row.tenant):
                changed = await self._changed_owner(claim, workflow)
                return changed or await workflow.steps[claim.row.step](claim)
        except StepWaits as waits:
            return waits.wait
        except CanceledFirst:
            return self._canceled(claim, workflow)
        except CallFailure as failure:
            return self._on_azure_error(claim, failure)
        except ClaimLost:
            raise
        except Exception as error:
            return self._on_exception(claim, error)

    def _canceled(self, claim: Claim, workflow: Workflow) -> Outcome:
        """Return the end of a canceled operation, or the step that removes what it made, once no effect can still arrive."""
        if workflow.tidying is None:
            return End(Status.CANCELED)
        if (intent := claim.row.intent) is not None and self.clock.now() < settled_at(intent):
            return Wait(settled_at(intent))
        claim.clear_intent()
        return Next(workflow.tidying)

    async def _changed_owner(self, claim: Claim, workflow: Workflow) -> End | None:
        """Return the end of an operation that is about to start on what its tenant no longer owns: the request was accepted from a cache.

        Only the first step looks: what has started is finished.
        """
        row = claim.row
        if row.step != next(iter(workflow.steps)) or row.started or row.intent is not None:
            return None
        subject = await self.not_owned(row.tenant, workflow.subjects(claim.operation))
        if subject is None:
            return None
        message = f"{subject} no longer belongs to the tenant '{row.tenant}'. Nothing was started."
        return End(Status.FAILED, Problem(ErrorCode.OWNER_CHANGED, message, subject))

    def _on_azure_error(self, claim: Claim, failure: CallFailure) -> "Throttled | _NoProgress":
        """Return the outcome of a call that the step did not handle: a wait where Azure asks for one, else an attempt without progress."""
        if failure.asks_to_wait:
            return Throttled(timedelta(seconds=max(failure.retry_after or 0, 15)), f"{failure.code}: {failure.message}")
        _log.warning("a step failed with an error of Azure; it is retried: %s", failure, extra=_about(claim.row))
        attempts = claim.row.attempts
        delay = max(retry_delay(attempts), timedelta(seconds=failure.retry_after or 0))
        message = f"Step {claim.row.step} failed {attempts} times, the last time with {failure.code}: {failure.problem.message}"
        return _NoProgress(self.clock.now() + delay, (ErrorCode.NO_PROGRESS, message) if attempts >= ATTEMPTS_BEFORE_ATTENTION else None)

    def _on_exception(self, claim: Claim, error: Exception) -> "_NoProgress":
        """Return the outcome of a step that raised: an attempt without progress, never the end of an operation."""
        _log.exception("a step failed; it is retried", extra=_about(claim.row))
        attempts = claim.row.attempts
        last = type(error).__name__
        message = f"Step {claim.row.step} failed {attempts} times, the last time with {last}. Search the log for operation {claim.id}."
        attention = (str(ErrorCode.NO_PROGRESS), message) if attempts >= ATTEMPTS_BEFORE_ATTENTION else None
        return _NoProgress(self.clock.now() + retry_delay(attempts), attention, broken=True)

    async def _end_step(self, claim: Claim, outcome: "Wait | Follow | End | Throttled | _NoProgress") -> None:
        if isinstance(outcome, End):
            await self._finish(claim, outcome)
            return
        now = to_text(self.clock.now())
        since, too_long = throttled_since(claim.row.throttled_since, self.clock.now())
        at = outcome.at if not isinstance(outcome, Throttled) else self._after_throttling(outcome, too_long=too_long)
        # an input that arrived while the step ran is handled at once, whatever the step waits for
        next_at = min(to_text(at), now) if claim.has_new_input else to_text(at)
        row = replace(claim.current(), next_at=next_at, dispatched=False, lease_until="")
        if isinstance(outcome, Throttled):
            row = replace(row, throttled_since=since, attempts=max(row.attempts - 1, 0))
            row = row.with_attention(ErrorCode.NO_PROGRESS, throttled_message(outcome.reason, since), now) if too_long else row
        elif isinstance(outcome, _NoProgress):
            known = claim.as_written() if outcome.broken else claim.without_progress()
            row = replace(known, next_at=next_at, dispatched=False, lease_until="")
            row = row.with_attention(*outcome.attention, now) if outcome.attention else row
        else:
            wanted = outcome.attention if isinstance(outcome, Wait) else None
            group = outcome.group if isinstance(outcome, Follow) else ""
            row = replace(row, step=outcome.step or row.step, attempts=0, throttled_since="", group=group)
            row = replace(row, writes=outcome.writes if isinstance(outcome, Wait) else "")
            if isinstance(outcome, Follow):
                row = replace(row, seen_at=now, ends_at=to_text(outcome.ends_at) if outcome.ends_at else "")
            row = row.with_attention(*wanted, now) if wanted else replace(row, attention=None)
            if isinstance(outcome, Wait) and outcome.event:
                row = replace(row, pending_events=(*row.pending_events, outcome.event))
        await self._write_and_publish(claim, row)
        crash_point("step.ended")

    def _after_throttling(self, outcome: Throttled, *, too_long: bool) -> datetime:
        return self.clock.now() + (max(outcome.delay, THROTTLED_DELAY) if too_long else outcome.delay)

    async def _write_and_publish(self, claim: Claim, row: Active) -> None:
        """Write the end of a step; with events to send, the row stays due until they are sent."""
        listed = _attention_code(row.attention) != _attention_code(claim.attention_written)
        meant = row.next_at
        if row.pending_events:
            row = replace(row, next_at=to_text(self.clock.now() + dispatch_hold(self.clock.speed)), dispatched=True)
        await claim.commit(row, listed=listed)
        if claim.dropped:
            await self.locks.release(claim.dropped, claim.id)
        if row.pending_events:
            await self._publish(claim)
            await claim.commit(replace(claim.row, next_at=meant, dispatched=False))

    async def _publish(self, claim: Claim) -> None:
        """Send the events that are yet to be sent; the row forgets them with its next write."""
        if not claim.row.pending_events:
            return
        operation = await self.store.get(claim.id)
        for what in claim.row.pending_events if operation else ():
            await self.events.publish(operation, what, claim.row.trace)  # type: ignore[arg-type]  # the loop is empty without one
        crash_point("step.delivered")
        claim.acknowledge_events()

    async def _finish(self, claim: Claim, end: End) -> None:
        row = replace(claim.current(), status=end.status, next_at=to_text(self.clock.now()), dispatched=True)
        if end.status is Status.SUCCEEDED:
            row = replace(row, percent=100)
        ended = await claim.finish(row, end.error, end.result)
        crash_point("finish.written")
        if claim.dropped:
            await self.locks.release(claim.dropped, claim.id)
        await self.announce(ended)

    async def announce(self, row: Active) -> None:
        """Release what the operation held, send the event of its end, remove its active row; each harmless to repeat."""
        workflow = self.workflows[row.kind]
        await self.locks.release((*row.locks, *row.dropped_locks), row.id)  # after a crash a dropped one may still be there
        await self._deliver_commands(row)
        await workflow.on_finished(row)
        crash_point("announce.released")
        operation = await self.store.get(row.id)
        if operation is not None:
            await self.on_ended(operation)
            await self.events.publish(await workflow.announced(operation), "terminal", row.trace)
            code = operation.error.code if operation.error else ""
            telemetry.count(Metric.ENDED, kind=row.kind, status=str(operation.status), tenant=row.tenant, code=str(code))
            _log.info("operation ended", extra=_about(row) | {"status": str(operation.status), "code": str(code)})
        crash_point("announce.sent")
        await self.store.remove(row)
        crash_point("announce.removed")


@dataclass(frozen=True, slots=True)
class _NoProgress:
    """A step that got nowhere: its attempt stays counted, and it is tried again at this moment."""

    at: datetime
    attention: tuple[str, str] | None = None
    broken: bool = False


def _about(row: Active) -> dict[str, str]:
    """What every line of the log about an operation carries."""
    return {"operation": row.id, "tenant": row.tenant, "kind": row.kind, "step": row.step}


def _attention_code(attention: Attention | None) -> str:
    return attention.code if attention else ""
