"""Services and images made, images and disks deleted, machines captured, over HTTP."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from functions.serve import serve
from shared.access.roles import Role
from shared.operations.model.models import JsonObject, Operation
from shared.values.sent import SentBody
from shared.virtual_machines.kinds import Action
from shared.virtual_machines.reading.places import PLACE
from shared.virtual_machines.requests.changes import Capture, Confirmed, CreateImage, CreateService
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.documents import parse
from shared.web.operations import OperationBody
from shared.web.requests import QueryParameter
from shared.web.routes import Owner, Route

if TYPE_CHECKING:
    from shared.virtual_machines.accepting.changes import ChangeRequest
    from shared.virtual_machines.accepting.estate import EstateChanges

_TENANT = "/tenants/{tenant}"
_CONFIRM = QueryParameter("confirm", "The name, once more; may also be a member of the body.", max_length=80)
_write = partial(Route, needed=Role.TENANTS_WRITE, owner=Owner.TENANT, response=OperationBody, status=202, refusals=(409,), repeatable=True)
_delete = partial(_write, "DELETE", optional_body=True, query=(*PLACE, _CONFIRM))


@serve(_write("POST", f"{_TENANT}/services", "Create a service", request=CreateService))
async def create_service(call: Call[CreateService]) -> HttpAnswer:
    """Create a service: a resource group for machines."""
    request = _request(call, Action.CREATE_SERVICE, call.body.name, call.document)
    return _accepted(call, await _changes(call).create_service(request, call.body))


@serve(_write("POST", f"{_TENANT}/images", "Create an image", request=CreateImage))
async def create_image(call: Call[CreateImage]) -> HttpAnswer:
    """Create an image of a generalized disk, snapshot or blob."""
    request = _request(call, Action.CREATE_IMAGE, call.body.name, call.document)
    return _accepted(call, await _changes(call).create_image(request, call.body))


@serve(_delete(f"{_TENANT}/images/{{image}}", "Delete an image"))
async def delete_image(call: Call[None]) -> HttpAnswer:
    """Delete an image of the tenant, once its name was given as confirmation."""
    document = call.document_with("confirm")
    confirm, request = parse(Confirmed, document).confirm, _request(call, Action.DELETE_IMAGE, call.path["image"], document)
    return _accepted(call, await _changes(call).delete_image(request, confirm, call.query))


@serve(_delete(f"{_TENANT}/disks/{{disk}}", "Delete a disk"))
async def delete_disk(call: Call[None]) -> HttpAnswer:
    """Delete a disk that is not attached, once its name was given as confirmation."""
    document = call.document_with("confirm")
    confirm, request = parse(Confirmed, document).confirm, _request(call, Action.DELETE_DISK, call.path["disk"], document)
    return _accepted(call, await _changes(call).delete_disk(request, confirm, call.query))


@serve(_write("POST", f"{_TENANT}/virtual-machines/{{vm}}/capture", "Make an image of a machine", request=Capture, query=PLACE))
async def capture_virtual_machine(call: Call[Capture]) -> HttpAnswer:
    """Make an image of a machine, which can never start again, and delete the machine or make it anew."""
    from shared.secrets.requests import separate

    sent = separate(call.body, SentBody(call.document))
    request = replace(_request(call, Action.CAPTURE, call.path["vm"], dict(sent.body.members)), secrets=sent.below("body"))
    return _accepted(call, await _changes(call).capture(request, call.body, sent, of_provider=call.caller.is_admin))


def _request(call: Call[Any], action: Action, name: str, body: JsonObject) -> "ChangeRequest":
    from shared.virtual_machines.accepting.changes import ChangeRequest
    from shared.virtual_machines.reading.machines import machine_named

    named = machine_named(name, call.query)
    return ChangeRequest(call.tenant, action, named, SentBody(body), call.caller.actor, call.key, call.trace, call.first_sent)


def _accepted(call: Call[Any], operation: Operation) -> HttpAnswer:
    return call.accepted(operation)


def _changes(call: Call[Any]) -> "EstateChanges":
    from shared.virtual_machines.accepting.estate import EstateChanges

    return call.of(EstateChanges)
