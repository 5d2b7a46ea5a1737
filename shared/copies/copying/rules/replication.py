"""How far a copy is, and when it is stuck (docs/azure/restore-points.md)."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.copies.copying.models import DiskState
from shared.copies.copying.rules.looks import USUAL
from shared.copies.provisioning import ProvisioningState, provisioning_state
from shared.values.reading import Json, an_object, moment, number, objects, text

ENDED_BY_AZURE = timedelta(days=14)
"""Azure ends a copy after two weeks."""
NO_PROGRESS = timedelta(hours=24)
"""A copy that stays at one percent above 0 for this long is stuck."""
NO_SIGN = timedelta(hours=36)
"""The same for a copy at 0: some copies show only 0 and 100."""
TOO_OLD = timedelta(days=5)


class ReplicationState(StrEnum):
    """The state of a copy."""

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
    """The result of one read of a copy; `percent` is the mean over the disks, 100 only when usable, `message` is for a person.

    `created_at` is the `timeCreated` of a usable copy: its source's, or its own (docs/azure/restore-points.md).
    """

    state: ReplicationState
    percent: int
    disks: tuple[DiskReplication, ...] = ()
    message: str | None = None
    created_at: datetime | None = None


def read_replication(restore_point: Json, expected_disks: int | None) -> Replication:
    """Read a copy's state from the JSON of its restore point with `$expand=instanceView`.

    `expected_disks` is the number of disks that the source captured, None where it is unknown: then the copy never counts as usable. A
    copy is usable when *every* disk is `ReplicationState/succeeded` and at 100 %, in the expected number, and the restore point itself is
    `Succeeded` (or names no state). An unknown code or state, or a missing instance view, is "not finished"; the level `Error`, a code
    that ends in `failed`, and the `provisioningState` Failed or Canceled are "failed". `provisioningState` Succeeded alone only means that
    the copy has begun.
    """
    properties = an_object(restore_point, "properties")
    view = an_object(properties, "instanceView")
    statuses = objects(view, "statuses")
    disks = tuple(_disk(disk) for disk in objects(view, "diskRestorePoints"))
    percent = min(99, _mean(disks, expected_disks))
    provisioning = provisioning_state(text(properties, "provisioningState"))
    if provisioning is ProvisioningState.FAILED or any(_failed(status) for status in statuses) or any(_is_failed(disk) for disk in disks):
        return Replication(ReplicationState.FAILED, percent, disks, _why(view))
    if (why_not := _not_usable(provisioning, statuses, disks, expected_disks)) is not None:
        return Replication(ReplicationState.REPLICATING, percent, disks, why_not)
    return Replication(ReplicationState.USABLE, 100, disks, created_at=moment(properties, "timeCreated"))


def still_running(restore_point: Json) -> bool:
    """Return whether a copy that was not started here still occupies its collection, from the same JSON.

    The expected number of disks is not considered: its source may be deleted, and a chain must not wait for a number that cannot be known.
    A copy without disks in its instance view counts as running.
    """
    shown = len(objects(an_object(an_object(restore_point, "properties"), "instanceView"), "diskRestorePoints"))
    return read_replication(restore_point, shown or None).state is ReplicationState.REPLICATING


def stuck(started_at: datetime, last_progress_at: datetime, percent: int, now: datetime, expected: timedelta = USUAL) -> str | None:
    """Return a message that a copy is stuck and what to do, or None.

    `last_progress_at` is when its percent last rose, or its start. A copy above 0 % is stuck after a day without progress; one at 0 %,
    which may show only 0 and 100, after a day and a half or three times the expected duration, whichever is longer; and any copy after
    five days. Azure ends a copy after two weeks and cannot resume it.
    """
    age, idle = now - started_at, now - last_progress_at
    redo = "Azure ends it after two weeks and cannot resume it. Delete it in Azure, then redo the copy"
    if percent == 0 and age >= max(NO_SIGN, 3 * expected):
        return f"the copy has shown no progress in the {_hours(age)} since its start; {redo}"
    if percent > 0 and idle >= NO_PROGRESS:
        return f"the copy has been at {percent} % for {_hours(idle)}; {redo}"
    if age >= TOO_OLD:
        return f"the copy has been running for {_hours(age)} and is at {percent} %; {redo}"
    return None


def ended_by_azure(started_at: datetime, now: datetime) -> bool:
    """Return whether a copy is so old that Azure has ended it, whatever its instance view shows."""
    return now - started_at >= ENDED_BY_AZURE


def _mean(disks: tuple[DiskReplication, ...], expected: int | None) -> int:
    count = max(len(disks), expected or 0)
    return math.floor(sum(disk.percent for disk in disks) / count) if count else 0


def _disk(disk: Json) -> DiskReplication:
    replication = an_object(disk, "replicationStatus")
    status = an_object(replication, "status")
    percent = max(0, min(100, int(number(replication, "completionPercent") or 0)))
    state = DiskState.FAILED if _failed(status) else DiskState.SUCCEEDED if _succeeded(status) else DiskState.REPLICATING
    return DiskReplication(text(disk, "id") or "", state, percent)


def _not_usable(
    provisioning: ProvisioningState | None, statuses: list[Json], disks: tuple[DiskReplication, ...], expected: int | None
) -> str | None:
    arrived = sum(disk.state is DiskState.SUCCEEDED and disk.percent == 100 for disk in disks)
    overall = [status for status in statuses if (text(status, "code") or "").lower().startswith("replicationstate/")]
    if provisioning not in {None, ProvisioningState.SUCCEEDED}:
        return f"the provisioning state of the restore point is {provisioning}"
    if not disks:
        return "Azure does not show the disks yet"
    if arrived < len(disks):
        return f"{arrived} of {max(len(disks), expected or 0)} disks have arrived"
    if expected is None:
        return "all disks that Azure shows have arrived, but how many the source captured is not known"
    if len(disks) != expected:
        return f"Azure shows {len(disks)} disks, but the source captured {expected}"
    if not all(_succeeded(status) for status in overall):
        return "every disk has arrived, but the restore point as a whole is not finished yet"
    return None


def _succeeded(status: Json) -> bool:
    return (text(status, "code") or "").lower() == "replicationstate/succeeded" and not _failed(status)


def _failed(status: Json) -> bool:
    return (text(status, "level") or "").lower() == "error" or (text(status, "code") or "").lower().endswith("failed")


def _is_failed(disk: DiskReplication) -> bool:
    return disk.state is DiskState.FAILED


def _why(view: Json) -> str:
    """Return the little that Azure shows of a failed copy, disk by disk."""
    messages = [message for status in objects(view, "statuses") if _failed(status) and (message := _message(status))]
    for disk in objects(view, "diskRestorePoints"):
        status = an_object(an_object(disk, "replicationStatus"), "status")
        if _failed(status):
            name = (text(disk, "id") or "").rpartition("/")[2] or "a disk"
            messages.append(f"{name}: {_message(status) or 'failed'}")
    return "; ".join(messages) or "Azure gives no reason"


def _message(status: Json) -> str:
    return text(status, "message", "displayStatus", "code") or ""


def _hours(span: timedelta) -> str:
    hours = int(span.total_seconds() // 3600)
    return f"{hours} hours" if hours < 72 else f"{hours // 24} days"
