"""Operations of every kind: status, list, cancel, retry; rejected messages; and the timer that drains the poison queues."""

import azure.functions as func
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from shared.access.principal import Principal, not_found, require
from shared.access.roles import READ_ROLES, Role
from shared.composition import Runtime, runtime
from shared.operations.model.identity import is_operation_id
from shared.operations.model.lists import Query
from shared.operations.model.models import Operation, Status
from shared.operations.outside.events import as_json
from shared.operations.outside.rejected import RejectedMessage
from shared.web.answers import HttpAnswer, absolute, accepted
from shared.web.documents import wrong
from shared.web.entry import handle
from shared.web.lists import page_body, read_page
from shared.web.operations import ErrorDetail, OperationBody
from shared.web.requests import QueryParameter, base_url, read_query, refuse_body
from shared.web.routes import Route

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]  # the SDK leaves it without types


class RejectedMessageBody(BaseModel):
    """A message that came in by queue and could not be accepted."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    id: str
    queue: str
    message_id: str
    received_at: str
    reason: ErrorDetail
    body: str
    may_have_been_accepted: bool
    replayed_as: str | None


_WRITERS = frozenset({Role.COPIES_WRITE, Role.FAILOVERS_EXECUTE, Role.TENANTS_WRITE})
_FILTERS = (
    QueryParameter("status", "Operations in this state only.", values=tuple(str(status) for status in Status)),
    QueryParameter("kind", "Operations of this kind only.", max_length=40),
    QueryParameter("tenant", "Operations of this tenant only; another's for the provider's Admin.", max_length=63),
    QueryParameter("attention", "Those that ask for a person: the on-call page.", values=("true",)),
)
_LIST = Route(
    "GET", "/operations", "Operations, newest first", READ_ROLES,
    response=OperationBody, is_list=True, query=_FILTERS, refusals=(404,),
)  # fmt: skip
_GET = Route("GET", "/operations/{id}", "One operation", READ_ROLES, response=OperationBody)
_CANCEL = Route(
    "POST", "/operations/{id}/cancel", "Cancel an operation before it starts", _WRITERS,
    response=OperationBody, status=202, refusals=(409,),
)  # fmt: skip
_RETRY = Route(
    "POST", "/operations/{id}/retry", "Look at an operation again now", _WRITERS,
    response=OperationBody, status=202, refusals=(409,),
)  # fmt: skip
_REJECTED = Route(
    "GET", "/rejected-messages", "Messages that could not be accepted, newest first", Role.ADMIN,
    response=RejectedMessageBody, is_list=True,
)  # fmt: skip
_REPLAY = Route(
    "POST", "/rejected-messages/{id}/replay", "Queue a rejected message again", Role.ADMIN,
    response=RejectedMessageBody, status=202, refusals=(409,), is_operation=False,
)  # fmt: skip
ROUTES = (_LIST, _GET, _CANCEL, _RETRY, _REJECTED, _REPLAY)


@blueprint.route(route="operations", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def list_operations(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the operations whose kind and tenant the caller may read."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        query = read_query(req, _LIST.known_query)
        page = read_page(query, caller)
        asked = await _query(app, caller, query.get("kind"), query.get("tenant"), query.get("status"))
        read = app.lists.standing if "attention" in query else app.lists.page
        listed = await read(asked, page.top, page.after)
        base = base_url(app.settings, req)
        values = [as_json(operation, app.workflows, base) for operation in listed.operations]
        return HttpAnswer(200, page_body(values, listed.last, path=_LIST.path, query=query, principal=caller, base_url=base))

    return await handle(req, runtime, READ_ROLES, work)


@blueprint.route(route="operations/{id}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_operation(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer one operation."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        read_query(req, _GET.known_query)
        operation = await _find(app, caller, req.route_params["id"])
        if not caller.has(Role(app.workflows.of_kind(operation.kind).read_role)):
            raise not_found(f"operation '{operation.id}'")
        return HttpAnswer(200, as_json(operation, app.workflows, base_url(app.settings, req)))

    return await handle(req, runtime, READ_ROLES, work)


@blueprint.route(route="operations/{id}/cancel", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def cancel_operation(req: func.HttpRequest) -> func.HttpResponse:
    """Cancel an operation before it starts."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        return _accepted(app, req, await app.commands.cancel(await _find_to_write(app, caller, req), caller.actor))

    return await handle(req, runtime, _WRITERS, work)


