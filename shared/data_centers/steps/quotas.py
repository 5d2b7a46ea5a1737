"""The steps that carry what was ordered to Azure Pack, which orders and changes share: quota, link, subscription to add-ons, waiting."""

from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import Final

from shared.azure_pack.quotas import SERVICE
from shared.azure_pack.subscriptions import AddOn, Plan, ServiceQuota
from shared.data_centers.records.record import AddOnOf
from shared.data_centers.records.state import SyncMemory, Watch
from shared.data_centers.rules.quotas import holds, service_quota, total_limits
from shared.data_centers.rules.syncing import LOOKS, Waiting
from shared.data_centers.steps.claim import DataCenterClaim
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.installations.plans import PlanFacts
from shared.installations.reach import connections
from shared.installations.resources import Resource
from shared.operations.model.models import Intent
from shared.operations.running.outcomes import Follow, Outcome

STEP_OF: Final = {Watch.ACTIVATION: "activation", Watch.SYNC: "syncing", Watch.GONE: "deletion"}
"""The step that an operation is at while its checks look for something."""
_BY_ID: Final = "the add-on's id is made of this order alone"


def group_of(dc: DataCenterClaim) -> str:
    """Return the group of an installation's checks: its part before `#` names the budget and how many calls it has in a minute."""
    return connections.group_of(dc.record.installation, dc.settings)


def watch(dc: DataCenterClaim, what: Watch, then: str) -> Outcome:
    """Leave the operation to the checks until what they look for is there; then the step `then` runs."""
    now = dc.clock.now()
    dc.state.watch, dc.state.watched_since, dc.state.then = what, now, then
    dc.state.subscription, dc.state.user = str(dc.subscription), dc.user  # not known where it was accepted before the order had them
    return Follow(now + LOOKS[0], group_of(dc), STEP_OF[what])


async def following(dc: DataCenterClaim) -> Outcome:
    """Leave the operation to the checks again, after a command or an input."""
    return Follow(dc.clock.now(), group_of(dc))


async def plan_of(dc: DataCenterClaim, plan: str | None = None) -> PlanFacts:
    """Return the plan of the data center; raises `CallFailure` where it is not there."""
    found = await dc.gateway.plan(plan or dc.state.plan or (dc.record.plan.id if dc.record.plan else ""))
    if found is None:
        raise CallFailure(FailureKind.NOT_FOUND, code=ErrorCode.NOT_FOUND, message=f"The plan '{plan or dc.state.plan}' was not found.")
    return found


async def ensure_quota(dc: DataCenterClaim, wanted: Mapping[Resource, int], plan: PlanFacts, *, again: str = "") -> None:
    """Set the quota of the personal add-on; `again` distinguishes the effects of one operation."""
    quota, add_on = service_quota(wanted, plan, dc.rules), dc.add_on

    async def there(_intent: Intent) -> bool:
        return holds(_systemcenter(await dc.gateway.add_on(add_on)), quota)

    await dc.once(f"quota{again}", lambda: dc.gateway.update_quota(add_on, quota), there, "the same quota again changes nothing")


async def ensure_link(dc: DataCenterClaim, plan: str, add_on: str) -> None:
    """Link an add-on to a plan."""

    async def there(_intent: Intent) -> bool:
        return await is_linked(dc, plan, add_on)

    await dc.once(f"link/{plan}", lambda: dc.gateway.link(plan, add_on), there, _BY_ID)


async def is_linked(dc: DataCenterClaim, plan: str, add_on: str) -> bool:
    """Return whether a plan has an add-on."""
    found = await dc.gateway.raw_plan(plan)
    return found is not None and _has_add_on(found, add_on)


def _has_add_on(plan: Plan, add_on: str) -> bool:
    return any((one.add_on_id or "").lower() == add_on.lower() for one in plan.add_on_references)


async def ensure_unlinked(dc: DataCenterClaim, plan: str, add_on: str) -> None:
    """Remove an add-on from a plan; a link that is gone is removed."""
    found = await dc.gateway.raw_plan(plan)
    if found is not None and not dc.claim.intends("unlink") and not _has_add_on(found, add_on):
        return

    async def there(_intent: Intent) -> bool:
        return not await is_linked(dc, plan, add_on)

    await dc.once("unlink", lambda: gone_is_good(dc.gateway.unlink(plan, add_on)), there, "a link that is gone cannot be removed twice")


