"""Storage that fails: answers that never come, 500s for a while. A hiccup is bridged, an outage costs time, nothing is done twice."""

import pytest
from azure.core.exceptions import AzureError

from shared.operations.model.models import Status
from tests.operations.conftest import Another
from tests.operations.kit import STEPS, Core, new
from tests.support.storage_proxy import AnswerStatus, DropAnswer, DropRequest, Rule, StorageProxy

_WRITTEN_AND_500 = AnswerStatus(500, after_forwarding=True)


async def test_an_acceptance_that_storage_answered_with_an_error_after_writing_it_knows_itself(
    core: Core, another: Another, proxy: StorageProxy
) -> None:
    rule = proxy.add(Rule(_WRITTEN_AND_500, service="table", path="batch"))
    accepted = await another(proxy.connection_string).acceptance.accept(new())
    assert rule.matched == 1
    assert accepted.created, "it is this request's own"
    assert await core.work() == 1
    assert (await core.get(accepted.operation)).status is Status.SUCCEEDED


async def test_an_acceptance_whose_answer_was_lost_is_found_by_the_same_request_again(
    core: Core, another: Another, proxy: StorageProxy
) -> None:
    through = another(proxy.connection_string)
    proxy.add(Rule(DropAnswer(), service="table", path="batch", times=None))
    with pytest.raises(AzureError):
        await through.acceptance.accept(new())
    proxy.clear()
    again = await through.acceptance.accept(new())
    assert not again.created
    await core.go_on(minutes=5)
    assert (await core.get(again.operation)).status is Status.SUCCEEDED
    assert len(core.toys.world.begun) == 1


async def test_an_acceptance_that_never_reached_storage_leaves_nothing_but_a_lock_that_frees_itself(
    core: Core, another: Another, proxy: StorageProxy
) -> None:
    proxy.add(Rule(DropRequest(), service="table", path="batch", times=None))
    with pytest.raises(AzureError):
        await another(proxy.connection_string).acceptance.accept(new(locks=("item",)))
    assert await core.acceptance.known(new()) is None
    assert await core.locks.holder(["item"]) is not None
    core.advance(minutes=2)
    assert await core.locks.holder(["item"]) is None


@pytest.mark.parametrize("write", range(4), ids=["claim", "intent", "end", "remove"])
@pytest.mark.parametrize(
    "action", [_WRITTEN_AND_500, DropAnswer(), DropRequest(), AnswerStatus(503)], ids=["500", "answer", "request", "503"]
)
async def test_whatever_write_of_a_step_is_hit_the_effect_is_begun_once_and_the_end_is_reported(
    core: Core, another: Another, proxy: StorageProxy, write: int, action: AnswerStatus | DropAnswer | DropRequest
) -> None:
    through = another(proxy.connection_string)
    operation = await core.accept(locks=("item",))
    await core.take(STEPS)
    where = [
        {"path": "batch"},  # the claim changes the list rows with it
        {"method": "PATCH"},
        {"path": "batch", "body": "final"},
        {"path": "batch", "body": rf"DELETE \S+a%7C{operation.id}"},
    ][write]
    rule = proxy.add(Rule(action, service="table", **where))  # type: ignore[arg-type]  # fields of a rule
    try:
        await through.runner.run(operation.id)
    except AzureError:
        proxy.clear()
    assert rule.matched == 1
    for _ in range(3):
        await core.go_on(minutes=5)
    assert (await core.get(operation)).status is Status.SUCCEEDED
    assert len(core.toys.world.begun) == 1
    assert len(core.toys.world.sends) == 1
    assert set(await core.published()) == {"terminal"}
    assert await core.store.active(operation.id) is None
    assert await core.locks.holder(["item"]) is None


async def test_a_claim_that_storage_answered_with_an_error_after_writing_it_goes_on_at_once(
    core: Core, another: Another, proxy: StorageProxy
) -> None:
    operation = await core.accept()
    rule = proxy.add(Rule(_WRITTEN_AND_500, service="table", path="batch"))
    await another(proxy.connection_string).runner.run(operation.id)
    assert rule.matched == 1
    assert (await core.get(operation)).status is Status.SUCCEEDED


@pytest.mark.usefixtures("core")
async def test_a_lock_that_storage_answered_with_an_error_after_writing_it_is_taken(another: Another, proxy: StorageProxy) -> None:
    rule = proxy.add(Rule(_WRITTEN_AND_500, service="table", method="POST", path="locks"))
    assert await another(proxy.connection_string).locks.take(["item"], "b" * 26) is None
    assert rule.matched == 1


async def test_a_lock_that_storage_took_over_with_an_error_is_taken(core: Core, another: Another, proxy: StorageProxy) -> None:
    await core.locks.take(["item"], "b" * 26)
    core.advance(minutes=3)
    rule = proxy.add(Rule(_WRITTEN_AND_500, service="table", path="batch"))
    assert await another(proxy.connection_string).locks.take(["item"], "c" * 26) is None
    assert rule.matched == 1
    held = await core.locks.holder(["item"])
    assert held is not None
    assert held.owner == "c" * 26


async def test_a_tick_whose_write_storage_answered_with_an_error_queues_what_it_pushed(
    core: Core, another: Another, proxy: StorageProxy
) -> None:
    for number in range(5):
        await core.accept(f"due-{number}")
    await core.take(STEPS)
    core.advance(minutes=5)
    rule = proxy.add(Rule(_WRITTEN_AND_500, service="table", path="batch"))
    assert (await another(proxy.connection_string).tick.run()).steps == 5
    assert rule.matched == 1
    assert len(await core.take(STEPS)) == 5


async def test_an_outage_never_makes_a_running_operation_fail(core: Core, another: Another, proxy: StorageProxy) -> None:
    through = another(proxy.connection_string)
    operation = await core.accept()
    for skip in (0, 2, 4):
        proxy.add(Rule(AnswerStatus(500), service="table", times=None, skip=skip))
        try:
            await through.go_on(minutes=5)
        except AzureError:
            shown = await core.get(operation)
            assert shown.status in {Status.NOT_STARTED, Status.RUNNING, Status.SUCCEEDED}
        proxy.clear()
    await through.go_on(minutes=10)
    await through.go_on(minutes=10)
    assert (await core.get(operation)).status is Status.SUCCEEDED
    assert len(core.toys.world.sends) == 1
    assert set(await core.published()) <= {"terminal", "attention/1"}


async def test_a_hint_doubled_by_a_lost_answer_costs_nothing(core: Core, another: Another, proxy: StorageProxy) -> None:
    rule = proxy.add(Rule(DropAnswer(), service="queue", path=STEPS))
    operation = await another(proxy.connection_string).accept()
    assert rule.matched == 1
    assert await core.work() == 2
    assert (await core.get(operation)).status is Status.SUCCEEDED
    assert len(core.toys.world.sends) == 1
    assert await core.published() == ["terminal"]
