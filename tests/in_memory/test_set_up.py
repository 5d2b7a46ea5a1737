"""A change of a vault takes effect once and only once, whatever answer is lost, however often it is requested."""

import asyncio

import pytest

from tests.crash.failing import REQUESTS
from tests.crash.fleet import Fleet
from tests.crash.setting_up import SettingUp
from tests.crash.world import Json
from tests.histories.in_memory import MemoryApp

pytestmark = pytest.mark.process

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


async def _until_ended(setting: SettingUp, *, step: str = "PT1M", most: int = 200) -> None:
    """Advance until all has ended."""
    for _ in range(most):
        await setting.fleet.simulation.advance(step)
        if not await setting.fleet.at_work() and not setting.fleet.waiting(REQUESTS):
            return
    rows = await setting.fleet.active()
    raise AssertionError(
        f"still active: {[(row['RowKey'], row['kind'], row['step'], row['nextAt'], row.get('attention')) for row in rows]}"
    )


async def _faults(fleet: Fleet, fault: Json) -> None:
    for method, paths in WRITES.items():
        for path, times in paths:
            await fleet.simulation.add_fault(method=method, path=path, times=times, **fault)


@pytest.mark.parametrize("what", FAULTS)
async def test_the_answer_to_each_write_goes_wrong(fleet: Fleet, what: str) -> None:
    setting = await SettingUp.of(fleet)
    await _faults(fleet, FAULTS[what])
    await setting.ask_all()
    await _until_ended(setting)
    assert not [fault for fault in await fleet.simulation.faults() if fault["remaining"]], "a write met no fault"
    await setting.compare()


async def test_an_effect_that_comes_late_makes_no_second_thing(fleet: Fleet, app: MemoryApp) -> None:
    setting = await SettingUp.of(fleet)
    await _faults(fleet, {"fault": "lateEffect", "delay": "PT3M"})
    await setting.ask_all()
    await _until_ended(setting)
    await fleet.simulation.advance("PT10M")  # and whatever is still to come
    await setting.compare(app.lost)


async def test_what_azure_refuses_is_reported_and_changes_nothing(fleet: Fleet) -> None:
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
