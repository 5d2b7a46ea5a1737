"""Balancers: that of a deployment or a machine, and those that others made."""

from collections.abc import Iterable, Sequence

from shared.arm.ids import ResourceId
from shared.arm.reading import own_id
from shared.values.reading import Json, an_object, objects, same_text, text
from shared.virtual_machines.creation.context import FOR_TAG
from shared.virtual_machines.facts import MachineFacts, tags_of
from shared.virtual_machines.resource_manager.machines import MACHINE_TYPE
from shared.virtual_machines.resource_manager.resources import ResourceManagerResources
from shared.virtual_machines.rules.names import shared_name

_CONFIGURATIONS = "/ipconfigurations/"


def is_public(balancer: Json) -> bool:
    """Whether a balancer has a public address."""
    fronts = objects(an_object(balancer, "properties"), "frontendIPConfigurations")
    return any(an_object(an_object(one, "properties"), "publicIPAddress") for one in fronts)


async def balancer_of(
    resources: ResourceManagerResources, any_balancer: ResourceId, owner: str, hints: Iterable[ResourceId | None] = ()
) -> Json | None:
    """Return the document of the balancer that Farshore made for an availability set or a machine, or None.

    `any_balancer` is an id in its resource group. A list may omit it: then it is read by the name that it has, and by `hints`.
    """
    listed = await resources.within(any_balancer)
    found = next((one for one in listed if same_text(tags_of(one).get(FOR_TAG), owner)), None)
    for candidate in (any_balancer.sibling("loadBalancers", shared_name(owner, "lb")), *hints):
        if found is None and candidate is not None:
            body = await resources.get(candidate)
            found = body if body is not None and same_text(tags_of(body).get(FOR_TAG), owner) else None
    return found


async def is_behind_another(resources: ResourceManagerResources, set_id: str, listed: Sequence[Json]) -> bool:
    """Whether a machine of an availability set is behind a public balancer of its group that others made.

    Azure allows one public balancer with pools of adapters per set. The machines are listed only where there is such a balancer.
    """
    adapters = {adapter for one in listed if is_public(one) and FOR_TAG not in tags_of(one) for adapter in _adapters(one)}
    if not adapters:
        return False
    machines = await resources.in_subscription(ResourceId.parse(set_id).subscription_id, MACHINE_TYPE)
    found = (MachineFacts.from_arm(one) for one in machines if own_id(one))
    return any(same_text(one.availability_set, set_id) and not adapters.isdisjoint(_keys(one.adapters)) for one in found)


def _adapters(balancer: Json) -> set[str]:
    """Return the adapters in the pools of a balancer."""
    pools = objects(an_object(balancer, "properties"), "backendAddressPools")
    members = (one for pool in pools for one in objects(an_object(pool, "properties"), "backendIPConfigurations"))
    return {(text(one, "id") or "").lower().partition(_CONFIGURATIONS)[0] for one in members}


def _keys(ids: Sequence[str]) -> set[str]:
    return {one.lower() for one in ids}
