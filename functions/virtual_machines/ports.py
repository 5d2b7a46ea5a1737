"""Public ports of machines over HTTP: list, open, close."""

from functools import partial
from typing import TYPE_CHECKING, Any

from functions.serve import serve
from shared.access.roles import Role
from shared.operations.model.models import JsonObject, Operation
from shared.values.sent import SentBody
from shared.virtual_machines.answers import MachinePort
from shared.virtual_machines.kinds import Action
from shared.virtual_machines.reading.places import PLACE
from shared.virtual_machines.requests.machine import Port
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.operations import OperationBody
from shared.web.routes import Owner, Route

if TYPE_CHECKING:
    from shared.virtual_machines.accepting.changes import ChangeRequest
    from shared.virtual_machines.accepting.ports import PortChanges

_PORTS = "/tenants/{tenant}/virtual-machines/{vm}/ports"
_write = partial(
    Route, needed=Role.TENANTS_WRITE, owner=Owner.TENANT, query=PLACE,
    response=OperationBody, status=202, refusals=(409,), repeatable=True,
)  # fmt: skip
LIST = Route(
    "GET",
    _PORTS,
    "A machine's ports",
    Role.TENANTS_READ,
    owner=Owner.TENANT,
    response=MachinePort,
    is_list=True,
    query=PLACE,
    refusals=(409,),
)


@serve(LIST)
async def list_ports(call: Call[None]) -> HttpAnswer:
    """List a machine's ports on its public address."""
    from shared.virtual_machines.reading.machines import machine_named
    from shared.virtual_machines.reading.pages import page_of_rows
    from shared.virtual_machines.reading.ports import PortReader

    found = await call.of(PortReader).ports(call.tenant, machine_named(call.path["vm"], call.query))
    return call.listed(*page_of_rows(found, lambda one: (one.name, f"{one.protocol} {one.port:05}"), call.page))


@serve(_write("POST", _PORTS, "Open a port of a machine", request=Port))
async def add_port(call: Call[Port]) -> HttpAnswer:
    """Open a port of a machine on its public address."""
    return _accepted(call, await _changes(call).add(_request(call, Action.ADD_PORT, call.document), call.body))


@serve(_write("DELETE", f"{_PORTS}/{{port}}", "Close a port of a machine"))
async def remove_port(call: Call[None]) -> HttpAnswer:
    """Close a port of a machine."""
    return _accepted(call, await _changes(call).remove(_request(call, Action.REMOVE_PORT, {}), call.path["port"]))


def _request(call: Call[Any], action: Action, body: JsonObject) -> "ChangeRequest":
    from shared.virtual_machines.accepting.changes import ChangeRequest
    from shared.virtual_machines.reading.machines import machine_named

    named = machine_named(call.path["vm"], call.query)
    part = {"port": call.path["port"]} if "port" in call.path else {}
    return ChangeRequest(call.tenant, action, named, SentBody(body), call.caller.actor, call.key, call.trace, call.first_sent, part)


def _accepted(call: Call[Any], operation: Operation) -> HttpAnswer:
    return call.accepted(operation)


def _changes(call: Call[Any]) -> "PortChanges":
    from shared.virtual_machines.accepting.ports import PortChanges

    return call.of(PortChanges)
