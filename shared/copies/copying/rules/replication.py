"""How far a copy is, when to look again, and when it is stuck (facts/restore-points.md, "Completion" to "two weeks")."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.copies.copying.models import DiskState

Json = Mapping[str, object]
"""A JSON object as `json.loads` gives it."""

REFRESH = timedelta(minutes=10)
"""Azure refreshes the percent this often: looking more often learns nothing."""
FIRST_LOOK = timedelta(seconds=90)
"""Soon after the start once: a copy that Azure refuses to carry out shows it here."""
LONGEST = timedelta(minutes=240)
"""The longest that a copy stays unread."""
LONGEST_BLIND = timedelta(minutes=60)
"""The same for one that shows no progress, and so does not tell when it will end."""
REFRESH_SHOWS = timedelta(seconds=30)
"""How long after a refresh its figures are sure to be seen."""

USUAL = timedelta(hours=3)
"""The median of a copy; what is expected of one of which nothing is known."""
ASSUMED_GB_PER_HOUR = 100
"""Spaces the looks at copies that show no percent. Nothing but their number depends on it."""

ENDED_BY_AZURE = timedelta(days=14)
"""Azure ends a copy after two weeks."""
NO_PROGRESS = timedelta(hours=24)
"""A copy that has shown a percent and stays at it for so long is stuck."""
NO_SIGN = timedelta(hours=36)
"""The same for one that never left 0: some copies show only 0 and 100."""
TOO_OLD = timedelta(days=5)


class ReplicationState(StrEnum):
    """Where a copy stands."""

    REPLICATING = "Replicating"
    USABLE = "Usable"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class DiskReplication:
    """One disk of a copy: the id of its disk restore point, its state, and its percent."""

    id: str
    state: DiskState
    percent: int


@dataclass(frozen=True, slots=True)
class Replication:
    """What one read of a copy says; `percent` is the mean over the disks, 100 only when usable, `message` is for a person."""

    state: ReplicationState
    percent: int
    disks: tuple[DiskReplication, ...] = ()
    message: str | None = None


def read_replication(restore_point: Json, expected_disks: int | None) -> Replication:
    """Read a copy's state from the JSON of its restore point with `$expand=instanceView`.

    `expected_disks` is how many disks the source captured, None when that is not known (then it never becomes usable: we do not
    guess). Usable is a copy of which *every* disk is `ReplicationState/succeeded` and at 100 %, in the expected number. An
    unknown code, or no instance view, is "not finished"; the level `Error`, a code ending in `failed`, or `provisioningState`
    Failed is "failed". `provisioningState` Succeeded says only that the copy has begun.
    """
    properties = _object(restore_point, "properties")
    view = _object(properties, "instanceView")
    statuses = _objects(view, "statuses")
    disks = tuple(_disk(disk) for disk in _objects(view, "diskRestorePoints"))
    percent = min(99, _mean(disks, expected_disks))
    provisioning = properties.get("provisioningState")
    if provisioning == "Failed" or any(_failed(status) for status in statuses) or any(_is_failed(disk) for disk in disks):
        return Replication(ReplicationState.FAILED, percent, disks, _why(view))
    if (why_not := _not_usable(provisioning, statuses, disks, expected_disks)) is not None:
        return Replication(ReplicationState.REPLICATING, percent, disks, why_not)
    return Replication(ReplicationState.USABLE, 100, disks)


def still_running(restore_point: Json) -> bool:
    """Say whether a copy that is not ours still occupies its collection, from the same JSON.

    How many disks it should have is not asked: its source may be gone, and a chain must not wait for ever for what cannot be
    known. One of which Azure shows no disks is taken to be running.
    """
    shown = len(_objects(_object(_object(restore_point, "properties"), "instanceView"), "diskRestorePoints"))
    return read_replication(restore_point, shown or None).state is ReplicationState.REPLICATING


def expected_duration(size_gb: int | None, previous: timedelta | None) -> timedelta:
    """Guess how long a copy will take: as long as the chain's last one did, else by its size, else the usual three hours."""
    if previous is not None:
        return max(REFRESH, previous)
    if size_gb is None:
        return USUAL
    return max(timedelta(minutes=30), min(timedelta(hours=24), timedelta(hours=size_gb / ASSUMED_GB_PER_HOUR)))


def next_check(started_at: datetime, now: datetime, percent: int, expected: timedelta = USUAL) -> datetime:
    """Say when to read a copy's state next: at half of the time that it still needs, between 10 minutes and 4 hours from now.

    `percent` is what the read just made showed; `expected` comes from `expected_duration` and counts while that is 0. The first
    two reads are 90 seconds and one refresh after the start. All later ones are at least a refresh apart, and shifted by a few
    minutes to come just after a refresh.
    """
    age = max(now - started_at, timedelta())
    if age < FIRST_LOOK:
        return started_at + FIRST_LOOK
    if age < REFRESH:
        return max(started_at + REFRESH + REFRESH_SHOWS, now + FIRST_LOOK)
    wait = max(REFRESH, min(_half_of_the_rest(age, percent, expected), LONGEST))
    return now + _just_after_a_refresh(age, wait)


