"""The system's own functions: health, description, operations of every kind, rejected messages, and the timers."""

import logging
from typing import Any

import azure.functions as func

from functions.capabilities import load
from functions.serve import runtime, serve
from shared.access.principal import not_found
from shared.access.roles import READ_ROLES, WRITE_ROLES, Role
from shared.capability import Job
from shared.operations.accepting.resolving import not_in_doubt
from shared.operations.model.lists import Query
from shared.operations.model.models import Operation, Status
from shared.operations.outside.events import as_json
from shared.web.answers import API, HttpAnswer, absolute
from shared.web.calls import Call, require_kind_role
from shared.web.documents import wrong
from shared.web.health import HealthBody, health_answer
from shared.web.operations import OperationBody, RejectedMessageBody, ResolveRequest
from shared.web.requests import QueryParameter
from shared.web.routes import Owner, Route

_log = logging.getLogger(__name__)
timers = func.Blueprint()  # type: ignore[no-untyped-call]  # the SDK leaves it without types

_FILTERS = (
    QueryParameter("status", "Operations in this state only.", values=tuple(str(status) for status in Status)),
    QueryParameter("kind", "Operations of this kind only.", max_length=40),
    QueryParameter("tenant", "Operations of this tenant only; another's for the provider's Admin.", max_length=63),
    QueryParameter("attention", "Operations with attention: the on-call page.", values=("true",)),
)
HEALTH = Route("GET", "/health", "Whether work can be accepted; 503 while it cannot", owner=Owner.OPEN, response=HealthBody)
OPENAPI = Route("GET", "/openapi.json", "This description", owner=Owner.OPEN)
DOCS = Route("GET", "/docs", "This description for people", owner=Owner.OPEN, media_type="text/html")
LIST = Route(
    "GET", "/operations", "Operations, newest first", READ_ROLES,
    owner=Owner.CALLER, response=OperationBody, is_list=True, query=_FILTERS, refusals=(404,),
)  # fmt: skip
GET = Route("GET", "/operations/{id}", "One operation", READ_ROLES, owner=Owner.OPERATION, response=OperationBody)
CANCEL = Route(
    "POST", "/operations/{id}/cancel", "Cancel an operation before it starts", WRITE_ROLES,
    owner=Owner.OPERATION, response=OperationBody, status=202, refusals=(409,),
)  # fmt: skip
RETRY = Route(
    "POST", "/operations/{id}/retry", "Run an operation's next step now", WRITE_ROLES,
    owner=Owner.OPERATION, response=OperationBody, status=202, refusals=(409,),
)  # fmt: skip
RESOLVE = Route(
    "POST", "/operations/{id}/resolve", "Resolve an operation of unknown outcome", WRITE_ROLES,
    owner=Owner.OPERATION, person=True, request=ResolveRequest, response=OperationBody, status=202, refusals=(409,),
)  # fmt: skip
REJECTED = Route(
    "GET", "/rejected-messages", "Messages that could not be accepted, newest first", Role.ADMIN,
    owner=Owner.PROVIDER, response=RejectedMessageBody, is_list=True,
)  # fmt: skip
REPLAY = Route(
    "POST", "/rejected-messages/{id}/replay", "Queue a rejected message again", Role.ADMIN,
    owner=Owner.PROVIDER, response=RejectedMessageBody, status=202, refusals=(409,), is_operation=False,
)  # fmt: skip


@serve(HEALTH)
async def health(call: Call[None]) -> HttpAnswer:
    """Return up (200) or down (503)."""
    return await health_answer(call.app, call.authorization)


@serve(OPENAPI)
async def openapi(call: Call[None]) -> HttpAnswer:
    """Return the OpenAPI description."""
    from shared.web.openapi import build

    return call.ok(build(declared_routes(call.app.settings.capabilities), call.base_url + API))


@serve(DOCS)
async def docs(_call: Call[None]) -> HttpAnswer:
    """Return the page that shows the description."""
    from shared.web.docs import docs_page

    return docs_page()


@serve(LIST)
async def list_operations(call: Call[None]) -> HttpAnswer:
    """List the operations whose kind and tenant the caller may read."""
    page, query = call.page, await _query(call)
    read = call.app.lists.standing if "attention" in call.query else call.app.lists.page
    found = await read(query, page.top, page.after)
    return call.listed([as_json(operation, call.app.kinds, call.base_url) for operation in found.operations], found.last)


@serve(GET)
async def get_operation(call: Call[None]) -> HttpAnswer:
    """Return one operation; one of a kind that the caller may not read is answered as one that does not exist."""
    if not call.caller.has(Role(call.app.kinds.named(call.operation.kind).read)):
        raise not_found(f"operation '{call.operation.id}'")
    return call.ok(as_json(call.operation, call.app.kinds, call.base_url))


