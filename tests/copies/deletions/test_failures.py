"""Deletions that Azure refuses, that must not be sent, and whose worker ends: nothing is deleted that should not be, nothing stays open."""

from pathlib import Path
from typing import Any

import pytest

from shared.arm.ids import ResourceId
from shared.operations.crash_points import DELETION_POINTS
from tests.copies.deletions.kit import TARGET, VM, Start, copy_of, delete, deleted, deletes, ended, shown
from tests.copies.policies.kit import Json, Story, World, run_story

pytestmark = pytest.mark.process


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Runs a story before an estate with a further machine of contoso's."""

    def run(story: Story) -> None:
        run_story(story, tmp_path, machines=1)

    return run


def change_point(world: World, copy: Json, change: Any) -> None:
    """Change a restore point as Azure holds it; `change` gets its JSON and its collection's list."""
    estate = world.app.platform.estate()
    wanted = copy["target"]["restorePointId"].lower()
    for collection in estate["restorePointCollections"]:
        for point in list(collection["restorePoints"]):
            if point["id"].lower() == wanted:
                change(point, collection["restorePoints"])
    world.app.platform.replace_estate(estate)


def with_access(point: Json, _: list[Json]) -> None:
    point["disks"][0]["sasUntil"] = "2099-01-01T00:00:00Z"


async def two_copies(world: World) -> tuple[Json, Json]:
    return await copy_of(world), await copy_of(world)


def test_a_disk_that_can_be_read_by_a_sas_ends_the_deletion(start: Start) -> None:
    async def story(world: World) -> None:
        older, _ = await two_copies(world)
        change_point(world, older, with_access)
        deletion = await deleted(world, older)
        assert (deletion["status"], deletion["error"]["code"]) == ("Failed", "DiskAccessActive")
        assert deletion["error"]["details"][0]["code"] == "DiskRestorePointUsedByCustomer"
        assert deletion["error"]["target"].lower() == older["target"]["restorePointId"].lower()
        assert (await shown(world, older))["usable"]
        assert deletes(world) == []

        def without(point: Json, _: list[Json]) -> None:
            del point["disks"][0]["sasUntil"]

        change_point(world, older, without)
        assert (await deleted(world, older))["status"] == "Succeeded"

    start(story)


def test_a_lock_on_the_resource_group_ends_the_deletion(start: Start) -> None:
    async def story(world: World) -> None:
        older, _ = await two_copies(world)
        estate = world.app.platform.estate()
        group = next(one for one in estate["resourceGroups"] if one["id"].lower().endswith("/contoso-recovery"))
        group["locks"] = [{"name": "keep", "level": "CanNotDelete"}]
        world.app.platform.replace_estate(estate)
        deletion = await deleted(world, older)
        assert (deletion["status"], deletion["error"]["code"]) == ("Failed", "ResourceLocked")
        assert (deletes(world), (await shown(world, older))["usable"]) == ([], True)

    start(story)


@pytest.mark.parametrize("method", ["DELETE", "GET"])
def test_a_missing_right_ends_the_deletion(start: Start, method: str) -> None:
    async def story(world: World) -> None:
        older, _ = await two_copies(world)
        world.fault("error", method=method, path="restorePoint", status=403, code="AuthorizationFailed")
        deletion = await deleted(world, older)
        assert (deletion["status"], deletion["error"]["code"]) == ("Failed", "AuthorizationFailed")
        assert deletes(world) == []

    start(story)


def test_reads_that_fail_send_nothing_until_they_succeed(start: Start) -> None:
    async def story(world: World) -> None:
        older, newer = await two_copies(world)
        name = ResourceId.parse(newer["target"]["restorePointId"]).name
        world.fault(
            "error", method="GET", path=f"restorePoints/{name}", status=503, times=1000
        )  # the instance view of the copy that is left
        deletion = (await delete(world, older)).body
        for _ in range(6):
            await world.advance(minutes=10)
        assert (deletes(world), (await world.get(f"/operations/{deletion['id']}"))["status"]) == ([], "Running")
        world.app.platform.clear_faults()
        assert (await ended(world, deletion))["status"] == "Succeeded"

    start(story)


