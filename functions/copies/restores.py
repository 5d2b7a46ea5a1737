"""Restores and drills over HTTP: plan, start, list, read, clean up, audit."""

from functools import partial
from typing import TYPE_CHECKING, Any

from functions.serve import serve
from shared.access.roles import Role
from shared.audit.answers import AuditTrail
from shared.copies.kinds import RESTORE
from shared.copies.restores.accepting.calls import DRY_RUN, FILTERS, is_dry_run, page_of, start_of
from shared.copies.restores.answers import PlanBody, RestoreBody
from shared.copies.restores.request import RestoreRequest
from shared.operations.model.models import Operation
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.routes import Owner, Route

if TYPE_CHECKING:
    from shared.copies.restores.accepting.service import Restores

_READ, _WRITE = Role.COPIES_READ, Role.COPIES_WRITE
_of_restore = partial(Route, owner=Owner.OPERATION, kind=RESTORE)
START = Route(
    "POST", "/restores", "Restore disks or machines from usable copies, or rehearse it", _WRITE, owner=Owner.BODY,
    request=RestoreRequest, response=RestoreBody, dry=PlanBody, status=202, query=(DRY_RUN,), refusals=(404, 409), repeatable=True,
)  # fmt: skip
LIST = Route(
    "GET", "/restores", "Restores and drills, newest first", _READ, owner=Owner.CALLER, response=RestoreBody, is_list=True, query=FILTERS
)
GET = _of_restore("GET", "/restores/{id}", "One restore or drill", _READ, response=RestoreBody)
CLEAN_UP = _of_restore(
    "POST", "/restores/{id}/clean-up", "Delete what a drill has made now, or what a failed restore has left", _WRITE,
    response=RestoreBody, status=202, refusals=(409,),
)  # fmt: skip
AUDIT = _of_restore("GET", "/restores/{id}/audit", "The audit trail of a restore", _READ, response=AuditTrail)


@serve(START)
async def start_restore(call: Call[RestoreRequest]) -> HttpAnswer:
    """Restore disks or machines from usable copies."""
    from shared.copies.restores.views import plan_body

    start = await start_of(call)
    if is_dry_run(call):
        plan = await _restores(call).dry_run(start)
        return call.ok(plan_body(call.body, plan.sources, plan.looked, plan.at))
    return _accepted(call, (await _restores(call).start(start)).operation)


@serve(LIST)
async def list_restores(call: Call[None]) -> HttpAnswer:
    """List the restores and drills that the caller may see."""
    return await page_of(call, RESTORE, _view)


@serve(GET)
async def get_restore(call: Call[None]) -> HttpAnswer:
    """Return one restore or drill."""
    return call.ok(_view(call.operation))


@serve(CLEAN_UP)
async def clean_up_restore(call: Call[None]) -> HttpAnswer:
    """Delete what a drill has made now."""
    return _accepted(call, await _restores(call).clean_up(call.operation, call.caller.actor))


@serve(AUDIT)
async def get_restore_audit(call: Call[None]) -> HttpAnswer:
    """Return the audit trail of a restore."""
    return call.ok(await _restores(call).trail.of(call.operation))


def _restores(call: Call[Any]) -> "Restores":
    from shared.copies.restores.accepting.service import Restores

    return call.of(Restores)


def _view(operation: Operation) -> RestoreBody:
    from shared.copies.restores.views import restore_body

    return restore_body(operation)


def _accepted(call: Call[Any], operation: Operation) -> HttpAnswer:
    return call.accepted(operation, _view(operation))
