"""`python3 -m local demo policies`: slots and nights without power on a running stack; here two nights instead of a week."""

import asyncio

import pytest

from local.journeys.policies import a_week_of_copies
from tests.conftest import StartHost
from tests.support.stacks import RunningHost


async def test_the_journey_runs_to_its_end(host: StartHost, capsys: pytest.CaptureFixture[str]) -> None:
    running: RunningHost = host(speed=600)
    result = await asyncio.to_thread(a_week_of_copies, running.stack.options, 2)
    shown = capsys.readouterr().out
    assert (result, shown.count("Night ")) == (0, 2), shown
    assert shown.rstrip().endswith("The policy is deleted; its copies stay.")
    assert running.simulation is not None
    points = [effect["path"] for effect in await running.simulation.effects() if "/restorePoints/" in effect["path"]]
    assert len(points) == len(set(points)) == 3 * 4, "three runs: of two machines a restore point and a copy each"
