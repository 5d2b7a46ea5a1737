"""The outcomes of a step and of a check."""

from dataclasses import dataclass
from datetime import datetime

from shared.errors import Problem
from shared.operations.model.models import JsonObject, Status


@dataclass(frozen=True, slots=True)
class Next:
    """Continue with another step in the same claim."""

    step: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Run `step`, or the same one, at this moment (Azure's time).

    `attention` is (code, message) for a person; `event` is an event to send (suspended, awaitingApproval).
    """

    at: datetime
    step: str | None = None
    attention: tuple[str, str] | None = None
    event: str | None = None


@dataclass(frozen=True, slots=True)
class Follow:
    """Let the batched checks follow it from this moment on.

    Checks of one `group` go in one message; its part before `#` names the budget that they draw on (a subscription's reads).
    """

    at: datetime
    group: str
    step: str | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The operation has ended; `result` is what its answer and its event show of what became of it."""

    status: Status
    error: Problem | None = None
    result: JsonObject | None = None


Outcome = Next | Wait | Follow | End


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a check: check again at `at`, or hand over to `step` now. None leaves `data`, `detail` or `percent` as they are.

    `attention` is (code, message) for a person; None takes an earlier one back.
    """

    at: datetime | None = None
    step: str | None = None
    data: JsonObject | None = None
    detail: JsonObject | None = None
    percent: int | None = None
    attention: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A check without a result: `retry_after` is the delay that Azure asked for, seconds of Azure's time."""

    reason: str
    retry_after: float | None = None
    throttled: bool = False
