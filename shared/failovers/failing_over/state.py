"""What a failover's rows hold: `data` what scheduling and checks need, `detail` what an answer shows; written and read here only."""

from collections.abc import Sequence
from typing import Any

from shared.clock import from_text, to_text
from shared.failovers.approvals.rules import ApprovalRecord
from shared.failovers.failing_over.answers import JobView, Plan, UsedRecoveryPoint
from shared.failovers.failing_over.requests import FailoverRequest
from shared.failovers.failing_over.rules.legs import Leg
from shared.failovers.vault.names import Action, ApprovalState
from shared.operations.model.models import Actor, JsonObject, Status


def request_of(body: JsonObject) -> FailoverRequest:
    """Read the request as it was sent, without the reserved members of a message."""
    return FailoverRequest.model_validate(as_asked(body))


def as_asked(body: JsonObject) -> JsonObject:
    """Return the body without the reserved members of a message."""
    return {name: value for name, value in body.items() if name not in {"id", "tenant"}}


def legs_of(data: JsonObject) -> tuple[Leg, ...]:
    """Read the legs."""
    legs = data.get("legs")
    return tuple(_leg(item) for item in legs) if isinstance(legs, list) else ()


def put_legs(data: JsonObject, legs: Sequence[Leg]) -> None:
    """Write the legs."""
    data["legs"] = [[str(leg.action), str(leg.status), leg.job, to_text(leg.ended_at) if leg.ended_at else None] for leg in legs]


def running_leg(data: JsonObject) -> int:
    """Return the number of the leg that is being started or followed."""
    leg = data.get("leg")
    return leg if isinstance(leg, int) else 0


def approval_of(detail: JsonObject) -> ApprovalRecord | None:
    """Read where the approval stands."""
    found = detail.get("approval")
    if not isinstance(found, dict):
        return None
    expires, at, by = found.get("expiresAt"), found.get("at"), found.get("by")
    return ApprovalRecord(
        state=ApprovalState(str(found["state"])),
        plan_hash=str(found.get("planHash") or ""),
        expires_at=from_text(str(expires)) if expires else None,
        by=Actor.from_json(by) if isinstance(by, dict) else None,
        at=from_text(str(at)) if at else None,
        reason=str(found["reason"]) if found.get("reason") else None,
    )


def put_approval(detail: JsonObject, record: ApprovalRecord) -> None:
    """Write where the approval stands."""
    detail["approval"] = {
        "state": str(record.state),
        "planHash": record.plan_hash,
        "by": record.by.as_json() if record.by else None,
        "at": to_text(record.at) if record.at else None,
        "expiresAt": to_text(record.expires_at) if record.expires_at else None,
        "reason": record.reason,
    }


def put_plan(detail: JsonObject, plan: Plan) -> None:
    """Write the plan."""
    detail["plan"] = plan.as_json()


def put_job(detail: JsonObject, leg: int, job: JobView) -> None:
    """Write the job of a leg as it was last read."""
    jobs = detail.get("jobs")
    detail["jobs"] = {**(jobs if isinstance(jobs, dict) else {}), str(leg): job.as_json()}


def put_point(detail: JsonObject, point: UsedRecoveryPoint | None) -> None:
    """Write the recovery point that was used, once."""
    if point is not None and not detail.get("recoveryPoint"):
        detail["recoveryPoint"] = point.as_json()


def item_ids(detail: JsonObject) -> list[str]:
    """Return the ids that the item has had, the newest last."""
    found = detail.get("protectedItemIds")
    return [str(item) for item in found] if isinstance(found, list) else []


def _leg(item: Any) -> Leg:  # noqa: ANN401  # a list out of JSON
    action, status, job, ended = item
    return Leg(Action(action), Status(status), job, from_text(ended) if ended else None)
