"""A chain's decisions: one at a time, in order, three an hour, whoever is asked, in whatever interleaving, people included."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.copies.copying.rules.chain import (
    ChainHead,
    GiveWay,
    Look,
    MovedOn,
    ObservedPoint,
    Start,
    StartNow,
    TakeTurn,
    WaitUntil,
    after_start,
    decide,
    merge_observed,
    moved_on,
    next_allowed,
    next_waiter,
    release,
    take_turn,
    to_read,
)
from shared.copies.copying.waiting.chains import read_head, written_head
from tests.copies.chains import HOUR, NOON, taken, waiter


def test_first_of_an_unused_chain_takes_the_turn_looks_and_starts() -> None:
    me = waiter(0, "a")
    head = ChainHead()
    assert decide(head, [], me, NOON, current_is_live=False) == TakeTurn()
    head = take_turn(head, "a")
    assert decide(head, [me], me, NOON, current_is_live=True) == Look()
    head = merge_observed(head, [], "a", NOON)
    assert decide(head, [me], me, NOON, current_is_live=True, looked=True) == StartNow()


def test_waits_behind_a_running_copy_and_takes_over_from_a_dead_one() -> None:
    head = take_turn(ChainHead(), "a")
    me = waiter(1, "b")
    waits = decide(head, [me], me, NOON, current_is_live=True)
    assert isinstance(waits, WaitUntil)
    assert waits.behind == "a"
    assert waits.at <= NOON + HOUR
    assert decide(head, [me], me, NOON, current_is_live=False) == TakeTurn()


def test_order_is_that_of_the_source_points_not_of_the_requests() -> None:
    older, newer = waiter(1, "z"), waiter(2, "a")
    waits = decide(ChainHead(), [newer, older], newer, NOON, current_is_live=False)
    assert isinstance(waits, WaitUntil)
    assert waits.behind == "z"
    assert decide(ChainHead(), [newer, older], older, NOON, current_is_live=False) == TakeTurn()


def test_same_time_is_ordered_by_operation_id() -> None:
    a, b = waiter(1, "a"), waiter(1, "b")
    assert decide(ChainHead(), [a, b], a, NOON, current_is_live=False) == TakeTurn()
    assert isinstance(decide(ChainHead(), [a, b], b, NOON, current_is_live=False), WaitUntil)


def test_gives_way_to_an_older_one_that_came_before_the_start() -> None:
    older, newer = waiter(1, "z"), waiter(2, "a")
    assert decide(take_turn(ChainHead(), "a"), [older, newer], newer, NOON, current_is_live=True) == GiveWay("z")


def test_an_older_one_that_the_chain_has_passed_delays_no_other() -> None:
    passed, me = waiter(1, "a"), waiter(3, "b")
    head = ChainHead(last_taken_at=taken(2))
    assert decide(head, [passed, me], passed, NOON, current_is_live=False) == MovedOn(taken(2))
    assert decide(head, [passed, me], me, NOON, current_is_live=False) == TakeTurn()
    assert next_waiter(head, [passed, me]) == me


def test_fourth_start_waits_until_an_hour_after_the_first_with_a_margin() -> None:
    head = ChainHead()
    for number in range(3):
        head = after_start(head, f"op{number}", taken(number), NOON + timedelta(minutes=number))
    me = waiter(9, "me")
    at = next_allowed(head, NOON + timedelta(minutes=30))
    assert NOON + HOUR < at <= NOON + HOUR + timedelta(seconds=30)
    waits = decide(head, [me], me, NOON + timedelta(minutes=30), current_is_live=False)
    assert isinstance(waits, WaitUntil)
    assert waits.at == at
    assert decide(head, [me], me, at, current_is_live=False) == TakeTurn()


def test_starts_of_people_found_by_the_look_are_waited_for() -> None:
    me = waiter(9, "me")
    there = [ObservedPoint(f"p{number}", taken(number), replicating=False) for number in range(3)]
    head = merge_observed(take_turn(ChainHead(), "me"), there, "me", NOON)
    waits = decide(head, [me], me, NOON, current_is_live=True, looked=True)
    assert isinstance(waits, WaitUntil)
    assert waits.at == NOON + HOUR, "the longest wait"
    assert isinstance(decide(head, [me], me, waits.at, current_is_live=True), WaitUntil), "and the margin"
    assert decide(head, [me], me, waits.at + timedelta(seconds=30), current_is_live=True) == Look()


def test_a_look_that_finds_nothing_new_forgets_nothing() -> None:
    head = after_start(ChainHead(), "a", taken(5), NOON)
    looked = merge_observed(head, [ObservedPoint("a", taken(5))], "me", NOON + HOUR)
    assert (looked.last_taken_at, looked.started) == (taken(5), head.started)


def test_our_own_start_that_the_collection_shows_late_is_counted_once() -> None:
    head = after_start(ChainHead(), "a", taken(5), NOON)
    not_yet = merge_observed(head, [], "me", NOON)
    shown = merge_observed(not_yet, [ObservedPoint("a", taken(5), replicating=True)], "me", NOON + timedelta(minutes=1))
    assert shown.started == head.started


def test_recording_a_start_twice_counts_it_once() -> None:
    once = after_start(ChainHead(), "a", taken(0), NOON)
    assert after_start(once, "a", taken(0), NOON + timedelta(minutes=9)) == once


def test_releasing_anothers_turn_changes_nothing() -> None:
    head = take_turn(ChainHead(), "a")
    assert release(head, "b") == head
    assert release(release(head, "a"), "a").current is None


def test_a_failed_copy_may_be_redone_until_a_newer_one_has_started() -> None:
    head = after_start(ChainHead(), "a", taken(5), NOON)
    assert moved_on(head, taken(5)) is None
    head = after_start(head, "b", taken(6), NOON + HOUR)
    assert moved_on(head, taken(5)) == MovedOn(taken(6))


def test_a_persons_running_copy_occupies_the_chain_until_it_has_arrived() -> None:
    me = waiter(5, "me")
    head = take_turn(ChainHead(), "me")
    running = ObservedPoint("portal", taken(4), replicating=True)
    head = merge_observed(head, [running], "me", NOON)
    waits = decide(head, [me], me, NOON, current_is_live=True, looked=True)
    assert isinstance(waits, WaitUntil)
    assert "portal" in waits.reason
    assert to_read(head, [replace(running, replicating=None)], "me") == ("portal",)
    head = merge_observed(head, [replace(running, replicating=False)], "me", NOON + HOUR)
    assert decide(head, [me], me, NOON + HOUR, current_is_live=True, looked=True) == StartNow()
    assert to_read(head, [replace(running, replicating=None)], "me") == ()


def test_a_persons_newer_copy_moves_the_chain_on_and_an_older_one_does_not() -> None:
    me = waiter(5, "me")
    older = merge_observed(ChainHead(), [ObservedPoint("p", taken(4), replicating=False)], "me", NOON)
    assert moved_on(older, me.taken_at) is None
    newer = merge_observed(older, [ObservedPoint("q", taken(6), replicating=True)], "me", NOON)
    assert decide(newer, [me], me, NOON, current_is_live=False) == MovedOn(taken(6))


def test_a_copy_of_unknown_source_moves_nothing_on_but_counts() -> None:
    head = merge_observed(ChainHead(), [ObservedPoint("p", None, replicating=False)], "me", NOON)
    assert head.last_taken_at is None
    assert len(head.started) == 1


def test_what_appeared_since_the_last_look_counts_as_started_now() -> None:
    old = [ObservedPoint(f"p{number}", taken(number), replicating=False) for number in range(3)]
    head = merge_observed(ChainHead(), old, "me", NOON)
    assert next_allowed(head, NOON + timedelta(minutes=1)) > NOON + HOUR
    later = NOON + timedelta(hours=2)
    head = merge_observed(head, old, "me", later)
    assert next_allowed(head, later) == later, "what was there at the last look was not started since"
    head = merge_observed(head, [*old[1:], ObservedPoint("p9", taken(9), replicating=False)], "me", later)
    assert [start.name for start in head.started][-1] == "p9", "one gone and one come are one start"


def test_a_known_start_of_a_persons_copy_is_believed() -> None:
    head = merge_observed(ChainHead(), [ObservedPoint("p", taken(0), NOON - 2 * HOUR, replicating=False)], "me", NOON)
    assert head.started[0].at < NOON - HOUR


def test_a_new_copy_of_a_person_that_was_not_read_is_taken_to_be_running() -> None:
    head = merge_observed(ChainHead(), [ObservedPoint("p", taken(0))], "me", NOON)
    assert head.foreign == "p"


def test_our_own_point_is_never_taken_for_a_persons() -> None:
    head = after_start(take_turn(ChainHead(), "a"), "a", taken(0), NOON)
    seen = merge_observed(release(head, "a"), [ObservedPoint("A", taken(0))], "b", NOON + HOUR)
    assert seen.foreign is None, "names are compared as Azure does, without regard to case"
    assert len(seen.started) == 1


def test_few_are_read_however_many_a_collection_held_before_we_came() -> None:
    points = [ObservedPoint(f"p{number}", taken(number)) for number in range(400)]
    assert to_read(ChainHead(), points, "me") == ("p399",)
    assert len(to_read(ChainHead(), [replace(point, taken_at=None) for point in points], "me")) <= 3


def test_head_survives_its_row_and_stays_small() -> None:
    points = [ObservedPoint(f"{'n' * 70}{number}", taken(number), replicating=number == 499) for number in range(500)]
    head = merge_observed(take_turn(after_start(ChainHead(), "op", taken(1), NOON), "me"), points, "me", NOON)
    stored = written_head(head)
    assert read_head(stored) == head
    assert len(json.loads(stored)["seen"]) <= 4_100
    assert read_head(b"{}") == ChainHead()


@pytest.mark.parametrize("row", [{"started": "yes"}, {"lastTakenAt": "yesterday"}, {"started": [["a", "b"]]}])
def test_a_row_that_is_none_is_refused(row: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_head(json.dumps(row).encode())


@given(
    starts=st.lists(st.integers(-90, 90), max_size=3),
    current=st.sampled_from([None, "me", "other"]),
    live=st.booleans(),
    looked=st.booleans(),
    foreign=st.sampled_from([None, "portal"]),
)
def test_every_wait_is_ahead_and_at_most_an_hour(
    starts: list[int], current: str | None, live: bool, looked: bool, foreign: str | None
) -> None:
    head = ChainHead(
        current, tuple(Start(str(number), NOON + timedelta(minutes=at)) for number, at in enumerate(sorted(starts))), None, foreign
    )
    decision = decide(head, [waiter(1, "x")], waiter(2, "me"), NOON, current_is_live=live, looked=looked)
    if isinstance(decision, WaitUntil):
        assert NOON < decision.at <= NOON + HOUR


@given(ahead=st.integers(0, 200), behind=st.integers(0, 5), passed=st.integers(0, 200), live=st.booleans())
def test_a_waiter_sleeps_an_hour_at_most_however_many_wait_before_it(ahead: int, behind: int, passed: int, live: bool) -> None:
    head = ChainHead("other" if live else None, (), taken(passed))
    waiters = [waiter(number, f"w{number:03}") for number in range(ahead + 1 + behind)]
    me = waiters[ahead]
    decision = decide(head, waiters, me, NOON, current_is_live=live)
    if passed > ahead:
        assert isinstance(decision, MovedOn)
        return
    before = ahead - passed
    if not live and not before:
        assert decision == TakeTurn()
        return
    assert isinstance(decision, WaitUntil)
    assert decision.at - NOON == HOUR
