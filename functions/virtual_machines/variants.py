"""The routes of machines as tenants on Azure Pack are served; what this backend has not is refused with what does."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from shared.operations.model.models import JsonObject, Operation
from shared.values.documents import Document, Request
from shared.values.sent import SentBody
from shared.virtual_machines.azure_pack import answers, requests
from shared.virtual_machines.kinds import Action
from shared.virtual_machines.requests.changes import ShutDown
from shared.virtual_machines.requests.fields import Confirmation
from shared.web.answers import HttpAnswer
from shared.web.calls import Call, Variant
from shared.web.documents import parse

if TYPE_CHECKING:
    from shared.virtual_machines.accepting.changes import ChangeRequest
    from shared.virtual_machines.azure_pack.accepting import PackChanges
    from shared.virtual_machines.azure_pack.reading import PackReader
    from shared.virtual_machines.reading.places import Named


Row = TypeVar("Row", bound=Document)


class NoBody(Request):
    """A change without members of its own."""


async def list_machines(call: Call[Any]) -> HttpAnswer:
    """List a tenant's machines, by name; a page has those of one subscription."""
    for name in ("deployment", "region"):
        requests.refuse_unsupported(SentBody(call.query), {name: "Filter by subscriptionId or powerState."})
    found, last = await _reader(call).machines(call.tenant, call.query, call.page)
    return call.listed(found, last)


async def get_machine(call: Call[Any]) -> HttpAnswer:
    """Return one machine."""
    return call.ok(await _reader(call).machine(call.tenant, _named(call)))


async def create_machine(call: Call[Any]) -> HttpAnswer:
    """Create a machine of a template, or of a disk and a size."""
    from shared.secrets.requests import separate
    from shared.virtual_machines.azure_pack.accepting import PackCreation

    requests.refuse_unsupported(SentBody(call.document), requests.UNSUPPORTED_OF_CREATION)
    body = parse(requests.CreatePackMachine, call.document)
    sent = separate(body, SentBody(call.document))
    request = _request(call, Action.CREATE, dict(sent.body.members), body.name)
    return _accepted(call, await _changes(call).create(PackCreation(request, body, sent, of_provider=call.caller.is_admin)))


async def update_machine(call: Call[Any]) -> HttpAnswer:
    """Change a machine's cores, memory, name or description."""
    requests.refuse_unsupported(SentBody(call.document), requests.UNSUPPORTED_OF_UPDATE)
    update = parse(requests.UpdatePackMachine, call.document)
    return _accepted(call, await _changes(call).update(_request(call, Action.UPDATE, call.document), update))


async def delete_machine(call: Call[Any]) -> HttpAnswer:
    """Delete a machine with its disks, once its name was given as confirmation."""
    document = call.document_with("confirm", "deleteDisks")
    parse(Confirmed, {"confirm": document.get("confirm")})
    deletion = parse(requests.DeletePackMachine, document)
    return _accepted(call, await _changes(call).delete(_request(call, Action.DELETE, document), deletion))


async def power(call: Call[Any], action: Action, model: type[Request] = NoBody) -> HttpAnswer:
    """Start, stop or restart a machine, or change its power in another way."""
    parse(model, call.document)
    return _accepted(call, await _changes(call).power(_request(call, action, call.document)))


async def list_images(call: Call[Any]) -> HttpAnswer:
    """List templates, and disks with an operating system."""
    for name in ("kind", "region"):
        requests.refuse_unsupported(SentBody(call.query), {name: "Filter by subscriptionId."})
    found, last = await _reader(call).images(call.tenant, call.query, call.page)
    return call.listed(found, last)


async def get_image(call: Call[Any]) -> HttpAnswer:
    """Return one image."""
    return call.ok(await _reader(call).image(call.tenant, call.path["image"], call.query))


async def list_sizes(call: Call[Any]) -> HttpAnswer:
    """List the hardware profiles."""
    requests.refuse_unsupported(SentBody(call.query), {"region": "Filter by subscriptionId."})
    return _listed(call, await _reader(call).sizes(call.tenant, call.query), lambda one: (one.name.lower(), one.id))


async def list_networks(call: Call[Any]) -> HttpAnswer:
    """List the networks, with their subnets."""
    requests.refuse_unsupported(SentBody(call.query), {"region": "Filter by subscriptionId."})
    return _listed(call, await _reader(call).networks(call.tenant, call.query), lambda one: (one.name.lower(), one.id))


async def list_ports(call: Call[Any]) -> HttpAnswer:
    """List a machine's ports."""
    return _listed(call, await _reader(call).ports(call.tenant, _named(call)), _order_of_ports)


def _order_of_ports(port: answers.PackPortBody) -> tuple[str, str]:
    return port.name.lower(), f"{port.port or 0:05} {port.protocol} {port.local_port or 0:05}"


async def add_port(call: Call[Any]) -> HttpAnswer:
    """Pass a port of the network's gateway on to a machine."""
    requests.refuse_unsupported(SentBody(call.document), requests.UNSUPPORTED_OF_PORT)
    port = parse(requests.PackPort, call.document)
    return _accepted(call, await _changes(call).add_port(_request(call, Action.ADD_PORT, call.document), port))


async def remove_port(call: Call[Any]) -> HttpAnswer:
    """Close a port."""
    parse(NoBody, call.document)
    return _accepted(call, await _changes(call).remove_port(_request(call, Action.REMOVE_PORT, {}), call.path["port"]))


async def list_checkpoints(call: Call[Any]) -> HttpAnswer:
    """List a machine's checkpoints."""
    return _listed(call, await _reader(call).checkpoints(call.tenant, _named(call)), lambda one: (one.name.lower(), one.id))


