"""How many copies are in flight and how many of them stand still, tenant by tenant: told every few minutes, zero included."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from shared import telemetry
from shared.clock import Clock
from shared.errors import ErrorCode
from shared.operations.store import Store
from shared.restore_points.workflow import KIND
from shared.telemetry import Metric

EVERY_SECONDS = 300.0


@dataclass(slots=True)
class CopyGauges:
    """Tells the gauges of copies, at most once in five minutes of wall time in one process: each telling reads all that is active."""

    store: Store
    clock: Clock
    told_at: float = field(default=-EVERY_SECONDS)

    async def tell(self, tenants: Iterable[str]) -> None:
        """Count and tell, for these tenants and for any other that has copies."""
        if self.clock.monotonic() - self.told_at < EVERY_SECONDS:
            return
        self.told_at = self.clock.monotonic()
        in_flight: Counter[str] = Counter(dict.fromkeys(tenants, 0))
        stuck: Counter[str] = Counter(dict.fromkeys(tenants, 0))
        for tenant, attention in await self.store.followed(KIND):
            in_flight[tenant] += 1
            stuck[tenant] += attention == ErrorCode.COPY_STUCK
        for tenant, copies in in_flight.items():
            telemetry.gauge(Metric.COPIES_IN_FLIGHT, copies, tenant=tenant)
            telemetry.gauge(Metric.COPIES_STUCK, stuck[tenant], tenant=tenant)
