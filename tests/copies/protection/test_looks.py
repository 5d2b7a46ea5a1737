"""A look at a VM as a rule: whatever happens between looks, each breach begins once and ends once."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.copies.protection.coverage import Coverage, CoveredRegion, with_copies, with_coverage, without_coverage
from shared.copies.protection.looks import look, next_look
from shared.copies.protection.records.record import NewestUsable, NoticeKind, ProtectionRecord, Reason
from shared.copies.protection.states import State
from shared.copies.protection.usable import UsableCopies

START = datetime(2026, 5, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
REGIONS = ("northeurope", "uksouth")
VM = "/subscriptions/5d0b6a52-7c1e-4f7e-9a55-0c8e6d1f2a31/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v"
NEW = ProtectionRecord(tenant="contoso", virtual_machine_id=VM)


def covered(hours: int, *regions: str) -> Coverage:
    return Coverage(tuple(CoveredRegion(region, "daily", hours * HOUR) for region in regions), ("daily",))


def copies(region: str, taken: datetime, count: int = 1) -> UsableCopies:
    return UsableCopies({region: count}, {region: NewestUsable(copy_id="c", restore_point_id="p", taken_at=taken, completed_at=taken)})


CHANGES = st.one_of(
    st.just(None),
    st.tuples(st.just("copy"), st.sampled_from(REGIONS), st.integers(0, 9)),
    st.tuples(st.just("cover"), st.lists(st.sampled_from(REGIONS), max_size=2, unique=True).map(tuple), st.integers(1, 9)),
    st.tuples(st.just("gone"), st.just(()), st.just(0)),
)


@given(st.lists(st.tuples(st.integers(0, 12), CHANGES), max_size=30))
def test_each_breach_begins_once_and_ends_once(history: list[tuple[int, tuple[str, tuple[str, ...] | str, int] | None]]) -> None:
    now, record = START, look(None, with_coverage(NEW, covered(4, *REGIONS), START), START)
    for hours, change in history:
        now += hours * HOUR
        changed = record
        match change:
            case ("copy", str(region), age):
                changed = with_copies(record, copies(region, now - age * HOUR))
            case ("cover", tuple(regions), objective):
                changed = with_coverage(record.model_copy(update={"gone": False}), covered(objective, *regions), now)
            case ("gone", _, _):
                changed = without_coverage(record, gone=True)
        record = look(record, changed, now)
        assert look(record, record, now) == record
    begun = [one.id.removesuffix("/began") for one in record.notices if one.kind is NoticeKind.BREACHED]
    ended = [one.id.removesuffix("/ended") for one in record.notices if one.kind is NoticeKind.RECOVERED]
    assert set(ended) <= set(begun)
    assert len(begun) - len(ended) == sum(target.breached_since is not None for target in record.targets)


def test_the_next_look_is_when_the_first_breach_begins() -> None:
    record = look(None, with_coverage(NEW, covered(4, *REGIONS), START), START)
    record = look(record, with_copies(record, copies(REGIONS[0], START + HOUR)), START + HOUR)
    due = next_look(record)
    assert due is not None
    assert START + 4 * HOUR < due <= START + 4 * HOUR + timedelta(seconds=1)
    assert look(record, record, START + 4 * HOUR) == record
    breached = look(record, record, due)
    assert {one.region: one.breached_since for one in breached.targets} == {REGIONS[0]: None, REGIONS[1]: START + 4 * HOUR}
    following = next_look(breached)
    assert following is not None
    assert following > START + 5 * HOUR


def test_a_vm_never_covered_causes_no_event_and_one_that_lost_its_policy_causes_one() -> None:
    never = look(None, with_coverage(NEW, Coverage(reasons=(Reason.NO_POLICY,)), START), START)
    assert (never.state, never.notices) == (State.UNPROTECTED, ())
    was = look(None, with_coverage(NEW, covered(4, *REGIONS), START), START)
    lost = look(was, without_coverage(was, gone=False), START + HOUR)
    assert [one.kind for one in lost.notices] == [NoticeKind.UNPROTECTED]
    assert look(lost, without_coverage(lost, gone=False), START + 2 * HOUR).notices == lost.notices


def test_the_limit_is_near_once_at_each_number() -> None:
    record = with_coverage(NEW, covered(4, *REGIONS), START)
    for number in (399, 400, 401, 474, 475, 476):
        record = look(record, with_copies(record, copies(REGIONS[0], START, number)), START)
    assert [one.limit for one in record.notices if one.kind is NoticeKind.LIMIT_NEAR] == [400, 475]
