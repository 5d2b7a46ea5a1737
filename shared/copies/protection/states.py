"""The protection of VMs: the state of each target and VM, since when an objective is breached, and the events of a change.

Pure; docs/design/copy-policies.md, "Protection". An age is now minus the moment of the source of the newest usable copy.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LIMITS_NEAR = (400, 475)
"""How many restore points of a VM, or copies of a place, cause the event `limitNear`, once each."""


class State(StrEnum):
    """How well a VM or a target is protected; a VM has the first that applies."""

    ORPHAN = "orphan"
    UNPROTECTED = "unprotected"
    BREACHED = "breached"
    PENDING = "pending"
    PROTECTED = "protected"


class Recovery(StrEnum):
    """What ended a breach."""

    COPY = "copy"
    OBJECTIVE = "objective"
    COVERAGE_ENDED = "coverageEnded"


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """A region that a policy in charge copies a VM to: its objective, since when it is covered, its newest usable copy's moment."""

    region: str
    objective: timedelta | None
    covered_since: datetime
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class TargetState:
    """The state of a target; `breached_since` is the very moment at which the objective was exceeded."""

    state: State
    breached_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class LastLook:
    """What was known of a target when it was last looked at, and the breach that was recorded."""

    target: TargetFacts
    breached_since: datetime | None


@dataclass(frozen=True, slots=True)
class BreachEnded:
    """The end of a breach, of which region, since when it lasted, and what ended it."""

    region: str
    since: datetime
    by: Recovery


@dataclass(frozen=True, slots=True)
class BreachBegan:
    """The beginning of a breach."""

    region: str
    since: datetime


def state_of_target(target: TargetFacts, now: datetime) -> TargetState:
    """Return the state of a target; a copy exactly as old as the objective still keeps it."""
    ends = None if target.objective is None else (target.newest or target.covered_since) + target.objective
    if ends is not None and now > ends:
        return TargetState(State.BREACHED, ends)
    return TargetState(State.PENDING if target.newest is None else State.PROTECTED)


def state_of_machine(targets: Collection[TargetState], *, gone: bool) -> State:
    """Return the state of a VM: of its targets the worst, `unprotected` without any.

    `gone`: the VM is gone in Azure, or another one has its name, and copies of it are there.
    """
    if gone:
        return State.ORPHAN
    states = {target.state for target in targets}
    return next((state for state in State if state in states), State.UNPROTECTED)


def breaches_changed(before: Iterable[LastLook], after: Iterable[TargetFacts], now: datetime) -> tuple[BreachEnded | BreachBegan, ...]:
    """Return the breaches of a VM that began and ended since the last look, by region.

    A breach is named by its region and its beginning: one that goes on is neither. Where its beginning has moved, because a copy came that
    is too old as well, or because the objective changed, the former breach ended and another began.
    """
    looks, facts = {look.target.region: look for look in before}, {target.region: target for target in after}
    changes: list[BreachEnded | BreachBegan] = []
    for region in sorted({*looks, *facts}):
        look, target = looks.get(region), facts.get(region)
        was = look.breached_since if look is not None else None
        is_now = state_of_target(target, now).breached_since if target is not None else None
        if was == is_now:
            continue
        if look is not None and was is not None:
            changes.append(BreachEnded(region, was, _ended_by(look.target, target)))
        if is_now is not None:
            changes.append(BreachBegan(region, is_now))
    return tuple(changes)


def _ended_by(before: TargetFacts, after: TargetFacts | None) -> Recovery:
    if after is None:
        return Recovery.COVERAGE_ENDED
    return Recovery.COPY if after.newest != before.newest else Recovery.OBJECTIVE


def limits_reached(before: int, after: int) -> tuple[int, ...]:
    """Return the numbers of restore points at which `limitNear` is due, after a count has changed."""
    return tuple(limit for limit in LIMITS_NEAR if before < limit <= after)
