"""Records the gauges of copies: in flight, stuck, the age of the newest usable ones, slots without a run; zero included."""

from collections import Counter
from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from datetime import timedelta

from shared import telemetry
from shared.access.records.tenant import Tenant
from shared.clock import Clock
from shared.copies.kinds import COPY
from shared.copies.policies.records.store import PolicyStore
from shared.copies.protection.newest import Newest
from shared.copies.protection.objective import measure
from shared.copies.protection.records.store import ProtectionStore
from shared.copies.protection.states import State
from shared.errors import ErrorCode
from shared.operations.model.store import Store
from shared.telemetry import Metric

EVERY_SECONDS = 300.0
_MISSING_AFTER = timedelta(hours=1)
"""A slot is missed where it was not begun within an hour."""
_MOST_MISSING = 1000


@dataclass(slots=True)
class CopyGauges:
    """Records the gauges of copies, at most once in five minutes of wall time in one process.

    Each record reads all active copies, one row for each machine and region of a tenant that has an objective, and the policies that are
    overdue.
    """

    store: Store
    newest: Newest
    protection: ProtectionStore
    policies: PolicyStore
    clock: Clock
    recorded_at: float = field(default=-EVERY_SECONDS)

    async def record(self, tenants: AsyncIterable[Tenant]) -> None:
        """Count and record, for these tenants, which are read one after another, and for any other that has copies."""
        if self.clock.monotonic() - self.recorded_at < EVERY_SECONDS:
            return
        self.recorded_at = self.clock.monotonic()
        in_flight, stuck = await self._counted()
        missing = await self._slots_missing()
        async for tenant in tenants:
            telemetry.gauge(Metric.SLOTS_MISSING, missing[tenant.name], tenant=tenant.name)
            _record_copies(tenant.name, in_flight.pop(tenant.name, 0), stuck[tenant.name])
            await self._record_objective(tenant)
        for name, copies in in_flight.items():
            _record_copies(name, copies, stuck[name])

    async def _counted(self) -> tuple[Counter[str], Counter[str]]:
        """Return how many copies of each tenant are in flight, and how many of them are stuck."""
        in_flight: Counter[str] = Counter()
        stuck: Counter[str] = Counter()
        for tenant, attention in await self.store.followed(COPY.name):
            in_flight[tenant] += 1
            stuck[tenant] += attention == ErrorCode.COPY_STUCK
        return in_flight, stuck

    async def _slots_missing(self) -> Counter[str]:
        """Return how many policies of each tenant were due an hour ago and have not been dealt with since."""
        due = self.policies.due(self.clock.now() - _MISSING_AFTER, _MOST_MISSING)
        return Counter([entry.tenant async for entry in due])

    async def _record_objective(self, tenant: Tenant) -> None:
        """Record whether a tenant meets its objectives.

        Breaches are counted by the rows of protection; before a tenant's inventory has been read, by the newest usable copies.
        """
        summary = await self.protection.summary(tenant.name)
        if summary.inventory is not None:
            telemetry.gauge(Metric.OBJECTIVE_BREACHED, summary.counts.get(State.BREACHED, 0), tenant=tenant.name)
        objective = tenant.settings.recovery_point_objective
        if objective is None:
            return
        found = measure((await self.newest.of(tenant.name)).values(), objective, self.clock.now())
        telemetry.gauge(Metric.OBJECTIVE_LIMIT, objective.total_seconds(), tenant=tenant.name)
        if summary.inventory is None:
            telemetry.gauge(Metric.OBJECTIVE_BREACHED, found.breached, tenant=tenant.name)
        if found.oldest is not None:
            telemetry.gauge(Metric.OBJECTIVE_AGE, found.oldest.total_seconds(), tenant=tenant.name)


def _record_copies(tenant: str, in_flight: int, stuck: int) -> None:
    telemetry.gauge(Metric.COPIES_IN_FLIGHT, in_flight, tenant=tenant)
    telemetry.gauge(Metric.COPIES_STUCK, stuck, tenant=tenant)
