"""Messages of other systems about machines: what carries out each operation (docs/design/queues.md)."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from shared.access.principal import not_found
from shared.access.records.tenant import Tenant
from shared.access.roles import Role
from shared.capability import Message, MessageCall
from shared.errors import ErrorCode, Refused
from shared.operations.model.models import JsonObject
from shared.secrets.requests import refuse_plain, separate
from shared.values.documents import Request
from shared.values.sent import SentBody
from shared.virtual_machines.accepting.changes import ChangeRequest, MachineChanges
from shared.virtual_machines.accepting.creations import CreationRequest, MachineCreations
from shared.virtual_machines.accepting.disks import DiskChanges
from shared.virtual_machines.accepting.estate import EstateChanges
from shared.virtual_machines.accepting.ports import PortChanges
from shared.virtual_machines.accepting.updates import MachineUpdates
from shared.virtual_machines.access.accepting import DiskAccesses
from shared.virtual_machines.kinds import VIRTUAL_MACHINE, Action
from shared.virtual_machines.message_targets import Handler, or_made_by_target
from shared.virtual_machines.reading.machines import machine_named
from shared.virtual_machines.requests.changes import (
    Capture,
    CreateImage,
    CreateService,
    DeleteDisks,
    ModifyDataDisk,
    RemoveDataDisk,
    ShutDown,
    UpdateMachine,
)
from shared.virtual_machines.requests.fields import Confirmation, Lun, PortName
from shared.virtual_machines.requests.machine import CreateMachine, DataDisk, Port
from shared.web.calls import find_by_message
from shared.web.documents import parse, wrong

_PLACE = ("service", "subscriptionId")


class NoBody(Request):
    """A change without members of its own."""


class Named(Request):
    """The deletion of what `target` names: `confirm`, which HTTP asks for, is not needed."""

    confirm: Confirmation | None = None


class OnLun(Request):
    """The LUN that a message names."""

    lun: Lun


class OfPort(Request):
    """The port that a message names."""

    port: PortName


class RemoveByMessage(Named):
    """The removal of a data disk that a message names."""

    delete_disk: bool = False


class DeleteByMessage(Named):
    """The deletion of a machine that `target` names."""

    delete_disks: DeleteDisks = "none"


def _power(action: Action, model: type[Request]) -> Callable[[MessageCall], Awaitable[None]]:
    async def carry_out(call: MessageCall) -> None:
        tenant, place, body = await _tenant_of(call), _place_of(call.intake.body), _rest_of(call.intake.body)
        parse(model, body)
        named = machine_named(call.intake.target or "", place)
        request = ChangeRequest(tenant, action, named, SentBody(body), call.actor, call.intake.key, call.intake.trace)
        await call.app.of(MachineChanges).power(request)

    return carry_out


async def _create(call: MessageCall) -> None:
    """Create a machine; its password comes by reference only."""
    tenant, intake = await _tenant_of(call), call.intake
    request = parse(CreateMachine, intake.body)
    separated = separate(request, SentBody(intake.body))
    refuse_plain(separated)
    creation = CreationRequest(tenant, request, separated, call.actor, intake.key, of_provider=True, trace=intake.trace)
    await call.app.of(MachineCreations).create(creation)


async def _delete(call: MessageCall) -> None:
    """Delete a machine; `target` names it, so that no confirmation is needed."""
    tenant, place, body = await _tenant_of(call), _place_of(call.intake.body), _rest_of(call.intake.body)
    parse(DeleteByMessage, body)
    named = machine_named(call.intake.target or "", place)
    request = ChangeRequest(tenant, Action.DELETE, named, SentBody(body), call.actor, call.intake.key, call.intake.trace)
    await call.app.of(MachineChanges).delete(request, None)


async def _add_disk(call: MessageCall) -> None:
    """Add a data disk."""
    request = await _change(call, Action.ADD_DATA_DISK)
    await call.app.of(DiskChanges).add(request, parse(DataDisk, request.body.members))


async def _modify_disk(call: MessageCall) -> None:
    """Change the data disk on a LUN."""
    lun = parse(OnLun, {"lun": call.intake.body.get("lun")}).lun
    request = await _change(call, Action.MODIFY_DATA_DISK, lun)
    await call.app.of(DiskChanges).modify(request, lun, parse(ModifyDataDisk, request.body.members))


async def _remove_disk(call: MessageCall) -> None:
    """Remove the data disk on a LUN; the message names it, so that no confirmation is needed."""
    lun = parse(OnLun, {"lun": call.intake.body.get("lun")}).lun
    request = await _change(call, Action.REMOVE_DATA_DISK, lun)
    removal = parse(RemoveByMessage, request.body.members)
    confirmed = RemoveDataDisk.model_validate({"deleteDisk": removal.delete_disk, "confirm": str(lun)})
    await call.app.of(DiskChanges).remove(request, lun, confirmed, confirmed=True)


async def _change(call: MessageCall, action: Action, lun: int | None = None) -> ChangeRequest:
    """Return the change of a machine that a message asks for; a LUN that the path would have is taken out of its body."""
    tenant, place, body = await _tenant_of(call), _place_of(call.intake.body), _rest_of(call.intake.body)
    if lun is not None:
        body = {name: value for name, value in body.items() if name != "lun"}
    part = {"lun": str(lun)} if lun is not None else {}
    named = machine_named(call.intake.target or "", place)
    return ChangeRequest(tenant, action, named, SentBody(body), call.actor, call.intake.key, call.intake.trace, part=part)


async def _update(call: MessageCall) -> None:
    """Change a machine's size, OS disk or tags."""
    request = await _change(call, Action.UPDATE)
    await call.app.of(MachineUpdates).update(request, parse(UpdateMachine, request.body.members))


