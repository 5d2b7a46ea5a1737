"""Lists and reads of machines on Azure Pack, and of images, sizes, networks, checkpoints and ports."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shared.access.principal import not_found
from shared.access.records.azure_pack_subscriptions import MappedSubscription
from shared.access.records.tenant import Tenant
from shared.azure_pack.vmm.machines import Machine
from shared.azure_pack.vmm.models import NatConnection, NatRule
from shared.errors import ErrorCode, Refused
from shared.operations.accepting.locks import Locks
from shared.operations.model.store import Store
from shared.values.reading import same_text
from shared.virtual_machines.answers import RunningOperation
from shared.virtual_machines.azure_pack.answers import (
    PackCheckpoint,
    PackImage,
    PackMachine,
    PackNetwork,
    PackPortBody,
    PackSize,
)
from shared.virtual_machines.azure_pack.gateway import PackGateways, PackMachines
from shared.virtual_machines.azure_pack.places import FoundMachine, PackPlaces, reading_pack
from shared.virtual_machines.azure_pack.state import lock_of
from shared.virtual_machines.azure_pack.views import (
    checkpoint_body,
    disk_body,
    machine_body,
    network_body,
    port_body,
    size_body,
    template_body,
)
from shared.virtual_machines.reading.pages import page_of_places
from shared.virtual_machines.reading.places import Named
from shared.web.lists import Page

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NetworkPorts:
    """The NAT connection of a machine's network, its rules, and the address of the machine that they lead to."""

    connection: NatConnection
    rules: tuple[NatRule, ...]
    address: str

    @property
    def of_machine(self) -> tuple[NatRule, ...]:
        """The rules that lead to the machine."""
        return tuple(rule for rule in self.rules if rule.internal_address == self.address)


@dataclass(frozen=True, slots=True)
class PackReader:
    """Reads what tenants have on Azure Pack."""

    gateways: PackGateways
    places: PackPlaces
    locks: Locks
    store: Store

    async def machines(self, tenant: Tenant, query: Mapping[str, str], page: Page) -> tuple[list[PackMachine], str | None]:
        """Return a page of a tenant's machines, by name; a page has those of one subscription."""
        wanted = query.get("powerState")

        async def read(place: PackMachines) -> list[PackMachine]:
            found = [machine_body(one, place.mapped) for one in await place.machines()]
            return [one for one in found if wanted is None or one.power_state == wanted]

        return await self._page(tenant, query, page, read, lambda one: (one.name.lower(), one.id))

    async def machine(self, tenant: Tenant, named: Named) -> PackMachine:
        """Return one machine; refuses with `NotFound`, `AmbiguousName`."""
        found = await self.places.machine(tenant, named)
        return machine_body(found.machine, found.place.mapped, await self._operation(found))

    async def images(self, tenant: Tenant, query: Mapping[str, str], page: Page) -> tuple[list[PackImage], str | None]:
        """Return a page of templates, and of disks that have an operating system."""

        async def read(place: PackMachines) -> list[PackImage]:
            templates, disks = await asyncio.gather(place.templates(), place.disks())
            usable = [disk for disk in disks if disk.operating_system and disk.operating_system.lower() != "none"]
            return [
                *(template_body(one, place.mapped.id) for one in templates),
                *(disk_body(one, place.mapped.id) for one in usable),
            ]

        return await self._page(tenant, query, page, read, lambda one: (one.name.lower(), one.id))

    async def image(self, tenant: Tenant, name: str, query: Mapping[str, str]) -> PackImage:
        """Return one image by its id or name; refuses with `NotFound`, `AmbiguousName`."""
        rows = await self.places.subscriptions(tenant, query)
        found: list[PackImage] = []
        for row in rows:
            images, _ = await self.images(tenant, {"subscriptionId": row.id}, Page(1000, None))
            found += [one for one in images if name.lower() in {one.id, one.name.lower()}]
        return pick(found, name, "image", lambda one: one.id)

    async def sizes(self, tenant: Tenant, query: Mapping[str, str]) -> list[PackSize]:
        """Return the hardware profiles of a tenant's subscriptions."""

        async def read(place: PackMachines) -> list[PackSize]:
            return [size_body(one, place.mapped.id) for one in await place.sizes()]

        return sorted(await self._everywhere(tenant, query, read), key=lambda one: (one.name.lower(), one.id))

    async def networks(self, tenant: Tenant, query: Mapping[str, str]) -> list[PackNetwork]:
        """Return the networks of a tenant's subscriptions, with their subnets."""

        async def read(place: PackMachines) -> list[PackNetwork]:
            networks = await place.networks()
            subnets = await asyncio.gather(*(place.subnets(one.key) for one in networks))
            gateways = await asyncio.gather(*(place.connections(one.key) for one in networks))
            return [
                network_body(one, of_it, place.mapped.id, has_gateway=bool(connections))
                for one, of_it, connections in zip(networks, subnets, gateways, strict=True)
            ]

        return sorted(await self._everywhere(tenant, query, read), key=lambda one: (one.name.lower(), one.id))

    async def checkpoints(self, tenant: Tenant, named: Named) -> list[PackCheckpoint]:
        """Return the checkpoints of a machine, by name."""
        found = await self.places.machine(tenant, named)
        async with reading_pack():
            listed = await found.place.checkpoints(found.machine.key)
        return sorted((checkpoint_body(one) for one in listed), key=lambda one: (one.name.lower(), one.id))

    async def ports(self, tenant: Tenant, named: Named) -> list[PackPortBody]:
        """Return the ports of a machine, by name; refuses with `NetworkWithoutGateway`."""
        found = await self.places.machine(tenant, named)
        async with reading_pack():
            ports = await network_ports(found.place, found.machine)
        return sorted((port_body(rule) for rule in ports.of_machine), key=lambda one: one.name.lower())

    async def _page(
        self,
        tenant: Tenant,
        query: Mapping[str, str],
        page: Page,
        read: Callable[[PackMachines], Awaitable[list[T]]],
        order: Callable[[T], tuple[str, str]],
    ) -> tuple[list[T], str | None]:
        rows = {row.id: row for row in await self.places.subscriptions(tenant, query)}

        async def of(subscription: str) -> list[T]:
            return await self._read(rows[subscription], read)

        return await page_of_places(tuple(rows), of, order, page)

    async def _everywhere(self, tenant: Tenant, query: Mapping[str, str], read: Callable[[PackMachines], Awaitable[list[T]]]) -> list[T]:
        rows = await self.places.subscriptions(tenant, query)
        return [one for part in await asyncio.gather(*(self._read(row, read) for row in rows)) for one in part]

    async def _read(self, row: MappedSubscription, read: Callable[[PackMachines], Awaitable[list[T]]]) -> list[T]:
        async with reading_pack():
            return await read(await self.gateways.open(row))

    async def _operation(self, found: FoundMachine) -> RunningOperation | None:
        mapped = found.place.mapped
        held = await self.locks.holder([lock_of(mapped.installation, mapped.id, str(found.machine.id))])
        operation = await self.store.get(held.owner) if held is not None else None
        return RunningOperation(id=operation.id, action=operation.action) if operation is not None and not operation.status.ended else None


