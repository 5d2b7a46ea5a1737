"""Each row of the table of a VM's restore points; docs/design/copy-policies.md, "Restore points of the VM"."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.copies.retention.facts import PointFacts, PointState
from shared.copies.retention.source_points import SourcePlace, decide_points

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
DISKS = frozenset({"os", "data"})


def _point(name: str, age: timedelta, **facts: Any) -> PointFacts:
    return PointFacts(name, NOW - age, facts.pop("vm_id", "vm"), facts.pop("disks", DISKS), **facts)


def _rules(*points: PointFacts, whole: bool = True, pairs: frozenset[str] = frozenset(), deletions: int = 6) -> dict[str, str]:
    place = SourcePlace(points, whole, "vm", DISKS, pairs, 1, deletions, NOW)
    return {id: ";".join(decision.names) for id, decision in decide_points(place).items()}


NEWEST, MIDDLE, BASE = _point("newest", DAY), _point("middle", 5 * DAY), _point("base", 9 * DAY)


def test_row_1_nothing_is_deleted_while_the_picture_is_not_whole() -> None:
    assert set(_rules(NEWEST, MIDDLE, BASE, whole=False).values()) == {"NotSure"}


@pytest.mark.parametrize("facts", [{"by_policy": False}, {"vm_id": "former"}])
def test_row_2_what_others_made_or_of_another_vm_is_not_ours(facts: dict[str, Any]) -> None:
    assert _rules(NEWEST, _point("middle", 5 * DAY, **facts), BASE)["middle"] == "NotOurs"


def test_row_3_what_is_being_made_is_in_flight() -> None:
    assert _rules(NEWEST, replace(MIDDLE, state=PointState.BEING_MADE), BASE)["middle"] == "InFlight"


@pytest.mark.parametrize(("age", "rule"), [(HOUR - MINUTE, "InFlight"), (HOUR, "Superfluous")])
def test_row_3_what_is_younger_than_an_hour_is_in_flight(age: timedelta, rule: str) -> None:
    assert _rules(_point("newest", MINUTE), _point("young", age), BASE)["young"] == rule


def test_row_4_the_oldest_point_of_a_disk_is_its_base() -> None:
    rules = _rules(NEWEST, MIDDLE, replace(BASE, disks=frozenset({"os", "removed"})))
    assert rules == {"newest": "KeepLast", "middle": "Base", "base": "Base"}


def test_row_4_the_oldest_of_a_disk_that_the_vm_has_no_more_is_no_base() -> None:
    assert _rules(NEWEST, MIDDLE, BASE, _point("removed", 20 * DAY, disks=frozenset({"removed"})))["removed"] == "Superfluous"


def test_row_4_a_base_that_another_made_makes_ours_no_base() -> None:
    assert _rules(NEWEST, MIDDLE, BASE, _point("other", 20 * DAY, by_policy=False))["base"] == "Superfluous"


def test_row_4_a_point_that_failed_is_no_base() -> None:
    assert _rules(NEWEST, MIDDLE, BASE, _point("failed", 20 * DAY, state=PointState.FAILED))["base"] == "Base"


def test_row_5_what_a_copy_reads_is_needed() -> None:
    assert _rules(NEWEST, replace(MIDDLE, needed=True), BASE)["middle"] == "Needed"


def test_row_6_the_source_of_the_newest_usable_copy_is_its_pair() -> None:
    assert _rules(NEWEST, MIDDLE, BASE, pairs=frozenset({"middle"}))["middle"] == "Pair"


def test_row_7_the_newest_that_were_made_well_are_kept() -> None:
    assert _rules(_point("failed", HOUR, state=PointState.FAILED), NEWEST, MIDDLE, BASE)["newest"] == "KeepLast"


def test_row_8_what_azure_refused_in_the_last_day_is_kept() -> None:
    assert _rules(NEWEST, replace(MIDDLE, refused_at=NOW - HOUR), BASE)["middle"] == "Refused"


def test_row_9_more_than_the_limit_are_all_held() -> None:
    assert _rules(NEWEST, MIDDLE, _point("another", 6 * DAY), BASE, deletions=1)["another"] == "Held"


def test_row_10_the_rest_is_deleted() -> None:
    assert _rules(NEWEST, MIDDLE, BASE) == {"newest": "KeepLast", "middle": "Superfluous", "base": "Base"}
