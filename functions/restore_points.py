"""Restore point copies: start over HTTP and queue, read, cancel, redo; and the queue that carries their steps."""

import azure.functions as func

from functions.intake import delivery
from functions.lookup import find, find_by_message, run_steps
from shared.access.ownership import require_owner
from shared.access.principal import Principal, not_found
from shared.access.roles import Role
from shared.access.sender import message_owner, queue_actor, require_queue_role
from shared.composition import Runtime, runtime
from shared.copies.copying.models import Copy, CopyRequest, normal_region
from shared.errors import ErrorCode, Refused
from shared.operations.model.lists import Query
from shared.operations.model.models import Accepted, Operation, Status
from shared.operations.outside.intake import Intake
from shared.web.answers import HttpAnswer, accepted
from shared.web.documents import parse
from shared.web.entry import handle
from shared.web.lists import page_body, read_page
from shared.web.requests import QueryParameter, base_url, read_body, read_query, refuse_body, repeatability, trace_of
from shared.web.routes import Route

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]  # the SDK leaves it without types

KIND = "restorePointCopy"
REQUESTS = "restore-point-copy-requests"
STEPS = "restore-point-copy-steps"


def _vm_filter(text: str) -> str:
    from shared.arm.reading import id_key  # no cold start needs the rules

    key = id_key(text)
    if key is None or "/virtualmachines/" not in key:
        raise ValueError("This must be the ARM id of a virtual machine.")
    return key


_FILTERS = (
    QueryParameter("virtualMachineId", "Copies of this VM only.", check=_vm_filter),
    QueryParameter("status", "Copies in this state only.", values=tuple(str(status) for status in Status)),
    QueryParameter("region", "Copies to this region only.", check=normal_region),
    QueryParameter("policy", "Copies of this policy only.", max_length=80),
)
_START = Route(
    "POST", "/restore-point-copies", "Copy a restore point to another region", Role.COPIES_WRITE,
    request=CopyRequest, response=Copy, status=202, refusals=(404, 409), repeatable=True,
)  # fmt: skip
_LIST = Route("GET", "/restore-point-copies", "Copies, newest first", Role.COPIES_READ, response=Copy, is_list=True, query=_FILTERS)
_GET = Route("GET", "/restore-point-copies/{id}", "One copy", Role.COPIES_READ, response=Copy)
_CANCEL = Route(
    "POST", "/restore-point-copies/{id}/cancel", "Cancel a copy before it starts", Role.COPIES_WRITE,
    response=Copy, status=202, refusals=(409,),
)  # fmt: skip
_REDO = Route(
    "POST", "/restore-point-copies/{id}/redo", "A failed copy again, as a new operation", Role.COPIES_WRITE,
    response=Copy, status=202, refusals=(409,), repeatable=True,
)  # fmt: skip
ROUTES = (_START, _LIST, _GET, _CANCEL, _REDO)


