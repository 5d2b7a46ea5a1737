"""Named points between two lines that touch the outside, at which the crash tests kill the process.

`FARSHORE_CRASH_POINT` names a folder: the first process that reaches a point of which a file lies there takes the file away (as
`<point>.reached`) and ends as SIGKILL would end it, so that the process which takes over lives. Where the file holds `pause`
it stops as SIGSTOP stops it, until it is continued. Unset, as always in Azure, a point costs one comparison.
Tests of many workers in one process set `reach` instead.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

POINTS: Final = (
    "accept.locked",
    "accept.written",
    "accept.queued",
    "tick.pushed",
    "tick.queued",
    "step.claimed",
    "step.intended",
    "step.sent",
    "step.ended",
    "step.delivered",
    "finish.written",
    "announce.released",
    "announce.sent",
    "announce.removed",
    "check.read",
    "check.written",
    "check.queued",
    "reject.written",
    "reject.sent",
)

SECRET_POINTS: Final = ("accept.stored",)
"""The points of an acceptance that only a request with a secret reaches."""

ACCESS_POINTS: Final = ("access.stored",)
"""The point between a SAS in Key Vault and the row that refers to it."""

REGISTRY_POINTS: Final = ("registry.claimed", "registry.written", "registry.released")
"""The points of a write of the tenant registry, which is no operation."""

RUN_POINTS: Final = ("slot.accepted", "run.itemsWritten", "run.childAccepted", "copy.pointFound")
"""The points of a run of a copy policy, beside those of its operation."""

DELETION_POINTS: Final = ("deletion.decided", "deletion.recorded")
"""The points of a deletion of a copy, beside those of its operation."""

PRUNING_POINTS: Final = ("run.deletionsWritten",)
"""The points of a run that deletes by retention."""

RECONCILE_POINTS: Final = ("reconcile.written",)
"""The points of a comparison of the ledger with Azure."""

RESTORE_POINTS: Final = ("restore.intended", "restore.made", "restore.looked", "restore.deleted")
"""The points of a restore, for each resource: recorded as intended, made, looked at, its deletion begun."""

PROTECTION_POINTS: Final = ("protection.written", "protection.sent")
"""The points of the beginning and end of a breach."""

_folder = os.environ.get("FARSHORE_CRASH_POINT", "")


def _end_or_stop(name: str) -> None:
    try:
        reached = Path(_folder, name).rename(f"{_folder}/{name}.reached")  # whoever takes it away is the one
    except FileNotFoundError:
        return
    if reached.read_text() == "pause":
        os.kill(os.getpid(), signal.SIGSTOP)
    else:
        os._exit(137)


reach: Callable[[str], None] | None = _end_or_stop if _folder else None


def crash_point(name: str) -> None:
    """End or stop the process here if the point is armed."""
    if reach is not None:
        reach(name)
