"""Quotas of cores, by region and by family.

An estate sets one by an entry of `usages`: `{"subscriptionId"?, "location"?, "name", "limit"}`.
"""

from collections import Counter
from datetime import datetime

from local.simulation.arm.errors import ArmError
from local.simulation.arm.tables import Json
from local.simulation.compute.sizes.catalogue import SIZES, Size, find
from local.simulation.compute.state import ComputeState
from local.simulation.ids import subscription

CORES = "cores"
_LIMIT = 350
_DISPLAYED = {CORES: "Total Regional vCPUs", "virtualMachines": "Virtual Machines", "availabilitySets": "Availability Sets"}
_LIMITS = {"virtualMachines": 25_000, "availabilitySets": 2_500}


def used(state: ComputeState, subscription_id: str, location: str, now: datetime) -> Counter[str]:
    """Return what a subscription uses in a region: cores by family and in all, stopped and deallocated machines too."""
    counts: Counter[str] = Counter()
    wanted = subscription_id.lower()
    for machine in state.machines.values():
        if machine.location == location and subscription(machine.id) == wanted and not machine.gone(now):
            size = find(state, machine.size, location)
            counts["virtualMachines"] += 1
            if size is not None:
                counts[CORES] += size.cores
                counts[size.family] += size.cores
    counts["availabilitySets"] = sum(
        each.location == location and subscription(each.id) == wanted and not each.gone(now) for each in state.availability_sets.values()
    )
    return counts


def limit(state: ComputeState, subscription_id: str, location: str, name: str) -> int:
    """Return a quota: the estate's last entry for it, or the default."""
    found = _LIMITS.get(name, _LIMIT)
    for row in state.limits.values():
        fits = str(row.get("subscriptionId", subscription_id)).lower() == subscription_id.lower()
        if fits and row.get("location", location) == location and row["name"] == name:
            found = int(row["limit"])
    return found


def check(state: ComputeState, subscription_id: str, size: Size, location: str, now: datetime, *, freed: Size | None = None) -> None:
    """Refuse a machine, or its new size, that exceeds a quota; `freed` is the size that it had."""
    counts = used(state, subscription_id, location, now)
    for name, code in ((CORES, "OperationNotAllowed"), (size.family, "QuotaExceeded")):
        most = limit(state, subscription_id, location, name)
        before = freed.cores if freed is not None and name in {CORES, freed.family} else 0
        there, more = counts[name] - before, size.cores
        if there + more > most:
            what = "Total Regional Cores" if name == CORES else f"{name} Cores"
            raise ArmError(
                409,
                code,
                f"Operation could not be completed as it results in exceeding approved {what} quota. Additional details - "
                f"Deployment Model: Resource Manager, Location: {location}, Current Limit: {most}, Current Usage: {there}, "
                f"Additional Required: {more}, (Minimum) New Limit Required: {there + more}. Submit a request for Quota increase.",
            )


def usages(state: ComputeState, subscription_id: str, location: str, now: datetime) -> list[Json]:
    """Return every `Usage` of a region."""
    counts = used(state, subscription_id, location, now)
    names = [*_DISPLAYED, *dict.fromkeys(size.family for size in SIZES)]
    return [
        {
            "unit": "Count",
            "currentValue": counts[name],
            "limit": limit(state, subscription_id, location, name),
            "name": {"value": name, "localizedValue": _DISPLAYED.get(name, f"{name} vCPUs")},
        }
        for name in names
    ]
