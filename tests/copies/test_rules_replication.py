"""When a copy is usable, and when it is stuck."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.copies.copying.models import DiskState
from shared.copies.copying.rules.replication import (
    ReplicationState,
    ended_by_azure,
    read_replication,
    still_running,
    stuck,
)

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DONE = "ReplicationState/succeeded"


def disk(percent: Any, code: str = DONE, level: str = "Info", **status: Any) -> dict[str, Any]:
    return {
        "id": f"/disks/{percent}",
        "replicationStatus": {"status": {"code": code, "level": level, **status}, "completionPercent": percent},
    }


def point(*disks: dict[str, Any], statuses: tuple[dict[str, Any], ...] = (), **properties: Any) -> dict[str, Any]:
    view = {"diskRestorePoints": list(disks), "statuses": list(statuses)}
    return {"properties": {"provisioningState": "Succeeded", "instanceView": view, **properties}}


def test_usable_is_every_disk_succeeded_at_100_in_the_number_captured() -> None:
    read = read_replication(point(disk(100), disk(100), statuses=({"code": DONE, "level": "Info"},)), 2)
    assert (read.state, read.percent) == (ReplicationState.USABLE, 100)
    assert [one.state for one in read.disks] == [DiskState.SUCCEEDED] * 2


@pytest.mark.parametrize(
    ("body", "expected", "percent"),
    [
        (point(disk(100), disk(99)), 2, 99),
        (point(disk(100), disk(100, "ReplicationState/replicating")), 2, 99),
        (point(disk(100), disk(100, "SomethingNew")), 2, 99),
        (point(disk(100), disk(50, "ReplicationState/inProgress")), 2, 75),
        (point(disk(100)), 2, 50),
        (point(disk(100), disk(100)), 1, 99),
        (point(disk(100)), None, 99),
        (point(disk(None)), 1, 0),
        (point(disk(100), statuses=({"code": "ReplicationState/inProgress"},)), 1, 99),
        (point(disk(100), provisioningState="Creating"), 1, 99),
        (point(disk(100), provisioningState="Deleting"), 1, 99),
        (point(), 1, 0),
        (point(), 0, 0),
        ({"properties": {"provisioningState": "Succeeded"}}, 1, 0),
        ({}, 1, 0),
    ],
)
def test_everything_short_of_that_is_not_finished(body: dict[str, Any], expected: int | None, percent: int) -> None:
    read = read_replication(body, expected)
    assert (read.state, read.percent) == (ReplicationState.REPLICATING, percent)
    assert read.message


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (point(disk(100), disk(3, "ReplicationState/failed")), "failed"),
        (point(disk(100), disk(3, "Whatever", level="Error", message="quota is used up")), "quota is used up"),
        (point(disk(100), statuses=({"code": "ReplicationState/Failed", "displayStatus": "gone wrong"},)), "gone wrong"),
        (point(disk(100), provisioningState="Failed"), "no reason"),
        ({"properties": {"provisioningState": "Failed"}}, "no reason"),
    ],
)
def test_one_failed_disk_fails_the_copy_and_the_reason_is_reported(body: dict[str, Any], word: str) -> None:
    read = read_replication(body, 2)
    assert read.state is ReplicationState.FAILED
    assert read.percent < 100
    assert read.message is not None
    assert word in read.message


STATUS = st.fixed_dictionaries(
    {},
    optional={
        "code": st.sampled_from([DONE, "replicationstate/SUCCEEDED", "ReplicationState/inProgress", "ReplicationState/failed", "New"]),
        "level": st.sampled_from(["Info", "Warning", "Error"]),
        "message": st.text(max_size=5) | st.none(),
    },
)
DISKS = st.lists(
    st.fixed_dictionaries({"status": STATUS, "completionPercent": st.integers(-5, 120) | st.none() | st.floats() | st.text(max_size=2)}),
    max_size=4,
)


@given(
    disks=DISKS, statuses=st.lists(STATUS, max_size=2), expected=st.none() | st.integers(0, 4), state=st.sampled_from(["Succeeded", None])
)
def test_a_copy_is_never_called_usable_that_is_not(
    disks: list[dict[str, Any]], statuses: list[dict[str, Any]], expected: int | None, state: str | None
) -> None:
    body = point(*({"id": "d", "replicationStatus": one} for one in disks), statuses=tuple(statuses), provisioningState=state)
    read = read_replication(body, expected)
    assert 0 <= read.percent <= 100
    assert (read.percent == 100) is (read.state is ReplicationState.USABLE)
    if read.state is ReplicationState.USABLE:
        assert len(disks) == expected
        for one in disks:
            assert one["completionPercent"] >= 100
            assert one["status"]["code"].lower() == DONE.lower()
            assert one["status"].get("level") != "Error"


def test_a_copy_of_a_persons_occupies_its_collection_until_what_is_shown_has_arrived() -> None:
    assert still_running(point())
    assert still_running(point(disk(100), disk(7)))
    assert not still_running(point(disk(100), disk(100)))
    assert not still_running(point(disk(7, "ReplicationState/failed")))


@pytest.mark.parametrize(
    ("age", "idle", "percent", "is_stuck"),
    [
        (23 * HOUR, 23 * HOUR, 57, False),
        (25 * HOUR, 25 * HOUR, 57, True),
        (4 * DAY, HOUR, 57, False),
        (5 * DAY, HOUR, 99, True),
        (30 * HOUR, 30 * HOUR, 0, False),
        (37 * HOUR, 37 * HOUR, 0, True),
    ],
)
def test_stuck_is_noticed_long_before_azure_ends_it(age: timedelta, idle: timedelta, percent: int, is_stuck: bool) -> None:
    now = START + age
    words = stuck(START, now - idle, percent, now)
    assert (words is not None) is is_stuck
    if words is not None:
        assert "redo" in words


def test_a_long_copy_that_shows_only_0_and_100_is_given_time() -> None:
    now = START + 60 * HOUR
    assert stuck(START, START, 0, now, expected=24 * HOUR) is None
    assert stuck(START, START, 0, START + 6 * DAY, expected=30 * DAY) is not None


@given(age=st.floats(5, 30), percent=st.integers(0, 99), idle=st.floats(0, 1))
def test_nothing_runs_unnoticed_for_more_than_five_days(age: float, percent: int, idle: float) -> None:
    now = START + age * DAY
    assert stuck(START, now - age * idle * DAY, percent, now, expected=age * DAY) is not None


def test_two_weeks_are_the_end() -> None:
    assert not ended_by_azure(START, START + 14 * DAY - MINUTE)
    assert ended_by_azure(START, START + 14 * DAY)
