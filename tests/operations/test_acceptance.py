"""Acceptance: once per key, in as few storage calls as the promise allows."""

import asyncio
import json

import pytest

from shared.access.sender import queue_actor
from shared.errors import ErrorCode, Refused
from shared.operations.model.models import Status
from tests.operations.conftest import Another
from tests.operations.kit import ALICE, STEPS, Core, new
from tests.support.storage_proxy import StorageProxy


async def test_an_accepted_request_can_be_read_at_once_and_its_step_is_queued(core: Core) -> None:
    accepted = await core.acceptance.accept(new(data={"x": 1}, filters={"region": "westeurope"}))
    assert accepted.created
    read = await core.get(accepted.operation)
    assert read == accepted.operation
    assert (read.status, read.step, read.percent_complete) == (Status.NOT_STARTED, "starting", 0)
    assert (read.tenant, read.actor, read.body, read.data) == ("contoso", ALICE, {"make": "a toy"}, {"x": 1})
    assert [json.loads(text) for text in await core.take(STEPS)] == [{"v": 1, "ids": [read.id]}]


@pytest.mark.usefixtures("core")
async def test_acceptance_costs_one_transaction_and_one_message(another: Another, proxy: StorageProxy) -> None:
    through = another(proxy.connection_string)
    await through.accept()
    calls = [(passed.service, passed.method, passed.path.partition("?")[0].rpartition("/")[2]) for passed in proxy.requests]
    assert calls == [("table", "POST", "$batch"), ("queue", "POST", "messages")]
    assert proxy.requests[0].body.count(b"POST http") == 4


async def test_a_message_is_found_by_its_key_and_costs_one_storage_call_more(another: Another, proxy: StorageProxy, core: Core) -> None:
    through = another(proxy.connection_string)
    for tenant in ("contoso", "fabrikam"):
        await through.accept("order-1", tenant=tenant, actor=queue_actor("orders"))
    calls = [(passed.service, passed.method) for passed in proxy.requests]
    assert calls == [("table", "PATCH"), ("table", "POST"), ("queue", "POST")] * 2
    await core.accept("by-http")
    assert set(await core.acceptance.message_keys.tenants("toy", "order-1")) == {"contoso", "fabrikam"}
    assert await core.acceptance.message_keys.tenants("game", "order-1") == ()
    assert await core.acceptance.message_keys.tenants("toy", "by-http") == ()


async def test_the_same_request_again_is_answered_with_the_same_operation_and_nothing_is_queued_twice(core: Core) -> None:
    first = await core.acceptance.accept(new())
    again = await core.acceptance.accept(new())
    assert (first.created, again.created) == (True, False)
    assert again.operation == first.operation
    assert len(await core.take(STEPS)) == 1


async def test_members_reserved_for_messages_do_not_make_another_request_of_it(core: Core) -> None:
    first = await core.accept(body={"make": "a toy"})
    by_queue = await core.acceptance.accept(new(body={"tenant": "contoso", "make": "a toy", "id": "m-1"}))
    assert (by_queue.created, by_queue.operation.id) == (False, first.id)


async def test_another_body_under_the_same_key_is_refused_and_changes_nothing(core: Core) -> None:
    first = await core.accept()
    with pytest.raises(Refused) as refused:
        await core.acceptance.accept(new(body={"make": "a game"}))
    assert refused.value.code is ErrorCode.REPEATABILITY_KEY_REUSED
    with pytest.raises(Refused):
        await core.acceptance.known(new(body={"make": "a game"}))
    assert (await core.get(first)).body == {"make": "a toy"}


async def test_a_timers_slot_is_the_same_whatever_its_policy_states_now(core: Core) -> None:
    first = await core.accept("slot", compare_body=False)
    again = await core.acceptance.accept(new("slot", body={"make": "a game"}, compare_body=False))
    assert (again.created, again.operation.id) == (False, first.id)


async def test_a_known_request_is_found_without_being_made(core: Core) -> None:
    assert await core.acceptance.known(new()) is None
    assert await core.acceptance.known(new(None)) is None
    first = await core.accept()
    assert await core.acceptance.known(new()) == first


