"""The whole stack for a test: Azurite, the simulated Azure and the functions host, in processes of their own."""

import os
import signal
import time
from dataclasses import dataclass
from typing import Any

from azure.storage.queue import QueueClient

from local.calls import call
from local.processes import Part, wait_until
from local.simulation.client import SimulationClient
from local.stack import Stack


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

    def log(self) -> str:
        """Return what the host and its workers have logged."""
        return self.host.log.read_text(encoding="utf-8")

    def _described(self) -> Any:
        return call("GET", f"{self.control}/workers").body
