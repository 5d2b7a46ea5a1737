"""The figures of a forecast; docs/design/copy-policies.md, "Forecast"."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.copies.policies.forecast import (
    Bucket,
    ChainLoad,
    DiskHistory,
    FullBecause,
    PastCopy,
    added_time,
    chain_end,
    expected_duration,
    full_because,
    left_of,
    seconds_at_share,
)

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def test_the_expected_duration_is_the_median_of_the_last_five_of_its_sort() -> None:
    history = [PastCopy(full=False, duration=hours * HOUR) for hours in (1, 9, 2, 3, 4, 50, 50)]
    assert expected_duration([PastCopy(full=True, duration=20 * HOUR), *history], full=False, size_gb=10) == 3 * HOUR
    assert expected_duration(history[:2], full=False, size_gb=10) == 5 * HOUR


@pytest.mark.parametrize(
    ("size", "expected"),
    [(10, 30 * MINUTE), (50, 30 * MINUTE), (250, 150 * MINUTE), (2400, 24 * HOUR), (9000, 24 * HOUR), (None, 24 * HOUR)],
)
def test_without_a_copy_of_its_sort_the_size_counts(size: int | None, expected: timedelta) -> None:
    assert expected_duration([PastCopy(full=False, duration=HOUR)], full=True, size_gb=size) == expected


def test_a_chain_ends_after_what_is_left_and_all_that_waits() -> None:
    load = ChainLoad(left_of(4 * HOUR, 75), (2 * HOUR, HOUR), ())
    assert chain_end(load, NOW) == NOW + 4 * HOUR
    assert added_time(load, 3 * HOUR, NOW) == 3 * HOUR


def test_a_chain_starts_three_copies_an_hour_at_most() -> None:
    load = ChainLoad(timedelta(), (10 * MINUTE,) * 3, (NOW - 40 * MINUTE, NOW - 30 * MINUTE, NOW - 20 * MINUTE))
    assert chain_end(load, NOW) == NOW + 50 * MINUTE
    assert chain_end(ChainLoad(timedelta(), (), load.starts), NOW) == NOW


@pytest.mark.parametrize(
    ("disk", "has_usable_copy", "newest_is_there", "because"),
    [
        (DiskHistory(100, None, base_is_there=False), False, False, FullBecause.FIRST_COPY),
        (DiskHistory(100, None, base_is_there=True), True, True, FullBecause.NEW_DISK),
        (DiskHistory(100, 100, base_is_there=False), True, True, FullBecause.BASE_DELETED),
        (DiskHistory(100, 100, base_is_there=True), True, False, FullBecause.NEWEST_GONE),
        (DiskHistory(4097, 4096, base_is_there=True), True, True, FullBecause.RESIZED),
        (DiskHistory(9000, 4097, base_is_there=True), True, True, None),
        (DiskHistory(4096, 100, base_is_there=True), True, True, None),
    ],
)
def test_why_a_disk_is_copied_whole(disk: DiskHistory, has_usable_copy: bool, newest_is_there: bool, because: FullBecause | None) -> None:
    assert full_because(disk, has_usable_copy=has_usable_copy, newest_is_there=newest_is_there) is because


def test_the_seconds_are_those_of_the_bucket_that_takes_longest() -> None:
    assert seconds_at_share([Bucket(100, 200, 10), Bucket(300, 200, 10)], 0.5) == 40
    assert seconds_at_share([Bucket(100, 200, 10)], 0.5) == 0
    assert seconds_at_share([], 0.5) == 0
