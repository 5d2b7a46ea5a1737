"""Follows a copy that has started until it is usable or failed: what the batched checks read, and what they conclude."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from shared.clock import Clock
from shared.copies.copying.claim import CopyClaim
from shared.copies.copying.rules.failures import deleted_copy, ended_copy, failed_copy
from shared.copies.copying.rules.looks import Expected, expected_end, next_check
from shared.copies.copying.rules.replication import Replication, ReplicationState, ended_by_azure, read_replication, stuck
from shared.copies.copying.state import CopyDetail, CopyState, DetailOfDisk, DetailOfTarget
from shared.copies.gateway import Point, RestorePointGateway
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.operations.model.identity import phase_of
from shared.operations.model.rows import Active
from shared.operations.running.outcomes import Checked, Follow, Unread
from shared.values.absence import BETWEEN_LOOKS, not_shown

COPYING = "copying"
"""The step of a copy that Azure makes."""


def group_of(subscription_id: str) -> str:
    """Return the name by which checks of a subscription are batched, and of the budget that they use."""
    return f"{subscription_id}/read"


def begin(copy: CopyClaim, started: Point) -> Follow:
    """Record that a copy has started at Azure's time, and leave it to the checks."""
    at, state, detail = started.date, copy.state, copy.detail
    state.started_at, state.progress_at, state.shown, state.checks = at, at, 0, 0
    state.forget("absence", "wait")
    target = detail.target or DetailOfTarget(region=copy.request.target.region)
    detail.target = target.model_copy(update={"restore_point_id": started.id})
    detail.started_at = at
    ends_at = expected_end(at, at, 0, _expected(state))
    at_first = next_check(at, at, 0, _expected(state), phase=phase_of(copy.id))
    return Follow(at_first, group_of(copy.target.subscription_id), step=COPYING, ends_at=ends_at)


async def check(gateway: RestorePointGateway, clock: Clock, rows: Sequence[Active]) -> Mapping[str, Checked | Unread]:
    """Read the instance views of up to 100 copies side by side (`shared.arm` limits the calls in flight)."""
    results = await asyncio.gather(*(_check_one(gateway, clock, row) for row in rows))
    return {row.id: result for row, result in zip(rows, results, strict=True)}


async def _check_one(gateway: RestorePointGateway, clock: Clock, row: Active) -> Checked | Unread:
    state = CopyState.of(dict(row.data))
    if state.target is None:
        raise ValueError("The copy's state has no 'target' yet.")
    try:
        view = await gateway.instance_view(state.target)
    except CallFailure as failure:
        if failure.kind is not FailureKind.NOT_FOUND:
            return _unread(failure)
        try:
            return judge_absence(state, clock, listed=await gateway.lists(state.target))
        except CallFailure as of_the_list:
            return _unread(of_the_list)
    return judge(state, read_replication(view, state.disks), clock, phase=phase_of(row.id))


def judge(state: CopyState, seen: Replication, clock: Clock, *, phase: float = 0.0) -> Checked:
    """Decide what a read of a copy means: read again and when, or hand over to the last step; `phase` is that of `next_check`."""
    now = clock.now()
    started = _started(state, now)
    state.forget("absence")
    state.checks += 1
    if seen.percent > state.shown:
        state.progress_at = now
    state.shown = seen.percent
    disks = tuple(DetailOfDisk(id=disk.id, state=disk.state, percent_complete=disk.percent) for disk in seen.disks)
    detail = CopyDetail.of({})
    detail.disks = disks
    percent = min(seen.percent, 99)
    if seen.state is ReplicationState.USABLE:
        if seen.created_at is not None:
            state.created_at = seen.created_at
        return _ended(state, None, detail, percent)
    if seen.state is ReplicationState.FAILED:
        return _ended(state, failed_copy(seen), detail, percent)
    if ended_by_azure(started, now):
        return _ended(state, ended_copy((now - started).days), detail, percent)
    at = next_check(started, now, seen.percent, _expected(state), phase=phase)
    ends_at = expected_end(started, now, seen.percent, _expected(state))
    return Checked(at=at, data=state.stored, detail=detail.stored, percent=percent, attention=_attention(state, now), ends_at=ends_at)


def judge_absence(state: CopyState, clock: Clock, *, listed: bool) -> Checked:
    """Decide what a 404 of a copy's status read means; `listed` is true where its collection lists it, so that it exists."""
    now = clock.now()
    if listed:
        state.forget("absence")
        return Checked(at=now + BETWEEN_LOOKS, data=state.stored, attention=_attention(state, now))
    state.absence = not_shown(state.absence, now)
    if state.absence.lasts_long_enough(now):
        return _ended(state, deleted_copy(), None, None)
    return Checked(at=now + BETWEEN_LOOKS, data=state.stored, attention=_attention(state, now))


def _ended(state: CopyState, failure: Problem | None, detail: CopyDetail | None, percent: int | None) -> Checked:
    if failure is not None:
        state.failure = failure
    return Checked(step="recording", data=state.stored, detail=detail.stored if detail is not None else None, percent=percent)


def _attention(state: CopyState, now: datetime) -> tuple[str, str] | None:
    started = _started(state, now)
    why = stuck(started, state.progress_at or started, state.shown, now, _expected(state).duration)
    return (str(ErrorCode.COPY_STUCK), why) if why else None


def _started(state: CopyState, now: datetime) -> datetime:
    return state.started_at or now


def _expected(state: CopyState) -> Expected:
    return Expected.of(state.size_gb, tuple(timedelta(minutes=minutes) for minutes in state.earlier_minutes or ()))


def _unread(failure: CallFailure) -> Unread:
    return Unread(f"{failure.code}: {failure.message}", failure.retry_after, throttled=failure.asks_to_wait)
