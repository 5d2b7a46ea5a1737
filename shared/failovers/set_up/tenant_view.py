"""The reads of a vault that several tenants share, limited to one of them: what belongs to another is absent.

Resources of the whole vault (policies, fabrics) are readable: a tenant names them, and only the owner of the vault changes them.
"""

from dataclasses import dataclass

from shared.access.ownership import owner_of
from shared.access.principal import not_found
from shared.access.registry import Registry
from shared.access.vaults import cloud_key
from shared.arm.ids import ResourceId
from shared.arm.reading import own_id
from shared.failovers.set_up.reads import Reads
from shared.failovers.vault.facts import PlanFacts
from shared.failovers.vault.gateway import Json, is_plan
from shared.failovers.vault.owners import owner_of_plan
from shared.values.reading import an_object, text


@dataclass(frozen=True, slots=True)
class TenantView:
    """The reads of one tenant: what belongs to another tenant, or to none, is absent."""

    reads: Reads
    registry: Registry
    tenant: str

    async def children(self, parent: ResourceId, kind: str) -> list[Json]:
        """Read the members of a list that lie in the tenant's own clouds, or in no cloud."""
        found = await self.reads.children(parent, kind)
        return [body for body in found if await self._may_know(own_id(body)) and await self._may_know(_other_side(body))]

    async def find(self, resource: ResourceId) -> Json | None:
        """Read a resource by its id; another tenant's plan is refused (NotFound), because its name is taken."""
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
