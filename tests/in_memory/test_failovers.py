"""A failover is started once and only once, whatever answer is lost, however often a message or a request comes."""

import asyncio

import pytest

from tests.crash.failing import Failing
from tests.crash.fleet import Fleet
from tests.crash.world import Json

pytestmark = pytest.mark.process

FAULTS: dict[str, Json] = {
    "lost": {"fault": "lostResponse"},
    "late": {"fault": "lateEffect", "delay": "PT3M"},
    "500 after its effect": {"fault": "errorAfterEffect", "status": 500},
    "503 after its effect": {"fault": "errorAfterEffect", "status": 503},
    "504 after its effect": {"fault": "errorAfterEffect", "status": 504},
    "throttled": {"fault": "throttle", "retryAfter": 90},
}
"""What goes wrong with a write that a look can clear up, or that never began."""
NEVER_BEGAN: dict[str, Json] = {"no answer": {"fault": "timeout"}, "error": {"fault": "error", "status": 503}}
"""What nobody can tell from a start whose answer was lost."""
WRITES = ("testFailover", "testFailoverCleanup", "plannedFailover", "unplannedFailover", "failoverCommit", "switchprotection")


@pytest.mark.parametrize("what", FAULTS)
async def test_the_answer_to_each_start_goes_wrong(fleet: Fleet, what: str) -> None:
    failing = await Failing.of(fleet, "out", "a2a", "plan", "test")
    for write in WRITES:
        times = {"unplannedFailover": 2, "failoverCommit": 3}.get(write, 1)
        await fleet.simulation.add_fault(method="POST", path=f"/{write}$", times=times, **FAULTS[what])
    await failing.ask_all()
    await failing.until_ended()
    assert not [fault for fault in await fleet.simulation.faults() if fault["remaining"]], "a start met no fault"
    await failing.compare()
    assert not failing.resolved, "what began is found again without a person"


@pytest.mark.parametrize("what", NEVER_BEGAN)
async def test_a_start_of_which_nothing_shows_waits_for_a_resolution(fleet: Fleet, what: str) -> None:
    failing = await Failing.of(fleet, "out", "a2a", "test")
    for write in WRITES:
        await fleet.simulation.add_fault(method="POST", path=f"/{write}$", **NEVER_BEGAN[what])
    await failing.ask_all()
    await failing.until_ended()
    await failing.compare()
    real = {"PlannedFailover", "UnplannedFailover", "Commit", "Reprotect"}
    assert set(failing.resolved) == real, "a test may be sent again after a look, anything else only by a person's word"
    told = [event for event in fleet.take_events() if event["type"] == "farshore.failover.attention"]
    assert len(told) >= sum(failing.resolved.values())
    assert {event["data"]["attention"]["code"] for event in told} == {"OutcomeUnknown"}


async def test_an_unknown_outcome_remains_until_it_is_resolved_as_started(fleet: Fleet) -> None:
    failing = await Failing.of(fleet, "out")
    (one,) = failing.wanted
    # it lands after the last look that a machine takes of its own: nothing shows it until then
    await fleet.simulation.add_fault("lateEffect", method="POST", path="/plannedFailover$", delay="PT45M")
    await failing.ask_all()
    for _ in range(8):
        await fleet.simulation.advance("PT4M")
    seen = await failing.get(one)
    assert (seen["status"], seen["step"], seen["attention"]["code"]) == ("Running", "starting", "OutcomeUnknown")
    assert await failing.deeds(one) == []
    assert await failing.say(one, "resolve", {"outcome": "started"}) == 400, "Azure shows no job that it could be"
    assert await failing.say(one, "resolve", {"outcome": "notStarted", "jobId": "x"}) == 400
    await fleet.simulation.advance("PT20M")
    assert await failing.deeds(one) == ["plannedFailover"]
    seen = await failing.get(one)
    if seen["attention"] is not None:
        status = await failing.say(one, "resolve", {"outcome": "started"})
        assert status in {202, 409}
    await failing.until_ended()
    await failing.compare()


async def test_reads_that_fail_while_it_is_in_doubt_settle_nothing(fleet: Fleet) -> None:
    failing = await Failing.of(fleet, "out", "a2a")
    for write in ("plannedFailover", "unplannedFailover", "switchprotection"):
        await fleet.simulation.add_fault("lostResponse", method="POST", path=f"/{write}$")
    await failing.ask_all()
    await fleet.simulation.advance("PT1S")
    for status in (500, 403, 404):
        await fleet.simulation.add_fault("error", method="GET", path="replication(Jobs|ProtectedItems)", times=6, status=status)
    await failing.until_ended()
    await failing.compare()
    assert not failing.resolved


async def test_every_message_comes_three_times(fleet: Fleet) -> None:
    failing = await Failing.of(fleet, "out", "a2a", "test", "message", "back")
    await failing.ask_all()
    for one in failing.wanted:
        if one.by_message:
            for _ in range(2):
                fleet.send({**one.body, "id": one.key, "tenant": one.tenant}, "failover-requests")
    for _ in range(200):
        await failing.nudge(3)
        await fleet.simulation.advance("PT3M")
        rows = await fleet.active()
        if not rows and not fleet.waiting("failover-requests"):
            break
        for one in failing.wanted:
            if one.failover and any(row["step"] == "suspended" and row["RowKey"] == f"a|{one.failover}" for row in rows):
                await asyncio.gather(failing.say(one, "resume"), failing.say(one, "resume"))
    await failing.compare()
    assert len([effect for effect in await fleet.simulation.effects() if effect["path"].endswith("/resume")]) == 1


async def test_the_same_request_ten_times_at_once_is_one_failover(fleet: Fleet) -> None:
    failing = await Failing.of(fleet, "out", "a2a")
    for one in failing.wanted:
        ids = await asyncio.gather(*(failing.start(one) for _ in range(10)))
        assert len(set(ids)) == 1
        one.failover = ids[0]
    await failing.until_ended()
    await failing.compare()


async def test_two_requests_at_once_for_one_item_are_one_failover(fleet: Fleet) -> None:
    failing = await Failing.of(fleet, "out")
    (one,) = failing.wanted
    others = [type(one)(one.tenant, one.body) for _ in range(6)]
    answers = await asyncio.gather(*(failing.call("POST", "/failovers", one.tenant, other.body, key=other.key) for other in others))
    accepted = [body["id"] for status, body in answers if status == 202]
    assert len(accepted) == 1, answers
    assert {body["error"]["code"] for status, body in answers if status == 409} == {"ScopeBusy"}
    one.failover = accepted[0]
    await failing.until_ended()
    await failing.compare()