async def _add_port(call: MessageCall) -> None:
    """Open a port."""
    request = await _change(call, Action.ADD_PORT)
    await call.app.of(PortChanges).add(request, parse(Port, request.body.members))


async def _remove_port(call: MessageCall) -> None:
    """Close the port that a message names."""
    port = parse(OfPort, {"port": call.intake.body.get("port")}).port
    request = await _change(call, Action.REMOVE_PORT)
    await call.app.of(PortChanges).remove(replace(request, body=SentBody({}), part={"port": port}), port)


async def _create_service(call: MessageCall) -> None:
    """Create a service."""
    service = parse(CreateService, call.intake.body)
    await call.app.of(EstateChanges).create_service(await _creation(call, Action.CREATE_SERVICE, service.name), service)


async def _create_image(call: MessageCall) -> None:
    """Create an image."""
    image = parse(CreateImage, call.intake.body)
    await call.app.of(EstateChanges).create_image(await _creation(call, Action.CREATE_IMAGE, image.name), image)


async def _delete_image(call: MessageCall) -> None:
    """Delete an image; `target` names it, so that no confirmation is needed."""
    request = await _change(call, Action.DELETE_IMAGE)
    parse(Named, request.body.members)
    await call.app.of(EstateChanges).delete_image(request, None, _place_of(call.intake.body))


async def _delete_disk(call: MessageCall) -> None:
    """Delete a disk; `target` names it, so that no confirmation is needed."""
    request = await _change(call, Action.DELETE_DISK)
    parse(Named, request.body.members)
    await call.app.of(EstateChanges).delete_disk(request, None, _place_of(call.intake.body))


async def _revoke_access(call: MessageCall) -> None:
    """End the access to a disk."""
    request = await _change(call, Action.REVOKE_ACCESS)
    parse(NoBody, request.body.members)
    await call.app.of(DiskAccesses).revoke(request, _place_of(call.intake.body))


async def _capture(call: MessageCall) -> None:
    """Make an image of a machine; `target` names it, so that no confirmation is needed."""
    request = await _change(call, Action.CAPTURE)
    body = {"confirm": "by message", **request.body.members}  # its steps read the body as a request over HTTP
    request, capture = replace(request, body=SentBody(body)), parse(Capture, body)
    sent = separate(capture, request.body)
    refuse_plain(sent)
    await call.app.of(EstateChanges).capture(request, capture, sent, confirmed=True, of_provider=True)


async def _creation(call: MessageCall, action: Action, name: str) -> ChangeRequest:
    """Return the creation that a message asks for; all of its body is what it makes."""
    tenant, intake = await _tenant_of(call), call.intake
    return ChangeRequest(tenant, action, machine_named(name, {}), SentBody(intake.body), call.actor, intake.key, intake.trace)


async def _cancel(call: MessageCall) -> None:
    """Cancel an operation before it has started."""
    await call.app.commands.cancel(await find_by_message(call.app, VIRTUAL_MACHINE, call.intake), call.actor)


async def _retry(call: MessageCall) -> None:
    """Look at an operation now."""
    await call.app.commands.retry(await find_by_message(call.app, VIRTUAL_MACHINE, call.intake), call.actor)


async def _tenant_of(call: MessageCall) -> Tenant:
    """Return the tenant that a message names; refuses with `InvalidRequest` where it names none, with `NotFound` an unknown one."""
    name = call.intake.tenant
    if name is None:
        raise Refused(ErrorCode.INVALID_REQUEST, "Messages on this queue need the name of their tenant.", target="tenant")
    tenant = await call.app.registry.by_name(name)
    if tenant is None:
        raise not_found(f"tenant '{name}'", target="tenant")
    return tenant


def _place_of(body: JsonObject) -> dict[str, str]:
    place: dict[str, str] = {}
    for name in _PLACE:
        value = body.get(name)
        if value is not None and not isinstance(value, str):
            raise wrong(name, "This must be a text.")
        if isinstance(value, str):
            place[name] = value
    return place


def _rest_of(body: JsonObject) -> JsonObject:
    return {name: value for name, value in body.items() if name not in _PLACE}


_CREATING = frozenset({Action.CREATE, Action.CREATE_SERVICE, Action.CREATE_IMAGE})


def _with_target(operation: str, handler: Handler) -> Handler:
    """Return the handler of an operation; the target of a change may name what made the resource."""
    if not isinstance(operation, Action) or operation in _CREATING:
        return handler
    return or_made_by_target(operation, handler)


MESSAGES = {
    (VIRTUAL_MACHINE.name, operation): Message(Role.TENANTS_WRITE, _with_target(operation, handler), creates=operation in _CREATING)
    for operation, handler in (
        (Action.CREATE, _create),
        (Action.DELETE, _delete),
        (Action.UPDATE, _update),
        (Action.ADD_DATA_DISK, _add_disk),
        (Action.MODIFY_DATA_DISK, _modify_disk),
        (Action.REMOVE_DATA_DISK, _remove_disk),
        (Action.CREATE_SERVICE, _create_service),
        (Action.CREATE_IMAGE, _create_image),
        (Action.DELETE_IMAGE, _delete_image),
        (Action.DELETE_DISK, _delete_disk),
        (Action.REVOKE_ACCESS, _revoke_access),
        (Action.CAPTURE, _capture),
        (Action.ADD_PORT, _add_port),
        (Action.REMOVE_PORT, _remove_port),
        (Action.START, _power(Action.START, NoBody)),
        (Action.SHUT_DOWN, _power(Action.SHUT_DOWN, ShutDown)),
        (Action.RESTART, _power(Action.RESTART, NoBody)),
        ("cancel", _cancel),
        ("retry", _retry),
    )
}
