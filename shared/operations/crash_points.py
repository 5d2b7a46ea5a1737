"""Named points between two lines that touch the outside, at which the crash tests kill the process.

`FARSHORE_CRASH_POINT=name@file` ends the process (as SIGKILL would, without a goodbye) the first time the point is reached: the file
marks that it happened, so that the process which takes over lives. Unset, as always in Azure, a point costs one comparison.
"""

import os
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
    "step.told",
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

_chosen, _, _marker = os.environ.get("FARSHORE_CRASH_POINT", "").partition("@")


def crash_point(name: str) -> None:
    """End the process here if this point was chosen and not reached before."""
    if name == _chosen:
        _crash()


def _crash() -> None:
    if _marker:
        try:
            os.close(os.open(_marker, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return
    os._exit(137)
