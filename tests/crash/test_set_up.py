"""A change of a vault takes effect once and only once: whatever process dies where, whatever answer is lost, however often it is asked."""

import asyncio

import pytest

from shared.operations.crash_points import POINTS
from tests.crash.conftest import Deaths
from tests.crash.failing import REQUESTS
from tests.crash.fleet import Fleet
from tests.crash.setting_up import SettingUp
from tests.crash.world import Json

ELSEWHERE = ("check.read", "check.written", "check.queued", "reject.written", "reject.sent", "step.delivered")
"""Points that a change of a vault never passes, which is followed by its steps, or only when something is refused or told."""
DEATHS = 2
WRITES = {
    "PUT": (
        ("replicationPolicies/[^/]+$", 1),
        ("replicationProtectionContainerMappings/[^/]+$", 1),
        ("replicationProtectedItems/[^/]+$", 2),
        ("replicationRecoveryPlans/[^/]+$", 1),
        ("replicationNetworkMappings/[^/]+$", 1),
    ),
    "PATCH": (("replicationProtectedItems/[^/]+$", 1),),
    "POST": (("replicationProtectedItems/[^/]+/remove$", 1),),
    "DELETE": (("replicationRecoveryPlans/[^/]+$", 1),),
}
"""Every write of the changes, by what its path ends with, and how many there are of it."""
FAULTS: dict[str, Json] = {
    "lost": {"fault": "lostResponse"},
    "500 after its effect": {"fault": "errorAfterEffect", "status": 500},
    "503 after its effect": {"fault": "errorAfterEffect", "status": 503},
    "error": {"fault": "error", "status": 503},
    "throttled": {"fault": "throttle", "retryAfter": 90},
}
"""What goes wrong with a write that a look clears up, or that never began."""


async def _until_ended(setting: SettingUp, deaths: Deaths | None = None, point: str = "", *, step: str = "PT1M", most: int = 200) -> int:
    """Advance until all has ended, with a death at the point each time that it is reached; return how many there were."""
    died = 0
    for _ in range(most):
        await setting.fleet.simulation.advance(step)
        if deaths is not None and deaths.reached(point):
            died += 1
            deaths.disarm()
            if died < DEATHS:
                deaths.arm(point)
        if not await setting.fleet.at_work() and not setting.fleet.waiting(REQUESTS):
            return died
    rows = await setting.fleet.active()
    raise AssertionError(
        f"still active: {[(row['RowKey'], row['kind'], row['step'], row['nextAt'], row.get('attention')) for row in rows]}"
    )


async def _faults(fleet: Fleet, fault: Json) -> None:
    for method, paths in WRITES.items():
        for path, times in paths:
            await fleet.simulation.add_fault(method=method, path=path, times=times, **fault)


@pytest.mark.parametrize("point", [point for point in POINTS if point not in ELSEWHERE])
async def test_death_at_a_point_changes_nothing_of_the_end(fleet: Fleet, deaths: Deaths, point: str) -> None:
    setting = await SettingUp.of(fleet)
    deaths.arm(point)
    await setting.ask_all()
    assert await _until_ended(setting, deaths, point) >= 1, f"{point} was never reached"
    await setting.compare()


@pytest.mark.parametrize("what", FAULTS)
async def test_the_answer_to_each_write_goes_wrong(fleet: Fleet, what: str) -> None:
    setting = await SettingUp.of(fleet)
    await _faults(fleet, FAULTS[what])
    await setting.ask_all()
    await _until_ended(setting)
    assert not [fault for fault in await fleet.simulation.faults() if fault["remaining"]], "a write met no fault"
    await setting.compare()


async def test_an_effect_that_comes_late_makes_no_second_thing(fleet: Fleet) -> None:
    setting = await SettingUp.of(fleet)
    await _faults(fleet, {"fault": "lateEffect", "delay": "PT3M"})
    await setting.ask_all()
    await _until_ended(setting)
    await fleet.simulation.advance("PT10M")  # and whatever is still to come
    await setting.compare(once=False)


async def test_what_azure_refuses_is_told_and_changes_nothing(fleet: Fleet) -> None:
    setting = await SettingUp.of(fleet)
    await _faults(fleet, {"fault": "error", "status": 403})
    await setting.ask_all()
    await _until_ended(setting)
    await setting.compare_refused()


async def test_every_message_comes_three_times_and_every_request_ten_times_at_once(fleet: Fleet) -> None:
    setting = await SettingUp.of(fleet)
    for one in setting.wanted:
        if one.by_message:
            for _ in range(3):
                setting.send(one)
        else:
            ids = await asyncio.gather(*(setting.start(one) for _ in range(10)))
            assert len(set(ids)) == 1
            one.operation = ids[0]
    for _ in range(40):
        await setting.caller.nudge(3)
        await fleet.simulation.advance("PT1M")
        if not await fleet.at_work() and not fleet.waiting(REQUESTS):
            break
    await setting.compare()


@pytest.mark.parametrize("point", ["accept.locked", "accept.written", "accept.queued"])
async def test_death_of_the_timer_protects_a_new_machine_once(fleet: Fleet, deaths: Deaths, point: str) -> None:
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
    assert deaths.reached(point), f"{point} was never reached"
    assert (seen["protected"], seen["failed"], seen["machines"]) == (1, 0, [])
    effects = [one for one in await fleet.simulation.effects() if "/replicationprotecteditems/" in one["path"].lower()]
    assert [one["method"] for one in effects] == ["PUT"]
    assert len([event for event in fleet.take_events() if event["id"].endswith("/terminal")]) == 1
    await setting.nothing_left()
    await setting.answered("DELETE", path)
