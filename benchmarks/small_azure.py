"""An estate for the benchmark of acceptance: one tenant with many subscriptions, machines and restore points, none of which was copied."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.simulation.sample_estate import LOCATIONS, TENANTS, app_principal, sample_estate
from local.simulation.times import to_text

Json = dict[str, Any]
SOURCE, TARGET = LOCATIONS
TENANT = TENANTS[0][0]


@dataclass(frozen=True, slots=True)
class Point:
    """A restore point that can be copied, and when it was taken."""

    id: str
    taken_at: datetime

    @property
    def body(self) -> Json:
        """The request that copies it."""
        return {"source": {"restorePointId": self.id}, "target": {"region": TARGET, "resourceGroup": "recovery"}}


def estate(now: datetime, *, subscriptions: int, machines: int, points: int) -> tuple[Json, list[Point]]:
    """Return the estate and its restore points, one of each machine in turn; `machines` per subscription, `points` per machine.

    Many subscriptions, because Resource Manager's buckets are per subscription (docs/azure/resource-manager.md): none of the reads shall be
    throttled.
    """
    sample = sample_estate(now)
    ids = [str(uuid.uuid5(uuid.NAMESPACE_DNS, f"subscription-{number}")) for number in range(subscriptions)]
    tenants = [{**item, "subscriptions": [*item["subscriptions"], *(ids if item["name"] == TENANT else [])]} for item in sample["tenants"]]
    body: Json = {
        "seed": 1,
        "tenants": tenants,
        "principals": [app_principal([f"/subscriptions/{each}" for each in ids])],
        "subscriptions": [{"id": each, "tenantId": tenants[0]["tenantId"], "locations": list(LOCATIONS)} for each in ids],
        "resourceGroups": [{"id": f"/subscriptions/{each}/resourceGroups/recovery", "location": TARGET} for each in ids],
        "virtualMachines": [],
        "restorePointCollections": [],
    }
    names: list[list[str]] = []
    for number in range(subscriptions * machines):
        # neighbours in the list lie in different subscriptions
        scope = f"/subscriptions/{ids[number % subscriptions]}/resourceGroups/production/providers/Microsoft.Compute"
        vm, collection = f"{scope}/virtualMachines/vm{number:04}", f"{scope}/restorePointCollections/vm{number:04}-points"
        body["virtualMachines"].append(
            {"id": vm, "location": SOURCE, "disks": [{"name": f"vm{number:04}-os", "sizeGB": 64}], "osType": "Windows"}
        )
        taken = [now - timedelta(hours=points - index) for index in range(points)]
        names.append([f"{collection}/restorePoints/{number:04}-{index:03}" for index in range(points)])
        listed = [
            {"id": point, "timeCreated": to_text(at), "startedAt": to_text(at), "finishedAt": to_text(at)}
            for point, at in zip(names[-1], taken, strict=True)
        ]
        body["restorePointCollections"].append({"id": collection, "location": SOURCE, "source": vm, "restorePoints": listed})
    return body, [Point(listed[index], now - timedelta(hours=points - index)) for index in range(points) for listed in names]
