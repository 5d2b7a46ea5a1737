"""Records the gauges of copies: in flight, stuck, and the age of the newest usable ones; zero included."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared import telemetry
from shared.access.registry import Tenant
from shared.clock import Clock
from shared.copies.kinds import COPY
from shared.copies.protection.newest import Newest
from shared.copies.protection.objective import measure
from shared.errors import ErrorCode
from shared.operations.model.store import Store
from shared.telemetry import Metric

EVERY_SECONDS = 300.0


@dataclass(slots=True)
class CopyGauges:
    """Records the gauges of copies, at most once in five minutes of wall time in one process.

    Each record reads all active copies, and one row for each machine and region of a tenant that has an objective.
    """

    store: Store
    newest: Newest
    clock: Clock
    recorded_at: float = field(default=-EVERY_SECONDS)

    async def record(self, tenants: Sequence[Tenant]) -> None:
        """Count and record, for these tenants and for any other that has copies."""
        if self.clock.monotonic() - self.recorded_at < EVERY_SECONDS:
            return
        self.recorded_at = self.clock.monotonic()
        await self._record_copies([tenant.name for tenant in tenants])
        for tenant in tenants:
            await self._record_objective(tenant)

    async def _record_copies(self, tenants: Sequence[str]) -> None:
        in_flight: Counter[str] = Counter(dict.fromkeys(tenants, 0))
        stuck: Counter[str] = Counter(dict.fromkeys(tenants, 0))
        for tenant, attention in await self.store.followed(COPY.name):
            in_flight[tenant] += 1
            stuck[tenant] += attention == ErrorCode.COPY_STUCK
        for tenant, copies in in_flight.items():
            telemetry.gauge(Metric.COPIES_IN_FLIGHT, copies, tenant=tenant)
            telemetry.gauge(Metric.COPIES_STUCK, stuck[tenant], tenant=tenant)

    async def _record_objective(self, tenant: Tenant) -> None:
        """Record whether a tenant meets its objective; nothing without an objective or without a usable copy."""
        objective = tenant.settings.recovery_point_objective
        if objective is None:
            return
        found = measure((await self.newest.of(tenant.name)).values(), objective, self.clock.now())
        telemetry.gauge(Metric.OBJECTIVE_LIMIT, objective.total_seconds(), tenant=tenant.name)
        telemetry.gauge(Metric.OBJECTIVE_BREACHED, found.breached, tenant=tenant.name)
        if found.oldest is not None:
            telemetry.gauge(Metric.OBJECTIVE_AGE, found.oldest.total_seconds(), tenant=tenant.name)