async def test_the_same_key_of_another_tenant_or_kind_is_another_request(core: Core) -> None:
    made = [await core.accept(), await core.accept(tenant="fabrikam"), await core.accept(kind="game")]
    assert len({operation.id for operation in made}) == 3


async def test_requests_without_a_key_are_each_their_own(core: Core) -> None:
    assert (await core.accept(None)).id != (await core.accept(None)).id


async def test_many_of_the_same_request_at_once_on_two_workers_become_one_operation(core: Core, another: Another) -> None:
    workers = [core, another()]
    results = await asyncio.gather(*(workers[turn % 2].acceptance.accept(new()) for turn in range(20)))
    assert sum(result.created for result in results) == 1
    assert len({result.operation.id for result in results}) == 1
    assert len(await core.take(STEPS)) == 1


async def test_of_two_bodies_under_one_key_at_once_one_is_accepted_and_the_other_refused(core: Core, another: Another) -> None:
    workers = [core, another()]
    bodies = [{"make": "a toy"}, {"make": "a game"}]
    results = await asyncio.gather(
        *(workers[turn].acceptance.accept(new(body=dict(bodies[turn]))) for turn in range(2)), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Accepted", "Refused"]


async def test_a_request_is_found_again_after_it_has_ended(core: Core) -> None:
    operation = await core.accept()
    await core.work()
    again = await core.acceptance.accept(new())
    assert not again.created
    assert again.operation.id == operation.id
    assert again.operation.status is Status.SUCCEEDED
    assert len(core.toys.world.begun) == 1


async def test_a_crash_between_row_and_message_is_made_good_by_the_tick(core: Core) -> None:
    accepted = await core.store.insert(new(), core.store.id_for(new()))
    assert await core.work() == 0
    await core.go_on(minutes=4, seconds=59)
    assert core.toys.world.begun == []
    await core.go_on(seconds=1)
    assert (await core.get(accepted.operation)).status is Status.SUCCEEDED


async def test_a_request_of_more_than_64_kib_is_kept_whole(core: Core) -> None:
    body = {"text": "ä€😀" * 8000, "lone": "\ud800"}
    operation = await core.accept(body=body)
    assert (await core.get(operation)).body == body
    assert not (await core.acceptance.accept(new(body=body))).created


async def test_locks_are_taken_before_acceptance_and_given_back_when_it_is_refused(core: Core) -> None:
    first = await core.accept("first", locks=("item-1",))
    with pytest.raises(Refused) as refused:
        await core.acceptance.accept(new("second", locks=("item-0", "item-1", "item-2")))
    assert refused.value.code is ErrorCode.SCOPE_BUSY
    assert first.id in refused.value.problem.message, "it names the operation in the way"
    assert await core.locks.holder(["item-0", "item-2"]) is None
    held = await core.locks.holder(["item-1"])
    assert held is not None
    assert held.owner == first.id


async def test_a_duplicate_gives_back_only_what_the_operation_that_it_found_does_not_list(core: Core) -> None:
    first = await core.accept(locks=("item-1",))
    again = await core.acceptance.accept(new(locks=("item-1", "item-9")))
    assert again.operation.id == first.id
    assert await core.locks.holder(["item-1"]) is not None
    assert await core.locks.holder(["item-9"]) is None


async def test_a_further_claim_that_is_refused_gives_the_locks_back(core: Core) -> None:
    given_back = []

    async def taken(_operation: str) -> None:
        raise Refused(ErrorCode.RESTORE_POINT_ALREADY_COPIED, "somebody has it")

    async def give_back(operation: str) -> None:
        given_back.append(operation)

    with pytest.raises(Refused):
        await core.acceptance.accept(new(locks=("item-1",)), claim=taken, unclaim=give_back)
    assert await core.locks.holder(["item-1"]) is None
    assert given_back == [core.store.id_for(new())]
    assert await core.acceptance.known(new()) is None


async def test_a_further_claim_stays_with_the_operation_that_a_duplicate_finds(core: Core) -> None:
    given_back = []

    async def give_back(operation: str) -> None:
        given_back.append(operation)

    await core.accept()
    assert not (await core.acceptance.accept(new(), unclaim=give_back)).created
    assert given_back == []
