"""The newest usable copy of each machine, in a real table: what it holds after any order of writes, and what it costs to ask."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest_asyncio

from shared.arm.ids import ResourceId
from shared.clock import to_text
from shared.copies.copying.rules.naming import source_collection_id
from shared.copies.kinds import LEDGER as TABLE
from shared.copies.ledger import Ledger, LedgerEntry
from shared.copies.protection.newest import Newest
from shared.operations.model.store import Store
from shared.storage.tables import Storage, connect
from tests.support.clocks import ManualClock, SequenceIds

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
VM = "/subscriptions/aaaaaaaa-0000-4000-8000-000000000001/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/{}"
#: Moments in no order, the newest among them somewhere in the middle.
MIXED = [NOON + timedelta(hours=hour) for hour in (3, 9, 1, 14, 6, 11, 15, 2, 8, 13, 4, 12, 7, 10, 5)]


@dataclass(frozen=True, slots=True)
class Stores:
    """Two connections to the same empty table, as two processes have."""

    mine: Newest
    others: Newest
    ledger: Ledger


@pytest_asyncio.fixture
async def stores(empty_azurite: Any) -> AsyncIterator[Stores]:
    connected: list[Storage] = [connect(empty_azurite.connection_string) for _ in range(2)]
    await connected[0].create([TABLE], [])
    mine, others = (storage.table(TABLE) for storage in connected)
    clock, ids = ManualClock(), SequenceIds()
    yield Stores(Newest(mine), Newest(others), Ledger(mine, Store(connected[0].table("operations"), clock, ids), clock, ids))
    for storage in connected:
        await storage.close()


async def test_an_older_copy_never_takes_the_place_of_a_newer_one(stores: Stores) -> None:
    for moment in MIXED:
        await stores.mine.raise_to("contoso", VM.format("vm"), "northeurope", to_text(moment), "x")
    assert list((await stores.mine.of("contoso")).values()) == [max(MIXED)]


async def test_two_writers_at_once_leave_the_newest(stores: Stores) -> None:
    writers = (stores.mine, stores.others)
    await asyncio.gather(
        *(
            writers[number % 2].raise_to("contoso", VM.format("vm"), "northeurope", to_text(moment), "x")
            for number, moment in enumerate(MIXED)
        )
    )
    assert list((await stores.others.of("contoso")).values()) == [max(MIXED)]


async def test_a_machine_counts_once_by_its_newest_region_and_to_its_tenant_only(stores: Stores) -> None:
    for tenant, vm, region, hours in (
        ("contoso", "vm", "northeurope", 1),
        ("contoso", "VM", "francecentral", 5),
        ("contoso", "other", "northeurope", 2),
        ("fabrikam", "theirs", "northeurope", 9),
    ):
        await stores.mine.raise_to(tenant, VM.format(vm), region, to_text(NOON + timedelta(hours=hours)), "x")
    assert sorted((await stores.mine.of("contoso")).values()) == [NOON + timedelta(hours=2), NOON + timedelta(hours=5)]
    assert list((await stores.mine.of("fabrikam")).values()) == [NOON + timedelta(hours=9)]
    assert await stores.mine.of("nobody") == {}


async def test_the_ledger_keeps_one_row_however_many_copies_there_were(stores: Stores) -> None:
    for number in range(20):
        await stores.ledger.record(entry(number, VM.format("vm")))
    await stores.ledger.record(entry(21, ""))  # of a machine that is not known any more: it can never have a newer one
    rows = [row async for row in stores.mine.table.range("PartitionKey ge 'newest-' and PartitionKey lt 'newest.'")]
    assert [(row.entity["operation"], row.entity["takenAt"]) for row in rows] == [("op19", to_text(NOON + timedelta(hours=19)))]


def entry(number: int, vm: str) -> LedgerEntry:
    taken = to_text(NOON + timedelta(hours=number))
    return LedgerEntry(f"op{number}", "contoso", vm, f"/points/{number}", f"/copies/{number}", "northeurope", taken, taken)


async def test_the_ledger_knows_a_restore_point_from_before_its_creation_until_azure_refuses_it(stores: Stores) -> None:
    vm = ResourceId.parse(VM.format("vm"))
    collection = source_collection_id(vm)
    for operation in ("a", "b", "a"):
        await stores.ledger.note_restore_point("contoso", vm, collection.child("restorePoints", operation), operation)
    for _ in range(2):
        await stores.ledger.forget_restore_point(vm, "b")
    rows = [row.entity async for row in stores.others.table.range("virtualMachineId eq @vm", parameters={"vm": str(vm)})]
    assert [(row["tenant"], row["restorePoint"]) for row in rows] == [("contoso", str(collection.child("restorePoints", "a")))]