async def create_checkpoint(call: Call[Any]) -> HttpAnswer:
    """Make a checkpoint."""
    body = parse(requests.CreateCheckpoint, call.document)
    return _accepted(call, await _changes(call).create_checkpoint(_request(call, Action.CREATE_CHECKPOINT, call.document), body))


async def change_checkpoint(call: Call[Any], action: Action) -> HttpAnswer:
    """Restore or delete a checkpoint."""
    parse(NoBody, call.document)
    return _accepted(call, await _changes(call).checkpoint(_request(call, action, {}), call.path["checkpoint"]))


class Confirmed(Request):
    """A deletion; `confirm` is the machine's name."""

    confirm: Confirmation


def refused(message: str) -> Variant:
    """Return the variant of a route that Azure Pack has nothing for; the message has what does."""

    async def refuse(_call: Call[Any]) -> HttpAnswer:
        raise requests.not_supported(message, "tenant")

    return Variant(refuse)


_DISKS: Final = "Disks are those of the template that a machine is made of: choose an image that has them. Checkpoints keep a disk's state."
_SERVICES: Final = "Machines on Azure Pack are in a subscription: GET …/azure-pack-subscriptions. There are no services and deployments."
_IMAGES: Final = "Images are the provider's templates and disks: GET …/images lists them."
_OTHERS: Final = "This is offered for tenants on Resource Manager only; machines on Azure Pack have checkpoints, ports and power."
ON_AZURE_PACK: Final = {
    "list_virtual_machines": Variant(list_machines, response=answers.PackMachine),
    "get_virtual_machine": Variant(get_machine, response=answers.PackMachine),
    "create_virtual_machine": Variant(create_machine, request=requests.CreatePackMachine),
    "update_virtual_machine": Variant(update_machine, request=requests.UpdatePackMachine),
    "delete_virtual_machine": Variant(delete_machine),
    "start_virtual_machine": Variant(partial(power, action=Action.START)),
    "shut_down_virtual_machine": Variant(partial(power, action=Action.SHUT_DOWN, model=ShutDown)),
    "restart_virtual_machine": Variant(partial(power, action=Action.RESTART)),
    "stop_virtual_machine": Variant(partial(power, action=Action.STOP)),
    "pause_virtual_machine": Variant(partial(power, action=Action.PAUSE)),
    "resume_virtual_machine": Variant(partial(power, action=Action.RESUME)),
    "save_virtual_machine": Variant(partial(power, action=Action.SAVE)),
    "repair_virtual_machine": Variant(partial(power, action=Action.REPAIR)),
    "list_checkpoints": Variant(list_checkpoints),
    "create_checkpoint": Variant(create_checkpoint),
    "restore_checkpoint": Variant(partial(change_checkpoint, action=Action.RESTORE_CHECKPOINT)),
    "delete_checkpoint": Variant(partial(change_checkpoint, action=Action.DELETE_CHECKPOINT)),
    "list_images": Variant(list_images, response=answers.PackImage),
    "get_image": Variant(get_image, response=answers.PackImage),
    "list_sizes": Variant(list_sizes, response=answers.PackSize),
    "list_networks": Variant(list_networks, response=answers.PackNetwork),
    "list_ports": Variant(list_ports, response=answers.PackPortBody),
    "add_port": Variant(add_port, request=requests.PackPort),
    "remove_port": Variant(remove_port),
    "list_services": refused(_SERVICES),
    "get_service": refused(_SERVICES),
    "create_service": refused(_SERVICES),
    "list_deployments": refused(_SERVICES),
    "get_deployment": refused(_SERVICES),
    "create_image": refused(_IMAGES),
    "delete_image": refused(_IMAGES),
    "capture_virtual_machine": refused(f"A machine cannot be captured. {_IMAGES}"),
    "list_data_disks": refused(_DISKS),
    "add_data_disk": refused(_DISKS),
    "modify_data_disk": refused(_DISKS),
    "remove_data_disk": refused(_DISKS),
    "list_disks": refused(_DISKS),
    "get_disk": refused(_DISKS),
    "delete_disk": refused(_DISKS),
    "grant_disk_access": refused(_DISKS),
    "revoke_disk_access": refused(_DISKS),
    "reveal_disk_access": refused(_DISKS),
}
"""How each route of the capability is served for tenants on Azure Pack, by its endpoint's name."""
OTHERWISE: Final = refused(_OTHERS)
"""How a route that is not named above is served."""


def _named(call: Call[Any]) -> "Named":
    from shared.virtual_machines.reading.machines import machine_named

    return machine_named(call.path["vm"], call.query)


def _request(call: Call[Any], action: Action, body: JsonObject, name: str | None = None) -> "ChangeRequest":
    from shared.virtual_machines.accepting.changes import ChangeRequest
    from shared.virtual_machines.reading.machines import machine_named

    named = machine_named(name or call.path["vm"], call.query)
    part = {member: call.path[member] for member in ("port", "checkpoint") if member in call.path}
    return ChangeRequest(call.tenant, action, named, SentBody(body), call.caller.actor, call.key, call.trace, call.first_sent, part)


def _listed(call: Call[Any], rows: Sequence[Row], order: Callable[[Row], tuple[str, str]]) -> HttpAnswer:
    from shared.virtual_machines.reading.pages import page_of_rows

    return call.listed(*page_of_rows(rows, order, call.page))


def _accepted(call: Call[Any], operation: Operation) -> HttpAnswer:
    return call.accepted(operation)


def _reader(call: Call[Any]) -> "PackReader":
    from shared.virtual_machines.azure_pack.reading import PackReader

    return call.of(PackReader)


def _changes(call: Call[Any]) -> "PackChanges":
    from shared.virtual_machines.azure_pack.accepting import PackChanges

    return call.of(PackChanges)
