"""Storage fails for a while: answers 500, loses answers to writes that it made, drops requests. Nothing is lost, nothing is begun twice.

`--each-point` has a test for each way to fail: `python3 -m local test tests/crash/test_storage.py --each-point`.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import product

import pytest
import pytest_asyncio

from local.azurite import connection_string
from tests.crash.conftest import Deaths, short_times, start_stack
from tests.crash.fleet import REQUESTS, Fleet
from tests.crash.world import Wanted, world
from tests.support.stacks import RunningHost
from tests.support.storage import AzuritePool
from tests.support.storage_proxy import Action, AnswerStatus, DropAnswer, DropRequest, Rule, StorageProxy


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory, azurites: AzuritePool, deaths: Deaths) -> Iterator[tuple[StorageProxy, RunningHost]]:
    """A stack whose app reaches storage through a proxy; tests look at storage directly."""
    with azurites.lend() as storage, StorageProxy(storage.port) as proxy:
        environment = short_times(deaths) | {"AzureWebJobsStorage": proxy.connection_string}
        stack, running = start_stack(tmp_path_factory.mktemp("proxied"), storage.port, environment)
        try:
            yield proxy, running
        finally:
            stack.stop()


@pytest_asyncio.fixture
async def fleet(proxied: tuple[StorageProxy, RunningHost]) -> AsyncIterator[Fleet]:
    """A fleet on that stack."""
    proxy, running = proxied
    proxy.clear()
    async with Fleet.of(running) as one:
        yield one
    proxy.clear()


ACTIONS: dict[str, Action] = {
    "errors": AnswerStatus(500),
    "errors-after": AnswerStatus(500, after_forwarding=True),
    "answers-lost": DropAnswer(),
    "requests-lost": DropRequest(),
}
WRITES = {("table", "POST"): 7, ("table", "PATCH"): 7, ("table", "DELETE"): 3, ("queue", "POST"): 5, ("queue", "DELETE"): 5}
"""The writes of tables and queues, and how many of each pass between two bursts of failures."""
BURSTS, LONG = 12, 4
"""Bursts of each write, and the length of one: one more than the SDK bridges by itself."""
_POINTS = 2


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let storage fail in each way within one test, or in one way per test."""
    if "ways" in metafunc.fixturenames:
        each = metafunc.config.getoption("--each-point")
        metafunc.parametrize("ways", [(way,) for way in ACTIONS] if each else [tuple(ACTIONS)], ids="-".join)


async def test_storage_fails_every_few_calls(fleet: Fleet, proxied: tuple[StorageProxy, RunningHost], ways: tuple[str, ...]) -> None:
    proxy, _ = proxied
    name = ways[0] if len(ways) == 1 else "failing"
    small = world(name, (await fleet.simulation.clock()).now, chains=2, points=_POINTS, machines=2, minutes=1)
    await fleet.hold(small)
    # the ways take turns, and each write begins with another one
    rules = [
        (way, write, proxy.add(Rule(ACTIONS[way], service=write[0], method=write[1], times=LONG, skip=3 + burst * between)))
        for first, (write, between) in enumerate(WRITES.items())
        for burst in range(BURSTS)
        for way in (ways[(first + burst) % len(ways)],)
    ]
    for number, wanted in enumerate(small.machines):
        fleet.send({**wanted.body, "id": f"{name}-{number}", "tenant": wanted.tenant})
    await asyncio.gather(*(_start_all(fleet, small.points[first : first + _POINTS]) for first in range(0, len(small.points), _POINTS)))
    for _ in range(200):
        await fleet.simulation.advance("PT5M")
        if not await fleet.at_work() and not fleet.waiting(REQUESTS):
            break
    met = {(way, write) for way, write, rule in rules if rule.matched == LONG}
    # few rows are deleted: those meet one way or another
    assert [pair for pair in product(ways, WRITES) if pair not in met and pair[1] != ("table", "DELETE")] == []
    assert any(write == ("table", "DELETE") for _, write in met)
    proxy.clear()
    await fleet.until_ended()
    for number, wanted in enumerate(small.machines):
        await fleet.adopt(wanted, f"{name}-{number}")
    await fleet.compare(dead_locks=True)


async def _start_all(fleet: Fleet, chain: Sequence[Wanted]) -> None:
    for wanted in chain:
        await fleet.start(wanted)


async def test_storage_is_gone_for_a_minute_of_azures_time(fleet: Fleet, proxied: tuple[StorageProxy, RunningHost]) -> None:
    proxy, _ = proxied
    small = world("gone", (await fleet.simulation.clock()).now, chains=1, points=2, machines=1, minutes=1)
    await fleet.hold(small)
    for wanted in (*small.points, *small.machines):
        await fleet.start(wanted)
    outage = proxy.add(Rule(AnswerStatus(503), times=200))
    await fleet.until_ended(step="PT2M")
    assert outage.matched == 200
    await fleet.compare(dead_locks=True)


def test_tests_look_at_storage_directly(proxied: tuple[StorageProxy, RunningHost]) -> None:
    proxy, running = proxied
    assert running.storage == connection_string(proxy.azurite_port)
