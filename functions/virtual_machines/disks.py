"""Data disks of machines over HTTP: list, add, change, remove."""

from functools import partial
from typing import TYPE_CHECKING, Any

from functions.serve import serve
from shared.access.roles import Role
from shared.values.sent import SentBody
from shared.virtual_machines.answers import DataDiskBody
from shared.virtual_machines.kinds import Action
from shared.virtual_machines.reading.places import PLACE
from shared.virtual_machines.requests.changes import ModifyDataDisk, RemoveDataDisk
from shared.virtual_machines.requests.machine import DataDisk
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.documents import parse
from shared.web.operations import OperationBody
from shared.web.requests import QueryParameter
from shared.web.routes import Owner, Route

if TYPE_CHECKING:
    from shared.virtual_machines.accepting.changes import ChangeRequest
    from shared.virtual_machines.accepting.disks import DiskChanges

_DISKS = "/tenants/{tenant}/virtual-machines/{vm}/data-disks"
_CONFIRM = QueryParameter("confirm", "The disk's name, where it is deleted; may also be a member of the body.", max_length=80)
_write = partial(
    Route, needed=Role.TENANTS_WRITE, owner=Owner.TENANT, query=PLACE,
    response=OperationBody, status=202, refusals=(409,), repeatable=True,
)  # fmt: skip
LIST = Route(
    "GET", _DISKS, "A machine's data disks, by LUN", Role.TENANTS_READ,
    owner=Owner.TENANT, response=DataDiskBody, is_list=True, query=PLACE, refusals=(409,),
)  # fmt: skip


@serve(LIST)
async def list_data_disks(call: Call[None]) -> HttpAnswer:
    """List a machine's data disks, by LUN."""
    from shared.virtual_machines.reading.machines import MachineReader, machine_named
    from shared.virtual_machines.reading.pages import page_of_rows

    machine = await call.of(MachineReader).get(call.tenant, machine_named(call.path["vm"], call.query))
    return call.listed(*page_of_rows(machine.data_disks, lambda one: (f"{one.lun:02}", one.name.lower()), call.page))


@serve(_write("POST", _DISKS, "Add a data disk to a machine", request=DataDisk))
async def add_data_disk(call: Call[DataDisk]) -> HttpAnswer:
    """Add a data disk: new by its size, existing by its name, or from a source."""
    operation = await _changes(call).add(_request(call, Action.ADD_DATA_DISK, call.document), call.body)
    return call.accepted(operation)


@serve(_write("PATCH", f"{_DISKS}/{{lun}}", "Change a data disk", request=ModifyDataDisk))
async def modify_data_disk(call: Call[ModifyDataDisk]) -> HttpAnswer:
    """Change a data disk's caching or size."""
    operation = await _changes(call).modify(_request(call, Action.MODIFY_DATA_DISK, call.document), _lun(call), call.body)
    return call.accepted(operation)


@serve(_write("DELETE", f"{_DISKS}/{{lun}}", "Remove a data disk from a machine", optional_body=True, query=(*PLACE, _CONFIRM)))
async def remove_data_disk(call: Call[None]) -> HttpAnswer:
    """Remove a data disk from a machine; the disk stays unless its deletion is asked for."""
    document = call.document_with("confirm")
    removal = parse(RemoveDataDisk, document)
    operation = await _changes(call).remove(_request(call, Action.REMOVE_DATA_DISK, document), _lun(call), removal)
    return call.accepted(operation)


def _lun(call: Call[Any]) -> int:
    from shared.access.principal import not_found

    text = call.path["lun"]
    if not text.isascii() or not text.isdecimal() or int(text[:4]) > 63:
        raise not_found(f"data disk '{text}'")
    return int(text)


def _request(call: Call[Any], action: Action, body: dict[str, object]) -> "ChangeRequest":
    from shared.virtual_machines.accepting.changes import ChangeRequest
    from shared.virtual_machines.reading.machines import machine_named

    named = machine_named(call.path["vm"], call.query)
    part = {"lun": call.path["lun"]} if "lun" in call.path else {}
    return ChangeRequest(call.tenant, action, named, SentBody(body), call.caller.actor, call.key, call.trace, call.first_sent, part)


def _changes(call: Call[Any]) -> "DiskChanges":
    from shared.virtual_machines.accepting.disks import DiskChanges

    return call.of(DiskChanges)
