"""Effects: the intent before the send, and what is done when it is unknown whether it began."""

from itertools import pairwise

import pytest

from shared.errors import ErrorCode
from shared.operations.model.models import Status
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import End, Outcome
from tests.operations.kit import Core
from tests.operations.test_claims import Killed


async def test_the_intent_is_written_before_anything_is_sent(core: Core) -> None:
    written = []

    async def look_into_the_row() -> None:
        written.append(await core.row(operation))

    core.toys.world.before_send = look_into_the_row
    operation = await core.accept()
    await core.work()
    intent = written[0].intent
    assert intent is not None
    assert (intent.effect, intent.at) == (f"thing-{operation.id}", written[0].updated_at)
    assert core.toys.world.begun == [(intent.effect, intent.client_request_id)], "the other side can be asked for this very request"
    assert written[0].started


@pytest.mark.parametrize("repeatable", [True, False])
async def test_a_crash_after_the_send_is_found_out_by_looking_and_never_sent_again(core: Core, repeatable: bool) -> None:
    async def die() -> None:
        core.toys.world.before_send = None
        await core.toys.world.send(f"thing-{operation.id}", "the first")
        raise Killed

    core.toys.repeatable = repeatable
    core.toys.world.before_send = die
    operation = await core.accept()
    with pytest.raises(Killed):
        await core.work()
    await core.go_on(minutes=5)
    assert core.toys.world.sends == ["the first"]
    assert core.toys.world.looks, "it looked before it went on"
    assert (await core.get(operation)).status is Status.SUCCEEDED


async def test_a_lost_answer_is_looked_for_after_half_a_minute(core: Core) -> None:
    core.toys.world.script = ["lost"]
    operation = await core.accept()
    await core.work()
    assert (await core.get(operation)).status is Status.RUNNING
    await core.go_on(seconds=29)
    assert core.toys.world.looks == []
    await core.go_on(seconds=1)
    assert len(core.toys.world.looks) == 1
    assert len(core.toys.world.sends) == 1
    assert (await core.get(operation)).status is Status.SUCCEEDED


async def test_what_may_be_repeated_is_sent_again_once_nothing_is_found_each_time_after_a_longer_wait(core: Core) -> None:
    core.toys.world.script = ["vanished"] * 4
    operation = await core.accept()
    await core.work()
    sent_at = [0.0]
    while not core.toys.world.begun:
        at, before = await core.look_when_due(operation), len(core.toys.world.looks)
        if len(core.toys.world.sends) > len(sent_at):
            sent_at.append(at)
            assert before == len(sent_at) - 1, "each further send looks first"
    gaps = [after - before for before, after in pairwise(sent_at)]
    assert gaps == [30, 120, 300, 600]
    assert len(set(core.toys.world.sends)) == 5, "each send has a client request id of its own"
    assert (await core.get(operation)).status is Status.SUCCEEDED


async def test_what_lands_late_is_found_before_it_is_sent_again(core: Core) -> None:
    core.toys.world.script = ["late"]
    operation = await core.accept()
    await core.work()
    core.toys.world.land()
    await core.go_on(seconds=30)
    assert len(core.toys.world.sends) == 1
    assert (await core.get(operation)).status is Status.SUCCEEDED


async def test_what_must_not_be_repeated_is_looked_for_four_times_and_then_a_person_is_asked(core: Core) -> None:
    core.toys.repeatable = False
    core.toys.world.script = ["vanished"]
    operation = await core.accept()
    await core.work()
    assert [await core.look_when_due(operation) for _ in range(4)] == [30, 120, 300, 600]
    assert len(core.toys.world.looks) == 4
    shown = await core.get(operation)
    assert shown.status is Status.RUNNING, "it is neither failed nor succeeded: nobody knows"
    assert shown.attention is not None
    assert shown.attention.code == ErrorCode.OUTCOME_UNKNOWN
    assert await core.published() == ["attention/1"]
    for _ in range(8):
        await core.look_when_due(operation)
    assert len(core.toys.world.sends) == 1
    assert await core.published() == [], "it is told once"
    assert len(core.toys.world.looks) == 12, "and goes on being looked for"
    core.toys.world.begun.append((f"thing-{operation.id}", "by hand"))
    await core.go_on(minutes=10)
    ended = await core.get(operation)
    assert (ended.status, ended.attention) == (Status.SUCCEEDED, None)


