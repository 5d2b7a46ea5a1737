"""Messages of other systems about failovers, set-up and drills (docs/design/queues.md)."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from pydantic import BaseModel

from functions.failovers.set_up_messages import meant
from shared.access.roles import Role
from shared.access.sender import message_owner
from shared.arm.ids import ResourceId
from shared.capability import Message, MessageCall
from shared.failovers.drills.models import DrillPolicyRequest
from shared.failovers.failing_over.requests import FailoverRequest
from shared.failovers.kinds import FAILOVER, SetUpKind
from shared.failovers.set_up.requests import Change, ConfirmRequest, ProtectManyRequest, RecoveryPlanRequest, UpdateItemRequest
from shared.web.calls import find_by_message
from shared.web.documents import parse

_DRILL = "drill"
_CHANGES: Mapping[tuple[SetUpKind, str], tuple[Change, type[BaseModel] | None]] = {
    (SetUpKind.ITEM, "create"): (Change.CREATE, ProtectManyRequest),
    (SetUpKind.ITEM, "update"): (Change.UPDATE, UpdateItemRequest),
    (SetUpKind.ITEM, "delete"): (Change.DELETE, ConfirmRequest),
    (SetUpKind.PLAN, "create"): (Change.PUT, RecoveryPlanRequest),
    (SetUpKind.PLAN, "update"): (Change.PUT, RecoveryPlanRequest),
    (SetUpKind.PLAN, "delete"): (Change.DELETE, None),
}


async def _start(call: MessageCall) -> None:
    from shared.failovers.failing_over.service import Failovers, StartFailover
    from shared.failovers.vault.inventory import Inventory

    intake, request = call.intake, parse(FailoverRequest, call.intake.body)
    scope = ResourceId.parse(request.scope.id)
    owner = await message_owner(call.app.registry, (scope,), intake.tenant, call.app.of(Inventory).owner_of)
    await call.app.of(Failovers).start(StartFailover(request, intake.body, owner, call.actor, intake.key, intake.trace))


async def _cancel(call: MessageCall) -> None:
    from shared.failovers.failing_over.service import Failovers

    await call.app.of(Failovers).cancel(await find_by_message(call.app, FAILOVER, call.intake), call.actor)


async def _resume(call: MessageCall) -> None:
    from shared.failovers.failing_over.service import Failovers

    await call.app.of(Failovers).resume(await find_by_message(call.app, FAILOVER, call.intake), call.actor)


async def _change(call: MessageCall, *, kind: SetUpKind, change: Change, model: type[BaseModel] | None) -> None:
    from shared.failovers.set_up.planning import SetUpChange
    from shared.failovers.set_up.service import SetUp, StartSetUp

    body, vault, name = await meant(call.app, call.intake, needs_name=kind is SetUpKind.PLAN)
    if model is not None:
        parse(model, body)
    wanted = SetUpChange(kind, change, vault.id, name, body if model is not None else None)
    await call.app.of(SetUp).start(StartSetUp(wanted, vault.owner, call.actor, call.intake.key, call.intake.trace))


async def _put_drill(call: MessageCall) -> None:
    from shared.failovers.drills.service import Drills

    body, vault, name = await meant(call.app, call.intake, needs_name=True)
    await call.app.of(Drills).put(vault, name, parse(DrillPolicyRequest, body))


async def _delete_drill(call: MessageCall) -> None:
    from shared.failovers.drills.service import Drills

    _, vault, name = await meant(call.app, call.intake, needs_name=True)
    await call.app.of(Drills).delete(vault, name)


async def _run_drill(call: MessageCall) -> None:
    from shared.failovers.drills.service import Drills

    _, vault, name = await meant(call.app, call.intake, needs_name=True)
    await call.app.of(Drills).drill_now(vault, name)


_HANDLERS: Mapping[tuple[str, str], Callable[[MessageCall], Awaitable[None]]] = {
    (FAILOVER.name, "create"): _start,
    (FAILOVER.name, "cancel"): _cancel,
    (FAILOVER.name, "resume"): _resume,
    **{
        (str(kind), operation): partial(_change, kind=kind, change=change, model=model)
        for (kind, operation), (change, model) in _CHANGES.items()
    },
    (_DRILL, "create"): _put_drill,
    (_DRILL, "update"): _put_drill,
    (_DRILL, "delete"): _delete_drill,
    (_DRILL, "run"): _run_drill,
}
MESSAGES = {key: Message(Role.FAILOVERS_EXECUTE, handler) for key, handler in _HANDLERS.items()}