async def network_ports(place: PackMachines, machine: Machine) -> NetworkPorts:
    """Return what passes ports on to a machine; refuses with `NetworkWithoutGateway`, and with `AmbiguousName` two networks of the name."""
    adapter = next((one for one in machine.adapters if one.vm_network_name and one.addresses), None)
    if adapter is None:
        raise _without_gateway(f"The machine '{machine.name}' has no adapter with a network and an address.")
    networks = [one for one in await place.networks() if same_text(one.name or "", adapter.vm_network_name or "")]
    if len(networks) > 1:
        message = f"Several networks have the name '{adapter.vm_network_name}', so that the gateway of the machine is not known."
        raise Refused(ErrorCode.AMBIGUOUS_NAME, message, target="network")
    connections = await place.connections(networks[0].key) if networks else ()
    if not connections:
        raise _without_gateway(f"The network '{adapter.vm_network_name}' has no gateway with address translation.")
    return NetworkPorts(connections[0], await place.rules(connections[0].key), adapter.addresses[0])


def pick(found: Sequence[T], name: str, kind: str, id_of: Callable[[T], str]) -> T:
    """Return the one that has an id, else the only one of a name; refuses with `NotFound`, `AmbiguousName`."""
    by_id = [one for one in found if id_of(one) == name.lower()]
    chosen = by_id or list(found)
    if not chosen:
        raise not_found(f"{kind} '{name}'", target=kind)
    if len(chosen) > 1:
        message = f"Several have the name '{name}'. Name one by its id: {', '.join(sorted(id_of(one) for one in chosen))}."
        raise Refused(ErrorCode.AMBIGUOUS_NAME, message, target=kind)
    return chosen[0]


def _without_gateway(message: str) -> Refused:
    return Refused(ErrorCode.NETWORK_WITHOUT_GATEWAY, f"{message} Ports need a network with a NAT gateway.", target="network")
