"""Two days of the command `python3 -m tests.copies.two_weeks`, which drives two weeks."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.copies.retained import KeptCopy, SourcePoint, breaches, left_after, points_left_after
from tests.copies.two_weeks import drive
from tests.histories import virtual

START = datetime(2026, 11, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.process
def test_two_days_of_a_fleet_keep_what_the_model_keeps_and_report_each_breach(tmp_path: Path) -> None:
    log = tmp_path / "simulation.log"
    log.touch()
    seen = virtual.run(drive(2, 30, log, machines=1))
    assert min(seen["runs"], seen["kept"], seen["deleted"], seen["pointsDeleted"], seen["breaches"]) > 0, seen


def test_the_model_keeps_the_newest_and_the_newest_of_each_period() -> None:
    copies = [KeptCopy(str(number), START + 6 * HOUR * number, START + 6 * HOUR * number + HOUR) for number in range(12)]
    runs = [START + 6 * HOUR * number for number in range(12)]
    assert left_after(copies, runs, {"keepLast": 2}, ZoneInfo("UTC"), 6) == [{"9", "10", "11"}], "the last one came after the last run"
    assert left_after(copies, runs, {"keepLast": 1, "daily": 3}, ZoneInfo("UTC"), 6) == [{"3", "7", "10", "11"}]
    assert left_after(copies, runs[-1:], {"keepLast": 1}, ZoneInfo("UTC"), 6) == [{copy.id for copy in copies}], "more than may be deleted"


def test_the_model_keeps_the_base_the_newest_what_is_copied_and_what_the_newest_copies_are_of() -> None:
    late = KeptCopy("late", START, START + 90 * HOUR)
    points = [
        SourcePoint(str(number), START + 6 * HOUR * number, (("a", KeptCopy(f"c{number}", START, START + 6 * HOUR * number + HOUR)),))
        for number in range(12)
    ]
    runs = [START + 6 * HOUR * number for number in range(1, 13)]
    assert points_left_after(points, runs, 3, 6) == [{"0", "9", "10", "11"}]
    points[5] = SourcePoint("5", points[5].taken_at, (*points[5].copies, ("b", late)))
    assert points_left_after(points, runs, 3, 6) == [{"0", "5", "9", "10", "11"}], "a copy of it runs"
    assert points_left_after(points, [*runs, START + 96 * HOUR], 3, 6) == [{"0", "5", "9", "10", "11"}], "the newest copy of b is of it"
    assert points_left_after(points, runs[-1:], 3, 6) == [{point.id for point in points}], "more than may be deleted"


def test_the_model_finds_breaches_to_the_second() -> None:
    copies = [KeptCopy("a", START, START + HOUR), KeptCopy("b", START + 10 * HOUR, START + 11 * HOUR)]
    assert breaches(copies, START, 8 * 3600, START + 12 * HOUR) == [(START + 8 * HOUR, START + 11 * HOUR)]
    assert breaches(copies, START, 12 * 3600, START + 12 * HOUR) == []
    assert breaches([], START, 3600, START + 2 * HOUR) == [(START + HOUR, None)]
