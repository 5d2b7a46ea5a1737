"""Each row of the table of copies; docs/design/copy-policies.md, "Copies"."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shared.copies.policies.document import Retention
from shared.copies.retention.copies import Place, decide_copies
from shared.copies.retention.facts import CopyFacts, CopyState
from shared.copies.retention.requests import DeletionRefusal, refusal_of_deletion

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def _copy(name: str, age: timedelta, state: CopyState = CopyState.USABLE, **facts: Any) -> CopyFacts:
    return CopyFacts(name, NOW - age, facts.pop("vm_id", "vm"), state, **facts)


def _place(*copies: CopyFacts, whole: bool = True, deletions: int = 6, zone: str = "UTC", **numbers: int) -> Place:
    return Place(copies, whole, "vm", Retention.model_validate({"keepLast": 1, **numbers}), ZoneInfo(zone), deletions, NOW)


def _names(*copies: CopyFacts, **place: Any) -> dict[str, tuple[str, ...]]:
    return {id: decision.names for id, decision in decide_copies(_place(*copies, **place)).items()}


NEWEST, OLD, OLDER = _copy("newest", DAY), _copy("old", 2 * DAY), _copy("older", 3 * DAY)


def test_row_1_nothing_is_deleted_while_the_picture_is_not_whole() -> None:
    assert set(_names(NEWEST, OLD, OLDER, whole=False).values()) == {("NotSure",)}


def test_row_2_what_a_caller_or_another_made_is_not_ours() -> None:
    assert _names(NEWEST, OLD, replace(OLDER, by_policy=False))["older"] == ("NotOurs",)


def test_row_2_what_is_of_another_vm_of_the_name_is_not_ours() -> None:
    assert _names(NEWEST, OLD, replace(OLDER, vm_id="former"))["older"] == ("NotOurs",)


@pytest.mark.parametrize("state", [CopyState.WAITING, CopyState.COPYING])
def test_row_3_what_waits_or_copies_is_in_flight(state: CopyState) -> None:
    assert _names(NEWEST, _copy("flying", 2 * DAY, state))["flying"] == ("InFlight",)


def test_row_3_a_failed_copy_that_may_be_redone_is_in_flight() -> None:
    assert _names(NEWEST, _copy("failed", 2 * DAY, CopyState.FAILED, redoable=True))["failed"] == ("InFlight",)


def test_row_4_what_a_restore_holds_is_in_use() -> None:
    assert _names(NEWEST, OLD, replace(OLDER, in_use=True))["older"] == ("InUse",)


def test_row_5_a_failed_copy_that_the_chain_has_passed_is_deleted() -> None:
    assert _names(NEWEST, _copy("failed", 2 * DAY, CopyState.FAILED))["failed"] == ("FailedAndPassed",)


def test_row_5_a_waiting_copy_has_not_passed_a_failed_one() -> None:
    names = _names(OLD, _copy("failed", DAY, CopyState.FAILED), _copy("waiting", HOUR, CopyState.WAITING))
    assert names["failed"] == ("Superfluous",)


def test_row_5_a_copy_of_the_same_moment_has_not_passed_a_failed_one() -> None:
    assert _names(NEWEST, _copy("failed", DAY, CopyState.FAILED))["failed"] == ("Superfluous",)


def test_row_5_is_not_held() -> None:
    failed = [_copy(f"failed{number}", (2 + number) * DAY, CopyState.FAILED) for number in range(9)]
    assert set(_names(NEWEST, *failed, deletions=1).values()) == {("Newest",), ("FailedAndPassed",)}


def test_row_6_the_newest_usable_copy_is_kept() -> None:
    names = _names(OLD, OLDER, _copy("copying", HOUR, CopyState.COPYING), _copy("failed", 2 * HOUR, CopyState.FAILED))
    assert names["old"] == ("Newest",)


def test_row_6_is_of_those_that_are_left() -> None:
    assert _names(replace(NEWEST, in_use=True), OLD, OLDER) == {"newest": ("InUse",), "old": ("Newest",), "older": ("Superfluous",)}


def test_row_6_of_equal_moments_the_smaller_id_is_newer() -> None:
    assert _names(replace(OLD, id="b"), replace(OLD, id="a")) == {"a": ("Newest",), "b": ("Superfluous",)}


def test_row_7_keep_last_keeps_the_newest() -> None:
    names = _names(NEWEST, OLD, OLDER, _copy("oldest", 4 * DAY), keepLast=3)
    assert names == {"newest": ("Newest",), "old": ("KeepLast",), "older": ("KeepLast",), "oldest": ("Superfluous",)}


def test_row_7_daily_keeps_the_newest_of_each_day_that_has_a_copy() -> None:
    names = _names(NEWEST, _copy("same day", DAY + HOUR), _copy("gap", 9 * DAY), _copy("earlier", 9 * DAY + HOUR), daily=2)
    assert names == {"newest": ("Newest",), "same day": ("Superfluous",), "gap": ("Daily 2026-11-12",), "earlier": ("Superfluous",)}


def test_row_7_days_are_local() -> None:
    before, after = _copy("before", timedelta(hours=14)), _copy("after", timedelta(hours=12))  # 22:00 and 0:00 in UTC
    assert _names(NEWEST, before, after, zone="UTC", daily=3)["before"] == ("Daily 2026-11-20",)
    assert _names(NEWEST, before, after, zone="Europe/Athens", daily=3)["before"] == ("Superfluous",)


def test_row_7_a_copy_may_fill_several_buckets() -> None:
    last_year = CopyFacts("last year", datetime(2025, 12, 30, 12, tzinfo=UTC), "vm", CopyState.USABLE)
    assert _names(NEWEST, last_year, keepLast=2, daily=2, weekly=2, monthly=2, yearly=2)["last year"] == (
        "KeepLast",
        "Daily 2025-12-30",
        "Weekly 2026-W01",
        "Monthly 2025-12",
        "Yearly 2025",
    )


def test_row_7_an_outage_deletes_nothing() -> None:
    copies = [_copy(f"copy{number}", (400 + number) * DAY) for number in range(5)]
    assert all(not decision.deletes for decision in decide_copies(_place(*copies, daily=5)).values())


@pytest.mark.parametrize(("ago", "rule"), [(DAY - HOUR, "Refused"), (DAY, "Superfluous")])
def test_row_8_what_azure_refused_in_the_last_day_is_kept(ago: timedelta, rule: str) -> None:
    assert _names(NEWEST, replace(OLD, refused_at=NOW - ago))["old"] == (rule,)


def test_row_9_more_than_the_limit_are_all_held() -> None:
    assert _names(NEWEST, OLD, OLDER, deletions=1) == {"newest": ("Newest",), "old": ("Held",), "older": ("Held",)}


def test_row_9_what_azure_refused_does_not_count() -> None:
    assert _names(NEWEST, OLD, replace(OLDER, refused_at=NOW), deletions=1)["old"] == ("Superfluous",)


def test_row_10_the_rest_is_deleted() -> None:
    assert _names(NEWEST, OLD, OLDER, deletions=2) == {"newest": ("Newest",), "old": ("Superfluous",), "older": ("Superfluous",)}


@pytest.mark.parametrize(
    ("copy", "others", "refusal"),
    [
        (_copy("a", HOUR, CopyState.COPYING), (), DeletionRefusal.NOT_FINISHED),
        (_copy("a", HOUR, CopyState.WAITING), (), DeletionRefusal.NOT_FINISHED),
        (replace(NEWEST, in_use=True), (OLD,), DeletionRefusal.SCOPE_BUSY),
        (NEWEST, (), DeletionRefusal.LAST_USABLE_COPY),
        (NEWEST, (_copy("failed", 2 * DAY, CopyState.FAILED),), DeletionRefusal.LAST_USABLE_COPY),
        (NEWEST, (OLD,), DeletionRefusal.CHAIN_NEEDS_IT),
        (OLD, (NEWEST,), None),
        (_copy("failed", HOUR, CopyState.FAILED), (), None),
        (_copy("failed", HOUR, CopyState.FAILED, redoable=True), (), None),
    ],
)
def test_what_a_caller_may_delete(copy: CopyFacts, others: tuple[CopyFacts, ...], refusal: DeletionRefusal | None) -> None:
    assert refusal_of_deletion(copy, (copy, *others), accept_last=False, accept_full_copy=False) is refusal


def test_a_caller_accepts_to_delete_the_last_copy_and_to_copy_whole() -> None:
    assert refusal_of_deletion(NEWEST, (NEWEST,), accept_last=True, accept_full_copy=False) is None
    assert refusal_of_deletion(NEWEST, (NEWEST, OLD), accept_last=False, accept_full_copy=True) is None
    assert refusal_of_deletion(NEWEST, (NEWEST,), accept_last=False, accept_full_copy=True) is DeletionRefusal.LAST_USABLE_COPY
