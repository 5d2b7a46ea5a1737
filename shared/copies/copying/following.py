"""Following a copy that has started, until it is usable or failed: what the batched checks read, and what they make of it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

from shared.arm.ids import ResourceId
from shared.clock import Clock, from_text, to_text
from shared.copies.copying.rules.failures import ended_copy, failed_copy
from shared.copies.copying.rules.replication import (
    Replication,
    ReplicationState,
    ended_by_azure,
    expected_duration,
    next_check,
    read_replication,
    stuck,
)
from shared.copies.gateway import Point, RestorePointGateway
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.operations.model.models import JsonObject
from shared.operations.model.rows import Active
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import Checked, Follow, Unread


def group_of(subscription_id: str) -> str:
    """Return what checks of a subscription are batched by, and the budget that they draw on."""
    return f"{subscription_id}/read"


def begin(claim: Claim, started: Point) -> Follow:
    """Note that a copy has started at Azure's time, and leave it to the checks."""
    at = started.date
    claim.data |= {"startedAt": to_text(at), "progressAt": to_text(at), "shown": 0, "checks": 0}
    target = claim.detail.get("target")
    claim.detail |= {
        "target": {**(target if isinstance(target, dict) else {}), "restorePointId": started.id},
        "startedAt": to_text(at),
    }
    subscription = ResourceId.parse(str(claim.data["target"])).subscription_id
    return Follow(next_check(at, at, 0, _expected(claim.data)), group_of(subscription), step="copying")


async def check(gateway: RestorePointGateway, clock: Clock, rows: Sequence[Active]) -> Mapping[str, Checked | Unread]:
    """Read the instance views of up to 100 copies side by side (calls in flight are limited in `shared.arm`)."""
    results = await asyncio.gather(*(_check_one(gateway, clock, row) for row in rows))
    return {row.id: result for row, result in zip(rows, results, strict=True)}


async def _check_one(gateway: RestorePointGateway, clock: Clock, row: Active) -> Checked | Unread:
    try:
        view = await gateway.instance_view(ResourceId.parse(str(row.data["target"])))
    except CallFailure as failure:
        return _unread(row, failure)
    disks = row.data.get("disks")
    return judge(row, read_replication(view, disks if isinstance(disks, int) else None), clock)


def judge(row: Active, seen: Replication, clock: Clock) -> Checked:
    """Decide what a read of a copy means: look again and when, or hand over to the last step."""
    now = clock.now()
    started = from_text(str(row.data["startedAt"]))
    before = row.data.get("shown")
    risen = seen.percent > (before if isinstance(before, int) else 0)
    data = row.data | {"checks": checks_of(row.data) + 1, "shown": seen.percent} | ({"progressAt": to_text(now)} if risen else {})
    detail: JsonObject = {
        "disks": [{"id": disk.id, "state": str(disk.state), "percentComplete": disk.percent} for disk in seen.disks],
    }
    percent = min(seen.percent, 99)
    if seen.state is ReplicationState.USABLE:
        return Checked(step="recording", data=data, detail=detail, percent=percent)
    if seen.state is ReplicationState.FAILED:
        return Checked(step="recording", data=data | {"failure": failed_copy(seen).as_json()}, detail=detail, percent=percent)
    if ended_by_azure(started, now):
        failure = ended_copy((now - started).days).as_json()
        return Checked(step="recording", data=data | {"failure": failure}, detail=detail, percent=percent)
    expected = _expected(data)
    why = stuck(started, from_text(str(data["progressAt"])), seen.percent, now, expected)
    attention = (str(ErrorCode.COPY_STUCK), why) if why else None
    at = next_check(started, now, seen.percent, expected)
    return Checked(at=at, data=data, detail=detail, percent=percent, attention=attention)


def summary(data: JsonObject) -> JsonObject:
    """Return what an answer keeps of the checks once the copy has ended."""
    return {"checks": checks_of(data)}


def checks_of(data: JsonObject) -> int:
    """Return how often a copy was read so far."""
    checks = data.get("checks")
    return checks if isinstance(checks, int) else 0


def _expected(data: JsonObject) -> timedelta:
    size = data.get("sizeGb")
    return expected_duration(size if isinstance(size, int) else None, None)


def _unread(row: Active, failure: CallFailure) -> Checked | Unread:
    if failure.kind is FailureKind.NOT_FOUND:
        gone = Problem(ErrorCode.COPY_FAILED, "The copy is gone: somebody deleted it in Azure before it was usable.")
        return Checked(step="recording", data=row.data | {"failure": gone.as_json()})
    return Unread(f"{failure.code}: {failure.message}", failure.retry_after, throttled=failure.asks_to_wait)
