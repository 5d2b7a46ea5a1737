"""The protection of VMs: states, the beginning of a breach, and its events; docs/design/copy-policies.md, "Protection"."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.copies.protection.states import (
    BreachBegan,
    BreachEnded,
    LastLook,
    Recovery,
    State,
    TargetFacts,
    TargetState,
    breaches_changed,
    limits_reached,
    state_of_machine,
    state_of_target,
)
from tests.support.draws import drawn

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def _target(
    *, age: timedelta | None, objective: timedelta | None = HOUR, covered: timedelta = 99 * HOUR, region: str = "uksouth"
) -> TargetFacts:
    return TargetFacts(region, objective, NOW - covered, None if age is None else NOW - age)


@pytest.mark.parametrize(
    ("target", "state", "since"),
    [
        (_target(age=HOUR), State.PROTECTED, None),
        (_target(age=HOUR + SECOND), State.BREACHED, NOW - SECOND),
        (_target(age=None, covered=HOUR), State.PENDING, None),
        (_target(age=None, covered=HOUR + SECOND), State.BREACHED, NOW - SECOND),
        (_target(age=90 * HOUR, objective=None), State.PROTECTED, None),
        (_target(age=None, objective=None), State.PENDING, None),
    ],
)
def test_the_state_of_a_target(target: TargetFacts, state: State, since: datetime | None) -> None:
    assert state_of_target(target, NOW) == TargetState(state, since)


@pytest.mark.parametrize(
    ("states", "gone", "state"),
    [
        ([State.PROTECTED], True, State.ORPHAN),
        ([], True, State.ORPHAN),
        ([], False, State.UNPROTECTED),
        ([State.PROTECTED, State.PENDING, State.BREACHED], False, State.BREACHED),
        ([State.PROTECTED, State.PENDING], False, State.PENDING),
        ([State.PROTECTED, State.PROTECTED], False, State.PROTECTED),
    ],
)
def test_the_state_of_a_vm(states: list[State], gone: bool, state: State) -> None:
    assert state_of_machine([TargetState(one) for one in states], gone=gone) is state


OLD, BREACHED_SINCE = _target(age=5 * HOUR), NOW - 4 * HOUR


@pytest.mark.parametrize(
    ("after", "by"),
    [
        (_target(age=HOUR / 2), Recovery.COPY),
        (_target(age=5 * HOUR, objective=6 * HOUR), Recovery.OBJECTIVE),
        (_target(age=5 * HOUR, objective=None), Recovery.OBJECTIVE),
        (None, Recovery.COVERAGE_ENDED),
    ],
)
def test_what_ended_a_breach(after: TargetFacts | None, by: Recovery) -> None:
    changes = breaches_changed([LastLook(OLD, BREACHED_SINCE)], [after] if after else [], NOW)
    assert changes == (BreachEnded("uksouth", BREACHED_SINCE, by),)


def test_a_breach_that_goes_on_is_not_an_event() -> None:
    assert breaches_changed([LastLook(OLD, BREACHED_SINCE)], [OLD], NOW + HOUR) == ()


def test_a_copy_that_is_too_old_as_well_ends_one_breach_and_begins_another() -> None:
    changes = breaches_changed([LastLook(OLD, BREACHED_SINCE)], [_target(age=3 * HOUR)], NOW)
    assert changes == (BreachEnded("uksouth", BREACHED_SINCE, Recovery.COPY), BreachBegan("uksouth", NOW - 2 * HOUR))


def test_a_copy_that_is_gone_begins_a_breach() -> None:
    looks = [LastLook(_target(age=HOUR / 2), None)]
    assert breaches_changed(looks, [_target(age=None)], NOW) == (BreachBegan("uksouth", NOW - 98 * HOUR),)


@settings(max_examples=drawn(200), deadline=None)
@given(st.lists(st.tuples(st.integers(1, 600), st.booleans()), max_size=40), st.integers(1, 300))
def test_breaches_begin_and_end_once_each_however_often_they_are_looked_at(looks: list[tuple[int, bool]], objective: int) -> None:
    """Looks at some minutes apart, at some of which a new copy is there: beginnings and ends alternate and name the same breach."""
    now, newest = NOW, NOW
    target = TargetFacts("uksouth", timedelta(minutes=objective), NOW, newest)
    look = LastLook(target, None)
    standing: datetime | None = None
    for minutes, copied in looks:
        now += timedelta(minutes=minutes)
        newest = now if copied else newest
        target = TargetFacts("uksouth", timedelta(minutes=objective), NOW, newest)
        for change in breaches_changed([look], [target], now):
            if isinstance(change, BreachBegan):
                assert standing is None
                assert change.since == newest + timedelta(minutes=objective)
                standing = change.since
            else:
                assert change.since == standing
                standing = None
        look = LastLook(target, state_of_target(target, now).breached_since)
        assert standing == look.breached_since


def test_a_limit_is_near_once() -> None:
    assert [limits_reached(before, after) for before, after in ((399, 400), (400, 401), (390, 480), (480, 390))] == [
        (400,),
        (),
        (400, 475),
        (),
    ]
