"""The life of a recovery plan on an Azure as it is: it keeps the plan's last scenario, hides a job for its first second, names no
`Location`, and writes ids, times and values in several ways."""

import logging
import random
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local.simulation.ids import derived
from local.simulation.sample_estate import sample_estate
from tests.crash.fleet import Fleet
from tests.histories import virtual
from tests.histories.history import fleet_of, platform
from tests.histories.in_memory import MemoryApp
from tests.support.sites import Maker, of_plan

pytestmark = pytest.mark.process
Json = dict[str, Any]
ROLES = "Failovers.Read|Failovers.Execute"
AS_AZURE_IS: tuple[Json, ...] = (
    {"fault": "hideJob", "path": "replication", "rate": 1, "duration": "PT1S"},
    {"fault": "reshape", "path": "replication", "headers": {"Location": None}, "rate": 1},
    {"fault": "odd", "path": ".", "kinds": ["idCase", "times", "members", "enumCase"], "rate": 1},
)


@dataclass
class Life:
    """A plan, and what is done to it."""

    app: MemoryApp
    fleet: Fleet
    tenant: str
    plan: str
    count: int = 0

    async def call(self, method: str, path: str, body: Json | None = None) -> Json:
        """Call the app, which accepts it."""
        self.count += 1
        headers = {"Authorization": f"Bearer {self.tenant}||{ROLES}", "Repeatability-Request-ID": derived("life", str(self.count))}
        headers["Repeatability-First-Sent"] = "Mon, 01 Jan 2024 00:00:00 GMT"
        async with self.fleet.http.request(method, path, json=body, headers=headers) as answer:
            found: Json = await answer.json()
            assert answer.status in {200, 202}, found
            return found

    async def does(self, action: str, **more: object) -> Json:
        """Carry out an action on the plan, to its end."""
        started = await self.call("POST", "/failovers", of_plan(self.plan, action, **more))
        for _ in range(60):
            await self.app.advance(timedelta(minutes=5))
            found = await self.call("GET", f"/failovers/{started['id']}")
            if found["status"] in {"Succeeded", "Failed", "Canceled"}:
                break
        assert (found["status"], found["error"], found["attention"]) == ("Succeeded", None, None), found
        return found

    async def drilled(self, times: int) -> list[Json]:
        """Have the plan drilled by a policy, every day, and return the results."""
        policy = {"recoveryPlanIds": [self.plan], "every": "P1D", "network": None, "keepFor": "PT30M"}
        await self.call("PUT", "/drill-policies/nightly", policy)
        found: list[Json] = []
        for _ in range(16 * times):
            await self.app.advance(timedelta(hours=2))
            found = (await self.call("GET", "/drill-policies/nightly/report"))["value"]
            if len(found) == times and all(run["completedAt"] for run in found):
                break
        return found

    def deeds(self) -> list[str]:
        """Return what took effect on the plan, in order."""
        effects = self.app.platform.effects.since(0)
        own = [str(one["path"]) for one in effects if f"{self.plan}/".lower() in str(one["path"]).lower()]
        return [path.rpartition("/")[2] for path in own]


@pytest.mark.parametrize("suspends", [True, False])
def test_a_plan_is_tested_twice_failed_over_reprotected_and_drilled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, suspends: bool
) -> None:
    caplog.set_level(logging.ERROR)
    log = tmp_path / "simulation.log"
    log.touch()
    virtual.run(_live(log, suspends=suspends))
    assert [record.getMessage() for record in caplog.records] == []


async def _live(log: Path, *, suspends: bool) -> None:
    now = platform().clock.now()
    estate: Json = sample_estate(now)
    maker = Maker(estate, now)
    items = [maker.item(name, "A2A", tenant="contoso") for name in ("web01", "web02", "sql01")]
    plan = maker.plan("shop", [items[2:], items[:2]], tenant="contoso")
    next(one for vault in estate["vaults"] for one in vault["plans"] if one["id"] == plan)["testFailoverSuspends"] = suspends
    app = await MemoryApp.start(platform(), estate, random.Random(1), log)  # noqa: S311  # chance that can be repeated, not a secret
    life = Life(app, fleet_of(app), "contoso", plan)
    for fault in AS_AZURE_IS:
        await life.fleet.simulation.add_fault(**fault)
    network = {"options": {"network": None}}
    await life.does("TestFailover", **network)
    await life.does("TestFailoverCleanup")
    await life.does("TestFailover", **network, thenCleanup=True)
    await life.does("UnplannedFailover", acceptUntested=True, acceptWarnings=True)
    await life.does("Commit", acceptWarnings=True)
    await life.does("Reprotect", acceptWarnings=True)
    runs = await life.drilled(2)
    assert [(run["status"], run["cleanedUp"], len(run["items"])) for run in runs] == [("Succeeded", True, len(items))] * 2
    tests = ["testFailover", "testFailoverCleanup"]
    assert life.deeds() == [*tests, *tests, "unplannedFailover", "failoverCommit", "reProtect", *tests, *tests]
    assert await life.fleet.locks() == []
    assert await life.fleet.active() == []
