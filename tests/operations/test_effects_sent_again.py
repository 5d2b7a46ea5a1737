"""How long a write is sent again that Azure refuses for a reason that may pass, without storage."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from shared.arm.failures import passing_refusal
from shared.clock import to_text
from shared.errors import CallFailure, FailureKind, Problem
from shared.operations.model.models import Busy, Intent, Status
from shared.operations.model.rows import Active
from shared.operations.running.effects import Absent, ClaimedRow, Effect, StepWaits, perform
from tests.support.clocks import ManualClock

START = datetime(2026, 3, 3, 10, tzinfo=UTC)


@dataclass
class Row:
    """A claimed row in memory."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    row: Active = field(default_factory=lambda: Active("f1", "failover", "contoso", "", "", Status.RUNNING, "starting", ""))
    effect_timeout: float = 30.0

    async def write_intent(self, effect: str, *, own: bool, keeps_request_id: bool = False) -> Intent:
        del own, keeps_request_id
        now, before = to_text(self.clock.now()), self.row.intent
        intent = Intent(effect, "r1", at=now, last=now, lost=before.lost + 1 if before is not None else 0)
        self.row = replace(self.row, intent=intent)
        return intent

    def may_send(self) -> bool:
        return True

    def withdraw_intent(self, before: Intent | None) -> None:
        self.row = replace(self.row, intent=before)

    def settle_intent(self) -> None:
        self.row = replace(self.row, intent=None)

    clear_intent = settle_intent

    def note_refusal(self, refusal: Problem) -> None:
        assert self.row.intent is not None
        self.row = replace(self.row, intent=replace(self.row.intent, refusal=refusal))

    def busy_with(self, effect: str) -> Busy | None:
        busy = self.row.busy
        return busy if busy is not None and busy.effect == effect else None

    def note_busy(self, effect: str) -> None:
        before = self.busy_with(effect)
        now = Busy(effect, to_text(self.clock.now())) if before is None else replace(before, refusals=before.refusals + 1)
        self.row = replace(self.row, busy=now)

    def clear_busy(self) -> None:
        self.row = replace(self.row, busy=None)


def refused(status: int, code: str) -> CallFailure:
    kind = FailureKind.NOT_FOUND if status == 404 else FailureKind.REFUSED
    return passing_refusal(CallFailure(kind, code=code, message="no", status=status))


LOST = CallFailure(FailureKind.IN_DOUBT, code="GatewayTimeout", message="no answer", status=504)
MISSING = refused(404, "ParentResourceNotFound")
OTHER = refused(409, "AnotherOperationInProgress")


async def sent_until_it_ends(answers: list[CallFailure | None], pauses: list[float]) -> tuple[str, int]:
    """Perform an effect again after each pause (minutes); return `started` or the kind of the refusal, and how often it was sent."""
    row, sends = Row(), 0

    async def send(_request: str) -> str:
        nonlocal sends
        answer = answers[sends] if sends < len(answers) else None
        sends += 1
        if answer is not None:
            raise answer
        return "job1"

    async def look(_intent: Intent) -> Absent:
        return Absent()

    for pause in pauses:
        try:
            await perform(cast("ClaimedRow", row), Effect("start", send, look, "a test"))
        except StepWaits:
            pass
        except CallFailure as failure:
            if failure.kind is not FailureKind.THROTTLED:
                return str(failure.kind), sends
        else:
            return "started", sends
        row.clock.advance(timedelta(minutes=pause))
    return "waits", sends


@pytest.mark.parametrize("passing", [MISSING, OTHER], ids=lambda failure: failure.code)
async def test_four_refusals_far_apart_do_not_end_it(passing: CallFailure) -> None:
    """Other faults lie between the sends: each look at the vault takes a quarter of an hour."""
    assert await sent_until_it_ends([passing] * 4, [15.0] * 10) == ("started", 5)


@pytest.mark.parametrize("passing", [MISSING, OTHER], ids=lambda failure: failure.code)
async def test_refusals_in_quick_succession_do_not_end_it_within_half_an_hour(passing: CallFailure) -> None:
    assert await sent_until_it_ends([passing] * 100, [1.0] * 29) == ("waits", 29)
    assert await sent_until_it_ends([passing] * 100, [1.0] * 60) == ("refused", 31)


@pytest.mark.parametrize("passing", [MISSING, OTHER], ids=lambda failure: failure.code)
async def test_an_answer_that_was_lost_in_between_does_not_end_it(passing: CallFailure) -> None:
    assert await sent_until_it_ends([passing, LOST, passing, passing], [11.0] * 10) == ("started", 5)
