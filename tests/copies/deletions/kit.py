"""Copies to delete, in the whole app with storage in memory."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.copies.policies.kit import Json, Story, World, machine_id, policy
from tests.support.api import Reply

Start = Callable[[Story], None]
TARGET = {"region": "northeurope", "resourceGroup": "contoso-recovery"}
VM = machine_id("fleet000")


async def copy_of(world: World, machine: str = VM, **target: Any) -> Json:
    """Copy a new restore point of a VM, to the end, and return the copy."""
    body = {"source": {"virtualMachineId": machine, "consistencyMode": "CrashConsistent"}, "target": {**TARGET, **target}}
    answer = await world.call("POST", "/restore-point-copies", body)
    assert answer.status == 202, answer
    copy = await world.until_ended(f"/restore-point-copies/{answer.body['id']}")
    await world.advance(hours=1)
    return copy


async def delete(world: World, copy: Json, query: str = "", **options: Any) -> Reply:
    """Ask for the deletion of a copy."""
    return await world.call("DELETE", f"/restore-point-copies/{copy['id']}{query}", **options)


async def deleted(world: World, copy: Json, query: str = "") -> Json:
    """Delete a copy, and return the deletion once it has ended."""
    answer = await delete(world, copy, query)
    assert answer.status == 202, answer
    return await ended(world, answer.body)


async def ended(world: World, deletion: Json) -> Json:
    """Return a deletion once it has ended."""
    return await world.until_ended(f"/operations/{deletion['id']}", minutes=5)


async def shown(world: World, copy: Json) -> Json:
    """Return a copy as it is now."""
    found: Json = await world.get(f"/restore-point-copies/{copy['id']}")
    return found


def deletes(world: World) -> list[str]:
    """Return the ids of the restore points, in lower case, of which Azure took a DELETE."""
    return [str(one["path"]).lower() for one in world.effects("/restorePoints/") if one["method"] == "DELETE"]


async def run_now(world: World, body: Json | None = None) -> Json:
    """Run the policy to its end, and return the run."""
    answer = await world.call("POST", "/copy-policies/daily/run", body)
    assert answer.status == 202, answer
    return await world.until_ended(f"/copy-policies/daily/runs/{answer.body['id']}")


async def fill(world: World, count: int, **changes: object) -> list[Json]:
    """Write the policy and make so many copies by runs that prune nothing; return the copies, the oldest first."""
    await world.put("daily", policy(**{"schedule": {"every": "P31D"}, "retention": {"keepLast": 2}} | changes))
    for _ in range(count):
        assert (await run_now(world, {"prune": False}))["status"] == "Succeeded"
        await world.advance(hours=4)
    assert deletes(world) == []
    return await copies_of_policy(world)


async def copies_of_policy(world: World) -> list[Json]:
    """Return the copies of the policy, the oldest first."""
    found = (await world.get("/restore-point-copies?policy=daily&top=1000"))["value"]
    return sorted(found, key=lambda copy: str(copy["source"]["takenAt"]))


def sources(found: Sequence[Json]) -> list[str]:
    """Return the restore points that copies are of, in lower case."""
    return [copy["source"]["restorePointId"].lower() for copy in found]


def source_deletes(world: World) -> set[str]:
    """Return the ids of the restore points of VMs, in lower case, of which Azure took a DELETE."""
    return {one for one in deletes(world) if "/contoso-production/" in one}
