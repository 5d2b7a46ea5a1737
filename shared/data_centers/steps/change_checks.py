"""What a change of a data center comes to, or why it cannot be: at acceptance where Azure Pack answers in time, else in its first step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.data_centers.gateway import Gateway
from shared.data_centers.records.record import AddOnOf, DataCenter
from shared.data_centers.requests import ChangeRequest
from shared.data_centers.rules.quotas import Rules, order_problems, usage_problems
from shared.data_centers.steps.quotas import pick_add_ons
from shared.errors import ErrorCode, Problem
from shared.installations.plans import PlanFacts
from shared.installations.resources import Resource


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """The plan, the resources and the general add-ons that a data center has after a change."""

    plan: PlanFacts
    resources: Mapping[Resource, int]
    add_ons: tuple[AddOnOf, ...]


async def plan_change(gateway: Gateway, record: DataCenter, request: ChangeRequest) -> PlannedChange | Problem:
    """Return what a change comes to, or why it is refused before anything is sent; raises `CallFailure` without an answer."""
    plan = await _plan(gateway, request.plan or (record.plan.id if record.plan else ""))
    if isinstance(plan, Problem):
        return plan
    wanted = resources_after(record, request)
    problems = await _problems(gateway, record, request, plan, wanted)
    if problems:
        return Problem(problems[0].code, problems[0].message, problems[0].target, tuple(problems))
    add_ons = await general_add_ons(gateway, record, request, plan)
    return add_ons if isinstance(add_ons, Problem) else PlannedChange(plan, wanted, add_ons)


async def _plan(gateway: Gateway, name: str) -> PlanFacts | Problem:
    try:
        found = await gateway.plan(name)
    except LookupError as error:  # two plans of the name
        return Problem(ErrorCode.PLAN_NOT_SUITABLE, str(error), "plan")
    return found or Problem(ErrorCode.NOT_FOUND, f"The plan '{name}' was not found at the installation.", "plan")


async def _problems(
    gateway: Gateway, record: DataCenter, request: ChangeRequest, plan: PlanFacts, wanted: Mapping[Resource, int]
) -> Sequence[Problem]:
    settings = gateway.connection.settings
    found = order_problems(wanted, plan, Rules(settings.add_on_quota, settings.network_limits))
    if not found and record.plan is not None and plan.id.lower() != record.plan.id.lower():
        before = await gateway.plan(record.plan.id)
        if before is not None and before.cloud != plan.cloud:
            message = f"The plan '{plan.display_name}' is on another cloud, and machines do not move."
            return [Problem(ErrorCode.PLAN_NOT_SUITABLE, message, "plan")]
    if found or request.accept_below_usage or plan.cloud is None or record.subscription_id is None or record.user is None:
        return found
    usage = await gateway.usage(UUID(record.subscription_id), record.user.name, plan.cloud)
    changed = {name: number for name, number in wanted.items() if record.resources.get(name) != number}
    return usage_problems(changed, usage.used) if usage is not None else []


async def general_add_ons(gateway: Gateway, record: DataCenter, request: ChangeRequest, plan: PlanFacts) -> tuple[AddOnOf, ...] | Problem:
    """Return the general add-ons after a change, all of which the plan must have."""
    if request.add_ons is None:
        return tuple(one for one in record.add_ons if not one.personal)
    if not request.add_ons:
        return ()
    on_plan = {one.lower() for one in plan.add_ons}
    return pick_add_ons(request.add_ons, [one for one in await gateway.add_ons() if one.id.lower() in on_plan], plan)


def resources_after(record: DataCenter, request: ChangeRequest) -> dict[Resource, int]:
    """Return the resources after a change: a merge patch, in which null gives a resource back to the plan."""
    before = {Resource(name): number for name, number in record.resources.items()}
    if request.resources is None:
        return before
    removed = request.resources.removed
    return {name: number for name, number in before.items() if name not in removed} | request.resources.named
