"""When a copy is usable, when to look again, and when it is stuck."""

import math
import random
import statistics
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.copies.copying.models import DiskState
from shared.copies.copying.rules.replication import (
    ReplicationState,
    ended_by_azure,
    expected_duration,
    next_check,
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


@given(
    age=st.floats(0, 14 * 1440),
    percent=st.integers(0, 99),
    expected=st.floats(0, 3 * 1440),
    share=st.floats(0, 1),
)
def test_each_look_comes_after_another_refresh_and_at_most_four_hours_later(
    age: float, percent: int, expected: float, share: float
) -> None:
    now = START + age * MINUTE
    at = next_check(START, now, percent, expected * MINUTE, spread=share)
    assert at > now
    assert at - now <= 251 * MINUTE
    if age >= 10:
        assert (at - START) // (10 * MINUTE) > (now - START - 30 * timedelta(seconds=1)) // (10 * MINUTE)
        assert timedelta(seconds=29) <= (at - START) % (10 * MINUTE) <= timedelta(seconds=91), "just after a refresh, within a minute"


def test_the_first_looks_are_soon_after_the_start_and_after_the_first_refresh() -> None:
    first = next_check(START, START, 0)
    assert MINUTE <= first - START <= 2 * MINUTE
    second = next_check(START, first, 0)
    assert 10 * MINUTE <= second - START <= 11 * MINUTE


def follow(
    duration: timedelta, rng: random.Random, *, shown: Callable[[float], float], expected: timedelta = 3 * HOUR
) -> tuple[int, float]:
    """Follow one copy by the rules; the number of reads, and how many minutes Azure had shown it as finished by the last."""
    visible = START + 10 * MINUTE * math.ceil(duration / (10 * MINUTE))
    at, calls = next_check(START, START, 0, expected), 0
    while True:
        now = at + timedelta(seconds=rng.uniform(0, 45))  # the tick, the queue, the call
        calls += 1
        refreshed = 10 * MINUTE * ((now - START) // (10 * MINUTE))
        if refreshed >= duration:
            return calls, (now - visible) / MINUTE
        at = next_check(START, now, int(99.9 * shown(refreshed / duration)), expected)


def fleet(shown: Callable[[float], float], spread: float = 0.6) -> tuple[float, float, float]:
    """4,000 copies of a median of 3 hours: reads per copy, median and 99th percentile of the delay in minutes."""
    rng = random.Random(7)  # noqa: S311  # the same copies in each run
    durations = [max(3.0, rng.lognormvariate(math.log(180), spread)) * MINUTE for _ in range(4000)]
    runs = [follow(duration, rng, shown=shown) for duration in durations]
    delays = sorted(delay for _, delay in runs)
    return statistics.mean(calls for calls, _ in runs), statistics.median(delays), delays[int(0.99 * len(delays))]


def test_cost_and_delay_of_following_four_thousand_copies() -> None:
    """docs/azure/restore-points.md, "What a status read costs": every 10 minutes is 33 reads a copy; by halves about 6."""
    for name, shown, most_calls, most_median, most_p99 in (
        ("steady", lambda done: done, 7.5, 3, 10),
        ("ever slower", lambda done: done**0.5, 14, 5, 10),
        ("only 0 and 100", lambda _done: 0.0, 10, 15, 60),
    ):
        calls, median, p99 = fleet(shown)
        print(f"{name}: {calls:.1f} reads a copy; noticed after {median:.1f} minutes (median), {p99:.1f} (p99)")  # noqa: T201, RUF100
        assert calls <= most_calls
        assert median <= most_median
        assert p99 <= most_p99


def test_a_known_duration_spares_reads_of_copies_that_show_no_percent() -> None:
    rng = random.Random(7)  # noqa: S311  # the same delays in each run
    known = follow(10 * HOUR, rng, shown=lambda _done: 0.0, expected=10 * HOUR)[0]
    unknown = follow(10 * HOUR, rng, shown=lambda _done: 0.0)[0]
    assert known < unknown


def test_what_to_expect() -> None:
    assert expected_duration(None, None) == 3 * HOUR
    assert expected_duration(500, 40 * MINUTE) == 40 * MINUTE
    assert expected_duration(10, None) < expected_duration(400, None) <= expected_duration(40_000, None) <= DAY


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
