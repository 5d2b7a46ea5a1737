"""A vault as one of the tenants that share it may know it: what of it is another's is not there.

Things of the whole vault (policies, fabrics) are read as they are: a tenant names them, and whoever changes them must own the vault.
"""

from dataclasses import dataclass
from typing import Protocol

from shared.access.ownership import owner_of
from shared.access.principal import not_found
from shared.access.registry import Registry
from shared.access.vaults import cloud_key
from shared.arm.ids import ResourceId
from shared.arm.reading import own_id
from shared.failovers.vault.facts import PlanFacts
from shared.failovers.vault.gateway import Json, is_plan
from shared.failovers.vault.owners import owner_of_plan
from shared.values.reading import an_object, text


class Reads(Protocol):
    """What of the gateway decides on writes; errors are `CallFailure`."""

    async def children(self, parent: ResourceId, kind: str) -> list[Json]:
        """Read a whole list below a resource."""
        ...

    async def find(self, resource: ResourceId) -> Json | None:
        """Read anything by its id, or None where it is not there."""
        ...

    async def machine(self, machine: ResourceId) -> Json | None:
        """Read a virtual machine in Azure, or None where it is not there."""
        ...

    async def network(self, network: ResourceId) -> Json | None:
        """Read a network, or None where it is not there."""
        ...


@dataclass(frozen=True, slots=True)
class TenantView:
    """The same reads for a tenant: what is another's, or nobody's, is as what is not there."""

    reads: Reads
    registry: Registry
    tenant: str

    async def children(self, parent: ResourceId, kind: str) -> list[Json]:
        """Read what of a list lies in the tenant's own clouds, or in no cloud."""
        found = await self.reads.children(parent, kind)
        return [body for body in found if await self._may_know(own_id(body)) and await self._may_know(_other_side(body))]

    async def find(self, resource: ResourceId) -> Json | None:
        """Read anything by its id; a plan that is not the tenant's is refused (NotFound), for one must not be made in its place."""
        if not await self._may_know(str(resource)):
            return None
        body = await self.reads.find(resource)
        if body is not None and is_plan(resource) and await owner_of_plan(self.registry, PlanFacts.from_arm(body)) != self.tenant:
            raise not_found(f"recovery plan '{resource.name}'")
        return body

    async def machine(self, machine: ResourceId) -> Json | None:
        """Read a virtual machine of the tenant's."""
        return await self.reads.machine(machine) if await self._owns(machine) else None

    async def network(self, network: ResourceId) -> Json | None:
        """Read a network of the tenant's."""
        return await self.reads.network(network) if await self._owns(network) else None

    async def _may_know(self, thing: str | None) -> bool:
        return cloud_key(thing) is None or await self._owns(thing or "")

    async def _owns(self, thing: ResourceId | str) -> bool:
        return await owner_of(self.registry, thing) == self.tenant


def _other_side(body: Json) -> str | None:
    """Return the container that a container mapping leads to."""
    return text(an_object(body, "properties"), "targetProtectionContainerId")