@blueprint.route(route="operations/{id}/retry", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def retry_operation(req: func.HttpRequest) -> func.HttpResponse:
    """Look at an operation again now."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        return _accepted(app, req, await app.commands.retry(await _find_to_write(app, caller, req), caller.actor))

    return await handle(req, runtime, _WRITERS, work)


@blueprint.route(route="rejected-messages", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def list_rejected_messages(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the rejected messages."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        query = read_query(req, _REJECTED.known_query)
        page = read_page(query, caller)
        kept, last = await app.rejected.page(page.top, page.after)
        base = base_url(app.settings, req)
        values = [message.as_json() for message in kept]
        return HttpAnswer(200, page_body(values, last, path=_REJECTED.path, query=query, principal=caller, base_url=base))

    return await handle(req, runtime, Role.ADMIN, work)


@blueprint.route(route="rejected-messages/{id}/replay", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def replay_rejected_message(req: func.HttpRequest) -> func.HttpResponse:
    """Queue a rejected message again."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        read_query(req, _REPLAY.known_query)
        refuse_body(req)
        kept: RejectedMessage = await app.rejected.replay(req.route_params["id"])
        location = absolute(base_url(app.settings, req), f"/rejected-messages/{kept.id}")
        return HttpAnswer(202, kept.as_json(), {"Location": location})

    return await handle(req, runtime, Role.ADMIN, work)


@blueprint.timer_trigger(arg_name="timer", schedule="15 * * * * *", run_on_startup=False, use_monitor=True)
async def poison(timer: func.TimerRequest) -> None:
    """Drain the poison queues: what other systems sent becomes rejected messages, our own hints are counted and dropped."""
    app = await runtime()
    await app.poisoned.drain()


async def _query(app: Runtime, caller: Principal, kind: str | None, tenant: str | None, status: str | None) -> Query:
    """Return what the caller may see of what it asks for: of a kind that it may not read, nothing."""
    if kind is not None and kind not in app.workflows.by_kind:
        raise wrong("kind", f"This must be one of {', '.join(sorted(app.workflows.by_kind))}.")
    if tenant is not None and (not caller.reaches(tenant) or await app.registry.by_name(tenant) is None):
        raise not_found(f"tenant '{tenant}'", target="tenant")
    readable = tuple(name for name, workflow in app.workflows.by_kind.items() if caller.has(Role(workflow.read_role)))
    kinds = tuple(name for name in readable if kind in {None, name}) or ("none",)
    return Query(tenant or (None if caller.is_admin else caller.tenant), kinds, status)


async def _find(app: Runtime, caller: Principal, operation: str) -> Operation:
    found = await app.store.get(operation) if is_operation_id(operation) else None
    if found is None or found.kind not in app.workflows.by_kind or not caller.reaches(found.tenant):
        raise not_found(f"operation '{operation}'")
    return found


async def _find_to_write(app: Runtime, caller: Principal, req: func.HttpRequest) -> Operation:
    read_query(req, ())
    refuse_body(req)
    operation = await _find(app, caller, req.route_params["id"])
    require(caller, Role(app.workflows.of_kind(operation.kind).write_role))
    return operation


def _accepted(app: Runtime, req: func.HttpRequest, operation: Operation) -> HttpAnswer:
    base = base_url(app.settings, req)
    return accepted(operation, app.workflows.path_of(operation), base, as_json(operation, app.workflows, base))
