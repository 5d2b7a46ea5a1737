"""Reads pages of the protection of VMs: the rows, and what no row holds of the VMs that a page shows. Nothing is read from Azure."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from shared.access.registry import Registry
from shared.clock import Clock
from shared.copies.copying.state import CopyState
from shared.copies.policies.records.store import PolicyStore, StoredPolicy
from shared.copies.policies.runs.items import RunItems
from shared.copies.protection.answers import (
    Beside,
    InFlightBody,
    LastDrillBody,
    MachineProtectionBody,
    ProtectionBeside,
    machine_body,
    page_beside,
)
from shared.copies.protection.looks import state_at
from shared.copies.protection.records.record import ProtectionRecord
from shared.copies.protection.records.store import ProtectionStore, Summary, place_of
from shared.copies.restores.evidence import Evidence
from shared.operations.model.store import Store
from shared.web.lists import Page, read_rows


@dataclass(frozen=True, slots=True)
class ProtectionFilter:
    """Which VMs a list shows, None for any; ids are in lower case. `drift` shows those that differ from Azure only."""

    state: str | None = None
    region: str | None = None
    policy: str | None = None
    virtual_machine_id: str | None = None
    subscription_id: str | None = None
    drift: bool = False

    @property
    def below(self) -> str:
        """The beginning of the ids of the VMs."""
        if self.virtual_machine_id is not None:
            return self.virtual_machine_id
        return f"/subscriptions/{self.subscription_id}/" if self.subscription_id is not None else ""


@dataclass(frozen=True, slots=True)
class ProtectionPages:
    """Reads pages."""

    store: ProtectionStore
    policies: PolicyStore
    items: RunItems
    operations: Store
    registry: Registry
    clock: Clock
    evidence: Evidence

    async def page(
        self, tenant: str | None, only: ProtectionFilter, page: Page
    ) -> tuple[list[MachineProtectionBody], str | None, ProtectionBeside]:
        """Return a page of a tenant's VMs, by id, or of every tenant's (None), the place after it, and what is beside the VMs."""
        now = self.clock.now()

        async def read(top: int, after: str | None) -> tuple[Sequence[ProtectionRecord], str | None]:
            if tenant is None:
                return await self.store.page_of_all(top, after)
            return await self.store.page(tenant, top, after, only.below)

        def takes(record: ProtectionRecord) -> bool:
            return _fits(state_at(record, now), only)

        records, last = await read_rows(read, page, takes, place_of)
        beside = {name: await self._beside(name, records) for name in {record.tenant for record in records}}
        bodies = [machine_body(record, beside[record.tenant], now) for record in records]
        return bodies, last, page_beside(await self._summaries(tenant), now)

    async def _summaries(self, tenant: str | None) -> list[Summary]:
        if tenant is not None:
            return [await self.store.summary(tenant)]
        return [await self.store.summary(one.name) async for one in self.registry.each()]

    async def _beside(self, tenant: str, records: Sequence[ProtectionRecord]) -> Beside:
        policies = {one.record.name.lower(): one for one in await self.policies.of_tenant(tenant)}
        now = self.clock.now()
        slots = {name: one.record.next_slot(now, one.deciding) for name, one in policies.items()}
        own = [record for record in records if record.tenant == tenant]
        in_flight, drills = await asyncio.gather(self._in_flight(own, policies), self._drills(tenant, own))
        return Beside(slots, in_flight, drills)

    async def _drills(self, tenant: str, records: Sequence[ProtectionRecord]) -> dict[tuple[str, str], LastDrillBody]:
        places = [(record.vm.key, target.region) for record in records for target in record.targets]
        found = await asyncio.gather(*(self.evidence.of(tenant, *place) for place in places))
        return {
            place: LastDrillBody(
                restore_id=drill.restore, at=drill.at, verified=drill.verified.value, recovery_time_seconds=drill.recovery_seconds
            )
            for place, drill in zip(places, found, strict=True)
            if drill is not None
        }

    async def _in_flight(
        self, records: Sequence[ProtectionRecord], policies: dict[str, StoredPolicy]
    ) -> dict[tuple[str, str], InFlightBody]:
        """Return the copies of the last runs of the policies in charge that have not ended, by VM and region."""
        places: dict[str, tuple[str, str]] = {}
        for record in records:
            for name in {target.policy.lower() for target in record.targets if target.policy is not None}:
                run = policies[name].last_run if name in policies else None
                item = await self.items.of_machine(run, record.vm) if run is not None else None
                for target in item.targets if item is not None else ():
                    if target.is_open and target.copy_id is not None:
                        places[target.copy_id] = (record.vm.key, target.region)
        rows = await self.operations.batch(list(places)) if places else []
        return {
            places[row.id]: InFlightBody(
                copy_id=row.id, step=row.step, percent_complete=row.percent, taken_at=CopyState.of(row.data).taken_at
            )
            for row in rows
            if row.id in places and not row.announce
        }


def _fits(record: ProtectionRecord, only: ProtectionFilter) -> bool:
    key = record.vm.key
    return (
        (only.state is None or record.state == only.state)
        and (only.region is None or any(target.region == only.region for target in record.targets))
        and (only.policy is None or only.policy.lower() in {name.lower() for name in record.policies})
        and (only.virtual_machine_id is None or key == only.virtual_machine_id)
        and (only.subscription_id is None or record.vm.subscription_id == only.subscription_id)
        and (not only.drift or bool(record.drift))
    )