async def test_what_must_not_be_repeated_is_not_sent_after_a_crash_just_before_the_send(core: Core) -> None:
    async def die() -> None:
        raise Killed

    core.toys.repeatable = False
    core.toys.world.before_send = die
    operation = await core.accept()
    with pytest.raises(Killed):
        await core.work()
    core.toys.world.before_send = None
    for _ in range(4):
        await core.go_on(minutes=5)
    assert core.toys.world.sends == []
    attention = (await core.get(operation)).attention
    assert attention is not None
    assert attention.code == ErrorCode.OUTCOME_UNKNOWN


async def test_a_throttled_start_has_begun_nothing_and_is_tried_when_it_may_be(core: Core) -> None:
    core.toys.repeatable = False
    core.toys.world.script = ["throttled"]
    operation = await core.accept()
    await core.work()
    row = await core.row(operation)
    assert (row.intent, row.started, row.attempts) == (None, False, 0)
    await core.go_on(seconds=89)
    assert len(core.toys.world.sends) == 1
    await core.go_on(seconds=1)
    assert len(core.toys.world.sends) == 2
    assert core.toys.world.looks == [], "nothing was in doubt"
    assert (await core.get(operation)).status is Status.SUCCEEDED


async def test_a_refused_start_ends_it_with_the_reason(core: Core) -> None:
    core.toys.world.script = ["refused"]
    operation = await core.accept()
    await core.work()
    ended = await core.get(operation)
    assert ended.status is Status.FAILED
    assert ended.error is not None
    assert (ended.error.code, ended.error.message) == ("NotAllowed", "not like this")


async def test_a_conflict_with_our_own_earlier_send_is_a_start(core: Core) -> None:
    core.toys.world.script = ["late", "conflict"]
    operation = await core.accept()
    await core.work()

    async def land() -> None:
        core.toys.world.land()

    core.toys.world.before_send = land
    await core.go_on(seconds=30)
    assert len(core.toys.world.sends) == 2
    assert (await core.get(operation)).status is Status.SUCCEEDED


async def test_a_conflict_with_somebody_elses_thing_is_a_refusal(core: Core) -> None:
    core.toys.world.script = ["conflict"]
    operation = await core.accept()
    await core.work()
    error = (await core.get(operation)).error
    assert error is not None
    assert error.code == "Conflict"


async def test_a_refusal_after_a_lost_send_counts_only_once_that_can_no_longer_land(core: Core) -> None:
    core.toys.world.script = ["late", "refused"]
    operation = await core.accept()
    await core.work()
    await core.go_on(seconds=30)
    looks = []
    while (await core.get(operation)).status is Status.RUNNING:
        looks.append(await core.look_when_due(operation) - 30)
    assert looks == [120, 300, 600]
    ended = await core.get(operation)
    assert ended.status is Status.FAILED
    assert ended.error is not None
    assert ended.error.code == "NotAllowed"
    assert len(core.toys.world.sends) == 2


async def test_a_lost_send_that_lands_after_a_refusal_is_a_start(core: Core) -> None:
    core.toys.world.script = ["late", "refused"]
    operation = await core.accept()
    await core.work()
    await core.go_on(seconds=30)
    await core.go_on(minutes=2)
    core.toys.world.land()
    await core.go_on(minutes=5)
    assert (await core.get(operation)).status is Status.SUCCEEDED


async def test_being_throttled_after_a_lost_send_does_not_make_the_lost_one_forgotten(core: Core) -> None:
    core.toys.world.script = ["late", "throttled"]
    operation = await core.accept()
    await core.work()
    await core.go_on(seconds=30)
    row = await core.row(operation)
    assert row.intent is not None
    assert row.started
    core.toys.world.land()
    await core.go_on(minutes=2)
    assert (await core.get(operation)).status is Status.SUCCEEDED
    assert len(core.toys.world.sends) == 2


async def test_a_start_whose_answers_are_lost_again_and_again_asks_for_a_person_and_goes_on(core: Core) -> None:
    core.toys.world.script = ["vanished"] * 5
    operation = await core.accept()
    await core.work()
    for _ in range(12):
        await core.go_on(minutes=5)
        if len(core.toys.world.sends) == 5:
            break
    attention = (await core.get(operation)).attention
    assert attention is not None
    assert attention.code == ErrorCode.OUTCOME_UNKNOWN
    await core.go_on(minutes=10)
    ended = await core.get(operation)
    assert (ended.status, ended.attention) == (Status.SUCCEEDED, None)
    assert await core.published() == ["attention/1", "terminal"]


