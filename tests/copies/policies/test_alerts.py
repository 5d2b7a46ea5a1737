"""The alerts of copy policies: what happens is measured, and the query of the alert finds it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from shared import telemetry
from shared.clock import from_text
from shared.telemetry import Metric
from tests.copies.policies.kit import Json, Story, World, policy, run_story
from tests.infra.bicep import INFRA
from tests.infra.test_alerts import TELEMETRY
from tests.support import kql

pytestmark = pytest.mark.process
Start = Callable[[Story], None]


@dataclass
class Measured:
    """What the app measures, as rows of AppMetrics."""

    rows: list[Mapping[str, Any]] = field(default_factory=list)

    def take(self, metric: Metric, number: float = 1, **dimensions: str) -> None:
        """Take a measurement, in place of `telemetry.count` and `telemetry.gauge`."""
        assert set(dimensions) == set(TELEMETRY[str(metric)]["dimensions"])
        row = {"TimeGenerated": f"{len(self.rows):06}", "Name": str(metric), "Sum": number, "Max": number, "Properties": dimensions}
        self.rows.append(dict.fromkeys(kql.COLUMNS) | row)

    def found_by(self, alert: str) -> list[dict[str, Any]]:
        """Return the rows that the query of an alert finds."""
        return kql.run((INFRA / "alerts" / f"{alert}.kql").read_text(encoding="utf-8"), self.rows)


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Runs a story before an estate with one further machine of contoso's."""
    return lambda story: run_story(story, tmp_path, machines=1)


@pytest.fixture
def measured() -> Iterator[Measured]:
    """Takes what the app measures."""
    found = Measured()
    with patch.object(telemetry, "count", found.take), patch.object(telemetry, "gauge", found.take):
        yield found


async def record_gauges(world: World) -> None:
    """Record the gauges, as a tick does every five minutes."""
    for gauge in world.app.workers.runtime.gauges:
        await gauge()


async def run_now(world: World, body: Json) -> Json:
    """Run the policy to its end, and return the run."""
    answer = await world.call("POST", "/copy-policies/daily/run", body)
    return await world.until_ended(f"/copy-policies/daily/runs/{answer.body['id']}")


def test_a_slot_without_a_run_for_an_hour_is_found_and_one_that_is_begun_is_not(start: Start, measured: Measured) -> None:
    async def story(world: World) -> None:
        slot = from_text((await world.put("daily", policy()))["nextSlot"])
        await record_gauges(world)
        assert {row["Policies"] for row in measured.found_by("missing-runs")} == {0}
        world.app.platform.clock.move(slot - world.now + timedelta(minutes=59))  # no timer runs meanwhile
        await record_gauges(world)
        assert {row["Policies"] for row in measured.found_by("missing-runs")} == {0}
        world.app.platform.clock.move(timedelta(minutes=6))
        await record_gauges(world)
        (found,) = (row for row in measured.found_by("missing-runs") if row["Policies"])
        assert (found["Tenant"], found["Policies"]) == ("contoso", 1)
        await world.advance(minutes=1)
        world.app.platform.clock.move(timedelta(minutes=6))
        await record_gauges(world)
        assert {row["Policies"] for row in measured.found_by("missing-runs")} == {0}

    start(story)


def test_a_failed_run_is_found_by_its_code_and_held_deletions_by_their_policy(start: Start, measured: Measured) -> None:
    async def story(world: World) -> None:
        await world.put("daily", policy(schedule={"every": "P31D"}, retention={"keepLast": 1}, limits={"deletionsPerPlace": 1}))
        for _ in range(3):
            assert (await run_now(world, {"prune": False}))["status"] == "Succeeded"
            await world.advance(hours=4)
        assert measured.found_by("held-deletions") == []
        assert (await run_now(world, {}))["status"] == "Failed"
        (held,) = measured.found_by("held-deletions")
        assert (held["Tenant"], held["Policy"], held["Deletions"]) == ("contoso", "daily", 2)
        failed = [row for row in measured.found_by("failed-operations") if row["Kind"] == "copyPolicy"]
        assert [(row["Tenant"], row["Code"], row["Operations"]) for row in failed] == [("contoso", "TooManyDeletions", 1)]

    start(story)
