"""Copies to delete, in the whole app with storage in memory."""

from collections.abc import Callable
from typing import Any

from tests.copies.policies.kit import Json, Story, World, machine_id
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
