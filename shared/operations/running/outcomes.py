"""The outcomes of a step and of a check."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.clock import from_text, to_text
from shared.errors import Problem
from shared.operations.model.models import JsonObject, Status
from shared.operations.timings import THROTTLED_BEFORE_ATTENTION


@dataclass(frozen=True, slots=True)
class Next:
    """Continue with another step in the same claim."""

    step: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Run `step`, or the same one, at this moment (Azure's time).

    `attention` is (code, message) for a person; `event` is an event to send (suspended, awaitingApproval). `writes` is the key of the
    budget of the call that the step is likely to make, or of several (`budgets.several`): it is run once that suffices.
    """

    at: datetime
    step: str | None = None
    attention: tuple[str, str] | None = None
    event: str | None = None
    writes: str = ""


@dataclass(frozen=True, slots=True)
class Follow:
    """Let the batched checks follow it from this moment on.

    Checks of one `group` go in one message; its part before `#` names the budget that they draw on (a subscription's reads).
    `ends_at` is when the end is expected, None where that is not known.
    """

    at: datetime
    group: str
    step: str | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The operation has ended; `result` is what its answer and its event show of what became of it."""

    status: Status
    error: Problem | None = None
    result: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Throttled:
    """Azure refused a call of the step for its rate: nothing began, run the step again after `delay`.

    It is no attempt without progress; `reason` is Azure's answer, for the attention that a long series of them gets.
    """

    delay: timedelta
    reason: str


def throttled_since(before: str, now: datetime) -> tuple[str, bool]:
    """Return when the refusals for a rate began, as a row holds it, and whether they have lasted so long that a person must look.

    `before` is what the row holds, empty where the operation had a result since.
    """
    since = before or to_text(now)
    return since, now - from_text(since) >= THROTTLED_BEFORE_ATTENTION


def throttled_message(reason: str, since: str) -> str:
    """Return the message of the attention for a long series of refusals."""
    return f"Azure has refused each call for its rate since {since}: {reason} Find what else calls it; the operation continues by itself."


Outcome = Next | Wait | Follow | End


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a check: check again at `at`, or hand over to `step` now. None leaves `data`, `detail` or `percent` as they are.

    `attention` is (code, message) for a person; None takes an earlier one back. `ends_at` is when the end is expected: checks whose end is
    expected or overdue go first where the budget does not suffice for all.
    """

    at: datetime | None = None
    step: str | None = None
    data: JsonObject | None = None
    detail: JsonObject | None = None
    percent: int | None = None
    attention: tuple[str, str] | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A check without a result: `retry_after` is the delay that Azure asked for, seconds of Azure's time."""

    reason: str
    retry_after: float | None = None
    throttled: bool = False
