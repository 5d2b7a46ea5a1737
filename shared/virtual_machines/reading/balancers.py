"""Balancers that others made, and what of a tenant's machines is behind them."""

from collections.abc import Sequence

from shared.arm.ids import ResourceId
from shared.arm.reading import own_id
from shared.values.reading import Json, an_object, objects, same_text, text
from shared.virtual_machines.creation.context import FOR_TAG
from shared.virtual_machines.facts import MachineFacts, tags_of
from shared.virtual_machines.resource_manager.machines import MACHINE_TYPE
from shared.virtual_machines.resource_manager.resources import ResourceManagerResources

_CONFIGURATIONS = "/ipconfigurations/"


def is_public(balancer: Json) -> bool:
    """Whether a balancer has a public address."""
    fronts = objects(an_object(balancer, "properties"), "frontendIPConfigurations")
    return any(an_object(an_object(one, "properties"), "publicIPAddress") for one in fronts)


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
