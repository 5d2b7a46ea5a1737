"""Reads the inventory that a selector needs: of a tenant's subscriptions those in which it can select a VM."""

import asyncio
import logging
from dataclasses import dataclass, replace

from shared.access.registry import Registry
from shared.arm.ids import ResourceId
from shared.copies.gateway import RestorePointGateway
from shared.copies.inventory.facts import Inventory, InventoryMachine, TenantInventory, disk_keys, machine_of
from shared.copies.inventory.graph import Graph
from shared.copies.inventory.listing import Listing
from shared.copies.policies.selector import Selector
from shared.errors import CallFailure

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Inventories:
    """Reads inventories; what the registry maps to another tenant is not read. Without `graph` they are listed."""

    registry: Registry
    gateway: RestorePointGateway
    listing: Listing
    graph: Graph | None

    async def read(self, tenant: str, selector: Selector) -> TenantInventory:
        """Return the VMs of a tenant that a selector can cover. Raises `CallFailure` where a VM that it names cannot be
        read, or Azure asks to be called later.
        """
        found = await self.registry.uncached().by_name(tenant)
        own = set(found.subscriptions) if found is not None else set()
        inventory = await self._read_all(own & subscriptions_of(selector) if not _needs_all(selector) else own, selector)
        listed = {machine.key for machine in inventory.machines}
        named = [ResourceId.parse(one) for one in selector.virtual_machine_ids]
        missing = [one for one in named if one.key not in listed and one.subscription_id in own]
        machines = await asyncio.gather(*(self._read(one) for one in missing))
        also = [machine for machine in machines if machine is not None]
        gone = tuple(one for one, machine in zip(missing, machines, strict=True) if machine is None)
        return TenantInventory(replace(inventory, machines=(*inventory.machines, *also)), gone)

    async def _read_all(self, subscriptions: set[str], selector: Selector) -> Inventory:
        """Read by the graph where dimensions select and it answers, else by listing."""
        if self.graph is not None and (selector.everything or selector.has_dimension):
            try:
                return await self.graph.read(subscriptions)
            except CallFailure as failure:
                if failure.asks_to_wait:
                    raise
                _log.warning("Azure Resource Graph does not answer; the inventory is listed: %s", failure)
        return await self.listing.read(subscriptions)

    async def _read(self, vm: ResourceId) -> InventoryMachine | None:
        """Read a VM that a list does not show: lists lag behind, and only the 404 of the VM itself counts."""
        body = await self.gateway.machine(vm)
        if body is None:
            return None
        keys = disk_keys(body)
        disks = await asyncio.gather(*(self.gateway.disk(key) for key in keys))
        return machine_of(body, {key: disk for key, disk in zip(keys, disks, strict=True) if disk is not None})


def _needs_all(selector: Selector) -> bool:
    """Return whether a VM of any subscription may be covered: neither subscriptions nor groups narrow the selection."""
    narrowed = bool(selector.subscriptions or selector.resource_groups)
    return selector.everything or (selector.has_dimension and not narrowed)


def subscriptions_of(selector: Selector) -> set[str]:
    """Return the subscriptions that a selector names, also within ids."""
    of_groups = {group.split("/")[2].lower() for group in selector.resource_groups}
    named = set(selector.subscriptions)
    of_dimensions = named & of_groups if named and of_groups else named | of_groups
    return {ResourceId.parse(one).subscription_id for one in selector.virtual_machine_ids} | of_dimensions
