"""A registry in a table of its own, for tests that write it."""

from dataclasses import dataclass
from datetime import timedelta

from shared.access.ownership import owner_of
from shared.access.records.claim_rows import ClaimRows
from shared.access.records.claims import ClaimKey
from shared.access.records.rows import TenantRecord
from shared.access.records.tenant import Tenant
from shared.access.registrar import Registrar
from shared.access.registry import Registry
from shared.clock import RandomIds
from shared.storage.tables import Table
from tests.support.clocks import ManualClock

SUBSCRIPTIONS = tuple(f"{number:08d}-0000-4000-8000-00000000000{number}" for number in range(1, 7))


def tenant(name: str, *subscriptions: str, **members: object) -> Tenant:
    """A tenant of some subscriptions."""
    return Tenant.model_validate({"name": name, "subscriptions": subscriptions, **members})


def vm_in(subscription: str) -> str:
    """The id of a virtual machine in a subscription."""
    return f"/subscriptions/{subscription}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"


@dataclass
class Written:
    """A registry that a test writes, by writers of its own clock."""

    table: Table
    clock: ManualClock

    def writer(self) -> Registrar:
        """A writer, as another worker has it."""
        return Registrar(self.table, self.clock, RandomIds())

    def reader(self) -> Registry:
        """A reader with a cache of its own."""
        return Registry(self.table, self.clock)

    async def put(self, wanted: Tenant) -> TenantRecord:
        """Write a tenant over what is there."""
        writer = self.writer()
        return await writer.put(wanted, await writer.get(wanted.name), "a test")

    async def delete(self, name: str) -> None:
        """Delete a tenant."""
        writer = self.writer()
        record = await writer.get(name)
        assert record is not None
        await writer.delete(record, "a test")

    async def owner(self, subscription: str) -> str | None:
        """The owner of a machine in a subscription, read without a cache."""
        return await owner_of(self.reader().uncached(), vm_in(subscription))

    async def claimant(self, key: ClaimKey) -> str | None:
        """The tenant whose claim it is, None where it is released or not there."""
        row = await ClaimRows(self.table, self.clock).get(key)
        return row.tenant if row is not None and row.held else None

    def pass_time(self, seconds: float) -> None:
        """Let wall time pass."""
        self.clock.advance(timedelta(seconds=seconds))
