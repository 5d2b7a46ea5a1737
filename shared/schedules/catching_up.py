"""What is due now and what was missed (docs/design/schedules.md, "Missed slots")."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.schedules.schedule import Schedule

LATE = timedelta(hours=1)
"""A slot that did not begin within this time is missed, and a catch-up begins no later than this before the next slot."""

_RESOLUTION = timedelta(microseconds=1)


class CatchUp(StrEnum):
    """The rule for missed slots: `run` begins the newest of them once, `skip` only records them."""

    RUN = "run"
    SKIP = "skip"


class Trigger(StrEnum):
    """The reason for which a slot begins."""

    SCHEDULE = "schedule"
    CATCH_UP = "catchUp"


class Skipped(StrEnum):
    """The reason for which missed slots are only recorded."""

    BY_SCHEDULE = "BySchedule"
    """The schedule has `catchUp: skip`."""
    NEXT_SLOT_NEAR = "NextSlotNear"
    """Less than an hour is left until the next slot."""


@dataclass(frozen=True, slots=True)
class Missed:
    """The slots of one gap."""

    count: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """What to do now for a slot: begin it with a trigger, or record it as skipped; exactly one of the two is set.

    `missed` is the whole gap: it is recorded with the slot, so that it is one record. `slot` is the newest of them, or the slot after them.
    """

    slot: datetime
    trigger: Trigger | None
    skipped: Skipped | None
    missed: Missed | None


def is_late(slot: datetime, now: datetime) -> bool:
    """Return whether a slot that has not begun is too late to begin on time."""
    return now - slot > LATE


def counted_after(changed_at: datetime, paused_until: datetime | None, begun: datetime | None) -> datetime:
    """Return the moment after which slots count.

    `changed_at` is the last change of the document (also enabling it), `begun` the newest slot that began or was recorded. A slot at the
    very end of a pause counts.
    """
    resumed = paused_until - _RESOLUTION if paused_until is not None else changed_at
    return max(changed_at, resumed, begun or changed_at)


def due_now(schedule: Schedule, counted: datetime, now: datetime, catch_up: CatchUp) -> Due | None:
    """Return what is due at `now` of the slots after `counted`, None where nothing is, or where a catch-up waits for its window.

    A slot is missed when it did not begin within an hour or before the next slot, whichever comes first.
    """
    if counted >= now:
        return None
    count, first, before, newest = 0, None, None, None
    for slot in schedule.slots(counted, now):
        count, first, before, newest = count + 1, first or slot, newest, slot
    if first is None or newest is None:
        return None
    if not is_late(newest, now):
        gap = Missed(count - 1, first, before) if before is not None else None
        return Due(newest, Trigger.SCHEDULE, None, gap)
    gap = Missed(count, first, newest)
    if catch_up is CatchUp.SKIP:
        return Due(newest, None, Skipped.BY_SCHEDULE, gap)
    following = schedule.next_slot(now)
    if following is not None and following - now < LATE:
        return Due(newest, None, Skipped.NEXT_SLOT_NEAR, gap)
    return Due(newest, Trigger.CATCH_UP, None, gap) if schedule.is_open(now) else None
