"""Hundreds of failovers at once: followed with one list of jobs per vault and round, and with nothing that runs while they do."""

import json
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.simulation.ids import derived
from local.simulation.sample_estate import sample_estate
from tests.histories.history import platform
from tests.histories.in_memory import MemoryApp
from tests.support.sites import OPERATOR, Json, Maker, of_item

pytestmark = pytest.mark.process

VAULTS, EACH = 10, 4
"""How many vaults, and items of each in CI: a list of jobs is one call for so many or for hundreds (`--histories` sets another number)."""
HOURS = 6
PACE = HOURS * 3600 / 580
"""So much longer than a tiny machine's ten minutes takes each job."""
HEADERS = {"Authorization": "|".join(("Bearer provider", "", *OPERATOR)), "Repeatability-First-Sent": "Mon, 01 Jan 2024 00:00:00 GMT"}


class Orderly(random.Random):
    """Chance by which each message comes once."""

    def random(self) -> float:
        """Return what neither loses nor doubles a message."""
        return 0.5


def fill(estate: Json, now: datetime, each: int) -> list[str]:
    """Add ten vaults of so many items each, whose failovers take six hours; return the items' ids."""
    maker, items = Maker(estate, now), []
    first = maker.vault("provider")
    for number in range(VAULTS):
        vault = f"{first['id']}-{number}"
        held: list[Json] = []
        for index in range(each):
            items.append(maker.item(f"many{number}x{index}", pace=PACE).replace(first["id"], vault))
            made = {name: value for name, value in first["items"].pop().items() if name != "policy"}
            held.append(made | {"id": items[-1]})
        estate["vaults"].append({"id": vault, "location": first["location"], "items": held, "plans": [], "jobs": []})
    return items


async def start(app: MemoryApp, item: str) -> str:
    """Start a failover, and return its id."""
    headers = HEADERS | {"Repeatability-Request-ID": derived("following", item)}
    reply = await app.request("POST", "/failovers", of_item(item, "UnplannedFailover"), headers)
    assert reply.status_code == 202, reply.get_body()
    return str(json.loads(reply.get_body())["id"])


async def listed(app: MemoryApp, failovers: set[str]) -> list[dict[str, Any]]:
    """Return these failovers as the list shows them."""
    reply = await app.request("GET", "/failovers?top=1000", None, HEADERS)
    return [one for one in json.loads(reply.get_body())["value"] if one["id"] in failovers]


def reads(app: MemoryApp) -> tuple[int, int]:
    """How often jobs of a vault were listed so far, and how often Azure was read otherwise."""
    asked = app.platform.requests.as_json()
    lists = sum(row["count"] for row in asked if row["operation"] == "ReplicationJobs_List")
    return lists, sum(row["count"] for row in asked if row["method"] == "GET") - lists


async def test_many_at_once_take_one_list_per_vault_and_round(request_log: Path, request: pytest.FixtureRequest) -> None:
    each: int = request.config.getoption("histories") or EACH
    azure = platform()
    estate = sample_estate(azure.clock.now())
    items = fill(estate, azure.clock.now(), each)
    app = await MemoryApp.start(azure, estate, Orderly(0), request_log)
    failovers: set[str] = set()
    for first in range(0, len(items), 10):
        failovers.update([await start(app, item) for item in items[first : first + 10]])
        await app.advance(timedelta(seconds=30))  # or what Azure lets one read would not last
    for _ in range(40):
        await app.advance(timedelta(seconds=30))
        if {one["step"] for one in await listed(app, failovers)} == {"running"}:
            break
    assert {one["step"] for one in await listed(app, failovers)} == {"running"}
    await app.advance(timedelta(minutes=15))  # into the rhythm of long jobs

    began, rounds = reads(app), 20
    for _ in range(rounds):
        before, _ = reads(app)
        await app.advance(timedelta(minutes=5))
        assert reads(app)[0] - before <= VAULTS, "more than one list per vault in a round"
    lists, other = (after - first for after, first in zip(reads(app), began, strict=True))
    assert 0 < lists <= VAULTS * rounds
    assert other == 0, "a round reads nothing but the lists"
    assert {one["step"] for one in await listed(app, failovers)} == {"running"}, "they are still under way"

    for _ in range(60):
        await app.advance(timedelta(minutes=15))
        if {one["status"] for one in await listed(app, failovers)} == {"Succeeded"}:
            break
    ended = await listed(app, failovers)
    assert len(ended) == VAULTS * each
    assert {one["status"] for one in ended} == {"Succeeded"}
    assert min(one["timings"]["startedToFinished"] for one in ended) > (HOURS - 1) * 3600
    posts = [effect["path"].lower() for effect in azure.effects.since(0) if effect["path"].endswith("/unplannedFailover")]
    assert len(posts) == len(set(posts)) == VAULTS * each
