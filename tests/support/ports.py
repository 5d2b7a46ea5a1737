"""Ports for tests: never the same twice, also between test runs side by side on one machine."""

import fcntl
import itertools
import os
import socket
import tempfile
from pathlib import Path
from typing import Final

# Below the range from which the kernel takes ports for outgoing connections, so that none of those gets in the way.
_FIRST: Final = 18000
_COUNT: Final = 14000
_FOLDER: Final = Path(tempfile.gettempdir()) / "farshore-test-ports"
_held: list[int] = []
_turn = itertools.count((os.getpid() * 97) % _COUNT)


def take_ports(count: int = 1) -> int:
    """Return the first of `count` free ports in a row; they stay this process's until it ends."""
    _FOLDER.mkdir(exist_ok=True)
    for _ in range(_COUNT):
        first = _FIRST + next(_turn) % (_COUNT - count)
        held = [_hold(port) for port in range(first, first + count)]
        if all(lock is not None for lock in held):
            _held.extend(lock for lock in held if lock is not None)
            for _skipped in range(count - 1):
                next(_turn)
            return first
        for lock in held:
            if lock is not None:
                os.close(lock)
    raise AssertionError("no free ports are left")


def _hold(port: int) -> int | None:
    lock = os.open(_FOLDER / str(port), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with socket.socket() as end:
            end.bind(("127.0.0.1", port))
    except OSError:
        os.close(lock)
        return None
    return lock
