"""Hundreds of failovers at once: followed with one list of jobs per vault and round, and with nothing that runs while they do."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from local.simulation.ids import derived
from tests.support.running import Running, running
from tests.support.sites import OPERATOR, Json, Maker, of_item, start
from tests.support.storage import AzuritePool

VAULTS, EACH = 10, 20
HOURS = 6
PACE = HOURS * 3600 / 580
"""So much longer than a tiny machine's ten minutes takes each job."""


class Many:
    """An estate with ten vaults of twenty items each, whose failovers take six hours."""

    def __init__(self) -> None:
        self.items: list[str] = []

    def fill(self, estate: Json, now: datetime) -> None:
        """Make the items, in vaults of the provider's subscription."""
        maker = Maker(estate, now)
        first = maker.vault("provider")
        for number in range(VAULTS):
            vault = f"{first['id']}-{number}"
            held: list[Json] = []
            for index in range(EACH):
                made = maker.item(f"many{number}x{index}", pace=PACE)
                item = first["items"].pop()
                self.items.append(made.replace(first["id"], vault))
                held.append(item | {"id": self.items[-1], "policy": None})
                held[-1].pop("policy")
            estate["vaults"].append({"id": vault, "location": first["location"], "items": held, "plans": [], "jobs": []})


@pytest.fixture
def many(azurites: AzuritePool, tmp_path: Path) -> Iterator[tuple[Running, list[str]]]:
    """A stack with all of them."""
    estate = Many()
    with azurites.lend() as azurite, running(tmp_path, azurite, change=estate.fill) as stack:
        yield stack, estate.items


def lists_of_jobs(stack: Running) -> int:
    """How often a vault's jobs were listed so far."""
    asked = stack.control("GET", "requests")["value"]
    return sum(row["count"] for row in asked if row["operation"] == "ReplicationJobs_List")


def reads(stack: Running) -> int:
    """How often Azure was read so far."""
    return sum(row["count"] for row in stack.control("GET", "requests")["value"] if row["method"] == "GET")


@pytest.mark.slow
def test_two_hundred_at_once_take_one_list_per_vault_and_round(many: tuple[Running, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    stack, items = many
    assert len(items) == len({derived(item) for item in items}) == VAULTS * EACH
    provider = stack.caller(*OPERATOR, tenant="provider")
    stack.control("POST", "clock", {"speed": 30})  # or what Azure lets one read would never fill again
    with ThreadPoolExecutor(6) as pool:
        failovers = list(pool.map(lambda item: start(provider, of_item(item, "UnplannedFailover")), items))
    stack.control("POST", "clock", {"speed": 0})

    def listed() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = provider.get("/failovers", top=1000).body["value"]
        return [one for one in found if one["id"] in set(failovers)]

    for _ in range(40):
        stack.advance("PT30S")
        if {one["step"] for one in listed()} == {"running"}:
            break
    assert {one["step"] for one in listed()} == {"running"}
    stack.advance("PT15M")  # into the rhythm of long jobs

    began, all_reads, rounds = lists_of_jobs(stack), reads(stack), 0
    for _ in range(20):
        before = lists_of_jobs(stack)
        stack.advance("PT5M")  # settled: nothing runs, nothing waits in a queue, and no function is busy with a job
        rounds += 1
        assert lists_of_jobs(stack) - before <= VAULTS, "more than one list per vault in a round"
    lists, other = lists_of_jobs(stack) - began, reads(stack) - all_reads - (lists_of_jobs(stack) - began)
    assert 0 < lists <= VAULTS * rounds
    assert other == 0, "a round reads nothing but the lists"
    assert {one["step"] for one in listed()} == {"running"}, "they are still under way"

    for _ in range(60):
        stack.advance("PT15M")
        if {one["status"] for one in listed()} == {"Succeeded"}:
            break
    ended = listed()
    assert {one["status"] for one in ended} == {"Succeeded"}
    assert min(one["timings"]["startedToFinished"] for one in ended) > (HOURS - 1) * 3600
    posts = [effect["path"].lower() for effect in stack.writes("/unplannedFailover")]
    assert len(posts) == len(set(posts)) == VAULTS * EACH
    with capsys.disabled():
        print(f"\n{VAULTS * EACH} failovers over {VAULTS} vaults: {lists} lists of jobs in {rounds} rounds, {other} other reads")
