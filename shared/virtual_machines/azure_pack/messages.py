"""Messages of other systems about machines of tenants on Azure Pack; what the other backend alone has is refused with what does."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

from shared.access.records.tenant import Backend
from shared.access.roles import Role
from shared.capability import Message, MessageCall
from shared.operations.model.models import JsonObject
from shared.secrets.requests import refuse_plain, separate
from shared.values.documents import Request
from shared.values.sent import SentBody
from shared.virtual_machines.accepting.changes import ChangeRequest
from shared.virtual_machines.azure_pack.accepting import PackChanges, PackCreation
from shared.virtual_machines.azure_pack.requests import (
    UNSUPPORTED_OF_CREATION,
    UNSUPPORTED_OF_PORT,
    UNSUPPORTED_OF_UPDATE,
    CreateCheckpoint,
    CreatePackMachine,
    DeletePackMachine,
    NameOrId,
    PackPort,
    UpdatePackMachine,
    not_supported,
    refuse_unsupported,
)
from shared.virtual_machines.kinds import VIRTUAL_MACHINE, Action
from shared.virtual_machines.reading.machines import machine_named
from shared.virtual_machines.requests.changes import ShutDown
from shared.virtual_machines.requests.fields import PortName
from shared.web.documents import parse, wrong

Handle = Callable[[MessageCall], Awaitable[None]]
_PLACE: Final = ("service", "subscriptionId")


class NoBody(Request):
    """A change without members of its own."""


class OfPort(Request):
    """The port that a message names."""

    port: PortName


class OfCheckpoint(Request):
    """The checkpoint that a message names."""

    checkpoint: NameOrId


async def _change(call: MessageCall, action: Action, part: str | None = None) -> ChangeRequest:
    """Return the change that a message asks for; what the path would have is taken out of its body."""
    intake = call.intake
    tenant = await call.app.registry.by_name(intake.tenant or "")
    if tenant is None:
        raise wrong("tenant", "Messages on this queue need the name of their tenant.")
    place = {name: str(intake.body[name]) for name in _PLACE if intake.body.get(name) is not None}
    taken = {*_PLACE, part} if part is not None else {*_PLACE}
    body: JsonObject = {name: value for name, value in intake.body.items() if name not in taken}
    if action is Action.CREATE:
        place, body = {}, dict(intake.body)
    name = intake.target if action is not Action.CREATE else str(intake.body.get("name", ""))
    parts = {part: str(intake.body.get(part, ""))} if part is not None else {}
    return ChangeRequest(tenant, action, machine_named(name or "", place), SentBody(body), call.actor, intake.key, intake.trace, part=parts)


async def _create(call: MessageCall) -> None:
    """Create a machine; its password comes by reference only."""
    refuse_unsupported(SentBody(call.intake.body), UNSUPPORTED_OF_CREATION)
    body = parse(CreatePackMachine, call.intake.body)
    sent = separate(body, SentBody(call.intake.body))
    refuse_plain(sent)
    request = replace(await _change(call, Action.CREATE), body=sent.body)
    await call.app.of(PackChanges).create(PackCreation(request, body, sent, of_provider=True))


async def _update(call: MessageCall) -> None:
    """Change a machine."""
    refuse_unsupported(SentBody(call.intake.body), UNSUPPORTED_OF_UPDATE)
    request = await _change(call, Action.UPDATE)
    await call.app.of(PackChanges).update(request, parse(UpdatePackMachine, request.body.members))


async def _delete(call: MessageCall) -> None:
    """Delete a machine; `target` names it, so that no confirmation is needed."""
    request = await _change(call, Action.DELETE)
    await call.app.of(PackChanges).delete(request, parse(DeletePackMachine, request.body.members))


async def _add_port(call: MessageCall) -> None:
    """Open a port."""
    refuse_unsupported(SentBody(call.intake.body), UNSUPPORTED_OF_PORT)
    request = await _change(call, Action.ADD_PORT)
    await call.app.of(PackChanges).add_port(request, parse(PackPort, request.body.members))


async def _remove_port(call: MessageCall) -> None:
    """Close the port that a message names."""
    port = parse(OfPort, {"port": call.intake.body.get("port")}).port
    request = await _change(call, Action.REMOVE_PORT, "port")
    await call.app.of(PackChanges).remove_port(request, port)


async def _create_checkpoint(call: MessageCall) -> None:
    """Make a checkpoint."""
    request = await _change(call, Action.CREATE_CHECKPOINT)
    await call.app.of(PackChanges).create_checkpoint(request, parse(CreateCheckpoint, request.body.members))


def _checkpoint(action: Action) -> Handle:
    async def carry_out(call: MessageCall) -> None:
        named = parse(OfCheckpoint, {"checkpoint": call.intake.body.get("checkpoint")}).checkpoint
        await call.app.of(PackChanges).checkpoint(await _change(call, action, "checkpoint"), named)

    return carry_out


def _power(action: Action, model: type[Request] = NoBody) -> Handle:
    async def carry_out(call: MessageCall) -> None:
        request = await _change(call, action)
        parse(model, request.body.members)
        await call.app.of(PackChanges).power(request)

    return carry_out


_ON_AZURE_PACK: Final[Mapping[str, Handle]] = {
    Action.CREATE: _create,
    Action.UPDATE: _update,
    Action.DELETE: _delete,
    Action.START: _power(Action.START),
    Action.SHUT_DOWN: _power(Action.SHUT_DOWN, ShutDown),
    Action.RESTART: _power(Action.RESTART),
    Action.STOP: _power(Action.STOP),
    Action.PAUSE: _power(Action.PAUSE),
    Action.RESUME: _power(Action.RESUME),
    Action.SAVE: _power(Action.SAVE),
    Action.REPAIR: _power(Action.REPAIR),
    Action.ADD_PORT: _add_port,
    Action.REMOVE_PORT: _remove_port,
    Action.CREATE_CHECKPOINT: _create_checkpoint,
    Action.RESTORE_CHECKPOINT: _checkpoint(Action.RESTORE_CHECKPOINT),
    Action.DELETE_CHECKPOINT: _checkpoint(Action.DELETE_CHECKPOINT),
}
_OF_BOTH: Final = frozenset({"cancel", "retry"})


async def _not_on_resource_manager(call: MessageCall) -> None:
    """Refuse what only machines on Azure Pack have."""
    raise not_supported(f"'{call.intake.operation}' is offered for tenants on Azure Pack.", "operation")


def of_both_backends(messages: Mapping[tuple[str, str], Message]) -> Mapping[tuple[str, str], Message]:
    """Return the messages of Resource Manager with those of Azure Pack beside them: each goes to the backend of its tenant."""
    names = dict.fromkeys([operation for _, operation in messages] + [str(action) for action in _ON_AZURE_PACK])
    found: dict[tuple[str, str], Message] = {}
    for operation in names:
        key = (VIRTUAL_MACHINE.name, operation)
        first = messages.get(key, Message(Role.TENANTS_WRITE, _not_on_resource_manager))
        found[key] = first if operation in _OF_BOTH else replace(first, handler=_either(first.handler, _ON_AZURE_PACK.get(operation)))
    return found


def _either(first: Handle, second: Handle | None) -> Handle:
    async def carry_out(call: MessageCall) -> None:
        tenant = await call.app.registry.by_name(call.intake.tenant) if call.intake.tenant is not None else None
        if tenant is None or tenant.backend is not Backend.AZURE_PACK:
            await first(call)
        elif second is None:
            raise not_supported(f"'{call.intake.operation}' is offered for tenants on Resource Manager only.", "operation")
        else:
            await second(call)

    return carry_out
