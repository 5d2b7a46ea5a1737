"""Azure's time: its speed, advances in lockstep with a host, and what survives a kill."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from local.simulation.client import SimulationClient, SimulationError
from local.simulation.control.clock import Clock
from tests.local.simulated import START, Azure, azure_running, no_resending


@pytest.fixture
async def azure() -> AsyncIterator[Azure]:
    async with azure_running() as running:
        yield running


async def test_the_clock_moves_by_the_given_step_and_never_back(azure: Azure) -> None:
    assert (await azure.control.clock()).now == START
    advanced = await azure.control.advance("P1DT2H3M4S")
    assert advanced.now - START == timedelta(days=1, hours=2, minutes=3, seconds=4)
    assert advanced.settled is True, "no host is registered, so it just moves"
    for wrong in ("-PT1H", "1 hour", "P", "PT"):
        with pytest.raises(SimulationError):
            await azure.control.advance(wrong)
    assert (await azure.control.clock()).now == advanced.now


def test_the_clock_runs_at_its_speed_and_stops_while_frozen() -> None:
    wall = [100.0]
    clock = Clock(START, 600, monotonic=lambda: wall[0], wall=lambda: wall[0])
    wall[0] += 2
    assert clock.now() == START + timedelta(minutes=20)
    clock.freeze()
    wall[0] += 5
    assert (clock.now(), clock.speed) == (START + timedelta(minutes=20), 0)
    clock.move(timedelta(hours=1))
    clock.thaw()
    wall[0] += 1
    assert (clock.now(), clock.speed) == (START + timedelta(hours=1, minutes=30), 600)
    clock.set_speed(1)
    wall[0] += 1
    assert clock.now() == START + timedelta(hours=1, minutes=30, seconds=1)


class Host:
    """A local host that records its requests, and the clock at each."""

    def __init__(self, azure: Azure, *, settles: bool = True) -> None:
        self.azure = azure
        self.settles = settles
        self.asked: list[tuple[str, Any, float]] = []

    async def settle(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert 0 < body["deadlineSeconds"] < 20
        reading = await self.azure.control.clock()
        self.asked.append((body["phase"], reading.now, reading.speed))
        return web.json_response({"settled": self.settles})


@asynccontextmanager
async def host_running(host: Host) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/settle", host.settle)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


async def test_an_advance_asks_the_host_before_and_after_with_the_clock_frozen(azure: Azure) -> None:
    await azure.control.set_speed(50)
    host = Host(azure)
    async with host_running(host) as url:
        await azure.control.register_host(url)
        done = await azure.control.advance("PT10M")
        assert (done.settled, done.speed) == (True, 50)
        (first, before, frozen), (second, after, still) = host.asked
        assert (first, second, frozen, still) == ("before", "after", 0, 0)
        assert after - before == timedelta(minutes=10)
        host.settles = False
        assert (await azure.control.advance("PT10M")).settled is False
        await azure.control.deregister_host()
        assert (await azure.control.advance("PT10M")).settled is True
        assert len(host.asked) == 4


async def test_a_host_that_died_is_deregistered(azure: Azure) -> None:
    async with host_running(Host(azure)) as url:
        await azure.control.register_host(url)
    before = (await azure.control.clock()).now
    done = await azure.control.advance("PT10M")
    assert (done.settled, done.now - before) == (False, timedelta(minutes=10))
    assert (await azure.control.advance("PT10M")).settled is True


@asynccontextmanager
async def process(data: Path, *options: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, Azure]]:
    """Run the simulation as the process that users run."""
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "local.simulation", "--port", "0", "--data", str(data), *options, stdout=asyncio.subprocess.PIPE
    )
    assert started.stdout is not None
    try:
        line = (await asyncio.wait_for(started.stdout.readline(), 20)).decode()
        url = line.split()[-1]
        async with SimulationClient(url) as control, no_resending() as session:
            yield started, Azure(url, control, session)
    finally:
        if started.returncode is None:
            started.send_signal(signal.SIGTERM)
        await asyncio.wait_for(started.wait(), 10)


async def test_everything_survives_a_kill(tmp_path: Path) -> None:
    async with process(tmp_path, "--speed", "0") as (running, azure):
        source = await azure.collection()
        target = await azure.target(source)
        first, second, third = [point["id"] for point in source["restorePoints"]]
        await azure.copy(target, "a", first)
        await azure.control.advance("PT40M")
        await azure.copy(target, "b", second)
        await azure.control.add_fault("error", rate=0.5, seed=3, path="nothing-matches")
        await azure.control.add_fault("lateEffect", method="PUT", path="resourceGroups/late$", delay="PT30M")
        group = source["id"].split("/providers/", maxsplit=1)[0].rsplit("/", 1)[0] + "/late"
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await azure.call("PUT", group, {"location": "westeurope"}, version="2022-12-01")
        before = (await azure.control.clock(), await azure.control.effects(), await azure.control.estate(), await azure.control.faults())
        token = await azure.control.identity_token()
        running.kill()
        await running.wait()
    async with process(tmp_path) as (_, azure):
        clock, effects, estate, faults = before
        assert await azure.control.clock() == clock
        assert await azure.control.effects() == effects
        assert await azure.control.estate() == estate
        assert await azure.control.faults() == faults
        azure.tokens["farshore"] = token  # a token from before is still good: the key is kept
        assert (await azure.copy(target, "c", third)).code == "OperationNotAllowed", "the second copy still runs"
        await azure.control.advance("PT45M")
        assert (await azure.call("GET", group, version="2022-12-01")).status == 200, "the late effect has landed"
        assert (await azure.control.effects())[-1]["sequence"] == effects[-1]["sequence"] + 1
        assert await azure.progress(f"{target}/restorePoints/b") == ("succeeded", [100, 100])


async def test_the_clock_does_not_go_back_over_a_kill_at_high_speed(tmp_path: Path) -> None:
    async with process(tmp_path, "--speed", "100000") as (running, azure):
        await azure.collection()
        last = (await azure.control.clock()).now
        running.kill()
        await running.wait()
    async with process(tmp_path) as (_, azure):
        reading = await azure.control.clock()
        assert reading.now >= last
        assert reading.speed == 100000


async def test_a_busy_port_is_said_with_the_option_to_change_it(azure: Azure) -> None:
    port = azure.url.rsplit(":", 1)[1]
    started = await asyncio.create_subprocess_exec(sys.executable, "-m", "local.simulation", "--port", port, stderr=asyncio.subprocess.PIPE)
    _, errors = await asyncio.wait_for(started.communicate(), 20)
    assert started.returncode == 1
    assert port in errors.decode()
    assert "--port" in errors.decode()
