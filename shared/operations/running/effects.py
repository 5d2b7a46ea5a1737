"""Effects: calls that change Azure, each started at most once where it must not be repeated (docs/design/core.md, "Claims and effects").

The intent of an effect is written to the row before the effect is sent. `decide_absent` and `decide_busy` are the rules for an unknown
outcome and for a resource on which another operation works; `perform` applies them to a claimed row.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from shared.clock import Clock, from_text
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.operations.crash_points import crash_point
from shared.operations.model.models import Busy, Intent
from shared.operations.model.rows import Active
from shared.operations.running.outcomes import Throttled, Wait

T = TypeVar("T")

LOOKS = tuple(timedelta(minutes=minutes) for minutes in (0.5, 2, 5, 10))
"""When to look again after an answer was lost, counted from the send in Azure's time; after the last, every ten minutes."""
BUSY_LIMIT = timedelta(minutes=30)
"""How long an effect is sent again while Azure refuses it for a reason that may pass: another operation on the resource, a 404."""
BUSY_REFUSALS = 5
"""How often such an effect must have been refused before a refusal counts."""
BUSY_DELAY = timedelta(seconds=30)
"""The least time between two sends of such an effect."""
_LOST_BEFORE_ATTENTION = 4
_CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Started(Generic[T]):
    """The effect began; `evidence` shows it."""

    evidence: T


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing shows that the effect began."""


@dataclass(frozen=True, slots=True)
class Effect(Generic[T]):
    """A call that changes Azure, and how to find out whether it began.

    `send` gets the client request id and returns evidence of the start; it raises `CallFailure`. `look` finds what an earlier send began.
    `repeatable` is true where sending again does no harm once nothing is found; `harmless` is the reason why a late or second send does
    none. `preparation` is true for what comes before the operation's own effect: it does not prevent a cancellation. What is sent again
    carries a new client request id, because a service may answer a known one from a cache; `keeps_request_id` is true where the id is
    what an earlier send is found by.
    """

    name: str
    send: Callable[[str], Awaitable[T]]
    look: Callable[[Intent], Awaitable[Started[T] | Absent]]
    harmless: str
    repeatable: bool = True
    preparation: bool = False
    keeps_request_id: bool = False


class StepWaits(Exception):  # noqa: N818  # a way out of a step, not a defect
    """The step cannot continue now; `wait` holds the time of the next try."""

    def __init__(self, wait: Wait | Throttled) -> None:
        super().__init__(str(wait))
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Send:
    """Decision: send the effect (again)."""


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Decision: look again at `at`; `unknown` is true where a person has to resolve the outcome."""

    at: datetime
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class NotStarted:
    """Decision: the effect did not begin, Azure's refusal of it counts."""

    refusal: Problem


def next_look(intent: Intent, now: datetime) -> datetime:
    """Return when to look next for an effect of unknown outcome: later, the more of its sends were lost."""
    last = from_text(intent.last)
    delays = LOOKS[min(intent.lost, len(LOOKS) - 1) :]
    return next((last + delay for delay in delays if last + delay > now), now + LOOKS[-1])


def settled_at(intent: Intent) -> datetime:
    """Return from when on no earlier send of an effect can still arrive."""
    return from_text(intent.last) + LOOKS[-1]


def decide_absent(intent: Intent, *, repeatable: bool, now: datetime) -> Send | LookAgain | NotStarted:
    """Decide on an effect of unknown outcome of which a look found nothing.

    A refusal counts only ten minutes after the last send, when no earlier send can still land. A repeatable effect is sent again at once,
    any other never.
    """
    waited_long_enough = now >= settled_at(intent)
    if intent.refusal is not None:
        return NotStarted(intent.refusal) if waited_long_enough else LookAgain(next_look(intent, now))
    if repeatable:
        return Send()
    return LookAgain(next_look(intent, now), unknown=waited_long_enough)


def decide_busy(before: Busy | None, now: datetime, retry_after: float | None) -> float | None:
    """Return after how many seconds to send an effect again that Azure refuses as busy; None once the limit is reached.

    `before` is what is known of earlier refusals. The limit is one of time and of their number: where other faults lie between two sends,
    few of them fit into the time.
    """
    if before is not None and before.refusals + 1 >= BUSY_REFUSALS and now - from_text(before.since) >= BUSY_LIMIT:
        return None
    return max(retry_after or 0.0, BUSY_DELAY.total_seconds())


class ClaimedRow(Protocol):
    """The claimed row as `perform` reads and changes it."""

    @property
    def clock(self) -> Clock:
        """The clock."""
        ...

    @property
    def row(self) -> Active:
        """The row as it is now."""
        ...

    @property
    def effect_timeout(self) -> float:
        """Seconds that an effect may take."""
        ...

    async def write_intent(self, effect: str, *, own: bool, keeps_request_id: bool = False) -> Intent:
        """Write the intent and renew the lease; raises `CanceledFirst`, `ClaimLost`."""
        ...

    def may_send(self) -> bool:
        """Whether enough of the lease is left to send an effect."""
        ...

    def withdraw_intent(self, before: Intent | None) -> None:
        """Undo `write_intent`, because nothing was sent."""
        ...

    def settle_intent(self) -> None:
        """Clear the intent of an effect that began."""
        ...

    def clear_intent(self) -> None:
        """Clear the intent of an effect that did not begin."""
        ...

    def note_refusal(self, refusal: Problem) -> None:
        """Keep a refusal in the intent while an earlier send may still land."""
        ...

    def busy_with(self, effect: str) -> Busy | None:
        """Since when and how often Azure refuses the effect as busy, or None."""
        ...

    def note_busy(self, effect: str) -> None:
        """Note that Azure refuses the effect as busy, since now where it did not before."""
        ...

    def clear_busy(self) -> None:
        """Clear what `note_busy` noted."""
        ...


