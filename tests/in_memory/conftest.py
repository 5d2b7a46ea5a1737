"""A fleet on an app in memory for each test: the simulated Azure, storage and worker processes that end, all in this process."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from local.simulation.arm.gate import REQUEST_LOG
from local.simulation.sample_estate import sample_estate
from shared.operations import crash_points
from tests.crash.fleet import Fleet
from tests.histories.history import fleet_of, platform
from tests.histories.in_memory import MemoryApp
from tests.histories.virtual import VirtualLoop
from tests.histories.workers import Points


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run these tests where waits pass at once."""
    return {"virtual": VirtualLoop}


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> Points:
    """Arms the crash points."""
    points = Points()
    monkeypatch.setattr(crash_points, "reach", points.reach)
    return points


@pytest.fixture
def request_log(tmp_path: Path) -> Iterator[Path]:
    """The file to which the simulated Azure writes each request."""
    log = tmp_path / "simulation.log"
    handler = logging.FileHandler(log)
    requests = logging.getLogger(REQUEST_LOG)
    before = requests.level
    requests.addHandler(handler)
    requests.setLevel(logging.INFO)
    yield log
    requests.removeHandler(handler)
    requests.setLevel(before)
    handler.close()


@pytest_asyncio.fixture
async def fleet(request_log: Path) -> AsyncIterator[Fleet]:
    """A fleet on an app of its own."""
    azure = platform()
    chance = random.Random(0)  # noqa: S311  # chance that can be repeated, not a secret
    yield fleet_of(await MemoryApp.start(azure, sample_estate(azure.clock.now()), chance, request_log))
