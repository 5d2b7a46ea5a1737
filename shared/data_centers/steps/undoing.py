"""Undoes what an order made, in reverse order: after a refusal, or a cancellation. What was there before is not touched.

Each undoing is an effect with its own look; what is not there is undone. What Azure Pack refuses to undo stays named in the record, the
operation has attention, and it is tried again.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from shared.azure_pack.subscriptions import SubscriptionState
from shared.data_centers.kinds import DATA_CENTER, Action
from shared.data_centers.passwords.accounts import secret_name
from shared.data_centers.records.record import DataCenterState, LeftBehind, SecretOf
from shared.data_centers.rules.compensation import to_undo
from shared.data_centers.steps.claim import DataCenterClaim
from shared.data_centers.steps.ordering import is_made_by_us
from shared.data_centers.steps.quotas import ensure_add_on_deleted, ensure_unlinked, ensure_unsubscribed, gone_is_good
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.installations.reach.failures import ATTENTION
from shared.operations.model.models import Intent, Status
from shared.operations.running.outcomes import End, Outcome, Wait

_TRY_AGAIN: Final = timedelta(minutes=5)
_LOOK_AGAIN: Final = timedelta(seconds=10)
_SHOWN: Final = 280


@dataclass(frozen=True, slots=True)
class _Left:
    thing: str
    failure: CallFailure


async def undoing(dc: DataCenterClaim) -> Outcome:
    """Undo what this attempt made; then the operation ends as failed, or as canceled, with the first cause."""
    if dc.state.action is not Action.CREATE:
        if dc.record.suspension_id == dc.id:
            await dc.write(suspension_id=None)  # canceled before the first machine was stopped
        return _end(dc)
    left: list[_Left] = []
    for thing in to_undo(dc.state.made, dc.state.undone):
        try:
            done = await _undo(dc, thing)
        except CallFailure as failure:
            if not failure.definite or failure.code in ATTENTION or failure.kind is FailureKind.THROTTLED:
                raise
            left.append(_Left(thing, failure))
            continue
        if not done:
            return Wait(dc.clock.now() + _LOOK_AGAIN)
        dc.state.undone = (*dc.state.undone, thing)
    await dc.write(left_behind=tuple(_named(dc, one) for one in left))
    if left:
        dc.detail.left_behind = tuple({"kind": one.kind, "id": one.id, "reason": one.reason} for one in dc.record.left_behind)
        names = ", ".join(f"{one.kind} {one.id} ({one.reason})" for one in dc.record.left_behind)
        message = f"The order could not be undone; this is left: {names}"[:_SHOWN]
        return Wait(dc.clock.now() + _TRY_AGAIN, attention=(ErrorCode.COMPENSATION_INCOMPLETE, message))
    return await _ended(dc)


async def _ended(dc: DataCenterClaim) -> End:
    """Write that the order has failed, before the operation ends."""
    if dc.record.user is not None and (dc.state.user_claimed or "user" in dc.state.made):
        await dc.tools.store.release_user(dc.record.installation, dc.record.user.name, dc.record.tenant)
    await dc.write(state=DataCenterState.FAILED, wanted=None, secret=SecretOf(), left_behind=())
    return _end(dc)


def _end(dc: DataCenterClaim) -> End:
    cause = dc.state.cause
    result = {DATA_CENTER.name: dc.record.id, "state": str(dc.record.state), "changed": False}
    if cause is None and dc.claim.row.cancel_requested:
        return End(Status.CANCELED, None, result)
    return End(Status.FAILED, cause or Problem(ErrorCode.AZURE_PACK_REFUSED, "The order could not be carried out."), result)


async def _undo(dc: DataCenterClaim, thing: str) -> bool:
    """Undo one thing; False where its deletion goes on."""
    kind, _, name = thing.partition("/")
    match kind:
        case "subscribed":
            if await dc.gateway.subscription(dc.subscription) is not None:
                await ensure_unsubscribed(dc, name)
            return True
        case "link":
            await ensure_unlinked(dc, dc.state.plan or "", dc.add_on)
            return True
        case "addOn":
            await ensure_add_on_deleted(dc, dc.add_on)
            return True
        case "subscription":
            return await delete_subscription(dc, force=False)
        case "account":
            return await delete_account(dc)
        case _:
            return await _delete_user(dc)


async def delete_subscription(dc: DataCenterClaim, *, force: bool) -> bool:
    """Delete the subscription; False until it is gone."""
    subscription = dc.subscription
    found = await dc.gateway.subscription(subscription)
    if found is None or found.state is not SubscriptionState.DELETE_PENDING or dc.claim.intends("deleteSubscription"):

        async def there(_intent: Intent) -> bool:
            now = await dc.gateway.subscription(subscription)
            return now is None or now.state is SubscriptionState.DELETE_PENDING

        async def send() -> None:
            await gone_is_good(dc.gateway.delete_subscription(subscription, force=force))

        await dc.once("deleteSubscription", send, there, "the subscription's id is this order's own, and is never used again")
    return await dc.gateway.subscription(subscription) is None


async def delete_account(dc: DataCenterClaim) -> bool:
    """Delete the sign-in that this data center's order made, and its password."""

    async def there(_intent: Intent) -> bool:
        return False  # the same DELETE again finds nothing

    await dc.once("deleteAccount", lambda: dc.gateway.delete_account(dc.user), there, "a sign-in that is gone cannot be deleted twice")
    known = await dc.tools.secrets.find(secret_name(dc.record.secret.operation or dc.id))
    if known is not None:
        await dc.tools.secrets.delete(known[0])
    return True


async def _delete_user(dc: DataCenterClaim) -> bool:
    name, email = dc.user, dc.record.user.email if dc.record.user else ""
    if not dc.claim.intends("deleteUser") and not await is_made_by_us(dc, name, email, None):
        return True
    return await delete_user(dc, name)


async def delete_user(dc: DataCenterClaim, name: str) -> bool:
    """Delete a user that has no subscription; one that has is left."""
    if await dc.gateway.user(name) is None or await dc.gateway.subscriptions_of(name):
        return True

    async def there(_intent: Intent) -> bool:
        return await dc.gateway.user(name) is None

    reason = "Azure Pack deletes a user without subscriptions only, and one that is gone cannot be deleted twice"
    await dc.once("deleteUser", lambda: gone_is_good(dc.gateway.delete_user(name)), there, reason)
    return True


def _named(dc: DataCenterClaim, left: _Left) -> LeftBehind:
    kind, _, name = left.thing.partition("/")
    ids = {"subscription": str(dc.subscription), "addOn": dc.add_on, "link": f"{dc.state.plan}/{dc.add_on}", "subscribed": name}
    return LeftBehind(kind=kind, id=ids.get(kind, dc.record.user.name if dc.record.user else ""), reason=left.failure.message[:_SHOWN])
