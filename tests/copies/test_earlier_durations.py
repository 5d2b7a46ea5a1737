"""How long earlier copies of a chain took: read from the ledger once a copy starts, kept in its state for the checks."""

from datetime import datetime, timedelta
from typing import cast

from shared.arm.ids import ResourceId
from shared.clock import to_text
from shared.copies.copying.claim import CopyClaim
from shared.copies.ledger import Ledger, LedgerEntry
from shared.operations.model.store import Store
from shared.operations.running.outcomes import Follow
from shared.storage.tables import Table
from tests.copies.azure import VM, BareClaim, Bench, of_machine, started_data
from tests.support.clocks import START, ManualClock, SeededIds
from tests.support.memory import MemoryTable

MACHINE = ResourceId.parse(VM)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def _ledger(hours: list[float | None], region: str = "northeurope") -> Ledger:
    """Return a ledger with copies a day apart, the oldest first; None: it is not known when the copy began."""
    table, clock = cast("Table", MemoryTable("copies")), ManualClock()
    ledger = Ledger(table, Store(cast("Table", MemoryTable("operations")), clock, SeededIds(1)), clock, SeededIds(2))
    for number, each in enumerate(hours):
        await ledger.record(_entry(number, region, START + number * DAY, each))
    await ledger.record(_entry(20, "elsewhere", START, 99))
    return ledger


def _entry(number: int, region: str, taken: datetime, hours: float | None) -> LedgerEntry:
    return LedgerEntry(
        operation=chr(ord("a") + number) * 26,
        tenant="harbour",
        virtual_machine_id=VM,
        source_point_id=f"{VM}/points/{number}",
        target_point_id=f"{VM}/copies/{number}",
        region=region,
        taken_at=to_text(taken),
        completed_at=to_text(taken + (hours or 1) * HOUR),
        started_at=to_text(taken) if hours is not None else "",
    )


async def test_the_last_five_of_a_chain_count_and_its_first_copy_which_was_full_does_not() -> None:
    ledger = await _ledger([30, 1, 2, 3, 4, 5, 6])
    assert await ledger.earlier_durations(MACHINE, "northeurope") == (6 * HOUR, 5 * HOUR, 4 * HOUR, 3 * HOUR, 2 * HOUR)
    assert await (await _ledger([30, 1, 2])).earlier_durations(MACHINE, "northeurope") == (2 * HOUR, HOUR)


async def test_a_chains_first_copies_and_copies_of_earlier_versions_are_no_evidence() -> None:
    for hours in ([], [30], [30, None]):
        assert await (await _ledger(list(hours))).earlier_durations(MACHINE, "northeurope") == ()


async def test_a_copy_that_starts_keeps_what_earlier_ones_took_and_is_expected_to_end_by_them() -> None:
    bench = Bench()
    bench.ledger.earlier = (5 * HOUR, 7 * HOUR, 6 * HOUR)
    claim = BareClaim(of_machine(), started_data())
    claim.detail["source"] = {"virtualMachineId": VM, "restorePointId": None, "region": None, "takenAt": None}
    outcome = await bench.steps.starting(CopyClaim(claim.claim))
    assert isinstance(outcome, Follow)
    assert claim.data["earlierMinutes"] == [300, 420, 360]
    assert outcome.ends_at is not None
    assert timedelta(0) <= outcome.ends_at - (bench.clock.now() + 6 * HOUR) < timedelta(minutes=1)
