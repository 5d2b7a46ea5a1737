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


def add_application(world: World) -> list[str]:
    """Add six machines of several generations, security types, sizes, cachings and LUNs to contoso's; return their names."""
    estate = world.app.platform.estate()
    looks: list[Json] = [
        {"size": "Standard_D4s_v3", "securityType": "TrustedLaunch", "osType": "Windows"},
        {"size": "Standard_D2s_v3", "generation": "V1", "osType": "Linux"},
        {"size": "Standard_D2s_v3", "osType": "Linux", "further": {"licenseType": "RHEL_BYOS"}},
        {"size": "Standard_D4s_v3", "osType": "Windows", "further": {"licenseType": "Windows_Server"}},
        {"size": "Standard_D2s_v3", "securityType": "TrustedLaunch", "osType": "Linux"},
        {"size": "Standard_D2s_v3", "osType": "Windows"},
    ]
    names = [f"shop{number}" for number in range(len(looks))]
    for name, look in zip(names, looks, strict=True):
        vm = machine_id(name)
        disks = vm.replace("virtualMachines", "disks")
        parts = [(f"{disks}-os", None, "ReadWrite", 128), (f"{disks}-a", 3, "ReadOnly", 256), (f"{disks}-b", 7, "None", 64)]
        for disk, lun, _, size in parts:
            of_system = {"osType": look["osType"], "generation": look.get("generation"), "securityType": look.get("securityType")}
            known = {member: value for member, value in of_system.items() if value is not None and lun is None}
            estate["disks"].append({"id": disk, "location": "westeurope", "sizeGB": size, "copyMinutes": 25, "coarse": False, **known})
        attached = [{"id": disk, "caching": caching, **({"lun": lun} if lun is not None else {})} for disk, lun, caching, _ in parts]
        estate["virtualMachines"].append({"id": vm, "location": "westeurope", "disks": attached, **look})
    world.app.platform.replace_estate(estate)
    return names


def plant_copies(world: World) -> list[str]:
    """Let another program's finished copies of contoso-web01's restore points be in the recovery region; return their ids."""
    estate = world.app.platform.estate()
    copies = plant_copies_in(estate)
    world.app.platform.replace_estate(estate)
    return copies


def plant_copies_in(estate: Json) -> list[str]:
    """Put these copies into an estate; return their ids."""
    source = next(one for one in estate["restorePointCollections"] if one["id"].endswith("/contoso-web01-points"))
    collection = f"{RECOVERY}/providers/Microsoft.Compute/restorePointCollections/planted"
    points = [
        {
            "id": f"{collection}/restorePoints/{point['id'].rpartition('/')[2]}",
            "sourceRestorePoint": point["id"],
            "startedAt": point["timeCreated"],
            "finishedAt": point["finishedAt"],
        }
        for point in source["restorePoints"]
    ]
    estate["restorePointCollections"].append({"id": collection, "location": "northeurope", "source": source["id"], "restorePoints": points})
    return [point["id"] for point in points]
