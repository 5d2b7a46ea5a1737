"""The counts of a run: what has ended is counted once, and not read again at each look."""

from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from shared.copies.policies.runs.counting import progress_of, settled_of, total
from shared.copies.policies.runs.items import Decision, DeletionItem, DeletionOutcome, Outcome, RunItem, RunItems, TargetItem
from shared.copies.policies.runs.state import RunCounts
from tests.copies.policies.documents import vm_id
from tests.support.memory import MemoryTable

M = TypeVar("M", bound=BaseModel)


def built(model: type[M], **members: st.SearchStrategy[object]) -> st.SearchStrategy[M]:
    """Draw a model: `st.builds` would draw its aliases too, which its signature has once it is complete."""
    return st.fixed_dictionaries(members).map(model.model_validate)


DELETIONS = built(DeletionItem, id=st.just("d"), key=st.just("k"), rule=st.just("r"), outcome=st.sampled_from([None, *DeletionOutcome]))
TARGETS = built(
    TargetItem,
    region=st.just("westeurope"),
    decision=st.sampled_from(Decision),
    copy_id=st.just("c"),
    outcome=st.sampled_from([None, *Outcome]),
    deletions=st.lists(DELETIONS, max_size=2).map(tuple),
    held=st.integers(0, 2),
)
ITEMS = st.lists(
    built(
        RunItem,
        virtual_machine_id=st.integers(0, 10**9).map(lambda number: vm_id(f"vm{number}")),
        decision=st.sampled_from(Decision),
        targets=st.lists(TARGETS, max_size=2).map(tuple),
        deletions=st.lists(DELETIONS, max_size=2).map(tuple),
        held=st.integers(0, 2),
    ),
    max_size=8,
    unique_by=lambda item: item.virtual_machine_id,
)


@settings(max_examples=25)
@given(looks=st.lists(ITEMS, min_size=1, max_size=4))
def test_counting_what_has_ended_once_shows_what_counting_all_again_shows(looks: Sequence[list[RunItem]]) -> None:
    every = [item for look in looks for item in look]
    settled = RunCounts()
    for look in looks:
        settled = total(settled, settled_of(look))
    still_open = [item for item in every if item.is_open]
    assert progress_of(still_open, {}, settled) == progress_of(every, {})
    assert progress_of(every, {}).ended is (not still_open)


@settings(max_examples=25)
@given(items=ITEMS)
async def test_the_open_items_of_a_run_are_those_that_have_not_ended(items: list[RunItem]) -> None:
    rows = RunItems(MemoryTable("runs"))  # type: ignore[arg-type]  # it answers as a table does
    await rows.replace_all("run", items)
    await rows.write("run", items[:1])
    found = [item.virtual_machine_id async for item in _open(rows)]
    assert sorted(found) == sorted(item.virtual_machine_id for item in items if item.is_open)


async def _open(rows: RunItems) -> AsyncIterator[RunItem]:
    async for item in rows.open("run"):
        yield item
