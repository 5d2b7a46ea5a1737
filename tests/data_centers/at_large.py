"""Many data centers at once on one installation, with lost answers, errors and killed workers.

`python3 -m tests.data_centers.at_large orders [N]` orders N (300); `… waiting [N] [W]` has N data centers (2,000), of which W (200) wait
for their quota. CI draws a small one of each (`test_at_large.py`).
"""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from tests.data_centers.bench import Bench, bench
from tests.data_centers.documents import TENANT, Json, installation, order

POINTS = ("accept.written", "step.claimed", "step.intended", "step.sent", "step.ended", "check.read", "check.written", "finish.written")
MINUTE = timedelta(minutes=1)
IN_FLIGHT = 4
"""How many calls each worker may have in flight: fewer than it would make side by side."""
_LONGEST = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a campaign came to."""

    events: list[Json]
    most_checks: int
    most_in_flight: int
    killed: int
    calls: int


def busiest_minute(moments: Sequence[datetime]) -> int:
    """Return how many moments are in the minute that has most of them."""
    ordered, first, most = sorted(moments), 0, 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] >= MINUTE:
            first += 1
        most = max(most, last - first + 1)
    return most


def orders_of(count: int) -> list[Json]:
    """Return the messages of orders, each for a user of its own."""
    head = {"tenant": TENANT, "operation": "dataCenter.create"}
    return [
        {"id": f"m{number}", **head, "dataCenter": f"order-{number}", **order(), "user": {"name": f"user{number}@northwind.example"}}
        for number in range(count)
    ]


async def take_in(app: Bench, messages: Sequence[Json]) -> None:
    """Send messages until each was taken in; one whose process ends meanwhile is delivered again."""
    for message in messages:
        app.send(message)
    await app.work()
    for _ in range(8):
        if not app.refused:
            return
        app.redeliver()
        await app.work()
    raise AssertionError(app.refused)


async def ended(app: Bench, count: int, *, kills: Random | None = None) -> list[Json]:
    """Let time pass until that many operations have ended; with `kills` workers are killed in each half minute, at points that it draws.

    Each point is drawn among as many passages as there are operations left. A kill that meets nothing within its half minute is dropped:
    collected, all of them would meet the one operation that is left.
    """
    began = app.platform.clock.now()
    while len(found := _terminal(app)) < count:
        app.armed.clear()
        if kills is not None:
            for point in POINTS:
                app.kill_at(point, kills.randint(1, 10 + 2 * (count - len(found))))
        await app.advance(timedelta(seconds=30))
        assert app.platform.clock.now() - began < _LONGEST, (len(found), count)
    return found


def _terminal(app: Bench) -> list[Json]:
    return list({one["id"]: one for one in app.events if one["id"].endswith("/terminal")}.values())


async def many_orders(count: int, *, per_minute: int, seed: int = 0) -> Outcome:
    """Order data centers with two workers, and hold what became of them against the model: one of each thing for each order."""
    document = installation(calls={"inFlight": IN_FLIGHT, "perMinute": per_minute})
    async with bench(document=document, workers=2, seed=seed) as app:
        before = {name: len(rows) for name, rows in app.state().items()}
        app.fault("lostResponse", service="azurePack.admin", rate=0.1, seed=seed)
        app.fault("error", service="azurePack.admin", status=500, rate=0.05, seed=seed + 1)
        for _ in range(2):  # each message is delivered twice
            await take_in(app, orders_of(count))
        events = await ended(app, count, kills=Random(seed))  # noqa: S311  # a draw, not a secret
        assert {one["type"] for one in events} == {"farshore.dataCenter.succeeded"}, [one["data"]["error"] for one in events]
        after = {name: len(rows) - before[name] for name, rows in app.state().items()}
        assert after == {**dict.fromkeys(after, 0), "users": count, "subscriptions": count, "addOns": count, "accounts": count}, after
        posts = [path for method, path in app.effects() if method == "POST" and path.startswith("/subscriptions/")]
        assert len(posts) == len(set(posts)) == count, "nothing is made twice"
        outcome = _outcome(app, events, per_minute)
        app.sent.clear()
        listed = await app.request("GET", "/data-centers?top=100")
        assert (len(listed.body["value"]), app.sent) == (min(count, 100), []), "a list makes no call to Azure Pack"
        return outcome


async def many_waiting(count: int, waiting: int, *, per_minute: int) -> Outcome:
    """Let data centers wait for their quota among many that do not: the checks of any minute stay within the installation's calls."""
    document = installation(calls={"inFlight": IN_FLIGHT, "perMinute": per_minute})
    async with bench(document=document, workers=2, syncSeconds=1200) as app:
        [first] = await app.until_ended(await app.place())
        assert first["status"] == "Succeeded"
        await _filled(app, count - waiting - 1)
        app.checked.clear()
        await take_in(app, orders_of(waiting))
        app.sent.clear()
        listed = await app.request("GET", "/data-centers?top=100")
        assert (len(listed.body["value"]), app.sent) == (min(count, 100), []), "a list makes no call to Azure Pack"
        events = await ended(app, waiting + 1)
        outcome = _outcome(app, events, per_minute)
        assert {one["type"] for one in events} == {"farshore.dataCenter.succeeded"}
        return outcome


def _outcome(app: Bench, events: list[Json], per_minute: int) -> Outcome:
    """Return what a campaign came to, within the calls that the installation allows."""
    outcome = Outcome(events, busiest_minute(app.checked), max(app.most.values()), len(app.killed), len(app.sent))
    assert outcome.most_checks <= per_minute, outcome.most_checks
    assert len(app.most) == len(app.workers), "each worker has one limit"
    assert outcome.most_in_flight <= IN_FLIGHT, outcome.most_in_flight
    return outcome


async def _filled(app: Bench, count: int) -> None:
    """Write records of data centers that wait for nothing."""
    from shared.data_centers.reading import DataCenterReader

    store = app.runtime.of(DataCenterReader).data_centers.store
    stored = await store.get(TENANT, "10042")
    assert stored is not None
    for number in range(count):
        await store.insert(stored.document.model_copy(update={"id": f"old-{number}", "pending": ()}))


def main() -> int:
    """Run a campaign; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.data_centers.at_large")
    parser.add_argument("campaign", choices=("orders", "waiting"))
    parser.add_argument("count", type=int, nargs="?")
    parser.add_argument("waiting", type=int, nargs="?", default=200)
    parser.add_argument("--per-minute", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0, help="of the faults, the kills and the identifiers of the orders")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)  # each planted fault would be a line
    began = time.monotonic()
    if given.campaign == "orders":
        outcome = asyncio.run(many_orders(given.count or 300, per_minute=given.per_minute, seed=given.seed))
    else:
        outcome = asyncio.run(many_waiting(given.count or 2000, given.waiting, per_minute=given.per_minute))
    took = time.monotonic() - began
    print(
        f"{len(outcome.events)} operations ended as the model has it; {outcome.calls} calls, "
        f"at most {outcome.most_checks} checks in a minute and {outcome.most_in_flight} calls at once of a worker, "
        f"{outcome.killed} workers killed; {took:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
