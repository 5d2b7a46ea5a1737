"""What each fault of Azure alone does to a deletion: it succeeds, its restore point is gone, and no other is."""

from pathlib import Path

import pytest

from tests.copies.deletions.kit import copy_of, delete, deletes, shown
from tests.copies.policies.kit import Json, World, run_story
from tests.histories.test_kinds import FAULTS

pytestmark = pytest.mark.process
ANY_WRITE = ("PUT", "POST", "PATCH", "DELETE")
HERE = sorted(name for name in FAULTS if not name.startswith(("6:", "2: a job")))
"""Those that are not of Site Recovery alone."""


def planted(world: World, fault: str) -> None:
    definition = dict(FAULTS[fault])
    kind, method = definition.pop("fault"), definition.pop("method", None)
    if definition.setdefault("path", ".") == "replication":
        definition["path"] = "restorePoint"
    for each in ANY_WRITE if method == "(any write)" else (method,):
        world.fault(kind, method=each, **definition)


async def helped(world: World, deletion: Json) -> Json:
    """Return a deletion once it has ended; where it asks for attention, a person has it looked at again."""
    for _ in range(200):
        found: Json = await world.get(f"/operations/{deletion['id']}")
        if found["status"] not in {"NotStarted", "Running"}:
            return found
        if found["attention"] is not None:
            await world.call("POST", f"/operations/{deletion['id']}/retry")
        await world.advance(minutes=2)
    raise AssertionError(found)


def points_of(world: World) -> set[str]:
    estate: Json = world.app.platform.estate()
    return {point["id"].lower() for collection in estate["restorePointCollections"] for point in collection["restorePoints"]}


@pytest.mark.parametrize("fault", HERE)
def test_a_fault_of_azure_changes_nothing_of_the_end(fault: str, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        older, newer = await copy_of(world), await copy_of(world)
        before = points_of(world)
        planted(world, fault)
        for _ in range(60):
            answer = await delete(world, older, Repeatability_Request_ID="00000000-0000-4000-8000-000000000001")
            if answer.status == 202:
                break
            await world.advance(minutes=2)
        found = await helped(world, answer.body)
        assert (found["status"], found["error"]) == ("Succeeded", None)
        wanted = older["target"]["restorePointId"].lower()
        assert (before - points_of(world), deletes(world)) == ({wanted}, [wanted])
        world.app.platform.clear_faults()
        assert (await shown(world, newer))["usable"]

    run_story(story, tmp_path, machines=1)
