"""Failovers over HTTP: plan, start, approve, reject, resume, cancel, resolve, read, audit."""

from typing import Any

from functions.serve import serve
from shared.access.roles import Role
from shared.arm.ids import ResourceId
from shared.failovers.audit.answers import AuditTrail
from shared.failovers.failing_over.answers import Failover, Plan
from shared.failovers.failing_over.requests import ApproveRequest, FailoverRequest, RejectRequest
from shared.failovers.kinds import FAILOVER
from shared.failovers.vault.names import Action
from shared.operations.model.models import JsonObject, Operation, Status
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.operations import ResolveRequest
from shared.web.requests import QueryParameter
from shared.web.routes import Owner, Route

_DRY_RUN = QueryParameter("dryRun", "Only plan: answer 200 with the plan and every check.", values=("true", "false"))
_FILTERS = (
    QueryParameter("status", "Failovers in this state only.", values=tuple(str(status) for status in Status)),
    QueryParameter("action", "Failovers of this action only.", values=tuple(str(action) for action in Action)),
)
START = Route(
    "POST", "/failovers", "Fail over, test, commit, come back", Role.FAILOVERS_EXECUTE, owner=Owner.BODY,
    request=FailoverRequest, response=Failover, dry=Plan, query=(_DRY_RUN,), status=202, refusals=(404, 409), repeatable=True,
)  # fmt: skip
LIST = Route(
    "GET", "/failovers", "Failovers, newest first", Role.FAILOVERS_READ,
    owner=Owner.CALLER, response=Failover, is_list=True, query=_FILTERS,
)  # fmt: skip
GET = Route("GET", "/failovers/{id}", "One failover", Role.FAILOVERS_READ, owner=Owner.OPERATION, kind=FAILOVER, response=Failover)
AUDIT = Route(
    "GET", "/failovers/{id}/audit", "The audit trail of a failover", Role.FAILOVERS_READ,
    owner=Owner.OPERATION, kind=FAILOVER, response=AuditTrail,
)  # fmt: skip
APPROVE = Route(
    "POST", "/failovers/{id}/approve", "Approve this plan, or commit now", Role.FAILOVERS_APPROVE,
    owner=Owner.OPERATION, kind=FAILOVER, person=True, request=ApproveRequest, response=Failover, status=202, refusals=(409,),
)  # fmt: skip
REJECT = Route(
    "POST", "/failovers/{id}/reject", "Reject the plan", Role.FAILOVERS_APPROVE,
    owner=Owner.OPERATION, kind=FAILOVER, person=True, request=RejectRequest, response=Failover, status=202, refusals=(409,),
)  # fmt: skip
RESUME = Route(
    "POST", "/failovers/{id}/resume", "Complete a failback that is suspended", Role.FAILOVERS_EXECUTE,
    owner=Owner.OPERATION, kind=FAILOVER, response=Failover, status=202, refusals=(409,),
)  # fmt: skip
CANCEL = Route(
    "POST", "/failovers/{id}/cancel", "Cancel a failover before it starts", Role.FAILOVERS_EXECUTE,
    owner=Owner.OPERATION, kind=FAILOVER, response=Failover, status=202, refusals=(409,),
)  # fmt: skip
RESOLVE = Route(
    "POST", "/failovers/{id}/resolve", "Resolve a failover of unknown outcome", Role.FAILOVERS_APPROVE,
    owner=Owner.OPERATION, kind=FAILOVER, person=True, request=ResolveRequest, response=Failover, status=202, refusals=(409,),
)  # fmt: skip


@serve(START)
async def start_failover(call: Call[FailoverRequest]) -> HttpAnswer:
    """Plan or start a failover."""
    from shared.failovers.failing_over.service import Failovers, StartFailover
    from shared.failovers.vault.inventory import Inventory

    failovers, scope = call.of(Failovers), ResourceId.parse(call.body.scope.id)
    owner = await call.of(Inventory).require_owner(call.caller, scope, target="scope")
    if call.query.get("dryRun") == "true":
        return call.ok((await failovers.plan(call.body, owner)).as_json())
    start = StartFailover(call.body, call.document, owner, call.caller.actor, call.key, call.trace, first_sent=call.first_sent)
    return _accepted(call, (await failovers.start(start)).operation)


@serve(LIST)
async def list_failovers(call: Call[None]) -> HttpAnswer:
    """List the failovers that the caller may see."""
    return await call.list_operations(FAILOVER, {name: call.query[name] for name in ("action",) if name in call.query}, _view)


@serve(GET)
async def get_failover(call: Call[None]) -> HttpAnswer:
    """Return one failover."""
    return call.ok(_view(call.operation))


@serve(AUDIT)
async def get_failover_audit(call: Call[None]) -> HttpAnswer:
    """Return the audit trail of a failover, verified."""
    from shared.failovers.failing_over.service import Failovers

    return call.ok((await call.of(Failovers).trail(call.operation)).as_json())


@serve(APPROVE)
async def approve_failover(call: Call[ApproveRequest]) -> HttpAnswer:
    """Approve the pending plan, or commit now in a commit window."""
    from shared.failovers.failing_over.service import Failovers

    return _accepted(call, await call.of(Failovers).approve(call.operation, call.body.plan_hash, call.caller.actor))


@serve(REJECT)
async def reject_failover(call: Call[RejectRequest]) -> HttpAnswer:
    """Reject the pending plan."""
    from shared.failovers.failing_over.service import Failovers

    return _accepted(call, await call.of(Failovers).reject(call.operation, call.body.reason, call.caller.actor))


@serve(RESOLVE)
async def resolve_failover(call: Call[ResolveRequest]) -> HttpAnswer:
    """Resolve a failover of unknown outcome."""
    from shared.failovers.failing_over.service import Failovers

    return _accepted(call, await call.of(Failovers).resolve(call.operation, call.body.resolution, call.caller.actor))


@serve(RESUME)
async def resume_failover(call: Call[None]) -> HttpAnswer:
    """Complete a failback that is suspended."""
    from shared.failovers.failing_over.service import Failovers

    return _accepted(call, await call.of(Failovers).resume(call.operation, call.caller.actor))


@serve(CANCEL)
async def cancel_failover(call: Call[None]) -> HttpAnswer:
    """Cancel a failover before it starts."""
    from shared.failovers.failing_over.service import Failovers

    return _accepted(call, await call.of(Failovers).cancel(call.operation, call.caller.actor))


def _view(operation: Operation) -> JsonObject:
    from shared.failovers.failing_over.views import failover_of

    return failover_of(operation).as_json()


def _accepted(call: Call[Any], operation: Operation) -> HttpAnswer:
    return call.accepted(operation, _view(operation))
