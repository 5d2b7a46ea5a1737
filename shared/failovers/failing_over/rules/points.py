"""Which recovery point is meant (docs/design/failovers.md, `options.recoveryPoint`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.arm.reading import id_key
from shared.failovers.failing_over.requests import RecoveryPointChoice
from shared.failovers.vault.facts import RecoveryPointFacts
from shared.failovers.vault.names import LatestPoint

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The recovery point that a choice means now, or why there is none; both None where the points were not read.

    `send_id` is what Azure is sent: None for the latest, which it makes of what has arrived by then (docs/azure/site-recovery.md,
    "Providers").
    """

    point: RecoveryPointFacts | None = None
    missing: str | None = None
    send_id: str | None = None


def choose(choice: RecoveryPointChoice, points: Sequence[RecoveryPointFacts] | None) -> Chosen:
    """Choose among an item's recovery points, None where they could not be read; of several that fit, the newest.

    A point that is given by its id is sent as it is, read or not.
    """
    if choice.id is not None:
        return _by_id(choice.id, points)
    if points is None:
        return Chosen()
    fitting = [point for point in points if _fits(choice, point)]
    found = max(fitting, key=lambda point: (point.time or _BEFORE_ALL, point.id), default=None)
    if choice.latest is LatestPoint.LATEST:
        return Chosen(point=found)
    if found is None:
        return Chosen(missing=_none(choice, points))
    return Chosen(point=found, send_id=found.id)


def _by_id(wanted: str, points: Sequence[RecoveryPointFacts] | None) -> Chosen:
    if points is None:
        return Chosen(send_id=wanted)
    key = id_key(wanted)
    found = next((point for point in points if id_key(point.id) == key), None)
    if found is None:
        return Chosen(missing="Azure keeps no such recovery point of this item")
    return Chosen(point=found, send_id=found.id)


def _fits(choice: RecoveryPointChoice, point: RecoveryPointFacts) -> bool:
    if choice.at is not None:
        return point.time is not None and point.time <= choice.at
    match choice.latest:
        case LatestPoint.LATEST_APPLICATION_CONSISTENT:
            return point.application_consistent
        case LatestPoint.LATEST_CRASH_CONSISTENT:
            return point.crash_consistent
        case _:
            return True


def _none(choice: RecoveryPointChoice, points: Sequence[RecoveryPointFacts]) -> str:
    times = sorted(point.time for point in points if point.time is not None)
    kept = f"; it keeps {len(points)}, from {times[0]:%Y-%m-%d %H:%M} to {times[-1]:%Y-%m-%d %H:%M} UTC" if times else "; it keeps none"
    what = f"at or before {choice.at:%Y-%m-%d %H:%M} UTC" if choice.at is not None else f"that is {choice.latest}"
    return f"Azure keeps no recovery point of this item {what}{kept}"
