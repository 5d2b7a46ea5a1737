"""Failovers over HTTP: plan, start, approve, reject, resume, cancel, resolve, read, audit."""

from functools import partial
from typing import TYPE_CHECKING, Any

from functions.serve import serve
from shared.access.roles import Role
from shared.arm.ids import ResourceId
from shared.audit.answers import AuditTrail
from shared.failovers.failing_over.answers import Failover, Plan
from shared.failovers.failing_over.requests import ApproveRequest, FailoverRequest, RejectRequest
from shared.failovers.kinds import FAILOVER
from shared.failovers.requests import DRY_RUN, FAILOVER_FILTERS, inventory_of
from shared.operations.model.models import Operation
from shared.values.sent import SentBody
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.operations import ResolveRequest
from shared.web.routes import Owner, Route

if TYPE_CHECKING:
    from shared.failovers.failing_over.service import Failovers

_of_failover = partial(Route, owner=Owner.OPERATION, kind=FAILOVER)
_change = partial(_of_failover, response=Failover, status=202, refusals=(409,))
_READ, _EXECUTE, _APPROVE = Role.FAILOVERS_READ, Role.FAILOVERS_EXECUTE, Role.FAILOVERS_APPROVE
START = Route(
    "POST", "/failovers", "Start or plan a failover, test failover, commit or failback", _EXECUTE, owner=Owner.BODY,
    request=FailoverRequest, response=Failover, dry=Plan, query=(DRY_RUN,), status=202, refusals=(404, 409), repeatable=True,
)  # fmt: skip
LIST = Route(
    "GET", "/failovers", "Failovers, newest first", _READ, owner=Owner.CALLER, response=Failover, is_list=True, query=FAILOVER_FILTERS
)
GET = _of_failover("GET", "/failovers/{id}", "One failover", _READ, response=Failover)
AUDIT = _of_failover("GET", "/failovers/{id}/audit", "The audit trail of a failover", _READ, response=AuditTrail)
APPROVE = _change("POST", "/failovers/{id}/approve", "Approve this plan, or commit now", _APPROVE, person=True, request=ApproveRequest)
REJECT = _change("POST", "/failovers/{id}/reject", "Reject the plan", _APPROVE, person=True, request=RejectRequest)
RESOLVE = _change("POST", "/failovers/{id}/resolve", "Resolve a failover of unknown outcome", _APPROVE, person=True, request=ResolveRequest)
RESUME = _change("POST", "/failovers/{id}/resume", "Complete a failback that is suspended", _EXECUTE)
CANCEL = _change("POST", "/failovers/{id}/cancel", "Cancel a failover before it starts", _EXECUTE)


@serve(START)
async def start_failover(call: Call[FailoverRequest]) -> HttpAnswer:
    """Plan or start a failover."""
    from shared.failovers.failing_over.service import StartFailover

    failovers, scope = _failovers(call), ResourceId.parse(call.body.scope.id)
    owner = await inventory_of(call).require_owner(call.caller, scope, target="scope")
    if call.query.get("dryRun") == "true":
        return call.ok(await failovers.plan(call.body, owner))
    start = StartFailover(call.body, SentBody(call.document), owner, call.caller.actor, call.key, call.trace, first_sent=call.first_sent)
    return _accepted(call, (await failovers.start(start)).operation)


@serve(LIST)
async def list_failovers(call: Call[None]) -> HttpAnswer:
    """List the failovers that the caller may see."""
    return await call.list_operations(FAILOVER, call.given("action"), _view)


@serve(GET)
async def get_failover(call: Call[None]) -> HttpAnswer:
    """Return one failover."""
    return call.ok(_view(call.operation))


@serve(AUDIT)
async def get_failover_audit(call: Call[None]) -> HttpAnswer:
    """Return the audit trail of a failover, verified."""
    return call.ok(await _failovers(call).trail(call.operation))


@serve(APPROVE)
async def approve_failover(call: Call[ApproveRequest]) -> HttpAnswer:
    """Approve the pending plan, or commit now in a commit window."""
    return _accepted(call, await _failovers(call).approve(call.operation, call.body.plan_hash, call.caller.actor))


@serve(REJECT)
async def reject_failover(call: Call[RejectRequest]) -> HttpAnswer:
    """Reject the pending plan."""
    return _accepted(call, await _failovers(call).reject(call.operation, call.body.reason, call.caller.actor))


@serve(RESOLVE)
async def resolve_failover(call: Call[ResolveRequest]) -> HttpAnswer:
    """Resolve a failover of unknown outcome."""
    return _accepted(call, await _failovers(call).resolve(call.operation, call.body.resolution, call.caller.actor))


@serve(RESUME)
async def resume_failover(call: Call[None]) -> HttpAnswer:
    """Complete a failback that is suspended."""
    return _accepted(call, await _failovers(call).resume(call.operation, call.caller.actor))


@serve(CANCEL)
async def cancel_failover(call: Call[None]) -> HttpAnswer:
    """Cancel a failover before it starts."""
    return _accepted(call, await _failovers(call).cancel(call.operation, call.caller.actor))


def _failovers(call: Call[Any]) -> "Failovers":
    from shared.failovers.failing_over.service import Failovers

    return call.of(Failovers)


def _view(operation: Operation) -> Failover:
    from shared.failovers.failing_over.views import failover_of

    return failover_of(operation)


def _accepted(call: Call[Any], operation: Operation) -> HttpAnswer:
    return call.accepted(operation, _view(operation))
