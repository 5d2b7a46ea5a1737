"""The whole stack for a test: Azurite, the simulated Azure and the functions host, in processes of their own."""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from azure.storage.queue import QueueClient, QueueServiceClient

from local.calls import answers, call
from local.processes import ROOT, Part, wait_until
from local.simulation.client import SimulationClient
from local.stack import Stack, StackOptions
from tests.support.ports import take_ports
from tests.support.storage import AzuritePool

START_SECONDS: Final = 60.0
"""Limit on the start of a part: a machine may be busy."""


@dataclass(frozen=True, slots=True)
class RunningHost:
    """A running stack. `simulation` is the client of its simulated Azure's control surface, None where it has none."""

    stack: Stack
    host: Part
    simulation: SimulationClient | None
    storage: str

    @property
    def api(self) -> str:
        """The address of the app's API, with its prefix."""
        return self.stack.options.api

    @property
    def azure(self) -> str:
        """The address of the simulated Azure."""
        return self.stack.options.azure

    @property
    def control(self) -> str:
        """The address at which the supervisor lists its workers."""
        return f"http://127.0.0.1:{self.stack.options.control_port}"

    def workers(self) -> list[int]:
        """Return the process ids of the workers that are ready."""
        return [worker["pid"] for worker in self._described()["value"] if worker["ready"]]

    def restarts(self) -> int:
        """Return how many workers were replaced so far."""
        return int(self._described()["restarts"])

    def kill_worker(self, index: int = 0) -> int:
        """Kill a worker (SIGKILL) and return its process id."""
        pid = self.workers()[index]
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_for_workers(self, count: int, seconds: float = 20) -> list[int]:
        """Wait until so many workers are ready and return their process ids."""
        wait_until(self.host, lambda: len(self.workers()) >= count, seconds)
        return self.workers()

    def queue(self, name: str) -> QueueClient:
        """Return a client of a queue."""
        return QueueClient.from_connection_string(self.storage, name)

    def messages(self, name: str) -> list[str]:
        """Take all visible messages off a queue and return their text; a queue that does not exist has none."""
        with self.queue(name) as queue:
            taken = []
            try:
                for message in queue.receive_messages():
                    taken.append(str(message.content))
                    queue.delete_message(message)
            except Exception as error:
                if getattr(error, "status_code", None) != 404:
                    raise
        return taken

    def wait_for_messages(self, name: str, count: int, seconds: float = 20) -> list[str]:
        """Take messages off a queue until there were `count`, and return their text."""
        taken: list[str] = []
        deadline = time.monotonic() + seconds
        while len(taken) < count:
            assert time.monotonic() < deadline, f"{name}: {len(taken)} of {count} messages came: {taken}\n{self.host.last_lines()}"
            taken += self.messages(name)
            time.sleep(0.02)  # the real time of real processes
        return taken

    def clear_queues(self) -> None:
        """Take all messages off all queues, hidden ones too."""
        with QueueServiceClient.from_connection_string(self.storage) as service:
            for queue in list(service.list_queues()):
                service.get_queue_client(queue).clear_messages()

    def log(self) -> str:
        """Return what the host and its workers have logged."""
        return self.host.log.read_text(encoding="utf-8")

    def _described(self) -> Any:
        return call("GET", f"{self.control}/workers").body


@dataclass
class Hosts:
    """Starts stacks, each with an empty Azurite of its own; `stop` ends them. `clients` of their simulations are the caller's to close."""

    folder: Path
    azurites: AzuritePool
    clients: list[SimulationClient] = field(default_factory=list)
    _ends: list[Callable[[], object]] = field(default_factory=list)

    def start(
        self,
        *,
        workers: int = 1,
        app: Path = ROOT,
        environment: dict[str, str] | None = None,
        speed: float = 0,
        estate: Path | None = None,
        ready: str = "health",
        simulated: bool = True,
        data: Path | None = None,
    ) -> RunningHost:
        """Start the simulated Azure (none with `simulated=False`) at speed 0 and the host, and return once it accepts work.

        `ready` is the path under the API that answers 200 then.
        """
        lent = self.azurites.lend()
        storage = lent.__enter__()
        self._ends.append(lambda: lent.__exit__(None, None, None))
        first = take_ports(3)
        options = StackOptions(
            data=data or self.folder / f"stack-{len(self._ends)}",
            port=first,
            azure_port=first + 1,
            control_port=first + 2,
            storage_port=storage.port,
            workers=workers,
            speed=speed,
            estate=estate,
            keep=data is not None,
            app=app,
            environment=(environment or {}) | ({} if simulated else {"FARSHORE_CLOCK_URL": ""}),
        )
        stack = Stack(options)
        self._ends.append(stack.stop)
        if simulated:
            part = stack.start_simulation()
            wait_until(part, lambda: answers(f"{options.azure}/_simulation/clock"), START_SECONDS)
            if app == ROOT:
                _in_a_thread(stack.seed)
            self.clients.append(SimulationClient(options.azure))
        part = stack.start_host()
        wait_until(part, lambda: answers(f"{options.api}/{ready}"), START_SECONDS)
        running = RunningHost(stack, part, self.clients[-1] if simulated else None, storage.connection_string)
        running.wait_for_workers(workers)
        return running

    def stop(self) -> None:
        """End every stack."""
        for end in reversed(self._ends):
            end()
        self._ends.clear()


def _in_a_thread(work: Callable[[], None]) -> None:
    # an event loop of its own cannot run inside the test's
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
