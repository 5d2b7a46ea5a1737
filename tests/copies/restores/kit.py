"""Copies to restore, in the whole app with storage in memory, and Azure's resources before and after."""

from collections.abc import Sequence
from typing import Any

from local.simulation.sample_estate import subscription_id
from tests.copies.deletions.kit import copy_of
from tests.copies.policies.kit import Json, World, machine_id
from tests.support.api import Reply

CONTOSO = subscription_id("contoso")
RECOVERY = f"/subscriptions/{CONTOSO}/resourceGroups/contoso-recovery"
SUBNET = f"{RECOVERY}/providers/Microsoft.Network/virtualNetworks/contoso-northeurope/subnets/default"
ISOLATED = f"{RECOVERY}/providers/Microsoft.Network/virtualNetworks/drill-contoso-northeurope/subnets/default"
KINDS = ("virtualMachines", "disks", "networkInterfaces")
WEB = machine_id("contoso-web01")


def request(copies: Sequence[Json], **changes: Any) -> Json:
    """Return a request that restores machines from copies."""
    body: Json = {
        "kind": "virtualMachine",
        "machines": [{"source": {"copyId": copy["id"]}} for copy in copies],
        "resourceGroup": "contoso-recovery",
        "network": {"subnetId": SUBNET},
        "reason": "a test",
    }
    return {name: value for name, value in {**body, **changes}.items() if value is not None}


def of_disks(copies: Sequence[Json], **changes: Any) -> Json:
    """Return a request that restores disks from copies."""
    return request(copies, **{"kind": "disks", "network": None, **changes})


def drill(copies: Sequence[Json], **changes: Any) -> Json:
    """Return a request for a drill into the isolated network."""
    return request(copies, **{"drill": True, "reason": None, "network": {"subnetId": ISOLATED}, **changes})


async def start(world: World, body: Json, **options: Any) -> Reply:
    """Ask for a restore."""
    return await world.call("POST", "/restores", body, **options)


async def restored(world: World, body: Json, *, minutes: float = 1, most: int = 240) -> Json:
    """Restore, and return the restore once it has ended."""
    answer = await start(world, body)
    assert answer.status == 202, answer
    return await ended(world, answer.body, minutes=minutes, most=most)


async def ended(world: World, restore: Json, *, minutes: float = 1, most: int = 240) -> Json:
    """Return a restore once it has ended."""
    return await world.until_ended(f"/restores/{restore['id']}", minutes=minutes, most=most)


async def shown(world: World, restore: Json) -> Json:
    """Return a restore as it is now."""
    found: Json = await world.get(f"/restores/{restore['id']}")
    return found


def resources(world: World) -> set[str]:
    """Return the ids of all machines, disks and interfaces of Azure, in lower case."""
    estate = world.app.platform.estate()
    return {str(one["id"]).lower() for kind in KINDS for one in estate.get(kind, [])}


def machine(world: World, name: str) -> Json:
    """Return a machine of the estate by its name."""
    return next(one for one in world.app.platform.estate()["virtualMachines"] if one["id"].endswith(f"/{name}"))


async def copies_of(world: World, count: int) -> list[Json]:
    """Copy so many of the further machines."""
    return [await copy_of(world, machine_id(f"fleet{number:03}")) for number in range(count)]


def lock_recovery(world: World, *, locked: bool) -> None:
    """Set or remove a lock of the resource group in which everything is restored."""
    estate = world.app.platform.estate()
    group = next(one for one in estate["resourceGroups"] if str(one["id"]).lower() == RECOVERY.lower())
    group["locks"] = [{"name": "keep", "level": "CanNotDelete"}] if locked else []
    world.app.platform.replace_estate(estate)
