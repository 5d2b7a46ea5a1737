"""The rows of protection in a table in memory: pages, counts, lost races."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.copies.protection.records.record import ProtectionRecord
from shared.copies.protection.records.store import ProtectionStore, place_of
from shared.copies.protection.states import State
from shared.storage.tables import Conflict, Found
from tests.support.memory import MemoryTable

GROUP = "/subscriptions/5d0b6a52-7c1e-4f7e-9a55-0c8e6d1f2a31/resourceGroups/g/providers/Microsoft.Compute/virtualMachines"


class CountingTable(MemoryTable):
    """A table that counts the rows that are read."""

    read = 0

    async def get(self, partition: str, row: str) -> Found | None:
        self.read += 1
        return await super().get(partition, row)

    async def range(
        self, filters: str, *, select: Sequence[str] | None = None, limit: int | None = None, parameters: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Found]:
        async for found in super().range(filters, select=select, limit=limit, parameters=parameters):
            self.read += 1
            yield found


def record(number: int, tenant: str = "contoso", state: State = State.PENDING) -> ProtectionRecord:
    return ProtectionRecord(tenant=tenant, virtual_machine_id=f"{GROUP}/vm{number:05}", state=state)


async def filled(machines: int) -> tuple[CountingTable, ProtectionStore]:
    table = CountingTable("vmProtection")
    store = ProtectionStore(table)  # type: ignore[arg-type]  # a table in memory
    for number in range(machines):
        await store.write(None, record(number))
    table.read = 0
    return table, store


@pytest.mark.parametrize("machines", [101, 10_000])
def test_a_page_of_a_hundred_reads_as_many_rows_of_many_vms_as_of_few(machines: int) -> None:
    async def run() -> None:
        table, store = await filled(machines)
        rows, last = await store.page("contoso", 100, None)
        await store.summary("contoso")
        assert ([one.vm.name for one in rows], last) == ([f"vm{number:05}" for number in range(100)], place_of(rows[-1]))
        assert table.read == 102

    asyncio.run(run())


def test_pages_of_all_tenants_show_each_row_once() -> None:
    async def run() -> None:
        _, store = await filled(5)
        for number in range(5):
            await store.write(None, record(number, "fabrikam"))
        await store.note_machine("contoso", f"{GROUP}/vm00000".lower(), datetime(2026, 5, 4, tzinfo=UTC))
        seen, last = await store.page_of_all(3, None)
        while last is not None:
            rows, last = await store.page_of_all(3, last)
            seen += rows
        assert [(one.tenant, one.vm.name) for one in seen] == [
            (tenant, f"vm{number:05}") for tenant in ("contoso", "fabrikam") for number in range(5)
        ]
        (one,), last = await store.page("fabrikam", 9, None, f"{GROUP}/vm00003".lower())
        assert (one.vm.name, one.tenant, last) == ("vm00003", "fabrikam", None)

    asyncio.run(run())


def test_of_two_writers_one_counts() -> None:
    async def run() -> None:
        _, store = await filled(2)
        row = await store.get("contoso", record(0).vm.key)
        await store.write(row, record(0, state=State.BREACHED))
        with pytest.raises(Conflict):
            await store.write(row, record(0, state=State.BREACHED))
        summary = await store.summary("contoso")
        assert (summary.counts[State.BREACHED], summary.counts[State.PENDING]) == (1, 1)
        await store.write(await store.get("contoso", record(0).vm.key), None)
        assert (await store.summary("contoso")).counts[State.BREACHED] == 0

    asyncio.run(run())