async def ensure_add_on_deleted(dc: DataCenterClaim, add_on: str) -> None:
    """Delete the personal add-on, whatever a read shows of it; one that is gone is deleted."""

    async def there(_intent: Intent) -> bool:
        return await dc.gateway.add_on(add_on) is None

    await dc.once("deleteAddOn", lambda: gone_is_good(dc.gateway.delete_add_on(add_on)), there, _BY_ID)


async def ensure_subscribed(dc: DataCenterClaim, add_on: AddOnOf) -> AddOnOf:
    """Subscribe the subscription to an add-on, once, and return it with its instance."""
    known = await instance_of(dc, add_on.id)
    if known is None or dc.claim.intends(f"subscribe/{add_on.id}"):

        async def there(_intent: Intent) -> bool:
            return await instance_of(dc, add_on.id) is not None

        reason = "an add-on that is linked once can be had once, and each send is preceded by a look"
        await dc.once(f"subscribe/{add_on.id}", lambda: dc.gateway.subscribe(dc.subscription, add_on.id), there, reason)
        known = await instance_of(dc, add_on.id)
    return add_on.model_copy(update={"instance_id": known})


async def ensure_unsubscribed(dc: DataCenterClaim, add_on: str) -> None:
    """Remove an add-on from the subscription; one that is gone is removed."""
    instance = await instance_of(dc, add_on)
    if instance is None and not dc.claim.intends(f"unsubscribe/{add_on}"):
        return

    async def there(_intent: Intent) -> bool:
        return await instance_of(dc, add_on) is None

    async def send() -> None:
        await gone_is_good(dc.gateway.unsubscribe(dc.subscription, add_on, instance or ""))

    await dc.once(f"unsubscribe/{add_on}", send, there, "an instance that is gone cannot be removed twice")


async def instance_of(dc: DataCenterClaim, add_on: str) -> str | None:
    """Return the instance of an add-on on the subscription, or None."""
    found = await dc.gateway.subscription(dc.subscription)
    references = found.add_on_references if found is not None else ()
    return next((one.add_on_instance_id for one in references if (one.add_on_id or "").lower() == add_on.lower()), None)


async def gone_is_good(call: Awaitable[object]) -> None:
    """Await a deletion; what is not there counts as deleted."""
    try:
        await call
    except CallFailure as failure:
        if failure.kind is not FailureKind.NOT_FOUND:
            raise


def pick_add_ons(names: tuple[str, ...], known: list[AddOn], plan: PlanFacts) -> tuple[AddOnOf, ...] | Problem:
    """Return the add-ons that are named, each once, by id first; a problem for one that the plan has not."""
    found: dict[str, AddOnOf] = {}
    for number, name in enumerate(names):
        one = next((each for each in known if each.id.lower() == name.lower()), None)
        one = one or next((each for each in known if (each.display_name or "").lower() == name.lower()), None)
        if one is None:
            return Problem(ErrorCode.NOT_FOUND, f"The plan '{plan.display_name}' has no add-on '{name}'.", f"addOns[{number}]")
        found[one.id] = AddOnOf(id=one.id, display_name=one.display_name or one.id)
    return tuple(found.values())


def begin_sync(dc: DataCenterClaim, wanted: Mapping[Resource, int], plan: PlanFacts, then: str) -> Outcome:
    """Wait until the quota is in force; an InSync that is read at once may be that of before."""
    dc.state.sync = SyncMemory.of(Waiting(dc.clock.now()))
    dc.state.limits = {str(resource): number for resource, number in total_limits(wanted, plan).items()}
    dc.state.cloud = str(plan.cloud) if plan.cloud else None
    return watch(dc, Watch.SYNC, then)


def _systemcenter(add_on: AddOn | None) -> ServiceQuota | None:
    if add_on is None:
        return None
    return next((one for one in add_on.service_quotas if one.service_name.lower() == SERVICE), None)


def has_service(add_on: AddOn | None) -> bool:
    """Return whether an add-on has the service of machines."""
    return _systemcenter(add_on) is not None


CLOCK_MARGIN: Final = timedelta(minutes=5)
"""By how much the clocks of Farshore and of an installation may differ."""