def stuck(started_at: datetime, last_progress_at: datetime, percent: int, now: datetime, expected: timedelta = USUAL) -> str | None:
    """Say in words that a copy is stuck and what to do, or None.

    `last_progress_at` is when its percent was last seen to rise, or its start. One that shows a percent is stuck after a day
    without progress; one still at 0, which may be of those that show only 0 and 100, after a day and a half or three times the
    expected duration, if that is longer; and any after five days. Azure ends it after two weeks and cannot resume it.
    """
    age, idle = now - started_at, now - last_progress_at
    redo = "Azure ends it after two weeks and cannot resume it: have it ended or deleted, and redo the copy"
    if percent == 0 and age >= max(NO_SIGN, 3 * expected):
        return f"the copy has shown no progress in the {_in_words(age)} since its start; {redo}"
    if percent > 0 and idle >= NO_PROGRESS:
        return f"the copy has stood at {percent} % for {_in_words(idle)}; {redo}"
    if age >= TOO_OLD:
        return f"the copy has been running for {_in_words(age)} and is at {percent} %; {redo}"
    return None


def ended_by_azure(started_at: datetime, now: datetime) -> bool:
    """Say whether a copy is so old that Azure has ended it, whatever its instance view says."""
    return now - started_at >= ENDED_BY_AZURE


def _half_of_the_rest(age: timedelta, percent: int, expected: timedelta) -> timedelta:
    if percent > 0:
        # what is shown is rounded down
        return age * (100 - percent) / (percent + 0.5) / 2
    if age < expected:
        return min((expected - age) / 2, LONGEST_BLIND)
    # overdue and blind: a tenth of its age is what such a copy's end may be noticed late
    return min(age / 10, LONGEST_BLIND)


def _just_after_a_refresh(age: timedelta, wait: timedelta) -> timedelta:
    late = (age + wait - REFRESH_SHOWS) % REFRESH
    if late <= REFRESH / 2 or wait + REFRESH - late > LONGEST:
        return max(REFRESH, wait - late)
    return wait + REFRESH - late


def _mean(disks: tuple[DiskReplication, ...], expected: int | None) -> int:
    count = max(len(disks), expected or 0)
    return math.floor(sum(disk.percent for disk in disks) / count) if count else 0


def _disk(disk: Json) -> DiskReplication:
    replication = _object(disk, "replicationStatus")
    status = _object(replication, "status")
    percent = replication.get("completionPercent")
    number = max(0, min(100, int(percent))) if isinstance(percent, int | float) and math.isfinite(percent) else 0
    state = DiskState.FAILED if _failed(status) else DiskState.SUCCEEDED if _succeeded(status) else DiskState.REPLICATING
    return DiskReplication(str(disk.get("id") or ""), state, number)


def _not_usable(provisioning: object, statuses: list[Json], disks: tuple[DiskReplication, ...], expected: int | None) -> str | None:
    arrived = sum(disk.state is DiskState.SUCCEEDED and disk.percent == 100 for disk in disks)
    overall = [status for status in statuses if str(status.get("code", "")).lower().startswith("replicationstate/")]
    if provisioning in {"Creating", "Deleting"}:
        return f"Azure says that the restore point is {str(provisioning).lower()}"
    if not disks:
        return "Azure does not show the disks yet"
    if arrived < len(disks):
        return f"{arrived} of {max(len(disks), expected or 0)} disks have arrived"
    if expected is None:
        return "all disks that Azure shows have arrived, but how many the source captured is not known"
    if len(disks) != expected:
        return f"Azure shows {len(disks)} disks, but the source captured {expected}"
    if not all(_succeeded(status) for status in overall):
        return "every disk has arrived, but Azure does not call the whole finished yet"
    return None


def _succeeded(status: Json) -> bool:
    return str(status.get("code", "")).lower() == "replicationstate/succeeded" and not _failed(status)


def _failed(status: Json) -> bool:
    return str(status.get("level", "")).lower() == "error" or str(status.get("code", "")).lower().endswith("failed")


def _is_failed(disk: DiskReplication) -> bool:
    return disk.state is DiskState.FAILED


def _why(view: Json) -> str:
    """Azure gives no details of a failed copy (facts/restore-points.md); what little there is, disk by disk."""
    words = [text for status in _objects(view, "statuses") if _failed(status) and (text := _words(status))]
    for disk in _objects(view, "diskRestorePoints"):
        status = _object(_object(disk, "replicationStatus"), "status")
        if _failed(status):
            name = str(disk.get("id") or "").rpartition("/")[2] or "a disk"
            words.append(f"{name}: {_words(status) or 'failed'}")
    return "; ".join(words) or "Azure gives no reason"


def _words(status: Json) -> str:
    return str(status.get("message") or status.get("displayStatus") or status.get("code") or "")


def _in_words(span: timedelta) -> str:
    hours = int(span.total_seconds() // 3600)
    return f"{hours} hours" if hours < 72 else f"{hours // 24} days"


def _object(holder: Json, name: str) -> Json:
    value = holder.get(name)
    return value if isinstance(value, Mapping) else {}


def _objects(holder: Json, name: str) -> list[Json]:
    value = holder.get(name)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []
