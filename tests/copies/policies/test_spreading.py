"""How a run spreads what it accepts: no more writes of a subscription at once than the app's share of a full bucket."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from shared.copies.policies.runs.items import Decision, RunItem, TargetItem
from shared.copies.policies.spreading import at_once, burst, writes_of_item, writes_of_items
from tests.copies.policies.documents import OTHER_SUBSCRIPTION, SUBSCRIPTION, vm_id

_machines = st.lists(st.tuples(st.sampled_from([SUBSCRIPTION, OTHER_SUBSCRIPTION]), st.integers(0, 3)), max_size=80)


def _item(number: int, subscription: str, copied: int) -> RunItem:
    targets = [TargetItem(region=f"region{index}", decision=Decision.COPIED) for index in range(copied)]
    targets.append(TargetItem(region="skipped", decision=Decision.SKIPPED))
    machine = vm_id(f"vm{number}", subscription=subscription)
    return RunItem(virtual_machine_id=machine, decision=Decision.COPIED if copied else Decision.SKIPPED, targets=tuple(targets))


@given(_machines, st.floats(0.001, 1))
def test_all_are_accepted_in_order_and_no_batch_makes_more_writes_than_a_burst(machines: list[tuple[str, int]], share: float) -> None:
    items = [_item(number, subscription, copied) for number, (subscription, copied) in enumerate(machines)]
    left, taken = list(items), []
    while left:
        batch = at_once(left, burst(share))
        assert batch, "a run goes on, whatever its share"
        assert len(batch) == 1 or max(writes_of_items(batch).values(), default=0) <= burst(share)
        if len(batch) < len(left):
            one_more = Counter(writes_of_items(left[: len(batch) + 1]))
            assert max(one_more.values()) > burst(share), "a batch is as long as it may be"
        taken += batch
        left = left[len(batch) :]
    assert taken == items
    assert Counter(writes_of_items(items)) == sum((Counter(writes_of_item(item)) for item in items), Counter())


def test_a_vm_without_a_copy_makes_no_write() -> None:
    assert (writes_of_item(_item(1, SUBSCRIPTION, 0)), sum(writes_of_item(_item(1, SUBSCRIPTION, 2)).values())) == ({}, 6)
