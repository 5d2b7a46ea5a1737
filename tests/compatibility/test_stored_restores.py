"""Rows of restores, drills and their policy that a version has stored are read by today's code.

`python -m tests.compatibility.test_stored_restores VERSION` writes the file of a version, from the app with storage in memory.
"""

import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.clock import RandomIds, SystemClock
from shared.copies.policies.records.store import PolicyStore
from shared.copies.restores.evidence import Evidence
from shared.copies.restores.request import stored_of
from shared.copies.restores.state import RestoredState, RestoreState, detail_of
from shared.copies.restores.views import restore_body
from shared.operations.model.models import Operation, Status
from shared.operations.model.store import Store
from tests.compatibility.rows import FOLDER, read_tables, versions, write_tables

RESTORES = FOLDER / "restores"
TABLES = ("copies", "copyPolicies", "operations", "vmProtection", "locks")


@pytest.fixture(params=versions(RESTORES))
def tables(request: pytest.FixtureRequest) -> dict[str, Any]:
    return read_tables(RESTORES / f"{request.param}.json")


async def restores(tables: dict[str, Any]) -> list[Operation]:
    """Return the stored restores."""
    store, rows = Store(tables["operations"], SystemClock(), RandomIds()), tables["operations"].rows.values()
    ids = [str(row["RowKey"])[2:] for row, _ in rows if str(row["RowKey"]).startswith("o|") and row.get("kind") == "restore"]
    found = [await store.get(one) for one in ids]
    return [one for one in found if one is not None]


async def test_restores_are_read_in_each_state(tables: dict[str, Any]) -> None:
    found = await restores(tables)
    assert {one.status for one in found} == {Status.RUNNING, Status.SUCCEEDED, Status.FAILED}
    machines = [machine for one in found for machine in detail_of(one).machines]
    assert {machine.state for machine in machines} > {RestoredState.READY, RestoredState.CLEANED}
    assert all(machine.resources and machine.was is not None and machine.was.disks for machine in machines)
    for one in found:
        body = restore_body(one)
        assert (body.id, body.tenant) == (one.id, "contoso")
        assert RestoreState.of(one.data).problem is None
    refused = [problem for one in found if (problem := stored_of(one).refused) is not None]
    assert [str(one.code) for one in refused] == ["DrillSkipped"]
    assert any(stored_of(one).policy == "daily" and stored_of(one).sources for one in found)


async def test_the_evidence_of_drills_and_their_policy_are_read(tables: dict[str, Any]) -> None:
    evidence = Evidence(tables["copies"])
    assert all(one.recovery_seconds > 0 and one.good_at is not None for one in (await evidence.of_tenant("contoso")).values())
    assert await evidence.of_tenant("contoso")
    assert await evidence.running("contoso")
    (policy,) = await PolicyStore(tables["copyPolicies"], RandomIds()).of_tenant("contoso")
    assert policy.record.document.drill is not None
    assert policy.record.document.drill.every == timedelta(days=1)
    assert policy.last_run is not None


def write(version: str) -> None:
    """Write the file of a version."""
    from tests.copies.policies.kit import World, policy, run_story
    from tests.copies.restores.kit import drill, of_disks, request, restored
    from tests.copies.restores.kit import start as ask

    async def story(world: World) -> None:
        place = {"resourceGroup": "contoso-recovery", "subnetId": None}
        target = {"region": "northeurope", "resourceGroup": "contoso-recovery", "drillIn": place}
        each = {"every": "P1D", "kind": "disks", "keepFor": "P2D"}
        await world.put("daily", policy(targets=[target], drill=each, schedule={"every": "P31D"}))
        for _ in range(13):
            await world.advance(hours=2)
        run = await world.call("POST", "/copy-policies/daily/run")
        await world.until_ended(f"/copy-policies/daily/runs/{run.body['id']}")
        copies = (await world.get("/restore-point-copies?policy=daily&usable=true"))["value"]
        await restored(world, drill(copies[:1]))
        await restored(world, of_disks(copies[:1]))
        for _ in range(12):
            await world.advance(hours=2)
        assert (await ask(world, request(copies[1:]))).status == 202
        await world.advance(minutes=1)
        length = write_tables(RESTORES / f"{version}.json", (world.app.storage.table(name) for name in TABLES))
        print(f"{length} characters")

    with tempfile.TemporaryDirectory() as folder:
        run_story(story, Path(folder), machines=2)


if __name__ == "__main__":
    write(sys.argv[1])
