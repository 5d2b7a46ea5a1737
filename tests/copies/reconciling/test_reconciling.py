"""Differences that are planted in Azure: each is found, shown, and never leads to a deletion."""

from collections.abc import Callable
from pathlib import Path

import pytest

from shared.arm.ids import ResourceId
from shared.operations.crash_points import RECONCILE_POINTS
from tests.copies.deletions.kit import VM, Start, deletes, fill, run_now, shown
from tests.copies.policies.kit import Json, Story, World, run_story

pytestmark = pytest.mark.process
Change = Callable[[Json], None]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Runs a story before an estate with a further machine of contoso's."""

    def run(story: Story) -> None:
        run_story(story, tmp_path, machines=1)

    return run


def change(world: World, apply: Change) -> None:
    """Change the estate as Azure holds it."""
    estate = world.app.platform.estate()
    apply(estate)
    world.app.platform.replace_estate(estate)


def without_point(id: str) -> Change:
    def apply(estate: Json) -> None:
        for collection in estate["restorePointCollections"]:
            collection["restorePoints"] = [one for one in collection["restorePoints"] if one["id"].lower() != id.lower()]

    return apply


def without_collection(id: str) -> Change:
    def apply(estate: Json) -> None:
        estate["restorePointCollections"] = [one for one in estate["restorePointCollections"] if one["id"].lower() != id.lower()]

    return apply


async def days(world: World, count: float) -> None:
    """Let time pass, with looks every ten minutes around each day's end."""
    for _ in range(int(count * 8)):
        await world.advance(hours=3)
    for _ in range(4):
        await world.advance(minutes=10)


async def protection(world: World) -> Json:
    """Return the protection of the VM."""
    (found,) = (await world.get(f"/protection?virtualMachineId={VM}"))["value"]
    return dict(found)


def kinds(found: Json) -> list[tuple[str, str]]:
    return [(one["kind"], one["id"].lower()) for one in found["drift"]]


def test_nothing_differs_where_nothing_was_changed(start: Start) -> None:
    async def story(world: World) -> None:
        await fill(world, 2)
        await days(world, 2)
        found = await protection(world)
        assert found["drift"] == []
        assert (found["restorePoints"], found["newestRestorePoint"]["madeBy"]) == ({"count": 2, "limit": 500}, "policy")
        assert found["newestRestorePoint"]["takenAt"] == found["targets"][0]["newestUsable"]["takenAt"]
        page = await world.get("/protection")
        assert (page["summary"]["drift"], page["asOf"]["reconciled"] is not None) == (0, True)
        assert deletes(world) == []

    start(story)


@pytest.mark.parametrize("point", [None, *RECONCILE_POINTS])
def test_a_copy_that_is_gone_is_usable_no_more_after_two_looks(start: Start, point: str | None) -> None:
    async def story(world: World) -> None:
        before = await fill(world, 3)
        gone = before[1]
        change(world, without_point(gone["target"]["restorePointId"]))
        if point is not None:
            world.app.points.arm(point)
        await days(world, 1.5)
        assert point is None or world.app.points.reached(point)
        found = await protection(world)
        assert kinds(found) == [("copyGone", gone["target"]["restorePointId"].lower())]
        assert found["targets"][0]["usableCopies"] == 2
        copy = await shown(world, gone)
        assert (copy["status"], copy["usable"], copy["deletion"]) == ("Succeeded", False, None)
        page = await world.get("/protection?drift=true")
        assert ([one["virtualMachineId"].lower() for one in page["value"]], page["summary"]["drift"]) == ([VM.lower()], 1)
        assert deletes(world) == []

    start(story)


def test_reads_that_fail_are_no_absence_and_keep_everything_once_two_days_have_passed(start: Start) -> None:
    async def story(world: World) -> None:
        await fill(world, 4, retention={"keepLast": 1, "source": {"keepLast": 1}})
        world.fault("error", method="GET", path="restorePointCollections/farshore-", status=403, rate=1, seed="s", duration="P4D")
        await days(world, 3)
        assert (await protection(world))["drift"] == []
        plan = await world.get("/copy-policies/daily/plan")
        assert (plan["summary"]["deletions"], {rule for one in plan["value"][0]["kept"] for rule in one["rules"]}) == (0, {"NotSure"})
        world.app.platform.clear_faults()
        await days(world, 1)
        again = await world.get("/copy-policies/daily/plan")
        assert again["summary"]["deletions"] > 0

    start(story)


def test_nothing_of_a_place_is_deleted_while_one_look_misses_a_copy_there(start: Start) -> None:
    async def story(world: World) -> None:
        before = await fill(world, 4, retention={"keepLast": 1, "source": {"keepLast": 10}})
        await days(world, 0.9)
        change(world, without_point(before[0]["target"]["restorePointId"]))
        for _ in range(24 * 12):
            await world.advance(minutes=5)
            plan = await world.get("/copy-policies/daily/plan")
            if plan["summary"]["deletions"] == 0:
                break
        assert {rule for one in plan["value"][0]["kept"] for rule in one["rules"]} >= {"NotSure"}
        for _ in range(3):
            await world.advance(minutes=10)
        later = await world.get("/copy-policies/daily/plan")
        assert later["summary"]["deletions"] == 2

    start(story)


