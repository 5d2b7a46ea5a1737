"""That an entry is added once to a trail, however long, by reads that do not grow with it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from shared.audit.answers import AuditPage, AuditTrail
from shared.audit.trails import AuditTrails
from shared.clock import Clock
from shared.operations.model.models import Actor
from shared.storage.blobs import WriteOnceBlobs
from shared.storage.tables import Found, Table
from tests.support.memory import MemoryBlobs, MemoryTable

ANNA = Actor("user", "aaaa-1", "Anna")


class Counted(MemoryTable):
    """A table that counts the rows that are read, and can take no index, as an earlier version writes none."""

    def __init__(self) -> None:
        super().__init__("audit")
        self.read = 0

    async def range(self, filters: str, *, parameters: Mapping[str, Any] | None = None, **options: Any) -> AsyncIterator[Found]:
        async for found in super().range(filters, parameters=parameters, **options):
            self.read += 1
            yield found

    def forget_index(self) -> None:
        for key in [key for key in self.rows if key[0].endswith("|index")]:
            del self.rows[key]
        self._order.clear()
        self._ordered = -1


class Stopped:
    """A clock whose time does not pass."""

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def table() -> Counted:
    return Counted()


@pytest.fixture
def trails(table: Counted) -> AuditTrails:
    return AuditTrails(cast("Table", table), cast("WriteOnceBlobs", MemoryBlobs()), cast("Clock", Stopped()))


async def add(trails: AuditTrails, *keys: int) -> AuditTrail:
    for key in keys:
        await trails.append("p", f"key/{key}", ANNA, f"event{key}")
    return await trails.trail("p")


def events(trail: AuditTrail) -> list[str]:
    return [entry.event for entry in trail.value]


async def test_what_an_append_reads_does_not_grow_with_the_trail(trails: AuditTrails, table: Counted) -> None:
    trail = await add(trails, *range(400))
    assert (events(trail), trail.verified) == ([f"event{key}" for key in range(400)], True)
    table.read = 0
    for key in (0, 49, 50, 51, 203, 399, 400):
        await trails.append("p", f"key/{key}", ANNA, f"event{key}")
    await trails.anchor("p")
    assert table.read <= 8 * 52
    trail = await trails.trail("p")
    assert (events(trail), trail.verified) == ([f"event{key}" for key in range(401)], True)


@pytest.mark.parametrize("kept", ["nothing", "a head that is too far on"])
async def test_a_trail_whose_index_is_missing_or_wrong_still_takes_each_entry_once(trails: AuditTrails, table: Counted, kept: str) -> None:
    await add(trails, *range(120))
    table.forget_index()
    if kept != "nothing":
        await table.upsert({"PartitionKey": "p|index", "RowKey": "head", "sequence": 5000})
    trail = await add(trails, 0, 119, 120, 60, 121)
    assert (events(trail), trail.verified) == ([f"event{key}" for key in range(122)], True)


async def test_many_writers_at_once_add_each_entry_once(trails: AuditTrails) -> None:
    await add(trails, *range(60))
    await asyncio.gather(*(trails.append("p", f"key/{number % 20}/late", ANNA, f"late{number % 20}") for number in range(40)))
    trail = await trails.trail("p")
    assert (len(trail.value), len({entry.event for entry in trail.value}), trail.verified) == (80, 80, True)


async def test_a_trail_goes_on_beyond_the_six_digits_of_its_rows(
    trails: AuditTrails, table: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.audit.trails._LAST_OF_SIX_DIGITS", 9)
    trail = await add(trails, *range(25), *range(25))
    assert (events(trail), trail.verified) == ([f"event{key}" for key in range(25)], True)
    assert len({row for partition, row in table.rows if partition == "p"}) == 25


async def pages(trails: AuditTrails, top: int) -> list[AuditPage]:
    found, after = [], None
    while True:
        page, after = await trails.page("p", after, top)
        found.append(page)
        if after is None:
            return found


@pytest.mark.parametrize("top", [1, 3, 10, 100])
async def test_pages_have_each_entry_once_and_are_verified(trails: AuditTrails, top: int) -> None:
    trail = await add(trails, *range(10))
    found = await pages(trails, top)
    assert [entry for page in found for entry in page.value] == list(trail.value)
    assert {(page.verified, page.head) for page in found} == {(True, trail.head)}
    assert all(len(page.value) <= top for page in found)


@pytest.mark.parametrize("top", [1, 3, 10, 100])
@pytest.mark.parametrize("at", [1, 4, 10])
async def test_a_page_shows_an_entry_that_was_changed_or_taken_out(trails: AuditTrails, table: Counted, at: int, top: int) -> None:
    await add(trails, *range(10))
    entity, etag = table.rows["p", f"{at:06d}"]
    table.rows["p", f"{at:06d}"] = ({**entity, "entry": entity["entry"].replace(b'"event": "event', b'"event": "other')}, etag)
    assert not all(page.verified for page in await pages(trails, top))
    table.rows["p", f"{at:06d}"] = (entity, etag)
    assert all(page.verified for page in await pages(trails, top))
    await table.delete("p", f"{at:06d}")
    assert not all(page.verified for page in await pages(trails, top))
