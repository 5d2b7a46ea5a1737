"""Rows of copies, restore points, runs and protection that a version has stored are read by today's code.

`python -m tests.compatibility.test_stored_rows VERSION` writes the file of a version, from the app with storage in memory.
"""

import base64
import json
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
from tests.support.memory import MemoryTable

FOLDER = Path(__file__).parent / "stored_rows"
TABLES = ("copies", "copyPolicies", "copyRuns", "vmProtection", "operations")
Json = dict[str, Any]


def tables_of(version: str) -> dict[str, Any]:
    """Return the tables of a version."""
    found: dict[str, Any] = {}
    for name, rows in json.loads((FOLDER / f"{version}.json").read_text(encoding="utf-8")).items():
        table = MemoryTable(name)
        for row in rows:
            entity = {key: base64.b64decode(value["b64"]) if isinstance(value, dict) else value for key, value in row.items()}
            table.rows[str(entity["PartitionKey"]), str(entity["RowKey"])] = (entity, "stored")
        found[name] = table
    return found


@pytest.fixture(params=sorted(file.stem for file in FOLDER.glob("*.json")))
def tables(request: pytest.FixtureRequest) -> dict[str, Any]:
    return tables_of(str(request.param))


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
        stored = {name: [_plain(row) for row, _ in world.app.storage.table(name).rows.values()] for name in TABLES}
        text = json.dumps(stored, indent=0, sort_keys=True, default=str)
        (FOLDER / f"{version}.json").write_text(text + "\n", encoding="utf-8")
        print(f"{len(text)} characters, about {VM}")

    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        run_story(story, Path(folder), machines=1)


def _plain(row: Json) -> Json:
    return {key: {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value for key, value in row.items()}


if __name__ == "__main__":
    write(sys.argv[1])
