"""Retention over random histories: equal to an independent model, and what must never happen."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.copies.policies.document import Retention
from shared.copies.retention.copies import Place, decide_copies
from shared.copies.retention.facts import CopyFacts, CopyState, PointFacts, PointState, Rule
from shared.copies.retention.source_points import SourcePlace, decide_points
from tests.copies.retention.model import expected_copies, expected_points
from tests.support.draws import drawn

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DISKS = ("os", "data", "log")

# hours of some days, so that buckets fill; a moment may be ahead of the clock, and equal to another's
_moments = st.one_of(
    st.integers(-3, 90 * 24).map(lambda hours: NOW - timedelta(hours=hours)),
    st.integers(0, 4 * 365).map(lambda days: NOW - timedelta(days=days)),
    st.integers(0, 300).map(lambda minutes: NOW - minutes * MINUTE),
)
_refusals = st.none() | st.integers(0, 3000).map(lambda minutes: NOW - minutes * MINUTE)
_vms = st.sampled_from(["vm", "vm", "vm", "vm", "former"])
_mostly = st.sampled_from([True, True, True, True, False])
_seldom = _mostly.map(lambda value: not value)
_states = st.sampled_from([CopyState.USABLE] * 5 + list(CopyState))


def _numbered(things: list[CopyFacts] | list[PointFacts]) -> tuple[str, ...]:
    return tuple(f"point-{(number * 7) % 101:03}" for number in range(len(things)))


_copies = st.lists(st.builds(CopyFacts, st.just(""), _moments, _vms, _states, _mostly, _seldom, _seldom, _refusals), max_size=40).map(
    lambda found: tuple(replace(one, id=id) for one, id in zip(found, _numbered(found), strict=True))
)
_points = st.lists(
    st.builds(
        PointFacts,
        st.just(""),
        _moments,
        _vms,
        st.frozensets(st.sampled_from((*DISKS, "removed")), min_size=1),
        st.sampled_from([PointState.MADE] * 5 + list(PointState)),
        _mostly,
        _seldom,
        _refusals,
    ),
    max_size=30,
).map(lambda found: tuple(replace(one, id=id) for one, id in zip(found, _numbered(found), strict=True)))
_retentions = st.fixed_dictionaries(
    {
        "keepLast": st.integers(1, 6),
        "daily": st.integers(0, 8),
        "weekly": st.integers(0, 5),
        "monthly": st.integers(0, 5),
        "yearly": st.integers(0, 3),
    }
).map(Retention.model_validate)
_zones = st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Kiritimati", "America/St_Johns"]).map(ZoneInfo)
_places = st.builds(Place, _copies, _mostly, st.just("vm"), _retentions, _zones, st.sampled_from([1, 3, 6, 100]), st.just(NOW))
_source_places = st.builds(
    SourcePlace,
    _points,
    _mostly,
    st.just("vm"),
    st.frozensets(st.sampled_from(DISKS), min_size=1),
    st.frozensets(st.integers(0, 29).map(lambda number: f"point-{(number * 7) % 101:03}"), max_size=3),
    st.integers(1, 5),
    st.sampled_from([1, 3, 6, 100]),
    st.just(NOW),
)


@settings(max_examples=drawn(200), deadline=None)
@given(_places)
def test_copies_are_decided_as_by_the_model(place: Place) -> None:
    found = {id: ";".join(decision.names) for id, decision in decide_copies(place).items()}
    assert found == expected_copies(place.copies, place.whole, place.vm_id, place.retention, place.zone, place.deletions, place.now)


@settings(max_examples=drawn(200), deadline=None)
@given(_source_places)
def test_restore_points_are_decided_as_by_the_model(place: SourcePlace) -> None:
    found = {id: ";".join(decision.names) for id, decision in decide_points(place).items()}
    assert found == expected_points(
        place.points, place.whole, place.vm_id, place.disks, place.newest_copied, place.keep_last, place.deletions, place.now
    )


@settings(max_examples=drawn(100), deadline=None)
@given(_places, _source_places, st.randoms(use_true_random=False))
def test_the_order_of_what_the_store_returns_changes_nothing(place: Place, source: SourcePlace, random: Random) -> None:
    copies, points = list(place.copies), list(source.points)
    random.shuffle(copies)
    random.shuffle(points)
    assert decide_copies(replace(place, copies=tuple(copies))) == decide_copies(place)
    assert decide_points(replace(source, points=tuple(points))) == decide_points(source)


@settings(max_examples=drawn(150), deadline=None)
@given(_places)
def test_the_last_usable_copy_is_never_deleted(place: Place) -> None:
    decisions = decide_copies(place)
    usable = [copy for copy in place.copies if copy.state is CopyState.USABLE and copy.by_policy and copy.vm_id == "vm"]
    left = [copy for copy in usable if not decisions[copy.id].deletes]
    assert bool(left) == bool(usable)
    if usable:
        newest = max(copy.taken_at for copy in usable)
        assert any(copy.taken_at == newest for copy in left)


@settings(max_examples=drawn(150), deadline=None)
@given(_source_places)
def test_a_base_a_pair_and_what_a_copy_reads_are_never_deleted(place: SourcePlace) -> None:
    deleted = {id for id, decision in decide_points(place).items() if decision.deletes}
    made = [point for point in place.points if point.state is PointState.MADE]
    for disk in place.disks:
        with_disk = [point for point in made if disk in point.disks]
        if with_disk:
            oldest = min(point.taken_at for point in with_disk)
            assert any(point.taken_at == oldest and point.id not in deleted for point in with_disk)
    assert not deleted & place.newest_copied
    assert not deleted & {point.id for point in place.points if point.needed}


@settings(max_examples=drawn(100), deadline=None)
@given(_places, _source_places)
def test_nothing_is_deleted_while_the_picture_is_not_whole(place: Place, source: SourcePlace) -> None:
    decided = [*decide_copies(replace(place, whole=False)).values(), *decide_points(replace(source, whole=False)).values()]
    assert all(decision.rule is Rule.NOT_SURE for decision in decided)


@settings(max_examples=drawn(150), deadline=None)
@given(_places, st.lists(st.integers(1, 60 * 24), max_size=12))
def test_what_a_run_deletes_no_later_run_would_have_kept(place: Place, later: list[int]) -> None:
    place = replace(place, whole=True, deletions=100)
    deleted = {id for id, decision in decide_copies(place).items() if decision.deletes}
    after = NOW + timedelta(days=2)
    new = tuple(CopyFacts(f"new-{n}", after + timedelta(hours=h), "vm", CopyState.USABLE) for n, h in enumerate(later))
    kept = decide_copies(replace(place, copies=place.copies + new, now=after + timedelta(days=90)))
    assert not [id for id in deleted if not kept[id].deletes]


@settings(max_examples=drawn(150), deadline=None)
@given(_places)
def test_deleting_what_is_due_leaves_the_same_decisions_for_the_rest(place: Place) -> None:
    decisions = decide_copies(place)
    left = tuple(copy for copy in place.copies if not decisions[copy.id].deletes)
    again = decide_copies(replace(place, copies=left))
    assert again == {copy.id: decisions[copy.id] for copy in left}