def test_a_copy_that_others_made_is_kept_counts_for_protection_and_is_no_operation(start: Start) -> None:
    async def story(world: World) -> None:
        before = await fill(world, 2, retention={"keepLast": 1, "source": {"keepLast": 1}})
        added = str(before[1]["target"]["restorePointId"]).rpartition("/")[0] + "/by-a-person"

        def add(estate: Json) -> None:
            for collection in estate["restorePointCollections"]:
                for one in list(collection["restorePoints"]):
                    if one["id"].lower() == before[1]["target"]["restorePointId"].lower():
                        collection["restorePoints"].append({**one, "id": added})

        change(world, add)
        await days(world, 1.5)
        found = await protection(world)
        assert kinds(found) == [("foreignCopy", added.lower())]
        assert found["targets"][0]["usableCopies"] == 3
        listed = (await world.get("/restore-point-copies?top=1000"))["value"]
        assert added.lower() not in {str(one["target"]["restorePointId"]).lower() for one in listed}
        run = await run_now(world)
        assert (run["status"], added.lower() in deletes(world), len(deletes(world))) == ("Succeeded", False, 1)

    start(story)


def test_restore_points_that_others_made_count_to_the_limit_of_a_vm_which_is_then_skipped_and_pruned(start: Start) -> None:
    async def story(world: World) -> None:
        source = str((await fill(world, 4, retention={"keepLast": 2, "source": {"keepLast": 2}}))[-1]["source"]["restorePointId"])

        def add(estate: Json) -> None:
            known = next(one for one in estate["restorePointCollections"] if source.lower().startswith(one["id"].lower() + "/"))
            (point,) = [one for one in known["restorePoints"] if one["id"].lower() == source.lower()]
            others = f"{known['id'].rpartition('/')[0]}/backup"
            taken_at = world.now.isoformat()
            points = [{**point, "id": f"{others}/restorePoints/p{number}", "timeCreated": taken_at} for number in range(496)]
            estate["restorePointCollections"].append({**known, "id": others, "restorePoints": points})

        change(world, add)
        await days(world, 2)
        found = await protection(world)
        assert (found["restorePoints"]["count"], found["newestRestorePoint"]["madeBy"]) == (500, "other")
        assert [(one["code"], one["target"]) for one in found["warnings"]] == [("LimitNear", "restorePoints")]
        near = [one for one in world.take_events() if one["type"] == "farshore.protection.limitNear"]
        assert {(one["data"]["limit"], one["data"]["restorePoints"]["count"]) for one in near} == {(400, 500), (475, 500)}
        plan = await world.get("/copy-policies/daily/plan")
        assert (plan["value"][0]["code"], plan["summary"]["copies"]) == ("AtLimit", 0)
        assert [(one["count"], one["reachedAt"] is not None) for one in plan["forecast"]["restorePointLimit"]] == [(500, True)]
        assert "LimitNear" in {one["code"] for one in plan["warnings"]}
        run = await run_now(world)
        assert (run["counts"]["skipped"], run["counts"]["deletions"]["done"]) == (1, plan["summary"]["deletions"])
        assert plan["summary"]["deletions"] > 0
        assert (await run_now(world))["counts"]["copies"]["usable"] == 1  # there is room again

    start(story)


def test_a_source_a_collection_and_a_vm_that_are_gone_or_replaced_are_shown(start: Start) -> None:
    async def story(world: World) -> None:
        before = await fill(world, 2)
        source = str(before[0]["source"]["restorePointId"])
        change(world, without_point(source))
        await days(world, 1.5)
        assert kinds(await protection(world)) == [("sourceGone", source.lower())]

        def replace(estate: Json) -> None:
            next(one for one in estate["virtualMachines"] if one["id"] == VM)["vmId"] = "99999999-0000-4000-8000-000000000009"

        change(world, replace)
        await days(world, 1.5)
        assert ("virtualMachineReplaced", VM.lower()) in kinds(await protection(world))
        collection = str(ResourceId.parse(before[0]["target"]["restorePointId"]).parent)
        change(world, without_collection(collection))
        await days(world, 1.5)
        found = kinds(await protection(world))
        assert {kind for kind, _ in found} >= {"copyGone", "collectionGone", "sourceGone"}, found

        def remove(estate: Json) -> None:
            estate["virtualMachines"] = [one for one in estate["virtualMachines"] if one["id"] != VM]

        change(world, remove)
        await days(world, 1.5)
        assert deletes(world) == []

    start(story)
