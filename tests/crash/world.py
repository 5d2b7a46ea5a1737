"""A small world for copies: chains of restore points in the sample tenants' subscriptions, and the copies to ask for."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.simulation.sample_estate import LOCATIONS, sample_estate
from local.simulation.times import to_text

Json = dict[str, Any]
SOURCE_REGION, TARGET_REGION = LOCATIONS
_KEPT = ("seed", "tenants", "subscriptions", "principals", "vaults")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A copy to ask for: of a restore point (`point`, taken at `taken_at`) or, with `vm`, of a machine of which one is made first."""

    tenant: str
    body: Json
    point: str | None = None
    taken_at: datetime | None = None
    target_collection: str = ""


@dataclass(frozen=True, slots=True)
class World:
    """An estate for the simulation, and the copies that can be asked of it."""

    estate: Json
    points: tuple[Wanted, ...]
    machines: tuple[Wanted, ...]


def world(name: str, now: datetime, *, chains: int, points: int, machines: int = 0, minutes: float = 12) -> World:
    """Build `chains` machines with `points` restore points each, and `machines` machines that have none; names begin with `name`.

    A disk takes `minutes` of Azure's time to be copied. The tenants are the sample's, each has its share.
    """
    sample = sample_estate(now)
    estate: Json = {member: sample[member] for member in _KEPT} | {
        "resourceGroups": [],
        "virtualMachines": [],
        "restorePointCollections": [],
    }
    tenants = sample["tenants"]
    for tenant in tenants:
        scope = f"/subscriptions/{tenant['subscriptions'][0]}/resourceGroups/{name}"
        estate["resourceGroups"] += [
            {"id": f"{scope}-production", "location": SOURCE_REGION},
            {"id": f"{scope}-recovery", "location": TARGET_REGION},
        ]
    wanted: list[Wanted] = []
    made: list[Wanted] = []
    for number in range(chains + machines):
        tenant = tenants[number % len(tenants)]
        scope = f"/subscriptions/{tenant['subscriptions'][0]}/resourceGroups/{name}-production/providers/Microsoft.Compute"
        vm = f"{scope}/virtualMachines/{name}-{number}"
        disk = {"id": f"{scope}/disks/{name}-{number}-os", "copyMinutes": minutes, "sizeGB": 32}
        estate["virtualMachines"].append({"id": vm, "location": SOURCE_REGION, "disks": [disk], "osType": "Windows", "createSeconds": 45})
        if number >= chains:
            made.append(Wanted(tenant["name"], _body({"virtualMachineId": vm}, name)))
            continue
        collection = f"{scope}/restorePointCollections/{name}-{number}-points"
        listed = []
        for index in range(points):
            taken = (now - timedelta(hours=points - index)).replace(microsecond=0)
            point = f"{collection}/restorePoints/{name}-{number}-{index}"
            listed.append({"id": point, "timeCreated": to_text(taken), "startedAt": to_text(taken), "finishedAt": to_text(taken)})
            wanted.append(Wanted(tenant["name"], _body({"restorePointId": point}, name), point, taken))
        estate["restorePointCollections"].append({"id": collection, "location": SOURCE_REGION, "source": vm, "restorePoints": listed})
    return World(estate, tuple(wanted), tuple(made))


def _body(source: Json, name: str) -> Json:
    return {"source": source, "target": {"region": TARGET_REGION, "resourceGroup": f"{name}-recovery"}}
