"""The reads on which set-up decisions are based; a single 404 does not count as absence."""

from dataclasses import dataclass
from typing import Protocol

from shared.arm.ids import ResourceId
from shared.arm.reading import id_key, own_id
from shared.errors import CallFailure, FailureKind
from shared.failovers.vault.gateway import Json


class Reads(Protocol):
    """The reads of the gateway that planning uses; failures are `CallFailure`."""

    async def children(self, parent: ResourceId, kind: str) -> list[Json]:
        """Read a whole list below a resource."""
        ...

    async def find(self, resource: ResourceId) -> Json | None:
        """Read a resource of a vault by its id, or None where it is absent."""
        ...

    async def machine(self, machine: ResourceId) -> Json | None:
        """Read a virtual machine in Azure, or None where it is absent."""
        ...

    async def network(self, network: ResourceId) -> Json | None:
        """Read a network, or None where it is absent."""
        ...


@dataclass(frozen=True, slots=True)
class ListedReads:
    """The same reads, where a resource that answers 404 is also looked for in the list that it belongs to.

    Regions of Azure Resource Manager replicate behind one another: a policy that exists may answer 404, and creating it again would
    reset its settings.
    """

    reads: Reads

    async def children(self, parent: ResourceId, kind: str) -> list[Json]:
        """Read a whole list below a resource."""
        return await self.reads.children(parent, kind)

    async def find(self, resource: ResourceId) -> Json | None:
        """Read a resource by its id, else from the list of its parent; None where neither has it."""
        body = await self.reads.find(resource)
        return body if body is not None else await self._listed(resource)

    async def machine(self, machine: ResourceId) -> Json | None:
        """Read a virtual machine in Azure, or None where it is absent."""
        return await self.reads.machine(machine)

    async def network(self, network: ResourceId) -> Json | None:
        """Read a network, or None where it is absent."""
        return await self.reads.network(network)

    async def _listed(self, resource: ResourceId) -> Json | None:
        if resource.parent is None:
            return None
        try:
            found = await self.reads.children(resource.parent, resource.types[-1])
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise
        return next((body for body in found if id_key(own_id(body)) == resource.key), None)
