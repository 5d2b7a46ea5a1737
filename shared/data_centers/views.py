"""A data center as it is answered. A tenant's own reader does not get what is the provider's business."""

from collections.abc import Mapping

from shared.data_centers.observing import Look
from shared.data_centers.records.record import DataCenter, RecordedMachine, Suspension
from shared.data_centers.records.state import OperationDetail
from shared.operations.model.models import JsonObject, Operation

_MOST_MACHINES = 200


def data_center_body(
    record: DataCenter,
    operations: Mapping[str, Operation],
    *,
    admin: bool,
    portal_url: str | None,
    look: Look | None = None,
    suspension: Suspension | None = None,
) -> JsonObject:
    """Return the answer of a data center; `operations` are those of `pending` by their id."""
    first = operations.get(record.pending[0].operation_id) if record.pending else None
    detail = OperationDetail.of(dict(first.detail)) if first is not None else None
    body: JsonObject = {
        "id": record.id,
        "tenant": record.tenant,
        "name": record.name,
        "installation": record.installation,
        "portalUrl": portal_url,
        "state": str(record.state),
        "attempt": record.attempt,
        "plan": {"id": record.plan.id, "displayName": record.plan.display_name} if record.plan else None,
        "subscriptionId": record.subscription_id,
        "user": _user(record),
        "resources": record.resources,
        "wanted": record.wanted,
        "addOns": [{"id": one.id, "displayName": one.display_name, "personal": one.personal} for one in record.add_ons],
        "operationAfterSuspension": record.operation_after_suspension,
        "startOnResume": record.start_on_resume,
        "quotaSync": _sync(record, detail, look),
        "observed": look.observed.model_dump(mode="json", by_alias=True) if look is not None else None,
        "secret": {"state": str(record.secret.state), "expiresAt": record.secret.expires_at},
        "pending": [_pending(one.operation_id, str(one.action), operations.get(one.operation_id)) for one in record.pending],
        "suspension": _suspension(suspension, admin=admin) if suspension is not None else None,
        "attention": _attention(first, admin=admin),
        "createdAt": record.created_at,
        "lastUpdatedAt": record.last_updated_at,
        "tags": record.tags,
    }
    if admin:
        body["leftBehind"] = [{"kind": one.kind, "id": one.id, "reason": one.reason} for one in record.left_behind]
    if look is not None and look.usage is not None:
        limits = look.usage.limits
        body["usage"] = [{"resource": str(one), "used": used, "limit": limits.get(one)} for one, used in look.usage.used.items()]
    return body


def _user(record: DataCenter) -> JsonObject | None:
    if record.user is None:
        return None
    return {"name": record.user.name, "email": record.user.email, "createdByUs": record.user.created_by_us}


def _sync(record: DataCenter, detail: OperationDetail | None, look: Look | None) -> JsonObject:
    if detail is not None and detail.quota_sync is not None:
        return detail.quota_sync.model_dump(mode="json", by_alias=True)
    if look is not None and look.sync_state != record.quota_sync.state:
        return {"state": look.sync_state, "since": look.observed.at, "message": look.sync_message}
    return {"state": record.quota_sync.state, "since": record.quota_sync.since, "message": record.quota_sync.message}


def _pending(operation_id: str, action: str, operation: Operation | None) -> JsonObject:
    status, step = (str(operation.status), operation.step) if operation is not None else ("NotStarted", "")
    return {"operationId": operation_id, "action": action, "status": status, "step": step}


def _attention(operation: Operation | None, *, admin: bool) -> JsonObject | None:
    if operation is None or operation.attention is None:
        return None
    shown = operation.attention.as_json()
    return shown if admin else shown | {"message": "The provider was asked to look at this."}


def _suspension(record: Suspension, *, admin: bool) -> JsonObject:
    return {
        "id": record.id,
        "begunAt": record.begun_at,
        "suspendedAt": record.suspended_at,
        **({"by": record.by} if admin else {}),
        "reason": record.reason,
        "operation": str(record.operation),
        "machines": [_machine(one) for one in record.machines[:_MOST_MACHINES]],
        "more": max(len(record.machines) - _MOST_MACHINES, 0),
    }


def _machine(one: RecordedMachine) -> JsonObject:
    now = "started" if one.started else "waits" if one.ran else "left"
    error = one.error.as_json() if one.error is not None else None
    return {"id": one.id, "stampId": one.stamp_id, "name": one.name, "ran": one.ran, "before": one.before, "now": now, "error": error}
