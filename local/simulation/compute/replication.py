"""How a copy's replication goes: how long it takes, what it shows, how it ends. Pure; all times are Azure's.

Rules from docs/azure/restore-points.md: progress is refreshed every ten minutes and so is its end, some copies only ever show 0 and 100,
a failure carries neither details nor percent, one failed disk fails the copy, and Azure ends a copy after two weeks.
"""

import math
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from local.simulation.compute.models import PointDisk, RestorePoint

REFRESH = timedelta(minutes=10)
LIMIT = timedelta(days=14)

#: Part of all copies that show only 0 and 100; part of the full time that an incremental copy takes.
_COARSE = 0.2
_INCREMENTAL = 0.25


class State(StrEnum):
    """The state of a replication; the suffix of `ReplicationState/…`. Azure documents `succeeded` only."""

    IN_PROGRESS = "inProgress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Fate:
    """What a fault does to a copy: `fault` is `failCopy` or `stallCopy`, `disk` the index of the one that fails (default: the first)."""

    fault: str
    disk: int = 0


def minutes_by_size(disk: PointDisk, chance: random.Random, *, full: bool) -> float:
    """Return how long the copy of a disk takes: as the estate gives it, else by size and chance; an incremental one is shorter."""
    if disk.copy_minutes is not None:
        return disk.copy_minutes
    whole = min(600.0, 6 + disk.size_gb * chance.uniform(0.2, 0.9))
    return whole if full else max(5.0, whole * _INCREMENTAL)


def is_coarse(disks: tuple[PointDisk, ...], chance: random.Random) -> bool:
    """Return whether a copy shows only 0 and 100: as the estate gives it for its disks, else by chance."""
    given = [disk.coarse for disk in disks if disk.coarse is not None]
    return any(given) if given else chance.random() < _COARSE


def scheduled(
    disks: tuple[PointDisk, ...], started: datetime, chance: random.Random, *, full: bool, fate: Fate | None
) -> tuple[PointDisk, ...]:
    """Return the disks of a copy with the end of each laid down."""
    planned = []
    for index, disk in enumerate(disks):
        minutes = minutes_by_size(disk, chance, full=full)
        end = started + min(_refreshed(minutes), LIMIT)
        each = replace(disk, total_minutes=minutes, ends_at=end, fails=_refreshed(minutes) > LIMIT)
        if fate is not None and fate.fault == "stallCopy":
            each = replace(each, ends_at=started + LIMIT, fails=True, stall_percent=chance.randrange(10, 90))
        elif fate is not None and index == min(fate.disk, len(disks) - 1):
            each = replace(each, ends_at=started + _refreshed(minutes / 2), fails=True)
        planned.append(each)
    return tuple(planned)


def without_source(point: RestorePoint, now: datetime) -> RestorePoint:
    """Return a copy in progress as it is once its source is deleted: what has not arrived fails at the next refresh."""
    end = now + REFRESH - (now - point.started_at) % REFRESH
    disks = tuple(
        replace(disk, ends_at=end, fails=True) if disk.ends_at is not None and disk.ends_at > now else disk for disk in point.disks
    )
    return replace(point, disks=disks)


def _refreshed(minutes: float) -> timedelta:
    return REFRESH * max(1, math.ceil(minutes * 60 / REFRESH.total_seconds()))


def state_of(point: RestorePoint, now: datetime) -> State:
    """Return the state of a whole restore point; a machine's own point succeeds once it is created."""
    if now < point.ended_at():
        return State.IN_PROGRESS
    if point.error is not None:
        return State.FAILED
    return State.FAILED if point.source_point is not None and any(disk.fails for disk in point.disks) else State.SUCCEEDED


def disk_state(point: RestorePoint, disk: PointDisk, now: datetime) -> tuple[State, int]:
    """Return a disk's state and the percent that Azure shows at this moment."""
    if point.error is not None:
        return (State.FAILED if now >= point.ready_at else State.IN_PROGRESS), 0
    if disk.ends_at is None:
        return (State.SUCCEEDED, 100) if now >= point.ready_at else (State.IN_PROGRESS, 0)
    if not disk.fails and disk.ends_at <= min(now, point.ended_at()):
        return State.SUCCEEDED, 100
    if now >= point.ended_at() and state_of(point, now) is State.FAILED:
        return State.FAILED, 0
    if disk.ends_at <= now:
        return State.SUCCEEDED, 100
    if point.coarse or disk.total_minutes <= 0:
        return State.IN_PROGRESS, 0
    shown = ((now - point.started_at) // REFRESH) * REFRESH
    percent = min(99, int(100 * shown.total_seconds() / 60 / disk.total_minutes))
    return State.IN_PROGRESS, percent if disk.stall_percent is None else min(percent, disk.stall_percent)
