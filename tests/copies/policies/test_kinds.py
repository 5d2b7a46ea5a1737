"""What each fault of Azure alone does to a policy's run: each VM is copied once, the run succeeds, and nothing waits in silence."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from shared.clock import from_text
from tests.copies.policies.kit import Json, World, policy, run_story
from tests.histories.test_kinds import FAULTS

pytestmark = pytest.mark.process
ANY_WRITE = ("PUT", "POST", "PATCH", "DELETE")
HERE = sorted(name for name in FAULTS if not name.startswith(("6:", "2: a job")))
"""Those that are not of Site Recovery alone."""
MACHINES = 2


def planted(world: World, fault: str) -> None:
    definition = dict(FAULTS[fault])
    kind, method = definition.pop("fault"), definition.pop("method", None)
    definition["path"] = "restorePoint" if definition.get("path", ".") == "replication" else definition.get("path", ".")
    for each in ANY_WRITE if method == "(any write)" else (method,):
        world.fault(kind, method=each, **definition)


async def helped(world: World, run: Json) -> Json:
    """Return a run once it has ended; a copy that asks for attention is looked at again, as by a person."""
    for _ in range(200):
        found: Json = await world.get(f"/copy-policies/{run['policy']}/runs/{run['id']}")
        if found["status"] in {"Succeeded", "Failed", "Canceled"}:
            return found
        for one in (await world.get("/operations?attention=true"))["value"]:
            assert one["attention"]["code"] == "NoProgress", one
            await world.call("POST", f"/operations/{one['id']}/retry")
        await world.advance(minutes=10)
    raise AssertionError(found)


@pytest.mark.parametrize("fault", HERE)
def test_a_fault_of_azure_changes_nothing_of_the_end(fault: str, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        written = await world.put("daily", policy())
        slot = from_text(written["nextSlot"])
        await world.advance_to(slot - timedelta(seconds=30))
        planted(world, fault)
        await world.advance_to(slot)
        (run,) = await world.runs("daily")
        found = await helped(world, run)
        assert (found["status"], found["error"], found["counts"]["copies"]["usable"]) == ("Succeeded", None, MACHINES), found
        await world.call("PUT", "/copy-policies/daily", policy(enabled=False), If_Match="*")
        made = Counter(str(one["path"]).lower() for one in world.effects("/restorePoints/") if one["method"] == "PUT")
        assert (len(made), set(made.values())) == (2 * MACHINES, {1}), "a restore point and a copy of each VM, each made once"

    run_story(story, tmp_path, machines=MACHINES)