async def perform(claim: ClaimedRow, effect: Effect[T]) -> T:
    """Start an effect once, or find the start that an earlier claim made, and return its evidence.

    Raises `CallFailure` for a definite refusal (nothing began), THROTTLED where it is to be sent again later; `StepWaits` while the outcome
    is unknown, `CanceledFirst` and `ClaimLost`.
    """
    intent = claim.row.intent
    if intent is not None and intent.effect == effect.name:
        found = await _look(effect, intent)
        if isinstance(found, Started):
            return _settled(claim, found.evidence)
        _after_absence(claim, effect, intent)
    return await _send(claim, effect)


async def _look(effect: Effect[T], intent: Intent) -> Started[T] | Absent:
    """Look for an effect; a look that Azure refuses shows nothing, and must not count as a refusal of the effect itself.

    A conflict is a result: what is there under the effect's name is something else.
    """
    try:
        return await effect.look(intent)
    except CallFailure as failure:
        if failure.kind not in {FailureKind.REFUSED, FailureKind.NOT_FOUND} or failure.status == _CONFLICT:
            raise
        code, message, later = failure.code, failure.message, failure.retry_after
        raise CallFailure(FailureKind.IN_DOUBT, code=code, message=message, status=failure.status, retry_after=later) from failure


def _settled(claim: ClaimedRow, evidence: T) -> T:
    claim.settle_intent()
    claim.clear_busy()
    return evidence


def _after_absence(claim: ClaimedRow, effect: Effect[T], intent: Intent) -> None:
    """Return where the effect may be sent, else raise what the decision asks for."""
    decision = decide_absent(intent, repeatable=effect.repeatable, now=claim.clock.now())
    if isinstance(decision, Send):
        return
    if isinstance(decision, NotStarted):
        claim.clear_intent()
        claim.clear_busy()
        raise _as_failure(decision.refusal)
    message = f"It is unknown whether {effect.name} started. Check in Azure, then call resolve."
    raise StepWaits(Wait(decision.at, attention=(ErrorCode.OUTCOME_UNKNOWN, message) if decision.unknown else None))


def _as_failure(refusal: Problem) -> CallFailure:
    """Return a stored refusal as the failure that it was: a 404, whose codes end in NotFound, may pass, and is the caller's to judge."""
    absent = str(refusal.code).lower().endswith("notfound")
    kind, status = (FailureKind.NOT_FOUND, 404) if absent else (FailureKind.REFUSED, None)
    return CallFailure(kind, code=refusal.code, message=refusal.message, target=refusal.target, details=refusal.details, status=status)


async def _send(claim: ClaimedRow, effect: Effect[T]) -> T:
    before = claim.row.intent
    intent = await claim.write_intent(effect.name, own=not effect.preparation, keeps_request_id=effect.keeps_request_id)
    crash_point("step.intended")
    if not claim.may_send():
        claim.withdraw_intent(before)
        raise StepWaits(Wait(claim.clock.now()))
    try:
        async with asyncio.timeout(claim.effect_timeout):
            evidence = await effect.send(intent.client_request_id)
    except TimeoutError:
        raise _unknown(claim, effect, intent) from None
    except CallFailure as failure:
        if not failure.definite:
            raise _unknown(claim, effect, intent) from None
        return await _refused(claim, effect, intent, failure)
    crash_point("step.sent")
    return _settled(claim, evidence)


def _unknown(claim: ClaimedRow, effect: Effect[T], intent: Intent) -> StepWaits:
    attention = None
    if intent.lost >= _LOST_BEFORE_ATTENTION:
        message = f"{effect.name} was sent {intent.lost + 1} times without an answer. Each retry checks first whether it started."
        attention = (str(ErrorCode.OUTCOME_UNKNOWN), message)
    return StepWaits(Wait(next_look(intent, claim.clock.now()), attention=attention))


async def _refused(claim: ClaimedRow, effect: Effect[T], intent: Intent, failure: CallFailure) -> T:
    if failure.status == _CONFLICT:
        found = await _look(effect, intent)
        if isinstance(found, Started):
            return _settled(claim, found.evidence)
    failure = _within_limit(claim, effect, failure)
    if intent.lost == 0:
        claim.clear_intent()
        raise failure
    # an earlier send may still land: a refusal counts only once that is ruled out
    if failure.kind is not FailureKind.THROTTLED:
        claim.note_refusal(failure.problem)
    now = claim.clock.now()
    delay = max(next_look(intent, now) - now, timedelta(seconds=failure.retry_after or 0))
    if failure.asks_to_wait:
        raise StepWaits(Throttled(delay, f"{failure.code}: {failure.message}"))
    raise StepWaits(Wait(now + delay))


def _within_limit(claim: ClaimedRow, effect: Effect[T], failure: CallFailure) -> CallFailure:
    """Return a busy refusal as one to wait for, or as a final one once it has lasted for the limit; any other as it is."""
    if not failure.busy:
        if failure.kind is not FailureKind.THROTTLED:
            claim.clear_busy()
        return failure
    delay = decide_busy(claim.busy_with(effect.name), claim.clock.now(), failure.retry_after)
    if delay is None:
        claim.clear_busy()
        return failure.refused()
    claim.note_busy(effect.name)
    return failure.waiting(delay)
