"""Failovers: plan, start over HTTP and queue, approve, reject, resume, cancel, resolve, read, audit; and the queue of their steps."""

import azure.functions as func

from functions import set_up_messages
from functions.intake import delivery
from functions.lookup import find, find_by_message, run_checks, run_steps
from shared.access.principal import Principal, require_person
from shared.access.roles import Role
from shared.access.sender import message_owner, queue_actor, require_queue_role
from shared.arm.ids import ResourceId
from shared.composition import Runtime, runtime
from shared.errors import ErrorCode, Refused
from shared.failovers.failing_over.requests import ApproveRequest, FailoverRequest, RejectRequest, ResolveRequest
from shared.failovers.vault.answers import AuditTrail, Failover, Plan
from shared.failovers.vault.names import Action
from shared.operations.model.lists import Query
from shared.operations.model.models import Operation, Status
from shared.operations.outside.intake import Intake
from shared.web.answers import HttpAnswer, accepted
from shared.web.documents import parse
from shared.web.entry import handle
from shared.web.lists import page_body, read_page
from shared.web.requests import QueryParameter, base_url, read_body, read_query, refuse_body, repeatability, trace_of
from shared.web.routes import Route

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]  # the SDK leaves it without types

KIND = "failover"
REQUESTS = "failover-requests"
STEPS = "failover-steps"
CHECKS = "failover-checks"

_DRY_RUN = QueryParameter("dryRun", "Only plan: answer 200 with the plan and every check.", values=("true", "false"))
_FILTERS = (
    QueryParameter("status", "Failovers in this state only.", values=tuple(str(status) for status in Status)),
    QueryParameter("action", "Failovers of this action only.", values=tuple(str(action) for action in Action)),
)
_START = Route(
    "POST", "/failovers", "Fail over, test, commit, come back", Role.FAILOVERS_EXECUTE,
    request=FailoverRequest, response=Failover, dry=Plan, query=(_DRY_RUN,), status=202, refusals=(404, 409), repeatable=True,
)  # fmt: skip
_LIST = Route("GET", "/failovers", "Failovers, newest first", Role.FAILOVERS_READ, response=Failover, is_list=True, query=_FILTERS)
_GET = Route("GET", "/failovers/{id}", "One failover", Role.FAILOVERS_READ, response=Failover)
_AUDIT = Route("GET", "/failovers/{id}/audit", "The audit trail of a failover", Role.FAILOVERS_READ, response=AuditTrail)
_APPROVE = Route(
    "POST", "/failovers/{id}/approve", "Approve this plan, or commit now", Role.FAILOVERS_APPROVE,
    request=ApproveRequest, response=Failover, status=202, refusals=(409,),
)  # fmt: skip
_REJECT = Route(
    "POST", "/failovers/{id}/reject", "Reject the plan: nothing is started", Role.FAILOVERS_APPROVE,
    request=RejectRequest, response=Failover, status=202, refusals=(409,),
)  # fmt: skip
_RESUME = Route(
    "POST", "/failovers/{id}/resume", "Complete a failback that waits suspended", Role.FAILOVERS_EXECUTE,
    response=Failover, status=202, refusals=(409,),
)  # fmt: skip
_CANCEL = Route(
    "POST", "/failovers/{id}/cancel", "Cancel a failover before it starts", Role.FAILOVERS_EXECUTE,
    response=Failover, status=202, refusals=(409,),
)  # fmt: skip
_RESOLVE = Route(
    "POST", "/failovers/{id}/resolve", "Say how a start went whose outcome nobody knows", Role.FAILOVERS_APPROVE,
    request=ResolveRequest, response=Failover, status=202, refusals=(409,),
)  # fmt: skip
ROUTES = (_START, _LIST, _GET, _AUDIT, _APPROVE, _REJECT, _RESUME, _CANCEL, _RESOLVE)