async def test_an_effect_that_takes_too_long_counts_as_in_doubt(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    async def hang() -> None:
        core.toys.world.before_send = None
        await asyncio.Event().wait()

    monkeypatch.setattr(type(core.timings), "effect_timeout", 0.05)
    core.toys.world.before_send = hang
    operation = await core.accept()
    await core.work()
    row = await core.row(operation)
    assert row.intent is not None
    assert row.intent.lost == 0
    await core.go_on(seconds=30)
    assert (await core.get(operation)).status is Status.SUCCEEDED


async def test_two_effects_of_one_step_are_each_begun_once(core: Core) -> None:
    async def starting(claim: Claim) -> Outcome:
        for thing in ("base", "tower"):
            if not core.toys.world.has(thing) or (claim.row.intent is not None and claim.row.intent.effect == thing):
                await claim.perform(core.toys.world.effect(thing))
        return End(Status.SUCCEEDED)

    core.toys.steps["starting"] = starting
    core.toys.world.script = ["ok", "lost"]
    operation = await core.accept()
    await core.work()
    await core.go_on(seconds=30)
    assert [thing for thing, _ in core.toys.world.begun] == ["base", "tower"]
    assert (await core.get(operation)).status is Status.SUCCEEDED


async def test_what_is_busy_is_sent_again_until_it_is_free(core: Core) -> None:
    core.toys.world.script = ["busy"] * 3
    operation = await core.accept()
    await core.work()
    row = await core.row(operation)
    assert (row.intent, row.started) == (None, False), "nothing began: it can be canceled"
    for _ in range(3):
        await core.go_on(minutes=5)
    ended = await core.get(operation)
    assert (ended.status, ended.attention) == (Status.SUCCEEDED, None)
    assert len(core.toys.world.sends) == 4
    assert await core.published() == ["terminal"]


async def test_what_stays_busy_ends_with_azures_refusal_after_half_an_hour(core: Core) -> None:
    core.toys.world.script = ["busy"] * 100
    operation = await core.accept()
    await core.work()
    for _ in range(5):
        await core.go_on(minutes=5)
    assert (await core.get(operation)).status is Status.RUNNING
    await core.go_on(minutes=10)
    ended = await core.get(operation)
    assert (ended.status, ended.error and ended.error.code) == (Status.FAILED, "AnotherOperationInProgress")
    assert 2 < len(core.toys.world.sends) < 10


async def test_each_effect_has_half_an_hour_of_its_own(core: Core) -> None:
    core.toys.world.script = ["busy", "busy", "ok", "busy"]

    async def starting(claim: Claim) -> Outcome:
        for thing in ("first", "second"):
            if not core.toys.world.has(thing):
                await claim.perform(core.toys.world.effect(thing))
        return End(Status.SUCCEEDED)

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    await core.work()
    for _ in range(4):
        await core.go_on(minutes=20)
    assert (await core.get(operation)).status is Status.SUCCEEDED


async def test_a_token_that_stays_refused_asks_for_a_person_and_ends_nothing(core: Core) -> None:
    core.toys.world.script = ["expired"] * 6
    operation = await core.accept()
    await core.work()
    for _ in range(5):
        await core.look_when_due(operation)
    shown = await core.get(operation)
    assert (shown.status, shown.attention and shown.attention.code) == (Status.RUNNING, ErrorCode.NO_PROGRESS)
    assert (await core.row(operation)).intent is None
    await core.look_when_due(operation)
    assert (await core.get(operation)).status is Status.SUCCEEDED
    assert len(core.toys.world.sends) == 7


async def test_what_is_found_by_its_client_request_id_is_sent_again_under_the_same(core: Core) -> None:
    async def starting(claim: Claim) -> Outcome:
        await claim.perform(core.toys.world.effect("thing", keeps_request_id=True))
        return End(Status.SUCCEEDED)

    core.toys.steps["starting"] = starting
    core.toys.world.script = ["vanished"]
    operation = await core.accept()
    await core.work()
    await core.go_on(seconds=30)
    assert (await core.get(operation)).status is Status.SUCCEEDED
    first, second = core.toys.world.sends
    assert first == second
