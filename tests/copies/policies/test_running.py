"""Policies from their document to the last copy of a run, in the whole app."""

from pathlib import Path

from shared.clock import from_text
from tests.copies.policies.kit import World, policy, run_story


def test_a_slot_copies_each_vm_once_and_the_run_ends(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        written = await world.put("daily", policy())
        assert written["nextSlot"] is not None
        assert await world.runs("daily") == []
        await world.advance_to(from_text(written["nextSlot"]))
        (run,) = await world.runs("daily")
        assert (run["trigger"], run["slot"]) == ("schedule", written["nextSlot"])
        ended = await world.until_ended(f"/copy-policies/daily/runs/{run['id']}")
        assert (ended["status"], ended["error"]) == ("Succeeded", None)
        assert ended["counts"]["copies"]["usable"] == 3
        machines = await world.machines(ended)
        assert [one["decision"] for one in machines.values()] == ["copied"] * 3
        copies = (await world.get("/restore-point-copies?policy=DAILY"))["value"]
        assert {copy["id"] for copy in copies} == {target["copyId"] for one in machines.values() for target in one["targets"]}
        assert {(copy["policy"], copy["run"], copy["slot"], copy["usable"]) for copy in copies} == {("daily", run["id"], run["slot"], True)}

    run_story(story, tmp_path, machines=3)
