"""The app in this process for tests that are not asynchronous: it runs in a thread with an event loop of its own, and is reached over HTTP.

What it offers is what `tests/support/running.py` offers for a stack of processes, so that a test is written alike for either.
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from local.simulation.times import duration
from tests.support.accounts import Account
from tests.support.app import InProcessApp
from tests.support.running import Change, Running, make_estate

T = TypeVar("T")
_LONGEST = 300.0  # wall-clock seconds for anything that is done in the loop: more than all of its own limits


@contextmanager
def in_process(
    account: Account, *, change: Change | None = None, environment: Mapping[str, str] | None = None, azure_pack: bool = False
) -> Iterator[Running]:
    """Run the app in this process with the sample estate and many further machines of contoso's, its clock standing still.

    `change` adds to the estate, `environment` to the app's environment; with `azure_pack` the estate's installation listens too.
    """
    now = datetime.now(UTC)
    estate, machines = make_estate(now, change)
    ends = AsyncExitStack()
    with _loop() as run:
        try:
            starting = InProcessApp.start(account.connection_string, estate=estate, now=now, environment=environment, azure_pack=azure_pack)
            app = run(ends.enter_async_context(starting))
            places = (app.api, app.azure.url, account.connection_string)
            yield Running(*places, iter(machines), lambda step: run(app.advance(duration(step))), lambda: run(app.restart()))
        finally:
            run(ends.aclose())


class _Run(Protocol):
    def __call__(self, work: Coroutine[Any, Any, T]) -> T: ...


@contextmanager
def _loop() -> Iterator[_Run]:
    """Run an event loop in a thread, and return what carries out work in it and waits for the result."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="app", daemon=True)
    thread.start()

    def run(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(_LONGEST)

    try:
        yield run
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
