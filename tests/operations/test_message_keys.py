"""A message that names an earlier one by its id: found without its tenant, whatever number of tenants there are."""

from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from shared.errors import ErrorCode, Refused
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.accepting.message_keys import TABLE, MessageKeys
from shared.operations.model.models import Actor, Operation
from shared.operations.outside.intake import Intake
from shared.web.calls import App, find_by_message
from tests.operations.conftest import Another
from tests.operations.kit import ALICE, Core, new
from tests.support.storage_proxy import StorageProxy

QUEUE = Actor("queue", "queue:toy-requests", "toy-requests")


@dataclass
class _App:
    store: Any
    message_keys: MessageKeys


@pytest.fixture
async def keys(core: Core) -> MessageKeys:
    await core.account.create([TABLE + core.suffix], ())
    return MessageKeys(core.account.table(TABLE + core.suffix))


def _acceptance(core: Core, keys: MessageKeys) -> Acceptance:
    return replace(core.acceptance, message_keys=keys)


async def _found(core: Core, keys: MessageKeys, target: str, tenant: str | None = None, source: str | None = None) -> Operation:
    intake = Intake("cancel", {}, target=target, tenant=tenant, source=source)
    return await find_by_message(cast("App", _App(core.store, keys)), core.kinds.named("toy"), intake)


async def test_it_is_found_by_its_id_alone(core: Core, keys: MessageKeys) -> None:
    made = (await _acceptance(core, keys).accept(new("order-1", actor=QUEUE))).operation
    assert (await _found(core, keys, "order-1")).id == made.id
    assert (await _found(core, keys, made.id)).id == made.id
    await _acceptance(core, keys).accept(new("order-1", actor=QUEUE))
    assert (await _found(core, keys, "order-1")).id == made.id


async def test_an_event_is_found_by_its_source_and_id(core: Core, keys: MessageKeys) -> None:
    made = (await _acceptance(core, keys).accept(new("/billing order-1", actor=QUEUE))).operation
    assert (await _found(core, keys, "order-1", source="/billing")).id == made.id
    with pytest.raises(Refused) as refused:
        await _found(core, keys, "order-1", source="/another")
    assert refused.value.code is ErrorCode.NOT_FOUND


async def test_the_same_id_of_two_tenants_needs_the_tenant(core: Core, keys: MessageKeys) -> None:
    for tenant in ("contoso", "fabrikam"):
        await _acceptance(core, keys).accept(new("order-1", actor=QUEUE, tenant=tenant))
    with pytest.raises(Refused) as refused:
        await _found(core, keys, "order-1")
    assert (refused.value.code, refused.value.problem.target) == (ErrorCode.AMBIGUOUS_NAME, "tenant")
    assert (await _found(core, keys, "order-1", "fabrikam")).tenant == "fabrikam"


async def test_what_was_not_accepted_by_queue_is_found_by_no_message(core: Core, keys: MessageKeys) -> None:
    await _acceptance(core, keys).accept(new("order-1", actor=ALICE))
    with pytest.raises(Refused) as refused:
        await _found(core, keys, "order-1")
    assert refused.value.code is ErrorCode.NOT_FOUND


@pytest.mark.usefixtures("keys")
async def test_it_costs_one_storage_call_more(core: Core, another: Another, proxy: StorageProxy) -> None:
    process = another(proxy.connection_string)
    noted = MessageKeys(process.account.table(TABLE + core.suffix))
    counts = []
    for key, actor in (("warm", ALICE), ("by-http", ALICE), ("by-queue", QUEUE)):
        proxy.clear()
        await _acceptance(process, noted).accept(new(key, actor=actor))
        counts.append(len(proxy.requests))
    assert counts[2] == counts[1] + 1
