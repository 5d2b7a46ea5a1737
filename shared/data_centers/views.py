"""A data center as it is answered. A tenant's own reader does not get what is the provider's business."""

from collections.abc import Mapping

from shared.clock import to_text
from shared.data_centers.answers import (
    AddOnBody,
    DataCenterBody,
    LeftBehind,
    ObservedBody,
    PendingBody,
    PlanBody,
    QuotaSyncBody,
    SecretBody,
    SuspendedMachine,
    SuspensionBody,
    UsedResource,
    UserBody,
)
from shared.data_centers.observing import Look
from shared.data_centers.records.record import DataCenter, RecordedMachine, Suspension
from shared.data_centers.records.state import OperationDetail
from shared.operations.model.models import Operation
from shared.web.operations import AttentionBody

_MOST_MACHINES = 200


def data_center_body(
    record: DataCenter,
    operations: Mapping[str, Operation],
    *,
    admin: bool,
    portal_url: str | None,
    look: Look | None = None,
    suspension: Suspension | None = None,
) -> DataCenterBody:
    """Return the answer of a data center; `operations` are those of `pending` by their id."""
    first = operations.get(record.pending[0].operation_id) if record.pending else None
    detail = OperationDetail.of(dict(first.detail)) if first is not None else None
    body = DataCenterBody(
        id=record.id,
        tenant=record.tenant,
        name=record.name,
        installation=record.installation,
        portal_url=portal_url,
        state=record.state,
        attempt=record.attempt,
        plan=PlanBody(id=record.plan.id, display_name=record.plan.display_name) if record.plan else None,
        subscription_id=record.subscription_id,
        user=_user(record),
        resources=record.resources,
        wanted=record.wanted,
        add_ons=tuple(AddOnBody(id=one.id, display_name=one.display_name, personal=one.personal) for one in record.add_ons),
        operation_after_suspension=record.operation_after_suspension,
        start_on_resume=record.start_on_resume,
        quota_sync=_sync(record, detail, look),
        observed=_observed(look),
        secret=SecretBody(state=record.secret.state, expires_at=record.secret.expires_at),
        pending=tuple(_pending(one.operation_id, str(one.action), operations.get(one.operation_id)) for one in record.pending),
        suspension=_suspension(suspension, admin=admin) if suspension is not None else None,
        attention=_attention(first, admin=admin),
        created_at=record.created_at,
        last_updated_at=record.last_updated_at,
        tags=record.tags,
    )
    beside: dict[str, object] = {}
    if admin:
        beside["left_behind"] = tuple(LeftBehind(kind=one.kind, id=one.id, reason=one.reason) for one in record.left_behind)
    if look is not None and look.usage is not None:
        limits = look.usage.limits
        beside["usage"] = tuple(UsedResource(resource=one, used=used, limit=limits.get(one)) for one, used in look.usage.used.items())
    return body.model_copy(update=beside)


def _user(record: DataCenter) -> UserBody | None:
    user = record.user
    return UserBody(name=user.name, email=user.email, created_by_us=user.created_by_us) if user is not None else None


def _observed(look: Look | None) -> ObservedBody | None:
    if look is None:
        return None
    seen = look.observed
    return ObservedBody(at=seen.at, subscription_state=seen.subscription_state, activation_sync=seen.activation_sync, drift=seen.drift)


def _sync(record: DataCenter, detail: OperationDetail | None, look: Look | None) -> QuotaSyncBody:
    stored = record.quota_sync
    if detail is not None and detail.quota_sync is not None:
        shown = detail.quota_sync
        return QuotaSyncBody(state=shown.state, since=to_text(shown.since), message=shown.message)
    if look is not None and look.sync_state != stored.state:
        return QuotaSyncBody(state=look.sync_state, since=look.observed.at, message=look.sync_message)
    return QuotaSyncBody(state=stored.state, since=stored.since, message=stored.message)


def _pending(operation_id: str, action: str, operation: Operation | None) -> PendingBody:
    status, step = (str(operation.status), operation.step) if operation is not None else ("NotStarted", "")
    return PendingBody(operation_id=operation_id, action=action, status=status, step=step)


def _attention(operation: Operation | None, *, admin: bool) -> AttentionBody | None:
    found = operation.attention if operation is not None else None
    if found is None:
        return None
    message = found.message if admin else "The provider was asked to look at this."
    return AttentionBody(code=found.code, message=message, since=found.since)


def _suspension(record: Suspension, *, admin: bool) -> SuspensionBody:
    body = SuspensionBody(
        id=record.id,
        begun_at=record.begun_at,
        suspended_at=record.suspended_at,
        reason=record.reason,
        operation=record.operation,
        machines=tuple(_machine(one) for one in record.machines[:_MOST_MACHINES]),
        more=max(len(record.machines) - _MOST_MACHINES, 0),
    )
    return body.model_copy(update={"by": record.by}) if admin else body


def _machine(one: RecordedMachine) -> SuspendedMachine:
    now = "started" if one.started else "waits" if one.ran else "left"
    return SuspendedMachine(id=one.id, stamp_id=one.stamp_id, name=one.name, ran=one.ran, before=one.before, now=now, error=one.error)