def test_a_deletion_waits_for_the_copy_that_runs_in_its_collection(start: Start) -> None:
    async def story(world: World) -> None:
        older, _ = await two_copies(world)
        body = {"source": {"virtualMachineId": VM, "consistencyMode": "CrashConsistent"}, "target": TARGET}
        running = (await world.call("POST", "/restore-point-copies", body)).body
        while (await shown(world, running))["step"] != "copying":
            await world.advance(minutes=1)
        deletion = (await delete(world, older)).body
        await world.advance(minutes=1)
        assert (deletes(world), (await world.get(f"/operations/{deletion['id']}"))["step"]) == ([], "deleting")
        assert (await ended(world, deletion))["status"] == "Succeeded"
        await world.advance(minutes=2)  # the copy is read again soon after Azure shows its end
        assert (await shown(world, running))["usable"]
        assert len(deletes(world)) == 1

    start(story)


@pytest.mark.parametrize("how", ["gone", "failed"])
def test_the_copy_that_was_left_is_gone_between_the_decision_and_the_delete(start: Start, how: str) -> None:
    async def story(world: World) -> None:
        older, newer = await two_copies(world)

        def lose(point: Json, points: list[Json]) -> None:
            if how == "gone":
                points.remove(point)
            else:
                point["disks"][0]["fails"] = True

        world.fault("error", method="GET", path="restorePoint", status=503, times=1)
        deletion = (await delete(world, older)).body
        change_point(world, newer, lose)
        found = await ended(world, deletion)
        assert (found["status"], found["error"]["code"], found["error"]["target"]) == ("Failed", "LastUsableCopy", older["id"])
        assert deletes(world) == []

    start(story)


def test_a_restore_point_that_somebody_else_has_deleted_is_recorded(start: Start) -> None:
    async def story(world: World) -> None:
        older, _ = await two_copies(world)
        change_point(world, older, lambda point, points: points.remove(point))
        assert (await deleted(world, older))["status"] == "Succeeded"
        assert (deletes(world), (await shown(world, older))["usable"]) == ([], False)

    start(story)


@pytest.mark.parametrize("what", ["lostResponse", "errorAfterEffect", "throttle"])
def test_an_answer_to_the_delete_that_is_lost_deletes_once(start: Start, what: str) -> None:
    async def story(world: World) -> None:
        older, newer = await two_copies(world)
        world.fault(what, method="DELETE", path="restorePoints/", times=1)
        assert (await deleted(world, older))["status"] == "Succeeded"
        assert (len(set(deletes(world))), (await shown(world, newer))["usable"]) == (1, True)

    start(story)


@pytest.mark.parametrize("point", [*DELETION_POINTS, "step.intended", "step.sent", "finish.written", "announce.sent"])
def test_a_deletion_goes_on_where_a_worker_ends(start: Start, point: str) -> None:
    async def story(world: World) -> None:
        older, newer = await two_copies(world)
        world.app.points.arm(point)
        assert (await deleted(world, older))["status"] == "Succeeded"
        for _ in range(3):
            await world.advance(minutes=1)
        assert world.app.points.reached(point)
        assert set(deletes(world)) == {older["target"]["restorePointId"].lower()}
        assert ((await shown(world, older))["usable"], (await shown(world, newer))["usable"]) == (False, True)
        assert [partition for partition, _ in world.app.storage.table("locks").rows if partition != "daily"] == []

    start(story)


def test_a_failed_copy_is_deleted_or_redone_and_never_both(start: Start) -> None:
    async def story(world: World) -> None:
        world.fault("failCopy", method="PUT", path="contoso-recovery.*/restorePoints/", times=1)
        failed = await copy_of(world)
        assert failed["status"] == "Failed", failed
        deletion = (await delete(world, failed)).body
        redo = await world.call("POST", f"/restore-point-copies/{failed['id']}/redo")
        assert (redo.status, redo.code, redo.body["error"]["target"]) == (409, "ScopeBusy", deletion["id"])
        assert (await ended(world, deletion))["status"] == "Succeeded"
        again = await world.call("POST", f"/restore-point-copies/{failed['id']}/redo")
        assert again.status == 202, again
        assert (await world.until_ended(f"/restore-point-copies/{again.body['id']}"))["usable"]

    start(story)
