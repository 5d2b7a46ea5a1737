"""Starting the parts of the stack, waiting until they answer, and ending them, whatever they do."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.lifeline import tied

ROOT: Final = Path(__file__).resolve().parents[1]
GRACE: Final = 8.0  # wall-clock seconds between asking a process to end and killing it
_LAST_LINES: Final = 15


class Trouble(Exception):  # noqa: N818  # read by a person as a sentence
    """Something that the user should know and that ends the command; the message is for them."""


@dataclass(frozen=True, slots=True)
class Part:
    """A running part of the stack: its name for people, its process (the leader of a group of its own) and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def ended(self) -> bool:
        """Whether the process has ended."""
        return self.process.poll() is not None

    def last_lines(self) -> str:
        """Return the end of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(f"  | {line}" for line in lines[-_LAST_LINES:])

    def stop(self, grace: float = GRACE) -> None:
        """Ask the process to end, and kill its whole group after `grace` wall-clock seconds."""
        if not self.ended():
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(grace)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def start(name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Part:
    """Start a part which ends with this process; its output goes to `log`. `environment` is its whole one, by default this process's."""
    log.parent.mkdir(parents=True, exist_ok=True)
    seen = dict(os.environ if environment is None else environment)
    seen["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [seen.get("PYTHONPATH")])])
    with log.open("ab") as output:
        process = subprocess.Popen(
            tied(*command), cwd=ROOT, env=seen, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    return Part(name, process, log)


def wait_until(part: Part, ready: Callable[[], bool], seconds: float) -> None:
    """Wait until `ready`; raises `Trouble` with the end of its log where the part ends or takes longer than wall-clock `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        if part.ended():
            raise Trouble(f"{part.name} ended with {part.process.returncode} while it started:\n{part.last_lines()}")
        if time.monotonic() > deadline:
            raise Trouble(f"{part.name} did not answer within {seconds:.0f} s; its log, {part.log}, ends with:\n{part.last_lines()}")
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether a process accepts connections on a port of 127.0.0.1."""
    with socket.socket() as end:
        end.settimeout(1)
        return end.connect_ex(("127.0.0.1", port)) == 0


def check_free(port: int, what: str, option: str) -> None:
    """Raise `Trouble`, naming the port and the option that changes it, where the port is taken."""
    with socket.socket() as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            end.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise Trouble(f"port {port}, for {what}, is not free ({error}): choose another with {option}") from error
