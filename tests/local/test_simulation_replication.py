"""How a copy's progress shows over time, whatever its disks: properties of the pure rules."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.simulation.compute.models import PointDisk, RestorePoint
from local.simulation.compute.replication import LIMIT, REFRESH, Fate, State, disk_state, scheduled, state_of
from tests.local.simulated import START

minutes = st.lists(st.floats(1, 30_000), min_size=1, max_size=5)
moments = st.lists(st.floats(0, 15 * 24 * 60), min_size=2, max_size=20).map(sorted)


def copy_of(lengths: list[float], *, coarse: bool = False, fate: Fate | None = None, seed: int = 1) -> RestorePoint:
    disks = tuple(
        PointDisk(name=f"d{index}", source_disk=f"/disks/d{index}", copy_minutes=length, lun=index) for index, length in enumerate(lengths)
    )
    planned = scheduled(disks, START, random.Random(seed), full=True, fate=fate)  # noqa: S311  # a test's chance
    point = RestorePoint(id="/c/restorePoints/p", time_created=START, started_at=START, ready_at=START, disks=planned, machine={})
    return replace(point, source_point="/s/restorePoints/p", coarse=coarse)


@given(minutes, moments, st.booleans())
def test_progress_never_goes_back_and_ends_with_all_or_nothing(lengths: list[float], when: list[float], coarse: bool) -> None:
    point = copy_of(lengths, coarse=coarse)
    for disk in point.disks:
        last = 0
        for each in when:
            state, percent = disk_state(point, disk, START + timedelta(minutes=each))
            if state is State.FAILED:
                assert percent == 0
                continue
            assert percent >= last
            assert (percent == 100) == (state is State.SUCCEEDED)
            assert not coarse or percent in (0, 100)
            last = percent


@given(minutes, st.floats(0, 15 * 24 * 60))
def test_nothing_changes_between_two_refreshes(lengths: list[float], when: float) -> None:
    point = copy_of(lengths)
    at = START + timedelta(minutes=when)
    refreshed = START + ((at - START) // REFRESH) * REFRESH
    assert [disk_state(point, disk, at) for disk in point.disks] == [disk_state(point, disk, refreshed) for disk in point.disks]
    assert state_of(point, at) is state_of(point, refreshed)


@given(minutes, st.floats(0, 15 * 24 * 60))
def test_the_whole_has_arrived_exactly_when_every_disk_has(lengths: list[float], when: float) -> None:
    point = copy_of(lengths)
    at = START + timedelta(minutes=when)
    every = all(disk_state(point, disk, at) == (State.SUCCEEDED, 100) for disk in point.disks)
    assert (state_of(point, at) is State.SUCCEEDED) == every


@given(minutes, st.sampled_from(["failCopy", "stallCopy"]), st.integers(0, 9), st.integers())
def test_a_fated_copy_never_arrives_and_is_over_within_two_weeks(lengths: list[float], fault: str, disk: int, seed: int) -> None:
    point = copy_of(lengths, fate=Fate(fault, disk), seed=seed)
    before = point.ended_at() - timedelta(seconds=1)
    assert point.ended_at() <= START + LIMIT
    assert state_of(point, before) is State.IN_PROGRESS
    assert state_of(point, point.ended_at()) is State.FAILED
    assert state_of(point, START + LIMIT * 2) is State.FAILED


@pytest.mark.parametrize(("length", "state"), [(14 * 24 * 60, State.SUCCEEDED), (14 * 24 * 60 + 1, State.FAILED)])
def test_azure_ends_a_copy_after_two_weeks(length: float, state: State) -> None:
    assert state_of(copy_of([length]), START + LIMIT) is state
