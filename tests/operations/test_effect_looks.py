"""A look for an effect of unknown outcome that fails, and a refusal that was kept: what the caller of `perform` gets, without storage."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared.clock import to_text
from shared.errors import CallFailure, FailureKind, Problem
from shared.operations.model.models import Intent
from shared.operations.running.effects import Absent, Effect, Started, perform
from tests.support.clocks import ManualClock

SENT = datetime(2026, 3, 3, 10, tzinfo=UTC)


@dataclass
class Row:
    """A claimed row whose effect has an unknown outcome."""

    clock: ManualClock
    refusal: Problem | None = None
    cleared: list[str] = field(default_factory=list)

    @property
    def row(self) -> Any:
        """The row."""
        return SimpleNamespace(intent=Intent("write", "request-1", at=to_text(SENT), last=to_text(SENT), lost=1, refusal=self.refusal))

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.cleared.append(name)


async def tried(answer: CallFailure | Absent, refusal: Problem | None = None) -> CallFailure:
    async def look(_intent: Intent) -> Started[str] | Absent:
        if isinstance(answer, CallFailure):
            raise answer
        return answer

    async def send(_request: str) -> str:
        raise AssertionError("it was sent")

    row = Row(ManualClock(SENT + timedelta(hours=1)), refusal)
    with pytest.raises(CallFailure) as raised:
        await perform(cast("Any", row), Effect("write", send, look, "a test"))
    return raised.value


@pytest.mark.parametrize(
    ("kind", "status", "raised"),
    [
        (FailureKind.NOT_FOUND, 404, FailureKind.IN_DOUBT),
        (FailureKind.REFUSED, 403, FailureKind.IN_DOUBT),
        (FailureKind.REFUSED, 409, FailureKind.REFUSED),
        (FailureKind.THROTTLED, 429, FailureKind.THROTTLED),
        (FailureKind.IN_DOUBT, 504, FailureKind.IN_DOUBT),
    ],
)
async def test_a_look_that_fails_is_no_refusal_of_the_effect(kind: FailureKind, status: int, raised: FailureKind) -> None:
    """A conflict alone is a result: something else is there under the name of the effect."""
    failure = await tried(CallFailure(kind, code="X", message="x", status=status))
    assert (failure.kind, failure.code, failure.status) == (raised, "X", status)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ParentResourceNotFound", FailureKind.NOT_FOUND),
        ("NotFound", FailureKind.NOT_FOUND),
        ("ScopeLocked", FailureKind.REFUSED),
        ("AuthorizationFailed", FailureKind.REFUSED),
    ],
)
async def test_a_refusal_that_was_kept_is_raised_as_what_it_was(code: str, kind: FailureKind) -> None:
    failure = await tried(Absent(), Problem(code, "no"))
    assert (failure.kind, failure.code) == (kind, code)
