"""One request with several legs: what comes next, as a pure state machine (docs/design/failovers.md).

    leg 1 running -> succeeded -> leg 2 pending -> checked again -> running -> ... -> all over
                  -> failed    -> the later legs are canceled (but the cleanup of a test)

Each leg is checked like a single request before it starts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.failovers.failing_over.requests import CommitWindow, ThenCleanup
from shared.failovers.vault.names import Action, WindowEnd
from shared.operations.model.models import Status


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg: its status, the name of its job once there is one, and when it ended, Azure's time."""

    action: Action
    status: Status = Status.NOT_STARTED
    job: str | None = None
    ended_at: datetime | None = None


class WindowState(StrEnum):
    """A commit window."""

    OPEN = "open"
    COMMIT_NOW = "commitNow"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class StartLeg:
    """Check and start this leg now."""

    index: int


@dataclass(frozen=True, slots=True)
class FollowLeg:
    """This leg is running."""

    index: int


@dataclass(frozen=True, slots=True)
class WaitForLeg:
    """This leg starts at a time; in a commit window a person can approve it before."""

    index: int
    until: datetime
    in_window: bool = False


@dataclass(frozen=True, slots=True)
class WaitForApproval:
    """A commit window is open that ends with an alert: only an approval starts the commit."""

    until: datetime


@dataclass(frozen=True, slots=True)
class AllOver:
    """Nothing is left to do; `alert` is true where a commit window ended without an approval."""

    status: Status
    alert: bool = False


Move = StartLeg | FollowLeg | WaitForLeg | WaitForApproval | AllOver


def begin(actions: Sequence[Action]) -> tuple[Leg, ...]:
    """Return the legs of a request before the start of the first."""
    return tuple(Leg(action) for action in actions)


def started(legs: Sequence[Leg], index: int, job: str | None) -> tuple[Leg, ...]:
    """Return the legs after the start of one, with the name of its job where that is known."""
    return _with(legs, index, replace(legs[index], status=Status.RUNNING, job=job or legs[index].job))


def ended(legs: Sequence[Leg], index: int, status: Status, at: datetime) -> tuple[Leg, ...]:
    """Return the legs after the end of one; where it did not succeed the later ones are canceled, but the cleanup of a test."""
    after = _with(legs, index, replace(legs[index], status=status, ended_at=at))
    if status is Status.SUCCEEDED:
        return after
    return tuple(
        replace(leg, status=Status.CANCELED)
        if number > index and not leg.status.ended and leg.action is not Action.TEST_FAILOVER_CLEANUP
        else leg
        for number, leg in enumerate(after)
    )


def commit_now(legs: Sequence[Leg]) -> tuple[Leg, ...]:
    """Return the legs after an approval in a commit window, with a commit among them that starts now (see `next_move`)."""
    return tuple(legs) if any(leg.action is Action.COMMIT for leg in legs) else (*legs, Leg(Action.COMMIT))


def window_state(window: CommitWindow, opened_at: datetime, now: datetime, *, approved: bool) -> WindowState:
    """Return the state of a commit window that opened at the end of the failover; `approved` is true for an approval to commit now."""
    if approved:
        return WindowState.COMMIT_NOW
    if now < opened_at + window.duration:
        return WindowState.OPEN
    return WindowState.COMMIT_NOW if window.then is WindowEnd.COMMIT else WindowState.ALERT


def next_move(
    legs: Sequence[Leg],
    now: datetime,
    *,
    window: CommitWindow | None = None,
    cleanup: ThenCleanup | None = None,
    approved: bool = False,
    cleanup_possible: bool = True,
) -> Move:
    """Return what to do next; the result is the same until something changes.

    `approved` is true for an approval to commit now. `cleanup_possible` is false where a failed test has left nothing to clean up, by its
    `allowedOperations`.
    """
    for index, leg in enumerate(legs):
        if leg.status is Status.RUNNING:
            return FollowLeg(index)
        if leg.status is Status.NOT_STARTED:
            return _pending(legs, index, now, window, cleanup, approved=approved, cleanup_possible=cleanup_possible)
    first = legs[0]
    if window is not None and first.status is Status.SUCCEEDED and first.ended_at is not None and len(legs) == 1:
        match window_state(window, first.ended_at, now, approved=approved):
            case WindowState.OPEN:
                return WaitForApproval(first.ended_at + window.duration)
            case WindowState.ALERT:
                return AllOver(Status.SUCCEEDED, alert=True)
            case WindowState.COMMIT_NOW:
                raise ValueError("a commit has been decided on: put it among the legs first (commit_now)")
    return AllOver(overall(legs))


def overall(legs: Sequence[Leg]) -> Status:
    """Return the status of an operation whose legs have ended: Succeeded only if each of them succeeded."""
    if all(leg.status is Status.SUCCEEDED for leg in legs):
        return Status.SUCCEEDED
    return Status.CANCELED if legs[0].status is Status.CANCELED else Status.FAILED


def _pending(
    legs: Sequence[Leg],
    index: int,
    now: datetime,
    window: CommitWindow | None,
    cleanup: ThenCleanup | None,
    *,
    approved: bool,
    cleanup_possible: bool,
) -> Move:
    if index == 0:
        return StartLeg(0)
    leg, before = legs[index], legs[index - 1]
    if leg.action is Action.TEST_FAILOVER_CLEANUP:
        if before.status is not Status.SUCCEEDED:
            return StartLeg(index) if cleanup_possible else AllOver(Status.FAILED)
        if cleanup is not None and before.ended_at is not None and now < before.ended_at + cleanup.after:
            return WaitForLeg(index, before.ended_at + cleanup.after)
    elif leg.action is Action.COMMIT and window is not None and before.ended_at is not None:
        # a window that ends with an alert has a commit among its legs only after an approval
        wanted = approved or window.then is WindowEnd.ALERT
        if window_state(window, before.ended_at, now, approved=wanted) is WindowState.OPEN:
            return WaitForLeg(index, before.ended_at + window.duration, in_window=True)
    return StartLeg(index)


def _with(legs: Sequence[Leg], index: int, leg: Leg) -> tuple[Leg, ...]:
    return (*legs[:index], leg, *legs[index + 1 :])
