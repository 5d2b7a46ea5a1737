"""Restore point copies over HTTP: start, list, read, cancel, redo."""

from collections.abc import Callable, Mapping

from functions.serve import serve
from shared.access.ownership import require_owner
from shared.access.principal import not_found
from shared.access.roles import Role
from shared.copies.copying.models import Copy, CopyRequest, normal_region
from shared.copies.kinds import COPY
from shared.operations.model.models import JsonObject, Operation, Status
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.requests import QueryParameter
from shared.web.routes import Owner, Route


def _vm_key(text: str) -> str:
    from shared.arm.reading import id_key  # no cold start needs the rules

    key = id_key(text)
    if key is None or "/virtualmachines/" not in key:
        raise ValueError("This must be the ARM id of a virtual machine.")
    return key


_NORMAL: Mapping[str, Callable[[str], str]] = {"virtualMachineId": _vm_key, "region": normal_region, "policy": str}
"""How list rows store the values of filters."""
_FILTERS = (
    QueryParameter("virtualMachineId", "Copies of this VM only.", check=_vm_key),
    QueryParameter("status", "Copies in this state only.", values=tuple(str(status) for status in Status)),
    QueryParameter("region", "Copies to this region only.", check=normal_region),
    QueryParameter("policy", "Copies of this policy only.", max_length=80),
)
START = Route(
    "POST", "/restore-point-copies", "Copy a restore point to another region", Role.COPIES_WRITE, owner=Owner.BODY,
    request=CopyRequest, response=Copy, status=202, refusals=(404, 409), repeatable=True,
)  # fmt: skip
LIST = Route(
    "GET",
    "/restore-point-copies",
    "Copies, newest first",
    Role.COPIES_READ,
    owner=Owner.CALLER,
    response=Copy,
    is_list=True,
    query=_FILTERS,
)
GET = Route("GET", "/restore-point-copies/{id}", "One copy", Role.COPIES_READ, owner=Owner.OPERATION, kind=COPY, response=Copy)
CANCEL = Route(
    "POST", "/restore-point-copies/{id}/cancel", "Cancel a copy before it starts", Role.COPIES_WRITE, owner=Owner.OPERATION, kind=COPY,
    response=Copy, status=202, refusals=(409,),
)  # fmt: skip
REDO = Route(
    "POST", "/restore-point-copies/{id}/redo", "A failed copy again, as a new operation", Role.COPIES_WRITE,
    owner=Owner.OPERATION, kind=COPY,
    response=Copy, status=202, refusals=(409,), repeatable=True,
)  # fmt: skip


@serve(START)
async def start_restore_point_copy(call: Call[CopyRequest]) -> HttpAnswer:
    """Start a copy."""
    from shared.copies.copying.service import Copies, StartCopy

    started = StartCopy(call.body, call.document, await _owner(call), call.caller.actor, call.key, call.trace, first_sent=call.first_sent)
    return _accepted(call, (await call.of(Copies).start(started)).operation)


@serve(LIST)
async def list_restore_point_copies(call: Call[None]) -> HttpAnswer:
    """List the copies that the caller may see."""
    filters = {name: normal(call.query[name]) for name, normal in _NORMAL.items() if name in call.query}
    return await call.list_operations(COPY, filters, _view)


@serve(GET)
async def get_restore_point_copy(call: Call[None]) -> HttpAnswer:
    """Return one copy."""
    return call.ok(_view(call.operation))


@serve(CANCEL)
async def cancel_restore_point_copy(call: Call[None]) -> HttpAnswer:
    """Cancel a copy before it starts."""
    from shared.copies.copying.service import Copies

    return _accepted(call, await call.of(Copies).cancel(call.operation, call.caller.actor))


@serve(REDO)
async def redo_restore_point_copy(call: Call[None]) -> HttpAnswer:
    """Copy again what failed."""
    from shared.copies.copying.service import Copies

    redone = await call.of(Copies).redo(call.operation, call.caller.actor, call.key, call.first_sent)
    return _accepted(call, redone.operation)


async def _owner(call: Call[CopyRequest]) -> str:
    """Return the tenant that both the source and the target belong to."""
    from shared.copies.copying.service import owned_ids

    registry, (source, target) = call.app.registry, owned_ids(call.body)
    owner = await require_owner(registry, call.caller, source, source.type, target="source")
    if await require_owner(registry, call.caller, target, target.type, target="target") != owner:
        raise not_found(f"{target.type} '{target}'", target="target")
    return owner


def _view(operation: Operation) -> JsonObject:
    from shared.copies.copying.views import copy_of

    return copy_of(operation).as_json()


def _accepted(call: Call[CopyRequest] | Call[None], operation: Operation) -> HttpAnswer:
    return call.accepted(operation, _view(operation))
