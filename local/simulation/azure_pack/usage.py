"""What machines use of a quota."""

from collections.abc import Iterable

from local.simulation.arm.tables import Json


def used_by(machines: Iterable[Json]) -> dict[str, int]:
    """Return what machines use, per dimension of the quota; each counts, also one that is stopped."""
    total = {"VMCount": 0, "CPUCount": 0, "MemoryMB": 0, "StorageGB": 0}
    for machine in machines:
        total["VMCount"] += 1
        total["CPUCount"] += int(machine.get("CPUCount") or 0)
        total["MemoryMB"] += int(machine.get("Memory") or 0)
        total["StorageGB"] += int(machine.get("TotalSize") or 0) >> 30
    return total
