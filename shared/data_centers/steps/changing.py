"""The steps of a change; a refusal puts the old values back.

checkingChange ► migrating ► changingQuota ► changingAddOns ► syncing ► changed        (a refusal: restoring ► syncing ► restored)
"""

from collections.abc import Mapping

from shared.clock import to_text
from shared.data_centers.records.record import AddOnOf, DataCenter, DataCenterState, PlanReference, QuotaSync
from shared.data_centers.requests import ChangeRequest
from shared.data_centers.rules.quotas import order_problems, usage_problems
from shared.data_centers.steps.claim import DataCenterClaim, stop
from shared.data_centers.steps.quotas import (
    begin_sync,
    ensure_link,
    ensure_quota,
    ensure_subscribed,
    ensure_unlinked,
    ensure_unsubscribed,
    general_add_ons,
    is_linked,
    plan_of,
)
from shared.errors import ErrorCode, Problem
from shared.installations.plans import PlanFacts
from shared.installations.resources import Resource
from shared.operations.model.models import Intent
from shared.operations.running.outcomes import Next, Outcome

RESTORING = "restoring"


async def checking(dc: DataCenterClaim) -> Outcome:
    """Read what the change needs to know; what needs no quota is written at once."""
    request, record = dc.request(ChangeRequest), dc.record
    if record.state is DataCenterState.SUSPENDED:
        message = f"The data center '{record.id}' is suspended. Resume it first."
        return dc.ended(Problem(ErrorCode.DATA_CENTER_SUSPENDED, message, "target"))
    plan = await plan_of(dc, request.plan or (record.plan.id if record.plan else ""))
    wanted = wanted_after(record, request)
    dc.detail.previous = dict(record.resources)
    problem = await _problem(dc, request, plan, wanted)
    if problem is not None:
        return dc.ended(problem)
    simple = _simple(request, record)
    add_ons = await _add_ons(dc, request, plan)
    if isinstance(add_ons, Problem):
        return dc.ended(add_ons)
    moves = record.plan is None or plan.id.lower() != record.plan.id.lower()
    same_quota = {str(name): number for name, number in wanted.items()} == record.resources
    kept = {one.id for one in record.add_ons if not one.personal} == {one.id for one in add_ons}
    dc.state.plan = plan.id
    if not moves and same_quota and kept:
        dc.state.changed = bool(simple)
        if simple:
            await dc.write(**simple)
        return ended(dc)
    dc.state.changed = True
    await dc.write(**simple, wanted={str(name): number for name, number in wanted.items()})
    return Next("migrating" if moves else "changingQuota")


async def _problem(dc: DataCenterClaim, request: ChangeRequest, plan: PlanFacts, wanted: Mapping[Resource, int]) -> Problem | None:
    """Return why the change is refused before anything is sent."""
    problems = order_problems(wanted, plan, dc.rules)
    if not problems and dc.record.plan is not None and plan.id.lower() != dc.record.plan.id.lower():
        before = await plan_of(dc, dc.record.plan.id)
        if before.cloud != plan.cloud:
            message = f"The plan '{plan.display_name}' is on another cloud, and machines do not move."
            problems = [Problem(ErrorCode.PLAN_NOT_SUITABLE, message, "plan")]
    if not problems and not request.accept_below_usage and plan.cloud is not None:
        usage = await dc.gateway.usage(dc.subscription, dc.user, plan.cloud)
        problems = usage_problems(wanted, usage.used) if usage is not None else []
    if not problems:
        return None
    return Problem(problems[0].code, problems[0].message, problems[0].target, tuple(problems))


async def _add_ons(dc: DataCenterClaim, request: ChangeRequest, plan: PlanFacts) -> tuple[AddOnOf, ...] | Problem:
    if request.add_ons is None:
        return tuple(one for one in dc.record.add_ons if not one.personal)
    return await general_add_ons(dc, request.add_ons, plan)


def wanted_after(record: DataCenter, request: ChangeRequest) -> dict[Resource, int]:
    """Return the resources after a change: a merge patch, in which null gives a resource back to the plan."""
    before = {Resource(name): number for name, number in record.resources.items()}
    if request.resources is None:
        return before
    removed = request.resources.removed
    return {name: number for name, number in before.items() if name not in removed} | request.resources.named


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
    record, new = dc.record, dc.state.plan or ""
    old = record.plan.id if record.plan else ""
    personal = record.personal_add_on
    if personal is not None:
        dc.mark("link")
        await ensure_link(dc, new, personal.id)

    async def there(_intent: Intent) -> bool:
        found = await dc.gateway.subscription(dc.subscription)
        return found is not None and (found.plan_id or "").lower() == new.lower()

    await dc.once("migrate", lambda: dc.gateway.migrate(dc.subscription, new), there, "a second move to the same plan changes nothing")
    plan = await plan_of(dc, new)
    await dc.write(plan=PlanReference(id=plan.id, display_name=plan.display_name))
    if personal is not None:
        await ensure_unlinked(dc, old, personal.id)
    return Next("changingQuota")


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
    return Next("changingAddOns")


async def add_ons(dc: DataCenterClaim) -> Outcome:
    """Subscribe to the add-ons that are wanted, and unsubscribe from those that are not."""
    plan = await plan_of(dc)
    wanted = await _add_ons(dc, dc.request(ChangeRequest), plan)
    if isinstance(wanted, Problem):
        return stop(dc, wanted, RESTORING)
    personal = dc.record.personal_add_on
    for one in dc.record.add_ons:
        if not one.personal and one.id not in {each.id for each in wanted}:
            await ensure_unsubscribed(dc, one.id)
    done = [await ensure_subscribed(dc, one) for one in ((personal,) if personal else ()) + wanted]
    await dc.write(add_ons=tuple(done))
    return begin_sync(dc, _wanted(dc), plan, "changed")


async def changed(dc: DataCenterClaim) -> Outcome:
    """Write the new resources: they are in force."""
    wanted = dc.record.wanted if dc.record.wanted is not None else dc.record.resources
    await dc.write(resources=wanted, wanted=None, quota_sync=QuotaSync(state="InSync", since=to_text(dc.clock.now())))
    return ended(dc)


async def restoring(dc: DataCenterClaim) -> Outcome:
    """Put the old quota back after a refusal, and wait for it."""
    previous = {Resource(name): number for name, number in (dc.detail.previous or {}).items()}
    plan = await plan_of(dc, dc.record.plan.id if dc.record.plan else "")
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
