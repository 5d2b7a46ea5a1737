"""The figures of a plan's forecast (docs/design/copy-policies.md, "Forecast")."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median

GB_PER_HOUR = 100
SHORTEST, LONGEST = timedelta(minutes=30), timedelta(hours=24)
_SAMPLES = 5
_HOUR = timedelta(hours=1)
_STARTS_PER_HOUR = 3
_RESIZE_LIMIT_GB = 4096


class FullBecause(StrEnum):
    """Why a disk is copied whole."""

    FIRST_COPY = "FirstCopy"
    NEW_DISK = "NewDisk"
    BASE_DELETED = "BaseDeleted"
    NEWEST_GONE = "NewestGone"
    RESIZED = "Resized"


@dataclass(frozen=True, slots=True)
class PastCopy:
    """A usable copy of a chain: whether it was full, and how long it took."""

    full: bool
    duration: timedelta


@dataclass(frozen=True, slots=True)
class ChainLoad:
    """What a chain has to do: the time left of the copy in flight, the expected durations of those that wait, and its last starts."""

    left: timedelta
    waiting: tuple[timedelta, ...]
    starts: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class DiskHistory:
    """What is known of a disk in a chain: sizes in GB, now and in the newest usable copy (None: it is not in it)."""

    gb: int
    copied_gb: int | None
    base_is_there: bool


@dataclass(frozen=True, slots=True)
class Bucket:
    """Calls that go to a bucket of Azure's budget, its capacity, and how many calls a second it refills by."""

    calls: int
    capacity: float
    refill: float


def expected_duration(history: Sequence[PastCopy], *, full: bool, size_gb: int | None) -> timedelta:
    """Return how long a copy takes: the median of its chain's last five of its sort, else by size; `history` is newest first.

    An unknown size counts as the longest duration.
    """
    alike = [copy.duration.total_seconds() for copy in history if copy.full is full][:_SAMPLES]
    if alike:
        return timedelta(seconds=median(alike))
    by_size = LONGEST if size_gb is None else timedelta(hours=size_gb / GB_PER_HOUR)
    return min(max(by_size, SHORTEST), LONGEST)


def left_of(expected: timedelta, percent: int) -> timedelta:
    """Return what is left of a copy in flight."""
    return expected * (100 - percent) / 100


def chain_end(load: ChainLoad, now: datetime) -> datetime:
    """Return when a chain has done all that waits, in order, with three starts an hour at most."""
    at, starts = now + load.left, sorted(load.starts)
    for duration in load.waiting:
        allowed = starts[-_STARTS_PER_HOUR] + _HOUR if len(starts) >= _STARTS_PER_HOUR else at
        start = max(at, allowed)
        starts.append(start)
        at = start + duration
    return at


def added_time(load: ChainLoad, duration: timedelta, now: datetime) -> timedelta:
    """Return the time that one more copy adds to a chain; the sum over chains is `chainDays`."""
    longer = ChainLoad(load.left, (*load.waiting, duration), load.starts)
    return chain_end(longer, now) - chain_end(load, now)


def full_because(disk: DiskHistory, *, has_usable_copy: bool, newest_is_there: bool) -> FullBecause | None:
    """Return why a disk is copied whole, the first reason that fits; None where only its changes are copied."""
    if not has_usable_copy:
        return FullBecause.FIRST_COPY
    if disk.copied_gb is None:
        return FullBecause.NEW_DISK
    if not disk.base_is_there:
        return FullBecause.BASE_DELETED
    if not newest_is_there:
        return FullBecause.NEWEST_GONE
    return FullBecause.RESIZED if disk.copied_gb <= _RESIZE_LIMIT_GB < disk.gb else None


def seconds_at_share(buckets: Iterable[Bucket], share: float) -> float:
    """Return the seconds that calls take where only a share (above 0, at most 1) of each bucket is spent: the largest of all buckets."""
    return max((max(0.0, bucket.calls - share * bucket.capacity) / (share * bucket.refill) for bucket in buckets), default=0.0)
