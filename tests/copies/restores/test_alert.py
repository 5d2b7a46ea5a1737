"""The alert for a drill that cannot be cleaned up: `attention.kql` finds what the app counts for it."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from local.processes import ROOT
from shared import telemetry
from shared.telemetry import Metric
from tests.copies.policies.kit import World, run_story
from tests.copies.restores.kit import ended, lock_recovery, of_disks, plant_copies
from tests.copies.restores.kit import start as ask
from tests.support import kql

pytestmark = pytest.mark.process


def test_a_clean_up_that_is_blocked_raises_the_alert_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: Counter[tuple[tuple[str, str], ...]] = Counter()
    count = telemetry.count

    def record(metric: Metric, *args: int, **dimensions: Any) -> None:
        if metric is Metric.ATTENTION:
            counted[tuple(sorted(dimensions.items()))] += 1
        count(metric, *args, **dimensions)

    monkeypatch.setattr(telemetry, "count", record)

    async def story(world: World) -> None:
        body = of_disks([], machines=[{"source": {"restorePointId": plant_copies(world)[0]}}], drill=True, reason=None)
        lock_recovery(world, locked=True)
        accepted = await ask(world, body)
        for _ in range(10):
            await world.advance(minutes=1)
        lock_recovery(world, locked=False)
        assert (await ended(world, accepted.body))["status"] == "Succeeded"

    run_story(story, tmp_path)
    rows = [{"Name": str(Metric.ATTENTION), "Properties": dict(dimensions), "Sum": number} for dimensions, number in counted.items()]
    found = kql.run((ROOT / "infra" / "alerts" / "attention.kql").read_text(encoding="utf-8"), rows)
    assert found == [{"Kind": "restore", "Code": "CleanUpBlocked", "Tenant": "contoso", "Operations": 1}]