@serve(CANCEL)
async def cancel_operation(call: Call[None]) -> HttpAnswer:
    """Cancel an operation before it starts."""
    require_kind_role(call.app, call.caller, call.operation, writes=True)
    return _accepted(call, await call.app.commands.cancel(call.operation, call.caller.actor))


@serve(RETRY)
async def retry_operation(call: Call[None]) -> HttpAnswer:
    """Run an operation's next step now."""
    require_kind_role(call.app, call.caller, call.operation, writes=True)
    return _accepted(call, await call.app.commands.retry(call.operation, call.caller.actor))


@serve(RESOLVE)
async def resolve_operation(call: Call[ResolveRequest]) -> HttpAnswer:
    """Resolve an operation of unknown outcome; a failover is resolved under its own path."""
    require_kind_role(call.app, call.caller, call.operation, writes=True)
    resolver = call.app.resolvers.get(call.operation.kind)
    if resolver is None:
        raise not_in_doubt(call.operation, call.app.kinds.named(call.operation.kind).noun)
    return _accepted(call, await resolver(call.operation, call.body.resolution, call.caller.actor))


@serve(REJECTED)
async def list_rejected_messages(call: Call[None]) -> HttpAnswer:
    """List the rejected messages."""
    kept, last = await call.app.rejected.page(call.page.top, call.page.after)
    return call.listed([message.as_json() for message in kept], last)


@serve(REPLAY)
async def replay_rejected_message(call: Call[None]) -> HttpAnswer:
    """Queue a rejected message again."""
    kept = await call.app.rejected.replay(call.path["id"])
    return HttpAnswer(202, kept.as_json(), {"Location": absolute(call.base_url, f"/rejected-messages/{kept.id}")})


ENDPOINTS = (
    health,
    openapi,
    docs,
    list_operations,
    get_operation,
    cancel_operation,
    retry_operation,
    resolve_operation,
    list_rejected_messages,
    replay_rejected_message,
)


@timers.timer_trigger(arg_name="timer", schedule="*/30 * * * * *", run_on_startup=False, use_monitor=True)
async def tick(timer: func.TimerRequest) -> None:
    """Find what is due and queue it; a late or doubled tick does no harm."""
    app = await runtime()
    await app.tick.run()
    await _run_each(app.gauges)


@timers.timer_trigger(arg_name="timer", schedule="0 * * * * *", run_on_startup=False, use_monitor=True)
async def schedule(timer: func.TimerRequest) -> None:
    """Start what is due of the capabilities' schedules; a slot starts once, however often this fires."""
    app = await runtime()
    await _run_each(app.timers)


@timers.timer_trigger(arg_name="timer", schedule="15 * * * * *", run_on_startup=False, use_monitor=True)
async def poison(timer: func.TimerRequest) -> None:
    """Drain the poison queues: other systems' messages become rejected messages, internal ones are counted and dropped."""
    app = await runtime()
    await app.poisoned.drain()


def declared_routes(capabilities: tuple[str, ...]) -> tuple[Route, ...]:
    """Return the routes that an app with these capabilities serves."""
    served = (one for capability in load(capabilities) for one in capability.endpoints)
    return tuple(one.route for one in (*ENDPOINTS, *served))


async def _run_each(jobs: tuple[Job, ...]) -> None:
    """Run jobs one after another; one that fails does not keep the others from running."""
    for job in jobs:
        try:
            await job()
        except Exception:
            _log.exception("a scheduled job failed; the next run retries it")


async def _query(call: Call[None]) -> Query:
    """Return what the caller may see of what it asks for: of a kind that it may not read, nothing."""
    app, caller, kind, tenant = call.app, call.caller, call.query.get("kind"), call.query.get("tenant")
    if kind is not None and not app.kinds.serves(kind):
        raise wrong("kind", f"This must be one of {', '.join(sorted(app.kinds.by_name))}.")
    if tenant is not None and (not caller.reaches(tenant) or await app.registry.by_name(tenant) is None):
        raise not_found(f"tenant '{tenant}'", target="tenant")
    readable = tuple(name for name, found in app.kinds.by_name.items() if caller.has(Role(found.read)))
    kinds = tuple(name for name in readable if kind in {None, name}) or ("none",)
    return Query(tenant or (None if caller.is_admin else caller.tenant), kinds, call.query.get("status"))


def _accepted(call: Call[Any], operation: Operation) -> HttpAnswer:
    return call.accepted(operation, as_json(operation, call.app.kinds, call.base_url))
