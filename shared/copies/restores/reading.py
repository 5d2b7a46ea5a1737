"""Reads from Azure what the checks of a restore need: only ids in the region that is restored to, none of the source's."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.arm.failures import in_doubt
from shared.arm.ids import ResourceId
from shared.arm.reading import id_key
from shared.copies.copying.models import origin_of
from shared.copies.copying.rules.replication import read_replication
from shared.copies.copying.state import CopyDetail
from shared.copies.facts import RestorePointFacts
from shared.copies.policies.runs.items import RunItems
from shared.copies.restores.gateway import RestoreGateway
from shared.copies.restores.request import ResolvedSource, RestoreKind, RestoreRequest
from shared.copies.restores.rules.captured import captured, os_disk_point, with_ledger
from shared.copies.restores.rules.checks import AzureSeen, PointSeen
from shared.copies.restores.rules.planning import place_of
from shared.operations.model.identity import is_operation_id
from shared.operations.model.store import Store
from shared.values.reading import Json, an_object


@dataclass(frozen=True, slots=True)
class KeptMachines:
    """Reads what is kept of the machine as it was, beside what a restore point holds: zones, tags, interfaces, plan.

    The copy keeps it, and the run that made it the network interfaces. Restore points of copies are named by their operations, so that it
    is found for a restore point's id too.
    """

    store: Store
    items: RunItems

    async def of(self, tenant: str, source: ResolvedSource) -> Json | None:
        """Return what is kept of the machine that a restore point is of; None where nothing is, as of other tenants' copies."""
        name = source.copy_id or ResourceId.parse(source.restore_point_id).name.lower()
        copy = await self.store.get(name) if is_operation_id(name) else None
        if copy is None or copy.tenant != tenant:
            return None
        detail, origin = CopyDetail.of(dict(copy.detail)), origin_of(copy)
        kept = detail.was.model_dump(mode="json", by_alias=True) if detail.was is not None else None
        vm = detail.source.virtual_machine_id if detail.source is not None else None
        item = await self.items.of_machine(origin.run, ResourceId.parse(vm)) if origin is not None and vm is not None else None
        if item is None or not item.interfaces:
            return kept
        return {**(kept or {}), "networkInterfaces": [one.as_json() for one in item.interfaces]}


@dataclass(frozen=True, slots=True)
class RestoreReader:
    """Reads for restores. Every failure is a `CallFailure`; a 404 is a result."""

    gateway: RestoreGateway
    kept: KeptMachines

    async def look(self, tenant: str, request: RestoreRequest, sources: Sequence[ResolvedSource]) -> AzureSeen:
        """Return what Azure shows of all that a request names, read side by side."""
        subscription = place_of(request, sources[0].restore_point_id, "").subscription_id
        points, group, named = await asyncio.gather(
            asyncio.gather(*(self.point(tenant, source) for source in sources)),
            self.gateway.group(subscription, request.resource_group),
            self._named(_ids_of(request)),
        )
        region = next((point.facts.region for point in points if point is not None), "")
        if request.kind is RestoreKind.DISKS or not region:
            return AzureSeen(points, group, named)
        sizes, usages = await asyncio.gather(self.gateway.sizes(subscription, region), self.gateway.usages(subscription, region))
        return AzureSeen(points, group, named, sizes, usages)

    async def point(self, tenant: str, source: ResolvedSource) -> PointSeen | None:
        """Return a restore point with its replication and what it captured; None where Azure does not show it."""
        point_id = ResourceId.parse(source.restore_point_id)
        body, collection = await asyncio.gather(self.gateway.get(point_id, "instanceView"), self.gateway.get(point_id.parent or point_id))
        if body is None or collection is None:
            return None
        os_disk = os_disk_point(body)
        of_os_disk = await self.gateway.get(ResourceId.parse(os_disk)) if os_disk is not None else None
        if os_disk is not None and of_os_disk is None:  # a machine must not be made without its generation and security type
            raise in_doubt("NotRead", f"The disk restore point {os_disk} was not found. The read is retried.")
        facts = RestorePointFacts.from_arm(body, collection)
        if not facts.region:
            raise in_doubt("NotRead", f"The collection of {point_id} shows no location. The read is retried.")
        was = captured(body, of_os_disk)
        known = await self.kept.of(tenant, source)
        return PointSeen(facts, read_replication(body, facts.captured), with_ledger(was, known) if known is not None else was)

    async def taken(self, machines: Iterable[tuple[int, ResourceId]], is_own: str | None, tag: str) -> list[tuple[int, str]]:
        """Return which of some VMs are there already, but those that an operation made itself."""
        wanted = list(machines)
        bodies = await asyncio.gather(*(self.gateway.get(machine) for _, machine in wanted))
        return [
            (number, str(machine))
            for (number, machine), body in zip(wanted, bodies, strict=True)
            if body is not None and (is_own is None or tags_in(body).get(tag) != is_own)
        ]

    async def _named(self, ids: set[str]) -> dict[str, Json | None]:
        parsed = [ResourceId.parse(one) for one in sorted(ids)]
        bodies = await asyncio.gather(*(self.gateway.get(one) for one in parsed))
        return {id_key(str(one)) or "": body for one, body in zip(parsed, bodies, strict=True)}


def tags_in(body: Json) -> dict[str, str]:
    """Return the tags of a resource."""
    return {name: str(value) for name, value in an_object(body, "tags").items()}


def _ids_of(request: RestoreRequest) -> set[str]:
    """Return the ids of what the checks read: networks by their subnets, encryption sets and availability sets."""
    found: set[str] = set()
    for machine in request.machines:
        subnet = machine.subnet_id or (request.network.subnet_id if request.network is not None else None)
        if subnet is not None and (network := ResourceId.parse(subnet).parent) is not None:
            found.add(str(network))
        found |= {one for one in (machine.disks.disk_encryption_set_id, machine.availability_set_id) if one is not None}
    return found
