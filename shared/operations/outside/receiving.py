"""Receives what other systems send: each message becomes an operation, a command or input for one, or a rejected message; none disappears.

Storage hands a message out again when this fails; the fifth time it is rejected here, before the platform would move it to a
poison queue under another id (docs/design/core.md, "The row is the truth").
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from shared import telemetry
from shared.errors import ErrorCode, Problem, Refused
from shared.operations.outside.intake import Intake, decode, replay_of, understand
from shared.operations.outside.rejected import RejectedMessage, RejectedMessages
from shared.telemetry import Metric

_log = logging.getLogger(__name__)
MAX_DELIVERIES = 5


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as the platform hands it over: `inserted_at` is when it was put on its queue, `count` which delivery this is."""

    queue: str
    message_id: str
    raw: bytes
    inserted_at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Receiver:
    """Receives deliveries of intake queues. `provider` gives the name of the tenant that messages without one belong to."""

    rejected: RejectedMessages
    provider: Callable[[], Awaitable[str]]

    async def receive(
        self, delivery: Delivery, kinds: frozenset[str], carry_out: Callable[[Intake], Awaitable[None]], *, qualified: bool = False
    ) -> None:
        """Carry a message out, or reject it with the reason; raises what may pass, so that the message shows again.

        `kinds` are those of the queue; with `qualified` each message names its kind and its tenant.
        """
        intake: Intake | None = None
        try:
            intake = await self._understand(delivery, kinds, qualified=qualified)
            with telemetry.span(f"receive {delivery.queue}", intake.trace or ""):
                await carry_out(replace(intake, trace=telemetry.current_traceparent(intake.trace)))
        except Refused as refused:
            if refused.may_pass and delivery.count < MAX_DELIVERIES:
                raise
            await self._reject(delivery, intake, _of_a_message(refused.problem), may_have_been_accepted=False)
        except Exception as error:
            if delivery.count < MAX_DELIVERIES:
                raise
            _log.exception("message %s of %s failed for the fifth time", delivery.message_id, delivery.queue)
            last = type(error).__name__
            reason = f"Processing failed {delivery.count} times, the last time with {last}. Search the log for {delivery.message_id}."
            await self._reject(delivery, intake, Problem(ErrorCode.INTERNAL_ERROR, reason), may_have_been_accepted=True)

    async def reject_poisoned(self, delivery: Delivery) -> None:
        """Reject a message that the platform moved to a poison queue: its processing never ended."""
        reason = "The message was delivered five times and its processing did not end."
        await self._reject(delivery, None, Problem(ErrorCode.INTERNAL_ERROR, reason), may_have_been_accepted=True)

    async def _understand(self, delivery: Delivery, kinds: frozenset[str], *, qualified: bool) -> Intake:
        message = decode(delivery.raw)
        if replay_of(message) is None:
            intake = understand(message, kinds, qualified=qualified)
            return intake if intake.key else replace(intake, key=_own_key(delivery))
        kept = await self._replayed(delivery)
        if kept is None:
            raise Refused(
                ErrorCode.NOT_FOUND, "The message replays a rejected message that this queue does not have.", target="farshoreReplay"
            )
        intake = understand(decode(kept.body.encode()), kinds, qualified=qualified)
        return intake if intake.key else replace(intake, key=kept.key)

    async def _reject(self, delivery: Delivery, intake: Intake | None, reason: Problem, *, may_have_been_accepted: bool) -> None:
        # a replay is kept as the message that it replayed, under its key: who replays it once more still means the same request
        kept = await self._replayed(delivery)
        tenant = (intake.tenant if intake else None) or (kept.tenant if kept else None) or await self.provider()
        await self.rejected.reject(
            delivery.queue,
            delivery.message_id,
            delivery.inserted_at,
            kept.body.encode() if kept else delivery.raw,
            reason,
            tenant=tenant,
            key=(intake.key if intake else None) or (kept.key if kept else None) or _own_key(delivery),
            may_have_been_accepted=may_have_been_accepted or (kept is not None and kept.may_have_been_accepted),
        )
        telemetry.count(Metric.REJECTED, queue=delivery.queue, code=str(reason.code))
        _log.warning("message rejected", extra={"queue": delivery.queue, "messageId": delivery.message_id, "code": str(reason.code)})

    async def _replayed(self, delivery: Delivery) -> RejectedMessage | None:
        """Return the rejected message of the same queue that a message replays, or None."""
        try:
            rejected = replay_of(decode(delivery.raw))
        except Refused:
            return None
        kept = await self.rejected.get(rejected) if rejected else None
        return kept if kept is not None and kept.queue == delivery.queue else None


def _of_a_message(problem: Problem) -> Problem:
    """Return a problem as the sender of a message reads it: what over HTTP is a header is its `id` here."""
    return replace(problem, target="id") if problem.code == ErrorCode.REPEATABILITY_KEY_REUSED else problem


def _own_key(delivery: Delivery) -> str:
    return f"message {delivery.message_id}"
