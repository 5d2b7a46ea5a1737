"""The steps of a deletion.

checkingDeletion ► deletingMachines ► deletingSubscription ► deletion ► cleaning
"""

from shared.clock import to_text
from shared.data_centers.admission import machines_exist
from shared.data_centers.records.record import DataCenterState, SecretOf
from shared.data_centers.records.state import Watch
from shared.data_centers.requests import DeleteRequest
from shared.data_centers.rules.power import Goal, PowerCall
from shared.data_centers.rules.suspension import SeenMachine
from shared.data_centers.steps.claim import DataCenterClaim
from shared.data_centers.steps.machines import seen_if_suspended, work_on, works
from shared.data_centers.steps.quotas import ensure_add_on_deleted, ensure_unlinked, watch
from shared.data_centers.steps.undoing import delete_account, delete_subscription, delete_user
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.operations.running.outcomes import Next, Outcome

_MOST_SHOWN = 20


async def checking(dc: DataCenterClaim) -> Outcome:
    """Refuse a deletion that would leave machines behind, unless it is forced."""
    request = dc.request(DeleteRequest)
    if await dc.gateway.subscription(dc.subscription) is None:
        return Next("deletingSubscription")  # deleting what is gone does no harm, and leaving what is there would
    dc.state.changed = True
    found = await _machines(dc)
    if found and not request.delete_machines and not request.force:
        return dc.ended(machines_exist([one.name for one in found]))
    if found and request.force and not request.delete_machines:
        left = tuple({"kind": "machine", "id": one.id, "reason": f"{one.name}: the deletion was forced"} for one in found)
        dc.detail.left_behind = left
        return Next("deletingSubscription")
    await dc.tools.subscriptions.close(dc.record.installation, str(dc.subscription), dc.record.tenant)
    chosen = [(one.id, one.stamp_id, one.name) for one in found]
    dc.detail.machines = works(chosen, Goal.DELETED, PowerCall.DELETE, dc)
    return Next("deletingMachines")


async def _machines(dc: DataCenterClaim) -> tuple[SeenMachine, ...]:
    """Return the machines; none where Azure Pack shows none of a subscription that is suspended or being deleted."""
    try:
        return await seen_if_suspended(dc)
    except CallFailure as failure:
        if failure.kind is FailureKind.NOT_FOUND:
            return ()
        raise


async def machines(dc: DataCenterClaim) -> Outcome:
    """Stop and delete the machines, and follow the jobs."""
    waits = await work_on(dc)
    if waits is not None:
        return waits
    failed = [one for one in dc.detail.machines or () if one.error is not None]
    if failed:
        if dc.record.state is DataCenterState.ACTIVE:
            await dc.tools.subscriptions.open(dc.record.installation, str(dc.subscription), dc.record.tenant)
        details = tuple(one.error for one in failed[:_MOST_SHOWN] if one.error is not None)
        names = ", ".join(one.name for one in failed[:10])
        return dc.ended(Problem(ErrorCode.AZURE_PACK_REFUSED, f"{len(failed)} machines could not be deleted: {names}.", None, details))
    return Next("deletingSubscription")


async def subscription(dc: DataCenterClaim) -> Outcome:
    """Delete the subscription; `force` is sent only where the request has it, because it leaves machines behind."""
    if await delete_subscription(dc, force=dc.request(DeleteRequest).force):
        return Next("cleaning")
    return watch(dc, Watch.GONE, "cleaning")


async def cleaning(dc: DataCenterClaim) -> Outcome:
    """Remove the personal add-on, the sign-in, the user, the secret and the registration."""
    record, request = dc.record, dc.request(DeleteRequest)
    personal = record.personal_add_on
    if personal is not None:
        await ensure_unlinked(dc, record.plan.id if record.plan else "", personal.id)
        await ensure_add_on_deleted(dc, personal.id)
    user_deleted = False
    if record.user is not None and record.user.created_by_us and not request.keep_user:
        if dc.gateway.connection.hook is not None and not await dc.gateway.subscriptions_of(record.user.name):
            await delete_account(dc)
        await delete_user(dc, record.user.name)
        user_deleted = await dc.gateway.user(record.user.name) is None
        if user_deleted:
            await dc.tools.store.release_user(record.installation, record.user.name, record.tenant)
    if record.secret.reference is not None:
        await dc.tools.secrets.delete(record.secret.reference)
    if record.suspension_id is not None:
        at = to_text(dc.clock.now())
        closed = await dc.tools.store.change_suspension(
            record, record.suspension_id, lambda one: one if one.closed_at else one.model_copy(update={"closed_at": at})
        )
        await dc.tools.store.close_suspension(record, closed)
    await dc.tools.subscriptions.remove(record.installation, str(dc.subscription), record.tenant)
    await dc.write(state=DataCenterState.DELETED, secret=SecretOf(), wanted=None, suspension_id=None)
    deleted = sum(one.done for one in dc.detail.machines or ())
    return dc.ended(machinesDeleted=deleted, userDeleted=user_deleted, leftBehind=list(dc.detail.left_behind or ()))
