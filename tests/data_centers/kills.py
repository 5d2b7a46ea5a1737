"""The life of a data center beside a model of its writes: killed at each point, each call's answer lost or late, messages doubled.

`python3 -m tests.data_centers.kills` runs the whole matrix; CI draws from it (`test_kills.py`).
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final
from uuid import UUID

from shared.data_centers.rules.naming import add_on_id, subscription_id
from tests.data_centers.bench import Bench, bench
from tests.data_centers.documents import TENANT, Json
from tests.data_centers.life import ACTIONS, SUCCEEDED, expected, messages

POINTS = (
    "accept.locked", "accept.written", "accept.queued", "step.claimed", "step.intended", "step.sent", "step.ended", "check.read",
    "check.written", "check.queued", "finish.written", "announce.released", "announce.sent", "announce.removed",
)  # fmt: skip
SUBSCRIPTION: Final[UUID] = subscription_id("pack", TENANT, "10042", 1)
ADD_ON: Final = add_on_id("pack", TENANT, "10042", 1)
MACHINE: Final = "VirtualMachines"
POWER: Final = Counter({("PUT", MACHINE): 3, ("DELETE", MACHINE): 1})
"""The writes of one machine that runs: it is shut down, started, stopped and deleted."""
HARMLESS: Final = frozenset({("PUT", "/accounts/ada@northwind.example"), ("PUT", f"/addons/{ADD_ON}/quota")})
"""What may take effect more often: an account again changes nothing, nor does the quota's synchronisation (its path without query)."""
CALLS: Final = tuple(dict.fromkeys((*expected(str(SUBSCRIPTION)), ("PUT", MACHINE), ("DELETE", MACHINE), ("GET", ""))))
"""Every call of a life, each once; the last are its reads."""
FAULTS: Final[dict[str, Json]] = {
    "lostResponse": {}, "errorAfterEffect": {"status": 500}, "lateEffect": {"delay": "PT20S"}, "error": {"status": 500},
}  # fmt: skip


def _short(path: str) -> str:
    return MACHINE if MACHINE in path else path


def model() -> Counter[tuple[str, str]]:
    """Return how often each call has to take effect."""
    return Counter(expected(str(SUBSCRIPTION))) + POWER


@asynccontextmanager
async def _living(workers: int = 1) -> AsyncIterator[Bench]:
    async with bench(workers=workers) as app:
        before = {name: len(rows) for name, rows in app.state().items()}
        yield app
        outcomes = list({one["id"]: one for one in app.events if one["id"].endswith("/terminal")}.values())
        assert [(one["data"]["action"], one["type"]) for one in outcomes] == [(action, SUCCEEDED) for action in ACTIONS], outcomes
        assert {name: len(rows) for name, rows in app.state().items()} == before
        written = Counter((method, _short(path)) for method, path in app.effects())
        more, less = written - model(), model() - written
        assert not less, less
        assert set(more) <= HARMLESS, more


async def _live(app: Bench) -> None:
    """Order a data center, put a machine into it, then send all that follows at once."""
    first, *rest = messages(after=True)
    await _taken_in(app, first)
    await _until(app, 1)
    app.machine("web", "Running", str(SUBSCRIPTION))
    await _taken_in(app, *rest)
    await _until(app, len(ACTIONS))
    await app.advance(timedelta(minutes=10))


async def _taken_in(app: Bench, *sent: Json) -> None:
    for message in sent:
        app.send(message)
    await app.advance()
    for _ in range(8):
        app.redeliver()
        await app.advance(timedelta(minutes=1))


async def _until(app: Bench, count: int) -> None:
    for _ in range(400):
        if len({one["id"] for one in app.events if one["id"].endswith("/terminal")}) >= count:
            return
        await app.advance(timedelta(seconds=30))
    raise AssertionError(app.events)


async def killed(point: str) -> None:
    """Live a life in which every second process that reaches a point is killed, and each message is delivered twice."""
    async with _living(workers=2) as app:
        app.doubled = True
        for times in (1, 2, 2, 3, 2, 1, 4, 2):
            app.kill_at(point, times)
        await _live(app)
        assert app.killed


async def faulted(number: int, fault: str) -> None:
    """Live a life in which the first two of one of the calls meet a fault."""
    async with _living() as app:
        method, path = CALLS[number]
        pattern = f"^{path}$" if path.startswith("/") else path
        app.fault(fault, method=method, path=pattern, times=2, **FAULTS[fault])
        await _live(app)


async def _all() -> None:
    for point in POINTS:
        print("killed", point, flush=True)
        await killed(point)
    for number, call in enumerate(CALLS):
        for fault in FAULTS:
            print(*call, fault, flush=True)
            await faulted(number, fault)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # each planted fault would be a line
    asyncio.run(_all())
    print(f"killed at {len(POINTS)} points with doubled messages, {len(CALLS)} calls with {len(FAULTS)} faults: each took effect once")
