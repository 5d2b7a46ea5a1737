"""Reads an inventory by listing VMs, disks, collections and network interfaces of each subscription."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shared.arm.reading import id_key, own_id
from shared.clock import Clock
from shared.copies.gateway import ListedResource, RestorePointGateway
from shared.copies.inventory.facts import Documents, Inventory, disk_keys, inventory_of
from shared.copies.inventory.sources import InventorySource
from shared.errors import CallFailure, Problem
from shared.values.reading import Json


@dataclass(frozen=True, slots=True)
class Listing:
    """Reads inventories; a list that cannot be read to its end is a problem of the inventory, and nothing of it is used.

    Network interfaces are no part of that: nothing is decided by them.
    """

    gateway: RestorePointGateway
    clock: Clock

    async def read(self, subscriptions: Iterable[str]) -> Inventory:
        """Return the inventory of subscriptions; raises `CallFailure` only where Azure asks to be called later."""
        wanted = sorted(set(subscriptions))
        taken_at = self.clock.now()
        not_enabled, parts = await asyncio.gather(
            missing_subscriptions(self.gateway, wanted), asyncio.gather(*(self._subscription(one) for one in wanted))
        )
        documents = Documents(
            [machine for found, _ in parts for machine in found.machines],
            [disk for found, _ in parts for disk in found.disks],
            [collection for found, _ in parts for collection in found.collections],
            [interface for found, _ in parts for interface in found.interfaces],
        )
        problems = [*not_enabled, *(problem for _, of_one in parts for problem in of_one)]
        return replace(inventory_of(InventorySource.LISTING, taken_at, documents, problems), listed=tuple(wanted))

    async def _subscription(self, subscription: str) -> tuple[Documents, list[Problem]]:
        read = await asyncio.gather(*(self._list(subscription, resource) for resource in ListedResource))
        found = {resource: bodies for resource, (bodies, _) in zip(ListedResource, read, strict=True)}
        decisive = [
            problem for resource, (_, problem) in zip(ListedResource, read, strict=True) if resource is not ListedResource.INTERFACES
        ]
        problems = [problem for problem in decisive if problem is not None]
        machines, disks = found[ListedResource.VIRTUAL_MACHINES], found[ListedResource.DISKS]
        disks = disks if problems else await self._with_missing(machines, disks)
        return Documents(machines, disks, found[ListedResource.COLLECTIONS], found[ListedResource.INTERFACES]), problems

    async def _with_missing(self, machines: Sequence[Json], disks: Sequence[Json]) -> Sequence[Json]:
        """Return the disks with those that a list did not show yet, each by its own read."""
        listed = {key for disk in disks if (key := id_key(own_id(disk))) is not None}
        missing = {key for machine in machines for key in disk_keys(machine)} - listed
        read = await asyncio.gather(*(self.gateway.disk(key) for key in sorted(missing)))
        return [*disks, *(disk for disk in read if disk is not None)]

    async def _list(self, subscription: str, resource: ListedResource) -> tuple[Sequence[Json], Problem | None]:
        try:
            return await self.gateway.listed(subscription, resource), None
        except CallFailure as failure:
            if failure.asks_to_wait or failure.not_reached:
                raise
            message = f"{resource.value} of the subscription {subscription} could not be listed: {failure.message}"
            return [], Problem(failure.code, message, subscription)


async def missing_subscriptions(gateway: RestorePointGateway, subscriptions: Iterable[str]) -> list[Problem]:
    """Return a problem for each subscription that the identity does not see as enabled: what lies there may not be shown."""
    try:
        enabled = await gateway.enabled_subscriptions()
    except CallFailure as failure:
        if failure.asks_to_wait or failure.not_reached:
            raise
        return [Problem(failure.code, f"The subscriptions could not be listed: {failure.message}", "/subscriptions")]
    return [
        Problem("SubscriptionNotEnabled", f"The subscription {one} is not visible to Farshore, or not enabled.", one)
        for one in subscriptions
        if one.lower() not in enabled
    ]
