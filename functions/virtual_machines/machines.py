"""Virtual machines over HTTP: list, read, start, shut down, restart."""

from functools import partial
from typing import TYPE_CHECKING, Any

from functions.serve import serve
from shared.access.roles import Role
from shared.operations.model.models import JsonObject, Operation
from shared.values.sent import SentBody
from shared.virtual_machines.answers import Machine
from shared.virtual_machines.kinds import Action
from shared.virtual_machines.reading.places import PLACE
from shared.virtual_machines.requests.changes import DeleteMachine, ShutDown, UpdateMachine
from shared.virtual_machines.requests.machine import CreateMachine
from shared.virtual_machines.rules.power import PowerState
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.documents import parse
from shared.web.operations import OperationBody
from shared.web.requests import QueryParameter
from shared.web.routes import Owner, Route

if TYPE_CHECKING:
    from shared.virtual_machines.accepting.changes import ChangeRequest, MachineChanges

_MACHINES = "/tenants/{tenant}/virtual-machines"
_FILTERS = (
    *PLACE,
    QueryParameter("deployment", "Machines of this deployment only.", max_length=80),
    QueryParameter("region", "Machines in this region only.", max_length=64),
    QueryParameter("powerState", "Machines in this state only.", values=(*PowerState, "paused", "saved")),
)
_DELETION = (
    QueryParameter("confirm", "The machine's name, once more; may also be a member of the body.", max_length=80),
    QueryParameter("deleteDisks", "Which disks are deleted too; may also be a member of the body.", values=("none", "os", "all")),
)
_read = partial(Route, needed=Role.TENANTS_READ, owner=Owner.TENANT, response=Machine, refusals=(409,))
_write = partial(
    Route, needed=Role.TENANTS_WRITE, owner=Owner.TENANT, query=PLACE,
    response=OperationBody, status=202, refusals=(409,), repeatable=True,
)  # fmt: skip


@serve(_read("GET", _MACHINES, "A tenant's machines, by name", is_list=True, query=_FILTERS))
async def list_virtual_machines(call: Call[None]) -> HttpAnswer:
    """List a tenant's machines, by name; a page has those of one subscription."""
    from shared.virtual_machines.reading.machines import MachineFilter, MachineReader

    found, last = await call.of(MachineReader).page(call.tenant, MachineFilter.of(call.query), call.page)
    return call.listed(found, last)


@serve(_read("GET", f"{_MACHINES}/{{vm}}", "One machine", query=PLACE))
async def get_virtual_machine(call: Call[None]) -> HttpAnswer:
    """Return one machine."""
    from shared.virtual_machines.reading.machines import machine_named
    from shared.virtual_machines.reading.ports import PortReader

    return call.ok(await call.of(PortReader).machine(call.tenant, machine_named(call.path["vm"], call.query)))


@serve(_write("POST", _MACHINES, "Create a machine", query=(), request=CreateMachine))
async def create_virtual_machine(call: Call[CreateMachine]) -> HttpAnswer:
    """Create a machine."""
    from shared.secrets.requests import separate
    from shared.virtual_machines.accepting.creations import CreationRequest, MachineCreations

    sent, caller = separate(call.body, SentBody(call.document)), call.caller
    creation = CreationRequest(
        call.tenant, call.body, sent, caller.actor, call.key, of_provider=caller.is_admin, trace=call.trace, first_sent=call.first_sent
    )
    return _accepted(call, await call.of(MachineCreations).create(creation))


@serve(_write("PATCH", f"{_MACHINES}/{{vm}}", "Change a machine's size, OS disk or tags", request=UpdateMachine))
async def update_virtual_machine(call: Call[UpdateMachine]) -> HttpAnswer:
    """Change a machine's size, OS disk or tags."""
    from shared.virtual_machines.accepting.updates import MachineUpdates

    return _accepted(call, await call.of(MachineUpdates).update(_request(call, Action.UPDATE, call.document), call.body))


@serve(_write("DELETE", f"{_MACHINES}/{{vm}}", "Delete a machine", optional_body=True, query=(*PLACE, *_DELETION)))
async def delete_virtual_machine(call: Call[None]) -> HttpAnswer:
    """Delete a machine, once its name was given as confirmation; its disks stay unless asked for."""
    document = call.document_with("confirm", "deleteDisks")
    confirm = parse(DeleteMachine, document).confirm
    return _accepted(call, await _changes(call).delete(_request(call, Action.DELETE, document), confirm))


@serve(_write("POST", f"{_MACHINES}/{{vm}}/start", "Start a machine"))
async def start_virtual_machine(call: Call[None]) -> HttpAnswer:
    """Start a machine."""
    return await _power(call, Action.START)


@serve(_write("POST", f"{_MACHINES}/{{vm}}/shut-down", "Stop or deallocate a machine", request=ShutDown))
async def shut_down_virtual_machine(call: Call[ShutDown]) -> HttpAnswer:
    """Stop a machine, which is still billed then, or deallocate it."""
    return await _power(call, Action.SHUT_DOWN)


@serve(_write("POST", f"{_MACHINES}/{{vm}}/restart", "Restart a running machine"))
async def restart_virtual_machine(call: Call[None]) -> HttpAnswer:
    """Restart a running machine."""
    return await _power(call, Action.RESTART)


async def _power(call: Call[Any], action: Action) -> HttpAnswer:
    return _accepted(call, await _changes(call).power(_request(call, action, call.document)))


def _accepted(call: Call[Any], operation: Operation) -> HttpAnswer:
    return call.accepted(operation)


def _request(call: Call[Any], action: Action, body: JsonObject) -> "ChangeRequest":
    from shared.virtual_machines.accepting.changes import ChangeRequest
    from shared.virtual_machines.reading.machines import machine_named

    named = machine_named(call.path["vm"], call.query)
    return ChangeRequest(call.tenant, action, named, SentBody(body), call.caller.actor, call.key, call.trace, call.first_sent)


def _changes(call: Call[Any]) -> "MachineChanges":
    from shared.virtual_machines.accepting.changes import MachineChanges

    return call.of(MachineChanges)
