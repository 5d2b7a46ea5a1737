"""Attempts without progress are counted, ask for attention after five, and continue with increasing delay."""

import itertools
from datetime import timedelta

import pytest

from shared.clock import from_text
from shared.errors import CallFailure, ErrorCode, FailureKind
from shared.operations.model.models import Status
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import End, Outcome, Wait
from tests.operations.kit import ALICE, Core
from tests.operations.test_claims import Killed


async def _outage(_claim: Claim) -> Outcome:
    raise CallFailure(FailureKind.IN_DOUBT, code="ServerError", message="try later. " * 200, status=500)


async def test_after_five_tries_it_still_runs_and_asks_for_a_person_once(core: Core) -> None:
    core.toys.steps["starting"] = _outage
    operation = await core.accept()
    await core.work()
    tries = 1
    while (await core.get(operation)).attention is None:
        await core.look_when_due(operation)
        tries += 1
    assert tries == 5
    shown = await core.get(operation)
    assert shown.status is Status.RUNNING
    assert shown.attention is not None
    assert shown.attention.code == ErrorCode.NO_PROGRESS
    assert "ServerError" in shown.attention.message
    events = await core.outcomes()
    assert [(event["id"], event["type"]) for event in events] == [(f"{operation.id}/attention/1", "farshore.toy.attention")]
    assert events[0]["data"]["attention"]["code"] == ErrorCode.NO_PROGRESS
    for _ in range(4):
        await core.look_when_due(operation)
    assert await core.outcomes() == []


async def test_it_is_looked_at_ever_more_rarely_up_to_every_six_hours(core: Core) -> None:
    core.toys.steps["starting"] = _outage
    operation = await core.accept()
    await core.work()
    waits, before = [], core.clock.now()
    for _ in range(14):
        await core.look_when_due(operation)
        waits.append((core.clock.now() - before) / timedelta(minutes=1))
        before = core.clock.now()
    assert waits == sorted(waits)
    assert waits[:5] == [0.5, 1, 2, 4, 8]
    assert waits[5:8] == [10, 20, 40]
    assert waits[-1] == 360


async def test_a_step_that_always_dies_is_counted_at_the_claim_and_asks_for_a_person_as_well(core: Core) -> None:
    async def dies(_claim: Claim) -> Outcome:
        raise Killed

    core.toys.steps["starting"] = dies
    operation = await core.accept()
    for _ in range(5):
        with pytest.raises(Killed):
            await core.look_when_due(operation)
        assert (await core.get(operation)).attention is None
    with pytest.raises(Killed):
        await core.look_when_due(operation)
    shown = await core.get(operation)
    assert shown.attention is not None
    assert shown.attention.code == ErrorCode.NO_PROGRESS
    assert await core.published() == ["attention/1"]


async def test_progress_clears_the_count_and_the_attention(core: Core) -> None:
    core.toys.steps["starting"] = _outage
    operation = await core.accept()
    await core.work()
    for _ in range(5):
        await core.look_when_due(operation)

    async def waits(_claim: Claim) -> Outcome:
        return Wait(core.clock.now() + timedelta(hours=1))

    core.toys.steps["starting"] = waits
    await core.look_when_due(operation)
    assert (await core.get(operation)).attention is None
    assert (await core.row(operation)).attempts == 0
    core.toys.steps["starting"] = _outage
    for _ in range(5):
        await core.look_when_due(operation)
    assert await core.published() == ["attention/1", "attention/2"], "a second time is another event"


async def test_waiting_is_no_failed_attempt_however_long(core: Core) -> None:
    async def waits(_claim: Claim) -> Outcome:
        return Wait(core.clock.now() + timedelta(hours=1))

    core.toys.steps["starting"] = waits
    operation = await core.accept()
    await core.work()
    for _ in range(8):
        await core.look_when_due(operation)
    shown = await core.get(operation)
    assert (shown.attention, (await core.row(operation)).attempts) == (None, 0)


async def test_being_throttled_is_no_failed_attempt_and_waits_as_long_as_asked(core: Core) -> None:
    async def throttled(_claim: Claim) -> Outcome:
        raise CallFailure(FailureKind.THROTTLED, code="TooManyRequests", message="later", status=429, retry_after=77)

    core.toys.steps["starting"] = throttled
    operation = await core.accept()
    await core.work()
    for _ in range(7):
        row = await core.row(operation)
        assert from_text(row.next_at) - core.clock.now() == timedelta(seconds=77)
        await core.look_when_due(operation)
    assert (await core.get(operation)).attention is None


async def test_refusals_for_the_rate_ask_for_a_person_after_six_hours_and_never_wait_longer_than_azure_asks(core: Core) -> None:
    answers = itertools.cycle([("TooManyRequests", 429)] * 10 + [("InternalServerError", 500)])

    async def throttled(_claim: Claim) -> Outcome:
        code, status = next(answers)
        kind = FailureKind.THROTTLED if status == 429 else FailureKind.IN_DOUBT
        raise CallFailure(kind, code=code, message="later", status=status, retry_after=600)

    core.toys.steps["starting"] = throttled
    operation = await core.accept()
    began = core.clock.now()
    await core.work()
    while core.clock.now() - began < timedelta(hours=5, minutes=50):
        await core.look_when_due(operation)
        assert (await core.get(operation)).attention is None
    await core.look_when_due(operation)
    await core.look_when_due(operation)
    attention = (await core.get(operation)).attention
    assert attention is not None
    assert (attention.code, "TooManyRequests" in attention.message) == ("NoProgress", True)
    for _ in range(9):
        assert from_text((await core.row(operation)).next_at) - core.clock.now() <= timedelta(minutes=20)
        await core.look_when_due(operation)
    del core.toys.steps["starting"]
    await core.look_when_due(operation)
    assert (await core.get(operation)).status is Status.SUCCEEDED


async def test_what_never_reaches_azure_asks_for_a_person_in_the_end(core: Core) -> None:
    async def no_way_there(_claim: Claim) -> Outcome:
        raise CallFailure(FailureKind.THROTTLED, code="NotSent", message="no token could be had")

    core.toys.steps["starting"] = no_way_there
    operation = await core.accept()
    await core.work()
    for _ in range(5):
        await core.look_when_due(operation)
    shown = await core.get(operation)
    assert (shown.status, shown.attention and shown.attention.code) == (Status.RUNNING, "NoProgress")
    assert shown.attention is not None
    assert "no token could be had" in shown.attention.message


async def test_retry_looks_now_and_counts_anew(core: Core) -> None:
    core.toys.steps["starting"] = _outage
    operation = await core.accept()
    await core.work()
    for _ in range(8):
        await core.look_when_due(operation)
    assert from_text((await core.row(operation)).next_at) - core.clock.now() > timedelta(minutes=30)

    async def well(_claim: Claim) -> Outcome:
        return End(Status.SUCCEEDED)

    core.toys.steps["starting"] = well
    assert (await core.commands.retry(operation, ALICE)).attention is not None, "it stands until something has changed"
    await core.work()
    assert (await core.get(operation)).status is Status.SUCCEEDED


async def test_a_defect_in_a_step_never_makes_the_operation_fail(core: Core) -> None:
    async def defect(_claim: Claim) -> Outcome:
        raise KeyError("nobody thought of this")

    core.toys.steps["starting"] = defect
    operation = await core.accept()
    for _ in range(6):
        await core.look_when_due(operation)
    shown = await core.get(operation)
    assert shown.status is Status.RUNNING
    assert shown.attention is not None
