"""How a run spreads what it accepts: no more calls in a subscription at once than the app's share of a full bucket."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from shared.copies.policies.runs.items import Decision, RunItem, TargetItem
from shared.copies.policies.spreading import at_once, burst, calls_of_item, calls_of_items
from tests.copies.policies.documents import OTHER_SUBSCRIPTION, SUBSCRIPTION, vm_id

_machines = st.lists(st.tuples(st.sampled_from([SUBSCRIPTION, OTHER_SUBSCRIPTION]), st.integers(0, 3)), max_size=80)


def _item(number: int, subscription: str, copied: int) -> RunItem:
    targets = [TargetItem(region=f"region{index}", decision=Decision.COPIED) for index in range(copied)]
    targets.append(TargetItem(region="skipped", decision=Decision.SKIPPED))
    machine = vm_id(f"vm{number}", subscription=subscription)
    return RunItem(virtual_machine_id=machine, decision=Decision.COPIED if copied else Decision.SKIPPED, targets=tuple(targets))


@given(_machines, st.floats(0.001, 1))
def test_all_are_accepted_in_order_and_no_batch_makes_more_calls_than_a_burst(machines: list[tuple[str, int]], share: float) -> None:
    items = [_item(number, subscription, copied) for number, (subscription, copied) in enumerate(machines)]
    left, taken = list(items), []
    while left:
        batch = at_once(left, share)
        assert batch, "a run goes on, whatever its share"
        assert len(batch) == 1 or _fits(batch, share)
        if len(batch) < len(left):
            assert not _fits(left[: len(batch) + 1], share), "a batch is as long as it may be"
        taken += batch
        left = left[len(batch) :]
    assert taken == items
    assert Counter(calls_of_items(items)) == sum((Counter(calls_of_item(item)) for item in items), Counter())


def _fits(items: Sequence[RunItem], share: float) -> bool:
    return all(count <= burst(key, share) for key, count in calls_of_items(items).items())


def test_a_vm_without_a_copy_makes_no_call_and_one_with_two_six_writes() -> None:
    assert calls_of_item(_item(1, SUBSCRIPTION, 0)) == {}
    assert calls_of_item(_item(1, SUBSCRIPTION, 2))[f"{SUBSCRIPTION}/write"] == 6
