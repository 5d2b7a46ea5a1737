"""The steps of a change; a refusal puts the old values back.

checkingChange ► migrating ► changingQuota ► changingAddOns ► syncing ► changed        (a refusal: restoring ► syncing ► restored)
"""

from shared.clock import to_text
from shared.data_centers.records.record import AddOnOf, DataCenter, DataCenterState, PlanReference, QuotaSync
from shared.data_centers.requests import ChangeRequest
from shared.data_centers.steps.change_checks import general_add_ons, plan_change
from shared.data_centers.steps.claim import DataCenterClaim, stop
from shared.data_centers.steps.quotas import (
    begin_sync,
    ensure_link,
    ensure_quota,
    ensure_subscribed,
    ensure_unlinked,
    ensure_unsubscribed,
    is_linked,
    plan_of,
)
from shared.errors import ErrorCode, Problem
from shared.installations.resources import Resource
from shared.operations.model.models import Intent
from shared.operations.running.outcomes import Next, Outcome

RESTORING = "restoring"
_STEPS = 6


async def checking(dc: DataCenterClaim) -> Outcome:
    """Read what the change needs to know; what needs no quota is written at once."""
    request, record = dc.request(ChangeRequest), dc.record
    if record.state is DataCenterState.SUSPENDED:
        message = f"The data center '{record.id}' is suspended. Resume it first."
        return dc.ended(Problem(ErrorCode.DATA_CENTER_SUSPENDED, message, "target"))
    planned = await plan_change(dc.gateway, record, request)
    dc.detail.previous = dict(record.resources)
    if isinstance(planned, Problem):
        return dc.ended(planned)
    plan, wanted = planned.plan, planned.resources
    simple = _simple(request, record)
    moves = record.plan is None or plan.id.lower() != record.plan.id.lower()
    same_quota = {str(name): number for name, number in wanted.items()} == record.resources
    kept = {one.id for one in record.add_ons if not one.personal} == {one.id for one in planned.add_ons}
    dc.state.plan = plan.id
    if not moves and same_quota and kept:
        dc.state.changed = bool(simple)
        if simple:
            await dc.write(**simple)
        return ended(dc)
    dc.state.changed = True
    dc.state.former_plan = record.plan.id if moves and record.plan is not None else None
    await dc.write(**simple, wanted={str(name): number for name, number in wanted.items()})
    dc.percent(1, _STEPS)
    return Next("migrating" if moves else "changingQuota")


def _simple(request: ChangeRequest, record: DataCenter) -> dict[str, object]:
    """Return what needs no quota and differs."""
    given = {
        "name": request.name,
        "operation_after_suspension": request.operation_after_suspension,
        "start_on_resume": request.start_on_resume,
    }
    return {name: value for name, value in given.items() if value is not None and value != getattr(record, name)}


async def migrating(dc: DataCenterClaim) -> Outcome:
    """Link the personal add-on to the new plan, move the subscription, and unlink the add-on from the old plan."""
    await _move(dc, dc.record.plan.id if dc.record.plan else "", dc.state.plan or "")
    dc.percent(2, _STEPS)
    return Next("changingQuota")


async def _move(dc: DataCenterClaim, old: str, new: str, *, again: str = "") -> None:
    """Move the subscription and its personal add-on to a plan; `again` distinguishes the effects of one operation."""
    personal = dc.record.personal_add_on
    if personal is not None:
        await ensure_link(dc, new, personal.id)

    async def there(_intent: Intent) -> bool:
        found = await dc.gateway.subscription(dc.subscription)
        return found is not None and (found.plan_id or "").lower() == new.lower()

    reason = "a second move to the same plan changes nothing"
    await dc.once(f"migrate{again}", lambda: dc.gateway.migrate(dc.subscription, new), there, reason)
    plan = await plan_of(dc, new)
    await dc.write(plan=PlanReference(id=plan.id, display_name=plan.display_name))
    if personal is not None and old.lower() != new.lower():
        await ensure_unlinked(dc, old, personal.id)


async def quota(dc: DataCenterClaim) -> Outcome:
    """Set the add-on's quota, then bring the subscription up to date: the first call alone changes no subscription."""
    wanted, plan = _wanted(dc), await plan_of(dc)
    if dc.record.personal_add_on is None:
        return Next("makingAddOn")
    await ensure_quota(dc, wanted, plan)

    async def never(_intent: Intent) -> bool:
        return False

    add_on = dc.add_on
    reason = "synchronising again brings about the same"
    await dc.once("synchronizeAddOn", lambda: dc.gateway.synchronize_add_on(add_on), never, reason)
    dc.percent(3, _STEPS)
    return Next("changingAddOns")


async def add_ons(dc: DataCenterClaim) -> Outcome:
    """Subscribe to the add-ons that are wanted, and unsubscribe from those that are not."""
    plan = await plan_of(dc)
    wanted = await general_add_ons(dc.gateway, dc.record, dc.request(ChangeRequest), plan)
    if isinstance(wanted, Problem):
        return stop(dc, wanted, RESTORING)
    personal = dc.record.personal_add_on
    before = {one.id for one in dc.record.add_ons}
    for one in dc.record.add_ons:
        if not one.personal and one.id not in {each.id for each in wanted}:
            await ensure_unsubscribed(dc, one.id)
    for one in wanted:
        if one.id not in before:
            dc.mark(f"subscribed/{one.id}")
    done = [await ensure_subscribed(dc, one) for one in ((personal,) if personal else ()) + wanted]
    await dc.write(add_ons=tuple(done))
    dc.percent(4, _STEPS)
    return begin_sync(dc, _wanted(dc), plan, "changed")


