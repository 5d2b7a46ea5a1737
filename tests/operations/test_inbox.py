"""Two writes of one row are merged: what a command wrote meanwhile is kept, whatever the step was about to write."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared.operations.model.models import Actor, Command, JsonObject, PendingCommand, Status
from shared.operations.model.rows import Active
from shared.operations.running.inbox import Inbox, merge

HELD = Active("b" * 26, "toy", "contoso", "1", "1", Status.RUNNING, "starting", next_at="5", nonce="mine", etag="1")
RETRY = PendingCommand("one", Command.RETRY, Actor("user", "alice"))
moments = st.sampled_from([str(number) for number in range(10)])
inputs: st.SearchStrategy[JsonObject | None] = st.none() | st.fixed_dictionaries({"outcome": st.sampled_from(["started", "notStarted"])})


@given(moments, moments, st.booleans(), inputs, st.booleans())
def test_nothing_that_arrived_is_lost(
    pending_at: str, found_at: str, canceled: bool, given_input: JsonObject | None, retried: bool
) -> None:
    found = replace(
        HELD,
        etag="2",
        next_at=found_at,
        cancel_requested=canceled,
        pending_input=given_input,
        pending_commands=(RETRY,) if retried else (),
    )
    merged = merge(replace(HELD, next_at=pending_at, step="ending"), HELD, found, Inbox(), now="4")
    for row in (merged.pending, merged.held):
        assert (row.cancel_requested, row.pending_input, row.pending_commands) == (canceled, given_input, found.pending_commands)
        assert row.etag == "2"
    assert merged.pending.step == "ending"
    assert merged.pending.next_at <= min(pending_at, found_at)
    assert merged.arrived is (canceled or given_input is not None or retried)
    assert not merged.arrived or merged.pending.next_at <= "4"


def test_a_command_that_was_delivered_does_not_arrive_again() -> None:
    found = replace(HELD, etag="2", pending_commands=(RETRY,))
    merged = merge(HELD, HELD, found, Inbox().with_delivered(found), now="4")
    assert merged.pending.pending_commands == ()
    assert not merged.arrived


def test_an_input_that_the_step_took_is_not_written_again() -> None:
    taken: JsonObject = {"outcome": "started"}
    found = replace(HELD, etag="2", pending_input=taken)
    merged = merge(replace(HELD, pending_input=None), HELD, found, Inbox(taken), now="4")
    assert merged.pending.pending_input is None
    assert not merged.arrived


def test_an_input_that_replaced_the_one_taken_is_kept() -> None:
    newer: JsonObject = {"outcome": "notStarted"}
    found = replace(HELD, etag="2", pending_input=newer)
    merged = merge(replace(HELD, pending_input=None), HELD, found, Inbox({"outcome": "started"}), now="4")
    assert merged.pending.pending_input == newer
    assert merged.arrived
