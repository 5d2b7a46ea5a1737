"""When a quota counts as being in force, and what to do while it does not. Pure.

An `InSync` that is read right after a write may be that of before it. So the limits that the providers show must be the wanted ones too;
where they cannot be read, a second `InSync` at least 30 s later is needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from shared.azure_pack.subscriptions import SyncState
from shared.installations.resources import Resource

LOOKS: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 10, 20, 40))
"""When to look after a write; then each minute."""
RESYNCS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 20))
"""How long after the one before a quota that is out of sync is synchronised anew."""
LONGEST: Final = timedelta(minutes=30)
_TWO_LOOKS: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class QuotaLook:
    """What one look showed: the state of the subscription and its service, and the limits of the providers (None: not readable)."""

    subscription: SyncState
    service: SyncState
    limits: Mapping[Resource, int] | None
    message: str | None = None

    @property
    def state(self) -> SyncState:
        """The worse of both states."""
        for one in (SyncState.OUT_OF_SYNC, SyncState.SYNCING):
            if one in {self.subscription, self.service}:
                return one
        return SyncState.IN_SYNC if {self.subscription, self.service} == {SyncState.IN_SYNC} else SyncState.UNKNOWN


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is remembered between looks; times are Azure's. `in_sync_at` is the first look of an unbroken series that showed `InSync`."""

    began: datetime
    looks: int = 0
    resyncs: int = 0
    resync_at: datetime | None = None
    in_sync_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class InForce:
    """The quota is in force."""


@dataclass(frozen=True, slots=True)
class Synchronize:
    """Synchronise anew, now."""


@dataclass(frozen=True, slots=True)
class LookAt:
    """Look again at this moment; `stuck` where a person has to know."""

    at: datetime
    stuck: bool = False


def next_look(waiting: Waiting, now: datetime) -> datetime:
    """Return when to look next."""
    return now + (LOOKS[waiting.looks] if waiting.looks < len(LOOKS) else timedelta(minutes=1))


def decide(
    seen: QuotaLook, wanted: Mapping[Resource, int], waiting: Waiting, now: datetime
) -> tuple[InForce | Synchronize | LookAt, Waiting]:
    """Return what to do after a look, and what to remember of it."""
    counted = replace(waiting, looks=waiting.looks + 1)
    late = now - waiting.began >= LONGEST
    match seen.state:
        case SyncState.IN_SYNC:
            return _in_sync(seen, wanted, counted, now, late=late)
        case SyncState.OUT_OF_SYNC:
            return _out_of_sync(replace(counted, in_sync_at=None), now)
        case _:
            return LookAt(next_look(waiting, now), late), replace(counted, in_sync_at=None)


def _in_sync(
    seen: QuotaLook, wanted: Mapping[Resource, int], waiting: Waiting, now: datetime, *, late: bool
) -> tuple[InForce | LookAt, Waiting]:
    if seen.limits is not None:
        if all(seen.limits.get(resource) == number for resource, number in wanted.items()):
            return InForce(), waiting
        return LookAt(next_look(waiting, now), late), waiting
    first = waiting.in_sync_at or now
    if now - first >= _TWO_LOOKS:
        return InForce(), waiting
    return LookAt(first + _TWO_LOOKS), replace(waiting, in_sync_at=first)


def _out_of_sync(waiting: Waiting, now: datetime) -> tuple[Synchronize | LookAt, Waiting]:
    if waiting.resyncs >= len(RESYNCS):
        return LookAt(now + timedelta(minutes=1), stuck=True), waiting
    due = waiting.resync_at or now + RESYNCS[waiting.resyncs]
    if now < due:
        return LookAt(due), replace(waiting, resync_at=due)
    # what is begun anew may show InSync of before: the looks start over
    return Synchronize(), replace(waiting, resyncs=waiting.resyncs + 1, resync_at=None, looks=0)
