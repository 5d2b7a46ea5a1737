"""Drills: which items or plans are due for a test, and which were never tested."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.arm.reading import id_key
from shared.operations.model.models import Status
from shared.schedules.every import Every


@dataclass(frozen=True, slots=True)
class DrillPolicy:
    """What is drilled (ARM ids of items and plans), how often from `first_at` on, how long a test machine is kept before its cleanup."""

    name: str
    scopes: tuple[str, ...]
    every: timedelta
    first_at: datetime
    network: str | None
    keep_for: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class DrillRun:
    """A drill: its scope and slot, the end of its test failover, and whether it is cleaned up."""

    scope: str
    slot: datetime
    status: Status
    cleaned_up: bool


@dataclass(frozen=True, slots=True)
class DrillState:
    """The state of one item or plan; `never` is true where no drill of it has succeeded."""

    scope: str
    last_success: datetime | None
    last_status: Status | None
    never: bool
    overdue: bool
    to_clean_up: bool


def slot_at(policy: DrillPolicy, now: datetime) -> datetime | None:
    """Return the last slot at or before `now`, None before the first; the slot is part of a drill's identity, so that it starts once."""
    return Every(policy.every, policy.first_at).latest(now)


def next_slot(policy: DrillPolicy, now: datetime) -> datetime:
    """Return the first slot later than `now`."""
    slot = slot_at(policy, now)
    return policy.first_at if slot is None else slot + policy.every


def slot_key(policy: DrillPolicy, slot: datetime, scope: str) -> str:
    """Return the repeatability key of a drill of one item or plan in one slot."""
    return f"{policy.name}@{slot.isoformat()}@{id_key(scope) or scope.lower()}"


def due(policy: DrillPolicy, runs: Iterable[DrillRun], now: datetime) -> tuple[str, ...]:
    """Return the scopes whose drill of the current slot has not started, those never drilled first; missed slots count as one."""
    slot = slot_at(policy, now)
    if slot is None:
        return ()
    known = list(runs)
    begun = {_key(run.scope) for run in known if run.slot >= slot}
    ever = {_key(run.scope) for run in known if run.status is Status.SUCCEEDED}
    return tuple(sorted((scope for scope in _once(policy.scopes) if _key(scope) not in begun), key=lambda scope: _key(scope) in ever))


def states(policy: DrillPolicy, runs: Sequence[DrillRun], now: datetime) -> tuple[DrillState, ...]:
    """Return the state of each item or plan of a policy."""
    return tuple(_state(policy, scope, runs, now) for scope in _once(policy.scopes))


def _state(policy: DrillPolicy, scope: str, runs: Sequence[DrillRun], now: datetime) -> DrillState:
    own = sorted((run for run in runs if _key(run.scope) == _key(scope)), key=lambda run: run.slot)
    succeeded = [run.slot for run in own if run.status is Status.SUCCEEDED]
    last = succeeded[-1] if succeeded else None
    since = last if last is not None else policy.first_at
    return DrillState(
        scope=scope,
        last_success=last,
        last_status=own[-1].status if own else None,
        never=last is None,
        overdue=now - since > policy.every,
        to_clean_up=any(run.status.ended and not run.cleaned_up for run in own),
    )


def _once(scopes: Iterable[str]) -> tuple[str, ...]:
    first: dict[str, str] = {}
    for scope in scopes:
        first.setdefault(_key(scope), scope)
    return tuple(first.values())


def _key(scope: str) -> str:
    return id_key(scope) or scope.lower()
