"""The figures of a forecast; docs/design/copy-policies.md, "Forecast"."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.arm.ids import ResourceId
from shared.copies.facts import DiskFacts
from shared.copies.ledger import UsableCopy
from shared.copies.points.records import MadePoint
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
from shared.copies.policies.plans.whole_disks import whole_disks

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


def made(name: str, hours: int, *disks: str) -> MadePoint:
    """Return a restore point of disks of 100 GB, taken so many hours after noon."""
    ids = [disk_id(one) for one in disks]
    point = ResourceId.parse(f"{VM.replace('virtualmachines', 'restorepointcollections')}/restorePoints/{name}")
    return MadePoint("t", VM, "", point, NOW + hours * HOUR, frozenset(ids), "", sizes=dict.fromkeys(ids, 100))


def disk_id(name: str) -> str:
    return VM.replace("virtualmachines/vm", f"disks/{name}")


def copy_of(point: MadePoint, *, is_there: bool = True) -> UsableCopy:
    return UsableCopy("r", point.taken_at, HOUR, str(point.point), is_there)


VM = "/subscriptions/00000000-0000-4000-8000-000000000001/resourcegroups/g/providers/microsoft.compute/virtualmachines/vm"
FIRST, SECOND, THIRD = made("p1", 1, "os", "a"), made("p2", 2, "os", "a"), made("p3", 3, "os", "a")
GONE = {number: replace(point, gone_at=NOW + 4 * HOUR) for number, point in enumerate((FIRST, SECOND, THIRD), 1)}
OS = DiskFacts("os", disk_id("os"), is_os=True, size_gb=100)


@pytest.mark.parametrize(
    ("disk", "copies", "points", "because"),
    [
        (OS, [], [], FullBecause.FIRST_COPY),
        (OS, [copy_of(FIRST, is_there=False)], [FIRST], FullBecause.FIRST_COPY),
        (OS, [copy_of(SECOND), copy_of(FIRST)], [SECOND, FIRST], None),
        (OS, [copy_of(SECOND)], [], None),  # copied by an earlier version, whose restore points are in no ledger
        (DiskFacts("b", disk_id("b"), size_gb=10), [copy_of(FIRST)], [FIRST], FullBecause.NEW_DISK),
        (OS, [copy_of(SECOND), copy_of(FIRST)], [SECOND, GONE[1]], FullBecause.BASE_DELETED),
        (OS, [copy_of(SECOND)], [FIRST, GONE[2]], None),
        (OS, [copy_of(made("p5", 5, "os"))], [made("p5", 5, "os"), SECOND, GONE[1]], None),  # it has become the base
        (OS, [copy_of(SECOND, is_there=False), copy_of(FIRST)], [SECOND, FIRST], FullBecause.NEWEST_GONE),
        (replace(OS, size_gb=5000), [copy_of(FIRST)], [FIRST], FullBecause.RESIZED),
    ],
)
def test_each_reason_why_a_disk_is_copied_whole_follows_from_the_ledger(
    disk: DiskFacts, copies: list[UsableCopy], points: list[MadePoint], because: FullBecause | None
) -> None:
    assert whole_disks([disk], copies, points) == ({disk.id: because} if because is not None else {})
