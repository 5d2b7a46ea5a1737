"""What comes next on the way out, on the way back, and when something goes wrong."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.failovers.failing_over.requests import CommitWindow, ThenCleanup
from shared.failovers.failing_over.rules.legs import (
    AllOver,
    FollowLeg,
    Leg,
    StartLeg,
    WaitForApproval,
    WaitForLeg,
    begin,
    commit_now,
    ended,
    next_move,
    overall,
    started,
)
from shared.failovers.vault.names import Action
from shared.operations.model.models import Status
from tests.failovers.samples import HOUR, MINUTE, NOW

OUT = (Action.UNPLANNED_FAILOVER, Action.COMMIT, Action.REPROTECT)
TEST = (Action.TEST_FAILOVER, Action.TEST_FAILOVER_CLEANUP)
COMMIT = CommitWindow.model_validate({"duration": "PT4H", "then": "Commit"})
ALERT = CommitWindow.model_validate({"duration": "PT4H", "then": "Alert"})


def over(legs: tuple[Leg, ...], index: int, status: Status = Status.SUCCEEDED) -> tuple[Leg, ...]:
    return ended(started(legs, index, f"job{index}"), index, status, NOW)


def test_the_legs_run_one_after_another_to_the_end() -> None:
    legs = begin(OUT)
    for index in range(3):
        assert next_move(legs, NOW) == StartLeg(index)
        assert next_move(started(legs, index, None), NOW) == FollowLeg(index)
        legs = over(legs, index)
    assert next_move(legs, NOW) == AllOver(Status.SUCCEEDED)
    assert [leg.job for leg in legs] == ["job0", "job1", "job2"]


@pytest.mark.parametrize("failing", [0, 1, 2])
@pytest.mark.parametrize("how", [Status.FAILED, Status.CANCELED])
def test_after_a_leg_that_went_wrong_nothing_more_is_started(failing: int, how: Status) -> None:
    legs = begin(OUT)
    for index in range(failing):
        legs = over(legs, index)
    legs = over(legs, failing, how)
    assert all(leg.status is Status.CANCELED for leg in legs[failing + 1 :])
    assert next_move(legs, NOW) == AllOver(Status.CANCELED if (failing, how) == (0, Status.CANCELED) else Status.FAILED)


@given(st.lists(st.sampled_from([Status.SUCCEEDED, Status.FAILED, Status.CANCELED]), min_size=3, max_size=3))
def test_whatever_happens_it_ends_and_no_leg_is_started_twice(ends: list[Status]) -> None:
    legs, begun = begin(OUT), []
    for _ in range(10):
        move = next_move(legs, NOW)
        if isinstance(move, AllOver):
            break
        assert isinstance(move, StartLeg)
        begun.append(move.index)
        legs = over(legs, move.index, ends[move.index])
    assert begun == sorted(set(begun))
    assert isinstance(move, AllOver)
    assert (move.status is Status.SUCCEEDED) is (ends == [Status.SUCCEEDED] * 3)


@pytest.mark.parametrize(
    ("after", "now", "move"),
    [
        ("PT0S", NOW, StartLeg(1)),
        ("PT30M", NOW + 29 * MINUTE, WaitForLeg(1, NOW + 30 * MINUTE)),
        ("PT30M", NOW + 30 * MINUTE, StartLeg(1)),
    ],
)
def test_a_test_is_kept_for_as_long_as_was_asked(after: str, now: Any, move: Any) -> None:
    assert next_move(over(begin(TEST), 0), now, cleanup=ThenCleanup.model_validate({"after": after})) == move


def test_a_test_that_failed_is_cleaned_up_all_the_same_and_has_failed() -> None:
    legs = over(begin(TEST), 0, Status.FAILED)
    assert next_move(legs, NOW, cleanup=ThenCleanup.model_validate({"after": "PT1H"})) == StartLeg(1), "and at once"
    assert next_move(over(legs, 1), NOW) == AllOver(Status.FAILED)
    assert next_move(legs, NOW, cleanup_possible=False) == AllOver(Status.FAILED)


def test_a_commit_window_commits_at_its_end_or_at_a_persons_input() -> None:
    legs = over(begin((Action.UNPLANNED_FAILOVER, Action.COMMIT)), 0)
    assert next_move(legs, NOW + HOUR, window=COMMIT) == WaitForLeg(1, NOW + 4 * HOUR, in_window=True)
    assert next_move(legs, NOW + HOUR, window=COMMIT, approved=True) == StartLeg(1)
    assert next_move(legs, NOW + 4 * HOUR, window=COMMIT) == StartLeg(1)
    assert next_move(over(legs, 1), NOW + 5 * HOUR, window=COMMIT) == AllOver(Status.SUCCEEDED)


def test_a_window_that_ends_with_an_alert_commits_only_at_a_persons_input() -> None:
    legs = over(begin((Action.UNPLANNED_FAILOVER,)), 0)
    assert next_move(legs, NOW + HOUR, window=ALERT) == WaitForApproval(NOW + 4 * HOUR)
    assert next_move(legs, NOW + 4 * HOUR, window=ALERT) == AllOver(Status.SUCCEEDED, alert=True)
    asked = commit_now(legs)
    assert next_move(asked, NOW + HOUR, window=ALERT) == StartLeg(1)
    assert commit_now(asked) == asked, "said twice it is one"
    with pytest.raises(ValueError, match="commit_now"):
        next_move(legs, NOW, window=ALERT, approved=True)


def test_a_failover_that_failed_opens_no_window() -> None:
    assert next_move(over(begin((Action.UNPLANNED_FAILOVER,)), 0, Status.FAILED), NOW, window=ALERT) == AllOver(Status.FAILED)


def test_how_it_all_ended() -> None:
    assert overall(over(begin(TEST), 0, Status.FAILED)) is Status.FAILED
    assert overall(over(over(begin(TEST), 0), 1)) is Status.SUCCEEDED
