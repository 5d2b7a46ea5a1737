"""One stack for all crash tests: two workers with short leases, whose points of death are armed by files."""

import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from local import processes
from local.calls import answers
from local.stack import Stack, StackOptions
from tests.crash.fleet import Fleet
from tests.support.ports import take_ports
from tests.support.stacks import START_SECONDS, RunningHost
from tests.support.storage import AzuritePool

LEASE_SECONDS = 2.0
HIDDEN_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Deaths:
    """The folder by which points of death are armed."""

    folder: Path

    def arm(self, point: str) -> None:
        """Let the next process that reaches this point die there."""
        (self.folder / f"{point}.reached").unlink(missing_ok=True)
        (self.folder / point).touch()

    def pause(self, point: str) -> None:
        """Let the next process that reaches this point stand still there."""
        (self.folder / f"{point}.reached").unlink(missing_ok=True)
        (self.folder / "pausing").write_text("pause")
        (self.folder / "pausing").rename(self.folder / point)

    def reached(self, point: str) -> bool:
        """Whether a process died there since it was armed."""
        return (self.folder / f"{point}.reached").exists()

    def disarm(self) -> None:
        """Let every process live."""
        for file in self.folder.iterdir():
            file.unlink()


def short_times(deaths: Deaths) -> dict[str, str]:
    """The environment of workers that are to die: what waits for the dead waits for seconds, not minutes."""
    return {
        "FARSHORE_CRASH_POINT": str(deaths.folder),
        "FARSHORE_LEASE_SECONDS": str(LEASE_SECONDS),
        "LOCAL_HOST_HIDDEN_SECONDS": str(HIDDEN_SECONDS),
    }


def start_stack(data: Path, storage_port: int, environment: dict[str, str], *, workers: int = 2) -> tuple[Stack, RunningHost]:
    """Start the simulated Azure, with every request logged, and the host; the caller stops the stack."""
    first = take_ports(3)
    options = StackOptions(
        data=data,
        port=first,
        azure_port=first + 1,
        control_port=first + 2,
        storage_port=storage_port,
        workers=workers,
        environment=environment,
    )
    stack = Stack(options)
    command = [sys.executable, "-m", "local.simulation", "--port", str(options.azure_port), "--speed", "0", "--log-requests"]
    simulation = processes.start("the simulated Azure", command, data / "logs" / "simulation.log")
    stack.parts.append(simulation)
    processes.wait_until(simulation, lambda: answers(f"{options.azure}/_simulation/clock"), START_SECONDS)
    stack.seed()
    host = stack.start_host()
    processes.wait_until(host, lambda: answers(f"{options.api}/health"), START_SECONDS)
    running = RunningHost(stack, host, None, stack.connection_string)
    running.wait_for_workers(workers)
    return stack, running


@pytest.fixture(scope="package")
def deaths(tmp_path_factory: pytest.TempPathFactory) -> Deaths:
    """Where points of death are armed."""
    return Deaths(tmp_path_factory.mktemp("deaths"))


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory, azurites: AzuritePool, deaths: Deaths) -> Iterator[RunningHost]:
    """The stack; no test leaves anything in it."""
    with azurites.lend() as storage:
        stack, host = start_stack(tmp_path_factory.mktemp("stack"), storage.port, short_times(deaths))
        try:
            yield host
        finally:
            stack.stop()


@pytest_asyncio.fixture
async def fleet(running: RunningHost, deaths: Deaths) -> AsyncIterator[Fleet]:
    """A fleet on the shared stack, without faults and with every worker alive."""
    deaths.disarm()
    running.wait_for_workers(2)
    async with Fleet.of(running) as one:
        yield one
        await one.simulation.clear_faults()
        await one.abandon()
    deaths.disarm()
