"""Admits what operations are about to make to the tenant's quotas (docs/design/tenants.md, "Quotas").

An operation writes its reservation before it counts: of two that do so at once, whatever happens to the lock, one sees the other's. The
lock `quota|{tenant}` only keeps both from being refused where there is room for one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from shared.access.plans import HostingPlans
from shared.access.records.plan import HostingPlan
from shared.access.records.tenant import Tenant
from shared.access.registry import Registry
from shared.clock import Clock
from shared.errors import Problem, refusal_of
from shared.operations.accepting.locks import Locks
from shared.operations.model.rows import Active
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import Wait
from shared.quotas.admission import Claimed, excesses, limited, quota_problem
from shared.quotas.counting import limits_of
from shared.quotas.reservations import Reservations
from shared.quotas.usage import UsageReader
from shared.virtual_machines.azure_pack.state import INSTALLATION
from shared.virtual_machines.state import MachineState

_LOCK_WAIT: Final = timedelta(seconds=5)
_UNCOUNTED_WAIT: Final = timedelta(seconds=30)
_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Admission:
    """Admits operations, and refuses requests at once where that can be seen."""

    registry: Registry
    plans: HostingPlans
    usage: UsageReader
    reservations: Reservations
    locks: Locks
    clock: Clock

    async def admit(self, claim: Claim, own: Sequence[Claimed]) -> Wait | Problem | None:
        """Reserve what an operation is about to make; None once it is reserved, or nothing of it is limited.

        A `Problem` (`QuotaExceeded`) where it does not fit; a wait where another operation is being admitted, or Azure does not show what
        there is. Once admitted, an operation stays so.
        """
        state, tenant = MachineState.of(claim.data), await self.registry.by_name(claim.row.tenant)
        if state.admitted or tenant is None:
            return None
        limits = limits_of(tenant, await self._plan(tenant))
        wanted = limited(limits, own)
        if not wanted:
            state.admitted = True
            return None
        lock = f"quota|{tenant.name}"
        if await self.locks.take([lock], claim.id) is not None:
            return Wait(self.clock.now() + _LOCK_WAIT)
        claim.hold(lock)
        claim.drop(lock)  # once the step is written: the reservation counts from then on
        await self.reservations.put(tenant.name, claim.id, own)
        others = await self.reservations.of_others(tenant.name, claim.id)
        found = excesses(limits, await self.usage.amounts(tenant, wanted, _SECONDS), others, own)
        if found == ():
            state.admitted = state.reserved = True
            return None
        await self.reservations.remove(tenant.name, claim.id)
        return Wait(self.clock.now() + _UNCOUNTED_WAIT) if found is None else quota_problem(found)

    async def require_room(self, tenant: Tenant, own: Sequence[Claimed], seconds: float) -> None:
        """Refuse with `QuotaExceeded` a request that does not fit; what cannot be counted in time is left to its operation."""
        limits = limits_of(tenant, await self._plan(tenant))
        wanted = limited(limits, own)
        if not wanted:
            return
        others = await self.reservations.of_others(tenant.name)
        found = excesses(limits, await self.usage.amounts(tenant, wanted, seconds), others, own)
        if found:
            raise refusal_of(quota_problem(found))

    async def release(self, row: Active) -> None:
        """Remove the reservation of an operation that has ended."""
        if INSTALLATION not in row.data and MachineState.of(dict(row.data)).reserved:
            await self.reservations.remove(row.tenant, row.id)

    async def _plan(self, tenant: Tenant) -> HostingPlan | None:
        record = await self.plans.get(tenant.plan) if tenant.plan is not None else None
        return record.plan if record is not None and not record.deleted else None
