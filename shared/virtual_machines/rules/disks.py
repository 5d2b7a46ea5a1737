"""Disks: logical unit numbers, caching, sizes (Microsoft.Compute; "Azure managed disk types")."""

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum

LAST_LUN = 63
LARGEST_OS_DISK_GB = 4_095
LARGEST_CACHED_GB = 4_095
"""A disk that is larger cannot be cached."""
LARGEST_DISK_GB = 32_767


class Caching(StrEnum):
    """How the host caches a disk."""

    NONE = "None"
    READ_ONLY = "ReadOnly"
    READ_WRITE = "ReadWrite"


def lowest_free_lun(taken: Collection[int], allowed: int = LAST_LUN + 1) -> int | None:
    """Return the lowest free logical unit number below `allowed`, None where there is none."""
    return next((lun for lun in range(min(allowed, LAST_LUN + 1)) if lun not in taken), None)


def assign_luns(wanted: Sequence[int | None], taken: Iterable[int] = ()) -> tuple[int, ...] | None:
    """Return a number for each disk: the one that it has, else the lowest that is free; None where there are not enough.

    Numbers that are wanted explicitly must be free and differ.
    """
    used = {*taken, *(lun for lun in wanted if lun is not None)}
    found: list[int] = []
    for lun in wanted:
        chosen = lun if lun is not None else lowest_free_lun(used)
        if chosen is None:
            return None
        used.add(chosen)
        found.append(chosen)
    return tuple(found)


def repeated_luns(wanted: Sequence[int | None]) -> tuple[int, ...]:
    """Return the positions of disks whose number an earlier one has."""
    return tuple(place for place, lun in enumerate(wanted) if lun is not None and lun in wanted[:place])


def caching_problem(caching: Caching, size_gb: int | None) -> str | None:
    """Return why a disk of this size cannot be cached so, or None; a size that is not known yet is not refused."""
    if caching is Caching.NONE or size_gb is None or size_gb <= LARGEST_CACHED_GB:
        return None
    return f"A disk of {size_gb:,} GB cannot be cached: the limit is {LARGEST_CACHED_GB:,} GB. Send None."


class Growth(StrEnum):
    """What a change of a disk's size needs."""

    SAME = "same"
    LARGER = "larger"
    SMALLER = "smaller"
    DETACHED = "detached"
    """From up to 4,095 GB to more: only while the disk is detached."""


def growth(now_gb: int, wanted_gb: int) -> Growth:
    """Return what a change of a data disk's size means."""
    if wanted_gb == now_gb:
        return Growth.SAME
    if wanted_gb < now_gb:
        return Growth.SMALLER
    return Growth.DETACHED if now_gb <= LARGEST_CACHED_GB < wanted_gb else Growth.LARGER


def is_premium(sku: str) -> bool:
    """Whether a disk of this type needs a size with premium storage."""
    return sku.lower().startswith("premium")


def is_zone_redundant(sku: str) -> bool:
    """Whether a disk of this type lies in all zones, so that it has none."""
    return sku.lower().endswith("_zrs")
