"""Processes that end with the one that started them, also when that is killed."""

import ctypes
import os
import signal
import sys
from typing import Final

_SET_PARENT_DEATH_SIGNAL: Final = 1  # prctl(2)


def die_with_parent(number: int) -> None:
    """Have the kernel send signal `number` to this process when its parent ends; does nothing where the system cannot (not Linux)."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_SET_PARENT_DEATH_SIGNAL, number, 0, 0, 0)
    if os.getppid() != parent:  # it ended in between
        os.kill(os.getpid(), number)


def tied(*command: str) -> list[str]:
    """Return the command that runs `command` tied to this process: SIGTERM reaches it when this process ends."""
    return [sys.executable, "-m", "local.lifeline", str(os.getpid()), *command]


def main() -> None:
    """Become the program that the arguments name, tied to the process whose id comes first."""
    die_with_parent(signal.SIGTERM)
    if sys.platform == "linux" and os.getppid() != int(sys.argv[1]):
        sys.exit("the process that wanted this is gone")
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  # the project's own program and arguments


if __name__ == "__main__":
    main()
