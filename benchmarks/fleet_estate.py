"""The estate of the benchmark of a fleet: many VMs of one disk, whose copies take as long as docs/azure/restore-points.md has it."""

import math
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.simulation.sample_estate import LOCATIONS, app_principal, sample_estate

Json = dict[str, Any]
_TENANTS = 8
_MEDIAN_MINUTES, _SIGMA = 180.0, 1.09
"""A median of three hours and a mean of 326 minutes."""
_LONGEST_MINUTES = 2400.0
"""No copy takes longer, so that a fleet is done after two days."""
_WITHOUT_PERCENT = 5
"""Each fifth copy shows only 0 and 100 %."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A VM of the fleet: how long its copies take, and whether they show only 0 and 100 %."""

    id: str
    minutes: float
    coarse: bool


@dataclass(frozen=True, slots=True)
class FleetEstate:
    """The estate as the simulated Azure loads it, the names of its tenants, and its VMs."""

    body: Json
    tenants: tuple[str, ...]
    machines: Sequence[Machine]


def policy(copies: int) -> Json:
    """Return a policy that covers each VM of a tenant."""
    return {
        "selector": {"everything": True},
        "schedule": {"every": "P14D"},
        "consistency": {"mode": "CrashConsistent"},
        "targets": [{"region": LOCATIONS[1], "resourceGroup": "recovery"}],
        "retention": {"keepLast": 3},
        "limits": {"virtualMachines": max(copies, 1)},
    }


def machines_of(copies: int, subscriptions: Sequence[str]) -> list[Machine]:
    """Return so many VMs over the subscriptions; durations are log-normal, the same each time."""
    chance = random.Random(7)  # noqa: S311  # the same durations each time
    found = []
    for number in range(copies):
        scope = f"/subscriptions/{subscriptions[number % len(subscriptions)]}/resourceGroups/production/providers/Microsoft.Compute"
        minutes = min(chance.lognormvariate(math.log(_MEDIAN_MINUTES), _SIGMA), _LONGEST_MINUTES)
        coarse = number // len(subscriptions) % _WITHOUT_PERCENT == 0
        found.append(Machine(f"{scope}/virtualMachines/vm{number:05}", minutes, coarse))
    return found


def fleet_estate(now: datetime, copies: int, subscriptions: int, tenants: int = _TENANTS) -> FleetEstate:
    """Return an estate of VMs with one disk each."""
    sample = sample_estate(now)
    ids = [str(uuid.uuid5(uuid.NAMESPACE_DNS, f"fleet-{number}")) for number in range(subscriptions)]
    names = [f"fleet{number}" for number in range(min(tenants, subscriptions))]
    owners: list[Json] = [
        {
            "name": name,
            "displayName": name,
            "kind": "tenant",
            "tenantId": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
            "subscriptions": ids[number :: len(names)],
        }
        for number, name in enumerate(names)
    ]
    owner = {one: tenant["tenantId"] for tenant in owners for one in tenant["subscriptions"]}
    body: Json = {
        "seed": 1,
        "tenants": [one for one in sample["tenants"] if one["kind"] == "provider"] + owners,
        "principals": [app_principal([f"/subscriptions/{each}" for each in ids])],
        "subscriptions": [{"id": each, "tenantId": owner[each], "locations": list(LOCATIONS)} for each in ids],
        "resourceGroups": [{"id": f"/subscriptions/{each}/resourceGroups/recovery", "location": LOCATIONS[1]} for each in ids],
        "virtualMachines": [],
        "disks": [],
    }
    machines = machines_of(copies, ids)
    for machine in machines:
        disk = machine.id.replace("/virtualMachines/", "/disks/") + "-os"
        body["disks"].append({"id": disk, "location": LOCATIONS[0], "sizeGB": 64, "copyMinutes": machine.minutes, "coarse": machine.coarse})
        body["virtualMachines"].append({"id": machine.id, "location": LOCATIONS[0], "disks": [disk], "osType": "Linux"})
    return FleetEstate(body, tuple(names), machines)