@blueprint.route(route="failovers", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def start_failover(req: func.HttpRequest) -> func.HttpResponse:
    """Plan or start a failover."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        from shared.failovers.failing_over.service import StartFailover

        request, body = read_body(req, FailoverRequest)
        query = read_query(req, _START.known_query)
        repeatable = repeatability(req)
        scope = ResourceId.parse(request.scope.id)
        owner = await app.inventory.require_owner(caller, scope, target="scope")
        if query.get("dryRun") == "true":
            return HttpAnswer(200, (await app.failovers.plan(request, owner)).as_json())
        asked = StartFailover(request, body, owner, caller.actor, repeatable.key, trace_of(req), first_sent=repeatable.first_sent)
        return _accepted(app, req, (await app.failovers.start(asked)).operation)

    return await handle(req, runtime, Role.FAILOVERS_EXECUTE, work)


@blueprint.route(route="failovers", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def list_failovers(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the failovers that the caller may see."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        query = read_query(req, _LIST.known_query)
        page = read_page(query, caller)
        wanted = {"action": query["action"]} if "action" in query else {}
        asked = Query(None if caller.is_admin else caller.tenant, (KIND,), query.get("status"), wanted)
        listed = await app.lists.page(asked, page.top, page.after)
        base = base_url(app.settings, req)
        values = [_view(operation) for operation in listed.operations]
        return HttpAnswer(200, page_body(values, listed.last, path=_LIST.path, query=query, principal=caller, base_url=base))

    return await handle(req, runtime, Role.FAILOVERS_READ, work)


@blueprint.route(route="failovers/{id}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_failover(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer one failover."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        read_query(req, _GET.known_query)
        return HttpAnswer(200, _view(await find(app, caller, KIND, req.route_params["id"], "failover")))

    return await handle(req, runtime, Role.FAILOVERS_READ, work)


@blueprint.route(route="failovers/{id}/audit", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_failover_audit(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the audit trail of a failover, verified."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        read_query(req, _AUDIT.known_query)
        operation = await find(app, caller, KIND, req.route_params["id"], "failover")
        return HttpAnswer(200, (await app.failovers.trail(operation)).as_json())

    return await handle(req, runtime, Role.FAILOVERS_READ, work)


@blueprint.route(route="failovers/{id}/approve", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def approve_failover(req: func.HttpRequest) -> func.HttpResponse:
    """Approve the plan that waits, or commit now in a commit window."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        require_person(caller)
        said, _ = read_body(req, ApproveRequest)
        operation = await find(app, caller, KIND, req.route_params["id"], "failover")
        return _accepted(app, req, await app.failovers.approve(operation, said.plan_hash, caller.actor))

    return await handle(req, runtime, Role.FAILOVERS_APPROVE, work)


@blueprint.route(route="failovers/{id}/reject", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def reject_failover(req: func.HttpRequest) -> func.HttpResponse:
    """Reject the plan that waits."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        require_person(caller)
        said, _ = read_body(req, RejectRequest)
        operation = await find(app, caller, KIND, req.route_params["id"], "failover")
        return _accepted(app, req, await app.failovers.reject(operation, said.reason, caller.actor))

    return await handle(req, runtime, Role.FAILOVERS_APPROVE, work)


@blueprint.route(route="failovers/{id}/resolve", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def resolve_failover(req: func.HttpRequest) -> func.HttpResponse:
    """Take a person's word on a start whose outcome nobody knows."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        require_person(caller)
        said, _ = read_body(req, ResolveRequest)
        operation = await find(app, caller, KIND, req.route_params["id"], "failover")
        return _accepted(app, req, await app.failovers.resolve(operation, said, caller.actor))

    return await handle(req, runtime, Role.FAILOVERS_APPROVE, work)


@blueprint.route(route="failovers/{id}/resume", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def resume_failover(req: func.HttpRequest) -> func.HttpResponse:
    """Complete a failback that waits suspended."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        refuse_body(req)
        operation = await find(app, caller, KIND, req.route_params["id"], "failover")
        return _accepted(app, req, await app.failovers.resume(operation, caller.actor))

    return await handle(req, runtime, Role.FAILOVERS_EXECUTE, work)


@blueprint.route(route="failovers/{id}/cancel", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def cancel_failover(req: func.HttpRequest) -> func.HttpResponse:
    """Cancel a failover before it starts."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        refuse_body(req)
        operation = await find(app, caller, KIND, req.route_params["id"], "failover")
        return _accepted(app, req, await app.failovers.cancel(operation, caller.actor))

    return await handle(req, runtime, Role.FAILOVERS_EXECUTE, work)


@blueprint.queue_trigger(arg_name="msg", queue_name=REQUESTS, connection="AzureWebJobsStorage")
async def receive_failover_request(msg: func.QueueMessage) -> None:
    """Carry out a message of another system, or reject it with the reason."""
    app = await runtime()

    async def carry_out(intake: Intake) -> None:
        require_queue_role(app.settings.queue_roles, Role.FAILOVERS_EXECUTE, REQUESTS)
        if intake.kind in set_up_messages.KINDS:
            await set_up_messages.carry_out(app, intake, REQUESTS)
        elif intake.operation == "create":
            await _create(app, intake)
        elif intake.operation == "cancel":
            await app.failovers.cancel(await find_by_message(app, KIND, intake, "failover"), queue_actor(REQUESTS))
        elif intake.operation == "resume":
            await app.failovers.resume(await find_by_message(app, KIND, intake, "failover"), queue_actor(REQUESTS))
        else:
            message = f"{intake.operation} is no operation on a failover by queue; known are create, cancel, resume."
            raise Refused(ErrorCode.INVALID_REQUEST, message, target="operation")

    await app.receiver.receive(delivery(msg, REQUESTS), frozenset({KIND}) | set_up_messages.KINDS, carry_out)


@blueprint.queue_trigger(arg_name="msg", queue_name=STEPS, connection="AzureWebJobsStorage")
async def run_failover_step(msg: func.QueueMessage) -> None:
    """Run the step that is due of each failover that the message names."""
    await run_steps(msg)


@blueprint.queue_trigger(arg_name="msg", queue_name=CHECKS, connection="AzureWebJobsStorage")
async def check_failovers(msg: func.QueueMessage) -> None:
    """Check the failovers that the message names: one list of the vault's jobs for all of them."""
    await run_checks(msg)


async def _create(app: Runtime, intake: Intake) -> None:
    from shared.failovers.failing_over.service import StartFailover

    request = parse(FailoverRequest, intake.body)
    owner = await message_owner(app.registry, (ResourceId.parse(request.scope.id),), intake.tenant, app.inventory.owner_of)
    await app.failovers.start(StartFailover(request, intake.body, owner, queue_actor(REQUESTS), intake.key, intake.trace))


def _view(operation: Operation) -> dict[str, object]:
    from shared.failovers.failing_over.views import failover_of

    return failover_of(operation).as_json()


def _accepted(app: Runtime, req: func.HttpRequest, operation: Operation) -> HttpAnswer:
    return accepted(operation, app.workflows.path_of(operation), base_url(app.settings, req), _view(operation))
