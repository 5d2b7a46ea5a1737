"""Rows of copies, restore points, runs and protection that a version has stored are read by today's code.

`python -m tests.compatibility.test_stored_rows VERSION` writes the file of a version, from the app with storage in memory.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from shared.arm.ids import ResourceId
from shared.clock import SystemClock
from shared.copies.deletions.request import StoredDeletion
from shared.copies.points.records import PointLedger
from shared.copies.policies.runs.items import RunItems
from shared.copies.protection.records.store import ProtectionStore
from shared.copies.reconciling.rules import DriftKind
from shared.copies.retention.places import Places
from shared.storage.pieces import from_pieces
from tests.compatibility.rows import FOLDER, read_tables, versions, write_tables

TABLES = ("copies", "copyPolicies", "copyRuns", "vmProtection", "operations")
Json = dict[str, Any]


@pytest.fixture(params=versions(FOLDER))
def tables(request: pytest.FixtureRequest) -> dict[str, Any]:
    return read_tables(FOLDER / f"{request.param}.json")


def machine(tables: dict[str, Any]) -> ResourceId:
    """Return the VM that has restore points."""
    row = next(
        row for row, _ in tables["copies"].rows.values() if str(row["PartitionKey"]).startswith("points-") and "virtualMachineId" in row
    )
    return ResourceId.parse(str(row["virtualMachineId"]))


async def test_restore_points_copies_and_differences_are_read(tables: dict[str, Any]) -> None:
    vm = machine(tables)
    known = await PointLedger(tables["copies"], SystemClock()).of_machine(vm)
    assert known.points
    assert all(made.policy_id and made.run and made.disks and made.vm_id for made in known.points)
    assert known.copies
    assert DriftKind.COPY_GONE in {one.kind for one in known.reconciled.drift}
    assert known.reconciled.at is not None
    copies = await Places(tables["copies"]).of_machine(vm)
    assert copies.usable
    assert all(copy.policy_id and copy.tenant and copy.region and copy.source_point for copy in copies.usable)


async def test_runs_deletions_and_protection_are_read(tables: dict[str, Any]) -> None:
    runs = {row["PartitionKey"] for row, _ in tables["copyRuns"].rows.values()}
    items = [item for run in sorted(runs) async for item in RunItems(tables["copyRuns"]).all(str(run))]
    assert any(deletion.restore_point_id for item in items for deletion in item.deletions)
    assert any(deletion.copy_id for item in items for target in item.targets for deletion in target.deletions)
    requests = [row for row, _ in tables["operations"].rows.values() if str(row["RowKey"]).startswith("o|")]
    bodies = [from_pieces("body", row) or {} for row in requests if row.get("kind") == "restorePointDeletion"]
    deletions = [
        StoredDeletion.model_validate({key: value for key, value in body.items() if key not in {"id", "tenant"}}) for body in bodies
    ]
    assert {deletion.source_point for deletion in deletions} == {True, False}
    protected = [stored.record async for stored in ProtectionStore(tables["vmProtection"]).of_tenant("contoso")]
    assert any(record.drift for record in protected)


def write(version: str) -> None:
    """Write the file of a version."""
    from tests.copies.deletions.kit import VM, fill, run_now
    from tests.copies.policies.kit import World, run_story

    async def story(world: World) -> None:
        copies = await fill(world, 4, retention={"keepLast": 2, "source": {"keepLast": 1}})
        await run_now(world)
        estate = world.app.platform.estate()
        for collection in estate["restorePointCollections"]:
            gone = str(copies[3]["target"]["restorePointId"]).lower()
            collection["restorePoints"] = [one for one in collection["restorePoints"] if one["id"].lower() != gone]
        world.app.platform.replace_estate(estate)
        for _ in range(40):
            await world.advance(minutes=40)
        length = write_tables(FOLDER / f"{version}.json", (world.app.storage.table(name) for name in TABLES))
        print(f"{length} characters, about {VM}")

    with tempfile.TemporaryDirectory() as folder:
        run_story(story, Path(folder), machines=1)


if __name__ == "__main__":
    write(sys.argv[1])
