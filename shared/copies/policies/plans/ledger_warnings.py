"""The warnings about a policy that follow from the ledger: what retention deletes, how long copies take, which limits are near."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from shared.copies.policies.document import PolicyDocument
from shared.copies.policies.plans.chains import ChainForecast
from shared.copies.policies.plans.retained import PlannedRetention
from shared.copies.policies.warnings import PolicyWarning, WarningCode
from shared.schedules.checks import longest_distance
from shared.values.durations import duration_text

_MOST_NAMED = 20
_KEPT_BY_AZURE = 500


def ledger_warnings(
    document: PolicyDocument, objective: timedelta | None, forecasts: Sequence[ChainForecast], retained: PlannedRetention, now: datetime
) -> Iterator[PolicyWarning]:
    """Yield the warnings; `objective` is the tenant's, for a document without one of its own."""
    deletions = len(retained.due) + retained.held
    if deletions:
        message = f"The next run would delete {deletions} restore points, {retained.held} of which are held."
        yield PolicyWarning(code=WarningCode.RETENTION_SHRINKS, message=message, target="retention")
    longest = longest_distance(document.schedule.rule(), now)
    wanted = document.objective or objective
    if longest is not None and wanted is not None:
        yield from _unlikely(wanted, longest.span, forecasts)
    for machine, place, count in retained.near[:_MOST_NAMED]:
        message = f"{machine} has {count} restore points in {place}; Azure keeps {_KEPT_BY_AZURE} of a VM."
        yield PolicyWarning(code=WarningCode.LIMIT_NEAR, message=message, target=machine)


def limit_warnings(near: Sequence[tuple[str, int]]) -> Iterator[PolicyWarning]:
    """Yield the warnings about VMs that have almost as many restore points as Azure keeps, each with its number."""
    for machine, count in near[:_MOST_NAMED]:
        message = f"{machine} has {count} restore points; Azure keeps {_KEPT_BY_AZURE} of a VM."
        yield PolicyWarning(code=WarningCode.LIMIT_NEAR, message=message, target=machine)


def _unlikely(objective: timedelta, distance: timedelta, forecasts: Sequence[ChainForecast]) -> Iterator[PolicyWarning]:
    late = [one for one in forecasts if one.usual and distance + one.expected > objective]
    if late:
        slowest = max(late, key=lambda one: one.expected)
        message = (
            f"{len(late)} chains usually take too long for the objective {duration_text(objective)}: a copy of "
            f"{slowest.machine.machine.id} to {slowest.target.region} takes {duration_text(slowest.expected)}, "
            f"and slots are up to {duration_text(distance)} apart."
        )
        yield PolicyWarning(code=WarningCode.OBJECTIVE_UNLIKELY, message=message, target="objective")
