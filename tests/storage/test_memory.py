"""The storage in memory of the histories answers as Azurite does."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from local.azurite import Azurite
from shared.storage import tables
from shared.storage.tables import Change, Conflict
from tests.support.memory import MemoryStorage

_numbers = itertools.count(1)


@pytest.fixture(params=["azurite", "memory"])
async def table(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """A table, of a real Azurite or in memory."""
    if request.param == "memory":
        yield MemoryStorage().table("t")
        return
    azurite: Azurite = request.getfixturevalue("azurite")
    storage, name = tables.connect(azurite.connection_string), f"memory{next(_numbers)}"
    await storage.create([name], [])
    yield storage.table(name)
    await storage.close()


def row(key: str, **more: object) -> dict[str, object]:
    return {"PartitionKey": "p", "RowKey": key, **more}


async def test_a_row_is_inserted_once_merged_under_its_etag_and_deleted(table: Any) -> None:
    first = await table.insert(row("a", n=1, s="x", b=b"12"))
    with pytest.raises(Conflict):
        await table.insert(row("a"))
    second = await table.merge(row("a", n=2), first)
    with pytest.raises(Conflict):
        await table.merge(row("a", n=3), first)
    with pytest.raises(Conflict):
        await table.merge(row("z", n=3), first)
    found = await table.get("p", "a")
    assert (found.etag, {name: found.entity[name] for name in ("n", "s", "b")}) == (second, {"n": 2, "s": "x", "b": b"12"})
    assert await table.delete("p", "a", first) is False
    assert await table.delete("p", "a", second) is True
    for gone in (None, second):
        assert await table.delete("p", "a", gone) is True, "the SDK passes over what is not there"
    assert await table.get("p", "a") is None


async def test_a_transaction_is_made_whole_or_not_at_all(table: Any) -> None:
    etag = await table.insert(row("a", n=1))
    with pytest.raises(Conflict) as lost:
        await table.transact([Change("insert", row("b")), Change("insert", row("a"))])
    assert (lost.value.index, await table.get("p", "b")) == (1, None)
    etags = await table.transact([Change("merge", row("a", n=2), etag), Change("upsert", row("b", n=3)), Change("insert", row("c", n=4))])
    assert len(set(etags)) == 3
    await table.transact([Change("delete", row("a")), Change("upsert", row("b", s="y"))])
    assert [dict(found.entity)["RowKey"] async for found in table.range("PartitionKey eq 'p'")] == ["b", "c"]


@pytest.mark.parametrize(
    ("filters", "keys"),
    [
        ("PartitionKey eq @p and RowKey ge 'a|' and RowKey lt 'a}'", ["a|1", "a|2", "a|3"]),
        ("PartitionKey eq @p and n gt 1", ["a|2", "a|3"]),
        ("PartitionKey eq @p and ( on eq true or n le @one )", ["a|1", "a|3"]),
        ("PartitionKey eq @p and group ne ''", ["a|2"]),
        ("PartitionKey eq @p and RowKey gt @after and missing eq 1", []),
    ],
)
async def test_a_range_reads_what_fits_in_the_order_of_keys(table: Any, filters: str, keys: list[str]) -> None:
    for key, more in (("b|1", {}), ("a|2", {"n": 2, "group": "g"}), ("a|1", {"n": 1, "group": ""}), ("a|3", {"n": 3, "on": True})):
        await table.insert(row(key, **more))
    parameters = {name: value for name, value in (("p", "p"), ("one", 1), ("after", "a|1")) if f"@{name}" in filters}
    assert [str(found.entity["RowKey"]) async for found in table.range(filters, parameters=parameters)] == keys
    limited = [found async for found in table.range(filters, parameters=parameters, limit=1)]
    assert len(limited) == min(1, len(keys))


@pytest.mark.parametrize(
    "change", [{"RowKey": "a/b"}, {"PartitionKey": "p#"}, {"s": "x" * (32 * 1024 + 1)}, {"b": b"x" * (64 * 1024 + 1)}, {"n": 2**31}]
)
async def test_what_storage_does_not_take_is_refused(table: Any, change: dict[str, object]) -> None:
    with pytest.raises((HttpResponseError, TypeError)):
        await table.transact([Change("insert", row("a") | change)])
    assert [found async for found in table.range("PartitionKey eq 'p'")] == []
    await table.transact([Change("insert", row("a", s="x" * 32 * 1024, b=b"x" * 64 * 1024, n=2**31 - 1))])
