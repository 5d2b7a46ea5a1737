"""Stored documents: what was read is what a write replaces, and an owner sees its own only."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from local.azurite import Azurite
from shared.storage.documents import DocumentStore, key_of, text_of
from shared.storage.pieces import PIECE, from_pieces, pieces
from shared.storage.tables import Conflict, Table, connect
from tests.support.clocks import SequenceIds
from tests.support.storage_proxy import AnswerStatus, Rule, StorageProxy


class Plan(BaseModel):
    """A document."""

    model_config = ConfigDict(frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True)

    keep_for: str = "P7D"
    revision: int = 1


def store_of(table: Table, series: int = 1) -> DocumentStore[Plan]:
    return DocumentStore(table, Plan, SequenceIds(series))


@pytest.fixture
def store(table: Table) -> DocumentStore[Plan]:
    return store_of(table)


async def test_a_document_is_read_as_it_was_written(store: DocumentStore[Plan]) -> None:
    written = await store.insert("contoso", "daily", Plan(keep_for="P1D"))
    assert await store.get("contoso", "daily") == written
    assert await store.get("contoso", "other") is None
    assert await store.get("contoso", "x" * 2000) is None
    assert await store.get("fabrikam", "daily") is None


async def test_a_member_of_a_newer_version_survives(store: DocumentStore[Plan]) -> None:
    await store.insert("contoso", "daily", Plan.model_validate({"keepFor": "P1D", "zone": 2}))
    read = await store.get("contoso", "daily")
    assert read is not None
    assert read.document.model_dump(by_alias=True)["zone"] == 2


async def test_what_is_there_is_not_inserted_again(store: DocumentStore[Plan]) -> None:
    await store.insert("contoso", "daily", Plan())
    with pytest.raises(Conflict):
        await store.insert("contoso", "daily", Plan(keep_for="P2D"))
    read = await store.get("contoso", "daily")
    assert read is not None
    assert read.document == Plan()


async def test_of_two_writers_one_wins(store: DocumentStore[Plan], table: Table) -> None:
    read = await store.insert("contoso", "daily", Plan())
    writers = [store_of(table, series).replace(read, Plan(keep_for=f"P{series}D")) for series in range(2, 8)]
    results = await asyncio.gather(*writers, return_exceptions=True)
    [won] = [result for result in results if not isinstance(result, Conflict)]
    assert await store.get("contoso", "daily") == won


async def test_a_document_that_changed_or_went_is_not_replaced_or_deleted(store: DocumentStore[Plan]) -> None:
    first = await store.insert("contoso", "daily", Plan())
    second = await store.replace(first, Plan(keep_for="P2D"))
    for stale in (store.replace(first, Plan()), store.delete(first)):
        with pytest.raises(Conflict):
            await stale
    await store.delete(second)
    await store.delete(second)
    assert await store.get("contoso", "daily") is None
    with pytest.raises(Conflict):
        await store.replace(second, Plan())


async def test_a_large_document_that_shrinks_is_whole(store: DocumentStore[Plan]) -> None:
    large = await store.insert("contoso", "daily", Plan(keep_for="ü" * 3 * PIECE))
    assert await store.get("contoso", "daily") == large
    small = await store.replace(large, Plan(keep_for="small"))
    assert await store.get("contoso", "daily") == small


@pytest.mark.parametrize("top", [1, 3, 100])
async def test_pages_hold_each_document_of_the_owner_once(store: DocumentStore[Plan], top: int) -> None:
    names = ["a", "b/c", "d#e", "f?g", "h=i", "j%k", "ü l", "m|n"]
    for name in names:
        await store.insert("con/toso", name, Plan(keep_for=name))
    await store.insert("con", "other", Plan())
    found: list[str] = []
    after: str | None = None
    while True:
        page = await store.page("con/toso", top, after)
        assert len(page.documents) <= top
        assert all(one.document.keep_for == one.name for one in page.documents)
        found += [one.name for one in page.documents]
        after = page.last
        if after is None:
            break
    assert sorted(found) == sorted(names)


@pytest.mark.parametrize("method", ["insert", "replace"])
async def test_a_write_whose_answer_was_lost_is_no_conflict(azurite: Azurite, table: Table, method: str) -> None:
    """Storage's SDK repeats the write, which then meets itself."""
    stored = await store_of(table).insert("contoso", "old", Plan())
    with StorageProxy(azurite.port) as proxy:
        account = connect(proxy.connection_string)
        store = store_of(account.table(table.name), 2)
        rule = proxy.add(Rule(AnswerStatus(500, after_forwarding=True), path=table.name, service="table", times=1))
        written = await (
            store.insert("contoso", "new", Plan(revision=7)) if method == "insert" else store.replace(stored, Plan(revision=7))
        )
        assert rule.matched == 1
        assert await store.get("contoso", written.name) == written
        await account.close()


@given(st.text(min_size=1, max_size=30))
def test_any_text_is_a_key_and_comes_back(text: str) -> None:
    key = key_of(text)
    assert text_of(key) == text
    assert not set(key) & set("/\\#?\t\r\n|")


@pytest.mark.parametrize("text", ["", "x" * 401, "ü" * 100])
def test_a_text_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be a key"):
        key_of(text)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_a_document_in_pieces_comes_back(body: dict[str, str]) -> None:
    assert from_pieces("x", pieces("x", body)) == body
