"""`python3 -m local up`: start everything, show a copy, go on serving."""

import contextlib
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Final

from local.journeys.copy import copy_a_restore_point
from local.processes import Trouble
from local.sample_policies import seed_policies
from local.stack import Stack, StackOptions, check_ports

_LOOK: Final = 0.5  # wall-clock seconds


class StopRequested(BaseException):
    """SIGINT or SIGTERM came: end everything. Not an `Exception`, so that nothing on the way takes it for a failure."""


def up(options: StackOptions, *, demo: bool, leave: bool) -> int:
    """Run the stack; returns the exit code: with `leave` 0 only if the demo's copy is usable, else 0 when it is stopped.

    Raises `Trouble` where something cannot start. Every process is ended before this returns.
    """
    check_ports(options)
    with _signals_raise(), _data_folder(options) as placed:
        stack = Stack(placed)
        try:
            _start(stack)
            usable = _demonstrate(placed, leave=leave) if demo else True
            if leave:
                return 0 if usable else 1
            _serve(stack)
        except (StopRequested, KeyboardInterrupt):
            print("\nstopping …", flush=True)
            return 130 if leave else 0
        finally:
            _ignore_signals()
            stack.stop()
    return 1


def _start(stack: Stack) -> None:
    options, started = stack.options, time.monotonic()
    print("starting Azurite and the simulated Azure …", flush=True)
    stack.start_azure()
    print(f"starting the functions host ({options.workers} worker{'s' if options.workers > 1 else ''}) …", flush=True)
    host = stack.start_host()
    stack.seed()
    stack.wait_for_api(host)
    if options.estate is None:
        seed_policies(options)
    if options.azure_pack_port is not None:
        from local.journeys.data_center import seed_azure_pack  # only where there is an Azure Pack

        seed_azure_pack(options)
    print(f"ready after {time.monotonic() - started:.1f} s: {options.api} (simulated Azure: {options.azure})", flush=True)


def _demonstrate(options: StackOptions, *, leave: bool) -> bool:
    try:
        return copy_a_restore_point(options)
    except Trouble as trouble:
        if leave:
            raise
        print(f"the demonstration ended early: {trouble}", flush=True)
        return False


def _serve(stack: Stack) -> None:
    print(f"serving {stack.options.api}/docs, logs in {stack.options.data / 'logs'}; Ctrl-C ends it", flush=True)
    while True:
        for part in stack.parts:
            if part.ended():
                raise Trouble(f"{part.name} ended with {part.process.returncode}:\n{part.last_lines()}")
        time.sleep(_LOOK)


@contextlib.contextmanager
def _data_folder(options: StackOptions) -> Iterator[StackOptions]:
    if options.keep:
        options.data.mkdir(parents=True, exist_ok=True)
        yield options
        return
    with tempfile.TemporaryDirectory(prefix="farshore-", ignore_cleanup_errors=True) as folder:
        yield replace(options, data=Path(folder))


@contextlib.contextmanager
def _signals_raise() -> Iterator[None]:
    def ask(_number: int, _frame: FrameType | None) -> None:
        raise StopRequested

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    # What is being ended is ended within seconds; a second Ctrl-C would only leave some of it behind.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
