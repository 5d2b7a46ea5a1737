"""Messages of other systems about failovers, set-up and drills: what carries out each operation (docs/design/queues.md)."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from pydantic import BaseModel

from shared.access.roles import Role
from shared.access.sender import message_owner
from shared.arm.ids import ResourceId
from shared.capability import Message, MessageCall
from shared.failovers.drills.models import DrillPolicyRequest
from shared.failovers.drills.service import Drills
from shared.failovers.failing_over.requests import FailoverRequest
from shared.failovers.failing_over.service import Failovers, StartFailover
from shared.failovers.kinds import FAILOVER, SetUpKind
from shared.failovers.message_targets import read_target
from shared.failovers.set_up.requests import Change, ConfirmRequest, ProtectManyRequest, RecoveryPlanRequest, UpdateItemRequest
from shared.failovers.set_up.service import SetUp, StartSetUp
from shared.failovers.set_up.state import SetUpChange
from shared.failovers.vault.inventory import Inventory
from shared.values.sent import SentBody
from shared.web.calls import find_by_message
from shared.web.documents import parse

_DRILL = "drill"


async def _start(call: MessageCall) -> None:
    """Start a failover."""
    intake, request = call.intake, parse(FailoverRequest, call.intake.body)
    scope = ResourceId.parse(request.scope.id)
    owner = await message_owner(call.app.registry, (scope,), intake.tenant, call.app.of(Inventory).owner_of)
    await call.app.of(Failovers).start(StartFailover(request, SentBody(intake.body), owner, call.actor, intake.key, intake.trace))


async def _cancel(call: MessageCall) -> None:
    """Cancel a failover before it starts."""
    await call.app.of(Failovers).cancel(await find_by_message(call.app, FAILOVER, call.intake), call.actor)


async def _resume(call: MessageCall) -> None:
    """Complete a failback that is suspended."""
    await call.app.of(Failovers).resume(await find_by_message(call.app, FAILOVER, call.intake), call.actor)


async def _change(call: MessageCall, *, kind: SetUpKind, change: Change, model: type[BaseModel] | None) -> None:
    """Start a change of a protected item or a recovery plan."""
    sent, vault, name = await read_target(call.app, call.intake, needs_name=kind is SetUpKind.PLAN)
    if model is not None:
        parse(model, dict(sent.members))
    wanted = SetUpChange(kind, change, vault.id, name, sent if model is not None else None)
    await call.app.of(SetUp).start(StartSetUp(wanted, vault.owner, call.actor, call.intake.key, call.intake.trace))


async def _put_drill(call: MessageCall) -> None:
    """Create or change a drill policy."""
    sent, vault, name = await read_target(call.app, call.intake, needs_name=True)
    await call.app.of(Drills).put(vault, name, parse(DrillPolicyRequest, dict(sent.members)))


async def _delete_drill(call: MessageCall) -> None:
    """Delete a drill policy."""
    _, vault, name = await read_target(call.app, call.intake, needs_name=True)
    await call.app.of(Drills).delete(vault, name)


async def _run_drill(call: MessageCall) -> None:
    """Start a drill of each item of a policy now."""
    _, vault, name = await read_target(call.app, call.intake, needs_name=True)
    await call.app.of(Drills).drill_now(vault, name)


def _changing(kind: SetUpKind, change: Change, model: type[BaseModel] | None) -> Callable[[MessageCall], Awaitable[None]]:
    return partial(_change, kind=kind, change=change, model=model)


_HANDLERS: Mapping[tuple[str, str], Callable[[MessageCall], Awaitable[None]]] = {
    (FAILOVER.name, "create"): _start,
    (FAILOVER.name, "cancel"): _cancel,
    (FAILOVER.name, "resume"): _resume,
    (SetUpKind.ITEM, "create"): _changing(SetUpKind.ITEM, Change.CREATE, ProtectManyRequest),
    (SetUpKind.ITEM, "update"): _changing(SetUpKind.ITEM, Change.UPDATE, UpdateItemRequest),
    (SetUpKind.ITEM, "delete"): _changing(SetUpKind.ITEM, Change.DELETE, ConfirmRequest),
    (SetUpKind.PLAN, "create"): _changing(SetUpKind.PLAN, Change.PUT, RecoveryPlanRequest),
    (SetUpKind.PLAN, "update"): _changing(SetUpKind.PLAN, Change.PUT, RecoveryPlanRequest),
    (SetUpKind.PLAN, "delete"): _changing(SetUpKind.PLAN, Change.DELETE, None),
    (_DRILL, "create"): _put_drill,
    (_DRILL, "update"): _put_drill,
    (_DRILL, "delete"): _delete_drill,
    (_DRILL, "run"): _run_drill,
}
MESSAGES = {(str(kind), operation): Message(Role.FAILOVERS_EXECUTE, handler) for (kind, operation), handler in _HANDLERS.items()}
