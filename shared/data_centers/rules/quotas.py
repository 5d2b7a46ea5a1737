"""What an order comes to at Azure Pack: the quota of the personal add-on, and why a plan cannot carry it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.azure_pack.quotas import ACTIONS, CLOUDS, SERVICE, CloudQuota, NetworkQuota
from shared.azure_pack.subscriptions import UNLIMITED, ServiceQuota, ServiceSetting
from shared.errors import ErrorCode, Problem
from shared.installations.plans import PlanFacts, cloud_limits, network_limits
from shared.installations.resources import CLOUD_RESOURCES, NETWORK_RESOURCES, Limits, Resource

Adding = Literal["adds", "isTotal"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What an installation's document decides of quotas."""

    adding: Adding = "adds"
    network_limits: bool = False


def order_problems(wanted: Mapping[Resource, int], plan: PlanFacts, rules: Rules) -> list[Problem]:
    """Return why a plan cannot carry resources, one problem for each dimension."""
    if plan.reasons:
        return [Problem(ErrorCode.PLAN_NOT_SUITABLE, reason, "plan") for reason in plan.reasons]
    problems = [problem for resource, number in wanted.items() if (problem := _problem(resource, number, plan, rules)) is not None]
    return sorted(problems, key=lambda problem: problem.code != ErrorCode.PLAN_NOT_SUITABLE)


def _problem(resource: Resource, number: int, plan: PlanFacts, rules: Rules) -> Problem | None:
    target, limit = f"resources.{resource}", plan.limits.get(resource)
    if resource in NETWORK_RESOURCES and not rules.network_limits:
        message = f"The installation does not take a limit of {resource}: networkLimits is false."
        return Problem(ErrorCode.RESOURCE_NOT_SUPPORTED, message, target)
    if limit is None:
        message = f"The plan '{plan.display_name}' has no limit of {resource}: no add-on can limit it, the customer would get everything."
        return Problem(ErrorCode.PLAN_NOT_SUITABLE, message, target)
    if number < limit:
        message = f"{number} is less than the plan '{plan.display_name}' gives: {limit}."
        return Problem(ErrorCode.BELOW_PLAN, message, target)
    return None


def add_on_limits(wanted: Mapping[Resource, int], plan: PlanFacts, rules: Rules) -> dict[Resource, int]:
    """Return what the personal add-on carries: what is wanted beyond the plan, or all of it where an add-on's limit is the total.

    A resource that is not named stays the plan's; where an add-on's limit is the total, and the plan has none, it is left out: unlimited.
    """
    found: dict[Resource, int] = {}
    for resource in (*CLOUD_RESOURCES, *(NETWORK_RESOURCES if rules.network_limits else ())):
        limit = plan.limits.get(resource)
        if limit is None and resource not in wanted and rules.adding == "isTotal":
            continue
        given = limit or 0
        total = wanted.get(resource, given)
        found[resource] = total - given if rules.adding == "adds" else total
    return found


def total_limits(wanted: Mapping[Resource, int], plan: PlanFacts) -> dict[Resource, int]:
    """Return the limits of machines that the subscription has in the end, those that are numbers."""
    found = {resource: wanted.get(resource, plan.limits.get(resource)) for resource in CLOUD_RESOURCES}
    return {resource: number for resource, number in found.items() if number is not None}


def service_quota(wanted: Mapping[Resource, int], plan: PlanFacts, rules: Rules) -> ServiceQuota:
    """Return the quota of the personal add-on; raises `ValueError` for a plan without exactly one cloud."""
    if plan.cloud is None or plan.stamp is None:
        raise ValueError(f"The plan '{plan.id}' does not name exactly one cloud.")
    limits = add_on_limits(wanted, plan, rules)
    cloud = CloudQuota(plan.cloud, plan.stamp, *(limits.get(resource) for resource in CLOUD_RESOURCES))
    settings = [ServiceSetting.model_validate({"Key": CLOUDS, "Value": cloud.to_xml()})]
    if any(resource in wanted for resource in NETWORK_RESOURCES):
        network = NetworkQuota(plan.stamp, *(limits.get(resource) for resource in NETWORK_RESOURCES))
        settings.append(ServiceSetting.model_validate({"Key": ACTIONS, "Value": network.to_xml()}))
    return ServiceQuota.model_validate({"ServiceName": SERVICE, "ServiceInstanceId": plan.instance, "Settings": settings})


def holds(found: ServiceQuota | None, wanted: ServiceQuota) -> bool:
    """Return whether a quota has the wanted limits: compared by value, not as text."""
    if found is None:
        return False
    have, want = found.setting(CLOUDS), wanted.setting(CLOUDS)
    same = have is not None and want is not None and CloudQuota.parse(have) == CloudQuota.parse(want)
    networks = wanted.setting(ACTIONS)
    if networks is None:
        return same
    there = found.setting(ACTIONS)
    return same and there is not None and NetworkQuota.parse(there) == NetworkQuota.parse(networks)


def resources_of(plan: PlanFacts, add_on: ServiceQuota | None, rules: Rules) -> dict[Resource, int]:
    """Return the resources of what another system made: plan and add-on together."""
    clouds = CloudQuota.parse(add_on.setting(CLOUDS) or "<Clouds/>") if add_on is not None else ()
    networks = NetworkQuota.parse(add_on.setting(ACTIONS) or "<Actions/>") if add_on is not None else ()
    added: Limits = cloud_limits(clouds[0] if clouds else None) | network_limits(networks[0] if networks else None)
    found: dict[Resource, int] = {}
    for resource in (*CLOUD_RESOURCES, *NETWORK_RESOURCES):
        base, more = plan.limits.get(resource), added.get(resource)
        if base is None and more is None:
            continue
        found[resource] = (base or 0) + (more or 0) if rules.adding == "adds" else (more if more is not None else base or 0)
    return found


def subscriptions_problem(count: int, plan: PlanFacts) -> Problem | None:
    """Return why a user cannot have one more subscription of a plan; `count` is how many it has, in any state."""
    if plan.most_subscriptions == UNLIMITED or count < plan.most_subscriptions:
        return None
    message = f"The user has {count} subscriptions of the plan '{plan.display_name}', which allows {plan.most_subscriptions}."
    return Problem(ErrorCode.MAX_SUBSCRIPTIONS_REACHED, message, "plan")


def usage_problems(wanted: Mapping[Resource, int], used: Mapping[Resource, int]) -> list[Problem]:
    """Return where a limit would be below what is used."""
    return [
        Problem(ErrorCode.BELOW_USAGE, f"{used[resource]} of {resource} are in use; the new limit is {number}.", f"resources.{resource}")
        for resource, number in wanted.items()
        if used.get(resource, 0) > number
    ]