async def changed(dc: DataCenterClaim) -> Outcome:
    """Write the new resources: they are in force."""
    wanted = dc.record.wanted if dc.record.wanted is not None else dc.record.resources
    await dc.write(resources=wanted, wanted=None, quota_sync=QuotaSync(state="InSync", since=to_text(dc.clock.now())))
    return ended(dc)


async def restoring(dc: DataCenterClaim) -> Outcome:
    """Put plan, add-ons and quota back as they were after a refusal, and wait for the quota."""
    previous = {Resource(name): number for name, number in (dc.detail.previous or {}).items()}
    former = dc.state.former_plan or (dc.record.plan.id if dc.record.plan else "")
    if dc.state.former_plan is not None:
        await _move_back(dc, dc.state.former_plan)
    await _restore_add_ons(dc)
    plan = await plan_of(dc, former)
    await dc.write(wanted=None)
    if dc.record.personal_add_on is None:
        return Next("restored")
    await ensure_quota(dc, previous, plan, again="/restored")

    async def never(_intent: Intent) -> bool:
        return False

    add_on = dc.add_on
    reason = "synchronising again brings about the same"
    await dc.once("synchronizeAddOn/restored", lambda: dc.gateway.synchronize_add_on(add_on), never, reason)
    return begin_sync(dc, previous, plan, "restored")


async def _move_back(dc: DataCenterClaim, former: str) -> None:
    """Move the subscription back to its plan, and remove the link of its add-on to the one that it did not get."""
    refused, personal = dc.state.plan or "", dc.record.personal_add_on
    found = await dc.gateway.subscription(dc.subscription)
    if found is not None and ((found.plan_id or "").lower() != former.lower() or dc.claim.intends("migrate/restored")):
        await _move(dc, refused, former, again="/restored")
    elif personal is not None and refused:
        await ensure_unlinked(dc, refused, personal.id)
    dc.state.plan = former


async def _restore_add_ons(dc: DataCenterClaim) -> None:
    """Remove the general add-ons that the change subscribed to, and subscribe to what it, or the move to another plan, removed."""
    for thing in dc.state.made:
        add_on = thing.partition("/")[2]
        if add_on not in {one.id for one in dc.record.add_ons}:
            await ensure_unsubscribed(dc, add_on)
    await dc.write(add_ons=tuple([await ensure_subscribed(dc, one) for one in dc.record.add_ons]))


async def restored(dc: DataCenterClaim) -> Outcome:
    """End as failed, with the first cause; the old resources are in force."""
    dc.state.changed = False
    return ended(dc, dc.state.cause)


async def making_add_on(dc: DataCenterClaim) -> Outcome:
    """Make the personal add-on of a data center that was taken over without one."""
    add_on, name, plan = dc.add_on, f"{dc.record.tenant} {dc.record.id}", await plan_of(dc)

    async def made(_intent: Intent) -> bool:
        return await dc.gateway.add_on(add_on) is not None

    reason = "the data center chooses the add-on's id: a second POST of it answers 409"
    if await dc.gateway.add_on(add_on) is None or dc.claim.intends("createAddOn"):
        await dc.once("createAddOn", lambda: dc.gateway.create_add_on(add_on, name), made, reason)

    async def served(_intent: Intent) -> bool:
        found = await dc.gateway.add_on(add_on)
        return found is not None and bool(found.service_quotas)

    if not await served_now(dc, add_on) or dc.claim.intends("addService"):
        await dc.once("addService", lambda: dc.gateway.add_service(add_on, plan.instance or ""), served, "an add-on has a service once")
    await ensure_quota(dc, _wanted(dc), plan)
    if not await is_linked(dc, plan.id, add_on) or dc.claim.intends(f"link/{plan.id}"):
        await ensure_link(dc, plan.id, add_on)
    personal = AddOnOf(id=add_on, display_name=name, personal=True)
    await dc.write(add_ons=(personal, *dc.record.add_ons))
    return Next("changingAddOns")


async def served_now(dc: DataCenterClaim, add_on: str) -> bool:
    """Return whether an add-on has a service."""
    found = await dc.gateway.add_on(add_on)
    return found is not None and bool(found.service_quotas)


def _wanted(dc: DataCenterClaim) -> dict[Resource, int]:
    return {Resource(name): number for name, number in (dc.record.wanted or dc.record.resources).items()}


def ended(dc: DataCenterClaim, error: Problem | None = None) -> Outcome:
    """Return the end of a change."""
    sync = {"state": dc.record.quota_sync.state, "since": dc.record.quota_sync.since, "message": dc.record.quota_sync.message}
    return dc.ended(error, resources=dc.record.resources, previous=dc.detail.previous or {}, quotaSync=sync)
