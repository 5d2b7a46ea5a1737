"""Drills: what they restore, what they leave, what makes them wait."""

from pathlib import Path

import pytest

from tests.copies.deletions.kit import Start, copy_of
from tests.copies.policies.kit import Json, Story, World, run_story
from tests.copies.restores.kit import WEB, drill, ended, lock_recovery, of_disks, resources, restored, shown
from tests.copies.restores.kit import start as ask

pytestmark = pytest.mark.process


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Runs a story before the sample estate with two further machines of contoso's."""

    def run(story: Story) -> None:
        run_story(story, tmp_path, machines=2)

    return run


@pytest.mark.parametrize("kind", ["disks", "virtualMachine"])
def test_a_drill_leaves_nothing_and_keeps_its_recovery_time(start: Start, kind: str) -> None:
    async def story(world: World) -> None:
        copy, before = await copy_of(world, WEB), resources(world)
        body = drill([copy]) if kind == "virtualMachine" else of_disks([copy], drill=True, reason=None)
        restore = await restored(world, body)
        assert (restore["status"], restore["error"], restore["cleanedUp"]) == ("Succeeded", None, True), restore
        assert restore["verified"] == ("agent" if kind == "virtualMachine" else "disks")
        assert 0 < restore["recoveryTimeSeconds"] < 900
        assert {one["state"] for one in restore["machines"][0]["resources"]} == {"deleted"}
        assert restore["leftBehind"] == []
        assert resources(world) == before
        assert [partition for partition, _ in world.app.storage.table("locks").rows if partition != "daily"] == []

    start(story)


def test_a_lock_makes_a_drill_wait_until_it_is_gone(start: Start) -> None:
    async def story(world: World) -> None:
        copy, before = await copy_of(world, WEB), resources(world)
        answer = await ask(world, drill([copy], keepFor="PT1H"))
        assert answer.status == 202, answer
        for _ in range(10):
            await world.advance(minutes=1)
        standing = await shown(world, answer.body)
        assert (standing["step"], standing["machines"][0]["state"]) == ("standing", "ready"), standing
        lock_recovery(world, locked=True)
        for _ in range(75):
            await world.advance(minutes=1)
        waiting = await shown(world, answer.body)
        assert (waiting["status"], waiting["attention"]["code"]) == ("Running", "CleanUpBlocked"), waiting
        assert any(one["id"] in waiting["attention"]["message"] for one in waiting["machines"][0]["resources"])
        lock_recovery(world, locked=False)
        restore = await ended(world, answer.body)
        assert (restore["status"], restore["attention"], restore["cleanedUp"]) == ("Succeeded", None, True)
        assert resources(world) == before

    start(story)


def test_a_drill_that_stands_is_cleaned_up_by_a_person(start: Start) -> None:
    async def story(world: World) -> None:
        copy, before = await copy_of(world, WEB), resources(world)
        answer = await ask(world, drill([copy], keepFor="P7D"))
        for _ in range(10):
            await world.advance(minutes=1)
        path = f"/restores/{answer.body['id']}/clean-up"
        assert (await world.call("POST", path, tenant="fabrikam")).status == 404
        assert (await world.call("POST", path)).status == 202
        restore = await ended(world, answer.body)
        assert (restore["status"], restore["verified"], restore["cleanedUp"]) == ("Succeeded", "agent", True), restore
        assert resources(world) == before
        trail = await world.get(f"/restores/{answer.body['id']}/audit")
        assert [one["event"] for one in trail["value"]] == ["requested", "cleanUp", "ended"]
        assert (await world.call("POST", path)).code == "AlreadyEnded"

    start(story)


def test_a_drill_whose_machine_does_not_boot_fails_and_leaves_nothing(start: Start) -> None:
    async def story(world: World) -> None:
        copy, before = await copy_of(world, WEB), resources(world)
        world.fault("failBoot", path="virtualMachines")
        restore = await restored(world, drill([copy], bootTimeout="PT5M"))
        assert (restore["status"], restore["error"]["code"], restore["cleanedUp"]) == ("Failed", "MachinesNotReady", True), restore
        assert restore["verified"] == "disks"
        assert resources(world) == before

    start(story)


@pytest.mark.parametrize(
    ("fault", "within"), [({"fault": "failMachine", "code": "InternalExecutionError"}, 30), ({"fault": "stallMachine"}, 180)]
)
def test_a_deletion_that_fails_or_stays_after_azure_has_accepted_it_asks_for_attention(start: Start, fault: Json, within: int) -> None:
    async def story(world: World) -> None:
        copy, before = await copy_of(world, WEB), resources(world)
        answer = await ask(world, drill([copy]))
        world.fault(path="virtualMachines/", at="delete", times=10_000, **fault)
        waiting = await shown(world, answer.body)
        for _ in range(15 + within):
            await world.advance(minutes=1)
            waiting = await shown(world, answer.body)
            if waiting["attention"] is not None:
                break
        assert (waiting["status"], (waiting["attention"] or {}).get("code")) == ("Running", "CleanUpBlocked"), waiting
        if "code" in fault:
            assert fault["code"] in waiting["attention"]["message"]
        world.app.platform.clear_faults()
        if "code" in fault:
            restore = await ended(world, answer.body)
            assert (restore["status"], restore["attention"], restore["cleanedUp"]) == ("Succeeded", None, True)
            assert resources(world) == before

    start(story)