@blueprint.route(route="restore-point-copies", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def start_restore_point_copy(req: func.HttpRequest) -> func.HttpResponse:
    """Start a copy."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        from shared.copies.copying.service import StartCopy, owned_ids

        request, body = read_body(req, CopyRequest)
        read_query(req, _START.known_query)
        repeatable = repeatability(req)
        source, target = owned_ids(request)
        owner = await require_owner(app.registry, caller, source, source.type, target="source")
        if await require_owner(app.registry, caller, target, target.type, target="target") != owner:
            raise not_found(f"{target.type} '{target}'", target="target")
        asked = StartCopy(request, body, owner, caller.actor, repeatable.key, trace_of(req), first_sent=repeatable.first_sent)
        done = await app.copies.start(asked)
        return _accepted(app, req, done.operation)

    return await handle(req, runtime, Role.COPIES_WRITE, work)


@blueprint.route(route="restore-point-copies", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def list_restore_point_copies(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the copies that the caller may see."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        query = read_query(req, _LIST.known_query)
        page = read_page(query, caller)
        wanted = {name: query[name] for name in ("virtualMachineId", "region", "policy") if name in query}
        if "virtualMachineId" in wanted:
            wanted["virtualMachineId"] = _vm_filter(wanted["virtualMachineId"])
        if "region" in wanted:
            wanted["region"] = normal_region(wanted["region"])
        asked = Query(None if caller.is_admin else caller.tenant, (KIND,), query.get("status"), wanted)
        listed = await app.lists.page(asked, page.top, page.after)
        values = [_view(operation) for operation in listed.operations]
        base = base_url(app.settings, req)
        return HttpAnswer(200, page_body(values, listed.last, path=_LIST.path, query=query, principal=caller, base_url=base))

    return await handle(req, runtime, Role.COPIES_READ, work)


@blueprint.route(route="restore-point-copies/{id}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_restore_point_copy(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer one copy."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        read_query(req, _GET.known_query)
        return HttpAnswer(200, _view(await find(app, caller, KIND, req.route_params["id"], "copy")))

    return await handle(req, runtime, Role.COPIES_READ, work)


@blueprint.route(route="restore-point-copies/{id}/cancel", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def cancel_restore_point_copy(req: func.HttpRequest) -> func.HttpResponse:
    """Cancel a copy before it starts."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        read_query(req, _CANCEL.known_query)
        refuse_body(req)
        operation = await find(app, caller, KIND, req.route_params["id"], "copy")
        return _accepted(app, req, await app.copies.cancel(operation, caller.actor))

    return await handle(req, runtime, Role.COPIES_WRITE, work)


@blueprint.route(route="restore-point-copies/{id}/redo", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def redo_restore_point_copy(req: func.HttpRequest) -> func.HttpResponse:
    """Copy again what failed."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        read_query(req, _REDO.known_query)
        repeatable = repeatability(req)
        refuse_body(req)
        failed = await find(app, caller, KIND, req.route_params["id"], "copy")
        done = await app.copies.redo(failed, caller.actor, repeatable.key, repeatable.first_sent)
        return _accepted(app, req, done.operation)

    return await handle(req, runtime, Role.COPIES_WRITE, work)


@blueprint.queue_trigger(arg_name="msg", queue_name=REQUESTS, connection="AzureWebJobsStorage")
async def receive_restore_point_copy_request(msg: func.QueueMessage) -> None:
    """Carry out a message of another system, or reject it with the reason."""
    app = await runtime()

    async def carry_out(intake: Intake) -> None:
        require_queue_role(app.settings.queue_roles, Role.COPIES_WRITE, REQUESTS)
        if intake.operation == "create":
            await _create(app, intake)
        elif intake.operation == "cancel":
            await app.copies.cancel(await find_by_message(app, KIND, intake, "copy"), queue_actor(REQUESTS))
        elif intake.operation == "redo":
            await app.copies.redo(await find_by_message(app, KIND, intake, "copy"), queue_actor(REQUESTS), intake.key)
        else:
            message = f"{intake.operation} is no operation on a copy; known are create, cancel, redo."
            raise Refused(ErrorCode.INVALID_REQUEST, message, target="operation")

    await app.receiver.receive(delivery(msg, REQUESTS), frozenset({KIND}), carry_out)


@blueprint.queue_trigger(arg_name="msg", queue_name=STEPS, connection="AzureWebJobsStorage")
async def run_restore_point_copy_step(msg: func.QueueMessage) -> None:
    """Run the step that is due of each copy that the message names."""
    await run_steps(msg)


async def _create(app: Runtime, intake: Intake) -> Accepted:
    from shared.copies.copying.service import StartCopy, owned_ids

    request = parse(CopyRequest, intake.body)
    owner = await message_owner(app.registry, owned_ids(request), intake.tenant)
    return await app.copies.start(StartCopy(request, intake.body, owner, queue_actor(REQUESTS), intake.key, intake.trace))


def _view(operation: Operation) -> dict[str, object]:
    from shared.copies.copying.views import copy_of

    return copy_of(operation).as_json()


def _accepted(app: Runtime, req: func.HttpRequest, operation: Operation) -> HttpAnswer:
    return accepted(operation, app.workflows.path_of(operation), base_url(app.settings, req), _view(operation))
