"""What was changed of a data center at Azure Pack by others: it is shown, and never repaired without a request. Pure."""

from shared.azure_pack.subscriptions import Subscription, SubscriptionState
from shared.data_centers.records.record import DataCenter, DataCenterState


def drift_of(record: DataCenter, found: Subscription | None, *, quota_holds: bool | None) -> tuple[str, ...]:
    """Return what differs; `quota_holds` is whether the personal add-on has the recorded limits (None: not known)."""
    if record.state not in {DataCenterState.ACTIVE, DataCenterState.SUSPENDED} or record.pending:
        return ()
    if found is None:
        return ("gone",)
    differs: list[str] = []
    if record.state is DataCenterState.ACTIVE and found.state is SubscriptionState.SUSPENDED:
        differs.append("suspendedElsewhere")
    if record.state is DataCenterState.SUSPENDED and found.state is SubscriptionState.ACTIVE:
        differs.append("activatedElsewhere")
    if quota_holds is False:
        differs.append("quotaChanged")
    if record.plan is not None and (found.plan_id or "").lower() != record.plan.id.lower():
        differs.append("planChanged")
    held = {(one.add_on_id or "").lower() for one in found.add_on_references}
    if any(one.id.lower() not in held for one in record.add_ons):
        differs.append("addOnMissing")
    return tuple(differs)
