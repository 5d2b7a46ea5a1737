"""The end of an operation and its attention are published under ids that a consumer can compare, and never lost."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import Problem
from shared.operations.model.lists import Lists, Query
from shared.operations.model.models import Status
from shared.operations.outside.events import as_json
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import End, Outcome, Wait
from tests.operations.conftest import Another
from tests.operations.kit import BASE, STEPS, Core
from tests.operations.test_claims import Killed
from tests.support.clocks import START


class _Dies:
    """Replaces a part of which one call kills the process, the `after`-th; the others go through."""

    def __init__(self, real: Any, name: str, after: int = 0) -> None:
        self._real, self._name, self._left = real, name, after

    def __getattr__(self, name: str) -> Any:
        return self._call if name == self._name else getattr(self._real, name)

    async def _call(self, *arguments: Any, **named: Any) -> Any:
        if not self._left:
            raise Killed
        self._left -= 1
        return await getattr(self._real, self._name)(*arguments, **named)


def _dying(core: Core, part: str, name: str, after: int = 0) -> Any:
    parts: dict[str, Any] = {part: _Dies(getattr(core.runner, part), name, after)}
    return replace(core.runner, **parts)


async def test_an_event_is_a_cloud_event_with_the_operation_as_a_reader_sees_it(core: Core) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    operation = await core.accept(trace=trace)
    await core.work()
    [event] = await core.outcomes()
    ended = await core.get(operation)
    assert event == {
        "specversion": "1.0",
        "id": f"{operation.id}/terminal",
        "source": f"{BASE}/api",
        "type": "farshore.toy.succeeded",
        "subject": f"/api/toys/{operation.id}",
        "time": "2026-03-03T10:00:00.000000Z",
        "datacontenttype": "application/json",
        "tenant": "contoso",
        "traceparent": trace,
        "data": as_json(ended, core.kinds, BASE),
    }
    assert event["data"]["status"] == "Succeeded"
    assert event["data"]["percentComplete"] == 100


async def test_a_failed_operation_gives_its_reason_in_answer_and_event(core: Core) -> None:
    problem = Problem("Broken", "The toy broke.", "toy", (Problem("Wheel", "A wheel came off."),))

    async def starting(_claim: Claim) -> Outcome:
        return End(Status.FAILED, problem)

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    await core.work()
    assert (await core.get(operation)).error == problem
    [event] = await core.outcomes()
    assert (event["type"], event["data"]["error"]) == ("farshore.toy.failed", problem.as_json())


async def test_after_the_end_only_the_answer_and_the_list_rows_are_left(core: Core) -> None:
    async def starting(claim: Claim) -> Outcome:
        claim.detail["seen"] = "much"
        return Wait(core.clock.now(), step="ending")

    async def ending(_claim: Claim) -> Outcome:
        return End(Status.SUCCEEDED)

    core.toys.steps |= {"starting": starting, "ending": ending}
    operation = await core.accept()
    await core.work()
    await core.go_on(seconds=1)
    kept = [str(found.entity["RowKey"])[:2] async for found in core.table.range("PartitionKey ne ''")]
    assert kept == ["o|", "p|", "t|"]
    assert (await core.get(operation)).detail == {"seen": "much"}


@pytest.mark.parametrize(
    ("part", "name"), [("locks", "release"), ("events", "publish"), ("store", "remove")], ids=["released", "published", "removed"]
)
async def test_a_crash_while_the_end_is_announced_announces_it_again_under_the_same_id(
    core: Core, another: Another, part: str, name: str
) -> None:
    operation = await core.accept(locks=("item-1",))
    with pytest.raises(Killed):
        await _dying(core, part, name).run(operation.id)
    ended = await core.get(operation)
    assert ended.status is Status.SUCCEEDED, "what ended stays ended"
    assert await core.locks.holder(["item-1"]) is None, "an operation that is only to be announced holds nothing"
    await another().go_on(seconds=1)
    events = await core.outcomes()
    assert {event["id"] for event in events} == {f"{operation.id}/terminal"}
    assert len(events) == (2 if name == "remove" else 1)
    assert await core.store.active(operation.id) is None
    assert await core.get(operation) == ended
    assert core.toys.releases
    assert len(core.toys.world.begun) == 1


async def test_announcing_twice_at_once_does_no_harm(core: Core, another: Another) -> None:
    operation = await core.accept(locks=("item-1",))
    with pytest.raises(Killed):
        await _dying(core, "locks", "release").run(operation.id)
    row = await core.row(operation)
    await core.runner.announce(row)
    taken = await core.locks.take(["item-1"], "b" * 26)
    assert taken is None
    await another().runner.announce(row)
    held = await core.locks.holder(["item-1"])
    assert held is not None
    assert held.owner == "b" * 26, "a lock that is another's by now stays another's"


async def test_a_crash_after_the_last_effect_and_before_the_end_is_written_ends_once(core: Core) -> None:
    operation = await core.accept()
    with pytest.raises(Killed):
        await _dying(core, "store", "finish").run(operation.id)
    await core.go_on(minutes=5)
    assert (await core.get(operation)).status is Status.SUCCEEDED
    assert len(core.toys.world.sends) == 1
    assert await core.published() == ["terminal"]


async def test_what_asks_for_a_person_is_reported_again_after_a_crash_until_it_is_reported(core: Core) -> None:
    async def starting(_claim: Claim) -> Outcome:
        return Wait(core.clock.now() + timedelta(days=1), attention=("Stuck", "it does not move"))

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    with pytest.raises(Killed):
        await _dying(core, "events", "publish").run(operation.id)
    shown = await core.get(operation)
    assert shown.attention is not None
    assert await core.published() == []
    await core.go_on(minutes=5)
    assert await core.published() == ["attention/1"]
    row = await core.row(operation)
    assert row.pending_events == ()
    assert row.next_at > "2026-03-04T10", "and then it waits as long as it meant to"


async def test_an_event_that_was_sent_but_not_struck_off_is_sent_again_under_the_same_id(core: Core) -> None:
    async def starting(_claim: Claim) -> Outcome:
        return Wait(core.clock.now() + timedelta(days=1), attention=("Stuck", "it does not move"))

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    with pytest.raises(Killed):
        # claim, end of the step, and then the one that strikes the event off
        await _dying_save(core, after=2).run(operation.id)
    assert await core.published() == ["attention/1"]
    await core.go_on(minutes=5)
    assert await core.published() == ["attention/1"]
    assert (await core.get(operation)).attention is not None


def _dying_save(core: Core, after: int) -> Any:
    return _dying(core, "store", "save", after)


async def test_the_same_attention_is_one_event_however_often_it_is_found(core: Core) -> None:
    async def starting(_claim: Claim) -> Outcome:
        return Wait(core.clock.now() + timedelta(hours=1), attention=("Stuck", f"it does not move since {core.clock.now()}"))

    core.toys.steps["starting"] = starting
    operation = await core.accept()
    await core.work()
    first = (await core.get(operation)).attention
    await core.look_when_due(operation)
    second = (await core.get(operation)).attention
    assert first is not None
    assert second is not None
    assert first.since == second.since
    assert first.message != second.message, "the words are the newest"
    assert await core.published() == ["attention/1"]


async def test_a_state_that_waits_for_a_person_is_reported_by_its_name(core: Core) -> None:
    async def starting(_claim: Claim) -> Outcome:
        return Wait(core.clock.now() + timedelta(days=1), step="asked", event="awaitingApproval")

    async def asked(_claim: Claim) -> Outcome:
        return Wait(core.clock.now() + timedelta(days=1))

    core.toys.steps |= {"starting": starting, "asked": asked}
    operation = await core.accept()
    with pytest.raises(Killed):
        await _dying(core, "events", "publish").run(operation.id)
    await core.go_on(minutes=5)
    [event] = await core.outcomes()
    assert (event["id"], event["type"]) == (f"{operation.id}/awaitingApproval", "farshore.toy.awaitingApproval")
    await core.go_on(hours=25)
    assert await core.outcomes() == []


async def test_an_event_is_never_lost_to_a_queue_that_is_away(core: Core, another: Another, proxy: Any) -> None:
    from tests.support.storage_proxy import AnswerStatus, Rule

    through = another(proxy.connection_string)
    operation = await core.accept()
    await core.take(STEPS)
    proxy.add(Rule(AnswerStatus(503), service="queue", path="outcomes", times=None))
    with pytest.raises(Exception, match=r"503|Service Unavailable|Operation returned"):
        await through.runner.run(operation.id)
    assert (await core.get(operation)).status is Status.SUCCEEDED
    proxy.clear()
    await through.go_on(seconds=1)
    assert await core.published() == ["terminal"]
    assert core.clock.now() == START + timedelta(seconds=1)


async def test_what_writes_an_ended_row_again_leaves_its_list_rows_as_they_are(core: Core) -> None:
    operation = await core.accept()
    with pytest.raises(Killed):
        await _dying(core, "events", "publish").run(operation.id)
    ended = await core.row(operation)
    assert ended.announce
    await core.store.save_all([(ended, None, False)])
    listed = (await Lists(core.store).page(Query("contoso", ("toy",)), 10, None)).operations
    assert [(one.status, one.detail) for one in listed] == [(Status.SUCCEEDED, (await core.get(operation)).detail)]
    assert listed[0].completed_at is not None
