"""Reads what a tenant has of each quota, from Azure, within five seconds; what was not read by then is not counted."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.access.records.plan import HostingPlan
from shared.access.records.tenant import Tenant
from shared.arm.api_versions import COMPUTE, DISKS, IMAGES, NETWORKS, SKUS
from shared.clock import Clock
from shared.quotas.counting import Dimension, Listed, count, limits_of
from shared.reads.timed import Memo, TimedReads

if TYPE_CHECKING:
    from shared.arm.clients import AzureClients

SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Usage:
    """One dimension: how much there is (None: not counted), how much operations have reserved, and the limit (None: none)."""

    name: Dimension
    used: int | None
    reserved: int
    limit: int | None


@dataclass(frozen=True, slots=True)
class UsageReader:
    """Counts what tenants have."""

    clients: "AzureClients"
    clock: Clock

    async def of(self, tenant: Tenant, plan: HostingPlan | None) -> tuple[Usage, ...]:
        """Return the usage of every dimension; no operation reserves anything yet."""
        reads = TimedReads(Memo(self.clock, SECONDS), self.clock, self.clock.monotonic() + SECONDS)
        listed = await asyncio.gather(*(self._listed(one, reads) for one in tenant.subscriptions))
        used, limits = count(listed), limits_of(tenant, plan)
        return tuple(Usage(dimension, used[dimension], 0, limits[dimension]) for dimension in Dimension)

    async def _listed(self, subscription: str, reads: TimedReads) -> Listed:
        compute, network = (f"/subscriptions/{subscription}/providers/Microsoft.{name}" for name in ("Compute", "Network"))
        paths = {
            f"{compute}/virtualMachines": COMPUTE,
            f"{compute}/disks": DISKS,
            f"{network}/publicIPAddresses": NETWORKS,
            f"{compute}/images": IMAGES,
            f"{compute}/skus": SKUS,
        }

        async def read(path: str, version: str) -> list[dict[str, object]] | None:
            return await reads.of(path, lambda: self.clients.read_all(path, api_version=version, limit=100_000))

        return Listed(*await asyncio.gather(*(read(path, version) for path, version in paths.items())))
