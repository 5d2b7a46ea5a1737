"""How the ledger and Azure differ: what counts once, what only after two looks, what stays shown."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.copies.reconciling.rules import BETWEEN_LOOKS, SHOWN_FOR, Drift, DriftKind, merge, missing, spread_over_a_day

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def looked(*looks: tuple[timedelta, list[Drift]]) -> list[Drift]:
    """Return the differences after some looks: each so long after the first one."""
    known: list[Drift] = []
    for after, found in looks:
        known = merge({one.key: one for one in known}, found, NOW + after)
    return known


def gone(after: timedelta = timedelta()) -> Drift:
    return missing(DriftKind.COPY_GONE, ["/Copies/One"], frozenset(), NOW + after)[0]


def test_what_a_collection_does_not_list_is_missing_and_so_is_all_of_a_collection_that_is_gone() -> None:
    ids = ["/Copies/One", "/Copies/Two"]
    assert [one.id for one in missing(DriftKind.COPY_GONE, ids, frozenset({"/copies/one"}), NOW)] == ["/Copies/Two"]
    assert [one.id for one in missing(DriftKind.COPY_GONE, ids, None, NOW)] == ids


@pytest.mark.parametrize(("apart", "sure"), [(BETWEEN_LOOKS - SECOND, False), (BETWEEN_LOOKS, True)])
def test_a_copy_is_gone_after_two_looks_ten_minutes_apart(apart: timedelta, sure: bool) -> None:
    (found,) = looked((timedelta(), [gone()]), (apart, [gone(apart)]))
    assert (found.is_sure, found.seen_at) == (sure, NOW)


def test_a_copy_that_is_shown_again_is_not_gone() -> None:
    assert looked((timedelta(), [gone()]), (BETWEEN_LOOKS, [])) == []


def test_what_is_gone_for_sure_stays_shown_for_a_while() -> None:
    looks = [(timedelta(), [gone()]), (BETWEEN_LOOKS, [gone()])]
    assert [one.is_sure for one in looked(*looks, (SHOWN_FOR - SECOND, []))] == [True]
    assert looked(*looks, (SHOWN_FOR, [])) == []


def test_what_others_made_counts_at_once_and_goes_at_once() -> None:
    foreign = Drift(DriftKind.FOREIGN_COPY, "/Copies/Other", NOW, region="northeurope", taken_at=NOW, usable=False)
    (found,) = looked((timedelta(), [foreign]))
    assert found.is_sure
    arrived = Drift(DriftKind.FOREIGN_COPY, "/copies/other", NOW + SECOND, region="northeurope", taken_at=NOW, usable=True)
    (later,) = looked((timedelta(), [foreign]), (SECOND, [arrived]))
    assert (later.usable, later.seen_at) == (True, NOW)
    assert looked((timedelta(), [foreign]), (SECOND, [])) == []


def test_vms_are_spread_over_the_day() -> None:
    hours = [spread_over_a_day(f"/vm/{number}") // timedelta(hours=1) for number in range(500)]
    assert set(hours) == set(range(24))
