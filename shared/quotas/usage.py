"""Reads what a tenant has of each quota, from Azure, within some seconds; what was not read by then is not counted."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shared.access.records.plan import HostingPlan
from shared.access.records.tenant import Tenant
from shared.arm.api_versions import COMPUTE, DISKS, IMAGES, NETWORKS, SKUS
from shared.clock import Clock
from shared.quotas.admission import reserved
from shared.quotas.counting import Amounts, Dimension, Listed, amounts_of, limits_of, total
from shared.quotas.reservations import Reservations
from shared.reads.timed import Memo, TimedReads

if TYPE_CHECKING:
    from shared.arm.clients import AzureClients

SECONDS = 5.0
SIZES_SECONDS: Final = 600.0
_SIZED: Final = frozenset({Dimension.CORES, Dimension.MEMORY_GB})


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
    reservations: Reservations | None = None
    sizes: Memo | None = None
    """Lists of sizes, kept from one count to the next: they are long, and hardly change."""

    async def of(self, tenant: Tenant, plan: HostingPlan | None) -> tuple[Usage, ...]:
        """Return the usage of every dimension."""
        listed, claims = await asyncio.gather(
            self.amounts(tenant), self.reservations.of_others(tenant.name) if self.reservations is not None else _none()
        )
        limits = limits_of(tenant, plan)

        def used(dimension: Dimension) -> int | None:
            amounts = listed[dimension]
            return None if amounts is None else total(amounts)

        return tuple(Usage(one, used(one), reserved(listed, claims, one), limits[one]) for one in Dimension)

    async def amounts(self, tenant: Tenant, wanted: Collection[Dimension] = tuple(Dimension), seconds: float = SECONDS) -> Amounts:
        """Return what each resource of a tenant counts in the wanted dimensions; the lists of others are not read."""
        memo, until = Memo(self.clock, seconds), self.clock.monotonic() + seconds
        reads, of_sizes = TimedReads(memo, self.clock, until), TimedReads(self.sizes or memo, self.clock, until)
        return amounts_of(await asyncio.gather(*(self._listed(one, reads, of_sizes, wanted) for one in tenant.subscriptions)))

    async def _listed(self, subscription: str, reads: TimedReads, of_sizes: TimedReads, wanted: Collection[Dimension]) -> Listed:
        compute, network = (f"/subscriptions/{subscription}/providers/Microsoft.{name}" for name in ("Compute", "Network"))
        sized = bool(_SIZED.intersection(wanted))
        paths = {
            f"{compute}/virtualMachines": (COMPUTE, sized or Dimension.VIRTUAL_MACHINES in wanted),
            f"{compute}/disks": (DISKS, Dimension.DISK_GB in wanted),
            f"{network}/publicIPAddresses": (NETWORKS, Dimension.PUBLIC_ADDRESSES in wanted),
            f"{compute}/images": (IMAGES, Dimension.IMAGES in wanted),
            f"{compute}/skus": (SKUS, sized),
        }

        async def read(path: str, version: str, *, needed: bool) -> list[dict[str, object]] | None:
            if not needed:
                return None
            return await (of_sizes if version == SKUS else reads).of(
                path, lambda: self.clients.read_all(path, api_version=version, limit=100_000)
            )

        return Listed(*await asyncio.gather(*(read(path, version, needed=needed) for path, (version, needed) in paths.items())))


async def _none() -> tuple[()]:
    return ()
