"""A fleet on an app in memory for each test: the simulated Azure, storage and worker processes that end, all in this process."""

import asyncio
import logging
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from local.simulation.arm.gate import REQUEST_LOG
from local.simulation.sample_estate import sample_estate
from tests.crash.fleet import Fleet
from tests.histories.history import fleet_of, platform
from tests.histories.in_memory import MemoryApp
from tests.histories.virtual import VirtualLoop
from tests.histories.workers import Points
from tests.support.partitions import few_partitions


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run these tests where waits pass at once."""
    return {"virtual": VirtualLoop}


@pytest.fixture(scope="package", autouse=True)
def _few_partitions() -> Iterator[None]:
    with few_partitions():
        yield


@pytest.fixture
def request_log(tmp_path: Path) -> Iterator[Path]:
    """The file to which the simulated Azure writes each request."""
    log = tmp_path / "simulation.log"
    handler = logging.FileHandler(log)
    requests = logging.getLogger(REQUEST_LOG)
    before = requests.level, requests.propagate
    requests.addHandler(handler)
    requests.setLevel(logging.INFO)
    requests.propagate = False
    yield log
    requests.removeHandler(handler)
    requests.level, requests.propagate = before
    handler.close()


@pytest_asyncio.fixture
async def app(request_log: Path) -> MemoryApp:
    """An app before an Azure of its own."""
    azure = platform()
    chance = random.Random(0)  # noqa: S311  # chance that can be repeated, not a secret
    return await MemoryApp.start(azure, sample_estate(azure.clock.now()), chance, request_log)


@pytest.fixture
def fleet(app: MemoryApp) -> Fleet:
    """A fleet on the app."""
    return fleet_of(app)


@pytest.fixture
def deaths(app: MemoryApp) -> Points:
    """Arms the crash points."""
    return app.points
