"""That no entry of the audit trail can be changed, taken out, moved or put in unseen."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audit.answers import AuditDetail, AuditEntry
from shared.audit.chain import FIRST, append, entry_hash, verify
from shared.operations.model.models import Actor
from tests.failovers.samples import NOW

ANNA = Actor("user", "aaaa-1", "Anna")


def trail(count: int) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    for number in range(count):
        time = NOW + timedelta(minutes=number)
        entries.append(
            append(
                entries[-1] if entries else None,
                time=time,
                actor=ANNA,
                event=f"event{number}",
                detail=AuditDetail.model_validate({"ü": [number, None]}),
            )
        )
    return entries


@given(st.integers(min_value=0, max_value=6))
def test_a_trail_is_whole_and_its_head_is_the_last_hash(count: int) -> None:
    entries = trail(count)
    checked = verify(entries)
    assert checked.ok
    assert checked.head == (entries[-1].hash if entries else FIRST)
    assert verify(entries, checked.head).ok


@pytest.mark.parametrize(
    "change",
    [
        {"event": "other"},
        {"detail": AuditDetail()},
        {"actor": Actor("user", "bbbb-2")},
        {"time": NOW},
        {"previous_hash": FIRST},
        {"hash": "0" * 64},
    ],
)
@pytest.mark.parametrize("at", [1, 2])
def test_a_change_is_seen_at_its_entry(change: dict[str, Any], at: int) -> None:
    entries = trail(4)
    entries[at] = entries[at].model_copy(update=change)
    checked = verify(entries)
    assert (checked.ok, checked.broken_at) == (False, at + 1)


def test_a_change_with_its_own_hash_mended_is_seen_at_the_next_entry() -> None:
    entries = trail(4)
    forged = entries[1].model_copy(update={"event": "other"})
    entries[1] = forged.model_copy(update={"hash": entry_hash(forged)})
    assert verify(entries).broken_at == 3


@given(st.integers(min_value=0, max_value=3), st.integers(min_value=0, max_value=3))
def test_entries_taken_out_or_moved_are_seen(first: int, second: int) -> None:
    entries = trail(5)
    without = entries[:first] + entries[first + 1 :]
    assert not verify(without).ok
    entries[first], entries[second] = entries[second], entries[first]
    assert verify(entries).ok is (first == second)


def test_a_shortened_or_rewritten_trail_is_seen_by_its_anchor_only() -> None:
    entries = trail(3)
    anchored = entries[-1].hash
    assert verify(entries[:2]).ok
    checked = verify(entries[:2], anchored)
    assert (checked.ok, checked.broken_at) == (False, 3)
    rewritten = append(None, time=NOW, actor=ANNA, event="nothing happened")
    assert not verify([rewritten], anchored).ok


def test_a_trail_is_checked_from_what_callers_see() -> None:
    shown = [entry.as_json() for entry in trail(3)]
    assert set(shown[0]) == {"sequence", "time", "actor", "event", "detail", "previousHash", "hash"}
    assert shown[0]["actor"] == {"kind": "user", "id": "aaaa-1", "name": "Anna"}
    assert verify([AuditEntry.model_validate(entry) for entry in shown]).ok
