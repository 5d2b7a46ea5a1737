"""A worker ends at each crash point, up to three times, and everything ends as if it had lived."""

from collections import Counter

import pytest

from tests.crash.dying import (
    OF_CHANGES,
    OF_OPERATIONS,
    REJECTING,
    TELLING,
    Dying,
    changes_survive,
    copies_survive,
    failovers_survive,
    rejection_survives,
    small_world,
)
from tests.crash.failing import Failing
from tests.crash.fleet import Fleet
from tests.crash.setting_up import SettingUp
from tests.histories.workers import Points

pytestmark = pytest.mark.process


@pytest.mark.parametrize("point", OF_OPERATIONS)
async def test_a_death_changes_nothing_of_the_end_of_copies(fleet: Fleet, deaths: Points, point: str) -> None:
    await copies_survive(fleet, Dying(deaths, (point,)))


@pytest.mark.parametrize("point", OF_OPERATIONS)
async def test_a_death_starts_no_failover_twice(fleet: Fleet, deaths: Points, point: str) -> None:
    await failovers_survive(fleet, Dying(deaths, (point,)))


@pytest.mark.parametrize("point", OF_CHANGES)
async def test_a_death_makes_no_change_of_a_vault_twice(fleet: Fleet, deaths: Points, point: str) -> None:
    await changes_survive(fleet, Dying(deaths, (point,), most=2))


@pytest.mark.parametrize("point", REJECTING)
async def test_a_death_rejects_a_message_once(fleet: Fleet, deaths: Points, point: str) -> None:
    await rejection_survives(fleet, Dying(deaths, (point,)))


async def test_a_death_while_the_event_of_attention_is_sent(fleet: Fleet, deaths: Points) -> None:
    small = await small_world(fleet, "attention")
    asked = await fleet.start(small.points[0])
    await fleet.simulation.add_fault("error", method="GET", path="restorePointCollections", rate=1)
    deaths.arm(TELLING)
    for _ in range(100):
        await fleet.simulation.advance("PT5M")
        if deaths.reached(TELLING):
            break
    assert deaths.reached(TELLING)
    await fleet.simulation.clear_faults()
    await fleet.until_ended()
    await fleet.compare()
    sent = Counter(event["id"] for event in fleet.events)
    assert sent[f"{asked.operation}/attention/1"] >= 1
    assert set(sent) == {f"{asked.operation}/attention/1", f"{asked.operation}/terminal"}


@pytest.mark.parametrize("point", [TELLING, "step.intended", "step.sent", "step.ended"])
async def test_a_death_while_a_suspended_failback_is_resumed(fleet: Fleet, deaths: Points, point: str) -> None:
    failing = await Failing.of(fleet, "back")
    await failing.ask_all()
    (one,) = failing.wanted
    if point == TELLING:
        deaths.arm(point)
    for _ in range(30):
        await fleet.simulation.advance("PT4M")
        if (await failing.get(one))["step"] == "suspended" and (point != TELLING or deaths.reached(point)):
            break
    if point != TELLING:
        deaths.arm(point)
    await failing.say(one, "resume")
    await failing.until_ended()
    assert deaths.reached(point)
    await failing.compare()
    resumes = [effect for effect in await fleet.simulation.effects() if effect["path"].endswith("/resume")]
    assert len(resumes) == 1, resumes


@pytest.mark.parametrize("point", ["accept.locked", "accept.written", "accept.queued"])
async def test_a_death_of_the_timer_protects_a_new_machine_once(fleet: Fleet, deaths: Points, point: str) -> None:
    setting = await SettingUp.of(fleet)
    policy = {"cloud": setting.cloud, "include": [setting.fresh], "protection": {"policy": "every-5-minutes"}}
    path = f"/protection-policies/{setting.fresh}"
    await setting.answered("PUT", path, body=policy)
    deaths.arm(point)
    for _ in range(60):
        await fleet.simulation.advance("PT1M")
        seen = await setting.answered("GET", path)
        if seen["protected"] and not await fleet.at_work():
            break
    assert deaths.reached(point)
    assert (seen["protected"], seen["failed"], seen["machines"]) == (1, 0, [])
    effects = [one for one in await fleet.simulation.effects() if "/replicationprotecteditems/" in one["path"].lower()]
    assert [one["method"] for one in effects] == ["PUT"]
    assert len([event for event in fleet.take_events() if event["id"].endswith("/terminal")]) == 1
    await setting.nothing_left()
