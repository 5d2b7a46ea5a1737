"""Storage fails for a while: answers 500, loses answers to writes that it made, drops requests. Nothing is lost, nothing is begun twice."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from local.azurite import connection_string
from tests.crash.conftest import Deaths, short_times, start_stack
from tests.crash.fleet import REQUESTS, Fleet
from tests.crash.world import world
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


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("errors", AnswerStatus(500)),
        ("errors-after", AnswerStatus(500, after_forwarding=True)),
        ("answers-lost", DropAnswer()),
        ("requests-lost", DropRequest()),
    ],
)
async def test_storage_fails_every_few_calls(fleet: Fleet, proxied: tuple[StorageProxy, RunningHost], name: str, action: Action) -> None:
    proxy, _ = proxied
    small = world(name, (await fleet.simulation.clock()).now, chains=1, points=2, machines=1, minutes=1)
    await fleet.hold(small)
    # of the writes of tables and queues, a burst of four now and then: more than the SDK bridges by itself
    rules = [
        proxy.add(Rule(action, method=method, service=service, times=4, skip=skip))
        for skip in range(3, 60, 20)
        for service, method in (("table", "POST"), ("table", "PATCH"), ("table", "DELETE"), ("queue", "POST"), ("queue", "DELETE"))
    ]
    for wanted in small.points:
        await fleet.start(wanted)
    for wanted in small.machines:
        fleet.send({**wanted.body, "id": name, "tenant": wanted.tenant})
    for _ in range(200):
        await fleet.simulation.advance("PT5M")
        if not await fleet.at_work() and not fleet.waiting(REQUESTS):
            break
    assert sum(rule.matched for rule in rules) > 12
    proxy.clear()
    await fleet.until_ended()
    for wanted in small.machines:
        await fleet.adopt(wanted, name)
    await fleet.compare(dead_locks=True)


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
