"""Restore point copies over HTTP: start, list, read, cancel, redo."""

from functools import partial
from typing import TYPE_CHECKING, Any

from functions.serve import serve
from shared.access.roles import Role
from shared.copies.copying.models import Copy, CopyRequest
from shared.copies.kinds import COPY
from shared.copies.requests import FILTERS, filters_of, owner_of_copy
from shared.operations.model.models import Operation
from shared.values.sent import SentBody
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.routes import Owner, Route

if TYPE_CHECKING:
    from shared.copies.copying.service import Copies

_READ, _WRITE = Role.COPIES_READ, Role.COPIES_WRITE
_of_copy = partial(Route, owner=Owner.OPERATION, kind=COPY, response=Copy)
START = Route(
    "POST", "/restore-point-copies", "Copy a restore point to another region", _WRITE, owner=Owner.BODY,
    request=CopyRequest, response=Copy, status=202, refusals=(404, 409), repeatable=True,
)  # fmt: skip
LIST = Route("GET", "/restore-point-copies", "Copies, newest first", _READ, owner=Owner.CALLER, response=Copy, is_list=True, query=FILTERS)
GET = _of_copy("GET", "/restore-point-copies/{id}", "One copy", _READ)
CANCEL = _of_copy("POST", "/restore-point-copies/{id}/cancel", "Cancel a copy before it starts", _WRITE, status=202, refusals=(409,))
REDO = _of_copy(
    "POST", "/restore-point-copies/{id}/redo", "Start a failed copy again, as a new operation", _WRITE,
    status=202, refusals=(409,), repeatable=True,
)  # fmt: skip


@serve(START)
async def start_restore_point_copy(call: Call[CopyRequest]) -> HttpAnswer:
    """Start a copy."""
    from shared.copies.copying.service import StartCopy

    owner = await owner_of_copy(call)
    start = StartCopy(call.body, SentBody(call.document), owner, call.caller.actor, call.key, call.trace, first_sent=call.first_sent)
    return _accepted(call, (await _copies(call).start(start)).operation)


@serve(LIST)
async def list_restore_point_copies(call: Call[None]) -> HttpAnswer:
    """List the copies that the caller may see."""
    return await call.list_operations(COPY, filters_of(call.query), _view)


@serve(GET)
async def get_restore_point_copy(call: Call[None]) -> HttpAnswer:
    """Return one copy."""
    return call.ok(_view(call.operation))


@serve(CANCEL)
async def cancel_restore_point_copy(call: Call[None]) -> HttpAnswer:
    """Cancel a copy before it starts."""
    return _accepted(call, await _copies(call).cancel(call.operation, call.caller.actor))


@serve(REDO)
async def redo_restore_point_copy(call: Call[None]) -> HttpAnswer:
    """Start a failed copy again, as a new operation."""
    return _accepted(call, (await _copies(call).redo(call.operation, call.caller.actor, call.key, call.first_sent)).operation)


def _copies(call: Call[Any]) -> "Copies":
    from shared.copies.copying.service import Copies

    return call.of(Copies)


def _view(operation: Operation) -> Copy:
    from shared.copies.copying.views import copy_of

    return copy_of(operation)


def _accepted(call: Call[Any], operation: Operation) -> HttpAnswer:
    return call.accepted(operation, _view(operation))
